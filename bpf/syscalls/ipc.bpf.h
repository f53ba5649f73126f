/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Waiting and System V semaphores: futex, poll, ppoll, select, epoll_wait,
 * nanosleep, semget, semctl, semop.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/flags.bpf.h"

SYSCALL(futex)
{
	EVENT(FUTEX, futex);
	e->res = RET;
	e->addr = ARG(0);
	e->op = futex_op(ARG(1));
	e->val = ARG(2);
	return SUBMIT();
}

SYSCALL(select)
{
	EVENT(SELECT, select);
	e->res = RET;
	return SUBMIT();
}

SYSCALL(epoll_wait)
{
	EVENT(EPOLL_WAIT, epoll_wait);
	e->res = RET;
	e->maxevents = ARG(2);
	return SUBMIT();
}

/* Nanoseconds of a struct timespec; its fields are 32 bits for an ia32 caller. */
static __always_inline u64 read_timespec(const struct call *c, u64 pointer)
{
	if (IS_COMPAT) {
		u32 time[2] = {};

		READ_USER(time, sizeof(time), pointer);
		return time[0] * 1000000000ull + time[1];
	} else {
		u64 time[2] = {};

		READ_USER(time, sizeof(time), pointer);
		return time[0] * 1000000000ull + time[1];
	}
}

SYSCALL(nanosleep)
{
	u64 interval = read_timespec(c, ARG(0));

	EVENT(NANOSLEEP, nanosleep);
	e->res = RET;
	e->interval = interval;
	return SUBMIT();
}

/* Falco's limit, and the largest list we take. */
#define MAX_POLL_FDS 16

struct user_pollfd {
	s32 fd;
	u16 events;
	u16 revents;
};

/* A count, then descriptor and returned events of each entry. */
struct fd_list {
	u16 count;
	struct {
		s64 fd;
		u16 flags;
	} __attribute__((packed)) fds[MAX_POLL_FDS];
} __attribute__((packed));

/*
 * Writes the list behind @at bytes of the record, from the caller's array, which lies in the path
 * area meanwhile; its bytes. Falco too reads all entries at once and gives none if that fails.
 * Worst case 16 rounds of about 40 instructions.
 */
STEP u32 copy_fd_list(u32 key, u32 at, u64 pointer, u32 count)
{
	struct scratch *s = scratch_of(key);
	struct user_pollfd *fds;
	struct fd_list *list;
	u64 bytes;

	if (!s)
		return 0;
	fds = (struct user_pollfd *)s->path;
	list = (struct fd_list *)step_tail(s, at);
	if (!list)
		return 0;
	list->count = 0;
	if (count > MAX_POLL_FDS)
		count = MAX_POLL_FDS;
	bytes = count * sizeof(fds[0]);
	AT_MOST(bytes, MAX_POLL_FDS * sizeof(fds[0]));
	if (!bytes || READ_USER(fds, bytes, pointer))
		return sizeof(list->count);
	for (u32 i = 0; i < MAX_POLL_FDS; i++) {
		if (i >= count)
			break;
		list->fds[i].fd = fds[i].fd;
		list->fds[i].flags = poll_events(fds[i].revents);
	}
	list->count = count;
	return sizeof(list->count) + count * sizeof(list->fds[0]);
}

#define PUT_FD_LIST(X, pointer, count) \
	rec_take(&r, ORDINAL(X, FDS), copy_fd_list(r.key, r.len, pointer, count))

SYSCALL(poll)
{
	EVENT(POLL, poll);
	e->res = RET;
	/* Falco widens the milliseconds without their sign: -1 is 2^32 - 1. */
	e->timeout = (u32)ARG(2);
	PUT_FD_LIST(POLL, ARG(0), ARG(1));
	return SUBMIT();
}

SYSCALL(ppoll)
{
	u64 timeout = read_timespec(c, ARG(2));
	u32 sigmask = 0;

	READ_USER(&sigmask, sizeof(sigmask), ARG(3));
	EVENT(PPOLL, ppoll);
	e->res = RET;
	e->timeout = timeout;
	e->sigmask = sigmask;
	PUT_FD_LIST(PPOLL, ARG(0), ARG(1));
	return SUBMIT();
}

SYSCALL(semget)
{
	EVENT(SEMGET, semget);
	e->res = RET;
	e->key = ARG(0);
	e->nsems = ARG(1);
	e->semflg = semget_flags(ARG(2));
	return SUBMIT();
}

#define SEMCTL_SETVAL 16

SYSCALL(semctl)
{
	u16 cmd = ARG(2);

	EVENT(SEMCTL, semctl);
	e->res = RET;
	e->semid = ARG(0);
	e->semnum = ARG(1);
	e->cmd = semctl_command(cmd);
	if (cmd == SEMCTL_SETVAL)
		e->val = ARG(3);
	return SUBMIT();
}

struct user_sembuf {
	u16 num;
	s16 op;
	u16 flags;
};

/* The first two operations; none of a call that failed. */
SYSCALL(semop)
{
	struct user_sembuf ops[2] = {};
	u32 count = ARG(2);

	if (RET == 0 && count == 1)
		READ_USER(ops, sizeof(ops[0]), ARG(1));
	else if (RET == 0 && count > 1)
		READ_USER(ops, sizeof(ops), ARG(1));
	EVENT(SEMOP, semop);
	e->res = RET;
	e->nsops = count;
	e->semid = ARG(0);
	e->sem_num_0 = ops[0].num;
	e->sem_op_0 = ops[0].op;
	e->sem_flg_0 = semop_flags(ops[0].flags);
	e->sem_num_1 = ops[1].num;
	e->sem_op_1 = ops[1].op;
	e->sem_flg_1 = semop_flags(ops[1].flags);
	return SUBMIT();
}
