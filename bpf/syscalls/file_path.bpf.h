/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls that name files by path: rename, link, symlink, unlink, mkdir, rmdir,
 * chmod, chown, stat, access, chdir, chroot, mknod, getcwd and their *at forms.
 *
 * Paths are the caller's strings, at most PATH_MAX; Falco joins them with the
 * working directory or the directory descriptor in user space, and so do we.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/file.bpf.h"
#include "../lib/flags.bpf.h"

/* Events that consist of the result and the path in the first argument. */
#define RES_AND_PATH(NAME, name, FIELD)          \
	SYSCALL(name)                            \
	{                                        \
		EVENT(NAME, name);                     \
		e->res = RET;                    \
		PUT_STRING(NAME, FIELD, ARG(0)); \
		return SUBMIT();                 \
	}

RES_AND_PATH(STAT, stat, PATH)
RES_AND_PATH(LSTAT, lstat, PATH)
RES_AND_PATH(STAT64, stat64, PATH)
RES_AND_PATH(LSTAT64, lstat64, PATH)
RES_AND_PATH(CHDIR, chdir, PATH)
RES_AND_PATH(CHROOT, chroot, PATH)
RES_AND_PATH(RMDIR, rmdir, PATH)
RES_AND_PATH(UNLINK, unlink, PATH)
RES_AND_PATH(UMOUNT, umount, NAME)

/* ia32 only; Falco records no descriptor. */
SYSCALL(fstat64)
{
	EVENT(FSTAT64, fstat64);
	e->res = RET;
	return SUBMIT();
}

/* Two paths, both relative to the working directory. */
#define RES_AND_TWO_PATHS(NAME, name, FIRST, SECOND) \
	SYSCALL(name)                                \
	{                                            \
		EVENT(NAME, name);                         \
		e->res = RET;                        \
		PUT_STRING(NAME, FIRST, ARG(0));     \
		PUT_STRING(NAME, SECOND, ARG(1));    \
		return SUBMIT();                     \
	}

RES_AND_TWO_PATHS(RENAME, rename, OLDPATH, NEWPATH)
RES_AND_TWO_PATHS(LINK, link, OLDPATH, NEWPATH)
RES_AND_TWO_PATHS(SYMLINK, symlink, TARGET, LINKPATH)

SYSCALL(renameat)
{
	EVENT(RENAMEAT, renameat);
	e->res = RET;
	e->olddirfd = ARG(0);
	e->newdirfd = ARG(2);
	PUT_STRING(RENAMEAT, OLDPATH, ARG(1));
	PUT_STRING(RENAMEAT, NEWPATH, ARG(3));
	return SUBMIT();
}

SYSCALL(renameat2)
{
	EVENT(RENAMEAT2, renameat2);
	e->res = RET;
	e->olddirfd = ARG(0);
	e->newdirfd = ARG(2);
	e->flags = ARG(4);
	PUT_STRING(RENAMEAT2, OLDPATH, ARG(1));
	PUT_STRING(RENAMEAT2, NEWPATH, ARG(3));
	return SUBMIT();
}

SYSCALL(linkat)
{
	EVENT(LINKAT, linkat);
	e->res = RET;
	e->olddir = ARG(0);
	e->newdir = ARG(2);
	e->flags = follow_flags(ARG(4));
	PUT_STRING(LINKAT, OLDPATH, ARG(1));
	PUT_STRING(LINKAT, NEWPATH, ARG(3));
	return SUBMIT();
}

SYSCALL(symlinkat)
{
	EVENT(SYMLINKAT, symlinkat);
	e->res = RET;
	e->linkdirfd = ARG(1);
	PUT_STRING(SYMLINKAT, TARGET, ARG(0));
	PUT_STRING(SYMLINKAT, LINKPATH, ARG(2));
	return SUBMIT();
}

SYSCALL(unlinkat)
{
	EVENT(UNLINKAT, unlinkat);
	e->res = RET;
	e->dirfd = ARG(0);
	e->flags = unlinkat_flags(ARG(2));
	PUT_STRING(UNLINKAT, NAME, ARG(1));
	return SUBMIT();
}

SYSCALL(mkdir)
{
	EVENT(MKDIR, mkdir);
	e->res = RET;
	e->mode = ARG(1);
	PUT_STRING(MKDIR, PATH, ARG(0));
	return SUBMIT();
}

SYSCALL(mkdirat)
{
	EVENT(MKDIRAT, mkdirat);
	e->res = RET;
	e->dirfd = ARG(0);
	e->mode = ARG(2);
	PUT_STRING(MKDIRAT, PATH, ARG(1));
	return SUBMIT();
}

SYSCALL(mknod)
{
	EVENT(MKNOD, mknod);
	e->res = RET;
	e->mode = mknod_mode(ARG(1));
	e->dev = user_dev(ARG(2));
	PUT_STRING(MKNOD, PATH, ARG(0));
	return SUBMIT();
}

SYSCALL(mknodat)
{
	EVENT(MKNODAT, mknodat);
	e->res = RET;
	e->dirfd = ARG(0);
	e->mode = mknod_mode(ARG(2));
	e->dev = user_dev(ARG(3));
	PUT_STRING(MKNODAT, PATH, ARG(1));
	return SUBMIT();
}

SYSCALL(chmod)
{
	EVENT(CHMOD, chmod);
	e->res = RET;
	e->mode = chmod_mode(ARG(1));
	PUT_STRING(CHMOD, FILENAME, ARG(0));
	return SUBMIT();
}

SYSCALL(fchmod)
{
	EVENT(FCHMOD, fchmod);
	e->res = RET;
	e->fd = ARG(0);
	e->mode = chmod_mode(ARG(1));
	return SUBMIT();
}

SYSCALL(fchmodat)
{
	EVENT(FCHMODAT, fchmodat);
	e->res = RET;
	e->dirfd = ARG(0);
	e->mode = chmod_mode(ARG(2));
	PUT_STRING(FCHMODAT, FILENAME, ARG(1));
	return SUBMIT();
}

SYSCALL(chown)
{
	EVENT(CHOWN, chown);
	e->res = RET;
	e->uid = ARG(1);
	e->gid = ARG(2);
	PUT_STRING(CHOWN, PATH, ARG(0));
	return SUBMIT();
}

SYSCALL(lchown)
{
	EVENT(LCHOWN, lchown);
	e->res = RET;
	e->uid = ARG(1);
	e->gid = ARG(2);
	PUT_STRING(LCHOWN, PATH, ARG(0));
	return SUBMIT();
}

SYSCALL(fchown)
{
	EVENT(FCHOWN, fchown);
	e->res = RET;
	e->fd = ARG(0);
	e->uid = ARG(1);
	e->gid = ARG(2);
	return SUBMIT();
}

SYSCALL(fchownat)
{
	EVENT(FCHOWNAT, fchownat);
	e->res = RET;
	e->dirfd = ARG(0);
	e->uid = ARG(2);
	e->gid = ARG(3);
	e->flags = follow_flags(ARG(4));
	PUT_STRING(FCHOWNAT, PATHNAME, ARG(1));
	return SUBMIT();
}

SYSCALL(newfstatat)
{
	EVENT(NEWFSTATAT, newfstatat);
	e->res = RET;
	e->dirfd = ARG(0);
	e->flags = newfstatat_flags(ARG(3));
	PUT_STRING(NEWFSTATAT, PATH, ARG(1));
	return SUBMIT();
}

SYSCALL(access)
{
	EVENT(ACCESS, access);
	e->res = RET;
	e->mode = access_mode(ARG(1));
	PUT_STRING(ACCESS, NAME, ARG(0));
	return SUBMIT();
}

/* A failed call leaves whatever was in the buffer. */
SYSCALL(getcwd)
{
	EVENT(GETCWD, getcwd);
	e->res = RET;
	if (RET >= 0)
		PUT_STRING(GETCWD, PATH, ARG(0));
	return SUBMIT();
}
