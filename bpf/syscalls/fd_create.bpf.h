/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Descriptors that are no files of a file system: pipe, pipe2, eventfd,
 * eventfd2, signalfd, signalfd4, timerfd_create, inotify_init, inotify_init1,
 * epoll_create, epoll_create1, userfaultfd, pidfd_open, pidfd_getfd, and
 * io_uring_setup, io_uring_enter, io_uring_register.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/file.bpf.h"
#include "../lib/flags.bpf.h"

/* The pair is read where the kernel put it, also after a failure, as Falco does. */
struct pipe_ends {
	s32 fd[2];
	u64 ino;
};

static __always_inline struct pipe_ends pipe_ends(u64 pointer, s64 ret)
{
	struct pipe_ends ends = { .fd = { -1, -1 } };
	struct file *file;

	if (READ_USER(ends.fd, sizeof(ends.fd), pointer)) {
		ends.fd[0] = -1;
		ends.fd[1] = -1;
	}
	if (ret == 0) {
		file = file_of_fd(ends.fd[0]);
		if (file)
			ends.ino = file_ino(file);
	}
	return ends;
}

SYSCALL(pipe)
{
	struct pipe_ends ends = pipe_ends(ARG(0), RET);

	EVENT(PIPE, pipe);
	e->res = RET;
	e->fd1 = ends.fd[0];
	e->fd2 = ends.fd[1];
	e->ino = ends.ino;
	return SUBMIT();
}

SYSCALL(pipe2)
{
	struct pipe_ends ends = pipe_ends(ARG(0), RET);

	EVENT(PIPE2, pipe2);
	e->res = RET;
	e->fd1 = ends.fd[0];
	e->fd2 = ends.fd[1];
	e->ino = ends.ino;
	e->flags = pipe2_flags(ARG(1));
	return SUBMIT();
}

/* Falco gives the older calls the parameters of the newer ones, always zero. */
SYSCALL(eventfd)
{
	EVENT(EVENTFD, eventfd);
	e->res = RET;
	e->initval = ARG(0);
	return SUBMIT();
}

SYSCALL(eventfd2)
{
	EVENT(EVENTFD2, eventfd2);
	e->res = RET;
	e->initval = (u32)ARG(0);
	e->flags = cloexec_nonblock(ARG(1));
	return SUBMIT();
}

SYSCALL(signalfd)
{
	EVENT(SIGNALFD, signalfd);
	e->res = RET;
	e->fd = ARG(0);
	return SUBMIT();
}

SYSCALL(signalfd4)
{
	EVENT(SIGNALFD4, signalfd4);
	e->res = RET;
	e->fd = ARG(0);
	e->flags = cloexec_nonblock(ARG(3));
	return SUBMIT();
}

/* Falco keeps a byte of the flags, which leaves O_NONBLOCK. */
SYSCALL(timerfd_create)
{
	EVENT(TIMERFD_CREATE, timerfd_create);
	e->res = RET;
	e->clockid = ARG(0);
	e->flags = cloexec_nonblock(ARG(1));
	return SUBMIT();
}

SYSCALL(inotify_init)
{
	EVENT(INOTIFY_INIT, inotify_init);
	e->res = RET;
	return SUBMIT();
}

SYSCALL(inotify_init1)
{
	EVENT(INOTIFY_INIT1, inotify_init1);
	e->res = RET;
	e->flags = cloexec_nonblock(ARG(0));
	return SUBMIT();
}

SYSCALL(epoll_create)
{
	EVENT(EPOLL_CREATE, epoll_create);
	e->res = RET;
	e->size = ARG(0);
	return SUBMIT();
}

SYSCALL(epoll_create1)
{
	EVENT(EPOLL_CREATE1, epoll_create1);
	e->res = RET;
	e->flags = epoll_create1_flags(ARG(0));
	return SUBMIT();
}

SYSCALL(userfaultfd)
{
	EVENT(USERFAULTFD, userfaultfd);
	e->res = RET;
	e->flags = ARG(0);
	return SUBMIT();
}

SYSCALL(pidfd_open)
{
	EVENT(PIDFD_OPEN, pidfd_open);
	e->fd = RET;
	e->pid = ARG(0);
	e->flags = pidfd_open_flags(ARG(1));
	return SUBMIT();
}

SYSCALL(pidfd_getfd)
{
	EVENT(PIDFD_GETFD, pidfd_getfd);
	e->fd = RET;
	e->pid_fd = ARG(0);
	e->target_fd = ARG(1);
	e->flags = ARG(2);
	return SUBMIT();
}

/* The head of struct io_uring_params, which is user ABI. */
struct user_io_uring_params {
	u32 sq_entries;
	u32 cq_entries;
	u32 flags;
	u32 sq_thread_cpu;
	u32 sq_thread_idle;
	u32 features;
};

SYSCALL(io_uring_setup)
{
	struct user_io_uring_params params = {};

	READ_USER(&params, sizeof(params), ARG(1));
	EVENT(IO_URING_SETUP, io_uring_setup);
	e->res = RET;
	e->entries = ARG(0);
	e->sq_entries = params.sq_entries;
	e->cq_entries = params.cq_entries;
	e->flags = io_uring_setup_flags(params.flags);
	e->sq_thread_cpu = params.sq_thread_cpu;
	e->sq_thread_idle = params.sq_thread_idle;
	e->features = io_uring_features(params.features);
	return SUBMIT();
}

/* "sig" is the low half of a pointer in Falco's events; kept for equal output. */
SYSCALL(io_uring_enter)
{
	EVENT(IO_URING_ENTER, io_uring_enter);
	e->res = RET;
	e->fd = ARG(0);
	e->to_submit = ARG(1);
	e->min_complete = ARG(2);
	e->flags = io_uring_enter_flags(ARG(3));
	e->sig = ARG(4);
	return SUBMIT();
}

SYSCALL(io_uring_register)
{
	EVENT(IO_URING_REGISTER, io_uring_register);
	e->res = RET;
	e->fd = ARG(0);
	e->opcode = ARG(1);
	e->arg = ARG(2);
	e->nr_args = ARG(3);
	return SUBMIT();
}
