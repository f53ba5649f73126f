/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sockets: socket, socketpair, bind, connect, listen, accept, accept4, shutdown,
 * getsockname, getpeername, setsockopt, getsockopt. Sending and receiving is in
 * socket_io.bpf.h.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/entry.bpf.h"
#include "../lib/flags.bpf.h"
#include "../lib/sock.bpf.h"

SYSCALL(socket)
{
	EVENT(SOCKET, socket);
	e->fd = RET;
	e->domain = socket_family(ARG(0));
	e->type = ARG(1);
	e->proto = ARG(2);
	e->flags = socket_type_flags(ARG(1));
	return SUBMIT();
}

SYSCALL(socketpair)
{
	s32 fds[2] = { -1, -1 };
	struct unix_sock *source = NULL;

	if (RET == 0) {
		READ_USER(fds, sizeof(fds), ARG(3));
		source = (struct unix_sock *)sock_of_fd(fds[0]);
	}
	EVENT(SOCKETPAIR, socketpair);
	e->res = RET;
	e->fd1 = fds[0];
	e->fd2 = fds[1];
	e->source = (u64)source;
	if (source)
		e->peer = (u64)BPF_CORE_READ(source, peer);
	e->domain = socket_family(ARG(0));
	e->type = ARG(1);
	e->proto = ARG(2);
	return SUBMIT();
}

SYSCALL(bind)
{
	EVENT(BIND, bind);
	e->res = RET;
	e->fd = ARG(0);
	put_sockaddr(&r, ORDINAL(BIND, ADDR), ARG(1), ARG(2));
	return SUBMIT();
}

/* The tuple is the kernel's; the address is that of the entry (entry.bpf.h). */
SYSCALL(connect)
{
	EVENT(CONNECT, connect);
	e->res = RET;
	e->fd = ARG(0);
	if (RET == 0 || RET == -EINPROGRESS)
		PUT_TUPLE(CONNECT, TUPLE, ARG(0), OUTBOUND, ARG(1));
	PUT_ENTRY_SOCKADDR(CONNECT, ADDR, ARG(1), ARG(2));
	return SUBMIT();
}

SYSCALL(listen)
{
	EVENT(LISTEN, listen);
	e->res = RET;
	e->fd = ARG(0);
	e->backlog = ARG(1);
	return SUBMIT();
}

SYSCALL(shutdown)
{
	EVENT(SHUTDOWN, shutdown);
	e->res = RET;
	e->fd = ARG(0);
	e->how = shutdown_how(ARG(1));
	return SUBMIT();
}

SYSCALL(getsockname)
{
	EVENT(GETSOCKNAME, getsockname);
	(void)e;
	return SUBMIT();
}

SYSCALL(getpeername)
{
	EVENT(GETPEERNAME, getpeername);
	(void)e;
	return SUBMIT();
}

/* How full the queue of the listening socket is. */
#define FILL_QUEUE(fd)                                                                 \
	do {                                                                           \
		struct sock *sk = sock_of_fd(fd);                                      \
										       \
		if (sk) {                                                              \
			e->queuelen = BPF_CORE_READ(sk, sk_ack_backlog);               \
			e->queuemax = BPF_CORE_READ(sk, sk_max_ack_backlog);           \
			if (e->queuemax)                                               \
				e->queuepct = e->queuelen * 100ull / e->queuemax;      \
		}                                                                      \
	} while (0)

SYSCALL(accept)
{
	EVENT(ACCEPT, accept);
	e->fd = RET;
	if (RET >= 0) {
		FILL_QUEUE(ARG(0));
		PUT_TUPLE(ACCEPT, TUPLE, RET, INBOUND, 0);
	}
	return SUBMIT();
}

SYSCALL(accept4)
{
	EVENT(ACCEPT4, accept4);
	e->fd = RET;
	e->flags = socket_type_flags(ARG(3));
	if (RET >= 0) {
		FILL_QUEUE(ARG(0));
		PUT_TUPLE(ACCEPT4, TUPLE, RET, INBOUND, 0);
	}
	return SUBMIT();
}

enum {
	/* Variants; see SOCKOPT_VARIANTS in crates/event. */
	SOCKOPT_BYTES = 0,
	SOCKOPT_ERRNO = 1,
	SOCKOPT_WORD = 2,
	SOCKOPT_LONG = 3,
	SOCKOPT_TIME = 4,

	OPTION_ERROR = 4,
	OPTION_RCVTIMEO = 20,
	OPTION_SNDTIMEO = 21,
	OPTION_COOKIE = 57,
	OPTION_RCVTIMEO_NEW = 66,
	OPTION_SNDTIMEO_NEW = 67,
};

/* Options of SOL_SOCKET whose value Falco shows as a 32-bit number: bit = option. */
#define SOCKOPT_WORDS                                                                   \
	(0xeull | 0x1fe0ull | 0x1c000ull | 0xc0000ull | 0x3c00000ull | 1ull << 27 |     \
	 ((1ull << 50) - (1ull << 29)))

struct sockopt_value {
	u8 variant;
	union {
		u32 word;
		u64 wide;
	} __attribute__((packed));
} __attribute__((packed));

/* Nanoseconds of a struct timeval, of 32-bit fields for the old options of ia32. */
static __always_inline u64 read_timeval(const struct call *c, u32 option, u64 pointer)
{
	u64 time[2] = {};

	if (IS_COMPAT && option <= OPTION_SNDTIMEO) {
		u32 old[2] = {};

		READ_USER(old, sizeof(old), pointer);
		time[0] = old[0];
		time[1] = old[1];
	} else {
		READ_USER(time, sizeof(time), pointer);
	}
	return time[0] * 1000000000ull + time[1] * 1000;
}

/* Bytes of @value; 0 if the option is shown as raw bytes. */
static __always_inline u32 read_sockopt(const struct call *c, struct sockopt_value *value,
					  u32 level, u32 option, u64 pointer)
{
	u64 wide = 0;
	s32 word = 0;

	if (level != 1)
		return 0;
	if (option < 64 && SOCKOPT_WORDS >> option & 1) {
		READ_USER(&word, sizeof(word), pointer);
		value->variant = SOCKOPT_WORD;
		value->word = word;
		return 5;
	}
	switch (option) {
	case OPTION_ERROR:
		READ_USER(&word, sizeof(word), pointer);
		value->variant = SOCKOPT_ERRNO;
		value->wide = -(s64)word;
		return 9;
	case OPTION_COOKIE:
		READ_USER(&wide, sizeof(wide), pointer);
		value->variant = SOCKOPT_LONG;
		value->wide = wide;
		return 9;
	case OPTION_RCVTIMEO:
	case OPTION_SNDTIMEO:
	case OPTION_RCVTIMEO_NEW:
	case OPTION_SNDTIMEO_NEW:
		value->variant = SOCKOPT_TIME;
		value->wide = read_timeval(c, option, pointer);
		return 9;
	}
	return 0;
}

#define PUT_SOCKOPT(X, level, option, pointer, optlen)                                 \
	do {                                                                           \
		struct sockopt_value value = {};                                       \
		u32 bytes = read_sockopt(c, &value, level, option, pointer);      \
										       \
		if (bytes)                                                             \
			PUT_BYTES(X, VAL, &value, bytes, sizeof(value));               \
		else                                                                   \
			PUT_TAGGED_BYTES(X, VAL, SOCKOPT_BYTES, pointer, optlen);      \
	} while (0)

SYSCALL(setsockopt)
{
	u16 optlen = ARG(4);

	EVENT(SETSOCKOPT, setsockopt);
	e->res = RET;
	e->fd = ARG(0);
	e->level = sockopt_level(ARG(1));
	e->optname = sockopt_name(ARG(1), ARG(2));
	e->optlen = optlen;
	PUT_SOCKOPT(SETSOCKOPT, ARG(1), ARG(2), ARG(3), optlen);
	return SUBMIT();
}

/* After a failure value and length are what the caller provided. */
SYSCALL(getsockopt)
{
	u32 optlen = 0;

	READ_USER(&optlen, sizeof(optlen), ARG(4));
	EVENT(GETSOCKOPT, getsockopt);
	e->res = RET;
	e->fd = ARG(0);
	e->level = sockopt_level(ARG(1));
	e->optname = sockopt_name(ARG(1), ARG(2));
	e->optlen = optlen;
	PUT_SOCKOPT(GETSOCKOPT, ARG(1), ARG(2), ARG(3), (u16)optlen);
	return SUBMIT();
}
