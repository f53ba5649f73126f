/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The life of processes: births, exec, exit (design D5).
 *
 *	sched_process_fork	in the parent, before the child can run: the birth into the child's
 *				ring, the fork marker into the parent's
 *	clone and its like	at the caller's exit. The child's own exit from the call, with 0,
 *				is what the birth reports, so nothing is written for it
 *	sched_process_exec	a successful exec, by whichever call
 *	execve, execveat	at their exit, if they failed
 *	sched_process_exit	the end of a thread
 *
 * struct ev_clone, ev_fork, ev_vfork and ev_clone3 are laid out alike, and so is the fixed part of
 * ev_execve and ev_execveat, which is asserted below: one encoder each.
 */
#pragma once

#include "lib/args.bpf.h"
#include "lib/call.bpf.h"
#include "lib/cgroup.bpf.h"
#include "lib/entry.bpf.h"
#include "lib/exe.bpf.h"
#include "lib/path.bpf.h"

_Static_assert(sizeof(struct ev_clone) == sizeof(struct ev_clone3), "clone3");
_Static_assert(sizeof(struct ev_clone) == sizeof(struct ev_fork), "fork");
_Static_assert(sizeof(struct ev_clone) == sizeof(struct ev_vfork), "vfork");
_Static_assert((int)EV_EXECVE_LENGTHS == (int)EV_EXECVEAT_LENGTHS, "execveat");
_Static_assert((int)EV_EXECVE_TRUSTED_EXEPATH == (int)EV_EXECVEAT_TRUSTED_EXEPATH, "execveat");

/* Portable flags of clone that the probe derives itself. */
enum {
	CLONE_FLAG_FILES = 1,
	CLONE_FLAG_FS = 2,
	CLONE_FLAG_SIGHAND = 0x800,
	CLONE_FLAG_THREAD = 0x2000,
	CLONE_FLAG_VM = 0x8000,
	CLONE_FLAG_CHILD_IN_PIDNS = 0x20000000,
};

/* ---- clone ---- */

/* The fixed-size parameters that describe a process in both events. */
#define FILL_PROCESS(e, t, mm)                                    \
	do {                                                      \
		const struct cred *cred = BPF_CORE_READ(t, cred); \
								  \
		(e)->tid = BPF_CORE_READ(t, pid);                 \
		(e)->pid = BPF_CORE_READ(t, tgid);                \
		(e)->ptid = parent_tid(t);                        \
		(e)->fdlimit = task_fdlimit(t);                   \
		(e)->vm_size = mm_size_kib(mm);                   \
		(e)->vm_rss = mm_rss_kib(mm);                     \
		(e)->vm_swap = mm_swap_kib(mm);                   \
		(e)->uid = BPF_CORE_READ(cred, euid.val);         \
		(e)->gid = BPF_CORE_READ(cred, egid.val);         \
	} while (0)

static __always_inline void fill_clone(struct rec *r, struct ev_clone *e, struct task_struct *t,
				       struct task_struct *faults_of, bool with_args)
{
	struct mm_struct *mm = BPF_CORE_READ(t, mm);

	FILL_PROCESS(e, t, mm);
	e->pgft_maj = BPF_CORE_READ(faults_of, maj_flt);
	e->pgft_min = BPF_CORE_READ(faults_of, min_flt);
	e->vtid = pid_vnr(task_pid(t, PIDTYPE_PID));
	e->vpid = pid_vnr(task_pid(t, PIDTYPE_TGID));
	e->pidns_init_start_ts = 0;
	e->start_time = task_start(t);
	e->parent_start_time = task_start(BPF_CORE_READ(t, real_parent));
	if (with_args && mm)
		put_exe_and_args(r, EV_CLONE_EXE, EV_CLONE_ARGS, mm);
	rec_join(r);
	put_kernel_str(r, EV_CLONE_COMM, __builtin_preserve_access_index(&t->comm), 16);
	rec_join(r);
	put_cgroups(r, EV_CLONE_CGROUPS, t);
}

/* The number of the call the current task is in. */
static __always_inline u32 current_nr(void)
{
	enum { STACK_BYTES = 16 << 10 };
	struct pt_regs *regs;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		regs = (void *)bpf_task_pt_regs((void *)bpf_get_current_task_btf());
	else
		regs = BPF_CORE_READ(current_task(), stack) + STACK_BYTES -
		       bpf_core_type_size(struct pt_regs);
	return BPF_CORE_READ(regs, orig_ax);
}

enum {
	NR_CLONE = 56,
	NR_FORK = 57,
	NR_VFORK = 58,
	NR_CLONE3 = 435,
	NR_IA32_FORK = 2,
	NR_IA32_VFORK = 190,
};

static __always_inline u16 birth_code(void)
{
	u32 nr = current_nr();

	if (is_compat())
		return nr == NR_IA32_FORK ? EV_FORK_CODE :
		       nr == NR_IA32_VFORK ? EV_VFORK_CODE :
		       nr == NR_CLONE3 ? EV_CLONE3_CODE : EV_CLONE_CODE;
	return nr == NR_FORK ? EV_FORK_CODE :
	       nr == NR_VFORK ? EV_VFORK_CODE :
	       nr == NR_CLONE3 ? EV_CLONE3_CODE : EV_CLONE_CODE;
}

static __always_inline bool in_pid_namespace(struct task_struct *t)
{
	return pid_level(t) != 0;
}

/*
 * Birth of a thread or process. tp_btf, in the parent: the child has all its ids but has not run.
 * Its memory is the parent's or a copy of it, so the arguments are read from where we are.
 * Must not sleep; emits two records.
 */
SEC("tp_btf/sched_process_fork") int birth(u64 *ctx)
{
	struct task_struct *parent = (void *)ctx[0];
	struct task_struct *child = (void *)ctx[1];
	u32 tid, tgid, flags = 0, shared;
	struct ev_fork_marker *m;
	struct ev_clone *e;
	struct rec r;

	if (!enabled || is_own_tgid() || is_kernel_thread(child))
		return 0;
	tid = BPF_CORE_READ(child, pid);
	tgid = BPF_CORE_READ(child, tgid);
	if (tid != tgid)
		flags |= CLONE_FLAG_THREAD | CLONE_FLAG_SIGHAND | CLONE_FLAG_VM;
	if (BPF_CORE_READ(child, files) == BPF_CORE_READ(parent, files))
		flags |= CLONE_FLAG_FILES;
	if (in_pid_namespace(child))
		flags |= CLONE_FLAG_CHILD_IN_PIDNS;

	/* The marker first: a worker that has both rings then finds what the child inherits. */
	m = RECORD(&r, FORK_MARKER, fork_marker, CLASS_LIFECYCLE);
	if (m) {
		shared = flags;
		if (BPF_CORE_READ(child, fs) == BPF_CORE_READ(parent, fs))
			shared |= CLONE_FLAG_FS;
		if (BPF_CORE_READ(child, mm) == BPF_CORE_READ(parent, mm))
			shared |= CLONE_FLAG_VM;
		m->child_start_time = task_start(child);
		m->child_tid = tid;
		m->child_tgid = tgid;
		m->flags = shared;
		submit(&r, CLASS_LIFECYCLE);
	}

	e = rec_begin(&r, birth_code(), sizeof(*e), EV_CLONE_LENGTHS, tgid, CLASS_LIFECYCLE);
	if (!e)
		return 0;
	r.flags = RECORD_BIRTH;
	if (is_compat())
		r.flags |= RECORD_COMPAT32;
	e->res = 0;
	e->flags = flags;
	/* The page faults are the parent's, as in Falco. */
	fill_clone(&r, e, child, parent, true);
	e->pidns_init_start_ts = pidns_init_start(child);
	submit_as(&r, tid, tgid, CLASS_LIFECYCLE);
	return 0;
}

/* Native clone flags to portable ones. */
static __always_inline u32 portable_clone_flags(u64 f)
{
	static const struct {
		u32 native, portable;
	} bits[] = {
		{ 0x400, 1 },		   { 0x200, 2 },	      { 0x80000000, 4 },
		{ 0x8000000, 8 },	   { 0x40000000, 0x10 },      { 0x20000, 0x20 },
		{ 0x20000000, 0x40 },	   { 0x4000000, 0x80 },	      { 0x8000, 0x100 },
		{ 0x100000, 0x200 },	   { 0x2000, 0x400 },	      { 0x800, 0x800 },
		{ 0x40000, 0x1000 },	   { 0x10000, 0x2000 },	      { 0x800000, 0x4000 },
		{ 0x100, 0x8000 },	   { 0x10000000, 0x100000 },  { 0x200000, 0x800000 },
		{ 0x1000000, 0x1000000 },  { 0x80000, 0x2000000 },    { 0x4000, 0x8000000 },
		{ 0x2000000, 0x10000000 },
	};
	u32 out = 0;

#pragma unroll
	for (u32 i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		out |= (u32)f / bits[i].native % 2 * bits[i].portable;
	return out;
}

/* The return of clone or one of its like in the caller. */
static __always_inline int caller_exit(struct call *c, u16 code, u64 native_flags)
{
	struct task_struct *t = current_task();
	struct pid_namespace *own, *children;
	struct ev_clone *e;
	struct rec r;

	if (c->ret == 0)
		return 0;
	e = rec_begin(&r, code, sizeof(*e), EV_CLONE_LENGTHS, CURRENT_GROUP, c->class);
	if (!e)
		return 0;
	e->res = c->ret;
	own = pid_namespace_of(task_pid(t, PIDTYPE_PID));
	children = BPF_CORE_READ(t, nsproxy, pid_ns_for_children);
	e->flags = portable_clone_flags(native_flags);
	if (in_pid_namespace(t) || own != children)
		e->flags |= CLONE_FLAG_CHILD_IN_PIDNS;
	fill_clone(&r, e, t, t, c->ret > 0);
	return call_submit(c, &r);
}

SYSCALL_EXIT(clone)
{
	return caller_exit(c, EV_CLONE_CODE, arg(c, 0));
}

SYSCALL_EXIT(fork)
{
	return caller_exit(c, EV_FORK_CODE, 0);
}

SYSCALL_EXIT(vfork)
{
	return caller_exit(c, EV_VFORK_CODE, 0);
}

SYSCALL_EXIT(clone3)
{
	u64 flags = 0;

	/* The first member of struct clone_args. */
	bpf_probe_read_user(&flags, sizeof(flags), (void *)arg(c, 0));
	return caller_exit(c, EV_CLONE3_CODE, flags);
}

/* ---- exec ---- */

static __always_inline void fill_exec(struct ev_execve *e, struct task_struct *t)
{
	struct mm_struct *mm = BPF_CORE_READ(t, mm);
	const struct cred *cred = BPF_CORE_READ(t, cred);
	struct file *exe = BPF_CORE_READ(mm, exe_file);
	struct inode *inode = BPF_CORE_READ(exe, f_inode);
	struct pid *group = task_pid(t, PIDTYPE_PGID);

	FILL_PROCESS(e, t, mm);
	e->pgft_maj = BPF_CORE_READ(t, maj_flt);
	e->pgft_min = BPF_CORE_READ(t, min_flt);
	e->cap_inheritable = CRED_CAPS(cred, cap_inheritable);
	e->cap_permitted = CRED_CAPS(cred, cap_permitted);
	e->cap_effective = CRED_CAPS(cred, cap_effective);
	e->exe_ino = BPF_CORE_READ(inode, i_ino);
	e->exe_ino_ctime = inode_ctime_ns(inode);
	e->exe_ino_mtime = inode_mtime_ns(inode);
	e->tty = task_tty(t);
	e->vpgid = pid_vnr(group);
	e->pgid = pid_nr(group);
	e->loginuid = task_loginuid(t);
	e->flags = exe_flags(t, exe);
}

/*
 * A successful exec. tp_btf, in the new program's memory, whatever the call was; reported as
 * execve, as Falco does. Must not sleep; emits one record.
 */
SEC("tp_btf/sched_process_exec") int exec(u64 *ctx)
{
	struct task_struct *t = current_task();
	struct linux_binprm *bprm = (void *)ctx[2];
	struct mm_struct *mm;
	struct ev_execve *e;
	struct rec r;

	if (!enabled || is_own_tgid())
		return 0;
	e = RECORD(&r, EXECVE, execve, CLASS_LIFECYCLE);
	if (!e)
		return 0;
	e->res = 0;
	fill_exec(e, t);
	mm = BPF_CORE_READ(t, mm);
	put_exe_and_args(&r, EV_EXECVE_EXE, EV_EXECVE_ARGS, mm);
	rec_join(&r);
	put_kernel_str(&r, EV_EXECVE_COMM, __builtin_preserve_access_index(&t->comm), 16);
	rec_join(&r);
	put_cgroups(&r, EV_EXECVE_CGROUPS, t);
	put_user_strings(&r, EV_EXECVE_ENV, BPF_CORE_READ(mm, env_start),
			 BPF_CORE_READ(mm, env_end), args_max);
	rec_join(&r);
	put_file_path(&r, EV_EXECVE_TRUSTED_EXEPATH, BPF_CORE_READ(mm, exe_file));
	rec_join(&r);
	put_kernel_str(&r, EV_EXECVE_FILENAME, BPF_CORE_READ(bprm, filename), PATH_BYTES);
	submit(&r, CLASS_LIFECYCLE);
	return 0;
}

/* A failed exec: the program that was asked for, the process as it still is. */
static __always_inline int failed_exec(struct call *c, u16 code, u32 fixed_bytes, u64 filename,
				       u64 argv, u64 envp)
{
	struct task_struct *t = current_task();
	struct ev_execve *e;
	struct rec r;
	u32 width = c->compat ? 4 : 8;
	u64 exe = 0;

	if (c->ret == 0)
		return 0;
	e = rec_begin(&r, code, fixed_bytes, EV_EXECVE_LENGTHS, CURRENT_GROUP, c->class);
	if (!e)
		return 0;
	e->res = c->ret;
	fill_exec(e, t);
	bpf_probe_read_user(&exe, width, (void *)argv);
	if (argv && exe) {
		put_user_str(&r, EV_EXECVE_EXE, exe);
		put_user_array(&r, EV_EXECVE_ARGS, argv + width, width);
	}
	rec_join(&r);
	put_kernel_str(&r, EV_EXECVE_COMM, __builtin_preserve_access_index(&t->comm), 16);
	rec_join(&r);
	put_cgroups(&r, EV_EXECVE_CGROUPS, t);
	put_user_array(&r, EV_EXECVE_ENV, envp, width);
	rec_join(&r);
	put_file_path(&r, EV_EXECVE_TRUSTED_EXEPATH, BPF_CORE_READ(t, mm, exe_file));
	rec_join(&r);
	if (filename)
		put_user_str(&r, EV_EXECVE_FILENAME, filename);
	return call_submit(c, &r);
}

SYSCALL_EXIT(execve)
{
	return failed_exec(c, EV_EXECVE_CODE, sizeof(struct ev_execve), arg(c, 0), arg(c, 1),
			   arg(c, 2));
}

SYSCALL_EXIT(execveat)
{
	return failed_exec(c, EV_EXECVEAT_CODE, sizeof(struct ev_execveat), 0, arg(c, 2),
			   arg(c, 3));
}

/* ---- exit ---- */

enum {
	REAPER_THREADS = 32,
	REAPER_ANCESTORS = 48,
	REAPER_UNKNOWN = -1,
};

/* A thread of the group that is not exiting; 0 if none; REAPER_UNKNOWN past the bound. */
static __always_inline s32 living_thread(struct task_struct *t)
{
	struct signal_struct *signal = BPF_CORE_READ(t, signal);
	void *head = __builtin_preserve_access_index(&signal->thread_head);
	struct list_head *next = BPF_CORE_READ(signal, thread_head.next);

	for (u32 i = 0; i < REAPER_THREADS; i++) {
		struct task_struct *thread;

		if ((void *)next == head || !next)
			return 0;
		thread = (void *)next - bpf_core_field_offset(t->thread_node);
		if (!(BPF_CORE_READ(thread, flags) & PF_EXITING))
			return BPF_CORE_READ(thread, pid);
		next = BPF_CORE_READ(thread, thread_node.next);
	}
	return REAPER_UNKNOWN;
}

static __always_inline bool is_subreaper(struct signal_struct *signal)
{
	return BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper);
}

/*
 * Who gets the children of an exiting thread: a thread of its group, else the nearest subreaper
 * among its ancestors in its pid namespace, else the namespace's init. 0 if init itself dies;
 * REAPER_UNKNOWN past the bounds, and user space decides.
 * Another process is named by its main thread, whichever of its threads gets them: which process a
 * thread is of is known only where that process is at home.
 */
STEP s32 reaper_of(u64 task)
{
	struct task_struct *t = (struct task_struct *)task;
	struct pid_namespace *ns = pid_namespace_of(task_pid(t, PIDTYPE_PID));
	struct task_struct *init = BPF_CORE_READ(ns, child_reaper);
	struct signal_struct *signal = BPF_CORE_READ(t, signal);
	u32 level = pid_level(t);
	s32 tid = living_thread(t);

	if (tid)
		return tid;
	if (init == t)
		return 0;
	if (!BPF_CORE_READ_BITFIELD_PROBED(signal, has_child_subreaper))
		return BPF_CORE_READ(init, tgid);
	for (u32 i = 0; i < REAPER_ANCESTORS; i++) {
		t = BPF_CORE_READ(t, real_parent);
		if (!t || t == init || pid_level(t) != level)
			return BPF_CORE_READ(init, tgid);
		if (is_subreaper(BPF_CORE_READ(t, signal)))
			return BPF_CORE_READ(t, tgid);
	}
	return REAPER_UNKNOWN;
}

/* The end of a thread. tp_btf, in the thread itself. Emits one record. */
SEC("tp_btf/sched_process_exit") int thread_exit(u64 *ctx)
{
	struct task_struct *t = current_task();
	struct ev_procexit_1 *e;
	struct list_head *first;
	struct rec r;
	u32 status;

	if (!enabled || is_own_tgid() || is_kernel_thread(t))
		return 0;
	forget_entries(bpf_get_current_pid_tgid());
	e = RECORD(&r, PROCEXIT_1, procexit_1, CLASS_LIFECYCLE);
	if (!e)
		goto out;
	status = BPF_CORE_READ(t, exit_code);
	e->status = status;
	e->ret = status >> 8 & 0xff;
	e->sig = status & 0x7f;
	e->core = (status & 0x80) != 0;
	first = BPF_CORE_READ(t, children.next);
	e->reaper_tid = 0;
	if ((void *)first != (void *)__builtin_preserve_access_index(&t->children))
		e->reaper_tid = reaper_of((u64)t);
	submit(&r, CLASS_LIFECYCLE);
out:
	/* Nothing follows that could say that something was lost. */
	if (lost_groups && !BPF_CORE_READ(t, signal, live.counter))
		forget_loss(bpf_get_current_pid_tgid() >> 32);
	return 0;
}
