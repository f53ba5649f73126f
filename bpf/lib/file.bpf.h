/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of an open file of the current task: its struct file, device,
 * inode and layer of an overlay. Never takes a reference: the call that is being
 * recorded has just used the descriptor, and every read checks its pointer.
 */
#pragma once

#include "capture.bpf.h"

enum {
	OVERLAYFS_MAGIC = 0x794c7630,
	FMODE_CREATED = 0x100000,
};

/* The struct file of a descriptor; NULL if there is none. */
static __always_inline struct file *file_of_fd(s32 fd)
{
	struct fdtable *table = BPF_CORE_READ(CURRENT, files, fdt);
	struct file **files;
	struct file *file = NULL;

	if (!table || fd < 0 || (u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	files = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), &files[fd]);
	return file;
}

/* Kernel's dev_t (12 bits major, 20 minor) as stat(2) shows it. */
static __always_inline u32 user_dev(u32 dev)
{
	u32 major = dev >> 20;
	u32 minor = dev & 0xfffff;

	return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static __always_inline u32 file_dev(struct file *file)
{
	return user_dev(BPF_CORE_READ(file, f_inode, i_sb, s_dev));
}

static __always_inline u64 file_ino(struct file *file)
{
	return BPF_CORE_READ(file, f_inode, i_ino);
}

enum overlay_layer { LAYER_NONE, LAYER_UPPER, LAYER_LOWER };

/*
 * The layer of an overlay that holds the file. struct ovl_inode starts with the
 * VFS inode, which the upper dentry pointer follows; only the module's BTF
 * describes it, so its place is computed from the size of struct inode.
 */
static __always_inline enum overlay_layer file_layer(struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct dentry *upper = NULL;
	char *inode;

	if (BPF_CORE_READ(dentry, d_sb, s_magic) != OVERLAYFS_MAGIC)
		return LAYER_NONE;
	inode = (char *)BPF_CORE_READ(dentry, d_inode);
	bpf_probe_read_kernel(&upper, sizeof(upper),
			      inode + bpf_core_type_size(struct inode));
	if (upper && BPF_CORE_READ(upper, d_inode, i_ino))
		return LAYER_UPPER;
	return LAYER_LOWER;
}
