/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel modules and the calls that steer the kernel or other processes:
 * init_module, finit_module, delete_module, bpf, seccomp, prctl, ptrace, keyctl.
 */
#pragma once

#include "../lib/capture.bpf.h"
#include "../lib/flags.bpf.h"

/* The image is cut at what one parameter can hold. */
SYSCALL(init_module)
{
	EVENT(INIT_MODULE, init_module);
	e->res = RET;
	e->length = ARG(1);
	PUT_USER_BYTES(INIT_MODULE, IMG, ARG(0), ARG(1));
	PUT_STRING(INIT_MODULE, UARGS, ARG(2));
	return SUBMIT();
}

SYSCALL(finit_module)
{
	EVENT(FINIT_MODULE, finit_module);
	e->res = RET;
	e->fd = ARG(0);
	e->flags = finit_module_flags(ARG(2));
	PUT_STRING(FINIT_MODULE, UARGS, ARG(1));
	return SUBMIT();
}

SYSCALL(delete_module)
{
	EVENT(DELETE_MODULE, delete_module);
	e->res = RET;
	e->flags = delete_module_flags(ARG(1));
	PUT_STRING(DELETE_MODULE, NAME, ARG(0));
	return SUBMIT();
}

SYSCALL(bpf)
{
	EVENT(BPF, bpf);
	e->fd = RET;
	e->cmd = ARG(0);
	return SUBMIT();
}

SYSCALL(seccomp)
{
	EVENT(SECCOMP, seccomp);
	e->res = RET;
	e->op = ARG(0);
	e->flags = (u32)ARG(1);
	return SUBMIT();
}

enum {
	PRCTL_SET_NAME = 15,
	PRCTL_GET_NAME = 16,
	PRCTL_GET_CHILD_SUBREAPER = 37,
};

/* The second argument is a string, a pointer to a number, or a number. */
SYSCALL(prctl)
{
	u32 option = ARG(0);
	s32 number = 0;

	EVENT(PRCTL, prctl);
	e->res = RET;
	e->option = option;
	if (option == PRCTL_SET_NAME || option == PRCTL_GET_NAME) {
		PUT_STRING(PRCTL, ARG2_STR, ARG(1));
	} else if (option == PRCTL_GET_CHILD_SUBREAPER) {
		READ_USER(&number, sizeof(number), ARG(1));
		e->arg2_int = number;
	} else {
		e->arg2_int = ARG(1);
	}
	return SUBMIT();
}

/* A dynamic value: one byte that says which type follows. */
struct dyn_word {
	u8 variant;
	u64 value;
} __attribute__((packed));

enum {
	/* Variants; see PTRACE_VARIANTS and KEYCTL_VARIANTS in crates/event. */
	PTRACE_WORD = 0,
	PTRACE_SIGNAL = 1,
	KEYCTL_NUMBER = 0,
	KEYCTL_STRING = 1,

	/* Portable requests; see ptrace_request(). */
	REQUEST_PEEKTEXT = 2,
	REQUEST_PEEKUSR = 4,
	REQUEST_CONT = 8,
	REQUEST_SINGLESTEP = 0xa,
	REQUEST_DETACH = 0xc,
	REQUEST_SYSCALL = 0xd,
};

/* A failed request records zeros. What was peeked is read where the kernel put it. */
SYSCALL(ptrace)
{
	struct dyn_word addr = { .variant = PTRACE_WORD };
	struct dyn_word data = { .variant = PTRACE_WORD };
	u32 data_bytes = sizeof(data);
	u16 request;

	EVENT(PTRACE, ptrace);
	request = rec_any(&r, ptrace_request(ARG(0)));
	if (RET >= 0) {
		addr.value = ARG(2);
		data.value = ARG(3);
		if (request >= REQUEST_PEEKTEXT && request <= REQUEST_PEEKUSR) {
			u64 word = 0;

			/* The kernel writes a long of the caller. */
			READ_USER(&word, IS_COMPAT ? 4 : 8, ARG(3));
			data.value = word;
		} else if (request == REQUEST_CONT || request == REQUEST_SINGLESTEP ||
			   request == REQUEST_DETACH || request == REQUEST_SYSCALL) {
			data.variant = PTRACE_SIGNAL;
			data_bytes = 2;
		}
	}
	e->res = RET;
	e->pid = ARG(1);
	e->request = request;
	PUT_BYTES(PTRACE, ADDR, &addr, sizeof(addr), sizeof(addr));
	PUT_BYTES(PTRACE, DATA, &data, data_bytes, sizeof(data));
	return SUBMIT();
}

/*
 * How many arguments an operation takes, and which of them are strings: two
 * hexadecimal digits, the count, then a bit mask (1 = arg2, 2 = arg3, 4 = arg4).
 * An operation that is not here takes none, as in Falco.
 */
#define KEYCTL_SHAPE(count, strings) ((count) << 4 | (strings))

static __always_inline u32 keyctl_shape(u32 operation)
{
	switch (operation) {
	case 0: case 5: case 8: case 9: case 15: case 22: case 31:
		return KEYCTL_SHAPE(2, 0);
	case 1: /* JOIN_SESSION_KEYRING: name */
		return KEYCTL_SHAPE(1, 1);
	case 3: case 7: case 14: case 16: case 21:
		return KEYCTL_SHAPE(1, 0);
	case 2: case 4: case 6: case 11: case 13: case 17: case 32:
		return KEYCTL_SHAPE(3, 0);
	case 29: /* RESTRICT_KEYRING: type, restriction */
		return KEYCTL_SHAPE(3, 2 | 4);
	case 24: /* PKEY_QUERY: info */
		return KEYCTL_SHAPE(3, 4);
	case 10: /* SEARCH: type, description */
		return KEYCTL_SHAPE(4, 2 | 4);
	case 12: case 19: case 20: case 23: case 30:
		return KEYCTL_SHAPE(4, 0);
	case 25: case 26: case 27: case 28: /* PKEY_*: info */
		return KEYCTL_SHAPE(4, 2);
	}
	return 0;
}

/* Argument @n of @shape as a dynamic value. */
#define PUT_KEYCTL(FIELD, n)                                                          \
	do {                                                                          \
		if (shape & 1 << ((n) - 1)) {                                         \
			PUT_TAGGED_STRING(KEYCTL, FIELD, KEYCTL_STRING, ARG(n));      \
		} else {                                                              \
			struct dyn_word word = {                                      \
				.variant = KEYCTL_NUMBER,                             \
				.value = (n) <= shape >> 4 ? ARG(n) : 0,              \
			};                                                            \
			PUT_BYTES(KEYCTL, FIELD, &word, sizeof(word), sizeof(word));  \
		}                                                                     \
	} while (0)

SYSCALL(keyctl)
{
	u32 operation = ARG(0);
	u32 shape;

	EVENT(KEYCTL, keyctl);
	shape = rec_any(&r, keyctl_shape(operation));
	e->res = RET;
	e->operation = operation;
	PUT_KEYCTL(ARG2, 1);
	rec_join(&r);
	PUT_KEYCTL(ARG3, 2);
	rec_join(&r);
	PUT_KEYCTL(ARG4, 3);
	rec_join(&r);
	PUT_KEYCTL(ARG5, 4);
	return SUBMIT();
}
