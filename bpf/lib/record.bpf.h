/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Building a record and handing it to its ring.
 *
 *	struct rec r;
 *	struct ev_openat *ev = RECORD(&r, OPENAT, openat, class);
 *	if (!ev)
 *		return 0;
 *	ev->fd = ...;                               fixed-size parameters
 *	put_user_str(&r, EV_OPENAT_NAME, ptr);      variable-size ones, in declaration order
 *	submit(&r, class);
 *
 * A record grows in a scratch slot of this CPU and is copied into the ring at once when it is
 * complete: no reservation ever stays open over a read of user memory.
 *
 * A slot is claimed by an atomic addition and a look at the sum: whoever sees another number than
 * one takes its addition back and tries the next slot. Interrupts nest and would need no atomics,
 * but fexit programs may be preempted by a task of the same CPU. An addition that returns its
 * result would be simpler; it needs 5.12.
 */
#pragma once

#include "maps.bpf.h"
#include "events.gen.h"
#include "route.bpf.h"

/* Most bytes one variable-size parameter may take. */
enum { CHUNK_MAX = 32 << 10, U16_MAX = 0xffff };

/*
 * States the bound of a size (a u64) again, in the very register that is passed on: older verifiers
 * do not carry a bound from one copy of a number to another. At most CHUNK_MAX - 1 is left.
 */
#define BOUND_SIZE(n)                                                                           \
	do {                                                                                    \
		if (n > CHUNK_MAX - 1)                                                          \
			n = CHUNK_MAX - 1;                                                      \
		asm volatile("" : "+r"(n));                                                     \
		n &= CHUNK_MAX - 1;                                                             \
	} while (0)

/*
 * The same for any literal bound, which is left as it is: the comparison happens in the register
 * itself, where no compiler can turn it into one of another number.
 */
#define AT_MOST(n, max)                                                                         \
	asm volatile("if %0 <= %1 goto +1\n\t%0 = %1" : "+r"(n) : "i"((u64)(max)))

struct rec {
	struct scratch *scratch;
	u32 key; /* of the scratch slot, for functions that are verified on their own */
	u32 len;
	u32 lengths; /* offset of the first length */
	u64 absent;
	u16 code;
	u8 flags;
};

static __always_inline void count_drop(u32 ring, u32 class, u32 cause)
{
	u32 key = (ring * CLASSES + class) * DROP_CAUSES + cause;
	u64 *count = bpf_map_lookup_elem(&drops, &key);

	/* Atomically: an interrupt on this CPU may count as well. */
	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline struct scratch *claim_scratch(u32 *claimed)
{
	u32 base = bpf_get_smp_processor_id() * SCRATCH_SLOTS;

#pragma unroll
	for (u32 i = 0; i < SCRATCH_SLOTS; i++) {
		u32 key = base + i;
		struct scratch *s = bpf_map_lookup_elem(&scratches, &key);

		if (!s)
			return NULL;
		__sync_fetch_and_add(&s->claims, 1);
		if (*(volatile u64 *)&s->claims == 1) {
			*claimed = key;
			return s;
		}
		__sync_fetch_and_add(&s->claims, -1);
	}
	return NULL;
}

static __always_inline void release_scratch(struct scratch *s)
{
	__sync_fetch_and_add(&s->claims, -1);
}

/* Notes that the state of a thread group is not whole: its next record says so. */
static __always_inline void remember_loss(u32 tgid, u32 class)
{
	u32 one = 1;

	if (class > CLASS_STATE)
		return;
	if (bpf_map_update_elem(&state_lost, &tgid, &one, BPF_NOEXIST) == 0)
		__sync_fetch_and_add(&lost_groups, 1);
}

/* Takes the note away, if there is one. */
static __always_inline bool forget_loss(u32 tgid)
{
	if (!lost_groups || bpf_map_delete_elem(&state_lost, &tgid))
		return false;
	__sync_fetch_and_add(&lost_groups, -1);
	return true;
}

/* Of whose thread group a record is, for rec_begin(): asked for only when that is needed. */
enum { CURRENT_GROUP = 0 };

/*
 * Starts a record of thread group @tgid; the lengths of all variable-size parameters are zero. The
 * class is that of submit_as(), both for the case that there is no scratch slot.
 */
static __always_inline void *rec_begin(struct rec *r, u16 code, u32 fixed, u32 lengths, u32 tgid,
				       u32 class)
{
	struct scratch *s = claim_scratch(&r->key);

	if (!s) {
		asm volatile("" : "+r"(class));
		class &= CLASSES - 1;
		if (tgid == CURRENT_GROUP)
			tgid = bpf_get_current_pid_tgid() >> 32;
		count_drop(route(tgid), class, DROP_SCRATCH);
		remember_loss(tgid, class);
		return NULL;
	}
	r->scratch = s;
	r->len = fixed;
	r->lengths = lengths;
	r->absent = 0;
	r->code = code;
	r->flags = 0;
	__builtin_memset(s->data + lengths, 0, fixed - lengths);
	/* Wide parameters come first behind 24 bytes, so whole words may be stored. */
	return __builtin_assume_aligned(s->data, 8);
}

/* One of the current thread group. */
#define RECORD(r, NAME, name, class)                                                            \
	((struct ev_##name *)rec_begin(r, EV_##NAME##_CODE, sizeof(struct ev_##name),           \
				       EV_##NAME##_LENGTHS, CURRENT_GROUP, class))

/* Gives a record up. */
static __always_inline void rec_abandon(struct rec *r)
{
	release_scratch(r->scratch);
}

/* Marks a fixed-size parameter as having no value; `param` is its index in the event table. */
static __always_inline void rec_absent(struct rec *r, u32 param)
{
	r->absent |= 1ULL << param;
}

static __always_inline bool rec_has_room(struct rec *r, u32 bytes)
{
	if (r->len <= SCRATCH_BYTES - CHUNK_MAX - 8)
		return true;
	r->flags |= RECORD_TRUNCATED;
	return false;
}

static __always_inline void rec_set_length(struct rec *r, u32 ordinal, u32 bytes)
{
	*(u16 *)(r->scratch->data + r->lengths + 2 * ordinal) = bytes;
}

/* Where the next variable-size parameter goes; call only after rec_has_room(). */
static __always_inline u8 *rec_tail(struct rec *r)
{
	u32 at = r->len;

	/* The verifier of older kernels loses the bound across spills: state it here again. */
	asm volatile("" : "+r"(at));
	if (at > SCRATCH_BYTES - CHUNK_MAX - 8)
		return NULL;
	return r->scratch->data + at;
}

static __always_inline void rec_grow(struct rec *r, u32 ordinal, long bytes)
{
	if (bytes <= 0)
		return;
	rec_set_length(r, ordinal, bytes);
	r->len += bytes;
}

/* A NUL-terminated string in user memory, at most `max` bytes with its NUL; none if unreadable. */
static __always_inline void put_user_str_max(struct rec *r, u32 ordinal, u64 ptr, u32 max)
{
	u8 *to;

	if (!ptr || !rec_has_room(r, max))
		return;
	to = rec_tail(r);
	if (to)
		rec_grow(r, ordinal, bpf_probe_read_user_str(to, max, (void *)ptr));
}

static __always_inline void put_user_str(struct rec *r, u32 ordinal, u64 ptr)
{
	put_user_str_max(r, ordinal, ptr, PATH_BYTES);
}

static __always_inline void put_kernel_str(struct rec *r, u32 ordinal, const void *ptr, u32 max)
{
	u8 *to;

	if (!ptr || !rec_has_room(r, max))
		return;
	to = rec_tail(r);
	if (to)
		rec_grow(r, ordinal, bpf_probe_read_kernel_str(to, max, ptr));
}

/* Appends bytes to the parameter that was put last (for values gathered piece by piece). */
static __always_inline void rec_extend(struct rec *r, u32 ordinal, u32 bytes)
{
	u16 *length = (u16 *)(r->scratch->data + r->lengths + 2 * ordinal);

	*length += bytes;
	r->len += bytes;
}

/* `bytes` bytes of user memory, at most `max` (a constant up to CHUNK_MAX); none if unreadable. */
static __always_inline void put_user_bytes(struct rec *r, u32 ordinal, u64 ptr, u64 bytes, u32 max)
{
	u64 n = bytes < max ? bytes : max;
	u8 *to;

	if (!ptr || !n || !rec_has_room(r, n))
		return;
	to = rec_tail(r);
	BOUND_SIZE(n);
	if (!to || n > CHUNK_MAX)
		return;
	if (bpf_probe_read_user(to, n, (void *)ptr) == 0)
		rec_grow(r, ordinal, n);
}

/* The same from kernel memory. */
static __always_inline void put_kernel_bytes(struct rec *r, u32 ordinal, const void *ptr,
					     u64 bytes, u32 max)
{
	u64 n = bytes < max ? bytes : max;
	u8 *to;

	if (!ptr || !n || !rec_has_room(r, n))
		return;
	to = rec_tail(r);
	BOUND_SIZE(n);
	if (!to || n > CHUNK_MAX)
		return;
	if (bpf_probe_read_kernel(to, n, ptr) == 0)
		rec_grow(r, ordinal, n);
}

/*
 * Joins the ways that lead here: each parameter that may be missing leaves two possible lengths and
 * flags, and the verifier would walk the rest of the program for each. Read back from memory they
 * are any number to it. Worth its four instructions where several parameters follow.
 */
static __always_inline void rec_join(struct rec *r)
{
	volatile u32 *memory = &r->scratch->len;

	*memory = r->len << 8 | r->flags;
	r->len = *memory >> 8;
	r->flags = *memory;
}

/* A number, the same for the verifier whichever way it came about. */
static __always_inline u32 rec_any(struct rec *r, u32 value)
{
	volatile u32 *memory = &r->scratch->len;

	*memory = value;
	return *memory;
}

/*
 * A step that is verified on its own: a global function, which the verifier checks once for any
 * arguments instead of once per path that leads to it. Its arguments are numbers (5.10 knows no
 * others): the scratch slot by its key, kernel pointers as addresses.
 */
#define STEP __attribute__((noinline))

static __always_inline struct scratch *scratch_of(u32 key)
{
	return bpf_map_lookup_elem(&scratches, &key);
}

/* Where a step writes when the record is @at bytes long; NULL if there is no room. */
static __always_inline u8 *step_tail(struct scratch *s, u32 at)
{
	asm volatile("" : "+r"(at));
	if (at > SCRATCH_BYTES - CHUNK_MAX - 8)
		return NULL;
	return s->data + at;
}

/* Takes over what a step has written as a whole parameter. */
static __always_inline void rec_take(struct rec *r, u32 ordinal, u32 bytes)
{
	if (bytes && bytes <= U16_MAX) {
		rec_set_length(r, ordinal, bytes);
		r->len += bytes;
	}
}

/* Bytes that lie on the stack; `bytes` is a constant. */
#define put_stack(r, ordinal, from, bytes)                                                      \
	do {                                                                                    \
		u8 *to_ = rec_has_room(r, bytes) ? rec_tail(r) : NULL;                          \
		if (to_) {                                                                      \
			__builtin_memcpy(to_, from, bytes);                                     \
			rec_grow(r, ordinal, bytes);                                            \
		}                                                                               \
	} while (0)

/* Wakes the ring's worker if it said that it sleeps. After the record is visible: the worker sets
 * its flag, then looks at the ring once more, so one of the two sees the other. */
static __always_inline void wake_sleeper(void *ring, u32 index)
{
	u32 *flag = bpf_map_lookup_elem(&sleeping, &index);
	void *nudge;

	if (!flag || !*flag)
		return;
	*flag = 0;
	nudge = bpf_ringbuf_reserve(ring, 8, 0);
	if (nudge)
		bpf_ringbuf_discard(nudge, BPF_RB_FORCE_WAKEUP);
}

/* Completes the record and copies it into the ring of its thread group. */
static __always_inline void submit_as(struct rec *r, u32 tid, u32 tgid, u32 class)
{
	struct record_header *h = __builtin_assume_aligned(r->scratch->data, 8);
	u32 index = route_record(tid, tgid, class);
	void *ring = bpf_map_lookup_elem(&rings, &index);
	u32 len = r->len;
	u32 note;
	u64 used;
	u64 flags = BPF_RB_NO_WAKEUP;

	asm volatile("" : "+r"(class));
	class &= CLASSES - 1;
	note = class;
	if (!ring)
		goto out;
	if (r->absent) {
		u8 *to = rec_tail(r);

		if (to) {
			__builtin_memcpy(to, &r->absent, 8);
			len += 8;
			r->flags |= RECORD_ABSENT;
		}
	}
	asm volatile("" : "+r"(len));
	if (len > SCRATCH_BYTES) {
		count_drop(index, class, DROP_TOO_LARGE);
		remember_loss(tgid, class);
		goto out;
	}
	used = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);
	if (used + len > class_limit[class]) {
		count_drop(index, class, class == CLASS_LIFECYCLE ? DROP_RING_FULL : DROP_SHARE);
		remember_loss(tgid, class);
		goto out;
	}
	if (used < wake_bytes && used + len >= wake_bytes)
		flags = BPF_RB_FORCE_WAKEUP;
	/* Only its home can repair it. */
	if (index == route(tgid) && forget_loss(tgid)) {
		r->flags |= RECORD_STATE_LOST;
		note = CLASS_STATE;
	}
	h->tid = tid;
	h->tgid = tgid;
	h->len_flags = len | (u32)r->flags << 24;
	h->code = r->code;
	h->cpu = bpf_get_smp_processor_id();
	h->ts = bpf_ktime_get_boot_ns() + epoch_offset_ns;
	if (bpf_ringbuf_output(ring, r->scratch->data, len, flags)) {
		count_drop(index, class, DROP_RING_FULL);
		remember_loss(tgid, note);
		goto out;
	}
	wake_sleeper(ring, index);
out:
	release_scratch(r->scratch);
}

/* The same for the current thread. */
static __always_inline void submit(struct rec *r, u32 class)
{
	u64 id = bpf_get_current_pid_tgid();

	submit_as(r, (u32)id, id >> 32, class);
}
