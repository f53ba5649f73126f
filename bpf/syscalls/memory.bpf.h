/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Memory: brk, mmap, mmap2, munmap, mprotect, mlock, mlock2, munlock, mlockall,
 * munlockall. The sizes of the address space are those after the call, in KiB.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/flags.bpf.h"
#include "../lib/vm.bpf.h"

SYSCALL(brk)
{
	struct vm_kib vm = vm_of_current();

	EVENT(BRK, brk);
	e->res = RET;
	e->vm_size = vm.size;
	e->vm_rss = vm.rss;
	e->vm_swap = vm.swap;
	e->addr = ARG(0);
	return SUBMIT();
}

SYSCALL(mmap)
{
	struct vm_kib vm = vm_of_current();

	EVENT(MMAP, mmap);
	e->res = RET;
	e->vm_size = vm.size;
	e->vm_rss = vm.rss;
	e->vm_swap = vm.swap;
	e->addr = ARG(0);
	e->length = ARG(1);
	e->prot = prot_flags(ARG(2));
	e->flags = mmap_flags(ARG(3));
	e->fd = ARG(4);
	e->offset = ARG(5);
	return SUBMIT();
}

/* ia32 only: the offset is in pages. */
SYSCALL(mmap2)
{
	struct vm_kib vm = vm_of_current();

	EVENT(MMAP2, mmap2);
	e->res = RET;
	e->vm_size = vm.size;
	e->vm_rss = vm.rss;
	e->vm_swap = vm.swap;
	e->addr = ARG(0);
	e->length = ARG(1);
	e->prot = prot_flags(ARG(2));
	e->flags = mmap_flags(ARG(3));
	e->fd = ARG(4);
	e->pgoffset = ARG(5);
	return SUBMIT();
}

SYSCALL(munmap)
{
	struct vm_kib vm = vm_of_current();

	EVENT(MUNMAP, munmap);
	e->res = RET;
	e->vm_size = vm.size;
	e->vm_rss = vm.rss;
	e->vm_swap = vm.swap;
	e->addr = ARG(0);
	e->length = ARG(1);
	return SUBMIT();
}

SYSCALL(mprotect)
{
	EVENT(MPROTECT, mprotect);
	e->res = RET;
	e->addr = ARG(0);
	e->length = ARG(1);
	e->prot = prot_flags(ARG(2));
	return SUBMIT();
}

SYSCALL(mlock)
{
	EVENT(MLOCK, mlock);
	e->res = RET;
	e->addr = ARG(0);
	e->len = ARG(1);
	return SUBMIT();
}

SYSCALL(mlock2)
{
	EVENT(MLOCK2, mlock2);
	e->res = RET;
	e->addr = ARG(0);
	e->len = ARG(1);
	e->flags = mlock2_flags(ARG(2));
	return SUBMIT();
}

SYSCALL(munlock)
{
	EVENT(MUNLOCK, munlock);
	e->res = RET;
	e->addr = ARG(0);
	e->len = ARG(1);
	return SUBMIT();
}

SYSCALL(mlockall)
{
	EVENT(MLOCKALL, mlockall);
	e->res = RET;
	e->flags = mlockall_flags(ARG(0));
	return SUBMIT();
}

SYSCALL(munlockall)
{
	EVENT(MUNLOCKALL, munlockall);
	e->res = RET;
	return SUBMIT();
}
