/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Identities and limits: set*id, get*id, capset, setsid, setpgid, getrlimit,
 * setrlimit, prlimit, and the signals kill, tkill, tgkill.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/flags.bpf.h"

/* The result is the id. */
#define GET_ID(NAME, name, id)       \
	SYSCALL(name)          \
	{                      \
		EVENT(NAME, name);   \
		e->id = RET;   \
		return SUBMIT();\
	}

GET_ID(GETUID, getuid, uid)
GET_ID(GETEUID, geteuid, euid)
GET_ID(GETGID, getgid, gid)
GET_ID(GETEGID, getegid, egid)

#define SET_ID(NAME, name, id)        \
	SYSCALL(name)           \
	{                       \
		EVENT(NAME, name);    \
		e->res = RET;   \
		e->id = ARG(0); \
		return SUBMIT();\
	}

SET_ID(SETUID, setuid, uid)
SET_ID(SETGID, setgid, gid)

#define SET_TWO_IDS(NAME, name, r, eff)    \
	SYSCALL(name)                \
	{                            \
		EVENT(NAME, name);         \
		e->res = RET;        \
		e->r = ARG(0);       \
		e->eff = ARG(1);     \
		return SUBMIT();     \
	}

SET_TWO_IDS(SETREUID, setreuid, ruid, euid)
SET_TWO_IDS(SETREGID, setregid, rgid, egid)

#define SET_THREE_IDS(NAME, name, r, eff, s) \
	SYSCALL(name)                  \
	{                              \
		EVENT(NAME, name);           \
		e->res = RET;          \
		e->r = ARG(0);         \
		e->eff = ARG(1);       \
		e->s = ARG(2);         \
		return SUBMIT();       \
	}

SET_THREE_IDS(SETRESUID, setresuid, ruid, euid, suid)
SET_THREE_IDS(SETRESGID, setresgid, rgid, egid, sgid)

/* The ids are where the caller asked for them, as far as they can be read. */
#define GET_THREE_IDS(NAME, name, r, eff, s)               \
	SYSCALL(name)                                \
	{                                            \
		u32 ids[3] = {};                   \
						     \
		READ_USER(&ids[0], 4, ARG(0));       \
		READ_USER(&ids[1], 4, ARG(1));       \
		READ_USER(&ids[2], 4, ARG(2));       \
		EVENT(NAME, name);                         \
		e->res = RET;                        \
		e->r = ids[0];                       \
		e->eff = ids[1];                     \
		e->s = ids[2];                       \
		return SUBMIT();                     \
	}

GET_THREE_IDS(GETRESUID, getresuid, ruid, euid, suid)
GET_THREE_IDS(GETRESGID, getresgid, rgid, egid, sgid)

static __always_inline int encode_setsid(struct call *c)
{
	EVENT(SETSID, setsid);
	e->res = RET;
	return SUBMIT();
}
SYSCALL_EXIT_PROGRAM(setsid)

enum { NUMBER_OF_SETSID = 112 };

/*
 * The wrapper of a call without arguments has no BTF; ksys_setsid(), which it
 * calls, has. There the context holds no registers, only the result.
 */
SEC("?fexit") int fexit_setsid(u64 *ctx)
{
	u8 wanted = interest_in(NUMBER_OF_SETSID);
	struct call c = {
		.ctx = ctx,
		.ret = (s32)ctx[0],
		.class = wanted >> CLASS_SHIFT & (CLASSES - 1),
		.compat = is_compat(),
	};

	if (!wanted || !enabled || is_own_tgid())
		return 0;
	return encode_setsid(&c);
}

SYSCALL(setpgid)
{
	EVENT(SETPGID, setpgid);
	e->res = RET;
	e->pid = ARG(0);
	e->pgid = ARG(1);
	return SUBMIT();
}

/*
 * A capability set of 64 bits: two words until 6.2, one since, alike in memory.
 * Falco knows the 41 capabilities up to CAP_CHECKPOINT_RESTORE.
 */
#define CAPABILITIES(cred, set)                                      \
	({                                                           \
		u64 caps = 0;                                        \
		bpf_core_read(&caps, sizeof(caps), &(cred)->set);    \
		caps & ((1ull << 41) - 1);                           \
	})

/* The capabilities as they are after the call, whatever the caller asked for. */
SYSCALL(capset)
{
	const struct cred *cred = BPF_CORE_READ(CURRENT, cred);

	EVENT(CAPSET, capset);
	e->res = RET;
	e->cap_inheritable = CAPABILITIES(cred, cap_inheritable);
	e->cap_permitted = CAPABILITIES(cred, cap_permitted);
	e->cap_effective = CAPABILITIES(cred, cap_effective);
	return SUBMIT();
}

/* The words of a struct rlimit, which are 32 bits for an ia32 caller. */
static __always_inline void read_rlimit(const struct call *c, u64 pointer, s64 *cur, s64 *max)
{
	if (IS_COMPAT) {
		u32 words[2] = {};

		READ_USER(words, sizeof(words), pointer);
		*cur = words[0];
		*max = words[1];
	} else {
		u64 words[2] = {};

		READ_USER(words, sizeof(words), pointer);
		*cur = words[0];
		*max = words[1];
	}
}

SYSCALL(getrlimit)
{
	s64 cur = -1, max = -1;

	if (RET == 0)
		read_rlimit(c, ARG(1), &cur, &max);
	EVENT(GETRLIMIT, getrlimit);
	e->res = RET;
	e->cur = cur;
	e->max = max;
	e->resource = rlimit_resource(ARG(0));
	return SUBMIT();
}

SYSCALL(setrlimit)
{
	s64 cur = 0, max = 0;

	read_rlimit(c, ARG(1), &cur, &max);
	EVENT(SETRLIMIT, setrlimit);
	e->res = RET;
	e->cur = cur;
	e->max = max;
	e->resource = rlimit_resource(ARG(0));
	return SUBMIT();
}

/* struct rlimit64 for every caller. The old limits exist only after a success. */
SYSCALL(prlimit)
{
	s64 new[2] = {}, old[2] = { -1, -1 };

	READ_USER(new, sizeof(new), ARG(2));
	if (RET == 0) {
		old[0] = old[1] = 0;
		READ_USER(old, sizeof(old), ARG(3));
	}
	EVENT(PRLIMIT, prlimit);
	e->res = RET;
	e->newcur = new[0];
	e->newmax = new[1];
	e->oldcur = old[0];
	e->oldmax = old[1];
	e->pid = (s32)ARG(0);
	e->resource = rlimit_resource(ARG(1));
	return SUBMIT();
}

SYSCALL(kill)
{
	EVENT(KILL, kill);
	e->res = RET;
	e->pid = ARG(0);
	e->sig = ARG(1);
	return SUBMIT();
}

SYSCALL(tkill)
{
	EVENT(TKILL, tkill);
	e->res = RET;
	e->tid = ARG(0);
	e->sig = ARG(1);
	return SUBMIT();
}

SYSCALL(tgkill)
{
	EVENT(TGKILL, tgkill);
	e->res = RET;
	e->pid = ARG(0);
	e->tid = ARG(1);
	e->sig = ARG(2);
	return SUBMIT();
}
