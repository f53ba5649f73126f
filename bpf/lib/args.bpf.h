/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arguments and environment: from the memory of the running program, or from the arrays that a
 * failed exec was given.
 */
#pragma once

#include "record.bpf.h"
#include "task.bpf.h"

enum {
	PAGE_OFFSET_MASK = 4095,
	/* Strings of a failed exec. Each costs two reads of user memory. */
	FAILED_EXEC_STRINGS = 64,
	FAILED_EXEC_STRIDE = 8,
};

/*
 * The NUL-separated strings in [from, to) of user memory, at most @max bytes, the last byte made a
 * NUL. If part of it is not resident, what lies in the first page.
 */
static __always_inline void put_user_strings(struct rec *r, u32 ordinal, u64 from, u64 to, u32 max)
{
	u64 bytes = to - from;
	u64 n;
	u8 *tail;

	if (!from || to <= from)
		return;
	if (bytes > max) {
		bytes = max;
		r->flags |= RECORD_TRUNCATED;
	}
	n = bytes;
	if (!rec_has_room(r, n))
		return;
	tail = rec_tail(r);
	BOUND_SIZE(n);
	if (!tail || !n || n > CHUNK_MAX)
		return;
	if (bpf_probe_read_user(tail, n, (void *)from)) {
		u32 in_page = PAGE_OFFSET_MASK + 1 - (from & PAGE_OFFSET_MASK);

		if (in_page >= n)
			return;
		n = in_page;
		BOUND_SIZE(n);
		if (!n || n > CHUNK_MAX || bpf_probe_read_user(tail, n, (void *)from))
			return;
		r->flags |= RECORD_TRUNCATED;
	}
	tail[n - 1] = 0;
	rec_grow(r, ordinal, n);
}

/* argv of the program in @mm, which must be the current one's memory: exe, then the rest. */
static __always_inline void put_exe_and_args(struct rec *r, u32 exe, u32 args,
					     struct mm_struct *mm)
{
	u64 start = BPF_CORE_READ(mm, arg_start);
	u64 end = BPF_CORE_READ(mm, arg_end);
	u32 before = r->len;

	put_user_str(r, exe, start);
	put_user_strings(r, args, start + (r->len - before), end, args_max);
}

/*
 * Copies the next FAILED_EXEC_STRIDE strings of an array of user pointers behind what @at and the
 * position in the scratch say, while fewer than @max bytes are copied; 1 if there may be more.
 */
STEP u32 copy_user_strings(u32 key, u32 at, u64 array, u32 width, u32 max)
{
	struct scratch *s = scratch_of(key);

	if (!s)
		return 0;
	for (u32 i = 0; i < FAILED_EXEC_STRIDE; i++) {
		u32 bytes = *(volatile u32 *)&s->at;
		u64 string = 0;
		u8 *to;
		long n;

		bpf_probe_read_user(&string, width == 4 ? 4 : 8, (void *)(array + i * width));
		if (!string || bytes >= max)
			return 0;
		to = step_tail(s, at + bytes);
		if (!to)
			return 0;
		n = bpf_probe_read_user_str(to, PATH_BYTES, (void *)string);
		if (n <= 0)
			return 0;
		*(volatile u32 *)&s->at = bytes + n;
	}
	return 1;
}

/*
 * Copies the strings of a NULL-terminated array of user pointers behind @at bytes of the record,
 * at most @max bytes. Returns the bytes written.
 */
STEP u32 copy_user_array(u32 key, u32 at, u64 array, u32 width, u32 max)
{
	struct scratch *s = scratch_of(key);

	if (!s || !array)
		return 0;
	s->at = 0;
	for (u32 i = 0; i < FAILED_EXEC_STRINGS / FAILED_EXEC_STRIDE; i++) {
		if (!copy_user_strings(key, at, array, width, max))
			break;
		array += FAILED_EXEC_STRIDE * width;
	}
	return *(volatile u32 *)&s->at;
}

static __always_inline void put_user_array(struct rec *r, u32 ordinal, u64 array, u32 width)
{
	rec_take(r, ordinal, copy_user_array(r->key, r->len, array, width, args_max));
}
