/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * I/O payload: the first bytes of what a call read or wrote, up to the snaplen,
 * from one buffer, an array of iovecs, or a message header.
 */
#pragma once

#include "capture.bpf.h"

enum {
	/* Falco's limits. */
	MAX_IOVECS = 32,
	MAX_MESSAGES = 16,
};

/* Bytes to keep of what was received: nothing if the call failed. */
static __always_inline u32 received_bytes(s64 ret)
{
	if (ret <= 0)
		return 0;
	return ret < snaplen ? ret : snaplen;
}

/* Bytes to keep of what was to be sent: all of @size if the call failed. */
static __always_inline u32 sent_bytes(s64 ret, u64 size)
{
	u64 n = ret > 0 ? ret : size;

	return n < snaplen ? n : snaplen;
}

#define PUT_PAYLOAD(X, pointer, bytes) \
	put_user_bytes(&r, ORDINAL(X, DATA), pointer, bytes, CHUNK_MAX)

struct user_iovec {
	u64 base;
	u64 bytes;
};

static __always_inline long read_iovec(const struct call *c, struct user_iovec *v, u64 array,
				       u32 index)
{
	if (c->compat) {
		u32 words[2] = {};
		long error = READ_USER(words, sizeof(words), array + index * sizeof(words));

		v->base = words[0];
		v->bytes = words[1];
		return error;
	}
	return READ_USER(v, sizeof(*v), array + index * sizeof(*v));
}

/*
 * Puts up to @limit bytes of the first MAX_IOVECS buffers into a parameter that
 * is the record's first. Adds the size of those buffers to *@total, which lies in
 * the record, unless it is NULL. What cannot be read is skipped.
 *
 * The only state that a round changes, @total and the parameter's length, lies in
 * the record, of which the verifier knows nothing: so all ways through a round
 * lead to one state. Worst case 32 rounds of about 60 instructions and two reads
 * of user memory.
 */
static __always_inline void put_iovecs(const struct call *c, struct rec *r, u32 ordinal, void *total,
				       u64 array, u64 count, u32 limit)
{
	u16 *length = (u16 *)(r->scratch->data + r->lengths + 2 * ordinal);
	u8 *to = r->scratch->data + r->len;

	for (u32 i = 0; i < MAX_IOVECS; i++) {
		struct user_iovec v = {};
		u32 have = *length;
		u64 n = 0;

		if (i >= count || read_iovec(c, &v, array, i))
			break;
		if (total)
			*(u32 *)total += v.bytes;
		else if (have >= limit)
			break;
		if (have < limit)
			n = v.bytes < limit - have ? v.bytes : limit - have;
		BOUND_SIZE(n);
		if (n > CHUNK_MAX)
			n = CHUNK_MAX;
		if (n && bpf_probe_read_user(to + have, n, (void *)v.base) == 0)
			*length = have + n;
	}
	r->len += *length;
}

#define PUT_IOVECS(X, total, array, count, limit) \
	put_iovecs(c, &r, ORDINAL(X, DATA), total, array, count, limit)

/* What we need of a struct msghdr, widened. */
struct message {
	u64 name;
	u64 iovecs;
	u64 iovec_count;
	u64 control;
	u64 control_bytes;
};

/* Reads a struct msghdr; non-zero if it cannot be read. */
static __always_inline long read_message(const struct call *c, struct message *m, u64 pointer)
{
	long error;

	if (c->compat) {
		u32 w[6] = {};

		error = READ_USER(w, sizeof(w), pointer);
		m->name = w[0];
		m->iovecs = w[2];
		m->iovec_count = w[3];
		m->control = w[4];
		m->control_bytes = w[5];
	} else {
		u64 w[6] = {};

		error = READ_USER(w, sizeof(w), pointer);
		m->name = w[0];
		m->iovecs = w[2];
		m->iovec_count = w[3];
		m->control = w[4];
		m->control_bytes = w[5];
	}
	return error;
}

/* Bytes of a struct mmsghdr, and where in it the kernel puts the message's result. */
static __always_inline u32 mmsghdr_bytes(const struct call *c)
{
	return c->compat ? 32 : 64;
}

static __always_inline u32 mmsghdr_result(const struct call *c)
{
	return c->compat ? 28 : 56;
}
