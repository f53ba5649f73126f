/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arguments as they were when the call was entered, for the calls whose caller
 * could change them in memory before the exit is recorded: open, openat,
 * openat2, creat, connect.
 *
 * What the pointers point to is kept from entry to exit in `entries`, by tid,
 * one entry per thread that is inside such a call. A path that does not fit goes
 * to `long_entries`. Where nothing was kept (entry capture is off, the table is
 * full, the call began before the probe did), the exit reads the caller's memory
 * as it then is. Arguments in registers cannot change and need no keeping.
 *
 * On the sys_exit rung one program on sys_enter does it, which every system call
 * of the host passes; it costs a comparison for all but these five. On the fexit
 * rung each of the five has its own fentry.
 */
#pragma once

#include "capture.bpf.h"
#include "sock.bpf.h"

/* struct open_how of the user ABI. */
struct user_open_how {
	u64 flags;
	u64 mode;
	u64 resolve;
};

enum {
	ENTRY_BYTES = 256,
	/* Native numbers. */
	NR_OPEN = 2,
	NR_CONNECT = 42,
	NR_CREAT = 85,
	NR_OPENAT = 257,
	NR_OPENAT2 = 437,
	/* ia32 numbers; openat2 has the same. */
	NR_IA32_OPEN = 5,
	NR_IA32_CREAT = 8,
	NR_IA32_OPENAT = 295,
	NR_IA32_CONNECT = 362,
};

struct entry {
	u32 nr;		/* x86_64 number */
	u16 bytes;	/* in data, or, beyond ENTRY_BYTES, in long_entries */
	u16 has_how;
	struct user_open_how how;
	u8 data[ENTRY_BYTES];
};

struct long_entry {
	u8 path[PATH_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct entry);
} entries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct long_entry);
} long_entries SEC(".maps");

/* ---- entry ---- */

/* Keeps a path too long for an entry; its bytes, 0 if it cannot be kept. */
static __always_inline u32 keep_long_path(u32 tid, u64 pointer)
{
	struct scratch *s;
	u32 key;
	long n;

	s = claim_scratch(&key);
	if (!s)
		return 0;
	n = bpf_probe_read_user_str(s->path, PATH_BYTES, (void *)pointer);
	if (n > 0 && bpf_map_update_elem(&long_entries, &tid, s->path, BPF_ANY))
		n = 0;
	release_scratch(s);
	return n > 0 ? n : 0;
}

static __always_inline void keep_entry(u32 nr, u64 path, u64 how, u64 address, u32 address_bytes)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct entry entry = { .nr = nr };
	long n;

	if (path) {
		n = bpf_probe_read_user_str(entry.data, ENTRY_BYTES, (void *)path);
		if (n == ENTRY_BYTES)
			n = keep_long_path(tid, path);
		if (n <= 0)
			return;
		entry.bytes = n;
	} else {
		n = address_bytes;
		AT_MOST(n, ENTRY_BYTES / 2);
		if (!n || bpf_probe_read_user(entry.data, n, (void *)address))
			return;
		entry.bytes = n;
	}
	if (how && bpf_probe_read_user(&entry.how, sizeof(entry.how), (void *)how) == 0)
		entry.has_how = 1;
	bpf_map_update_elem(&entries, &tid, &entry, BPF_ANY);
}

/* Keeps what the five calls point to. @nr is the x86_64 number. */
static __always_inline int enter_call(const struct pt_regs *regs, u32 nr, bool compat)
{
	struct call call = { .regs = regs, .compat = compat }, *c = &call;

	switch (nr) {
	case NR_OPEN:
	case NR_CREAT:
		keep_entry(nr, ARG(0), 0, 0, 0);
		break;
	case NR_OPENAT:
		keep_entry(nr, ARG(1), 0, 0, 0);
		break;
	case NR_OPENAT2:
		keep_entry(nr, ARG(1), ARG(2), 0, 0);
		break;
	case NR_CONNECT:
		keep_entry(nr, 0, 0, ARG(1), ARG(2));
		break;
	}
	return 0;
}

/* The start of any system call. Looks at the number first; emits nothing. */
SEC("tp_btf/sys_enter") int enter(u64 *ctx)
{
	const struct pt_regs *regs = (const struct pt_regs *)ctx[0];
	u32 nr = ctx[1];

	switch (nr) {
	case NR_OPEN:
	case NR_CREAT:
	case NR_OPENAT:
	case NR_CONNECT:
		if (is_compat())
			return 0;
		break;
	case NR_IA32_OPEN:
	case NR_IA32_CREAT:
	case NR_IA32_OPENAT:
	case NR_IA32_CONNECT:
		if (!is_compat())
			return 0;
		nr = nr == NR_IA32_OPEN ? NR_OPEN : nr == NR_IA32_CREAT ? NR_CREAT :
		     nr == NR_IA32_OPENAT ? NR_OPENAT : NR_CONNECT;
		break;
	case NR_OPENAT2:
		break;
	default:
		return 0;
	}
	if (!enabled || is_own_tgid() || !interest_in(nr))
		return 0;
	return enter_call(regs, nr, is_compat());
}

#define ENTER_FUNCTION(name, nr)                                                             \
	SEC("?fentry") int fentry_##name(u64 *ctx)                                           \
	{                                                                                    \
		if (!enabled || is_own_tgid() || !interest_in(nr))                           \
			return 0;                                                            \
		return enter_call((const struct pt_regs *)ctx[0], nr, false);                \
	}

ENTER_FUNCTION(open, NR_OPEN)
ENTER_FUNCTION(creat, NR_CREAT)
ENTER_FUNCTION(openat, NR_OPENAT)
ENTER_FUNCTION(openat2, NR_OPENAT2)
ENTER_FUNCTION(connect, NR_CONNECT)

/* ---- exit ---- */

/* A thread that is killed inside a call leaves its entry. */
static __always_inline void forget_entries(u32 tid)
{
	bpf_map_delete_elem(&entries, &tid);
	bpf_map_delete_elem(&long_entries, &tid);
}

/* What was kept for the call that returns now; NULL if nothing. */
static __always_inline struct entry *kept_entry(const struct call *c)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct entry *entry = bpf_map_lookup_elem(&entries, &tid);

	/* An entry may be left from a call whose exit was not reported. */
	return entry && entry->nr == native_number(c) ? entry : NULL;
}

static __always_inline void drop_entry(struct entry *entry)
{
	u32 tid = bpf_get_current_pid_tgid();

	if (entry->bytes >= ENTRY_BYTES)
		bpf_map_delete_elem(&long_entries, &tid);
	bpf_map_delete_elem(&entries, &tid);
}

static __always_inline void put_entry_path(const struct call *c, struct rec *r, u32 ordinal,
					   u64 pointer)
{
	struct entry *entry = kept_entry(c);
	u32 tid = bpf_get_current_pid_tgid();
	struct long_entry *path;

	if (!entry) {
		put_user_str(r, ordinal, pointer);
		return;
	}
	if (entry->bytes <= ENTRY_BYTES) {
		put_kernel_str(r, ordinal, entry->data, ENTRY_BYTES);
	} else {
		path = bpf_map_lookup_elem(&long_entries, &tid);
		if (path)
			put_kernel_str(r, ordinal, path->path, PATH_BYTES);
	}
	drop_entry(entry);
}

static __always_inline void read_open_how(const struct call *c, struct user_open_how *how)
{
	struct entry *entry = kept_entry(c);

	if (entry && entry->has_how)
		*how = entry->how;
	else
		READ_USER(how, sizeof(*how), ARG(2));
}

static __always_inline void put_entry_sockaddr(const struct call *c, struct rec *r, u32 ordinal,
					       u64 pointer, u32 bytes)
{
	struct entry *entry = kept_entry(c);

	if (!entry) {
		put_sockaddr(r, ordinal, pointer, bytes);
		return;
	}
	_Static_assert(ADDRESS_WORDS_BYTES <= ENTRY_BYTES / 2, "the widest address fits an entry");
	/* The rest of an entry is zero. */
	__builtin_memcpy(address_area(r), __builtin_assume_aligned(entry->data, 8),
			 ADDRESS_WORDS_BYTES);
	drop_entry(entry);
	rec_take(r, ordinal, copy_sockaddr(r->key, r->len));
}

#define ENTRY_ARG(n) ARG(n)
#define PUT_ENTRY_PATH(X, FIELD, pointer) put_entry_path(c, &r, ORDINAL(X, FIELD), pointer)
#define ENTRY_OPEN_HOW(how) read_open_how(c, how)
#define PUT_ENTRY_SOCKADDR(X, FIELD, pointer, size) \
	put_entry_sockaddr(c, &r, ORDINAL(X, FIELD), pointer, size)
