/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Tracepoints that are loaded on request: signals, context switches, page faults.
 */
#pragma once

#include "lib/record.bpf.h"
#include "lib/task.bpf.h"

/* The pid of a signal's sender, as far as the kind of signal carries one. */
static __always_inline s32 signal_sender(s32 sig, struct kernel_siginfo *info)
{
	enum { HUP = 1, INT = 2, QUIT = 3, KILL = 9, TERM = 15, CHLD = 17, TSTP = 20 };
	enum { RT_FIRST = 32, RT_LAST = 64 };

	if (!info)
		return 0;
	if (sig >= RT_FIRST && sig <= RT_LAST)
		return BPF_CORE_READ(info, _sifields._rt._pid);
	switch (sig) {
	case KILL:
		return BPF_CORE_READ(info, _sifields._kill._pid);
	case CHLD:
		return BPF_CORE_READ(info, _sifields._sigchld._pid);
	case TERM:
	case HUP:
	case INT:
	case TSTP:
	case QUIT:
		/* Codes above 0 are the kernel's own. */
		return BPF_CORE_READ(info, si_code) <= 0 ?
			       BPF_CORE_READ(info, _sifields._kill._pid) : 0;
	}
	return 0;
}

/* A signal reaches its receiver. tp_btf, in the receiver. */
SEC("tp_btf/signal_deliver") int signal_deliver(u64 *ctx)
{
	struct kernel_siginfo *info = (void *)ctx[1];
	struct ev_signaldeliver *e;
	s32 sig = ctx[0];
	struct rec r;

	if (!enabled || is_own_tgid())
		return 0;
	e = RECORD(&r, SIGNALDELIVER, signaldeliver, CLASS_RULE);
	if (!e)
		return 0;
	e->spid = signal_sender(sig, info);
	e->dpid = bpf_get_current_pid_tgid();
	e->sig = sig;
	submit(&r, CLASS_RULE);
	return 0;
}

/* The scheduler takes the CPU from a thread. tp_btf, in the thread that loses it. */
SEC("tp_btf/sched_switch") int context_switch(u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1];
	struct task_struct *next = (void *)ctx[2];
	struct ev_schedswitch_6 *e;
	struct mm_struct *mm;
	struct rec r;

	/* The idle thread is in no process. */
	if (!enabled || is_own_tgid() || !BPF_CORE_READ(prev, pid))
		return 0;
	e = RECORD(&r, SCHEDSWITCH_6, schedswitch_6, CLASS_OTHER);
	if (!e)
		return 0;
	mm = BPF_CORE_READ(prev, mm);
	e->next = BPF_CORE_READ(next, pid);
	e->pgft_maj = BPF_CORE_READ(prev, maj_flt);
	e->pgft_min = BPF_CORE_READ(prev, min_flt);
	e->vm_size = mm_size_kib(mm);
	e->vm_rss = mm_rss_kib(mm);
	e->vm_swap = mm_swap_kib(mm);
	submit_as(&r, BPF_CORE_READ(prev, pid), BPF_CORE_READ(prev, tgid), CLASS_OTHER);
	return 0;
}

/* The kernel's error code to Falco's flags: each bit has a flag for set and one for clear. */
static __always_inline u32 fault_flags(u64 error)
{
	u32 flags = error & 1 ? 1 : 2;

	flags |= error & 2 ? 4 : 8;
	flags |= error & 4 ? 16 : 32;
	if (error & 8)
		flags |= 64;
	if (error & 16)
		flags |= 128;
	return flags;
}

static __always_inline int page_fault(u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[1];
	struct ev_page_fault *e;
	struct rec r;

	if (!enabled || is_own_tgid())
		return 0;
	e = RECORD(&r, PAGE_FAULT, page_fault, CLASS_OTHER);
	if (!e)
		return 0;
	e->addr = ctx[0];
	e->ip = BPF_CORE_READ(regs, ip);
	e->error = fault_flags(ctx[2]);
	submit(&r, CLASS_OTHER);
	return 0;
}

SEC("tp_btf/page_fault_user") int page_fault_user(u64 *ctx)
{
	return page_fault(ctx);
}

SEC("tp_btf/page_fault_kernel") int page_fault_kernel(u64 *ctx)
{
	return page_fault(ctx);
}
