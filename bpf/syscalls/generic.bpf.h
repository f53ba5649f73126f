/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every other system call: its portable id, its native number, and, beyond what
 * Falco records, the result and the six arguments as numbers.
 */
#pragma once

#include "../lib/capture.bpf.h"

SYSCALL(syscall)
{
	u32 nr = native_number(c);
	u16 *id = bpf_map_lookup_elem(&syscall_ids, &nr);

	EVENT(SYSCALL, syscall);
	e->ID = id ? *id : 0;
	e->nativeID = nr < SYSCALLS ? nr : c->nr;
	e->res = RET;
	e->arg0 = ARG(0);
	e->arg1 = ARG(1);
	e->arg2 = ARG(2);
	e->arg3 = ARG(3);
	e->arg4 = ARG(4);
	e->arg5 = ARG(5);
	return SUBMIT();
}
