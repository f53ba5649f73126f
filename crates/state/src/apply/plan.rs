//! What is known of an event type before an event of it comes.

use peregrine_event::table::EVENTS;
use peregrine_event::{EventCode, EventDef, EventFlags, code};

/// How thread and file descriptor of an event are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subjects {
    /// There is none, and nothing to do.
    Nothing,
    /// A known thread; nothing to do.
    KnownThread,
    /// What the event does finds them itself.
    Own,
    /// A switch: a known thread, of which nothing is remembered.
    Switch,
    /// A known thread, for an event that ends or makes one.
    Known,
    /// The thread, which may have to be looked up.
    Thread,
}

/// What is done for an event; each is a method of [`super::Shard`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    None,
    KeepEnter,
    Iterator,
    Open,
    Close,
    Read,
    Write,
    CloneExit,
    AsyncEvent,
    Container,
    ForkMarker,
    Exec,
    Exit,
    Pipe,
    Socket,
    Bind,
    Connect,
    Accept,
    Socketpair,
    CloseRange,
    Fcntl,
    Dup,
    AnonymousFd,
    Memfd,
    PidfdOpen,
    PidfdGetfd,
    ChangeDirectory,
    Chroot,
    Setsid,
    SetIds,
    Capset,
    Namespaces,
    Prctl,
    Limits,
    Memory,
    UserEvent,
}

/// What [`super::Shard::apply`] does with events of a type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub subjects: Subjects,
    pub is_clone: bool,
    pub is_enter: bool,
    /// It is about a file descriptor.
    pub uses_fd: bool,
    /// The parameter with its number, if it is one of the event's; else 255.
    pub fd_parameter: u8,
    /// Its first parameter says whether it failed.
    pub has_result: bool,
    /// What there is to do besides finding thread and file descriptor.
    pub act: Act,
}

impl Plan {
    /// The plan for an event type.
    #[inline]
    pub(super) fn of(event: EventCode) -> &'static Self {
        // Records have declared types only.
        PLANS.get(event.index()).unwrap_or(&PLANS[0])
    }

    /// Whether more than the last event of its thread changes. Data that is read and written does
    /// change a little: a socket turns out to be connected, or its addresses are told.
    const fn changes_state(&self) -> bool {
        !matches!(self.act, Act::None | Act::KeepEnter | Act::Read | Act::Write | Act::Memory)
    }

    /// Whether threads change, not only what they have open and what they use.
    const fn changes_threads(&self) -> bool {
        matches!(
            self.act,
            Act::Iterator
                | Act::CloneExit
                | Act::ForkMarker
                | Act::Exec
                | Act::Exit
                | Act::ChangeDirectory
                | Act::Chroot
                | Act::Setsid
                | Act::SetIds
                | Act::Capset
                | Act::Namespaces
                | Act::Prctl
        )
    }

    const fn new(def: &EventDef) -> Self {
        let event = def.code;
        let is_clone = is_clone(event);
        let subjects = if def.flags.has(EventFlags::SKIP_PARSE_RESET) {
            if event.0 == code::PROCINFO_E.0 { Subjects::KnownThread } else { Subjects::Nothing }
        } else if finds_its_own(event) {
            Subjects::Own
        } else if event.0 == code::SCHEDSWITCH_6_E.0 {
            Subjects::Switch
        } else if is_clone || event.0 == code::PROCEXIT_1_E.0 {
            Subjects::Known
        } else {
            Subjects::Thread
        };
        Self {
            subjects,
            is_clone,
            is_enter: event.is_enter(),
            uses_fd: def.flags.has(EventFlags::USES_FD),
            fd_parameter: match fd_parameter(event) {
                Some(index) => index as u8,
                None => u8::MAX,
            },
            has_result: !def.params.is_empty() && def.params[0].ty.is_signed(),
            act: act(event),
        }
    }
}

/// Whether an event changes the state of its process, so that it must be applied where that is
/// kept. More than Falco's flag says: that has no `unshare`, `setns`, `getcwd` or limits.
pub fn changes_state(event: EventCode) -> bool {
    let has_flag = event.def().is_some_and(|def| def.flags.has(EventFlags::MODIFIES_STATE));
    has_flag || Plan::of(event).changes_state()
}

/// Whether an event changes threads, not only what they have open and what they use.
pub(crate) fn changes_threads(event: EventCode) -> bool {
    Plan::of(event).changes_threads()
}

static PLANS: [Plan; EVENTS.len()] = {
    let mut all = [Plan::new(&EVENTS[0]); EVENTS.len()];
    let mut i = 0;
    while i < EVENTS.len() {
        all[i] = Plan::new(&EVENTS[i]);
        i += 1;
    }
    all
};

/// Events of an iterator over tasks and their files.
const fn is_iterator(event: EventCode) -> bool {
    event.0 >= code::ITER_TASK_E.0 && event.0 <= code::ITER_TASK_FILE_ANON_INODE_E.0
}

/// Events that are about no thread, or about one that need not be known.
const fn finds_its_own(event: EventCode) -> bool {
    is_iterator(event)
        || matches!(
            event,
            code::CONTAINER_JSON_2_E
                | code::USER_ADDED_E
                | code::USER_DELETED_E
                | code::GROUP_ADDED_E
                | code::GROUP_DELETED_E
                | code::PLUGINEVENT_E
                | code::ASYNCEVENT_E
                | code::FORK_MARKER_X
        )
}

/// Index of the parameter that names the fd an exit event is about.
const fn fd_parameter(event: EventCode) -> Option<usize> {
    Some(match event {
        code::SYSCALL_READ_X
        | code::SYSCALL_PREAD_X
        | code::SOCKET_BIND_X
        | code::SYSCALL_WRITE_X
        | code::SYSCALL_PWRITE_X
        | code::SOCKET_RECV_X
        | code::SOCKET_SEND_X
        | code::SOCKET_SENDTO_X
        | code::SOCKET_SENDMSG_X
        | code::SYSCALL_SENDFILE_X
        | code::SYSCALL_SPLICE_X
        | code::SYSCALL_WRITEV_X
        | code::SYSCALL_PWRITEV_X
        | code::SOCKET_CONNECT_X
        | code::SYSCALL_SYMLINKAT_X => 2,
        code::SOCKET_RECVFROM_X | code::SYSCALL_READV_X | code::SYSCALL_PREADV_X => 3,
        code::SOCKET_RECVMSG_X => 5,
        code::SYSCALL_MMAP_X | code::SYSCALL_MMAP2_X => 8,
        code::SYSCALL_SETNS_X
        | code::SOCKET_LISTEN_X
        | code::SOCKET_SHUTDOWN_X
        | code::SYSCALL_FCHDIR_X
        | code::SYSCALL_LSEEK_X
        | code::SYSCALL_LLSEEK_X
        | code::SYSCALL_IOCTL_3_X
        | code::SYSCALL_FSTAT_X
        | code::SYSCALL_CLOSE_X
        | code::SYSCALL_GETDENTS_X
        | code::SYSCALL_GETDENTS64_X
        | code::SYSCALL_FLOCK_X
        | code::SYSCALL_COPY_FILE_RANGE_X
        | code::SYSCALL_FCNTL_X
        | code::SYSCALL_DUP_1_X
        | code::SYSCALL_DUP2_X
        | code::SYSCALL_DUP3_X
        | code::SYSCALL_NEWFSTATAT_X
        | code::SYSCALL_FCHOWNAT_X
        | code::SYSCALL_FCHMODAT_X
        | code::SYSCALL_MKDIRAT_X
        | code::SYSCALL_UNLINKAT_2_X
        | code::SYSCALL_MKNODAT_X
        | code::SOCKET_SENDMMSG_X
        | code::SOCKET_RECVMMSG_X
        | code::SYSCALL_IO_URING_REGISTER_X
        | code::SYSCALL_IO_URING_ENTER_X
        | code::SOCKET_SETSOCKOPT_X
        | code::SOCKET_GETSOCKOPT_X
        | code::SYSCALL_FSCONFIG_X
        | code::SYSCALL_FINIT_MODULE_X
        | code::SYSCALL_FCHMOD_X
        | code::SYSCALL_FCHOWN_X => 1,
        _ => return None,
    })
}

/// Enter events that are kept for their exit event.
const fn is_kept_enter(event: EventCode) -> bool {
    matches!(
        event,
        code::SYSCALL_OPEN_E
            | code::SYSCALL_CREAT_E
            | code::SYSCALL_OPENAT_2_E
            | code::SYSCALL_OPENAT2_E
            | code::SYSCALL_EXECVE_19_E
            | code::SYSCALL_EXECVEAT_E
            | code::SOCKET_CONNECT_E
    )
}

const fn is_clone(event: EventCode) -> bool {
    matches!(
        event,
        code::SYSCALL_CLONE_20_X
            | code::SYSCALL_CLONE3_X
            | code::SYSCALL_FORK_20_X
            | code::SYSCALL_VFORK_20_X
    )
}

/// What is done for an event type.
const fn act(event: EventCode) -> Act {
    if is_kept_enter(event) {
        return Act::KeepEnter;
    }
    if is_iterator(event) {
        return Act::Iterator;
    }
    match event {
        code::SYSCALL_OPEN_X
        | code::SYSCALL_CREAT_X
        | code::SYSCALL_OPENAT_2_X
        | code::SYSCALL_OPENAT2_X
        | code::SYSCALL_OPEN_BY_HANDLE_AT_X => Act::Open,
        code::SYSCALL_CLOSE_X => Act::Close,
        code::SYSCALL_READ_X
        | code::SYSCALL_READV_X
        | code::SYSCALL_PREAD_X
        | code::SYSCALL_PREADV_X
        | code::SOCKET_RECV_X
        | code::SOCKET_RECVFROM_X
        | code::SOCKET_RECVMSG_X
        | code::SOCKET_RECVMMSG_X => Act::Read,
        code::SYSCALL_WRITE_X
        | code::SYSCALL_WRITEV_X
        | code::SYSCALL_PWRITE_X
        | code::SYSCALL_PWRITEV_X
        | code::SOCKET_SEND_X
        | code::SOCKET_SENDTO_X
        | code::SOCKET_SENDMSG_X
        | code::SOCKET_SENDMMSG_X => Act::Write,
        code::SYSCALL_CLONE_20_X
        | code::SYSCALL_FORK_20_X
        | code::SYSCALL_VFORK_20_X
        | code::SYSCALL_CLONE3_X => Act::CloneExit,
        code::ASYNCEVENT_E => Act::AsyncEvent,
        code::CONTAINER_JSON_2_E => Act::Container,
        code::FORK_MARKER_X => Act::ForkMarker,
        code::SYSCALL_EXECVE_19_X | code::SYSCALL_EXECVEAT_X => Act::Exec,
        code::PROCEXIT_1_E => Act::Exit,
        code::SYSCALL_PIPE_X | code::SYSCALL_PIPE2_X => Act::Pipe,
        code::SOCKET_SOCKET_X => Act::Socket,
        code::SOCKET_BIND_X => Act::Bind,
        code::SOCKET_CONNECT_X => Act::Connect,
        code::SOCKET_ACCEPT_5_X | code::SOCKET_ACCEPT4_6_X => Act::Accept,
        code::SOCKET_SOCKETPAIR_X => Act::Socketpair,
        code::SYSCALL_CLOSE_RANGE_X => Act::CloseRange,
        code::SYSCALL_FCNTL_X => Act::Fcntl,
        code::SYSCALL_DUP_1_X | code::SYSCALL_DUP2_X | code::SYSCALL_DUP3_X => Act::Dup,
        code::SYSCALL_EVENTFD_X
        | code::SYSCALL_EVENTFD2_X
        | code::SYSCALL_SIGNALFD_X
        | code::SYSCALL_SIGNALFD4_X
        | code::SYSCALL_TIMERFD_CREATE_X
        | code::SYSCALL_INOTIFY_INIT_X
        | code::SYSCALL_INOTIFY_INIT1_X
        | code::SYSCALL_BPF_2_X
        | code::SYSCALL_USERFAULTFD_X
        | code::SYSCALL_IO_URING_SETUP_X
        | code::SYSCALL_EPOLL_CREATE_X
        | code::SYSCALL_EPOLL_CREATE1_X => Act::AnonymousFd,
        code::SYSCALL_MEMFD_CREATE_X => Act::Memfd,
        code::SYSCALL_PIDFD_OPEN_X => Act::PidfdOpen,
        code::SYSCALL_PIDFD_GETFD_X => Act::PidfdGetfd,
        code::SYSCALL_CHDIR_X | code::SYSCALL_FCHDIR_X | code::SYSCALL_GETCWD_X => {
            Act::ChangeDirectory
        }
        code::SYSCALL_CHROOT_X => Act::Chroot,
        code::SYSCALL_SETSID_X => Act::Setsid,
        code::SYSCALL_SETRESUID_X
        | code::SYSCALL_SETREUID_X
        | code::SYSCALL_SETUID_X
        | code::SYSCALL_SETRESGID_X
        | code::SYSCALL_SETREGID_X
        | code::SYSCALL_SETGID_X => Act::SetIds,
        code::SYSCALL_CAPSET_X => Act::Capset,
        code::SYSCALL_UNSHARE_X | code::SYSCALL_SETNS_X => Act::Namespaces,
        code::SYSCALL_PRCTL_X => Act::Prctl,
        code::SYSCALL_GETRLIMIT_X | code::SYSCALL_SETRLIMIT_X | code::SYSCALL_PRLIMIT_X => {
            Act::Limits
        }
        code::SYSCALL_BRK_4_X
        | code::SYSCALL_MMAP_X
        | code::SYSCALL_MMAP2_X
        | code::SYSCALL_MUNMAP_X
        | code::SCHEDSWITCH_6_E => Act::Memory,
        code::USER_ADDED_E | code::USER_DELETED_E | code::GROUP_ADDED_E | code::GROUP_DELETED_E => {
            Act::UserEvent
        }
        _ => Act::None,
    }
}
