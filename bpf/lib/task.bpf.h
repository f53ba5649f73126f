/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel knows of a task: ids, namespaces, credentials, memory.
 *
 * Everything is read with bpf_probe_read_kernel(), so a task that is no longer whole (an exiting
 * one has no mm) gives zeros, not a fault.
 */
#pragma once

#include "kernel.bpf.h"

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

static __always_inline bool is_kernel_thread(struct task_struct *t)
{
	return BPF_CORE_READ(t, flags) & PF_KTHREAD;
}

/* ---- ids ---- */

/* The pid of a kind, which is a literal. */
#define task_pid(t, type)                                     \
	((type) == PIDTYPE_PID ? BPF_CORE_READ(t, thread_pid) \
			       : BPF_CORE_READ(t, signal, pids[type]))

/* The number in the initial namespace: what the host sees. */
static __always_inline s32 pid_nr(struct pid *pid)
{
	return pid ? BPF_CORE_READ(pid, numbers[0].nr) : 0;
}

/* Namespace levels the kernel allows (MAX_PID_NS_LEVEL). */
enum { PID_LEVEL_MASK = 31 };

/* Where a pid keeps its number and namespace for the level it was made in. */
static __always_inline void *own_upid(struct pid *pid)
{
	u32 level = BPF_CORE_READ(pid, level) & PID_LEVEL_MASK;

	return (void *)pid + bpf_core_field_offset(pid->numbers) +
	       level * bpf_core_type_size(struct upid);
}

/* The number in the namespace the pid was made in: what the process itself sees. */
static __always_inline s32 pid_vnr(struct pid *pid)
{
	struct upid *own;

	if (!pid)
		return 0;
	own = own_upid(pid);
	return BPF_CORE_READ(own, nr);
}

static __always_inline struct pid_namespace *pid_namespace_of(struct pid *pid)
{
	struct upid *own;

	if (!pid)
		return NULL;
	own = own_upid(pid);
	return BPF_CORE_READ(own, ns);
}

/* Depth of the pid namespace: 0 on the host. */
static __always_inline u32 pid_level(struct task_struct *t)
{
	return BPF_CORE_READ(t, thread_pid, level);
}

static __always_inline s32 parent_tid(struct task_struct *t)
{
	return BPF_CORE_READ(t, real_parent, pid);
}

/* When the namespace's init started, monotonic ns. */
static __always_inline u64 pidns_init_start(struct task_struct *t)
{
	struct pid_namespace *ns = pid_namespace_of(task_pid(t, PIDTYPE_TGID));

	return BPF_CORE_READ(ns, child_reaper, start_time);
}

/* When the task started, boot-based ns. With the tid it names a thread for ever. */
static __always_inline u64 task_start(struct task_struct *t)
{
	if (bpf_core_field_exists(t->start_boottime))
		return BPF_CORE_READ(t, start_boottime);
	return BPF_CORE_READ(t, real_start_time);
}

/* ---- credentials and limits ---- */

/*
 * A capability set of a struct cred. The array of two words (until 6.2) and the one word (since)
 * are the same bytes on a little-endian machine.
 */
static __always_inline u64 capability_bits(const kernel_cap_t *set)
{
	u64 bits = 0;

	bpf_probe_read_kernel(&bits, sizeof(bits), set);
	/* CAP_LAST_CAP of the event schema is 40; older kernels set bits above. */
	return bits & ((1ULL << 41) - 1);
}

#define CRED_CAPS(cred, member) capability_bits(__builtin_preserve_access_index(&(cred)->member))

static __always_inline u64 task_fdlimit(struct task_struct *t)
{
	enum { RLIMIT_NOFILE = 7 };

	return BPF_CORE_READ(t, signal, rlim[RLIMIT_NOFILE].rlim_cur);
}

static __always_inline u32 task_loginuid(struct task_struct *t)
{
	if (bpf_core_field_exists(t->loginuid))
		return BPF_CORE_READ(t, loginuid.val);
	return -1;
}

/* The terminal's device number as stat(2) shows it; 0 if there is none. */
static __always_inline u32 task_tty(struct task_struct *t)
{
	struct tty_struct *tty = BPF_CORE_READ(t, signal, tty);
	struct tty_driver *driver;
	u32 minor;

	if (!tty)
		return 0;
	driver = BPF_CORE_READ(tty, driver);
	if (!driver)
		return 0;
	minor = BPF_CORE_READ(driver, minor_start) + BPF_CORE_READ(tty, index);
	return (minor & 0xff) | BPF_CORE_READ(driver, major) << 8 | (minor & ~0xffu) << 12;
}

/* ---- memory, in KiB (pages of 4 KiB) ---- */

static __always_inline u32 mm_size_kib(struct mm_struct *mm)
{
	return BPF_CORE_READ(mm, total_vm) << 2;
}

/*
 * One counter: a plain number until 6.1, since 6.2 the central sum of a per-CPU counter. A macro,
 * because CO-RE relocates array accesses only where the index is a literal.
 */
#define MM_COUNTER(mm, which)                                                             \
	(bpf_core_type_exists(struct mm_rss_stat) ?                                       \
		 BPF_CORE_READ(mm, rss_stat.count[which].counter) :                       \
		 BPF_CORE_READ((struct mm_struct___6_2 *)(mm), rss_stat[which].count))

static __always_inline u32 mm_rss_kib(struct mm_struct *mm)
{
	return (MM_COUNTER(mm, MM_FILEPAGES) + MM_COUNTER(mm, MM_ANONPAGES) +
		MM_COUNTER(mm, MM_SHMEMPAGES)) << 2;
}

static __always_inline u32 mm_swap_kib(struct mm_struct *mm)
{
	return MM_COUNTER(mm, MM_SWAPENTS) << 2;
}
