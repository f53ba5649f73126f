/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control groups of a task, as Falco lists them: `cpuset=/a/b`, `cpu=...`, `cpuacct=...`,
 * `io=...`, `memory=...`, each with its NUL, as far as the kernel has the controller.
 *
 * Where the unified hierarchy is used, the controllers mostly share one group, so a path is built
 * once and put again while the group stays the same.
 */
#pragma once

#include "record.bpf.h"
#include "task.bpf.h"

enum {
	CGROUP_COMPONENTS = 16,
	CGROUP_NAME_BYTES = 256,
	CGROUP_PATH_MASK = PATH_BYTES - 1,
};

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->parent))
		return BPF_CORE_READ(kn, parent);
	return BPF_CORE_READ(kn, __parent);
}

/* Builds the path in the path area, with its NUL at PATH_BYTES - 1; offset of its first byte. */
STEP u32 build_cgroup_path(u32 key, u64 address)
{
	struct kernfs_node *kn = (struct kernfs_node *)address;
	struct scratch *s = scratch_of(key);

	if (!s)
		return PATH_BYTES;
	s->at = PATH_BYTES - 1;
	s->path[PATH_BYTES - 1] = 0;
	for (u32 i = 0; i < CGROUP_COMPONENTS && kn; i++) {
		struct kernfs_node *parent = kernfs_parent(kn);
		const char *name;
		long bytes;
		u32 at;

		/* The root has no name. */
		if (!parent)
			break;
		name = BPF_CORE_READ(kn, name);
		/* Names carry no length: read once for it, again to where it belongs. */
		bytes = bpf_probe_read_kernel_str(s->path + PATH_BYTES, CGROUP_NAME_BYTES, name);
		at = *(volatile u32 *)&s->at;
		if (bytes <= 1 || bytes > CGROUP_NAME_BYTES || at < bytes)
			break;
		bytes -= 1;
		at -= bytes;
		asm volatile("" : "+r"(at));
		asm volatile("" : "+r"(bytes));
		bpf_probe_read_kernel(s->path + (at & CGROUP_PATH_MASK),
				      bytes & (CGROUP_NAME_BYTES - 1), name);
		at -= 1;
		s->path[at & CGROUP_PATH_MASK] = '/';
		*(volatile u32 *)&s->at = at;
		kn = parent;
	}
	if (*(volatile u32 *)&s->at == PATH_BYTES - 1) {
		s->at = PATH_BYTES - 2;
		s->path[PATH_BYTES - 2] = '/';
	}
	return s->at;
}

/* `name=` of a controller in the bytes of a number, as a step takes it; at most eight bytes. */
#define NAME_BYTES(text) (sizeof(text) - 1)
#define NAME_WORD(text)                                                                         \
	({                                                                                      \
		const char name_[8] = text;                                                     \
		u64 word_ = 0;                                                                  \
		_Static_assert(NAME_BYTES(text) <= 8, "the name fits a word");                  \
		for (u32 i_ = 0; i_ < 8; i_++)                                                  \
			word_ |= (u64)(u8)name_[i_] << 8 * i_;                                  \
		word_;                                                                          \
	})

/*
 * Writes `name=path` of a controller behind @at bytes of the record. The path is the one in the path
 * area, from @path_at on. Returns the bytes written.
 */
STEP u32 copy_controller(u32 key, u32 at, u64 name, u32 name_bytes, u32 path_at)
{
	struct scratch *s = scratch_of(key);
	u32 path_bytes;
	u8 *to;

	if (!s || path_at >= PATH_BYTES || name_bytes > sizeof(name))
		return 0;
	to = step_tail(s, at);
	if (!to)
		return 0;
	__builtin_memcpy(to, &name, sizeof(name));
	to += name_bytes;
	path_bytes = PATH_BYTES - path_at;
	asm volatile("" : "+r"(path_bytes));
	if (path_bytes > PATH_BYTES)
		return 0;
	if (bpf_probe_read_kernel(to, path_bytes, s->path + (path_at & CGROUP_PATH_MASK)))
		return 0;
	return name_bytes + path_bytes;
}

struct cgroup_walk {
	u32 key;
	u32 at; /* of the record, where the parameter begins */
	struct css_set *set;
	struct cgroup *last; /* whose path lies in the path area, from `last_at` on */
	u32 last_at;
	u32 bytes;
};

static __always_inline void add_controller(struct cgroup_walk *w, u64 index, u64 name,
					   u32 name_bytes)
{
	struct cgroup_subsys_state *css = NULL;
	struct cgroup *cgroup;

	bpf_probe_read_kernel(&css, sizeof(css),
			      (void *)w->set + bpf_core_field_offset(w->set->subsys) + index * 8);
	cgroup = BPF_CORE_READ(css, cgroup);
	if (!cgroup)
		return;
	if (cgroup != w->last) {
		w->last_at = build_cgroup_path(w->key, (u64)BPF_CORE_READ(cgroup, kn));
		w->last = cgroup;
	}
	w->bytes += copy_controller(w->key, w->at + w->bytes, name, name_bytes, w->last_at);
}

#define ADD_CONTROLLER(walk, id, name)                                                          \
	do {                                                                                    \
		if (bpf_core_enum_value_exists(enum cgroup_subsys_id, id))                      \
			add_controller(walk, bpf_core_enum_value(enum cgroup_subsys_id, id),    \
				       NAME_WORD(name), NAME_BYTES(name));                      \
	} while (0)

/* Writes the groups of a task, whose css_set is @set, behind @at bytes of the record; the bytes. */
STEP u32 copy_cgroups(u32 key, u32 at, u64 set)
{
	struct cgroup_walk walk = { .key = key, .at = at, .set = (struct css_set *)set };

	if (!set)
		return 0;
	ADD_CONTROLLER(&walk, cpuset_cgrp_id, "cpuset=");
	ADD_CONTROLLER(&walk, cpu_cgrp_id, "cpu=");
	ADD_CONTROLLER(&walk, cpuacct_cgrp_id, "cpuacct=");
	ADD_CONTROLLER(&walk, io_cgrp_id, "io=");
	ADD_CONTROLLER(&walk, memory_cgrp_id, "memory=");
	return walk.bytes;
}

static __always_inline void put_cgroups(struct rec *r, u32 ordinal, struct task_struct *t)
{
	rec_take(r, ordinal, copy_cgroups(r->key, r->len, (u64)BPF_CORE_READ(t, cgroups)));
}
