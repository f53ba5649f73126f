/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Native flag words of system calls to Falco's portable ones.
 *
 * The portable values are those of crates/event/src/flags.rs; captures of all
 * architectures carry them. A table: each function lists the bits or values of
 * one argument, native on the left, portable on the right.
 *
 * Bits are moved by BIT(), a mask and a shift: no branch, so no second path for
 * the verifier. Enumerations use VALUE() in a switch; clang is told not to make
 * jump tables of them (-fno-jump-tables).
 */
#pragma once

/* @to if @word has the single bit @from, else 0. */
#define BIT(word, from, to) \
	((u32)(((u32)(word) & (u32)(from)) / (u32)(from) * (u32)(to)))
/* One arm of a switch that translates values. */
#define VALUE(native, portable) case native: return portable

/* A negative flag word is an invalid one; translated it would set every bit. */
#define NOT_NEGATIVE(flags) ((s32)(flags) < 0 ? 0 : (u32)(flags))

/* ---- files ---- */

enum {
	OPEN_WRONLY = 01,
	OPEN_RDWR = 02,
	OPEN_CREAT = 0100,
	OPEN_EXCL = 0200,
	OPEN_TRUNC = 01000,
	OPEN_APPEND = 02000,
	OPEN_NONBLOCK = 04000,
	OPEN_DSYNC = 010000,
#if defined(__TARGET_ARCH_arm64)
	OPEN_DIRECTORY = 040000,
	OPEN_DIRECT = 0200000,
	OPEN_LARGEFILE = 0400000,
#else
	OPEN_DIRECT = 040000,
	OPEN_LARGEFILE = 0100000,
	OPEN_DIRECTORY = 0200000,
#endif
	OPEN_CLOEXEC = 02000000,
	OPEN_SYNC_ONLY = 04000000,
	OPEN_TMPFILE_ONLY = 020000000,

	/* Portable. */
	FLAG_WRONLY = 0x2,
	FLAG_RDWR = 0x3,
	FLAG_NONBLOCK = 0x40,
	FLAG_DIRECT = 0x200,
	FLAG_CLOEXEC = 0x1000,
	FLAG_TMPFILE = 0x2000,
	FLAG_SYNC = 0x80,
	FLAG_F_CREATED = 0x4000,
	FLAG_UPPER_LAYER = 0x8000,
	FLAG_LOWER_LAYER = 0x10000,
	CREAT_FLAG_UPPER_LAYER = 1,
	CREAT_FLAG_LOWER_LAYER = 2,
};

/*
 * Falco tests O_TMPFILE and O_SYNC, which are two bits each in the kernel, for
 * any of their bits: O_DIRECTORY alone reads as O_TMPFILE too, and O_DSYNC
 * alone as O_SYNC too. Rules are written against that, so it is kept.
 */
static __always_inline u32 open_flags(u32 f)
{
	u32 access = f & 3;

	/* 0 reads, 1 writes, 2 does both; portable 1, 2, 3. 3 reads for Falco. */
	return (access == 3 ? 1 : access + 1) |
	       BIT(f, OPEN_CREAT, 0x4) | BIT(f, OPEN_APPEND, 0x8) |
	       BIT(f, OPEN_DSYNC, 0x10 | FLAG_SYNC) | BIT(f, OPEN_SYNC_ONLY, FLAG_SYNC) |
	       BIT(f, OPEN_EXCL, 0x20) | BIT(f, OPEN_NONBLOCK, FLAG_NONBLOCK) |
	       BIT(f, OPEN_TRUNC, 0x100) | BIT(f, OPEN_DIRECT, FLAG_DIRECT) |
	       BIT(f, OPEN_DIRECTORY, 0x400 | FLAG_TMPFILE) |
	       BIT(f, OPEN_TMPFILE_ONLY, FLAG_TMPFILE) |
	       BIT(f, OPEN_LARGEFILE, 0x800) | BIT(f, OPEN_CLOEXEC, FLAG_CLOEXEC);
}

/* Permission bits; portable and native ones are equal. */
static __always_inline u32 chmod_mode(u32 mode)
{
	return mode & 07777;
}

/* The mode argument counts only where a file may be made. */
static __always_inline u32 open_mode(u32 flags, u32 mode)
{
	if (flags & (OPEN_CREAT | OPEN_TMPFILE_ONLY | OPEN_DIRECTORY))
		return chmod_mode(mode);
	return 0;
}

/* No file type means a regular file. */
static __always_inline u32 mknod_mode(u32 mode)
{
	u32 type = mode & 0170000;

	switch (type) {
	case 0:
		type = 0100000;
		break;
	case 0140000: case 0100000: case 0060000: case 0020000: case 0010000:
		break;
	default:
		type = 0;
	}
	return type | chmod_mode(mode);
}

static __always_inline u32 openat2_resolve(u32 f)
{
	return BIT(f, 0x08, 1) | BIT(f, 0x10, 2) | BIT(f, 0x02, 4) | BIT(f, 0x04, 8) |
	       BIT(f, 0x01, 0x10) | BIT(f, 0x20, 0x20);
}

static __always_inline u32 access_mode(u32 f)
{
	return f & 7;
}

static __always_inline u32 unlinkat_flags(u32 f)
{
	return f & 0x200;
}

/* linkat and fchownat: AT_SYMLINK_FOLLOW, AT_EMPTY_PATH. */
static __always_inline u32 follow_flags(u32 f)
{
	return f & 0x1400;
}

/* newfstatat: AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_EMPTY_PATH. */
static __always_inline u32 newfstatat_flags(u32 f)
{
	return f & 0x1900;
}

static __always_inline u32 flock_operation(u32 f)
{
	return f & 0xf;
}

static __always_inline u8 lseek_whence(u32 whence)
{
	return whence <= 2 ? whence : 0;
}

static __always_inline u32 splice_flags(u32 f)
{
	return f & 0xf;
}

static __always_inline u8 fcntl_command(u32 cmd)
{
	switch (cmd) {
	VALUE(0, 1); VALUE(1, 2); VALUE(2, 3); VALUE(3, 4); VALUE(4, 5);
	VALUE(5, 6); VALUE(6, 8); VALUE(7, 9);
	VALUE(8, 10); VALUE(9, 12); VALUE(10, 13); VALUE(11, 15);
	VALUE(12, 0x11); VALUE(13, 0x12); VALUE(14, 0x13); VALUE(15, 0x15); VALUE(16, 0x16);
	VALUE(36, 0x1e); VALUE(37, 0x1f); VALUE(38, 0x20);
	VALUE(1024, 0x17); VALUE(1025, 0x18); VALUE(1026, 0x1b);
	VALUE(1029, 0x19); VALUE(1030, 0x1a); VALUE(1031, 0x1c); VALUE(1032, 0x1d);
	}
	return 0;
}

static __always_inline u32 dup3_flags(u32 f)
{
	return BIT(f, OPEN_CLOEXEC, FLAG_CLOEXEC);
}

/* eventfd2, inotify_init1, signalfd4, timerfd_create. */
static __always_inline u32 cloexec_nonblock(u32 flags)
{
	u32 f = NOT_NEGATIVE(flags);

	return BIT(f, OPEN_NONBLOCK, FLAG_NONBLOCK) | BIT(f, OPEN_CLOEXEC, FLAG_CLOEXEC);
}

static __always_inline u32 pipe2_flags(u32 flags)
{
	return cloexec_nonblock(flags) | BIT(NOT_NEGATIVE(flags), OPEN_DIRECT, FLAG_DIRECT);
}

static __always_inline u32 epoll_create1_flags(u32 f)
{
	return BIT(f, OPEN_CLOEXEC, 1);
}

static __always_inline u32 pidfd_open_flags(u32 f)
{
	return BIT(f, OPEN_NONBLOCK, 1);
}

static __always_inline u32 memfd_create_flags(u32 f)
{
	return f & 7;
}

static __always_inline u32 close_range_flags(u32 f)
{
	return f & 6;
}

static __always_inline u16 poll_events(u16 f)
{
	return BIT(f, 0x1, 1) | BIT(f, 0x2, 2) | BIT(f, 0x4, 4) | BIT(f, 0x2000, 8) |
	       BIT(f, 0x8, 0x10) | BIT(f, 0x10, 0x20) | BIT(f, 0x20, 0x40) |
	       BIT(f, 0x40, 0x80) | BIT(f, 0x80, 0x100) | BIT(f, 0x100, 0x200) |
	       BIT(f, 0x200, 0x400);
}

/* ---- mounts, modules ---- */

/* The magic number that old programs put in the upper half is no flag. */
static __always_inline u32 mount_flags(u32 f)
{
	return (f & 0xffff0000) == 0xc0ed0000 ? f & 0xffff : f;
}

static __always_inline u32 umount2_flags(u32 f)
{
	return f & 0xf;
}

static __always_inline u32 finit_module_flags(u32 f)
{
	return f & 7;
}

static __always_inline u32 delete_module_flags(u32 f)
{
	return BIT(f, OPEN_TRUNC, 1) | BIT(f, OPEN_NONBLOCK, 2);
}

static __always_inline u16 quotactl_command(u32 cmd)
{
	switch (cmd >> 8) {
	VALUE(0x800001, 0x80); VALUE(0x800002, 0x1); VALUE(0x800003, 0x2);
	VALUE(0x800004, 0x4); VALUE(0x800005, 0x8); VALUE(0x800006, 0x10);
	VALUE(0x800007, 0x20); VALUE(0x800008, 0x40);
	/* XFS: the letter X and a number. */
	VALUE(0x5801, 0x100); VALUE(0x5802, 0x200); VALUE(0x5803, 0x400);
	VALUE(0x5804, 0x800); VALUE(0x5805, 0x1000); VALUE(0x5806, 0x2000);
	VALUE(0x5807, 0x4000);
	}
	return 0;
}

static __always_inline u8 quotactl_type(u32 cmd)
{
	switch (cmd & 0xff) {
	VALUE(0, 1); VALUE(1, 2);
	}
	return 0;
}

static __always_inline u8 quota_format(u32 format)
{
	switch (format) {
	VALUE(1, 2); VALUE(2, 4); VALUE(4, 8);
	}
	return 1;
}

/* ---- processes and memory ---- */

static __always_inline u32 clone_flags(u64 f)
{
	u32 w = f;

	return BIT(w, 0x400, 0x1) | BIT(w, 0x200, 0x2) | BIT(w, 0x80000000u, 0x4) |
	       BIT(w, 0x8000000, 0x8) | BIT(w, 0x40000000, 0x10) | BIT(w, 0x20000, 0x20) |
	       BIT(w, 0x20000000, 0x40) | BIT(w, 0x4000000, 0x80) | BIT(w, 0x8000, 0x100) |
	       BIT(w, 0x100000, 0x200) | BIT(w, 0x2000, 0x400) | BIT(w, 0x800, 0x800) |
	       BIT(w, 0x40000, 0x1000) | BIT(w, 0x10000, 0x2000) | BIT(w, 0x800000, 0x4000) |
	       BIT(w, 0x100, 0x8000) | BIT(w, 0x10000000, 0x100000) |
	       BIT(w, 0x200000, 0x800000) | BIT(w, 0x1000000, 0x1000000) |
	       BIT(w, 0x80000, 0x2000000) | BIT(w, 0x4000, 0x8000000) |
	       BIT(w, 0x2000000, 0x10000000);
}

static __always_inline u32 prot_flags(u32 f)
{
	return (f & 0xf) | BIT(f, 0x1000000, 0x10) | BIT(f, 0x2000000, 0x20);
}

static __always_inline u32 mmap_flags(u32 f)
{
	return (f & 3) | BIT(f, 0x10, 0x4) | BIT(f, 0x20, 0x8) |
#if defined(__TARGET_ARCH_x86)
	       BIT(f, 0x40, 0x10) |
#endif
	       BIT(f, 0x4000, 0x40) | BIT(f, 0x8000, 0x80) | BIT(f, 0x10000, 0x100) |
	       BIT(f, 0x100, 0x200) | BIT(f, 0x800, 0x400) | BIT(f, 0x1000, 0x800) |
	       BIT(f, 0x2000, 0x4000);
}

static __always_inline u32 mlockall_flags(u32 f)
{
	return f & 7;
}

static __always_inline u32 mlock2_flags(u32 f)
{
	return f & 1;
}

static __always_inline u8 rlimit_resource(u32 resource)
{
	return resource <= 15 ? resource : 0xff;
}

static __always_inline u16 ptrace_request(u64 request)
{
	switch (request) {
	VALUE(0, 1); VALUE(1, 2); VALUE(2, 3); VALUE(3, 4); VALUE(4, 5); VALUE(5, 6);
	VALUE(6, 7); VALUE(7, 8); VALUE(8, 9); VALUE(9, 0xa);
	VALUE(16, 0xb); VALUE(17, 0xc); VALUE(24, 0xd);
	VALUE(0x4200, 0xe); VALUE(0x4201, 0xf); VALUE(0x4202, 0x10); VALUE(0x4203, 0x11);
	VALUE(0x4204, 0x12); VALUE(0x4205, 0x13); VALUE(0x4206, 0x14); VALUE(0x4207, 0x15);
	VALUE(0x4208, 0x16); VALUE(0x4209, 0x17); VALUE(0x420a, 0x18); VALUE(0x420b, 0x19);
#if defined(__TARGET_ARCH_x86)
	VALUE(12, 0x1a); VALUE(13, 0x1b); VALUE(14, 0x1c); VALUE(15, 0x1d);
	VALUE(18, 0x1e); VALUE(19, 0x1f); VALUE(21, 0x20); VALUE(25, 0x21); VALUE(26, 0x22);
	VALUE(30, 0x23); VALUE(31, 0x24); VALUE(32, 0x25); VALUE(33, 0x26);
#endif
	}
	return 0;
}

/* ---- interprocess communication ---- */

/* Operation in the low seven bits, then PRIVATE and CLOCK_REALTIME as they are. */
static __always_inline u16 futex_op(u32 op)
{
	u32 command = op & 0x7f;

	return (command <= 12 ? command : 0) | (op & 0x180);
}

static __always_inline u16 semop_flags(u16 f)
{
	return BIT(f, 04000, 1) | BIT(f, 0x1000, 2);
}

static __always_inline u32 semget_flags(u32 f)
{
	return BIT(f, 01000, 0x2000) | BIT(f, 02000, 0x4000);
}

static __always_inline u16 semctl_command(u32 cmd)
{
	switch (cmd) {
	VALUE(2, 0x1); VALUE(1, 0x2); VALUE(0, 0x4); VALUE(3, 0x8); VALUE(19, 0x10);
	VALUE(18, 0x20); VALUE(13, 0x40); VALUE(14, 0x80); VALUE(11, 0x100);
	VALUE(12, 0x200); VALUE(15, 0x400); VALUE(17, 0x800); VALUE(16, 0x1000);
	}
	return 0;
}

static __always_inline u32 io_uring_setup_flags(u32 f)
{
	/* IORING_SQ_NEED_WAKEUP has the value of IORING_SETUP_IOPOLL. */
	return BIT(f, 1, 0x5) | BIT(f, 2, 0x2) | BIT(f, 4, 0x8) | BIT(f, 8, 0x10) |
	       BIT(f, 0x10, 0x20) | BIT(f, 0x20, 0x40) | BIT(f, 0x40, 0x80);
}

/* Falco knows bit 8 under a name that the kernel does not define, so it is never set. */
static __always_inline u32 io_uring_features(u32 f)
{
	return f & 0x6ff;
}

static __always_inline u32 io_uring_enter_flags(u32 f)
{
	return f & 0xf;
}

/* ---- sockets ---- */

/* Families Falco knows; others read as AF_UNSPEC. */
static __always_inline u8 socket_family(u8 family)
{
	/* 1-29 except 27 and 28 (IB, MPLS), 31-39 and BLUETOOTH 31, TIPC 30. */
	if (family == 27 || family == 28 || family > 39)
		return 0;
	return family;
}

static __always_inline u32 socket_type_flags(u32 f)
{
	return BIT(f, OPEN_NONBLOCK, FLAG_NONBLOCK) | BIT(f, OPEN_CLOEXEC, FLAG_CLOEXEC);
}

/* Beyond the known: Falco's 0xffff, of which the event keeps a byte. */
static __always_inline u8 shutdown_how(u32 how)
{
	return how <= 2 ? how : 0xff;
}

static __always_inline u8 sockopt_level(u32 level)
{
	switch (level) {
	VALUE(1, 1); VALUE(6, 2);
	}
	return 0;
}

/* Names of SOL_SOCKET; x86 and arm64 share the kernel's generic numbers. */
static __always_inline u8 sockopt_name(u32 level, u32 name)
{
	if (level != 1)
		return 0;
	if (name <= 50)
		return name;
	switch (name) {
	VALUE(55, 0x34); VALUE(57, 0x35); VALUE(59, 0x33);
	/* Timeouts with 64-bit times. */
	VALUE(66, 0x14); VALUE(67, 0x15);
	}
	return 0;
}
