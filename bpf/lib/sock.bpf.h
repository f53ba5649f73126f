/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Socket addresses and tuples in Falco's encoding.
 *
 *   address  family u8, then IPv4 4+2 | IPv6 16+2 | unix path
 *   tuple    family u8, then source and destination: 4+2+4+2 | 16+2+16+2 |
 *            unix: destination and source socket (8+8), destination's path
 *
 * Ports are in host order, addresses as on the wire, paths end in NUL and lose
 * the leading NUL of an abstract name. Tuples come from the kernel's socket;
 * the caller's address only fills in a peer that an unconnected socket lacks.
 */
#pragma once

#include "capture.bpf.h"
#include "file.bpf.h"
#include "flags.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* include/linux/net.h, include/net/sock.h */
struct socket {
	struct sock *sk;
};
struct in6_addr {
	u32 words[4];
};
struct sock_common {
	u16 skc_family;
	u32 skc_daddr;
	u16 skc_dport;
	u32 skc_rcv_saddr;
	u16 skc_num;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u16 sk_protocol;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
};

/* include/net/inet_sock.h, include/linux/ipv6.h */
struct ipv6_pinfo {
	struct in6_addr saddr;
};
struct inet_sock {
	struct ipv6_pinfo *pinet6;
	u32 inet_saddr;
	u16 inet_sport;
};

/* include/net/af_unix.h, include/linux/un.h */
struct sockaddr_un {
	char sun_path[108];
};
struct unix_address {
	struct sockaddr_un name[1];
};
struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

#pragma clang attribute pop

enum {
	FAMILY_UNIX = 1,
	FAMILY_INET = 2,
	FAMILY_INET6 = 10,
	UNIX_PATH_BYTES = 109, /* sun_path and a NUL */
};

enum direction { INBOUND, OUTBOUND };

struct addr4 {
	u32 ip;
	u16 port;
} __attribute__((packed));

struct addr6 {
	u32 ip[4];
	u16 port;
} __attribute__((packed));

struct sock_tuple {
	u8 family;
	union {
		struct { struct addr4 source, dest; } __attribute__((packed)) v4;
		struct { struct addr6 source, dest; } __attribute__((packed)) v6;
		struct {
			u64 dest, source;
			char path[UNIX_PATH_BYTES];
		} __attribute__((packed)) local;
	} __attribute__((packed));
} __attribute__((packed));

struct sock_addr {
	u8 family;
	union {
		struct addr4 v4;
		struct addr6 v6;
		char path[UNIX_PATH_BYTES];
	} __attribute__((packed));
} __attribute__((packed));

/* The caller's struct sockaddr: the widest of those we know, unix. */
struct user_sockaddr {
	u16 family;
	union {
		struct { u16 port; u32 ip; } __attribute__((packed)) v4;
		struct { u16 port; u32 flow; u32 ip[4]; } __attribute__((packed)) v6;
		char path[UNIX_PATH_BYTES];
	} __attribute__((packed));
} __attribute__((packed));

static __always_inline u16 host_port(u16 port)
{
	return __builtin_bswap16(port);
}

/* The socket of a descriptor; NULL if it is something else. */
static __always_inline struct sock *sock_of_fd(s32 fd)
{
	struct file *file = file_of_fd(fd);
	struct socket *socket;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & 0170000) != 0140000)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return socket ? BPF_CORE_READ(socket, sk) : NULL;
}

/* Copies a path, without the NUL that starts an abstract name; bytes with NUL. */
static __always_inline u32 copy_unix_path(char *to, const char *from)
{
	char first = 0;
	long n;

	bpf_probe_read_kernel(&first, 1, from);
	/* An even stack address would be or-ed with 1, which the verifier refuses. */
	asm volatile("" : "+r"(from));
	n = bpf_probe_read_kernel_str(to, UNIX_PATH_BYTES, first ? from : from + 1);
	if (n <= 0) {
		to[0] = 0;
		return 1;
	}
	return n;
}

/*
 * Fills @out from the caller's address of @bytes bytes. Returns the encoded
 * size, 0 for a family that Falco does not encode.
 */
static __always_inline u32 encode_sockaddr(struct sock_addr *out, struct user_sockaddr *in)
{
	out->family = socket_family(in->family);
	switch (in->family) {
	case FAMILY_INET:
		out->v4.ip = in->v4.ip;
		out->v4.port = host_port(in->v4.port);
		return 1 + sizeof(out->v4);
	case FAMILY_INET6:
		__builtin_memcpy(out->v6.ip, in->v6.ip, sizeof(out->v6.ip));
		out->v6.port = host_port(in->v6.port);
		return 1 + sizeof(out->v6);
	case FAMILY_UNIX:
		return 1 + copy_unix_path(out->path, in->path);
	}
	return 0;
}

/*
 * Writes an address behind @at bytes of the record, from the @bytes bytes of the caller's that lie
 * in the path area. Returns the encoded size.
 */
STEP u32 copy_sockaddr(u32 key, u32 at)
{
	struct scratch *s = scratch_of(key);
	u8 *to = s ? step_tail(s, at) : NULL;

	return to ? encode_sockaddr((struct sock_addr *)to, __builtin_assume_aligned(s->path, 8)) : 0;
}

/* Where copy_sockaddr() takes the address from, in whole words. */
enum { ADDRESS_WORDS_BYTES = (sizeof(struct user_sockaddr) + 7) & ~7u };

static __always_inline void *address_area(struct rec *r)
{
	return __builtin_assume_aligned(r->scratch->path, 8);
}

/* Puts the caller's address of @bytes bytes; none if it cannot be read. */
static __always_inline void put_sockaddr(struct rec *r, u32 ordinal, u64 pointer, u32 bytes)
{
	void *in = address_area(r);
	u64 n = bytes;

	AT_MOST(n, sizeof(struct user_sockaddr));
	__builtin_memset(in, 0, ADDRESS_WORDS_BYTES);
	if (n && !bpf_probe_read_user(in, n, (void *)pointer))
		rec_take(r, ordinal, copy_sockaddr(r->key, r->len));
}

static __always_inline u32 fill_tuple4(struct sock_tuple *t, struct sock *sk,
					 enum direction direction, u64 user_addr)
{
	struct inet_sock *inet = (struct inet_sock *)sk;
	struct addr4 local, remote;

	local.ip = BPF_CORE_READ(inet, inet_saddr);
	local.port = host_port(BPF_CORE_READ(inet, inet_sport));
	remote.ip = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	remote.port = host_port(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (!remote.port && user_addr) {
		struct { u16 family, port; u32 ip; } in = {};

		READ_USER(&in, sizeof(in), user_addr);
		remote.ip = in.ip;
		remote.port = host_port(in.port);
	}
	t->v4.source = direction == OUTBOUND ? local : remote;
	t->v4.dest = direction == OUTBOUND ? remote : local;
	return 1 + sizeof(t->v4);
}

static __always_inline u32 fill_tuple6(struct sock_tuple *t, struct sock *sk,
					 enum direction direction, u64 user_addr)
{
	struct inet_sock *inet = (struct inet_sock *)sk;
	struct addr6 *local = direction == OUTBOUND ? &t->v6.source : &t->v6.dest;
	struct addr6 *remote = direction == OUTBOUND ? &t->v6.dest : &t->v6.source;
	u32 ip[4] = {};

	/* Without IPv6 in the kernel no such socket exists. */
	if (!bpf_core_field_exists(inet->pinet6))
		return 0;
	BPF_CORE_READ_INTO(&ip, inet, pinet6, saddr);
	__builtin_memcpy(local->ip, ip, sizeof(ip));
	local->port = host_port(BPF_CORE_READ(inet, inet_sport));
	BPF_CORE_READ_INTO(&ip, sk, __sk_common.skc_v6_daddr);
	remote->port = host_port(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (!remote->port && user_addr) {
		struct { u16 family, port; u32 flow, ip[4]; } in = {};

		READ_USER(&in, sizeof(in), user_addr);
		__builtin_memcpy(ip, in.ip, sizeof(ip));
		remote->port = host_port(in.port);
	}
	__builtin_memcpy(remote->ip, ip, sizeof(ip));
	return 1 + sizeof(t->v6);
}

static __always_inline u32 fill_tuple_unix(struct sock_tuple *t, struct sock *sk,
					     enum direction direction, u64 user_addr)
{
	struct unix_sock *local = (struct unix_sock *)sk;
	struct unix_sock *peer = (struct unix_sock *)BPF_CORE_READ(local, peer);
	struct unix_sock *dest = direction == OUTBOUND ? peer : local;
	struct unix_address *address;

	t->local.dest = (u64)dest;
	t->local.source = (u64)(direction == OUTBOUND ? local : peer);
	t->local.path[0] = 0;
	if (!dest) {
		struct user_sockaddr in = {};

		if (!user_addr || READ_USER(&in, sizeof(in) - 1, user_addr))
			return 1 + 16 + 1;
		return 1 + 16 + copy_unix_path(t->local.path, in.path);
	}
	address = BPF_CORE_READ(dest, addr);
	if (!address)
		return 1 + 16 + 1;
	return 1 + 16 + copy_unix_path(t->local.path, (char *)&address->name[0].sun_path);
}

/* @how of copy_tuple(): the descriptor, and the direction in the upper half. */
#define TUPLE_HOW(fd, direction) ((u64)(direction) << 32 | (u32)(fd))

/*
 * Writes the tuple of a socket behind @at bytes of the record: source and destination are local
 * and remote of an outbound call, the other way round of an inbound one. @user_addr is the caller's
 * address or 0. Returns the encoded size, 0 if there is no tuple.
 */
STEP u32 copy_tuple(u32 key, u32 at, u64 how, u64 user_addr)
{
	struct scratch *s = scratch_of(key);
	enum direction direction = how >> 32;
	struct sock *sk = sock_of_fd((s32)how);
	struct sock_tuple *t;
	u16 family;

	if (!s || !sk)
		return 0;
	t = (struct sock_tuple *)step_tail(s, at);
	if (!t)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	t->family = family;
	switch (family) {
	case FAMILY_INET:
		return fill_tuple4(t, sk, direction, user_addr);
	case FAMILY_INET6:
		return fill_tuple6(t, sk, direction, user_addr);
	case FAMILY_UNIX:
		return fill_tuple_unix(t, sk, direction, user_addr);
	}
	return 0;
}

#define PUT_TUPLE(X, FIELD, fd, direction, user_addr)                                       \
	rec_take(&r, ORDINAL(X, FIELD),                                                     \
		 copy_tuple(r.key, r.len, TUPLE_HOW(fd, direction), user_addr))
