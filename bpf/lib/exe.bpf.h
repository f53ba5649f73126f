/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The executable of a task: who may write to it, where it lies, its times.
 */
#pragma once

#include "record.bpf.h"
#include "task.bpf.h"

/* Portable flags of an executable. */
enum {
	EXE_WRITABLE = 1,
	EXE_UPPER_LAYER = 2,
	EXE_FROM_MEMFD = 4,
	EXE_LOWER_LAYER = 8,
};

/* UID_GID_MAP_MAX_BASE_EXTENTS: more lie elsewhere, and count as unmapped. */
enum { MAX_BASE_EXTENTS = 5 };

static __always_inline u64 epoch_ns(s64 sec, s64 nsec)
{
	return sec < 0 ? 0 : sec * 1000000000ULL + nsec;
}

static __always_inline u64 inode_ctime_ns(struct inode *inode)
{
	struct inode___6_6 *hidden = (void *)inode;
	struct inode___6_11 *split = (void *)inode;

	if (bpf_core_field_exists(inode->i_ctime))
		return epoch_ns(BPF_CORE_READ(inode, i_ctime.tv_sec),
				BPF_CORE_READ(inode, i_ctime.tv_nsec));
	if (bpf_core_field_exists(hidden->__i_ctime))
		return epoch_ns(BPF_CORE_READ(hidden, __i_ctime.tv_sec),
				BPF_CORE_READ(hidden, __i_ctime.tv_nsec));
	/* Since 6.13 the top bit says that somebody looked at the time (I_CTIME_QUERIED). */
	return epoch_ns(BPF_CORE_READ(split, i_ctime_sec),
			BPF_CORE_READ(split, i_ctime_nsec) & 0x7fffffff);
}

static __always_inline u64 inode_mtime_ns(struct inode *inode)
{
	struct inode___6_6 *hidden = (void *)inode;
	struct inode___6_11 *split = (void *)inode;

	if (bpf_core_field_exists(inode->i_mtime))
		return epoch_ns(BPF_CORE_READ(inode, i_mtime.tv_sec),
				BPF_CORE_READ(inode, i_mtime.tv_nsec));
	if (bpf_core_field_exists(hidden->__i_mtime))
		return epoch_ns(BPF_CORE_READ(hidden, __i_mtime.tv_sec),
				BPF_CORE_READ(hidden, __i_mtime.tv_nsec));
	return epoch_ns(BPF_CORE_READ(split, i_mtime_sec), BPF_CORE_READ(split, i_mtime_nsec));
}

/* Whether a kernel id has a number in the namespace; at most 5 extents are looked at. */
static __always_inline bool is_id_mapped(struct uid_gid_map *map, u32 id)
{
	u32 extents = BPF_CORE_READ(map, nr_extents);
	void *extent = (void *)map + bpf_core_field_offset(map->extent);

	for (u32 i = 0; i < MAX_BASE_EXTENTS && i < extents; i++) {
		struct uid_gid_extent here = {};

		bpf_probe_read_kernel(&here, sizeof(here), extent + i * sizeof(here));
		if (id - here.lower_first < here.count)
			return true;
	}
	return false;
}

/* Whether the supplementary groups, which are sorted, contain @gid: 16 halvings of 65536. */
static __always_inline bool has_group(const struct cred *cred, u32 gid)
{
	struct group_info *info = BPF_CORE_READ(cred, group_info);
	u32 left = 0, right;
	u32 *ids;

	if (!info)
		return false;
	right = BPF_CORE_READ(info, ngroups);
	ids = (void *)info + bpf_core_field_offset(info->gid);
	for (u32 i = 0; i < 16 && left < right; i++) {
		u32 middle = (left + right) / 2;
		u32 here = 0;

		bpf_probe_read_kernel(&here, sizeof(here), ids + middle);
		if (here == gid)
			return true;
		if (gid > here)
			left = middle + 1;
		else
			right = middle;
	}
	return false;
}

/*
 * Whether the task might write to the inode: by ownership, mode bits or capability. Access lists
 * are behind function pointers and stay out of it.
 */
STEP u32 may_write(u64 task, u64 inode_address)
{
	struct task_struct *t = (struct task_struct *)task;
	struct inode *inode = (struct inode *)inode_address;
	enum { SB_RDONLY = 1, S_IMMUTABLE = 8, CAP_DAC_OVERRIDE = 1, CAP_FOWNER = 3, WRITE = 2 };
	enum { TYPE = 0170000, LINK = 0120000, REGULAR = 0100000, DIRECTORY = 0040000 };
	const struct cred *cred = BPF_CORE_READ(t, cred);
	u32 mode = BPF_CORE_READ(inode, i_mode);
	u32 type = mode & TYPE;
	u32 uid = BPF_CORE_READ(inode, i_uid.val);
	u32 gid = BPF_CORE_READ(inode, i_gid.val);
	struct user_namespace *ns;
	bool is_uid_mapped;
	u64 caps;

	if (BPF_CORE_READ(inode, i_sb, s_flags) & SB_RDONLY &&
	    (type == REGULAR || type == DIRECTORY || type == LINK))
		return false;
	if (BPF_CORE_READ(inode, i_flags) & S_IMMUTABLE || uid == (u32)-1 || gid == (u32)-1)
		return false;
	if (BPF_CORE_READ(cred, fsuid.val) == uid)
		return true;
	if (BPF_CORE_READ(cred, fsgid.val) == gid || has_group(cred, gid))
		mode >>= 3;
	if (mode & WRITE)
		return true;
	ns = BPF_CORE_READ(cred, user_ns);
	if (!ns)
		return false;
	caps = CRED_CAPS(cred, cap_effective);
	is_uid_mapped = is_id_mapped(__builtin_preserve_access_index(&ns->uid_map), uid);
	if (caps >> CAP_FOWNER & 1 && is_uid_mapped)
		return true;
	return caps >> CAP_DAC_OVERRIDE & 1 && is_uid_mapped &&
	       is_id_mapped(__builtin_preserve_access_index(&ns->gid_map), gid);
}

/*
 * The layer of an overlay that holds the file. struct ovl_inode starts with the VFS inode, which
 * the upper dentry follows; only the module's BTF describes it.
 */
static __always_inline u32 exe_layer(struct file *file)
{
	enum { OVERLAY_SUPER_MAGIC = 0x794c7630 };
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct dentry *upper = NULL;
	void *inode;

	if (BPF_CORE_READ(dentry, d_sb, s_magic) != OVERLAY_SUPER_MAGIC)
		return 0;
	inode = BPF_CORE_READ(dentry, d_inode);
	bpf_probe_read_kernel(&upper, sizeof(upper), inode + bpf_core_type_size(struct inode));
	return upper && BPF_CORE_READ(upper, d_inode, i_ino) ? EXE_UPPER_LAYER : EXE_LOWER_LAYER;
}

/* Whether the file is one of memfd_create(), which no directory holds. */
static __always_inline bool is_memfd(struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	char name[8] = {};

	if (!dentry || BPF_CORE_READ(dentry, d_parent) != dentry)
		return false;
	bpf_probe_read_kernel_str(name, 7, BPF_CORE_READ(dentry, d_name.name));
	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' &&
	       name[4] == 'd' && name[5] == ':';
}

static __always_inline u32 exe_flags(struct task_struct *t, struct file *exe)
{
	u32 flags;

	if (!exe)
		return 0;
	flags = exe_layer(exe);
	if (may_write((u64)t, (u64)BPF_CORE_READ(exe, f_inode)))
		flags |= EXE_WRITABLE;
	if (is_memfd(exe))
		flags |= EXE_FROM_MEMFD;
	return flags;
}
