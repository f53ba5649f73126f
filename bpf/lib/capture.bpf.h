/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The words in which bpf/syscalls/ says what each call's event holds.
 *
 *	SYSCALL(access)
 *	{
 *		EVENT(ACCESS, access);                   starts the record `e`, all zero
 *		e->res = RET;                            fixed-size parameters
 *		e->mode = access_mode(ARG(1));
 *		PUT_STRING(ACCESS, NAME, ARG(0));        variable-size ones, in order of declaration
 *		return SUBMIT();
 *	}
 *
 * A parameter that is not put is empty. What is read from user memory may fail;
 * the value then stays as it was initialised, as in Falco's probe.
 */
#pragma once

#include "call.bpf.h"

#define SYSCALL(name) SYSCALL_EXIT(name)
#define RET (c->ret)
#define ARG(n) arg(c, n)
#define IS_COMPAT (c->compat)
#define CURRENT ((struct task_struct *)bpf_get_current_task())
#define READ_USER(to, bytes, pointer) bpf_probe_read_user(to, bytes, (const void *)(pointer))

/*
 * Layouts put wide parameters first behind a 24-byte header, so every access is
 * aligned; saying so lets the compiler use whole words in the packed struct.
 */
#define EVENT(NAME, name)                                                                   \
	struct rec r;                                                                       \
	struct ev_##name *e = RECORD(&r, NAME, name, c->class);                             \
											    \
	if (!e)                                                                             \
		return 0;                                                                   \
	e = __builtin_assume_aligned(e, 8);                                                 \
	__builtin_memset((u8 *)e + sizeof(e->h), 0, sizeof(*e) - sizeof(e->h))

#define SUBMIT() call_submit(c, &r)

#define ORDINAL(X, FIELD) EV_##X##_##FIELD

/* A path or other string of the caller, at most PATH_MAX bytes with its NUL. */
#define PUT_STRING(X, FIELD, pointer) put_user_str(&r, ORDINAL(X, FIELD), pointer)

/* Bytes of the caller, as many as one parameter can hold; more are cut and flagged. */
#define PUT_USER_BYTES(X, FIELD, pointer, bytes)                                            \
	do {                                                                                \
		u64 want = bytes;                                                           \
											    \
		if (want > CHUNK_MAX)                                                       \
			r.flags |= RECORD_TRUNCATED;                                        \
		put_user_bytes(&r, ORDINAL(X, FIELD), pointer, want, CHUNK_MAX);            \
	} while (0)

/* @bytes of an encoded value on the stack that is at most @max bytes. */
#define PUT_BYTES(X, FIELD, from, bytes, max)                                               \
	put_kernel_bytes(&r, ORDINAL(X, FIELD), from, bytes, max)

/* Appends @bytes of user memory to a parameter; how many were appended. */
static __always_inline u32 extend_user_bytes(struct rec *r, u32 ordinal, u64 pointer, u64 bytes)
{
	u64 n = bytes < CHUNK_MAX ? bytes : CHUNK_MAX;
	u8 *to;

	if (!pointer || !n || !rec_has_room(r, n))
		return 0;
	to = rec_tail(r);
	BOUND_SIZE(n);
	if (!to || n > CHUNK_MAX || bpf_probe_read_user(to, n, (void *)pointer))
		return 0;
	rec_extend(r, ordinal, n);
	return n;
}

/* Starts a dynamic value with the byte that selects its type. */
static __always_inline void put_tag(struct rec *r, u32 ordinal, u8 tag)
{
	put_stack(r, ordinal, &tag, 1);
}

/* A dynamic value: the tag, then bytes of the caller, none if they cannot be read. */
#define PUT_TAGGED_BYTES(X, FIELD, tag, pointer, bytes)                                     \
	do {                                                                                \
		put_tag(&r, ORDINAL(X, FIELD), tag);                                        \
		extend_user_bytes(&r, ORDINAL(X, FIELD), pointer, bytes);                   \
	} while (0)

static __always_inline void put_tagged_str(struct rec *r, u32 ordinal, u8 tag, u64 pointer)
{
	long n;
	u8 *to;

	put_tag(r, ordinal, tag);
	if (!pointer || !rec_has_room(r, PATH_BYTES))
		return;
	to = rec_tail(r);
	if (!to)
		return;
	n = bpf_probe_read_user_str(to, PATH_BYTES, (void *)pointer);
	if (n > 0)
		rec_extend(r, ordinal, n);
}

/* A dynamic value: the tag, then a string of the caller. */
#define PUT_TAGGED_STRING(X, FIELD, tag, pointer)                                           \
	put_tagged_str(&r, ORDINAL(X, FIELD), tag, pointer)
