/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Knobs and maps that the loader fills (crates/probe).
 */
#pragma once

#include "kernel.bpf.h"

enum {
	MAX_RINGS = 256,
	SCRATCH_BYTES = 128 << 10, /* one record under construction */
	SCRATCH_SLOTS = 3,         /* per CPU: a task, an interrupt in it, one more */
	PATH_BYTES = 4096,
	SYSCALLS = 512,
};

/* Classes of records, most valuable first (design D3). */
enum record_class {
	CLASS_LIFECYCLE,
	CLASS_STATE,
	CLASS_RULE,
	CLASS_OTHER,
	CLASSES,
};

/* Why a record was not written. */
enum drop_cause {
	DROP_RING_FULL,  /* no space at all */
	DROP_SHARE,      /* its class has used its share of the ring */
	DROP_SCRATCH,    /* more nested encoders on this CPU than scratch slots */
	DROP_TOO_LARGE,  /* the record does not fit the scratch */
	DROP_CAUSES,
};

/* Set before loading. */
const volatile u32 ring_count = 1;
const volatile u32 wake_bytes = 1 << 20;       /* a ring this full wakes its worker */
const volatile u32 class_limit[CLASSES] = {};  /* bytes a class may fill the ring to */
const volatile u32 snaplen = 80;
const volatile u32 args_max = 16 << 10;        /* bytes of argv, and of the environment */
const volatile u32 own_tgid = 0;               /* Peregrine itself: not reported */
const volatile bool self_exclude = true;
const volatile u32 spread = 0;                 /* SPREAD_*: which stateless records leave home */

/* Changed while running. */
volatile u64 epoch_offset_ns SEC(".data.control") = 0; /* boot clock to epoch */
volatile u32 enabled SEC(".data.control") = 0; /* off until user space is ready */
volatile u32 lost_groups = 0;     /* entries in `state_lost`, about */
/* A section of its own: user space writes the whole of it, and this side none. */
volatile u32 hot_group_count SEC(".data.spread") = 0; /* entries in `hot_groups` */

/* interest[syscall nr]: kind in the low two bits (0 off, 1 dedicated, 2 generic), class above. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SYSCALLS);
	__type(key, u32);
	__type(value, u8);
} interest SEC(".maps");

/* Portable syscall id of the generic event, by native number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SYSCALLS);
	__type(key, u32);
	__type(value, u16);
} syscall_ids SEC(".maps");

/* x86_64 number of an ia32 call with the same arguments; U16_MAX: none. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SYSCALLS);
	__type(key, u32);
	__type(value, u16);
} ia32_numbers SEC(".maps");

struct inner_ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_RINGS);
	__type(key, u32);
	__array(values, struct inner_ring);
} rings SEC(".maps");

/* sleeping[ring]: its worker waits for the very next record. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MAX_RINGS);
	__type(key, u32);
	__type(value, u32);
} sleeping SEC(".maps");

/* What the records that change no state are spread over the rings by. */
enum {
	SPREAD_OFF,
	SPREAD_HOT, /* those of `hot_groups` by tid, others stay at home */
	SPREAD_TID,
	SPREAD_CPU,
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u32);
} hot_groups SEC(".maps");

/* Scratch slots of all CPUs: index cpu * SCRATCH_SLOTS + slot. The loader sets max_entries. */
struct scratch {
	u64 claims; /* 1: in use */
	/*
	 * A loop's position. In memory the verifier knows nothing of it, so that all rounds look
	 * alike; in a register each would be a state of its own, and branches multiply them.
	 */
	u32 at;
	u32 len; /* the same for the length of a record, see rec_join() */
	u8 path[2 * PATH_BYTES]; /* where a path is built, from its end; see path.bpf.h */
	u8 data[SCRATCH_BYTES];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* Programs by native number of the call; the last one takes all calls without a dedicated one. */
enum { GENERIC_SLOT = SYSCALLS, CALL_SLOTS };
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, CALL_SLOTS);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} calls SEC(".maps");

/* drops[(ring * CLASSES + class) * DROP_CAUSES + cause] */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_RINGS * CLASSES * DROP_CAUSES);
	__type(key, u32);
	__type(value, u64);
} drops SEC(".maps");

/* Thread groups that lost a record that carries state, until their next record says so. */
struct {
	/* Not LRU: an evicted entry would leave lost_groups too high for ever. */
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, u32);
	__type(value, u32);
} state_lost SEC(".maps");
