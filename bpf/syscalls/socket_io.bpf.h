/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sending and receiving on sockets: send, sendto, sendmsg, sendmmsg, recv,
 * recvfrom, recvmsg, recvmmsg.
 *
 * send and recv are no system calls of their own on x86_64; they would come through
 * ia32 socketcall, which is not taken apart yet: nothing jumps to them.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/flags.bpf.h"
#include "../lib/payload.bpf.h"
#include "../lib/sock.bpf.h"

SYSCALL(send)
{
	EVENT(SEND, send);
	e->res = RET;
	e->fd = ARG(0);
	e->size = ARG(2);
	PUT_PAYLOAD(SEND, ARG(1), sent_bytes(RET, (u32)ARG(2)));
	if (RET >= 0)
		PUT_TUPLE(SEND, TUPLE, ARG(0), OUTBOUND, 0);
	return SUBMIT();
}

SYSCALL(sendto)
{
	EVENT(SENDTO, sendto);
	e->res = RET;
	e->fd = ARG(0);
	e->size = ARG(2);
	PUT_PAYLOAD(SENDTO, ARG(1), sent_bytes(RET, (u32)ARG(2)));
	if (RET >= 0)
		PUT_TUPLE(SENDTO, TUPLE, ARG(0), OUTBOUND, ARG(4));
	return SUBMIT();
}

SYSCALL(recv)
{
	EVENT(RECV, recv);
	e->res = RET;
	e->fd = ARG(0);
	e->size = ARG(2);
	PUT_PAYLOAD(RECV, ARG(1), received_bytes(RET));
	if (RET >= 0)
		PUT_TUPLE(RECV, TUPLE, ARG(0), INBOUND, 0);
	return SUBMIT();
}

SYSCALL(recvfrom)
{
	EVENT(RECVFROM, recvfrom);
	e->res = RET;
	e->fd = ARG(0);
	e->size = ARG(2);
	PUT_PAYLOAD(RECVFROM, ARG(1), received_bytes(RET));
	if (RET >= 0)
		PUT_TUPLE(RECVFROM, TUPLE, ARG(0), INBOUND, ARG(4));
	return SUBMIT();
}

SYSCALL(sendmsg)
{
	struct message m = {};
	long error = read_message(c, &m, ARG(1));

	EVENT(SENDMSG, sendmsg);
	e->res = RET;
	e->fd = ARG(0);
	if (!error) {
		e->size = PUT_IOVECS(SENDMSG, m.iovecs, m.iovec_count,
				     sent_bytes(RET, snaplen));
		if (RET >= 0)
			PUT_TUPLE(SENDMSG, TUPLE, ARG(0), OUTBOUND, m.name);
	}
	return SUBMIT();
}

/* The control data (descriptors that were passed, for one) is kept whole. */
SYSCALL(recvmsg)
{
	struct message m = {};

	EVENT(RECVMSG, recvmsg);
	e->res = RET;
	e->fd = ARG(0);
	if (RET >= 0) {
		e->size = RET;
		if (!read_message(c, &m, ARG(1)))
			PUT_IOVECS(RECVMSG, m.iovecs, m.iovec_count,
				   received_bytes(RET));
		PUT_TUPLE(RECVMSG, TUPLE, ARG(0), INBOUND, m.name);
		PUT_USER_BYTES(RECVMSG, MSGCONTROL, m.control, m.control_bytes);
	}
	return SUBMIT();
}

/*
 * sendmmsg, recvmmsg: one record per message, of the first MAX_MESSAGES; one also
 * if the call failed. The message encoders are global functions, which the
 * verifier checks once and not for each round; such functions take numbers only.
 */
/* @flags: the class, and bit 7 for an ia32 call. */
enum { MMSG_COMPAT = 0x80 };

static __always_inline struct call mmsg_call(s32 ret, u32 flags)
{
	struct call call = {
		.ret = ret,
		.class = flags & (CLASSES - 1),
		.compat = flags & MMSG_COMPAT,
	};

	return call;
}

static __always_inline u32 mmsg_flags(const struct call *c)
{
	return c->class | (c->compat ? MMSG_COMPAT : 0);
}

__noinline int sendmmsg_one(s32 fd, u64 header, s32 ret, u32 flags)
{
	struct call call = mmsg_call(ret, flags);
	const struct call *c = &call;
	struct message m = {};
	u32 sent = 0;

	EVENT(SENDMMSG, sendmmsg);
	e->fd = fd;
	if (ret <= 0) {
		e->res = ret;
	} else {
		read_message(c, &m, header);
		READ_USER(&sent, sizeof(sent), header + mmsghdr_result(c));
		e->res = sent;
		e->size = PUT_IOVECS(SENDMMSG, m.iovecs, m.iovec_count,
				     sent_bytes(sent, snaplen));
		PUT_TUPLE(SENDMMSG, TUPLE, fd, OUTBOUND, m.name);
	}
	return SUBMIT();
}

SYSCALL(sendmmsg)
{
	u32 size = mmsghdr_bytes(c), flags = mmsg_flags(c);
	u64 header = ARG(1);
	s32 fd = ARG(0), ret = RET;

	sendmmsg_one(fd, header, ret, flags);
	for (s32 i = 1; i < MAX_MESSAGES && i < ret; i++) {
		header += size;
		sendmmsg_one(fd, header, ret, flags);
	}
	return 0;
}

__noinline int recvmmsg_one(s32 fd, u64 header, s32 ret, u32 flags)
{
	struct call call = mmsg_call(ret, flags);
	const struct call *c = &call;
	struct message m = {};
	u32 received = 0;

	EVENT(RECVMMSG, recvmmsg);
	e->fd = fd;
	if (ret <= 0) {
		e->res = ret;
	} else {
		read_message(c, &m, header);
		READ_USER(&received, sizeof(received), header + mmsghdr_result(c));
		e->res = received;
		e->size = received;
		PUT_IOVECS(RECVMMSG, m.iovecs, m.iovec_count,
			   received_bytes(received));
		PUT_TUPLE(RECVMMSG, TUPLE, fd, INBOUND, m.name);
		PUT_USER_BYTES(RECVMMSG, MSGCONTROL, m.control, m.control_bytes);
	}
	return SUBMIT();
}

SYSCALL(recvmmsg)
{
	u32 size = mmsghdr_bytes(c), flags = mmsg_flags(c);
	u64 header = ARG(1);
	s32 fd = ARG(0), ret = RET;

	recvmmsg_one(fd, header, ret, flags);
	for (s32 i = 1; i < MAX_MESSAGES && i < ret; i++) {
		header += size;
		recvmmsg_one(fd, header, ret, flags);
	}
	return 0;
}
