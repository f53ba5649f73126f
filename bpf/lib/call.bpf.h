/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One system call at its exit, and the entry points of its encoder.
 *
 *	SYSCALL_EXIT(close)
 *	{
 *		...encode from `c`...
 *		return 0;
 *	}
 *
 * defines one body and two thin programs around it: `exit_close`, reached by a tail call from the
 * sys_exit dispatcher, and `fexit_close`, attached to the call's own function where the kernel
 * allows that. The loader decides which of the two is loaded (design D2).
 */
#pragma once

#include "record.bpf.h"

enum { KIND_OFF, KIND_DEDICATED, KIND_GENERIC, KIND_MASK = 3, CLASS_SHIFT = 2 };

struct call {
	u64 *ctx;
	const struct pt_regs *regs;
	long ret;
	u32 nr; /* native, of the ABI the call was made through */
	u32 class;
	bool compat; /* ia32 */
};

/* Whether the current call came through the 32-bit entry. */
static __always_inline bool is_compat(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		struct task_struct *task = bpf_get_current_task_btf();

		return task->thread_info.status & TS_COMPAT;
	} else {
		struct task_struct *task = (void *)bpf_get_current_task();

		return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
	}
}

/* The n-th argument, 0 to 5. A constant n costs one load. */
static __always_inline u64 arg(const struct call *c, u32 n)
{
	const struct pt_regs *regs = c->regs;

	if (c->compat) {
		switch (n) {
		case 0: return (u32)regs->bx;
		case 1: return (u32)regs->cx;
		case 2: return (u32)regs->dx;
		case 3: return (u32)regs->si;
		case 4: return (u32)regs->di;
		default: return (u32)regs->bp;
		}
	}
	switch (n) {
	case 0: return regs->di;
	case 1: return regs->si;
	case 2: return regs->dx;
	case 3: return regs->r10;
	case 4: return regs->r8;
	default: return regs->r9;
	}
}

/* The x86_64 number of the call; SYSCALLS if there is none. */
static __always_inline u32 native_number(const struct call *c)
{
	u32 nr = c->nr;

	if (c->compat) {
		u16 *mapped = bpf_map_lookup_elem(&ia32_numbers, &nr);

		return mapped ? *mapped : SYSCALLS;
	}
	return nr;
}

/* The entry of the interest table; 0 if nobody wants this call. */
static __always_inline u8 interest_in(u32 nr)
{
	u8 *wanted = bpf_map_lookup_elem(&interest, &nr);

	return wanted ? *wanted : KIND_OFF;
}

static __always_inline bool is_own_tgid(void)
{
	return self_exclude && own_tgid == (u32)(bpf_get_current_pid_tgid() >> 32);
}

static __always_inline void call_begin(struct call *c, u64 *ctx, const struct pt_regs *regs,
				       long ret)
{
	c->ctx = ctx;
	c->regs = regs;
	c->ret = ret;
	c->nr = regs->orig_ax;
	c->compat = is_compat();
	c->class = interest_in(native_number(c)) >> CLASS_SHIFT & (CLASSES - 1);
	if (c->compat)
		c->ret = (s32)ret;
}

/* Completes the record of a call. */
static __always_inline int call_submit(const struct call *c, struct rec *r)
{
	if (c->compat)
		r->flags |= RECORD_COMPAT32;
	submit(r, c->class);
	return 0;
}

/* The program that the sys_exit dispatcher jumps to. */
#define SYSCALL_EXIT_PROGRAM(name)                                                              \
	SEC("tp_btf/sys_exit") int exit_##name(u64 *ctx)                                        \
	{                                                                                       \
		struct call c;                                                                  \
		call_begin(&c, ctx, (const struct pt_regs *)ctx[0], ctx[1]);                    \
		return encode_##name(&c);                                                       \
	}

#define SYSCALL_EXIT(name)                                                                      \
	static __always_inline int encode_##name(struct call *c);                               \
	SYSCALL_EXIT_PROGRAM(name)                                                              \
	SEC("?fexit") int fexit_##name(u64 *ctx)                                                \
	{                                                                                       \
		struct call c;                                                                  \
		if (!enabled || is_own_tgid())                                                  \
			return 0;                                                               \
		call_begin(&c, ctx, (const struct pt_regs *)ctx[0], ctx[1]);                    \
		if (!interest_in(native_number(&c)))                                            \
			return 0;                                                               \
		return encode_##name(&c);                                                       \
	}                                                                                       \
	static __always_inline int encode_##name(struct call *c)
