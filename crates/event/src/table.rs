//! The event table: every event code, its name, category, flags and parameters.
//!
//! This file is a table and the only place where an event is declared. The wire layout
//! ([`crate::layout`]), the probe's C structs ([`crate::codegen`]), the decoders, `evt.arg.*`, the
//! capture transcoder, `peregrine events` and the documentation derive from it. Codes, names, types
//! and print formats are Falco's event schema 4.5 (falco-facts §6.1 and Appendix A).
//!
//! One entry reads: `code CONSTANT module "name" [categories] [flags] { parameters } + { own }`,
//! where a parameter is `name: Type Format` followed by modifiers:
//!
//! * `.wide()`: the kernel returns a pointer-sized value here, keep 64 bits;
//! * `.relative_to(n)`: a path relative to the directory fd in parameter `n`;
//! * `.names(TABLE)`: bit or enumeration names used when the value is printed;
//! * `.variants(TABLE_VARIANTS)`: the types a `Dyn` value may take.
//!
//! Parameters after `+` are Peregrine's own: the state and the tools use them, Falco-compatible
//! output (`evt.args`, `.scap` files) does not show them.
//! Codes from [`crate::event::FIRST_OWN_CODE`] on are Peregrine's own events.

use crate::event::events;
use crate::flags::*;

events! {
    0 GENERIC_E generic_e "syscall" [OTHER SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        ID: SyscallId Dec; nativeID: Uint16 Dec };
    1 GENERIC_X generic_x "syscall" [OTHER SYSCALL] [CONVERTER_MANAGED] {
        ID: SyscallId Dec; nativeID: Uint16 Dec } + { res: Errno Dec .wide(); arg0: Uint64 Hex;
        arg1: Uint64 Hex; arg2: Uint64 Hex; arg3: Uint64 Hex; arg4: Uint64 Hex;
        arg5: Uint64 Hex };
    2 SYSCALL_OPEN_E syscall_open_e "open" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        name: FsPath Na; flags: Flags32 Hex .names(FILE_FLAGS); mode: Uint32 Oct };
    3 SYSCALL_OPEN_X syscall_open_x "open" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        fd: Fd Dec; name: FsPath Na; flags: Flags32 Hex .names(FILE_FLAGS);
        mode: Uint32 Oct; dev: Uint32 Hex; ino: Uint64 Dec };
    4 SYSCALL_CLOSE_E syscall_close_e "close" [IO_OTHER SYSCALL] [DESTROYS_FD USES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec };
    5 SYSCALL_CLOSE_X syscall_close_x "close" [IO_OTHER SYSCALL] [DESTROYS_FD USES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Dec };
    6 SYSCALL_READ_E syscall_read_e "read" [IO_READ SYSCALL] [USES_FD READS_FROM_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec };
    7 SYSCALL_READ_X syscall_read_x "read" [IO_READ SYSCALL] [USES_FD READS_FROM_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; fd: Fd Dec; size: Uint32 Dec };
    8 SYSCALL_WRITE_E syscall_write_e "write" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec };
    9 SYSCALL_WRITE_X syscall_write_x "write" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; fd: Fd Dec; size: Uint32 Dec };
    10 SYSCALL_BRK_1_E syscall_brk_1_e "brk" [MEMORY SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        size: Uint32 Dec };
    11 SYSCALL_BRK_1_X syscall_brk_1_x "brk" [MEMORY SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        res: Uint64 Hex };
    12 SYSCALL_EXECVE_8_E syscall_execve_8_e "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        };
    13 SYSCALL_EXECVE_8_X syscall_execve_8_x "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Uint64 Dec };
    14 SYSCALL_CLONE_11_E syscall_clone_11_e "clone" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    15 SYSCALL_CLONE_11_X syscall_clone_11_x "clone" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec;
        flags: Flags32 Hex .names(CLONE_FLAGS); uid: Uint32 Dec; gid: Uint32 Dec };
    16 PROCEXIT_E procexit_e "procexit" [PROCESS TRACEPOINT] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        };
    17 PROCEXIT_X procexit_x "NA" [UNKNOWN] [UNUSED] {};
    18 SOCKET_SOCKET_E socket_socket_e "socket" [NET SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        domain: EnumFlags32 Dec .names(SOCKET_FAMILIES); r#type: Uint32 Dec;
        proto: Uint32 Dec };
    19 SOCKET_SOCKET_X socket_socket_x "socket" [NET SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        fd: Fd Dec; domain: EnumFlags32 Dec .names(SOCKET_FAMILIES); r#type: Uint32 Dec;
        proto: Uint32 Dec; flags: Flags32 Hex .names(FILE_FLAGS) };
    20 SOCKET_BIND_E socket_bind_e "bind" [NET SYSCALL] [USES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec };
    21 SOCKET_BIND_X socket_bind_x "bind" [NET SYSCALL] [USES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; addr: SockAddr Na; fd: Fd Dec };
    22 SOCKET_CONNECT_E socket_connect_e "connect" [NET SYSCALL] [USES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        fd: Fd Dec; addr: SockAddr Na };
    23 SOCKET_CONNECT_X socket_connect_x "connect" [NET SYSCALL] [USES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; tuple: SockTuple Na; fd: Fd Dec; addr: SockAddr Na };
    24 SOCKET_LISTEN_E socket_listen_e "listen" [NET SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; backlog: Int32 Dec };
    25 SOCKET_LISTEN_X socket_listen_x "listen" [NET SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Dec; backlog: Int32 Dec };
    26 SOCKET_ACCEPT_E socket_accept_e "accept" [NET SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    27 SOCKET_ACCEPT_X socket_accept_x "accept" [NET SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; tuple: SockTuple Na; queuepct: Uint8 Dec };
    28 SOCKET_SEND_E socket_send_e "send" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec };
    29 SOCKET_SEND_X socket_send_x "send" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; fd: Fd Dec; size: Uint32 Dec;
        tuple: SockTuple Na };
    30 SOCKET_SENDTO_E socket_sendto_e "sendto" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec; tuple: SockTuple Na };
    31 SOCKET_SENDTO_X socket_sendto_x "sendto" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; fd: Fd Dec; size: Uint32 Dec;
        tuple: SockTuple Na };
    32 SOCKET_RECV_E socket_recv_e "recv" [IO_READ SYSCALL] [USES_FD READS_FROM_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec };
    33 SOCKET_RECV_X socket_recv_x "recv" [IO_READ SYSCALL] [USES_FD READS_FROM_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; fd: Fd Dec; size: Uint32 Dec;
        tuple: SockTuple Na };
    34 SOCKET_RECVFROM_E socket_recvfrom_e "recvfrom" [IO_READ SYSCALL] [USES_FD READS_FROM_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec };
    35 SOCKET_RECVFROM_X socket_recvfrom_x "recvfrom" [IO_READ SYSCALL] [USES_FD READS_FROM_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; tuple: SockTuple Na; fd: Fd Dec;
        size: Uint32 Dec };
    36 SOCKET_SHUTDOWN_E socket_shutdown_e "shutdown" [NET SYSCALL] [USES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; how: EnumFlags8 Hex .names(SHUTDOWN_HOW) };
    37 SOCKET_SHUTDOWN_X socket_shutdown_x "shutdown" [NET SYSCALL] [USES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Dec; how: EnumFlags8 Hex .names(SHUTDOWN_HOW) };
    38 SOCKET_GETSOCKNAME_E socket_getsockname_e "getsockname" [NET SYSCALL] [OLD_VERSION] {};
    39 SOCKET_GETSOCKNAME_X socket_getsockname_x "getsockname" [NET SYSCALL] [] {};
    40 SOCKET_GETPEERNAME_E socket_getpeername_e "getpeername" [NET SYSCALL] [OLD_VERSION] {};
    41 SOCKET_GETPEERNAME_X socket_getpeername_x "getpeername" [NET SYSCALL] [] {};
    42 SOCKET_SOCKETPAIR_E socket_socketpair_e "socketpair" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        domain: EnumFlags32 Dec .names(SOCKET_FAMILIES); r#type: Uint32 Dec;
        proto: Uint32 Dec };
    43 SOCKET_SOCKETPAIR_X socket_socketpair_x "socketpair" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; fd1: Fd Dec; fd2: Fd Dec; source: Uint64 Hex; peer: Uint64 Hex;
        domain: EnumFlags32 Dec .names(SOCKET_FAMILIES); r#type: Uint32 Dec;
        proto: Uint32 Dec };
    44 SOCKET_SETSOCKOPT_E socket_setsockopt_e "setsockopt" [NET SYSCALL] [OLD_VERSION] {};
    45 SOCKET_SETSOCKOPT_X socket_setsockopt_x "setsockopt" [NET SYSCALL] [USES_FD] {
        res: Errno Dec; fd: Fd Dec; level: EnumFlags8 Dec .names(SOCKOPT_LEVELS);
        optname: EnumFlags8 Dec .names(SOCKOPT_OPTIONS);
        val: Dyn Dec .variants(SOCKOPT_VARIANTS); optlen: Uint32 Dec };
    46 SOCKET_GETSOCKOPT_E socket_getsockopt_e "getsockopt" [NET SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    47 SOCKET_GETSOCKOPT_X socket_getsockopt_x "getsockopt" [NET SYSCALL] [USES_FD MODIFIES_STATE] {
        res: Errno Dec; fd: Fd Dec; level: EnumFlags8 Dec .names(SOCKOPT_LEVELS);
        optname: EnumFlags8 Dec .names(SOCKOPT_OPTIONS);
        val: Dyn Dec .variants(SOCKOPT_VARIANTS); optlen: Uint32 Dec };
    48 SOCKET_SENDMSG_E socket_sendmsg_e "sendmsg" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec; tuple: SockTuple Na };
    49 SOCKET_SENDMSG_X socket_sendmsg_x "sendmsg" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; fd: Fd Dec; size: Uint32 Dec;
        tuple: SockTuple Na };
    50 SOCKET_SENDMMSG_E socket_sendmmsg_e "sendmmsg" [IO_WRITE SYSCALL] [OLD_VERSION] {};
    51 SOCKET_SENDMMSG_X socket_sendmmsg_x "sendmmsg" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Dec; size: Uint32 Dec; data: ByteBuf Na; tuple: SockTuple Na };
    52 SOCKET_RECVMSG_E socket_recvmsg_e "recvmsg" [IO_READ SYSCALL] [USES_FD READS_FROM_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec };
    53 SOCKET_RECVMSG_X socket_recvmsg_x "recvmsg" [IO_READ SYSCALL] [USES_FD READS_FROM_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec .wide(); size: Uint32 Dec; data: ByteBuf Na; tuple: SockTuple Na;
        msgcontrol: ByteBuf Na; fd: Fd Dec };
    54 SOCKET_RECVMMSG_E socket_recvmmsg_e "recvmmsg" [IO_READ SYSCALL] [OLD_VERSION] {};
    55 SOCKET_RECVMMSG_X socket_recvmmsg_x "recvmmsg" [IO_READ SYSCALL] [USES_FD READS_FROM_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Dec; size: Uint32 Dec; data: ByteBuf Na; tuple: SockTuple Na;
        msgcontrol: ByteBuf Na };
    56 SOCKET_ACCEPT4_E socket_accept4_e "accept" [NET SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        flags: Int32 Hex };
    57 SOCKET_ACCEPT4_X socket_accept4_x "accept" [NET SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; tuple: SockTuple Na; queuepct: Uint8 Dec };
    58 SYSCALL_CREAT_E syscall_creat_e "creat" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        name: FsPath Na; mode: Uint32 Oct };
    59 SYSCALL_CREAT_X syscall_creat_x "creat" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        fd: Fd Dec; name: FsPath Na; mode: Uint32 Oct; dev: Uint32 Hex; ino: Uint64 Dec;
        creat_flags: Flags16 Hex .names(CREAT_FLAGS) };
    60 SYSCALL_PIPE_E syscall_pipe_e "pipe" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    61 SYSCALL_PIPE_X syscall_pipe_x "pipe" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE] {
        res: Errno Dec; fd1: Fd Dec; fd2: Fd Dec; ino: Uint64 Dec };
    62 SYSCALL_EVENTFD_E syscall_eventfd_e "eventfd" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        initval: Uint64 Dec; flags: Uint32 Hex };
    63 SYSCALL_EVENTFD_X syscall_eventfd_x "eventfd" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Fd Dec; initval: Uint64 Dec; flags: Uint32 Hex };
    64 SYSCALL_FUTEX_E syscall_futex_e "futex" [IPC SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        addr: Uint64 Hex; op: Flags16 Hex .names(FUTEX_OPERATIONS); val: Uint64 Dec };
    65 SYSCALL_FUTEX_X syscall_futex_x "futex" [IPC SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; addr: Uint64 Hex; op: Flags16 Hex .names(FUTEX_OPERATIONS);
        val: Uint64 Dec };
    66 SYSCALL_STAT_E syscall_stat_e "stat" [FILE SYSCALL] [OLD_VERSION] {};
    67 SYSCALL_STAT_X syscall_stat_x "stat" [FILE SYSCALL] [] { res: Errno Dec; path: FsPath Na };
    68 SYSCALL_LSTAT_E syscall_lstat_e "lstat" [FILE SYSCALL] [OLD_VERSION] {};
    69 SYSCALL_LSTAT_X syscall_lstat_x "lstat" [FILE SYSCALL] [] {
        res: Errno Dec; path: FsPath Na };
    70 SYSCALL_FSTAT_E syscall_fstat_e "fstat" [FILE SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Na };
    71 SYSCALL_FSTAT_X syscall_fstat_x "fstat" [FILE SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Na };
    72 SYSCALL_STAT64_E syscall_stat64_e "stat64" [FILE SYSCALL] [OLD_VERSION] {};
    73 SYSCALL_STAT64_X syscall_stat64_x "stat64" [FILE SYSCALL] [] {
        res: Errno Dec; path: FsPath Na };
    74 SYSCALL_LSTAT64_E syscall_lstat64_e "lstat64" [FILE SYSCALL] [OLD_VERSION] {};
    75 SYSCALL_LSTAT64_X syscall_lstat64_x "lstat64" [FILE SYSCALL] [] {
        res: Errno Dec; path: FsPath Na };
    76 SYSCALL_FSTAT64_E syscall_fstat64_e "fstat64" [FILE SYSCALL] [USES_FD OLD_VERSION] {
        fd: Fd Na };
    77 SYSCALL_FSTAT64_X syscall_fstat64_x "fstat64" [FILE SYSCALL] [] { res: Errno Dec };
    78 SYSCALL_EPOLLWAIT_E syscall_epollwait_e "epoll_wait" [WAIT SYSCALL] [WAITS OLD_VERSION CONVERTER_MANAGED] {
        maxevents: Errno Dec };
    79 SYSCALL_EPOLLWAIT_X syscall_epollwait_x "epoll_wait" [WAIT SYSCALL] [WAITS CONVERTER_MANAGED] {
        res: Errno Dec; maxevents: Errno Dec };
    80 SYSCALL_POLL_E syscall_poll_e "poll" [WAIT SYSCALL] [WAITS OLD_VERSION CONVERTER_MANAGED] {
        fds: FdList Dec; timeout: Int64 Dec };
    81 SYSCALL_POLL_X syscall_poll_x "poll" [WAIT SYSCALL] [WAITS CONVERTER_MANAGED] {
        res: Errno Dec; fds: FdList Dec; timeout: Int64 Dec };
    82 SYSCALL_SELECT_E syscall_select_e "select" [WAIT SYSCALL] [WAITS OLD_VERSION] {};
    83 SYSCALL_SELECT_X syscall_select_x "select" [WAIT SYSCALL] [WAITS] { res: Errno Dec };
    84 SYSCALL_NEWSELECT_E syscall_newselect_e "select" [WAIT SYSCALL] [WAITS OLD_VERSION] {};
    85 SYSCALL_NEWSELECT_X syscall_newselect_x "select" [WAIT SYSCALL] [WAITS OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec };
    86 SYSCALL_LSEEK_E syscall_lseek_e "lseek" [FILE SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; offset: Uint64 Dec; whence: EnumFlags8 Dec .names(LSEEK_WHENCE) };
    87 SYSCALL_LSEEK_X syscall_lseek_x "lseek" [FILE SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); fd: Fd Dec; offset: Uint64 Dec;
        whence: EnumFlags8 Dec .names(LSEEK_WHENCE) };
    88 SYSCALL_LLSEEK_E syscall_llseek_e "llseek" [FILE SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; offset: Uint64 Dec; whence: EnumFlags8 Dec .names(LSEEK_WHENCE) };
    89 SYSCALL_LLSEEK_X syscall_llseek_x "llseek" [FILE SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); fd: Fd Dec; offset: Uint64 Dec;
        whence: EnumFlags8 Dec .names(LSEEK_WHENCE) };
    90 SYSCALL_IOCTL_2_E syscall_ioctl_2_e "ioctl" [IO_OTHER SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; request: Uint64 Hex };
    91 SYSCALL_IOCTL_2_X syscall_ioctl_2_x "ioctl" [IO_OTHER SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec };
    92 SYSCALL_GETCWD_E syscall_getcwd_e "getcwd" [FILE SYSCALL] [OLD_VERSION] {};
    93 SYSCALL_GETCWD_X syscall_getcwd_x "getcwd" [FILE SYSCALL] [] {
        res: Errno Dec; path: CharBuf Na };
    94 SYSCALL_CHDIR_E syscall_chdir_e "chdir" [FILE SYSCALL] [MODIFIES_STATE OLD_VERSION] {};
    95 SYSCALL_CHDIR_X syscall_chdir_x "chdir" [FILE SYSCALL] [MODIFIES_STATE] {
        res: Errno Dec; path: CharBuf Na };
    96 SYSCALL_FCHDIR_E syscall_fchdir_e "fchdir" [FILE SYSCALL] [USES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Na };
    97 SYSCALL_FCHDIR_X syscall_fchdir_x "fchdir" [FILE SYSCALL] [USES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Na };
    98 SYSCALL_MKDIR_E syscall_mkdir_e "mkdir" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        path: FsPath Na; mode: Uint32 Hex };
    99 SYSCALL_MKDIR_X syscall_mkdir_x "mkdir" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec };
    100 SYSCALL_RMDIR_E syscall_rmdir_e "rmdir" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        path: FsPath Na };
    101 SYSCALL_RMDIR_X syscall_rmdir_x "rmdir" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec };
    102 SYSCALL_OPENAT_E syscall_openat_e "openat" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        dirfd: Fd Dec; name: CharBuf Na; flags: Flags32 Hex .names(FILE_FLAGS);
        mode: Uint32 Oct };
    103 SYSCALL_OPENAT_X syscall_openat_x "openat" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec };
    104 SYSCALL_LINK_E syscall_link_e "link" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        oldpath: FsPath Na; newpath: FsPath Na };
    105 SYSCALL_LINK_X syscall_link_x "link" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec };
    106 SYSCALL_LINKAT_E syscall_linkat_e "linkat" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        olddir: Fd Dec; oldpath: CharBuf Na; newdir: Fd Dec; newpath: CharBuf Na };
    107 SYSCALL_LINKAT_X syscall_linkat_x "linkat" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec };
    108 SYSCALL_UNLINK_E syscall_unlink_e "unlink" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        path: FsPath Na };
    109 SYSCALL_UNLINK_X syscall_unlink_x "unlink" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec };
    110 SYSCALL_UNLINKAT_E syscall_unlinkat_e "unlinkat" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        dirfd: Fd Dec; name: CharBuf Na };
    111 SYSCALL_UNLINKAT_X syscall_unlinkat_x "unlinkat" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec };
    112 SYSCALL_PREAD_E syscall_pread_e "pread" [IO_READ SYSCALL] [USES_FD READS_FROM_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec; pos: Uint64 Dec };
    113 SYSCALL_PREAD_X syscall_pread_x "pread" [IO_READ SYSCALL] [USES_FD READS_FROM_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; fd: Fd Dec; size: Uint32 Dec;
        pos: Uint64 Dec };
    114 SYSCALL_PWRITE_E syscall_pwrite_e "pwrite" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec; pos: Uint64 Dec };
    115 SYSCALL_PWRITE_X syscall_pwrite_x "pwrite" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; fd: Fd Dec; size: Uint32 Dec;
        pos: Uint64 Dec };
    116 SYSCALL_READV_E syscall_readv_e "readv" [IO_READ SYSCALL] [USES_FD READS_FROM_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec };
    117 SYSCALL_READV_X syscall_readv_x "readv" [IO_READ SYSCALL] [USES_FD READS_FROM_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); size: Uint32 Dec; data: ByteBuf Na; fd: Fd Dec };
    118 SYSCALL_WRITEV_E syscall_writev_e "writev" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec };
    119 SYSCALL_WRITEV_X syscall_writev_x "writev" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; fd: Fd Dec; size: Uint32 Dec };
    120 SYSCALL_PREADV_E syscall_preadv_e "preadv" [IO_READ SYSCALL] [USES_FD READS_FROM_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; pos: Uint64 Dec };
    121 SYSCALL_PREADV_X syscall_preadv_x "preadv" [IO_READ SYSCALL] [USES_FD READS_FROM_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); size: Uint32 Dec; data: ByteBuf Na; fd: Fd Dec;
        pos: Uint64 Dec };
    122 SYSCALL_PWRITEV_E syscall_pwritev_e "pwritev" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; size: Uint32 Dec; pos: Uint64 Dec };
    123 SYSCALL_PWRITEV_X syscall_pwritev_x "pwritev" [IO_WRITE SYSCALL] [USES_FD WRITES_TO_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); data: ByteBuf Na; fd: Fd Dec; size: Uint32 Dec;
        pos: Uint64 Dec };
    124 SYSCALL_DUP_E syscall_dup_e "dup" [IO_OTHER SYSCALL] [CREATES_FD USES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec };
    125 SYSCALL_DUP_X syscall_dup_x "dup" [IO_OTHER SYSCALL] [CREATES_FD USES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Fd Dec };
    126 SYSCALL_SIGNALFD_E syscall_signalfd_e "signalfd" [SIGNAL SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; mask: Uint32 Hex; flags: Uint8 Hex };
    127 SYSCALL_SIGNALFD_X syscall_signalfd_x "signalfd" [SIGNAL SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Fd Dec; fd: Fd Dec; mask: Uint32 Hex; flags: Uint8 Hex };
    128 SYSCALL_KILL_E syscall_kill_e "kill" [SIGNAL SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        pid: Pid Dec; sig: SigType Dec };
    129 SYSCALL_KILL_X syscall_kill_x "kill" [SIGNAL SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; pid: Pid Dec; sig: SigType Dec };
    130 SYSCALL_TKILL_E syscall_tkill_e "tkill" [SIGNAL SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        tid: Pid Dec; sig: SigType Dec };
    131 SYSCALL_TKILL_X syscall_tkill_x "tkill" [SIGNAL SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; tid: Pid Dec; sig: SigType Dec };
    132 SYSCALL_TGKILL_E syscall_tgkill_e "tgkill" [SIGNAL SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        pid: Pid Dec; tid: Pid Dec; sig: SigType Dec };
    133 SYSCALL_TGKILL_X syscall_tgkill_x "tgkill" [SIGNAL SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; pid: Pid Dec; tid: Pid Dec; sig: SigType Dec };
    134 SYSCALL_NANOSLEEP_E syscall_nanosleep_e "nanosleep" [SLEEP SYSCALL] [WAITS OLD_VERSION CONVERTER_MANAGED] {
        interval: RelTime Dec };
    135 SYSCALL_NANOSLEEP_X syscall_nanosleep_x "nanosleep" [SLEEP SYSCALL] [WAITS CONVERTER_MANAGED] {
        res: Errno Dec; interval: RelTime Dec };
    136 SYSCALL_TIMERFD_CREATE_E syscall_timerfd_create_e "timerfd_create" [TIME SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        clockid: Uint8 Dec; flags: Uint8 Hex };
    137 SYSCALL_TIMERFD_CREATE_X syscall_timerfd_create_x "timerfd_create" [TIME SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Fd Dec; clockid: Uint8 Dec; flags: Uint8 Hex };
    138 SYSCALL_INOTIFY_INIT_E syscall_inotify_init_e "inotify_init" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        flags: Uint8 Hex };
    139 SYSCALL_INOTIFY_INIT_X syscall_inotify_init_x "inotify_init" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Fd Dec; flags: Uint8 Hex };
    140 SYSCALL_GETRLIMIT_E syscall_getrlimit_e "getrlimit" [PROCESS SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        resource: EnumFlags8 Dec .names(RLIMIT_RESOURCES) };
    141 SYSCALL_GETRLIMIT_X syscall_getrlimit_x "getrlimit" [PROCESS SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; cur: Int64 Dec; max: Int64 Dec;
        resource: EnumFlags8 Dec .names(RLIMIT_RESOURCES) };
    142 SYSCALL_SETRLIMIT_E syscall_setrlimit_e "setrlimit" [PROCESS SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        resource: EnumFlags8 Dec .names(RLIMIT_RESOURCES) };
    143 SYSCALL_SETRLIMIT_X syscall_setrlimit_x "setrlimit" [PROCESS SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; cur: Int64 Dec; max: Int64 Dec;
        resource: EnumFlags8 Dec .names(RLIMIT_RESOURCES) };
    144 SYSCALL_PRLIMIT_E syscall_prlimit_e "prlimit" [PROCESS SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        pid: Pid Dec; resource: EnumFlags8 Dec .names(RLIMIT_RESOURCES) };
    145 SYSCALL_PRLIMIT_X syscall_prlimit_x "prlimit" [PROCESS SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; newcur: Int64 Dec; newmax: Int64 Dec; oldcur: Int64 Dec;
        oldmax: Int64 Dec; pid: Int64 Dec;
        resource: EnumFlags8 Dec .names(RLIMIT_RESOURCES) };
    146 SCHEDSWITCH_1_E schedswitch_1_e "switch" [SCHEDULER TRACEPOINT] [SKIP_PARSE_RESET OLD_VERSION CONVERTER_MANAGED] {
        next: Pid Dec };
    147 SCHEDSWITCH_1_X schedswitch_1_x "NA" [UNKNOWN] [UNUSED] {};
    148 DROP_E drop_e "drop" [INTERNAL META] [SKIP_PARSE_RESET] { ratio: Uint32 Dec };
    149 DROP_X drop_x "drop" [INTERNAL META] [SKIP_PARSE_RESET] { ratio: Uint32 Dec };
    150 SYSCALL_FCNTL_E syscall_fcntl_e "fcntl" [IO_OTHER SYSCALL] [USES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; cmd: EnumFlags8 Dec .names(FCNTL_COMMANDS) };
    151 SYSCALL_FCNTL_X syscall_fcntl_x "fcntl" [IO_OTHER SYSCALL] [USES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Fd Dec; fd: Fd Dec; cmd: EnumFlags8 Dec .names(FCNTL_COMMANDS);
        arg: Uint64 Hex };
    152 SCHEDSWITCH_6_E schedswitch_6_e "switch" [SCHEDULER TRACEPOINT] [] {
        next: Pid Dec; pgft_maj: Uint64 Dec; pgft_min: Uint64 Dec; vm_size: Uint32 Dec;
        vm_rss: Uint32 Dec; vm_swap: Uint32 Dec };
    153 SCHEDSWITCH_6_X schedswitch_6_x "NA" [UNKNOWN] [UNUSED] {};
    154 SYSCALL_EXECVE_13_E syscall_execve_13_e "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        };
    155 SYSCALL_EXECVE_13_X syscall_execve_13_x "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Uint64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec };
    156 SYSCALL_CLONE_16_E syscall_clone_16_e "clone" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    157 SYSCALL_CLONE_16_X syscall_clone_16_x "clone" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        flags: Flags32 Hex .names(CLONE_FLAGS); uid: Uint32 Dec; gid: Uint32 Dec };
    158 SYSCALL_BRK_4_E syscall_brk_4_e "brk" [MEMORY SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        addr: Uint64 Hex };
    159 SYSCALL_BRK_4_X syscall_brk_4_x "brk" [MEMORY SYSCALL] [CONVERTER_MANAGED] {
        res: Uint64 Hex; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        addr: Uint64 Hex };
    160 SYSCALL_MMAP_E syscall_mmap_e "mmap" [MEMORY SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        addr: Uint64 Hex; length: Uint64 Dec; prot: Flags32 Hex .names(PROT_FLAGS);
        flags: Flags32 Hex .names(MMAP_FLAGS); fd: Fd Dec; offset: Uint64 Dec };
    161 SYSCALL_MMAP_X syscall_mmap_x "mmap" [MEMORY SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Hex .wide(); vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        addr: Uint64 Hex; length: Uint64 Dec; prot: Flags32 Hex .names(PROT_FLAGS);
        flags: Flags32 Hex .names(MMAP_FLAGS); fd: Fd Dec; offset: Uint64 Dec };
    162 SYSCALL_MMAP2_E syscall_mmap2_e "mmap2" [MEMORY SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        addr: Uint64 Hex; length: Uint64 Dec; prot: Flags32 Hex .names(PROT_FLAGS);
        flags: Flags32 Hex .names(MMAP_FLAGS); fd: Fd Dec; pgoffset: Uint64 Dec };
    163 SYSCALL_MMAP2_X syscall_mmap2_x "mmap2" [MEMORY SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Hex .wide(); vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        addr: Uint64 Hex; length: Uint64 Dec; prot: Flags32 Hex .names(PROT_FLAGS);
        flags: Flags32 Hex .names(MMAP_FLAGS); fd: Fd Dec; pgoffset: Uint64 Dec };
    164 SYSCALL_MUNMAP_E syscall_munmap_e "munmap" [MEMORY SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        addr: Uint64 Hex; length: Uint64 Dec };
    165 SYSCALL_MUNMAP_X syscall_munmap_x "munmap" [MEMORY SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        addr: Uint64 Hex; length: Uint64 Dec };
    166 SYSCALL_SPLICE_E syscall_splice_e "splice" [IO_OTHER SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd_in: Fd Dec; fd_out: Fd Dec; size: Uint64 Dec;
        flags: Flags32 Hex .names(SPLICE_FLAGS) };
    167 SYSCALL_SPLICE_X syscall_splice_x "splice" [IO_OTHER SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); fd_in: Fd Dec; fd_out: Fd Dec; size: Uint64 Dec;
        flags: Flags32 Hex .names(SPLICE_FLAGS) };
    168 SYSCALL_PTRACE_E syscall_ptrace_e "ptrace" [PROCESS SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        request: EnumFlags16 Dec .names(PTRACE_REQUESTS); pid: Pid Dec };
    169 SYSCALL_PTRACE_X syscall_ptrace_x "ptrace" [PROCESS SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec .wide(); addr: Dyn Hex .variants(PTRACE_VARIANTS);
        data: Dyn Hex .variants(PTRACE_VARIANTS);
        request: EnumFlags16 Dec .names(PTRACE_REQUESTS); pid: Pid Dec };
    170 SYSCALL_IOCTL_3_E syscall_ioctl_3_e "ioctl" [IO_OTHER SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; request: Uint64 Hex; argument: Uint64 Hex };
    171 SYSCALL_IOCTL_3_X syscall_ioctl_3_x "ioctl" [IO_OTHER SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Dec; request: Uint64 Hex; argument: Uint64 Hex };
    172 SYSCALL_EXECVE_14_E syscall_execve_14_e "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        };
    173 SYSCALL_EXECVE_14_X syscall_execve_14_x "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Uint64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        env: ByteBuf Na };
    174 SYSCALL_RENAME_E syscall_rename_e "rename" [FILE SYSCALL] [OLD_VERSION] {};
    175 SYSCALL_RENAME_X syscall_rename_x "rename" [FILE SYSCALL] [] {
        res: Errno Dec; oldpath: FsPath Na; newpath: FsPath Na };
    176 SYSCALL_RENAMEAT_E syscall_renameat_e "renameat" [FILE SYSCALL] [OLD_VERSION] {};
    177 SYSCALL_RENAMEAT_X syscall_renameat_x "renameat" [FILE SYSCALL] [] {
        res: Errno Dec; olddirfd: Fd Dec; oldpath: FsRelPath Na .relative_to(1);
        newdirfd: Fd Dec; newpath: FsRelPath Na .relative_to(3) };
    178 SYSCALL_SYMLINK_E syscall_symlink_e "symlink" [FILE SYSCALL] [OLD_VERSION] {};
    179 SYSCALL_SYMLINK_X syscall_symlink_x "symlink" [FILE SYSCALL] [] {
        res: Errno Dec; target: CharBuf Na; linkpath: FsPath Na };
    180 SYSCALL_SYMLINKAT_E syscall_symlinkat_e "symlinkat" [FILE SYSCALL] [OLD_VERSION] {};
    181 SYSCALL_SYMLINKAT_X syscall_symlinkat_x "symlinkat" [FILE SYSCALL] [USES_FD] {
        res: Errno Dec; target: CharBuf Na; linkdirfd: Fd Dec;
        linkpath: FsRelPath Na .relative_to(2) };
    182 SYSCALL_FORK_E syscall_fork_e "fork" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {};
    183 SYSCALL_FORK_X syscall_fork_x "fork" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        flags: Flags32 Hex .names(CLONE_FLAGS); uid: Uint32 Dec; gid: Uint32 Dec };
    184 SYSCALL_VFORK_E syscall_vfork_e "vfork" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {};
    185 SYSCALL_VFORK_X syscall_vfork_x "vfork" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        flags: Flags32 Hex .names(CLONE_FLAGS); uid: Uint32 Dec; gid: Uint32 Dec };
    186 PROCEXIT_1_E procexit_1_e "procexit" [PROCESS TRACEPOINT] [MODIFIES_STATE] {
        status: Errno Dec; ret: Errno Dec; sig: SigType Dec; core: Uint8 Dec;
        reaper_tid: Pid Dec };
    187 PROCEXIT_1_X procexit_1_x "NA" [UNKNOWN] [UNUSED] {};
    188 SYSCALL_SENDFILE_E syscall_sendfile_e "sendfile" [IO_WRITE SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        out_fd: Fd Dec; in_fd: Fd Dec; offset: Uint64 Dec; size: Uint64 Dec };
    189 SYSCALL_SENDFILE_X syscall_sendfile_x "sendfile" [IO_WRITE SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); offset: Uint64 Dec; out_fd: Fd Dec; in_fd: Fd Dec;
        size: Uint64 Dec };
    190 SYSCALL_QUOTACTL_E syscall_quotactl_e "quotactl" [USER SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        cmd: Flags16 Dec .names(QUOTACTL_CMDS);
        r#type: Flags8 Dec .names(QUOTACTL_TYPES); id: Uint32 Dec;
        quota_fmt: Flags8 Dec .names(QUOTACTL_QUOTA_FMTS) };
    191 SYSCALL_QUOTACTL_X syscall_quotactl_x "quotactl" [USER SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; special: CharBuf Na; quotafilepath: CharBuf Na;
        dqb_bhardlimit: Uint64 Dec; dqb_bsoftlimit: Uint64 Dec; dqb_curspace: Uint64 Dec;
        dqb_ihardlimit: Uint64 Dec; dqb_isoftlimit: Uint64 Dec; dqb_btime: RelTime Dec;
        dqb_itime: RelTime Dec; dqi_bgrace: RelTime Dec; dqi_igrace: RelTime Dec;
        dqi_flags: Flags8 Dec .names(QUOTACTL_DQI_FLAGS);
        quota_fmt_out: Flags8 Dec .names(QUOTACTL_QUOTA_FMTS);
        cmd: Flags16 Dec .names(QUOTACTL_CMDS);
        r#type: Flags8 Dec .names(QUOTACTL_TYPES); id: Uint32 Dec;
        quota_fmt: Flags8 Dec .names(QUOTACTL_QUOTA_FMTS) };
    192 SYSCALL_SETRESUID_E syscall_setresuid_e "setresuid" [USER SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        ruid: Uid Dec; euid: Uid Dec; suid: Uid Dec };
    193 SYSCALL_SETRESUID_X syscall_setresuid_x "setresuid" [USER SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; ruid: Uid Dec; euid: Uid Dec; suid: Uid Dec };
    194 SYSCALL_SETRESGID_E syscall_setresgid_e "setresgid" [USER SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        rgid: Gid Dec; egid: Gid Dec; sgid: Gid Dec };
    195 SYSCALL_SETRESGID_X syscall_setresgid_x "setresgid" [USER SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; rgid: Gid Dec; egid: Gid Dec; sgid: Gid Dec };
    196 SCAPEVENT_E scapevent_e "scapevent" [INTERNAL META] [SKIP_PARSE_RESET] {
        event_type: Uint32 Dec; event_data: Uint64 Dec };
    197 SCAPEVENT_X scapevent_x "NA" [UNKNOWN] [UNUSED] {};
    198 SYSCALL_SETUID_E syscall_setuid_e "setuid" [USER SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        uid: Uid Dec };
    199 SYSCALL_SETUID_X syscall_setuid_x "setuid" [USER SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; uid: Uid Dec };
    200 SYSCALL_SETGID_E syscall_setgid_e "setgid" [USER SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        gid: Gid Dec };
    201 SYSCALL_SETGID_X syscall_setgid_x "setgid" [USER SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; gid: Gid Dec };
    202 SYSCALL_GETUID_E syscall_getuid_e "getuid" [USER SYSCALL] [OLD_VERSION] {};
    203 SYSCALL_GETUID_X syscall_getuid_x "getuid" [USER SYSCALL] [] { uid: Uid Dec };
    204 SYSCALL_GETEUID_E syscall_geteuid_e "geteuid" [USER SYSCALL] [OLD_VERSION] {};
    205 SYSCALL_GETEUID_X syscall_geteuid_x "geteuid" [USER SYSCALL] [] { euid: Uid Dec };
    206 SYSCALL_GETGID_E syscall_getgid_e "getgid" [USER SYSCALL] [OLD_VERSION] {};
    207 SYSCALL_GETGID_X syscall_getgid_x "getgid" [USER SYSCALL] [] { gid: Gid Dec };
    208 SYSCALL_GETEGID_E syscall_getegid_e "getegid" [USER SYSCALL] [OLD_VERSION] {};
    209 SYSCALL_GETEGID_X syscall_getegid_x "getegid" [USER SYSCALL] [] { egid: Gid Dec };
    210 SYSCALL_GETRESUID_E syscall_getresuid_e "getresuid" [USER SYSCALL] [OLD_VERSION] {};
    211 SYSCALL_GETRESUID_X syscall_getresuid_x "getresuid" [USER SYSCALL] [] {
        res: Errno Dec; ruid: Uid Dec; euid: Uid Dec; suid: Uid Dec };
    212 SYSCALL_GETRESGID_E syscall_getresgid_e "getresgid" [USER SYSCALL] [OLD_VERSION] {};
    213 SYSCALL_GETRESGID_X syscall_getresgid_x "getresgid" [USER SYSCALL] [] {
        res: Errno Dec; rgid: Gid Dec; egid: Gid Dec; sgid: Gid Dec };
    214 SYSCALL_EXECVE_15_E syscall_execve_15_e "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        };
    215 SYSCALL_EXECVE_15_X syscall_execve_15_x "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Uint64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; env: ByteBuf Na };
    216 SYSCALL_CLONE_17_E syscall_clone_17_e "clone" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    217 SYSCALL_CLONE_17_X syscall_clone_17_x "clone" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; flags: Flags32 Hex .names(CLONE_FLAGS); uid: Uint32 Dec;
        gid: Uint32 Dec };
    218 SYSCALL_FORK_17_E syscall_fork_17_e "fork" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    219 SYSCALL_FORK_17_X syscall_fork_17_x "fork" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; flags: Flags32 Hex .names(CLONE_FLAGS); uid: Uint32 Dec;
        gid: Uint32 Dec };
    220 SYSCALL_VFORK_17_E syscall_vfork_17_e "vfork" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    221 SYSCALL_VFORK_17_X syscall_vfork_17_x "vfork" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; flags: Flags32 Hex .names(CLONE_FLAGS); uid: Uint32 Dec;
        gid: Uint32 Dec };
    222 SYSCALL_CLONE_20_E syscall_clone_20_e "clone" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    223 SYSCALL_CLONE_20_X syscall_clone_20_x "clone" [PROCESS SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; cgroups: ByteBuf Na; flags: Flags32 Hex .names(CLONE_FLAGS);
        uid: Uint32 Dec; gid: Uint32 Dec; vtid: Pid Dec; vpid: Pid Dec;
        pidns_init_start_ts: Uint64 Dec } + { start_time: AbsTime Dec;
        parent_start_time: AbsTime Dec };
    224 SYSCALL_FORK_20_E syscall_fork_20_e "fork" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    225 SYSCALL_FORK_20_X syscall_fork_20_x "fork" [PROCESS SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; cgroups: ByteBuf Na; flags: Flags32 Hex .names(CLONE_FLAGS);
        uid: Uint32 Dec; gid: Uint32 Dec; vtid: Pid Dec; vpid: Pid Dec;
        pidns_init_start_ts: Uint64 Dec } + { start_time: AbsTime Dec;
        parent_start_time: AbsTime Dec };
    226 SYSCALL_VFORK_20_E syscall_vfork_20_e "vfork" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    227 SYSCALL_VFORK_20_X syscall_vfork_20_x "vfork" [PROCESS SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; cgroups: ByteBuf Na; flags: Flags32 Hex .names(CLONE_FLAGS);
        uid: Uint32 Dec; gid: Uint32 Dec; vtid: Pid Dec; vpid: Pid Dec;
        pidns_init_start_ts: Uint64 Dec } + { start_time: AbsTime Dec;
        parent_start_time: AbsTime Dec };
    228 CONTAINER_E container_e "container" [INTERNAL META] [MODIFIES_STATE SKIP_PARSE_RESET OLD_VERSION CONVERTER_MANAGED] {
        id: CharBuf Na; r#type: Uint32 Dec; name: CharBuf Na; image: CharBuf Na };
    229 CONTAINER_X container_x "NA" [UNKNOWN] [UNUSED] {};
    230 SYSCALL_EXECVE_16_E syscall_execve_16_e "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        };
    231 SYSCALL_EXECVE_16_X syscall_execve_16_x "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Uint64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; cgroups: ByteBuf Na; env: ByteBuf Na };
    232 SIGNALDELIVER_E signaldeliver_e "signaldeliver" [SIGNAL TRACEPOINT] [] {
        spid: Pid Dec; dpid: Pid Dec; sig: SigType Dec };
    233 SIGNALDELIVER_X signaldeliver_x "NA" [UNKNOWN] [UNUSED] {};
    234 PROCINFO_E procinfo_e "procinfo" [INTERNAL META] [SKIP_PARSE_RESET] {
        cpu_usr: Uint64 Dec; cpu_sys: Uint64 Dec };
    235 PROCINFO_X procinfo_x "NA" [UNKNOWN] [UNUSED] {};
    236 SYSCALL_GETDENTS_E syscall_getdents_e "getdents" [FILE SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Na };
    237 SYSCALL_GETDENTS_X syscall_getdents_x "getdents" [FILE SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Na };
    238 SYSCALL_GETDENTS64_E syscall_getdents64_e "getdents64" [FILE SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Na };
    239 SYSCALL_GETDENTS64_X syscall_getdents64_x "getdents64" [FILE SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Na };
    240 SYSCALL_SETNS_E syscall_setns_e "setns" [PROCESS SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Na; nstype: Flags32 Hex .names(CLONE_FLAGS) };
    241 SYSCALL_SETNS_X syscall_setns_x "setns" [PROCESS SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Na; nstype: Flags32 Hex .names(CLONE_FLAGS) };
    242 SYSCALL_FLOCK_E syscall_flock_e "flock" [FILE SYSCALL] [USES_FD OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Na; operation: Flags32 Hex .names(FLOCK_FLAGS) };
    243 SYSCALL_FLOCK_X syscall_flock_x "flock" [FILE SYSCALL] [USES_FD CONVERTER_MANAGED] {
        res: Errno Dec; fd: Fd Na; operation: Flags32 Hex .names(FLOCK_FLAGS) };
    244 CPU_HOTPLUG_E cpu_hotplug_e "cpu_hotplug" [SYSTEM META] [MODIFIES_STATE SKIP_PARSE_RESET] {
        cpu: Uint32 Dec; action: Uint32 Dec };
    245 CPU_HOTPLUG_X cpu_hotplug_x "NA" [UNKNOWN] [UNUSED] {};
    246 SOCKET_ACCEPT_5_E socket_accept_5_e "accept" [NET SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    247 SOCKET_ACCEPT_5_X socket_accept_5_x "accept" [NET SYSCALL] [CREATES_FD MODIFIES_STATE] {
        fd: Fd Dec; tuple: SockTuple Na; queuepct: Uint8 Dec; queuelen: Uint32 Dec;
        queuemax: Uint32 Dec };
    248 SOCKET_ACCEPT4_5_E socket_accept4_5_e "accept" [NET SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        flags: Int32 Hex };
    249 SOCKET_ACCEPT4_5_X socket_accept4_5_x "accept" [NET SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; tuple: SockTuple Na; queuepct: Uint8 Dec; queuelen: Uint32 Dec;
        queuemax: Uint32 Dec };
    250 SYSCALL_SEMOP_E syscall_semop_e "semop" [PROCESS SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        semid: Int32 Dec };
    251 SYSCALL_SEMOP_X syscall_semop_x "semop" [PROCESS SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; nsops: Uint32 Dec; sem_num_0: Uint16 Dec; sem_op_0: Int16 Dec;
        sem_flg_0: Flags16 Hex .names(SEMOP_FLAGS); sem_num_1: Uint16 Dec;
        sem_op_1: Int16 Dec; sem_flg_1: Flags16 Hex .names(SEMOP_FLAGS);
        semid: Int32 Dec };
    252 SYSCALL_SEMCTL_E syscall_semctl_e "semctl" [PROCESS SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        semid: Int32 Dec; semnum: Int32 Dec; cmd: Flags16 Hex .names(SEMCTL_COMMANDS);
        val: Int32 Dec };
    253 SYSCALL_SEMCTL_X syscall_semctl_x "semctl" [PROCESS SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; semid: Int32 Dec; semnum: Int32 Dec;
        cmd: Flags16 Hex .names(SEMCTL_COMMANDS); val: Int32 Dec };
    254 SYSCALL_PPOLL_E syscall_ppoll_e "ppoll" [WAIT SYSCALL] [WAITS OLD_VERSION CONVERTER_MANAGED] {
        fds: FdList Dec; timeout: RelTime Dec; sigmask: SigSet Dec };
    255 SYSCALL_PPOLL_X syscall_ppoll_x "ppoll" [WAIT SYSCALL] [WAITS CONVERTER_MANAGED] {
        res: Errno Dec; fds: FdList Dec; timeout: RelTime Dec; sigmask: SigSet Dec };
    256 SYSCALL_MOUNT_E syscall_mount_e "mount" [FILE SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        flags: Flags32 Hex .names(MOUNT_FLAGS) };
    257 SYSCALL_MOUNT_X syscall_mount_x "mount" [FILE SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; dev: CharBuf Na; dir: FsPath Na; r#type: CharBuf Na;
        flags: Flags32 Hex .names(MOUNT_FLAGS) };
    258 SYSCALL_UMOUNT_E syscall_umount_e "umount" [FILE SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        flags: Flags32 Hex .names(UMOUNT_FLAGS) };
    259 SYSCALL_UMOUNT_X syscall_umount_x "umount" [FILE SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec; name: FsPath Na };
    260 K8S_E k8s_e "k8s" [INTERNAL META] [MODIFIES_STATE SKIP_PARSE_RESET OLD_VERSION] {
        json: CharBuf Na };
    261 K8S_X k8s_x "NA" [UNKNOWN] [UNUSED] {};
    262 SYSCALL_SEMGET_E syscall_semget_e "semget" [PROCESS SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        key: Int32 Hex; nsems: Int32 Dec; semflg: Flags32 Hex .names(SEMGET_FLAGS) };
    263 SYSCALL_SEMGET_X syscall_semget_x "semget" [PROCESS SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; key: Int32 Hex; nsems: Int32 Dec;
        semflg: Flags32 Hex .names(SEMGET_FLAGS) };
    264 SYSCALL_ACCESS_E syscall_access_e "access" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        mode: Flags32 Hex .names(ACCESS_FLAGS) };
    265 SYSCALL_ACCESS_X syscall_access_x "access" [FILE SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; name: FsPath Na; mode: Flags32 Hex .names(ACCESS_FLAGS) };
    266 SYSCALL_CHROOT_E syscall_chroot_e "chroot" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    267 SYSCALL_CHROOT_X syscall_chroot_x "chroot" [PROCESS SYSCALL] [MODIFIES_STATE] {
        res: Errno Dec; path: FsPath Na };
    268 TRACER_E tracer_e "tracer" [OTHER META] [OLD_VERSION] {
        id: Int64 Dec; tags: CharBufArray Na; args: CharBufPairArray Na };
    269 TRACER_X tracer_x "NA" [UNKNOWN] [UNUSED] {
        id: Int64 Dec; tags: CharBufArray Na; args: CharBufPairArray Na };
    270 MESOS_E mesos_e "mesos" [INTERNAL META] [MODIFIES_STATE SKIP_PARSE_RESET OLD_VERSION] {
        json: CharBuf Na };
    271 MESOS_X mesos_x "NA" [UNKNOWN] [UNUSED] {};
    272 CONTAINER_JSON_E container_json_e "container" [PROCESS META] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        json: CharBuf Na };
    273 CONTAINER_JSON_X container_json_x "NA" [UNKNOWN] [UNUSED] {};
    274 SYSCALL_SETSID_E syscall_setsid_e "setsid" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    275 SYSCALL_SETSID_X syscall_setsid_x "setsid" [PROCESS SYSCALL] [MODIFIES_STATE] {
        res: Pid Dec };
    276 SYSCALL_MKDIR_2_E syscall_mkdir_2_e "mkdir" [FILE SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        mode: Uint32 Hex };
    277 SYSCALL_MKDIR_2_X syscall_mkdir_2_x "mkdir" [FILE SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; path: FsPath Na; mode: Uint32 Hex };
    278 SYSCALL_RMDIR_2_E syscall_rmdir_2_e "rmdir" [FILE SYSCALL] [OLD_VERSION] {};
    279 SYSCALL_RMDIR_2_X syscall_rmdir_2_x "rmdir" [FILE SYSCALL] [] {
        res: Errno Dec; path: FsPath Na };
    280 NOTIFICATION_E notification_e "notification" [OTHER META] [SKIP_PARSE_RESET] {
        id: CharBuf Dec; desc: CharBuf Na };
    281 NOTIFICATION_X notification_x "NA" [UNKNOWN] [UNUSED] {};
    282 SYSCALL_EXECVE_17_E syscall_execve_17_e "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        };
    283 SYSCALL_EXECVE_17_X syscall_execve_17_x "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Uint64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; cgroups: ByteBuf Na; env: ByteBuf Na; tty: Int32 Dec };
    284 SYSCALL_UNSHARE_E syscall_unshare_e "unshare" [PROCESS SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        flags: Flags32 Hex .names(CLONE_FLAGS) };
    285 SYSCALL_UNSHARE_X syscall_unshare_x "unshare" [PROCESS SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; flags: Flags32 Hex .names(CLONE_FLAGS) };
    286 INFRASTRUCTURE_EVENT_E infrastructure_event_e "infra" [INTERNAL META] [SKIP_PARSE_RESET] {
        source: CharBuf Dec; name: CharBuf Na; description: CharBuf Na; scope: CharBuf Na };
    287 INFRASTRUCTURE_EVENT_X infrastructure_event_x "NA" [UNKNOWN] [UNUSED] {};
    288 SYSCALL_EXECVE_18_E syscall_execve_18_e "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        filename: FsPath Na };
    289 SYSCALL_EXECVE_18_X syscall_execve_18_x "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        res: Errno Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Uint64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; cgroups: ByteBuf Na; env: ByteBuf Na; tty: Int32 Dec };
    290 PAGE_FAULT_E page_fault_e "page_fault" [OTHER TRACEPOINT] [SKIP_PARSE_RESET] {
        addr: Uint64 Hex; ip: Uint64 Hex; error: Flags32 Hex .names(PF_FLAGS) };
    291 PAGE_FAULT_X page_fault_x "NA" [UNKNOWN] [UNUSED] {};
    292 SYSCALL_EXECVE_19_E syscall_execve_19_e "execve" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        filename: FsPath Na };
    293 SYSCALL_EXECVE_19_X syscall_execve_19_x "execve" [PROCESS SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Uint64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; cgroups: ByteBuf Na; env: ByteBuf Na; tty: Uint32 Dec; vpgid: Pid Dec;
        loginuid: Uid Dec; flags: Flags32 Hex .names(EXECVE_FLAGS);
        cap_inheritable: Uint64 Hex; cap_permitted: Uint64 Hex; cap_effective: Uint64 Hex;
        exe_ino: Uint64 Dec; exe_ino_ctime: AbsTime Dec; exe_ino_mtime: AbsTime Dec; uid: Uid Dec;
        trusted_exepath: FsPath Na; pgid: Pid Na; gid: Gid Dec; filename: FsPath Na };
    294 SYSCALL_SETPGID_E syscall_setpgid_e "setpgid" [PROCESS SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        pid: Pid Dec; pgid: Pid Dec };
    295 SYSCALL_SETPGID_X syscall_setpgid_x "setpgid" [PROCESS SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; pid: Pid Dec; pgid: Pid Dec };
    296 SYSCALL_BPF_E syscall_bpf_e "bpf" [OTHER SYSCALL] [CREATES_FD OLD_VERSION CONVERTER_MANAGED] {
        cmd: Int64 Dec };
    297 SYSCALL_BPF_X syscall_bpf_x "bpf" [OTHER SYSCALL] [CREATES_FD OLD_VERSION CONVERTER_MANAGED] {
        res_or_fd: Dyn Dec .variants(BPF_VARIANTS) };
    298 SYSCALL_SECCOMP_E syscall_seccomp_e "seccomp" [OTHER SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        op: Uint64 Dec; flags: Uint64 Hex };
    299 SYSCALL_SECCOMP_X syscall_seccomp_x "seccomp" [OTHER SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; op: Uint64 Dec; flags: Uint64 Hex };
    300 SYSCALL_UNLINK_2_E syscall_unlink_2_e "unlink" [FILE SYSCALL] [OLD_VERSION] {};
    301 SYSCALL_UNLINK_2_X syscall_unlink_2_x "unlink" [FILE SYSCALL] [] {
        res: Errno Dec; path: FsPath Na };
    302 SYSCALL_UNLINKAT_2_E syscall_unlinkat_2_e "unlinkat" [FILE SYSCALL] [OLD_VERSION] {};
    303 SYSCALL_UNLINKAT_2_X syscall_unlinkat_2_x "unlinkat" [FILE SYSCALL] [USES_FD] {
        res: Errno Dec; dirfd: Fd Dec; name: FsRelPath Na .relative_to(1);
        flags: Flags32 Hex .names(UNLINKAT_FLAGS) };
    304 SYSCALL_MKDIRAT_E syscall_mkdirat_e "mkdirat" [FILE SYSCALL] [OLD_VERSION] {};
    305 SYSCALL_MKDIRAT_X syscall_mkdirat_x "mkdirat" [FILE SYSCALL] [USES_FD] {
        res: Errno Dec; dirfd: Fd Dec; path: FsRelPath Na .relative_to(1); mode: Uint32 Hex };
    306 SYSCALL_OPENAT_2_E syscall_openat_2_e "openat" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        dirfd: Fd Dec; name: FsRelPath Na; flags: Flags32 Hex .names(FILE_FLAGS);
        mode: Uint32 Oct };
    307 SYSCALL_OPENAT_2_X syscall_openat_2_x "openat" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        fd: Fd Dec; dirfd: Fd Dec; name: FsRelPath Na .relative_to(1);
        flags: Flags32 Hex .names(FILE_FLAGS); mode: Uint32 Oct; dev: Uint32 Hex;
        ino: Uint64 Dec };
    308 SYSCALL_LINK_2_E syscall_link_2_e "link" [FILE SYSCALL] [OLD_VERSION] {};
    309 SYSCALL_LINK_2_X syscall_link_2_x "link" [FILE SYSCALL] [] {
        res: Errno Dec; oldpath: FsPath Na; newpath: FsPath Na };
    310 SYSCALL_LINKAT_2_E syscall_linkat_2_e "linkat" [FILE SYSCALL] [OLD_VERSION] {};
    311 SYSCALL_LINKAT_2_X syscall_linkat_2_x "linkat" [FILE SYSCALL] [] {
        res: Errno Dec; olddir: Fd Dec; oldpath: FsRelPath Na .relative_to(1); newdir: Fd Dec;
        newpath: FsRelPath Na .relative_to(3); flags: Flags32 Hex .names(LINKAT_FLAGS) };
    312 SYSCALL_FCHMODAT_E syscall_fchmodat_e "fchmodat" [FILE SYSCALL] [OLD_VERSION] {};
    313 SYSCALL_FCHMODAT_X syscall_fchmodat_x "fchmodat" [FILE SYSCALL] [USES_FD] {
        res: Errno Dec; dirfd: Fd Dec; filename: FsRelPath Na .relative_to(1);
        mode: Mode Oct .names(CHMOD_MODE) };
    314 SYSCALL_CHMOD_E syscall_chmod_e "chmod" [FILE SYSCALL] [OLD_VERSION] {};
    315 SYSCALL_CHMOD_X syscall_chmod_x "chmod" [FILE SYSCALL] [] {
        res: Errno Dec; filename: FsPath Na; mode: Mode Oct .names(CHMOD_MODE) };
    316 SYSCALL_FCHMOD_E syscall_fchmod_e "fchmod" [FILE SYSCALL] [OLD_VERSION] {};
    317 SYSCALL_FCHMOD_X syscall_fchmod_x "fchmod" [FILE SYSCALL] [USES_FD] {
        res: Errno Dec; fd: Fd Dec; mode: Mode Oct .names(CHMOD_MODE) };
    318 SYSCALL_RENAMEAT2_E syscall_renameat2_e "renameat2" [FILE SYSCALL] [OLD_VERSION] {};
    319 SYSCALL_RENAMEAT2_X syscall_renameat2_x "renameat2" [FILE SYSCALL] [] {
        res: Errno Dec; olddirfd: Fd Dec; oldpath: FsRelPath Na .relative_to(1);
        newdirfd: Fd Dec; newpath: FsRelPath Na .relative_to(3);
        flags: Flags32 Hex .names(RENAMEAT2_FLAGS) };
    320 SYSCALL_USERFAULTFD_E syscall_userfaultfd_e "userfaultfd" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    321 SYSCALL_USERFAULTFD_X syscall_userfaultfd_x "userfaultfd" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE] {
        res: Errno Dec; flags: Flags32 Hex .names(FILE_FLAGS) };
    322 PLUGINEVENT_E pluginevent_e "pluginevent" [OTHER PLUGIN] [LARGE_PAYLOAD] {
        plugin_id: Uint32 Dec; event_data: ByteBuf Na };
    323 PLUGINEVENT_X pluginevent_x "NA" [UNKNOWN] [UNUSED] {};
    324 CONTAINER_JSON_2_E container_json_2_e "container" [PROCESS META] [MODIFIES_STATE LARGE_PAYLOAD] {
        json: CharBuf Na };
    325 CONTAINER_JSON_2_X container_json_2_x "NA" [UNKNOWN] [UNUSED] {};
    326 SYSCALL_OPENAT2_E syscall_openat2_e "openat2" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        dirfd: Fd Dec; name: FsRelPath Na; flags: Flags32 Hex .names(FILE_FLAGS);
        mode: Uint32 Oct; resolve: Flags32 Hex .names(OPENAT2_FLAGS) };
    327 SYSCALL_OPENAT2_X syscall_openat2_x "openat2" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        fd: Fd Dec; dirfd: Fd Dec; name: FsRelPath Na .relative_to(1);
        flags: Flags32 Hex .names(FILE_FLAGS); mode: Uint32 Oct;
        resolve: Flags32 Hex .names(OPENAT2_FLAGS); dev: Uint32 Hex; ino: Uint64 Dec };
    328 SYSCALL_MPROTECT_E syscall_mprotect_e "mprotect" [MEMORY SYSCALL] [OLD_VERSION CONVERTER_MANAGED] {
        addr: Uint64 Hex; length: Uint64 Dec; prot: Flags32 Hex .names(PROT_FLAGS) };
    329 SYSCALL_MPROTECT_X syscall_mprotect_x "mprotect" [MEMORY SYSCALL] [CONVERTER_MANAGED] {
        res: Errno Dec; addr: Uint64 Hex; length: Uint64 Dec;
        prot: Flags32 Hex .names(PROT_FLAGS) };
    330 SYSCALL_EXECVEAT_E syscall_execveat_e "execveat" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        dirfd: Fd Dec; pathname: FsRelPath Na;
        flags: Flags32 Hex .names(EXECVEAT_FLAGS) };
    331 SYSCALL_EXECVEAT_X syscall_execveat_x "execveat" [PROCESS SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Uint64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; cgroups: ByteBuf Na; env: ByteBuf Na; tty: Uint32 Dec; vpgid: Pid Dec;
        loginuid: Uid Dec; flags: Flags32 Hex .names(EXECVE_FLAGS);
        cap_inheritable: Uint64 Hex; cap_permitted: Uint64 Hex; cap_effective: Uint64 Hex;
        exe_ino: Uint64 Dec; exe_ino_ctime: AbsTime Dec; exe_ino_mtime: AbsTime Dec; uid: Uid Dec;
        trusted_exepath: FsPath Na; pgid: Pid Na; gid: Gid Dec };
    332 SYSCALL_COPY_FILE_RANGE_E syscall_copy_file_range_e "copy_file_range" [FILE SYSCALL] [USES_FD READS_FROM_FD WRITES_TO_FD OLD_VERSION CONVERTER_MANAGED] {
        fdin: Fd Dec; offin: Uint64 Dec; len: Uint64 Dec };
    333 SYSCALL_COPY_FILE_RANGE_X syscall_copy_file_range_x "copy_file_range" [FILE SYSCALL] [USES_FD READS_FROM_FD WRITES_TO_FD CONVERTER_MANAGED] {
        res: Errno Dec .wide(); fdout: Fd Dec; offout: Uint64 Dec; fdin: Fd Dec;
        offin: Uint64 Dec; len: Uint64 Dec };
    334 SYSCALL_CLONE3_E syscall_clone3_e "clone3" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    335 SYSCALL_CLONE3_X syscall_clone3_x "clone3" [PROCESS SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Pid Dec; exe: CharBuf Na; args: ByteBuf Na; tid: Pid Dec; pid: Pid Dec;
        ptid: Pid Dec; cwd: CharBuf Na; fdlimit: Int64 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec;
        comm: CharBuf Na; cgroups: ByteBuf Na; flags: Flags32 Hex .names(CLONE_FLAGS);
        uid: Uint32 Dec; gid: Uint32 Dec; vtid: Pid Dec; vpid: Pid Dec;
        pidns_init_start_ts: Uint64 Dec } + { start_time: AbsTime Dec;
        parent_start_time: AbsTime Dec };
    336 SYSCALL_OPEN_BY_HANDLE_AT_E syscall_open_by_handle_at_e "open_by_handle_at" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    337 SYSCALL_OPEN_BY_HANDLE_AT_X syscall_open_by_handle_at_x "open_by_handle_at" [FILE SYSCALL] [CREATES_FD MODIFIES_STATE] {
        fd: Fd Dec; mountfd: Fd Dec; flags: Flags32 Hex .names(FILE_FLAGS);
        path: FsPath Na; dev: Uint32 Hex; ino: Uint64 Dec };
    338 SYSCALL_IO_URING_SETUP_E syscall_io_uring_setup_e "io_uring_setup" [IO_OTHER SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    339 SYSCALL_IO_URING_SETUP_X syscall_io_uring_setup_x "io_uring_setup" [IO_OTHER SYSCALL] [CREATES_FD MODIFIES_STATE] {
        res: Errno Dec; entries: Uint32 Dec; sq_entries: Uint32 Dec; cq_entries: Uint32 Dec;
        flags: Flags32 Hex .names(IO_URING_SETUP_FLAGS); sq_thread_cpu: Uint32 Dec;
        sq_thread_idle: Uint32 Dec; features: Flags32 Hex .names(IO_URING_SETUP_FEATS) };
    340 SYSCALL_IO_URING_ENTER_E syscall_io_uring_enter_e "io_uring_enter" [IO_OTHER SYSCALL] [OLD_VERSION] {
        };
    341 SYSCALL_IO_URING_ENTER_X syscall_io_uring_enter_x "io_uring_enter" [IO_OTHER SYSCALL] [USES_FD] {
        res: Errno Dec; fd: Fd Dec; to_submit: Uint32 Dec; min_complete: Uint32 Dec;
        flags: Flags32 Hex .names(IO_URING_ENTER_FLAGS); sig: SigSet Dec };
    342 SYSCALL_IO_URING_REGISTER_E syscall_io_uring_register_e "io_uring_register" [IO_OTHER SYSCALL] [OLD_VERSION] {
        };
    343 SYSCALL_IO_URING_REGISTER_X syscall_io_uring_register_x "io_uring_register" [IO_OTHER SYSCALL] [USES_FD] {
        res: Errno Dec; fd: Fd Dec;
        opcode: EnumFlags16 Dec .names(IO_URING_REGISTER_OPCODES); arg: Uint64 Hex;
        nr_args: Uint32 Dec };
    344 SYSCALL_MLOCK_E syscall_mlock_e "mlock" [MEMORY SYSCALL] [OLD_VERSION] {};
    345 SYSCALL_MLOCK_X syscall_mlock_x "mlock" [MEMORY SYSCALL] [] {
        res: Errno Dec; addr: Uint64 Hex; len: Uint64 Dec };
    346 SYSCALL_MUNLOCK_E syscall_munlock_e "munlock" [MEMORY SYSCALL] [OLD_VERSION] {};
    347 SYSCALL_MUNLOCK_X syscall_munlock_x "munlock" [MEMORY SYSCALL] [] {
        res: Errno Dec; addr: Uint64 Hex; len: Uint64 Dec };
    348 SYSCALL_MLOCKALL_E syscall_mlockall_e "mlockall" [MEMORY SYSCALL] [OLD_VERSION] {};
    349 SYSCALL_MLOCKALL_X syscall_mlockall_x "mlockall" [MEMORY SYSCALL] [] {
        res: Errno Dec; flags: Flags32 Hex .names(MLOCKALL_FLAGS) };
    350 SYSCALL_MUNLOCKALL_E syscall_munlockall_e "munlockall" [MEMORY SYSCALL] [OLD_VERSION] {};
    351 SYSCALL_MUNLOCKALL_X syscall_munlockall_x "munlockall" [MEMORY SYSCALL] [] {
        res: Errno Dec };
    352 SYSCALL_CAPSET_E syscall_capset_e "capset" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    353 SYSCALL_CAPSET_X syscall_capset_x "capset" [PROCESS SYSCALL] [MODIFIES_STATE] {
        res: Errno Dec; cap_inheritable: Uint64 Hex; cap_permitted: Uint64 Hex;
        cap_effective: Uint64 Hex };
    354 USER_ADDED_E user_added_e "useradded" [PROCESS META] [MODIFIES_STATE] {
        uid: Uint32 Dec; gid: Uint32 Dec; name: CharBuf Na; home: CharBuf Na; shell: CharBuf Na;
        container_id: CharBuf Na };
    355 USER_ADDED_X user_added_x "NA" [UNKNOWN] [UNUSED] {};
    356 USER_DELETED_E user_deleted_e "userdeleted" [PROCESS META] [MODIFIES_STATE] {
        uid: Uint32 Dec; gid: Uint32 Dec; name: CharBuf Na; home: CharBuf Na; shell: CharBuf Na;
        container_id: CharBuf Na };
    357 USER_DELETED_X user_deleted_x "NA" [UNKNOWN] [UNUSED] {};
    358 GROUP_ADDED_E group_added_e "groupadded" [PROCESS META] [MODIFIES_STATE] {
        gid: Uint32 Dec; name: CharBuf Na; container_id: CharBuf Na };
    359 GROUP_ADDED_X group_added_x "NA" [UNKNOWN] [UNUSED] {};
    360 GROUP_DELETED_E group_deleted_e "groupdeleted" [PROCESS META] [MODIFIES_STATE] {
        gid: Uint32 Dec; name: CharBuf Na; container_id: CharBuf Na };
    361 GROUP_DELETED_X group_deleted_x "NA" [UNKNOWN] [UNUSED] {};
    362 SYSCALL_DUP2_E syscall_dup2_e "dup2" [IO_OTHER SYSCALL] [CREATES_FD USES_FD MODIFIES_STATE OLD_VERSION] {
        fd: Fd Dec };
    363 SYSCALL_DUP2_X syscall_dup2_x "dup2" [IO_OTHER SYSCALL] [CREATES_FD USES_FD MODIFIES_STATE] {
        res: Fd Dec; oldfd: Fd Dec; newfd: Fd Dec };
    364 SYSCALL_DUP3_E syscall_dup3_e "dup3" [IO_OTHER SYSCALL] [CREATES_FD USES_FD MODIFIES_STATE OLD_VERSION] {
        fd: Fd Dec };
    365 SYSCALL_DUP3_X syscall_dup3_x "dup3" [IO_OTHER SYSCALL] [CREATES_FD USES_FD MODIFIES_STATE] {
        res: Fd Dec; oldfd: Fd Dec; newfd: Fd Dec;
        flags: Flags32 Hex .names(FILE_FLAGS) };
    366 SYSCALL_DUP_1_E syscall_dup_1_e "dup" [IO_OTHER SYSCALL] [CREATES_FD USES_FD MODIFIES_STATE OLD_VERSION] {
        fd: Fd Dec };
    367 SYSCALL_DUP_1_X syscall_dup_1_x "dup" [IO_OTHER SYSCALL] [CREATES_FD USES_FD MODIFIES_STATE] {
        res: Fd Dec; oldfd: Fd Dec };
    368 SYSCALL_BPF_2_E syscall_bpf_2_e "bpf" [OTHER SYSCALL] [CREATES_FD OLD_VERSION] {
        cmd: Int64 Dec };
    369 SYSCALL_BPF_2_X syscall_bpf_2_x "bpf" [OTHER SYSCALL] [CREATES_FD] {
        fd: Fd Dec; cmd: EnumFlags32 Dec .names(BPF_COMMANDS) };
    370 SYSCALL_MLOCK2_E syscall_mlock2_e "mlock2" [MEMORY SYSCALL] [OLD_VERSION] {};
    371 SYSCALL_MLOCK2_X syscall_mlock2_x "mlock2" [MEMORY SYSCALL] [] {
        res: Errno Dec; addr: Uint64 Hex; len: Uint64 Dec;
        flags: Flags32 Hex .names(MLOCK2_FLAGS) };
    372 SYSCALL_FSCONFIG_E syscall_fsconfig_e "fsconfig" [SYSTEM SYSCALL] [OLD_VERSION] {};
    373 SYSCALL_FSCONFIG_X syscall_fsconfig_x "fsconfig" [SYSTEM SYSCALL] [USES_FD] {
        res: Errno Dec; fd: Fd Dec; cmd: EnumFlags32 Dec .names(FSCONFIG_CMDS);
        key: CharBuf Na; value_bytebuf: ByteBuf Na; value_charbuf: CharBuf Na; aux: Int32 Dec };
    374 SYSCALL_EPOLL_CREATE_E syscall_epoll_create_e "epoll_create" [WAIT SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        size: Int32 Dec };
    375 SYSCALL_EPOLL_CREATE_X syscall_epoll_create_x "epoll_create" [WAIT SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; size: Int32 Dec };
    376 SYSCALL_EPOLL_CREATE1_E syscall_epoll_create1_e "epoll_create1" [WAIT SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        flags: Flags32 Hex .names(EPOLL_CREATE1_FLAGS) };
    377 SYSCALL_EPOLL_CREATE1_X syscall_epoll_create1_x "epoll_create1" [WAIT SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; flags: Flags32 Hex .names(EPOLL_CREATE1_FLAGS) };
    378 SYSCALL_CHOWN_E syscall_chown_e "chown" [FILE SYSCALL] [OLD_VERSION] {};
    379 SYSCALL_CHOWN_X syscall_chown_x "chown" [FILE SYSCALL] [] {
        res: Errno Dec; path: FsPath Na; uid: Uint32 Dec; gid: Uint32 Dec };
    380 SYSCALL_LCHOWN_E syscall_lchown_e "lchown" [FILE SYSCALL] [OLD_VERSION] {};
    381 SYSCALL_LCHOWN_X syscall_lchown_x "lchown" [FILE SYSCALL] [] {
        res: Errno Dec; path: FsPath Na; uid: Uint32 Dec; gid: Uint32 Dec };
    382 SYSCALL_FCHOWN_E syscall_fchown_e "fchown" [FILE SYSCALL] [OLD_VERSION] {};
    383 SYSCALL_FCHOWN_X syscall_fchown_x "fchown" [FILE SYSCALL] [USES_FD] {
        res: Errno Dec; fd: Fd Dec; uid: Uint32 Dec; gid: Uint32 Dec };
    384 SYSCALL_FCHOWNAT_E syscall_fchownat_e "fchownat" [FILE SYSCALL] [OLD_VERSION] {};
    385 SYSCALL_FCHOWNAT_X syscall_fchownat_x "fchownat" [FILE SYSCALL] [USES_FD] {
        res: Errno Dec; dirfd: Fd Dec; pathname: FsRelPath Na .relative_to(1); uid: Uint32 Dec;
        gid: Uint32 Dec; flags: Flags32 Hex .names(FCHOWNAT_FLAGS) };
    386 SYSCALL_UMOUNT_1_E syscall_umount_1_e "umount" [FILE SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    387 SYSCALL_UMOUNT_1_X syscall_umount_1_x "umount" [FILE SYSCALL] [MODIFIES_STATE] {
        res: Errno Dec; name: FsPath Na };
    388 SOCKET_ACCEPT4_6_E socket_accept4_6_e "accept4" [NET SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        flags: Int32 Hex };
    389 SOCKET_ACCEPT4_6_X socket_accept4_6_x "accept4" [NET SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        fd: Fd Dec; tuple: SockTuple Na; queuepct: Uint8 Dec; queuelen: Uint32 Dec;
        queuemax: Uint32 Dec; flags: Int32 Hex };
    390 SYSCALL_UMOUNT2_E syscall_umount2_e "umount2" [FILE SYSCALL] [MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        flags: Flags32 Hex .names(UMOUNT_FLAGS) };
    391 SYSCALL_UMOUNT2_X syscall_umount2_x "umount2" [FILE SYSCALL] [MODIFIES_STATE CONVERTER_MANAGED] {
        res: Errno Dec; name: FsPath Na; flags: Flags32 Hex .names(UMOUNT_FLAGS) };
    392 SYSCALL_PIPE2_E syscall_pipe2_e "pipe2" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    393 SYSCALL_PIPE2_X syscall_pipe2_x "pipe2" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE] {
        res: Errno Dec; fd1: Fd Dec; fd2: Fd Dec; ino: Uint64 Dec;
        flags: Flags32 Hex .names(FILE_FLAGS) };
    394 SYSCALL_INOTIFY_INIT1_E syscall_inotify_init1_e "inotify_init1" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    395 SYSCALL_INOTIFY_INIT1_X syscall_inotify_init1_x "inotify_init1" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE] {
        res: Fd Dec; flags: Flags16 Hex .names(FILE_FLAGS) };
    396 SYSCALL_EVENTFD2_E syscall_eventfd2_e "eventfd2" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        initval: Uint64 Dec };
    397 SYSCALL_EVENTFD2_X syscall_eventfd2_x "eventfd2" [IPC SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Fd Dec; flags: Flags16 Hex .names(FILE_FLAGS); initval: Uint64 Dec };
    398 SYSCALL_SIGNALFD4_E syscall_signalfd4_e "signalfd4" [SIGNAL SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION CONVERTER_MANAGED] {
        fd: Fd Dec; mask: Uint32 Hex };
    399 SYSCALL_SIGNALFD4_X syscall_signalfd4_x "signalfd4" [SIGNAL SYSCALL] [CREATES_FD MODIFIES_STATE CONVERTER_MANAGED] {
        res: Fd Dec; flags: Flags16 Hex .names(FILE_FLAGS); fd: Fd Dec;
        mask: Uint32 Hex };
    400 SYSCALL_PRCTL_E syscall_prctl_e "prctl" [PROCESS SYSCALL] [MODIFIES_STATE OLD_VERSION] {};
    401 SYSCALL_PRCTL_X syscall_prctl_x "prctl" [PROCESS SYSCALL] [MODIFIES_STATE] {
        res: Errno Dec; option: EnumFlags32 Dec .names(PRCTL_OPTIONS);
        arg2_str: CharBuf Na; arg2_int: Int64 Dec };
    402 ASYNCEVENT_E asyncevent_e "asyncevent" [OTHER META] [LARGE_PAYLOAD] {
        plugin_id: Uint32 Dec; name: CharBuf Na; data: ByteBuf Na };
    403 ASYNCEVENT_X asyncevent_x "NA" [UNKNOWN] [UNUSED] {};
    404 SYSCALL_MEMFD_CREATE_E syscall_memfd_create_e "memfd_create" [MEMORY SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    405 SYSCALL_MEMFD_CREATE_X syscall_memfd_create_x "memfd_create" [MEMORY SYSCALL] [CREATES_FD MODIFIES_STATE] {
        fd: Fd Dec; name: CharBuf Na; flags: Flags32 Hex .names(MEMFD_CREATE_FLAGS) };
    406 SYSCALL_PIDFD_GETFD_E syscall_pidfd_getfd_e "pidfd_getfd" [PROCESS SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    407 SYSCALL_PIDFD_GETFD_X syscall_pidfd_getfd_x "pidfd_getfd" [PROCESS SYSCALL] [CREATES_FD MODIFIES_STATE] {
        fd: Fd Dec; pid_fd: Fd Dec; target_fd: Fd Dec; flags: Uint32 Hex };
    408 SYSCALL_PIDFD_OPEN_E syscall_pidfd_open_e "pidfd_open" [PROCESS SYSCALL] [CREATES_FD MODIFIES_STATE OLD_VERSION] {
        };
    409 SYSCALL_PIDFD_OPEN_X syscall_pidfd_open_x "pidfd_open" [PROCESS SYSCALL] [CREATES_FD MODIFIES_STATE] {
        fd: Fd Dec; pid: Pid Dec; flags: Flags32 Hex .names(PIDFD_OPEN_FLAGS) };
    410 SYSCALL_INIT_MODULE_E syscall_init_module_e "init_module" [OTHER SYSCALL] [OLD_VERSION] {};
    411 SYSCALL_INIT_MODULE_X syscall_init_module_x "init_module" [OTHER SYSCALL] [] {
        res: Errno Dec; img: ByteBuf Na; length: Uint64 Dec; uargs: CharBuf Na };
    412 SYSCALL_FINIT_MODULE_E syscall_finit_module_e "finit_module" [OTHER SYSCALL] [OLD_VERSION] {
        };
    413 SYSCALL_FINIT_MODULE_X syscall_finit_module_x "finit_module" [OTHER SYSCALL] [USES_FD READS_FROM_FD] {
        res: Errno Dec; fd: Fd Dec; uargs: CharBuf Na;
        flags: Flags32 Hex .names(FINIT_MODULE_FLAGS) };
    414 SYSCALL_MKNOD_E syscall_mknod_e "mknod" [OTHER SYSCALL] [OLD_VERSION] {};
    415 SYSCALL_MKNOD_X syscall_mknod_x "mknod" [OTHER SYSCALL] [] {
        res: Errno Dec; path: FsPath Na; mode: Mode Oct .names(MKNOD_MODE);
        dev: Uint32 Dec };
    416 SYSCALL_MKNODAT_E syscall_mknodat_e "mknodat" [OTHER SYSCALL] [OLD_VERSION] {};
    417 SYSCALL_MKNODAT_X syscall_mknodat_x "mknodat" [OTHER SYSCALL] [USES_FD] {
        res: Errno Dec; dirfd: Fd Dec; path: FsRelPath Na .relative_to(1);
        mode: Mode Oct .names(MKNOD_MODE); dev: Uint32 Dec };
    418 SYSCALL_NEWFSTATAT_E syscall_newfstatat_e "newfstatat" [FILE SYSCALL] [OLD_VERSION] {};
    419 SYSCALL_NEWFSTATAT_X syscall_newfstatat_x "newfstatat" [FILE SYSCALL] [USES_FD] {
        res: Errno Dec; dirfd: Fd Dec; path: FsRelPath Na .relative_to(1);
        flags: Flags32 Hex .names(NEWFSTATAT_FLAGS) };
    420 SYSCALL_PROCESS_VM_READV_E syscall_process_vm_readv_e "process_vm_readv" [IPC SYSCALL] [OLD_VERSION] {
        };
    421 SYSCALL_PROCESS_VM_READV_X syscall_process_vm_readv_x "process_vm_readv" [IPC SYSCALL] [] {
        res: Int64 Dec; pid: Pid Dec; data: ByteBuf Na };
    422 SYSCALL_PROCESS_VM_WRITEV_E syscall_process_vm_writev_e "process_vm_writev" [IPC SYSCALL] [OLD_VERSION] {
        };
    423 SYSCALL_PROCESS_VM_WRITEV_X syscall_process_vm_writev_x "process_vm_writev" [IPC SYSCALL] [] {
        res: Int64 Dec; pid: Pid Dec; data: ByteBuf Na };
    424 SYSCALL_DELETE_MODULE_E syscall_delete_module_e "delete_module" [OTHER SYSCALL] [OLD_VERSION] {
        };
    425 SYSCALL_DELETE_MODULE_X syscall_delete_module_x "delete_module" [OTHER SYSCALL] [] {
        res: Errno Dec; name: CharBuf Na;
        flags: Flags32 Hex .names(DELETE_MODULE_FLAGS) };
    426 SYSCALL_SETREUID_E syscall_setreuid_e "setreuid" [USER SYSCALL] [MODIFIES_STATE OLD_VERSION] {
        };
    427 SYSCALL_SETREUID_X syscall_setreuid_x "setreuid" [USER SYSCALL] [MODIFIES_STATE] {
        res: Errno Dec; ruid: Uid Dec; euid: Uid Dec };
    428 SYSCALL_SETREGID_E syscall_setregid_e "setregid" [USER SYSCALL] [OLD_VERSION] {};
    429 SYSCALL_SETREGID_X syscall_setregid_x "setregid" [USER SYSCALL] [MODIFIES_STATE] {
        res: Errno Dec; rgid: Uid Dec; egid: Uid Dec };
    430 ITER_TASK_E iter_task_e "task" [PROCESS ITER] [MODIFIES_STATE] {
        ppid: Pid32 Dec; pgid: Pid32 Dec; vpgid: Pid32 Dec; sid: Pid32 Dec; comm: CharBuf Na;
        argv: CharBufArray Na; exepath: FsPath Na; flags: Flags32 Hex .names(EXECVE_FLAGS);
        env: CharBufArray Na; cwd: CharBuf Na; fdlimit: Uint64 Dec; euid: Uid Dec; egid: Gid Dec;
        cap_permitted: Uint64 Hex; cap_effective: Uint64 Hex; cap_inheritable: Uint64 Hex;
        exe_ino_num: Uint64 Dec; exe_ino_ctime: AbsTime Dec; exe_ino_mtime: AbsTime Dec;
        vm_size: Uint32 Dec; vm_rss: Uint32 Dec; vm_swap: Uint32 Dec; pgft_maj: Uint64 Dec;
        pgft_min: Uint64 Dec; vtgid: Pid32 Dec; vpid: Pid32 Dec; pidns_init_start_ts: Uint64 Dec;
        cgroups: CharBufArray Na; root: FsPath Na; start_time: AbsTime Dec; tty: Uint32 Dec;
        loginuid: Uid Dec } + { start_time_boot: AbsTime Dec };
    431 ITER_TASK_X iter_task_x "NA" [UNKNOWN] [UNUSED] {};
    432 ITER_TASK_FILE_PIPE_E iter_task_file_pipe_e "task_file_pipe" [FILE ITER] [MODIFIES_STATE] {
        fd: Fd32 Dec; path: FsPath Na; ino_num: Uint64 Dec };
    433 ITER_TASK_FILE_PIPE_X iter_task_file_pipe_x "NA" [UNKNOWN] [UNUSED] {};
    434 ITER_TASK_FILE_MEMFD_E iter_task_file_memfd_e "task_file_memfd" [FILE ITER] [MODIFIES_STATE] {
        fd: Fd32 Dec; path: FsPath Na; ino_num: Uint64 Dec };
    435 ITER_TASK_FILE_MEMFD_X iter_task_file_memfd_x "NA" [UNKNOWN] [UNUSED] {};
    436 ITER_TASK_FILE_REGULAR_E iter_task_file_regular_e "task_file_regular" [FILE ITER] [MODIFIES_STATE] {
        fd: Fd32 Dec; path: FsPath Na; flags: Flags32 Hex .names(FILE_FLAGS);
        mnt_id: Uint32 Dec; ino_num: Uint64 Dec };
    437 ITER_TASK_FILE_REGULAR_X iter_task_file_regular_x "NA" [UNKNOWN] [UNUSED] {};
    438 ITER_TASK_FILE_DIRECTORY_E iter_task_file_directory_e "task_file_directory" [FILE ITER] [MODIFIES_STATE] {
        fd: Fd32 Dec; path: FsPath Na; ino_num: Uint64 Dec };
    439 ITER_TASK_FILE_DIRECTORY_X iter_task_file_directory_x "NA" [UNKNOWN] [UNUSED] {};
    440 ITER_TASK_FILE_SOCKET_INET_E iter_task_file_socket_inet_e "task_file_socket_inet" [FILE ITER] [MODIFIES_STATE] {
        fd: Fd32 Dec; sk_type: Uint16 Dec; sk_proto: Uint16 Dec; local_ip: Ipv4Addr Hex;
        local_port: Port Hex; remote_ip: Ipv4Addr Hex; remote_port: Port Hex;
        ino_num: Uint64 Dec };
    441 ITER_TASK_FILE_SOCKET_INET_X iter_task_file_socket_inet_x "NA" [UNKNOWN] [UNUSED] {};
    442 ITER_TASK_FILE_SOCKET_INET6_E iter_task_file_socket_inet6_e "task_file_socket_inet6" [FILE ITER] [MODIFIES_STATE] {
        fd: Fd32 Dec; sk_type: Uint16 Dec; sk_proto: Uint16 Dec; local_ip: Ipv6Addr Hex;
        local_port: Port Hex; remote_ip: Ipv6Addr Hex; remote_port: Port Hex;
        ino_num: Uint64 Dec };
    443 ITER_TASK_FILE_SOCKET_INET6_X iter_task_file_socket_inet6_x "NA" [UNKNOWN] [UNUSED] {};
    444 ITER_TASK_FILE_SOCKET_UNIX_E iter_task_file_socket_unix_e "task_file_socket_unix" [FILE ITER] [MODIFIES_STATE] {
        fd: Fd32 Dec; sk_type: Uint16 Dec; sk_proto: Uint16 Dec; sk_pointer: Uint64 Na;
        sun_path: FsPath Na; ino_num: Uint64 Dec };
    445 ITER_TASK_FILE_SOCKET_UNIX_X iter_task_file_socket_unix_x "NA" [UNKNOWN] [UNUSED] {};
    446 ITER_TASK_FILE_SOCKET_NETLINK_E iter_task_file_socket_netlink_e "task_file_socket_netlink" [FILE ITER] [MODIFIES_STATE] {
        fd: Fd32 Dec; sk_type: Uint16 Dec; sk_proto: Uint16 Dec; ino_num: Uint64 Dec };
    447 ITER_TASK_FILE_SOCKET_NETLINK_X iter_task_file_socket_netlink_x "NA" [UNKNOWN] [UNUSED] {};
    448 ITER_TASK_FILE_ANON_INODE_E iter_task_file_anon_inode_e "task_file_anon_inode" [FILE ITER] [MODIFIES_STATE] {
        fd: Fd32 Dec; fd_type: Flags8 Dec .names(ANON_INODE_FD_TYPES); path: FsPath Na;
        ino_num: Uint64 Dec };
    449 ITER_TASK_FILE_ANON_INODE_X iter_task_file_anon_inode_x "NA" [UNKNOWN] [UNUSED] {};
    450 SYSCALL_CLOSE_RANGE_E syscall_close_range_e "NA" [UNKNOWN] [UNUSED] {};
    451 SYSCALL_CLOSE_RANGE_X syscall_close_range_x "close_range" [IO_OTHER SYSCALL] [MODIFIES_STATE] {
        res: Errno Dec; first: Uint32 Dec; last: Uint32 Dec;
        flags: Flags32 Hex .names(CLOSE_RANGE_FLAGS) };
    452 SYSCALL_KEYCTL_E syscall_keyctl_e "NA" [UNKNOWN] [UNUSED] {};
    453 SYSCALL_KEYCTL_X syscall_keyctl_x "keyctl" [OTHER SYSCALL] [] {
        res: Errno Dec .wide(); operation: EnumFlags32 Dec .names(KEYCTL_OPERATIONS);
        arg2: Dyn Dec .variants(KEYCTL_VARIANTS); arg3: Dyn Dec .variants(KEYCTL_VARIANTS);
        arg4: Dyn Dec .variants(KEYCTL_VARIANTS); arg5: Dyn Dec .variants(KEYCTL_VARIANTS) };
    900 FORK_MARKER_X fork_marker_x "fork_marker" [INTERNAL META] [MODIFIES_STATE] {
        child_tid: Pid Dec; child_tgid: Pid Dec; child_start_time: AbsTime Dec;
        flags: Flags32 Hex .names(CLONE_FLAGS) };
}
