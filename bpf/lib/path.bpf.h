/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The path of a struct path, by walking its dentries up to the root.
 *
 * bpf_d_path() is allowed in few kinds of programs, so this is ours: at most PATH_COMPONENTS
 * components, built backwards in the scratch's path area. The walk crosses mounts and ends at the
 * root of the mount tree. What lies in no directory (a memfd) is its bare name.
 *
 * Bounded by PATH_COMPONENTS rounds of about 80 instructions.
 */
#pragma once

#include "record.bpf.h"
#include "task.bpf.h"

enum {
	PATH_COMPONENTS = 64,
	PATH_MASK = PATH_BYTES - 1,
	NAME_MASK = 255, /* NAME_MAX */
};

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	struct mount *m = NULL;

	return (void *)mnt - bpf_core_field_offset(m->mnt);
}

/*
 * Builds the path of the struct path at @address in the slot's path area, with its NUL at
 * PATH_BYTES - 1. Returns the offset of its first byte; PATH_BYTES if there is no path.
 */
STEP u32 build_path(u32 key, u64 address)
{
	const struct path *path = (const struct path *)address;
	struct dentry *dentry = BPF_CORE_READ(path, dentry);
	struct mount *mount = mount_of(BPF_CORE_READ(path, mnt));
	struct scratch *s = scratch_of(key);

	if (!dentry || !s)
		return PATH_BYTES;
	s->at = PATH_BYTES - 1;
	s->path[PATH_BYTES - 1] = 0;
	for (u32 i = 0; i < PATH_COMPONENTS; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		u32 len, at;

		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (above == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		/* A root that is no mount's: of a memfd, a pipe. */
		if (dentry == parent && i > 0)
			break;
		len = BPF_CORE_READ(dentry, d_name.len) & NAME_MASK;
		at = *(volatile u32 *)&s->at;
		if (at < len + 1)
			break;
		at -= len;
		asm volatile("" : "+r"(at));
		asm volatile("" : "+r"(len));
		bpf_probe_read_kernel(s->path + (at & PATH_MASK), len & NAME_MASK,
				      BPF_CORE_READ(dentry, d_name.name));
		if (dentry == parent)
			return at;
		at -= 1;
		s->path[at & PATH_MASK] = '/';
		*(volatile u32 *)&s->at = at;
		dentry = parent;
	}
	if (*(volatile u32 *)&s->at == PATH_BYTES - 1) {
		s->at = PATH_BYTES - 2;
		s->path[PATH_BYTES - 2] = '/';
	}
	return s->at;
}

/* Puts the path as a parameter, with its NUL. */
static __always_inline void put_path(struct rec *r, u32 ordinal, const struct path *path)
{
	u32 at = build_path(r->key, (u64)path);

	asm volatile("" : "+r"(at));
	if (at >= PATH_BYTES)
		return;
	put_kernel_bytes(r, ordinal, r->scratch->path + (at & PATH_MASK), PATH_BYTES - at,
			 PATH_BYTES);
}

static __always_inline void put_file_path(struct rec *r, u32 ordinal, struct file *file)
{
	if (file)
		put_path(r, ordinal, __builtin_preserve_access_index(&file->f_path));
}
