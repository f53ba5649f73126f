/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Opening files: open, openat, openat2, creat, open_by_handle_at, memfd_create.
 *
 * Paths and struct open_how are those of the entry (entry.bpf.h): another thread may rewrite
 * them during the call. Device, inode, O_F_CREATED and the overlay layer are read
 * from the file that was opened.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/entry.bpf.h"
#include "../lib/file.bpf.h"
#include "../lib/flags.bpf.h"
#include "../lib/path.bpf.h"

/* What the kernel opened; all zero if the call failed. */
struct opened {
	u64 ino;
	u32 dev;
	u32 is_created;
	enum overlay_layer layer;
};

static __always_inline struct opened opened_file(s64 fd)
{
	struct opened o = {};
	struct file *file;

	/* Falco takes descriptor 0 for a failure here; a daemon may well open it. */
	if (fd < 0)
		return o;
	file = file_of_fd(fd);
	if (!file)
		return o;
	o.ino = file_ino(file);
	o.dev = file_dev(file);
	o.is_created = BPF_CORE_READ(file, f_mode) & FMODE_CREATED ? FLAG_F_CREATED : 0;
	o.layer = file_layer(file);
	return o;
}

static __always_inline u32 opened_flags(const struct opened *o)
{
	return o->is_created | (o->layer == LAYER_UPPER ? FLAG_UPPER_LAYER :
				o->layer == LAYER_LOWER ? FLAG_LOWER_LAYER : 0);
}

SYSCALL(open)
{
	struct opened o = opened_file(RET);
	u32 flags = ENTRY_ARG(1);

	EVENT(OPEN, open);
	e->fd = RET;
	e->flags = open_flags(flags) | opened_flags(&o);
	e->mode = open_mode(flags, ENTRY_ARG(2));
	e->dev = o.dev;
	e->ino = o.ino;
	PUT_ENTRY_PATH(OPEN, NAME, ARG(0));
	return SUBMIT();
}

SYSCALL(openat)
{
	struct opened o = opened_file(RET);
	u32 flags = ENTRY_ARG(2);

	EVENT(OPENAT, openat);
	e->fd = RET;
	e->dirfd = ARG(0);
	e->flags = open_flags(flags) | opened_flags(&o);
	e->mode = open_mode(flags, ENTRY_ARG(3));
	e->dev = o.dev;
	e->ino = o.ino;
	PUT_ENTRY_PATH(OPENAT, NAME, ARG(1));
	return SUBMIT();
}

SYSCALL(openat2)
{
	struct opened o = opened_file(RET);
	struct user_open_how how = {};

	ENTRY_OPEN_HOW(&how);
	EVENT(OPENAT2, openat2);
	e->fd = RET;
	e->dirfd = ARG(0);
	e->flags = open_flags(how.flags) | opened_flags(&o);
	e->mode = open_mode(how.flags, how.mode);
	e->resolve = openat2_resolve(how.resolve);
	e->dev = o.dev;
	e->ino = o.ino;
	PUT_ENTRY_PATH(OPENAT2, NAME, ARG(1));
	return SUBMIT();
}

SYSCALL(creat)
{
	struct opened o = opened_file(RET);

	EVENT(CREAT, creat);
	e->fd = RET;
	e->mode = chmod_mode(ENTRY_ARG(1));
	e->dev = o.dev;
	e->ino = o.ino;
	e->creat_flags = o.layer == LAYER_UPPER ? CREAT_FLAG_UPPER_LAYER :
			 o.layer == LAYER_LOWER ? CREAT_FLAG_LOWER_LAYER : 0;
	PUT_ENTRY_PATH(CREAT, NAME, ARG(0));
	return SUBMIT();
}

/* The handle names no path: the path is that of the file which was opened. */
SYSCALL(open_by_handle_at)
{
	struct opened o = opened_file(RET);

	EVENT(OPEN_BY_HANDLE_AT, open_by_handle_at);
	e->fd = RET;
	e->mountfd = ARG(0);
	e->flags = open_flags(ARG(2)) | opened_flags(&o);
	e->dev = o.dev;
	e->ino = o.ino;
	if (RET >= 0)
		put_file_path(&r, ORDINAL(OPEN_BY_HANDLE_AT, PATH), file_of_fd(RET));
	return SUBMIT();
}

SYSCALL(memfd_create)
{
	EVENT(MEMFD_CREATE, memfd_create);
	e->fd = RET;
	e->flags = memfd_create_flags(ARG(1));
	PUT_STRING(MEMFD_CREATE, NAME, ARG(0));
	return SUBMIT();
}
