/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which ring a thread group writes to. The only place that decides it; its twin in user space is
 * crates/probe/src/route.rs, which hands the initial state to the right worker.
 * Records that change no state may be spread by tid or CPU: those of all groups, or of such as user
 * space names because they are too much for one worker.
 */
#pragma once

#include "maps.bpf.h"

/* Fibonacci hashing: pids are handed out in sequence, the high bits of the product are even. */
static __always_inline u32 route(u32 tgid)
{
	return (u32)(((u64)(tgid * 0x9E3779B1u) * ring_count) >> 32);
}

static __always_inline u32 route_record(u32 tid, u32 tgid, u32 class)
{
	if (spread == SPREAD_OFF || class < CLASS_RULE)
		return route(tgid);
	if (spread == SPREAD_CPU)
		return route(bpf_get_smp_processor_id());
	if (spread == SPREAD_HOT &&
	    (!hot_group_count || !bpf_map_lookup_elem(&hot_groups, &tgid)))
		return route(tgid);
	return route(tid);
}
