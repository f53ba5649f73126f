/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records of iterators: written to the iterator's file instead of a ring.
 *
 * Iterators run in process context and may be preempted; the claims of scratch slots allow that.
 * The kernel gives an iterator 32 KiB per object, so a record must stay below.
 */
#pragma once

#include "record.bpf.h"

/* Most bytes of arguments and of environment in a dumped task. */
enum { DUMP_ARGS_MAX = 8 << 10, DUMP_MAX = 30 << 10 };

/*
 * The pointer in member @member of an iterator's context as a plain address. Read straight from
 * the context it would be a typed pointer, which steps do not take.
 */
#define ADDRESS_IN(ctx, member)                                                                  \
	({                                                                                       \
		u64 address = 0;                                                                 \
		bpf_probe_read_kernel(&address, sizeof(address),                                 \
				      __builtin_preserve_access_index(&(ctx)->member));          \
		address;                                                                         \
	})

/* Completes the record and writes it out. */
static __always_inline void dump(struct rec *r, struct seq_file *seq, u32 tid, u32 tgid)
{
	struct record_header *h = __builtin_assume_aligned(r->scratch->data, 8);
	u32 len = r->len;

	h->ts = bpf_ktime_get_boot_ns() + epoch_offset_ns;
	h->tid = tid;
	h->tgid = tgid;
	h->len_flags = len | (u32)r->flags << 24;
	h->code = r->code;
	h->cpu = bpf_get_smp_processor_id();
	asm volatile("" : "+r"(len));
	if (len <= DUMP_MAX)
		bpf_seq_write(seq, r->scratch->data, len);
	else
		count_drop(route(tgid), CLASS_STATE, DROP_TOO_LARGE);
	release_scratch(r->scratch);
}
