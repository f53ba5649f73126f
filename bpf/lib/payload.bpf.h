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

struct compat_iovec {
	u32 base;
	u32 bytes;
};

/* @shape of copy_iovecs(): the number of buffers, and bit 7 for the ia32 layout. */
enum { IOVECS_COMPAT = 0x80 };

/* The buffer with this index of the array in the path area. */
static __always_inline struct user_iovec iovec_at(struct scratch *s, u32 index, bool compat)
{
	struct user_iovec v = {};

	index &= MAX_IOVECS - 1;
	if (compat) {
		v.base = ((struct compat_iovec *)s->path)[index].base;
		v.bytes = ((struct compat_iovec *)s->path)[index].bytes;
	} else {
		v = ((struct user_iovec *)s->path)[index];
	}
	return v;
}

/* Copies the first @n bytes of a buffer behind @at bytes of the record; the bytes copied. */
STEP u32 copy_iovec(u32 key, u32 at, u64 base, u64 n)
{
	struct scratch *s = scratch_of(key);
	u8 *to;

	if (!s)
		return 0;
	to = step_tail(s, at);
	AT_MOST(n, CHUNK_MAX - 1);
	if (!to || bpf_probe_read_user(to, n, (void *)base))
		return 0;
	return n;
}

/*
 * Copies the contents of up to MAX_IOVECS buffers behind @at bytes of the record, at most @limit
 * bytes. Returns the bytes copied, and in the upper half the size of all those buffers. What cannot
 * be read is skipped; an array that cannot be read whole has no buffers, as in Falco.
 *
 * The array is read at once, into the path area. MAX_IOVECS rounds of about 20 instructions, with a
 * read of user memory while bytes are missing.
 */
STEP u64 copy_iovecs(u32 key, u32 at, u64 array, u32 shape, u32 limit)
{
	struct scratch *s = scratch_of(key);
	u32 count = shape & (2 * MAX_IOVECS - 1);
	bool compat = shape & IOVECS_COMPAT;
	u64 bytes = count * (compat ? sizeof(struct compat_iovec) : sizeof(struct user_iovec));
	u32 total = 0;

	if (!s)
		return 0;
	AT_MOST(bytes, MAX_IOVECS * sizeof(struct user_iovec));
	if (bpf_probe_read_user(s->path, bytes, (void *)array))
		return 0;
	s->at = 0;
	for (u32 i = 0; i < MAX_IOVECS; i++) {
		u32 have = *(volatile u32 *)&s->at;
		struct user_iovec v;

		if (i >= count)
			break;
		v = iovec_at(s, i, compat);
		total += v.bytes;
		if (have >= limit)
			continue;
		if (v.bytes > limit - have)
			v.bytes = limit - have;
		*(volatile u32 *)&s->at = have + copy_iovec(key, at + have, v.base, v.bytes);
	}
	return (u64)total << 32 | *(volatile u32 *)&s->at;
}

/* The first buffer of an array; of no bytes if it cannot be read. */
static __always_inline struct user_iovec read_iovec(const struct call *c, u64 array)
{
	struct user_iovec v = {};

	if (c->compat) {
		struct compat_iovec narrow = {};

		READ_USER(&narrow, sizeof(narrow), array);
		v.base = narrow.base;
		v.bytes = narrow.bytes;
	} else if (READ_USER(&v, sizeof(v), array)) {
		v.bytes = 0;
	}
	return v;
}

/*
 * Puts the contents of the buffers as a parameter; the size of all buffers. A single buffer, which
 * is the most frequent case, needs none of the steps.
 */
static __always_inline u32 put_iovecs(const struct call *c, struct rec *r, u32 ordinal, u64 array,
				      u64 count, u32 limit)
{
	u32 shape = count < MAX_IOVECS ? count : MAX_IOVECS;
	u64 copied;

	if (count == 1) {
		struct user_iovec v = read_iovec(c, array);

		put_user_bytes(r, ordinal, v.base, v.bytes < limit ? v.bytes : limit, CHUNK_MAX);
		return v.bytes;
	}
	if (c->compat)
		shape |= IOVECS_COMPAT;
	copied = copy_iovecs(r->key, r->len, array, shape, limit);
	rec_take(r, ordinal, (u32)copied);
	return copied >> 32;
}

#define PUT_IOVECS(X, array, count, limit) \
	put_iovecs(c, &r, ORDINAL(X, DATA), array, count, limit)

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
