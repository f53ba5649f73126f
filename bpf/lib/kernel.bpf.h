/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel types, as far as the probe reads them.
 *
 * Only the fields that are used, in any order: CO-RE relocates every access by name
 * (preserve_access_index), so no vmlinux.h and no kernel headers are needed. Sources are the
 * kernel's own headers; the file is named beside each group.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/errno.h>
#include <stdbool.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* arch/x86/include/asm/ptrace.h */
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8;
	unsigned long ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

/* arch/x86/include/asm/thread_info.h: `status` holds TS_COMPAT */
struct thread_info {
	unsigned long flags;
	u32 status;
};

/* include/linux/types.h, include/linux/uidgid.h */
struct list_head {
	struct list_head *next, *prev;
};
struct hlist_node {
	struct hlist_node *next, **pprev;
};
typedef struct {
	u32 val;
} kuid_t;
typedef struct {
	u32 val;
} kgid_t;

/* include/linux/pid.h, include/linux/ns_common.h, include/linux/pid_namespace.h */
struct ns_common {
	unsigned int inum;
};
struct pid_namespace {
	struct task_struct *child_reaper;
	unsigned int level;
	struct pid_namespace *parent;
	struct ns_common ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};

/* include/linux/capability.h: an array of two u32 before 6.3, one u64 since */
struct kernel_cap_struct {
	u64 val;
};
typedef struct kernel_cap_struct kernel_cap_t;
struct kernel_cap_struct___array {
	u32 cap[2];
};

/* include/linux/user_namespace.h */
struct uid_gid_extent {
	u32 first, lower_first, count;
};
struct uid_gid_map {
	u32 nr_extents;
	struct uid_gid_extent extent[5];
};
struct user_namespace {
	int level;
	struct uid_gid_map uid_map, gid_map;
};

/* include/linux/cred.h */
struct group_info {
	int ngroups;
	kgid_t gid[0];
};
struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
	kernel_cap_t cap_inheritable;
	kernel_cap_t cap_permitted;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
	struct group_info *group_info;
};

/* include/linux/dcache.h, include/linux/path.h */
struct qstr {
	u32 hash;
	u32 len;
	const unsigned char *name;
};
struct dentry {
	unsigned int d_flags;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
	void *d_fsdata;
};
struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
	int mnt_flags;
};
/* fs/mount.h */
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	int mnt_id;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

/* include/linux/fs.h */
struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};
struct file_system_type {
	const char *name;
};
struct super_block {
	unsigned int s_dev;
	unsigned long s_magic;
	unsigned long s_flags;
	struct dentry *s_root;
	struct file_system_type *s_type;
	struct user_namespace *s_user_ns;
};
struct inode {
	u16 i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	unsigned int i_flags;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int __i_nlink_unused;
	unsigned int i_nlink;
	u32 i_rdev;
	struct timespec64 i_ctime; /* until 6.5 */
	struct timespec64 i_mtime; /* until 6.10 */
};
struct inode___6_6 {
	struct timespec64 __i_ctime; /* 6.6 to 6.10 */
	struct timespec64 __i_mtime;
};
struct inode___6_11 {
	s64 i_ctime_sec; /* since 6.11 */
	u32 i_ctime_nsec;
	s64 i_mtime_sec;
	u32 i_mtime_nsec;
};
struct file_operations;
struct file {
	unsigned int f_flags;
	unsigned int f_mode;
	struct path f_path;
	struct inode *f_inode;
	const struct file_operations *f_op;
	void *private_data;
};

/* include/linux/fdtable.h */
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};

/* include/linux/fs_struct.h */
struct fs_struct {
	struct path root;
	struct path pwd;
};

/* include/linux/mm_types.h; counters are plain until 6.2, per-CPU since */
struct mm_rss_stat {
	struct {
		s64 counter;
	} count[4];
};
struct percpu_counter {
	s64 count;
};
struct mm_struct {
	unsigned long total_vm;
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
	struct mm_rss_stat rss_stat;
};
struct mm_struct___6_2 {
	struct percpu_counter rss_stat[4];
};

/* include/linux/cgroup-defs.h */
struct kernfs_node {
	const char *name;
	struct kernfs_node *parent;
	struct kernfs_node *__parent; /* since 6.15 */
};
struct cgroup {
	struct kernfs_node *kn;
};
struct cgroup_subsys {
	const char *name;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys *ss;
};
enum cgroup_subsys_id {
	cpuset_cgrp_id,
	cpu_cgrp_id,
	cpuacct_cgrp_id,
	io_cgrp_id,
	memory_cgrp_id,
};
struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

/* include/linux/sched/signal.h, include/linux/tty_driver.h, include/linux/resource.h */
struct tty_driver {
	int major;
	int minor_start;
};
struct tty_struct {
	int index;
	struct tty_driver *driver;
};
struct rlimit {
	unsigned long rlim_cur;
	unsigned long rlim_max;
};
struct signal_struct {
	struct {
		int counter;
	} live;
	struct pid *pids[4];
	struct tty_struct *tty;
	struct rlimit rlim[16];
	struct list_head thread_head;
	unsigned int is_child_subreaper : 1;
	unsigned int has_child_subreaper : 1;
};

/* include/linux/nsproxy.h */
struct nsproxy {
	struct pid_namespace *pid_ns_for_children;
};

/* include/linux/audit.h */
struct audit_task_info {
	kuid_t loginuid;
};

/* include/linux/sched.h */
struct task_struct {
	struct thread_info thread_info;
	void *stack;
	unsigned int flags;
	int exit_state;
	int exit_code;
	int exit_signal;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct list_head children;
	struct list_head sibling;
	struct list_head thread_node;
	u64 start_time;
	u64 start_boottime;
	u64 real_start_time; /* name of start_boottime before 5.5 */
	unsigned long min_flt;
	unsigned long maj_flt;
	u64 utime, stime;
	const struct cred *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct mm_struct *mm;
	struct css_set *cgroups;
	kuid_t loginuid;
};

/* include/linux/binfmts.h */
struct linux_binprm {
	const char *filename;
};

/* include/uapi/asm-generic/siginfo.h; the members that carry a sender's pid */
union __sifields {
	struct {
		int _pid;
	} _kill;
	struct {
		int _pid;
	} _rt;
	struct {
		int _pid;
	} _sigchld;
};
struct kernel_siginfo {
	int si_code;
	union __sifields _sifields;
};

/* include/linux/bpf.h, kernel/bpf/task_iter.c */
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

#pragma clang attribute pop

enum { TS_COMPAT = 0x2 };
enum { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID };
enum { PF_KTHREAD = 0x00200000, PF_EXITING = 0x4 };
enum { MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS, MM_SHMEMPAGES };
