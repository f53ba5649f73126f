/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Arguments as they were when the call was entered, for the calls whose caller
 * could change them in memory before the exit is recorded.
 */
#pragma once

#include "capture.bpf.h"
#include "sock.bpf.h"

/* struct open_how of the user ABI. */
struct user_open_how {
	u64 flags;
	u64 mode;
	u64 resolve;
};

#define ENTRY_ARG(n) ARG(n)
#define PUT_ENTRY_PATH(X, FIELD, pointer) PUT_STRING(X, FIELD, pointer)
#define ENTRY_OPEN_HOW(how) READ_USER(how, sizeof(*(how)), ARG(2))
#define PUT_ENTRY_SOCKADDR(X, FIELD, pointer, size)                               \
	do {                                                                      \
		struct sock_addr addr = {};                                       \
		u32 bytes = fill_sockaddr(&addr, pointer, size);                  \
										  \
		PUT_BYTES(X, FIELD, &addr, bytes, sizeof(addr));                  \
	} while (0)
