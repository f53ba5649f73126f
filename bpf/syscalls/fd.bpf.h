/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Descriptors: close, close_range, dup, dup2, dup3, fcntl, fchdir, fstat,
 * getdents, getdents64, ioctl, flock, lseek, llseek.
 * Everything is in the arguments.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/flags.bpf.h"

/* Events that consist of the result and the descriptor in the first argument. */
#define RES_AND_FD(NAME, name)        \
	SYSCALL(name)           \
	{                       \
		EVENT(NAME, name);    \
		e->res = RET;   \
		e->fd = ARG(0); \
		return SUBMIT();\
	}

RES_AND_FD(CLOSE, close)
RES_AND_FD(FCHDIR, fchdir)
RES_AND_FD(FSTAT, fstat)
RES_AND_FD(GETDENTS, getdents)
RES_AND_FD(GETDENTS64, getdents64)

SYSCALL(close_range)
{
	EVENT(CLOSE_RANGE, close_range);
	e->res = RET;
	e->first = ARG(0);
	e->last = ARG(1);
	e->flags = close_range_flags(ARG(2));
	return SUBMIT();
}

SYSCALL(dup)
{
	EVENT(DUP, dup);
	e->res = RET;
	e->oldfd = ARG(0);
	return SUBMIT();
}

SYSCALL(dup2)
{
	EVENT(DUP2, dup2);
	e->res = RET;
	e->oldfd = ARG(0);
	e->newfd = ARG(1);
	return SUBMIT();
}

SYSCALL(dup3)
{
	EVENT(DUP3, dup3);
	e->res = RET;
	e->oldfd = ARG(0);
	e->newfd = ARG(1);
	e->flags = dup3_flags(ARG(2));
	return SUBMIT();
}

SYSCALL(fcntl)
{
	EVENT(FCNTL, fcntl);
	e->res = RET;
	e->fd = ARG(0);
	e->cmd = fcntl_command(ARG(1));
	e->arg = ARG(2);
	return SUBMIT();
}

SYSCALL(ioctl)
{
	EVENT(IOCTL, ioctl);
	e->res = RET;
	e->fd = ARG(0);
	e->request = ARG(1);
	e->argument = ARG(2);
	return SUBMIT();
}

SYSCALL(flock)
{
	EVENT(FLOCK, flock);
	e->res = RET;
	e->fd = ARG(0);
	e->operation = flock_operation(ARG(1));
	return SUBMIT();
}

SYSCALL(lseek)
{
	EVENT(LSEEK, lseek);
	e->res = RET;
	e->fd = ARG(0);
	e->offset = ARG(1);
	e->whence = lseek_whence(ARG(2));
	return SUBMIT();
}

/* ia32 only: the offset comes in two halves. */
SYSCALL(llseek)
{
	EVENT(LLSEEK, llseek);
	e->res = RET;
	e->fd = ARG(0);
	e->offset = ARG(1) << 32 | (u32)ARG(2);
	e->whence = lseek_whence(ARG(4));
	return SUBMIT();
}
