/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The initial state, second half: every open file of every process.
 *
 * Hook:	iter/task_file; the threads of a process share its files and are passed over
 * Kernels:	5.8 and later
 * Emits:	one of EV_ITER_TASK_FILE_*, by the kind of file
 */
#pragma once

#include "lib/dump.bpf.h"
#include "lib/exe.bpf.h"
#include "lib/flags.bpf.h"
#include "lib/path.bpf.h"
#include "lib/sock.bpf.h"

enum {
	MODE_TYPE = 0170000,
	MODE_SOCKET = 0140000,
	MODE_LINK = 0120000,
	MODE_REGULAR = 0100000,
	MODE_BLOCK = 0060000,
	MODE_DIRECTORY = 0040000,
	MODE_CHARACTER = 0020000,
	MODE_FIFO = 0010000,

	ANON_INODE_FS = 0x09041934,
	PID_FS = 0x50494446, /* pidfds have their own since 6.9 */
	PIPE_FS = 0x50495045,
	FAMILY_NETLINK = 16,

	ANON_NAME_BYTES = 24,
};

/* One open file: what every kind's record needs. */
struct open_file {
	struct file *file;
	struct inode *inode;
	struct seq_file *seq;
	u32 fd;
	u32 tgid;
};

static __always_inline void dump_file(struct rec *r, const struct open_file *o)
{
	dump(r, o->seq, o->tgid, o->tgid);
}

#define FILE_RECORD(o, NAME, name)                                                 \
	struct inode *inode = (o)->inode;                                          \
	struct rec r;                                                              \
	struct ev_##name *e = RECORD(&r, NAME, name, CLASS_OTHER);                 \
										   \
	if (!e)                                                                    \
		return;                                                            \
	e->fd = (o)->fd;                                                           \
	e->ino_num = BPF_CORE_READ(inode, i_ino)

static __always_inline void dump_pipe(const struct open_file *o)
{
	FILE_RECORD(o, ITER_TASK_FILE_PIPE, iter_task_file_pipe);
	/* Those without a name have an empty one; a fifo has its path. */
	if (BPF_CORE_READ(inode, i_sb, s_magic) != PIPE_FS)
		put_file_path(&r, EV_ITER_TASK_FILE_PIPE_PATH, o->file);
	dump_file(&r, o);
}

static __always_inline void dump_memfd(const struct open_file *o)
{
	FILE_RECORD(o, ITER_TASK_FILE_MEMFD, iter_task_file_memfd);
	put_file_path(&r, EV_ITER_TASK_FILE_MEMFD_PATH, o->file);
	dump_file(&r, o);
}

static __always_inline void dump_regular(const struct open_file *o)
{
	struct file *file = o->file;
	struct mount *mount = mount_of(BPF_CORE_READ(file, f_path.mnt));

	FILE_RECORD(o, ITER_TASK_FILE_REGULAR, iter_task_file_regular);
	e->flags = open_flags(BPF_CORE_READ(file, f_flags));
	e->mnt_id = BPF_CORE_READ(mount, mnt_id);
	put_file_path(&r, EV_ITER_TASK_FILE_REGULAR_PATH, o->file);
	dump_file(&r, o);
}

static __always_inline void dump_directory(const struct open_file *o)
{
	FILE_RECORD(o, ITER_TASK_FILE_DIRECTORY, iter_task_file_directory);
	put_file_path(&r, EV_ITER_TASK_FILE_DIRECTORY_PATH, o->file);
	dump_file(&r, o);
}

#define PORT(x) __builtin_bswap16(x)

#define SOCKET_RECORD(o, sk, NAME, name)                    \
	FILE_RECORD(o, NAME, name);                         \
	e->sk_type = BPF_CORE_READ(sk, sk_type);            \
	e->sk_proto = BPF_CORE_READ(sk, sk_protocol)

static __always_inline void dump_inet(const struct open_file *o, struct sock *sk)
{
	SOCKET_RECORD(o, sk, ITER_TASK_FILE_SOCKET_INET, iter_task_file_socket_inet);
	e->local_ip = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
	e->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	e->remote_ip = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	e->remote_port = PORT(BPF_CORE_READ(sk, __sk_common.skc_dport));
	dump_file(&r, o);
}

static __always_inline void dump_inet6(const struct open_file *o, struct sock *sk)
{
	SOCKET_RECORD(o, sk, ITER_TASK_FILE_SOCKET_INET6, iter_task_file_socket_inet6);
	e->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	e->remote_port = PORT(BPF_CORE_READ(sk, __sk_common.skc_dport));
	put_kernel_bytes(&r, EV_ITER_TASK_FILE_SOCKET_INET6_LOCAL_IP,
			 __builtin_preserve_access_index(&sk->__sk_common.skc_v6_rcv_saddr), 16,
			 16);
	put_kernel_bytes(&r, EV_ITER_TASK_FILE_SOCKET_INET6_REMOTE_IP,
			 __builtin_preserve_access_index(&sk->__sk_common.skc_v6_daddr), 16, 16);
	dump_file(&r, o);
}

static __always_inline void dump_unix(const struct open_file *o, struct sock *sk)
{
	struct unix_sock *unix_sk = (void *)sk;
	struct unix_address *address = BPF_CORE_READ(unix_sk, addr);

	SOCKET_RECORD(o, sk, ITER_TASK_FILE_SOCKET_UNIX, iter_task_file_socket_unix);
	e->sk_pointer = (u64)sk;
	if (address) {
		const char *path = __builtin_preserve_access_index(&address->name[0].sun_path[0]);
		char first = 0;

		/* An abstract name starts with a NUL, which is left out. */
		bpf_probe_read_kernel(&first, 1, path);
		put_kernel_str(&r, EV_ITER_TASK_FILE_SOCKET_UNIX_SUN_PATH,
			       first ? path : path + 1, UNIX_PATH_BYTES);
	}
	dump_file(&r, o);
}

static __always_inline void dump_netlink(const struct open_file *o, struct sock *sk)
{
	SOCKET_RECORD(o, sk, ITER_TASK_FILE_SOCKET_NETLINK, iter_task_file_socket_netlink);
	dump_file(&r, o);
}

static __always_inline void dump_socket(const struct open_file *o)
{
	struct file *file = o->file;
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = BPF_CORE_READ(socket, sk);

	if (!sk)
		return;
	switch (BPF_CORE_READ(sk, __sk_common.skc_family)) {
	case FAMILY_INET:
		return dump_inet(o, sk);
	case FAMILY_INET6:
		return dump_inet6(o, sk);
	case FAMILY_UNIX:
		return dump_unix(o, sk);
	case FAMILY_NETLINK:
		return dump_netlink(o, sk);
	}
}

/* Portable kinds of anonymous inodes. */
enum { ANON_UNKNOWN = 0, ANON_PIDFD = 8 };

#define IS_NAME(name, literal) (__builtin_memcmp(name, literal, sizeof(literal)) == 0)

static __always_inline u8 anon_kind(struct file *file)
{
	char name[ANON_NAME_BYTES] = {};

	bpf_probe_read_kernel_str(name, sizeof(name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return IS_NAME(name, "[eventfd]") ? 1 : IS_NAME(name, "[eventpoll]") ? 2 :
	       IS_NAME(name, "inotify") ? 3 : IS_NAME(name, "[signalfd]") ? 4 :
	       IS_NAME(name, "[timerfd]") ? 5 : IS_NAME(name, "[io_uring]") ? 6 :
	       IS_NAME(name, "[userfaultfd]") ? 7 : IS_NAME(name, "[pidfd]") ? ANON_PIDFD :
	       IS_NAME(name, "bpf-map") ? 9 : IS_NAME(name, "bpf-prog") ? 10 :
	       IS_NAME(name, "bpf_link") || IS_NAME(name, "bpf-link") ? 11 :
	       IS_NAME(name, "bpf_iter") ? 12 : IS_NAME(name, "[perf_event]") ? 13 : ANON_UNKNOWN;
}

static __always_inline void dump_anon_inode(const struct open_file *o, u64 magic)
{
	u8 kind = magic == PID_FS ? ANON_PIDFD : anon_kind(o->file);

	FILE_RECORD(o, ITER_TASK_FILE_ANON_INODE, iter_task_file_anon_inode);
	e->fd_type = kind;
	if (kind == ANON_UNKNOWN)
		put_file_path(&r, EV_ITER_TASK_FILE_ANON_INODE_PATH, o->file);
	dump_file(&r, o);
}

SEC("iter/task_file") int dump_task_file(struct bpf_iter__task_file *ctx)
{
	struct open_file o = { .seq = ctx->meta->seq, .fd = ctx->fd };
	struct task_struct *t;
	struct inode *inode;
	struct file *file;
	u64 magic;

	if (!ctx->task || !ctx->file)
		return 0;
	t = (struct task_struct *)ADDRESS_IN(ctx, task);
	file = (struct file *)ADDRESS_IN(ctx, file);
	inode = BPF_CORE_READ(file, f_inode);
	o.file = file;
	o.inode = inode;
	o.tgid = BPF_CORE_READ(t, tgid);
	if (!inode || is_kernel_thread(t) || (u32)BPF_CORE_READ(t, pid) != o.tgid)
		return 0;
	switch (BPF_CORE_READ(inode, i_mode) & MODE_TYPE) {
	case MODE_FIFO:
		dump_pipe(&o);
		return 0;
	case MODE_REGULAR:
		if (is_memfd(file)) {
			dump_memfd(&o);
			return 0;
		}
		dump_regular(&o);
		return 0;
	case MODE_BLOCK:
	case MODE_CHARACTER:
	case MODE_LINK:
		dump_regular(&o);
		return 0;
	case MODE_DIRECTORY:
		dump_directory(&o);
		return 0;
	case MODE_SOCKET:
		dump_socket(&o);
		return 0;
	}
	magic = BPF_CORE_READ(inode, i_sb, s_magic);
	if (magic == ANON_INODE_FS || magic == PID_FS)
		dump_anon_inode(&o, magic);
	return 0;
}
