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
	bool is_socketcall; /* the arguments are in `words` */
	u32 words[6];
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
		if (c->is_socketcall)
			return c->words[n];
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

/* The one call of ia32 for all socket operations: which one is the first argument. */
enum { NR_IA32_SOCKETCALL = 102, SOCKETCALL_SEND = 9, SOCKETCALL_RECV = 10 };

/* The x86_64 call that takes the same arguments. */
static __always_inline u32 socketcall_number(u32 operation)
{
	switch (operation) {
	case 1: return 41; /* socket */
	case 2: return 49; /* bind */
	case 3: return 42; /* connect */
	case 4: return 50; /* listen */
	case 5: return 43; /* accept */
	case 6: return 51; /* getsockname */
	case 7: return 52; /* getpeername */
	case 8: return 53; /* socketpair */
	case SOCKETCALL_SEND: return 44; /* sendto without an address */
	case SOCKETCALL_RECV: return 45; /* recvfrom without an address */
	case 11: return 44; /* sendto */
	case 12: return 45; /* recvfrom */
	case 13: return 48; /* shutdown */
	case 14: return 54; /* setsockopt */
	case 15: return 55; /* getsockopt */
	case 16: return 46; /* sendmsg */
	case 17: return 47; /* recvmsg */
	case 18: return 288; /* accept4 */
	case 19: return 299; /* recvmmsg */
	case 20: return 307; /* sendmmsg */
	default: return SYSCALLS;
	}
}

/* Its arguments lie in the caller's memory, as 32-bit words. */
static __always_inline void read_socketcall(struct call *c, const struct pt_regs *regs)
{
	u32 operation = regs->bx;

	c->is_socketcall = true;
	__builtin_memset(c->words, 0, sizeof(c->words));
	if (operation == SOCKETCALL_SEND || operation == SOCKETCALL_RECV)
		bpf_probe_read_user(c->words, 16, (void *)(u64)(u32)regs->cx);
	/* The call with most arguments has six; what lies behind fewer is not looked at. */
	else if (bpf_probe_read_user(c->words, 24, (void *)(u64)(u32)regs->cx))
		bpf_probe_read_user(c->words, 12, (void *)(u64)(u32)regs->cx);
}

/* The x86_64 number of the call; SYSCALLS if there is none. */
static __always_inline u32 native_number(const struct call *c)
{
	u32 nr = c->nr;

	if (c->compat) {
		u16 *mapped;

		if (nr == NR_IA32_SOCKETCALL && c->regs)
			return socketcall_number(c->regs->bx);
		mapped = bpf_map_lookup_elem(&ia32_numbers, &nr);
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

/*
 * The entry for a call. ia32 calls without a counterpart share the last one, which the loader makes
 * generic if any call is.
 */
static __always_inline u8 interest_of(const struct call *c)
{
	u32 nr = native_number(c);

	return interest_in(nr < SYSCALLS ? nr : SYSCALLS - 1);
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
	c->class = interest_of(c) >> CLASS_SHIFT & (CLASSES - 1);
	c->is_socketcall = false;
	if (c->compat) {
		c->ret = (s32)ret;
		if (c->nr == NR_IA32_SOCKETCALL)
			read_socketcall(c, regs);
	}
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
