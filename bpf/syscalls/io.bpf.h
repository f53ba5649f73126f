/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading and writing: read, write, pread, pwrite, readv, writev, preadv,
 * pwritev, sendfile, splice, copy_file_range, process_vm_readv,
 * process_vm_writev.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/flags.bpf.h"
#include "../lib/payload.bpf.h"

SYSCALL(read)
{
	EVENT(READ, read);
	e->res = RET;
	e->fd = ARG(0);
	e->size = ARG(2);
	PUT_PAYLOAD(READ, ARG(1), received_bytes(RET));
	return SUBMIT();
}

SYSCALL(write)
{
	EVENT(WRITE, write);
	e->res = RET;
	e->fd = ARG(0);
	e->size = ARG(2);
	PUT_PAYLOAD(WRITE, ARG(1), sent_bytes(RET, ARG(2)));
	return SUBMIT();
}

/* A file position; an ia32 caller passes it in two registers. */
#define POSITION(n) (IS_COMPAT ? ARG(n) | ARG((n) + 1) << 32 : ARG(n))

SYSCALL(pread)
{
	EVENT(PREAD, pread);
	e->res = RET;
	e->fd = ARG(0);
	e->size = ARG(2);
	e->pos = POSITION(3);
	PUT_PAYLOAD(PREAD, ARG(1), received_bytes(RET));
	return SUBMIT();
}

SYSCALL(pwrite)
{
	EVENT(PWRITE, pwrite);
	e->res = RET;
	e->fd = ARG(0);
	e->size = ARG(2);
	e->pos = POSITION(3);
	PUT_PAYLOAD(PWRITE, ARG(1), sent_bytes(RET, ARG(2)));
	return SUBMIT();
}

SYSCALL(readv)
{
	EVENT(READV, readv);
	e->res = RET;
	e->fd = ARG(0);
	if (RET > 0) {
		e->size = RET;
		PUT_IOVECS(READV, ARG(1), ARG(2), received_bytes(RET));
	}
	return SUBMIT();
}

SYSCALL(writev)
{
	EVENT(WRITEV, writev);
	e->res = RET;
	e->fd = ARG(0);
	e->size = PUT_IOVECS(WRITEV, ARG(1), ARG(2), sent_bytes(RET, snaplen));
	return SUBMIT();
}

SYSCALL(preadv)
{
	EVENT(PREADV, preadv);
	e->res = RET;
	e->fd = ARG(0);
	e->pos = POSITION(3);
	if (RET > 0) {
		e->size = RET;
		PUT_IOVECS(PREADV, ARG(1), ARG(2), received_bytes(RET));
	}
	return SUBMIT();
}

SYSCALL(pwritev)
{
	EVENT(PWRITEV, pwritev);
	e->res = RET;
	e->fd = ARG(0);
	e->pos = POSITION(3);
	e->size = PUT_IOVECS(PWRITEV, ARG(1), ARG(2), sent_bytes(RET, snaplen));
	return SUBMIT();
}

/* The caller's own side of the transfer. */
SYSCALL(process_vm_readv)
{
	EVENT(PROCESS_VM_READV, process_vm_readv);
	e->res = RET;
	e->pid = ARG(0);
	if (RET > 0)
		PUT_IOVECS(PROCESS_VM_READV, ARG(1), ARG(2), received_bytes(RET));
	return SUBMIT();
}

SYSCALL(process_vm_writev)
{
	EVENT(PROCESS_VM_WRITEV, process_vm_writev);
	e->res = RET;
	e->pid = ARG(0);
	if (RET > 0)
		PUT_IOVECS(PROCESS_VM_WRITEV, ARG(1), ARG(2), received_bytes(RET));
	return SUBMIT();
}

/* ia32 has a sendfile with a 32-bit offset beside sendfile64. */
enum { IA32_SENDFILE = 187 };

/* The offset is the one after the call: the kernel moves it. */
SYSCALL(sendfile)
{
	u64 offset = 0;

	READ_USER(&offset, IS_COMPAT && c->nr == IA32_SENDFILE ? 4 : 8, ARG(2));
	EVENT(SENDFILE, sendfile);
	e->res = RET;
	e->offset = offset;
	e->out_fd = ARG(0);
	e->in_fd = ARG(1);
	e->size = ARG(3);
	return SUBMIT();
}

SYSCALL(splice)
{
	EVENT(SPLICE, splice);
	e->res = RET;
	e->fd_in = ARG(0);
	e->fd_out = ARG(2);
	e->size = ARG(4);
	e->flags = splice_flags(ARG(5));
	return SUBMIT();
}

/* The offsets are pointers in Falco's events too. */
SYSCALL(copy_file_range)
{
	EVENT(COPY_FILE_RANGE, copy_file_range);
	e->res = RET;
	e->fdin = ARG(0);
	e->offin = ARG(1);
	e->fdout = ARG(2);
	e->offout = ARG(3);
	e->len = ARG(4);
	return SUBMIT();
}
