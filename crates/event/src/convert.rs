//! How old events become today's: the conversion table.
//!
//! Captures of earlier Falco and sysdig versions hold enter and exit events, and events with fewer
//! parameters. This table says, for an event code with a number of parameters, what one step of
//! conversion does (falco-facts §6.6). It is a table only; the machine that runs it, and that
//! remembers enter events per thread, is the converter of the capture crate.
//!
//! One row reads: action, code, number of parameters the row is for, then, for `add` and `change`,
//! where the parameters of the result come from, in order. `add` keeps the old parameters and
//! appends to them; `change` starts from nothing. Steps are repeated until none applies, so
//! `execve` climbs from its version of eight parameters to that of thirty in several rows.

use crate::EventCode;
use crate::event::FALCO_CODES;
use crate::table::code;

/// Where parameters of a converted event come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A run of parameters of the event that is converted: first index, how many.
    Old(u8, u8),
    /// A parameter of the remembered enter event; the type's default value without one.
    Enter(u8),
    /// A parameter of the remembered enter event; an empty value without one.
    EnterOrEmpty(u8),
    /// That many empty values.
    Empty(u8),
    /// The type's default value: zero, for user and group ids all ones.
    Default,
    /// The JSON text made of the four parameters of the first `container` event.
    ContainerJson,
}

impl Source {
    /// How many parameters this makes.
    pub const fn count(self) -> usize {
        match self {
            Self::Old(_, count) | Self::Empty(count) => count as usize,
            _ => 1,
        }
    }
}

/// What a conversion step does with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: the event goes on as it is.
    Pass,
    /// Remember it for the exit event of the same thread; it goes no further.
    Store,
    /// Remember it, and let it go on.
    StoreAndPass,
    /// Append parameters.
    Add(&'static [Source]),
    /// Become another event type whose parameters are all listed.
    Change(EventCode, &'static [Source]),
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Conversion {
    /// Event code the row is for.
    pub code: EventCode,
    /// Number of parameters the row is for.
    pub params: u8,
    /// What to do.
    pub action: Action,
}

/// The row for an event, if it has one.
#[inline]
pub fn conversion(code: EventCode, params: usize) -> Option<&'static Conversion> {
    let (start, count) = *RUNS.get(code.0 as usize)?;
    let rows = CONVERSIONS.get(start as usize..start as usize + count as usize)?;
    rows.iter().find(|row| row.params as usize == params)
}

/// First row and number of rows of every code; the table is in the order of codes.
static RUNS: [(u16, u8); FALCO_CODES as usize] = {
    let mut runs = [(0u16, 0u8); FALCO_CODES as usize];
    let mut row = 0;
    while row < CONVERSIONS.len() {
        let run = &mut runs[CONVERSIONS[row].code.0 as usize];
        if run.1 == 0 {
            run.0 = row as u16;
        }
        run.1 += 1;
        row += 1;
    }
    runs
};

const fn pass(code: EventCode, params: u8) -> Conversion {
    Conversion { code, params, action: Action::Pass }
}

const fn store(code: EventCode, params: u8) -> Conversion {
    Conversion { code, params, action: Action::Store }
}

const fn store_and_pass(code: EventCode, params: u8) -> Conversion {
    Conversion { code, params, action: Action::StoreAndPass }
}

const fn add(code: EventCode, params: u8, sources: &'static [Source]) -> Conversion {
    Conversion { code, params, action: Action::Add(sources) }
}

const fn change(
    code: EventCode,
    params: u8,
    to: EventCode,
    sources: &'static [Source],
) -> Conversion {
    Conversion { code, params, action: Action::Change(to, sources) }
}

use Source::{ContainerJson, Default, Empty, Enter, EnterOrEmpty, Old};

/// Every row, in the order of codes.
#[rustfmt::skip]
pub static CONVERSIONS: &[Conversion] = &[
    store(code::GENERIC_E, 2),
    add(code::GENERIC_X, 1, &[EnterOrEmpty(1)]),
    add(code::SYSCALL_OPEN_E, 0, &[Empty(3)]),
    pass(code::SYSCALL_OPEN_E, 3),
    add(code::SYSCALL_OPEN_X, 4, &[Empty(1)]),
    add(code::SYSCALL_OPEN_X, 5, &[Empty(1)]),
    store(code::SYSCALL_CLOSE_E, 1),
    add(code::SYSCALL_CLOSE_X, 1, &[Enter(0)]),
    store(code::SYSCALL_READ_E, 2),
    add(code::SYSCALL_READ_X, 2, &[Enter(0), Enter(1)]),
    store(code::SYSCALL_WRITE_E, 2),
    add(code::SYSCALL_WRITE_X, 2, &[Enter(0), Enter(1)]),
    store(code::SYSCALL_BRK_1_E, 1),
    change(code::SYSCALL_BRK_1_X, 1, code::SYSCALL_BRK_4_X, &[Old(0, 1), EnterOrEmpty(0), Empty(3)]),
    change(code::SYSCALL_EXECVE_8_E, 0, code::SYSCALL_EXECVE_13_E, &[]),
    change(code::SYSCALL_EXECVE_8_X, 8, code::SYSCALL_EXECVE_13_X, &[Old(0, 8), Empty(5)]),
    change(code::SYSCALL_CLONE_11_X, 11, code::SYSCALL_CLONE_16_X, &[Old(0, 8), Empty(5), Old(8, 3)]),
    change(code::PROCEXIT_E, 0, code::PROCEXIT_1_E, &[Empty(5)]),
    store(code::SOCKET_SOCKET_E, 3),
    add(code::SOCKET_SOCKET_X, 1, &[Enter(0), Enter(1), Enter(2)]),
    add(code::SOCKET_SOCKET_X, 4, &[Default]),
    store(code::SOCKET_BIND_E, 1),
    add(code::SOCKET_BIND_X, 2, &[Enter(0)]),
    add(code::SOCKET_CONNECT_E, 1, &[Default]),
    store_and_pass(code::SOCKET_CONNECT_E, 2),
    add(code::SOCKET_CONNECT_X, 2, &[Enter(0)]),
    add(code::SOCKET_CONNECT_X, 3, &[Enter(1)]),
    store(code::SOCKET_LISTEN_E, 2),
    add(code::SOCKET_LISTEN_X, 1, &[Enter(0), Enter(1)]),
    change(code::SOCKET_ACCEPT_X, 3, code::SOCKET_ACCEPT_5_X, &[Old(0, 3), Default, Default]),
    store(code::SOCKET_SEND_E, 2),
    add(code::SOCKET_SEND_X, 2, &[Enter(0), Enter(1), Default]),
    store(code::SOCKET_SENDTO_E, 3),
    add(code::SOCKET_SENDTO_X, 2, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SOCKET_RECV_E, 2),
    add(code::SOCKET_RECV_X, 2, &[Enter(0), Enter(1), Default]),
    store(code::SOCKET_RECVFROM_E, 2),
    add(code::SOCKET_RECVFROM_X, 3, &[Enter(0), Enter(1)]),
    store(code::SOCKET_SHUTDOWN_E, 2),
    add(code::SOCKET_SHUTDOWN_X, 1, &[Enter(0), Enter(1)]),
    store(code::SOCKET_SOCKETPAIR_E, 3),
    add(code::SOCKET_SOCKETPAIR_X, 5, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SOCKET_SENDMSG_E, 3),
    add(code::SOCKET_SENDMSG_X, 2, &[Enter(0), Enter(1), Enter(2)]),
    add(code::SOCKET_SENDMMSG_X, 0, &[Default, Empty(4)]),
    store(code::SOCKET_RECVMSG_E, 1),
    add(code::SOCKET_RECVMSG_X, 4, &[Default]),
    add(code::SOCKET_RECVMSG_X, 5, &[Enter(0)]),
    add(code::SOCKET_RECVMMSG_X, 0, &[Default, Empty(5)]),
    store(code::SOCKET_ACCEPT4_E, 1),
    change(code::SOCKET_ACCEPT4_X, 3, code::SOCKET_ACCEPT4_6_X, &[Old(0, 3), Default, Default, Enter(0)]),
    add(code::SYSCALL_CREAT_E, 0, &[Empty(2)]),
    pass(code::SYSCALL_CREAT_E, 2),
    add(code::SYSCALL_CREAT_X, 3, &[Empty(1)]),
    add(code::SYSCALL_CREAT_X, 4, &[Empty(1)]),
    add(code::SYSCALL_CREAT_X, 5, &[Empty(1)]),
    store(code::SYSCALL_EVENTFD_E, 2),
    add(code::SYSCALL_EVENTFD_X, 1, &[Enter(0), Enter(1)]),
    store(code::SYSCALL_FUTEX_E, 3),
    add(code::SYSCALL_FUTEX_X, 1, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SYSCALL_FSTAT_E, 1),
    add(code::SYSCALL_FSTAT_X, 1, &[Enter(0)]),
    store(code::SYSCALL_EPOLLWAIT_E, 1),
    add(code::SYSCALL_EPOLLWAIT_X, 1, &[Enter(0)]),
    store(code::SYSCALL_POLL_E, 2),
    add(code::SYSCALL_POLL_X, 2, &[Enter(1)]),
    change(code::SYSCALL_NEWSELECT_X, 1, code::SYSCALL_SELECT_X, &[Old(0, 1)]),
    store(code::SYSCALL_LSEEK_E, 3),
    add(code::SYSCALL_LSEEK_X, 1, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SYSCALL_LLSEEK_E, 3),
    add(code::SYSCALL_LLSEEK_X, 1, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SYSCALL_IOCTL_2_E, 2),
    change(code::SYSCALL_IOCTL_2_X, 1, code::SYSCALL_IOCTL_3_X, &[Old(0, 1), EnterOrEmpty(0), EnterOrEmpty(1), Empty(1)]),
    store(code::SYSCALL_FCHDIR_E, 1),
    add(code::SYSCALL_FCHDIR_X, 1, &[EnterOrEmpty(0)]),
    store(code::SYSCALL_MKDIR_E, 2),
    change(code::SYSCALL_MKDIR_X, 1, code::SYSCALL_MKDIR_2_X, &[Old(0, 1), EnterOrEmpty(0), EnterOrEmpty(1)]),
    store(code::SYSCALL_RMDIR_E, 1),
    change(code::SYSCALL_RMDIR_X, 1, code::SYSCALL_RMDIR_2_X, &[Old(0, 1), EnterOrEmpty(0)]),
    store(code::SYSCALL_OPENAT_E, 4),
    change(code::SYSCALL_OPENAT_X, 1, code::SYSCALL_OPENAT_2_X, &[Old(0, 1), EnterOrEmpty(0), EnterOrEmpty(1), EnterOrEmpty(2), EnterOrEmpty(3), Empty(2)]),
    store(code::SYSCALL_LINK_E, 2),
    change(code::SYSCALL_LINK_X, 1, code::SYSCALL_LINK_2_X, &[Old(0, 1), EnterOrEmpty(0), EnterOrEmpty(1)]),
    store(code::SYSCALL_LINKAT_E, 4),
    change(code::SYSCALL_LINKAT_X, 1, code::SYSCALL_LINKAT_2_X, &[Old(0, 1), EnterOrEmpty(0), EnterOrEmpty(1), EnterOrEmpty(2), EnterOrEmpty(3), Empty(1)]),
    store(code::SYSCALL_UNLINK_E, 1),
    change(code::SYSCALL_UNLINK_X, 1, code::SYSCALL_UNLINK_2_X, &[Old(0, 1), EnterOrEmpty(0)]),
    store(code::SYSCALL_UNLINKAT_E, 2),
    change(code::SYSCALL_UNLINKAT_X, 1, code::SYSCALL_UNLINKAT_2_X, &[Old(0, 1), EnterOrEmpty(0), EnterOrEmpty(1), Empty(1)]),
    store(code::SYSCALL_PREAD_E, 3),
    add(code::SYSCALL_PREAD_X, 2, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SYSCALL_PWRITE_E, 3),
    add(code::SYSCALL_PWRITE_X, 2, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SYSCALL_READV_E, 1),
    add(code::SYSCALL_READV_X, 3, &[Enter(0)]),
    store(code::SYSCALL_WRITEV_E, 2),
    add(code::SYSCALL_WRITEV_X, 2, &[Enter(0), Enter(1)]),
    store(code::SYSCALL_PREADV_E, 2),
    add(code::SYSCALL_PREADV_X, 3, &[Enter(0), Enter(1)]),
    store(code::SYSCALL_PWRITEV_E, 3),
    add(code::SYSCALL_PWRITEV_X, 2, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SYSCALL_DUP_E, 1),
    change(code::SYSCALL_DUP_X, 1, code::SYSCALL_DUP_1_X, &[Old(0, 1), EnterOrEmpty(0)]),
    store(code::SYSCALL_SIGNALFD_E, 3),
    add(code::SYSCALL_SIGNALFD_X, 1, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SYSCALL_KILL_E, 2),
    add(code::SYSCALL_KILL_X, 1, &[Enter(0), Enter(1)]),
    store(code::SYSCALL_TKILL_E, 2),
    add(code::SYSCALL_TKILL_X, 1, &[Enter(0), Enter(1)]),
    store(code::SYSCALL_TGKILL_E, 3),
    add(code::SYSCALL_TGKILL_X, 1, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SYSCALL_NANOSLEEP_E, 1),
    add(code::SYSCALL_NANOSLEEP_X, 1, &[Enter(0)]),
    store(code::SYSCALL_TIMERFD_CREATE_E, 2),
    add(code::SYSCALL_TIMERFD_CREATE_X, 1, &[Enter(0), Enter(1)]),
    store(code::SYSCALL_INOTIFY_INIT_E, 1),
    add(code::SYSCALL_INOTIFY_INIT_X, 1, &[Enter(0)]),
    store(code::SYSCALL_GETRLIMIT_E, 1),
    add(code::SYSCALL_GETRLIMIT_X, 3, &[Enter(0)]),
    store(code::SYSCALL_SETRLIMIT_E, 1),
    add(code::SYSCALL_SETRLIMIT_X, 3, &[Enter(0)]),
    store(code::SYSCALL_PRLIMIT_E, 2),
    add(code::SYSCALL_PRLIMIT_X, 5, &[EnterOrEmpty(0), EnterOrEmpty(1)]),
    change(code::SCHEDSWITCH_1_E, 1, code::SCHEDSWITCH_6_E, &[Old(0, 1), Empty(5)]),
    store(code::SYSCALL_FCNTL_E, 2),
    add(code::SYSCALL_FCNTL_X, 1, &[Enter(0), Enter(1)]),
    add(code::SYSCALL_FCNTL_X, 3, &[Default]),
    change(code::SYSCALL_EXECVE_13_E, 0, code::SYSCALL_EXECVE_14_E, &[]),
    change(code::SYSCALL_EXECVE_13_X, 13, code::SYSCALL_EXECVE_14_X, &[Old(0, 13), Empty(1)]),
    change(code::SYSCALL_CLONE_16_X, 16, code::SYSCALL_CLONE_17_X, &[Old(0, 13), Empty(1), Old(13, 3)]),
    store(code::SYSCALL_BRK_4_E, 1),
    add(code::SYSCALL_BRK_4_X, 4, &[EnterOrEmpty(0)]),
    store(code::SYSCALL_MMAP_E, 6),
    add(code::SYSCALL_MMAP_X, 4, &[Enter(0), Enter(1), Enter(2), Enter(3), Enter(4), Enter(5)]),
    store(code::SYSCALL_MMAP2_E, 6),
    add(code::SYSCALL_MMAP2_X, 4, &[Enter(0), Enter(1), Enter(2), Enter(3), Enter(4), Enter(5)]),
    store(code::SYSCALL_MUNMAP_E, 2),
    add(code::SYSCALL_MUNMAP_X, 4, &[Enter(0), Enter(1)]),
    store(code::SYSCALL_SPLICE_E, 4),
    add(code::SYSCALL_SPLICE_X, 1, &[Enter(0), Enter(1), Enter(2), Enter(3)]),
    store(code::SYSCALL_PTRACE_E, 2),
    add(code::SYSCALL_PTRACE_X, 0, &[Empty(3)]),
    add(code::SYSCALL_PTRACE_X, 3, &[EnterOrEmpty(0), EnterOrEmpty(1)]),
    store(code::SYSCALL_IOCTL_3_E, 3),
    add(code::SYSCALL_IOCTL_3_X, 1, &[Enter(0), Enter(1), Enter(2)]),
    change(code::SYSCALL_EXECVE_14_E, 0, code::SYSCALL_EXECVE_15_E, &[]),
    change(code::SYSCALL_EXECVE_14_X, 14, code::SYSCALL_EXECVE_15_X, &[Old(0, 13), Empty(1), Old(13, 1)]),
    change(code::SYSCALL_FORK_X, 16, code::SYSCALL_FORK_17_X, &[Old(0, 13), Empty(1), Old(13, 3)]),
    change(code::SYSCALL_VFORK_X, 16, code::SYSCALL_VFORK_17_X, &[Old(0, 13), Empty(1), Old(13, 3)]),
    store(code::SYSCALL_SENDFILE_E, 4),
    add(code::SYSCALL_SENDFILE_X, 2, &[Enter(0), Enter(1), Enter(3)]),
    store(code::SYSCALL_QUOTACTL_E, 4),
    add(code::SYSCALL_QUOTACTL_X, 14, &[Enter(0), Enter(1), Enter(2), Enter(3)]),
    store(code::SYSCALL_SETRESUID_E, 3),
    add(code::SYSCALL_SETRESUID_X, 1, &[EnterOrEmpty(0), EnterOrEmpty(1), EnterOrEmpty(2)]),
    store(code::SYSCALL_SETRESGID_E, 3),
    add(code::SYSCALL_SETRESGID_X, 1, &[EnterOrEmpty(0), EnterOrEmpty(1), EnterOrEmpty(2)]),
    store(code::SYSCALL_SETUID_E, 1),
    add(code::SYSCALL_SETUID_X, 1, &[EnterOrEmpty(0)]),
    store(code::SYSCALL_SETGID_E, 1),
    add(code::SYSCALL_SETGID_X, 1, &[EnterOrEmpty(0)]),
    change(code::SYSCALL_EXECVE_15_E, 0, code::SYSCALL_EXECVE_16_E, &[]),
    change(code::SYSCALL_EXECVE_15_X, 15, code::SYSCALL_EXECVE_16_X, &[Old(0, 14), Empty(1), Old(14, 1)]),
    change(code::SYSCALL_CLONE_17_X, 17, code::SYSCALL_CLONE_20_X, &[Old(0, 14), Empty(1), Old(14, 3), Empty(2)]),
    change(code::SYSCALL_FORK_17_X, 17, code::SYSCALL_FORK_20_X, &[Old(0, 14), Empty(1), Old(14, 3), Empty(2)]),
    change(code::SYSCALL_VFORK_17_X, 17, code::SYSCALL_VFORK_20_X, &[Old(0, 14), Empty(1), Old(14, 3), Empty(2)]),
    add(code::SYSCALL_CLONE_20_X, 20, &[Empty(1)]),
    add(code::SYSCALL_FORK_20_X, 20, &[Empty(1)]),
    add(code::SYSCALL_VFORK_20_X, 20, &[Empty(1)]),
    change(code::CONTAINER_E, 4, code::CONTAINER_JSON_E, &[ContainerJson]),
    change(code::SYSCALL_EXECVE_16_E, 0, code::SYSCALL_EXECVE_17_E, &[]),
    change(code::SYSCALL_EXECVE_16_X, 16, code::SYSCALL_EXECVE_17_X, &[Old(0, 16), Empty(1)]),
    store(code::SYSCALL_GETDENTS_E, 1),
    add(code::SYSCALL_GETDENTS_X, 1, &[Enter(0)]),
    store(code::SYSCALL_GETDENTS64_E, 1),
    add(code::SYSCALL_GETDENTS64_X, 1, &[Enter(0)]),
    store(code::SYSCALL_SETNS_E, 2),
    add(code::SYSCALL_SETNS_X, 1, &[EnterOrEmpty(0), EnterOrEmpty(1)]),
    store(code::SYSCALL_FLOCK_E, 2),
    add(code::SYSCALL_FLOCK_X, 1, &[Enter(0), Enter(1)]),
    store(code::SOCKET_ACCEPT4_5_E, 1),
    change(code::SOCKET_ACCEPT4_5_X, 5, code::SOCKET_ACCEPT4_6_X, &[Old(0, 5), Enter(0)]),
    store(code::SYSCALL_SEMOP_E, 1),
    add(code::SYSCALL_SEMOP_X, 8, &[Enter(0)]),
    store(code::SYSCALL_SEMCTL_E, 4),
    add(code::SYSCALL_SEMCTL_X, 1, &[Enter(0), Enter(1), Enter(2), Enter(3)]),
    store(code::SYSCALL_PPOLL_E, 3),
    add(code::SYSCALL_PPOLL_X, 2, &[Enter(1), Enter(2)]),
    store(code::SYSCALL_MOUNT_E, 1),
    add(code::SYSCALL_MOUNT_X, 4, &[Enter(0)]),
    change(code::SYSCALL_UMOUNT_X, 2, code::SYSCALL_UMOUNT_1_X, &[Old(0, 2)]),
    store(code::SYSCALL_SEMGET_E, 3),
    add(code::SYSCALL_SEMGET_X, 1, &[Enter(0), Enter(1), Enter(2)]),
    store(code::SYSCALL_ACCESS_E, 1),
    add(code::SYSCALL_ACCESS_X, 2, &[Enter(0)]),
    change(code::CONTAINER_JSON_E, 1, code::CONTAINER_JSON_2_E, &[Old(0, 1)]),
    store(code::SYSCALL_MKDIR_2_E, 1),
    add(code::SYSCALL_MKDIR_2_X, 2, &[EnterOrEmpty(0)]),
    change(code::SYSCALL_EXECVE_17_E, 0, code::SYSCALL_EXECVE_18_E, &[Empty(1)]),
    change(code::SYSCALL_EXECVE_17_X, 17, code::SYSCALL_EXECVE_18_X, &[Old(0, 17)]),
    store(code::SYSCALL_UNSHARE_E, 1),
    add(code::SYSCALL_UNSHARE_X, 1, &[Enter(0)]),
    change(code::SYSCALL_EXECVE_18_E, 1, code::SYSCALL_EXECVE_19_E, &[Old(0, 1)]),
    change(code::SYSCALL_EXECVE_18_X, 17, code::SYSCALL_EXECVE_19_X, &[Old(0, 17), Empty(1)]),
    store_and_pass(code::SYSCALL_EXECVE_19_E, 1),
    add(code::SYSCALL_EXECVE_19_X, 18, &[Empty(1)]),
    add(code::SYSCALL_EXECVE_19_X, 19, &[Empty(1)]),
    add(code::SYSCALL_EXECVE_19_X, 20, &[Empty(3)]),
    add(code::SYSCALL_EXECVE_19_X, 23, &[Empty(3)]),
    add(code::SYSCALL_EXECVE_19_X, 26, &[Empty(1)]),
    add(code::SYSCALL_EXECVE_19_X, 27, &[Empty(1)]),
    add(code::SYSCALL_EXECVE_19_X, 28, &[Empty(1)]),
    add(code::SYSCALL_EXECVE_19_X, 29, &[Empty(1)]),
    add(code::SYSCALL_EXECVE_19_X, 30, &[EnterOrEmpty(0)]),
    store(code::SYSCALL_SETPGID_E, 2),
    add(code::SYSCALL_SETPGID_X, 1, &[EnterOrEmpty(0), EnterOrEmpty(1)]),
    store(code::SYSCALL_BPF_E, 1),
    change(code::SYSCALL_BPF_X, 1, code::SYSCALL_BPF_2_X, &[Old(0, 1), EnterOrEmpty(0)]),
    add(code::SYSCALL_SECCOMP_E, 1, &[Default]),
    store(code::SYSCALL_SECCOMP_E, 2),
    add(code::SYSCALL_SECCOMP_X, 1, &[Enter(0), Enter(1)]),
    add(code::SYSCALL_OPENAT_2_E, 0, &[Empty(4)]),
    pass(code::SYSCALL_OPENAT_2_E, 4),
    add(code::SYSCALL_OPENAT_2_X, 5, &[Empty(1)]),
    add(code::SYSCALL_OPENAT_2_X, 6, &[Empty(1)]),
    add(code::SYSCALL_OPENAT2_E, 0, &[Empty(5)]),
    pass(code::SYSCALL_OPENAT2_E, 5),
    add(code::SYSCALL_OPENAT2_X, 6, &[Empty(2)]),
    store(code::SYSCALL_MPROTECT_E, 3),
    add(code::SYSCALL_MPROTECT_X, 1, &[Enter(0), Enter(1), Enter(2)]),
    pass(code::SYSCALL_EXECVEAT_E, 3),
    add(code::SYSCALL_EXECVEAT_X, 19, &[Empty(1)]),
    add(code::SYSCALL_EXECVEAT_X, 20, &[Empty(3)]),
    add(code::SYSCALL_EXECVEAT_X, 23, &[Empty(3)]),
    add(code::SYSCALL_EXECVEAT_X, 26, &[Empty(1)]),
    add(code::SYSCALL_EXECVEAT_X, 27, &[Empty(1)]),
    add(code::SYSCALL_EXECVEAT_X, 28, &[Empty(1)]),
    add(code::SYSCALL_EXECVEAT_X, 29, &[Empty(1)]),
    store(code::SYSCALL_COPY_FILE_RANGE_E, 3),
    add(code::SYSCALL_COPY_FILE_RANGE_X, 3, &[Enter(0), Enter(1), Enter(2)]),
    add(code::SYSCALL_CLONE3_X, 20, &[Empty(1)]),
    store(code::SYSCALL_EPOLL_CREATE_E, 1),
    add(code::SYSCALL_EPOLL_CREATE_X, 1, &[Enter(0)]),
    store(code::SYSCALL_EPOLL_CREATE1_E, 1),
    add(code::SYSCALL_EPOLL_CREATE1_X, 1, &[Enter(0)]),
    store(code::SOCKET_ACCEPT4_6_E, 1),
    add(code::SOCKET_ACCEPT4_6_X, 5, &[Enter(0)]),
    store(code::SYSCALL_UMOUNT2_E, 1),
    add(code::SYSCALL_UMOUNT2_X, 2, &[Enter(0)]),
    store(code::SYSCALL_EVENTFD2_E, 1),
    add(code::SYSCALL_EVENTFD2_X, 2, &[Enter(0)]),
    store(code::SYSCALL_SIGNALFD4_E, 2),
    add(code::SYSCALL_SIGNALFD4_X, 2, &[Enter(0), Enter(1)]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventFlags;
    use crate::table::EVENTS;

    #[test]
    fn rows_are_in_order_and_found() {
        assert!(
            CONVERSIONS
                .windows(2)
                .all(|w| { (w[0].code.0, w[0].params) < (w[1].code.0, w[1].params) })
        );
        for row in CONVERSIONS {
            let found = conversion(row.code, row.params as usize).unwrap();
            assert!(std::ptr::eq(found, row));
        }
        assert!(conversion(EventCode(u16::MAX), 0).is_none());
        assert!(conversion(code::SYSCALL_CLOSE_X, 40).is_none());
    }

    #[test]
    fn rows_fit_the_events_they_speak_of() {
        for row in CONVERSIONS {
            let def = row.code.def().unwrap();
            let name = def.constant;
            assert!(def.flags.has(EventFlags::CONVERTER_MANAGED), "{name}");
            let (to, kept, sources) = match row.action {
                Action::Add(sources) => (def, row.params as usize, sources),
                Action::Change(to, sources) => (to.def().unwrap(), 0, sources),
                _ => continue,
            };
            let count: usize = sources.iter().map(|s| s.count()).sum();
            assert!(kept + count <= to.falco_params, "{name}: too many parameters");
            for source in sources {
                match *source {
                    Old(first, n) => assert!(first + n <= row.params, "{name}"),
                    Enter(n) | EnterOrEmpty(n) => {
                        let enter = &EVENTS[row.code.0 as usize - 1];
                        assert!(
                            !row.code.is_enter() && (n as usize) < enter.params.len(),
                            "{name}"
                        );
                    }
                    _ => {}
                }
            }
        }
    }

    /// Following the rows from any version leads to an end in a bounded number of steps.
    #[test]
    fn chains_end() {
        for row in CONVERSIONS {
            let (mut code, mut params) = (row.code, row.params as usize);
            for step in 0.. {
                assert!(step < 50, "{} does not end", row.code.def().unwrap().constant);
                let sum = |s: &[Source]| s.iter().map(|s| s.count()).sum::<usize>();
                match conversion(code, params).map(|row| row.action) {
                    Some(Action::Add(sources)) => params += sum(sources),
                    Some(Action::Change(to, sources)) => (code, params) = (to, sum(sources)),
                    _ => break,
                }
            }
        }
    }
}
