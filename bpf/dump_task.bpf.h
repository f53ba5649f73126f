/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The initial state, first half: every thread of the host as a `task` record.
 *
 * Hook:	iter.s/task, sleepable, since arguments lie in the memory of other processes
 * Kernels:	5.18 and later; before, user space reads /proc
 * Emits:	EV_ITER_TASK
 */
#pragma once

#include "lib/cgroup.bpf.h"
#include "lib/dump.bpf.h"
#include "lib/exe.bpf.h"
#include "lib/path.bpf.h"

/* The strings in [from, to) of the task's memory, the last byte made a NUL. */
static __always_inline void put_task_strings(struct rec *r, u32 ordinal, struct task_struct *task,
					     u64 from, u64 to)
{
	u64 bytes = to - from;
	u32 n;
	u8 *tail;

	if (!from || to <= from)
		return;
	if (bytes > DUMP_ARGS_MAX) {
		bytes = DUMP_ARGS_MAX;
		r->flags |= RECORD_TRUNCATED;
	}
	n = bytes;
	tail = rec_tail(r);
	asm volatile("" : "+r"(n));
	if (!tail || !n || n > DUMP_ARGS_MAX)
		return;
	if (bpf_copy_from_user_task(tail, n, (void *)from, task, 0))
		return;
	tail[n - 1] = 0;
	rec_grow(r, ordinal, n);
}

SEC("iter.s/task") int dump_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *t;
	const struct cred *cred;
	struct ev_iter_task *e;
	struct mm_struct *mm;
	struct inode *inode;
	struct fs_struct *fs;
	struct file *exe;
	struct rec r;

	if (!task)
		return 0;
	t = (struct task_struct *)ADDRESS_IN(ctx, task);
	if (is_kernel_thread(t))
		return 0;
	e = RECORD(&r, ITER_TASK, iter_task, CLASS_OTHER);
	if (!e)
		return 0;
	mm = BPF_CORE_READ(t, mm);
	cred = BPF_CORE_READ(t, cred);
	exe = BPF_CORE_READ(mm, exe_file);
	inode = BPF_CORE_READ(exe, f_inode);
	fs = BPF_CORE_READ(t, fs);
	e->fdlimit = task_fdlimit(t);
	e->cap_permitted = CRED_CAPS(cred, cap_permitted);
	e->cap_effective = CRED_CAPS(cred, cap_effective);
	e->cap_inheritable = CRED_CAPS(cred, cap_inheritable);
	e->exe_ino_num = BPF_CORE_READ(inode, i_ino);
	e->exe_ino_ctime = inode_ctime_ns(inode);
	e->exe_ino_mtime = inode_mtime_ns(inode);
	e->pgft_maj = BPF_CORE_READ(t, maj_flt);
	e->pgft_min = BPF_CORE_READ(t, min_flt);
	e->pidns_init_start_ts = pidns_init_start(t);
	e->start_time_boot = task_start(t);
	e->start_time = e->start_time_boot + epoch_offset_ns;
	e->ppid = parent_tid(t);
	e->pgid = pid_nr(task_pid(t, PIDTYPE_PGID));
	e->vpgid = pid_vnr(task_pid(t, PIDTYPE_PGID));
	e->sid = pid_nr(task_pid(t, PIDTYPE_SID));
	e->flags = exe_flags(t, exe);
	e->euid = BPF_CORE_READ(cred, euid.val);
	e->egid = BPF_CORE_READ(cred, egid.val);
	e->vm_size = mm_size_kib(mm);
	e->vm_rss = mm_rss_kib(mm);
	e->vm_swap = mm_swap_kib(mm);
	e->vtgid = pid_vnr(task_pid(t, PIDTYPE_TGID));
	e->vpid = pid_vnr(task_pid(t, PIDTYPE_PID));
	e->tty = task_tty(t);
	e->loginuid = task_loginuid(t);

	put_kernel_str(&r, EV_ITER_TASK_COMM, __builtin_preserve_access_index(&t->comm), 16);
	rec_join(&r);
	put_task_strings(&r, EV_ITER_TASK_ARGV, task, BPF_CORE_READ(mm, arg_start),
			 BPF_CORE_READ(mm, arg_end));
	rec_join(&r);
	put_file_path(&r, EV_ITER_TASK_EXEPATH, exe);
	rec_join(&r);
	put_task_strings(&r, EV_ITER_TASK_ENV, task, BPF_CORE_READ(mm, env_start),
			 BPF_CORE_READ(mm, env_end));
	rec_join(&r);
	if (fs)
		put_path(&r, EV_ITER_TASK_CWD, __builtin_preserve_access_index(&fs->pwd));
	rec_join(&r);
	put_cgroups(&r, EV_ITER_TASK_CGROUPS, t);
	rec_join(&r);
	if (fs)
		put_path(&r, EV_ITER_TASK_ROOT, __builtin_preserve_access_index(&fs->root));
	dump(&r, seq, BPF_CORE_READ(t, pid), BPF_CORE_READ(t, tgid));
	return 0;
}
