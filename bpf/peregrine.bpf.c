// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Peregrine's probe: one object with every program. The loader (crates/probe) decides which of
 * them are loaded and attached.
 *
 *	dispatch	tp_btf/sys_exit: looks the call up and jumps to its encoder
 *	exit_<call>	encoders by tail call (syscalls/, process.bpf.h)
 *	fexit_<call>	the same encoders on a call's own function
 *	enter, fentry_<call>
 *			what five calls were entered with (lib/entry.bpf.h)
 *	birth, exec, thread_exit
 *			the life of processes (process.bpf.h)
 *	signal_deliver, context_switch, page_fault_*
 *			on request (trace.bpf.h)
 *	dump_task, dump_task_file
 *			the initial state (dump_task.bpf.h, dump_file.bpf.h)
 */
#include "lib/kernel.bpf.h"
#include "lib/maps.bpf.h"
#include "lib/call.bpf.h"
#include "process.bpf.h"
#include "syscalls/all.bpf.h"
#include "trace.bpf.h"
#include "dump_task.bpf.h"
#include "dump_file.bpf.h"

/*
 * The return of any system call, on x86_64 and through the ia32 entry. Consults the interest table
 * first: on a call nobody wants this is all that runs.
 */
SEC("tp_btf/sys_exit") int dispatch(u64 *ctx)
{
	const struct pt_regs *regs = (const struct pt_regs *)ctx[0];
	struct call c = { .regs = regs, .nr = regs->orig_ax, .compat = is_compat() };
	u32 nr = native_number(&c);
	u8 wanted = interest_of(&c);

	if (!(wanted & KIND_MASK) || !enabled || is_own_tgid())
		return 0;
	if ((wanted & KIND_MASK) == KIND_DEDICATED)
		bpf_tail_call(ctx, &calls, nr);
	bpf_tail_call(ctx, &calls, GENERIC_SLOT);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
