/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mounts, namespaces, quotas: mount, umount2, fsconfig, setns, unshare,
 * quotactl. (umount with one argument is in file_path.)
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/flags.bpf.h"

SYSCALL(mount)
{
	EVENT(MOUNT, mount);
	e->res = RET;
	e->flags = mount_flags(ARG(3));
	PUT_STRING(MOUNT, DEV, ARG(0));
	PUT_STRING(MOUNT, DIR, ARG(1));
	PUT_STRING(MOUNT, TYPE, ARG(2));
	return SUBMIT();
}

SYSCALL(umount2)
{
	EVENT(UMOUNT2, umount2);
	e->res = RET;
	e->flags = umount2_flags(ARG(1));
	PUT_STRING(UMOUNT2, NAME, ARG(0));
	return SUBMIT();
}

SYSCALL(setns)
{
	EVENT(SETNS, setns);
	e->res = RET;
	e->fd = ARG(0);
	e->nstype = clone_flags(ARG(1));
	return SUBMIT();
}

SYSCALL(unshare)
{
	EVENT(UNSHARE, unshare);
	e->res = RET;
	e->flags = clone_flags(ARG(0));
	return SUBMIT();
}

enum {
	FSCONFIG_STRING = 1,
	FSCONFIG_BINARY = 2,
	FSCONFIG_PATH = 3,
	FSCONFIG_PATH_EMPTY = 4,
};

/* What the value is depends on the command; a failed call records none. */
SYSCALL(fsconfig)
{
	u32 cmd = ARG(1);

	EVENT(FSCONFIG, fsconfig);
	e->res = RET;
	e->fd = ARG(0);
	e->cmd = cmd;
	e->aux = ARG(4);
	PUT_STRING(FSCONFIG, KEY, ARG(2));
	if (RET >= 0 && cmd == FSCONFIG_BINARY)
		PUT_USER_BYTES(FSCONFIG, VALUE_BYTEBUF, ARG(3), (u32)ARG(4));
	if (RET >= 0 && (cmd == FSCONFIG_STRING || cmd == FSCONFIG_PATH ||
			 cmd == FSCONFIG_PATH_EMPTY))
		PUT_STRING(FSCONFIG, VALUE_CHARBUF, ARG(3));
	return SUBMIT();
}

/* struct if_dqblk of the user ABI. */
struct user_dqblk {
	u64 bhardlimit, bsoftlimit, curspace, ihardlimit, isoftlimit, curinodes;
	u64 btime, itime;
	u32 valid;
};

/* struct if_dqinfo of the user ABI. */
struct user_dqinfo {
	u64 bgrace, igrace;
	u32 flags, valid;
};

enum {
	/* Portable commands; see quotactl_command(). */
	QUOTA_ON = 0x1,
	QUOTA_GETFMT = 0x4,
	QUOTA_GETINFO = 0x8,
	QUOTA_SETINFO = 0x10,
	QUOTA_GET = 0x20,
	QUOTA_SET = 0x40,
	QUOTA_XGET = 0x400,
	QUOTA_XSET = 0x800,

	DQBLK_BLIMITS = 1,
	DQBLK_SPACE = 2,
	DQBLK_ILIMITS = 4,
	DQBLK_BTIME = 16,
	DQBLK_ITIME = 32,
	DQINFO_BGRACE = 1,
	DQINFO_IGRACE = 2,
	DQINFO_FLAGS = 4,
};

/* Fields that the structure does not mark as valid are zero. */
SYSCALL(quotactl)
{
	u32 cmd = quotactl_command(ARG(0));
	u32 id = ARG(2);
	u32 format = 0;

	EVENT(QUOTACTL, quotactl);
	e->res = RET;
	e->cmd = cmd;
	e->type = quotactl_type(ARG(0));
	if (cmd & (QUOTA_GET | QUOTA_SET | QUOTA_XGET | QUOTA_XSET))
		e->id = id;
	e->quota_fmt = cmd == QUOTA_ON ? quota_format(id) : 1;
	e->quota_fmt_out = 1;
	if (cmd == QUOTA_GETFMT) {
		READ_USER(&format, sizeof(format), ARG(3));
		e->quota_fmt_out = quota_format(format);
	}
	if (cmd & (QUOTA_GET | QUOTA_SET)) {
		struct user_dqblk dq = {};

		READ_USER(&dq, sizeof(dq), ARG(3));
		if (dq.valid & DQBLK_BLIMITS) {
			e->dqb_bhardlimit = dq.bhardlimit;
			e->dqb_bsoftlimit = dq.bsoftlimit;
		}
		if (dq.valid & DQBLK_SPACE)
			e->dqb_curspace = dq.curspace;
		if (dq.valid & DQBLK_ILIMITS) {
			e->dqb_ihardlimit = dq.ihardlimit;
			e->dqb_isoftlimit = dq.isoftlimit;
		}
		if (dq.valid & DQBLK_BTIME)
			e->dqb_btime = dq.btime;
		if (dq.valid & DQBLK_ITIME)
			e->dqb_itime = dq.itime;
	}
	if (cmd & (QUOTA_GETINFO | QUOTA_SETINFO)) {
		struct user_dqinfo dq = {};

		READ_USER(&dq, sizeof(dq), ARG(3));
		if (dq.valid & DQINFO_BGRACE)
			e->dqi_bgrace = dq.bgrace;
		if (dq.valid & DQINFO_IGRACE)
			e->dqi_igrace = dq.igrace;
		if (dq.valid & DQINFO_FLAGS)
			e->dqi_flags = dq.flags;
	}
	PUT_STRING(QUOTACTL, SPECIAL, ARG(1));
	if (cmd == QUOTA_ON)
		PUT_STRING(QUOTACTL, QUOTAFILEPATH, ARG(3));
	return SUBMIT();
}
