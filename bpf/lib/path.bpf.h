/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The path of a struct path, by walking its dentries up to the root.
 *
 * bpf_d_path() is allowed in few kinds of programs, so this is ours: at most PATH_COMPONENTS
 * components, built backwards in the scratch's path area. The walk crosses mounts and ends at the
 * root of the mount tree. What lies in no directory (a memfd) is its bare name. A path that is
 * longer loses its front, is marked, and does not begin with a slash: it is no path from the root.
 *
 * Bounded by PATH_COMPONENTS rounds of about 80 instructions, in strides.
 */
#pragma once

#include "record.bpf.h"
#include "task.bpf.h"

enum {
	PATH_COMPONENTS = 64,
	PATH_STRIDE = 8,
	PATH_MASK = PATH_BYTES - 1,
	NAME_MASK = 255, /* NAME_MAX */
	PATH_CUT_BIT = 16, /* in what build_path() returns: the front is missing */
};

/* What walk_up() has come to. */
enum { WALK_TOP, WALK_MORE, WALK_FULL };

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
	struct mount *m = NULL;

	return (void *)mnt - bpf_core_field_offset(m->mnt);
}

/* How far a walk has come. Lies in the path area, behind the path. */
struct path_walk {
	struct dentry *dentry;
	struct mount *mount;
};

static __always_inline struct path_walk *walk_of(struct scratch *s)
{
	return __builtin_assume_aligned(s->path + PATH_BYTES, 8);
}

/*
 * Puts the names of the next PATH_STRIDE components before what the path area holds; WALK_MORE if
 * there may be more. A function of its own, so that the verifier walks one stride and not all.
 */
STEP u32 walk_up(u32 key, u32 is_first)
{
	struct scratch *s = scratch_of(key);
	struct path_walk *walk;
	struct dentry *dentry;
	struct mount *mount;

	if (!s)
		return WALK_TOP;
	walk = walk_of(s);
	dentry = walk->dentry;
	mount = walk->mount;
	for (u32 i = 0; i < PATH_STRIDE; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		u32 len, at;

		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (above == mount)
				return WALK_TOP;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		/* A root that is no mount's: of a memfd, a pipe. */
		if (dentry == parent && (i > 0 || !is_first))
			return WALK_TOP;
		len = BPF_CORE_READ(dentry, d_name.len) & NAME_MASK;
		at = *(volatile u32 *)&s->at;
		if (at < len + 1)
			return WALK_FULL;
		at -= len;
		asm volatile("" : "+r"(at));
		asm volatile("" : "+r"(len));
		bpf_probe_read_kernel(s->path + (at & PATH_MASK), len & NAME_MASK,
				      BPF_CORE_READ(dentry, d_name.name));
		if (dentry == parent) {
			*(volatile u32 *)&s->at = at;
			return WALK_TOP;
		}
		at -= 1;
		s->path[at & PATH_MASK] = '/';
		*(volatile u32 *)&s->at = at;
		dentry = parent;
	}
	walk->dentry = dentry;
	walk->mount = mount;
	return WALK_MORE;
}

/*
 * Builds the path of the struct path at @address in the slot's path area, with its NUL at
 * PATH_BYTES - 1. Returns the offset of its first byte, with PATH_CUT_BIT if its front is missing;
 * PATH_BYTES if there is no path.
 */
STEP u32 build_path(u32 key, u64 address)
{
	const struct path *path = (const struct path *)address;
	struct dentry *dentry = BPF_CORE_READ(path, dentry);
	struct scratch *s = scratch_of(key);
	u32 walked = WALK_TOP;

	if (!dentry || !s)
		return PATH_BYTES;
	walk_of(s)->dentry = dentry;
	walk_of(s)->mount = mount_of(BPF_CORE_READ(path, mnt));
	s->at = PATH_BYTES - 1;
	s->path[PATH_BYTES - 1] = 0;
	for (u32 i = 0; i < PATH_COMPONENTS / PATH_STRIDE; i++) {
		walked = walk_up(key, i == 0);
		if (walked != WALK_MORE)
			break;
	}
	if (walked != WALK_TOP)
		return (*(volatile u32 *)&s->at + 1) | 1 << PATH_CUT_BIT;
	if (*(volatile u32 *)&s->at == PATH_BYTES - 1) {
		s->at = PATH_BYTES - 2;
		s->path[PATH_BYTES - 2] = '/';
	}
	return s->at;
}

/* Puts the path as a parameter, with its NUL. */
static __always_inline void put_path(struct rec *r, u32 ordinal, const struct path *path)
{
	u32 found = build_path(r->key, (u64)path);
	u32 at = found & U16_MAX;

	r->flags |= RECORD_TRUNCATED * (found >> PATH_CUT_BIT & 1);
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
