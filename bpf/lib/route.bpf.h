/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which ring a thread group writes to. The only place that decides it; its twin in user space is
 * crates/probe/src/route.rs, which hands the initial state to the right worker.
 *
 * Spreading the stateless records of a hot group by tid or CPU belongs here too: consult the map
 * of hot groups when class > CLASS_STATE.
 */
#pragma once

#include "maps.bpf.h"

/* Fibonacci hashing: pids are handed out in sequence, the high bits of the product are even. */
static __always_inline u32 route(u32 tgid)
{
	return (u32)(((u64)(tgid * 0x9E3779B1u) * ring_count) >> 32);
}
