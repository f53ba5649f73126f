//! Several shards that hold the same threads, each with the files of some of them.
//!
//! A replay on several workers gives every worker a shard. All of them apply, in order, the events
//! that [`is_shared`] names: births, execs, exits and what else other processes can see. So every
//! shard has the same threads at the same event, whatever the quirks of the rules that make,
//! relate and remove them. Everything else of a thread group, its files above all, only the shard
//! of its owner keeps up to date; in the others the tables of files stay empty.
//!
//! ```text
//!            shared events            ┌► shard 0: all threads, files of its own ones
//! events ─┬────────────────────────┬──┤
//!         │                        │  └► shard 1: all threads, files of its own ones
//!         └ other events ──────────┼────────► to the owner only
//!                                  └► lead shard: says what changed ([`Change`])
//! ```
//! The shards do not know of each other. Whoever feeds them hands over what changes its owner:
//! the files that a new process takes after another owner's ([`Shard::share_files`]), and what
//! belongs to a thread that turns out to be of another owner's group ([`Shard::take_own`]).

use std::sync::Arc;

use peregrine_event::{Record, arg, code};

use crate::fd::{Fd, FdKind};
use crate::fdtable::FdTable;
use crate::flags::thread as flag;
use crate::image::Image;
use crate::shard::Shard;
use crate::thread::Usage;

/// A change of the threads that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A thread was added.
    Added(i64),
    /// A thread was tied to its group.
    Related(i64),
    /// A thread was taken out.
    Removed(i64),
    /// A new process takes over the files and directories of a thread; its `Added` follows.
    Inherited {
        /// The new process.
        child: i64,
        /// The thread it takes after.
        parent: i64,
    },
}

/// Files and directories, as a new process takes them over.
#[derive(Debug, Clone, Default)]
pub struct Files {
    fds: FdTable,
    cwd: Arc<[u8]>,
    root: Arc<[u8]>,
}

/// What only the owner of a thread keeps up to date.
#[derive(Debug, Clone, Default)]
pub struct Own {
    files: Files,
    pipe_flags: u32,
    fdlimit: i64,
    usage: Usage,
    times: [u64; 2],
    last_event_fd: i64,
    last_enter: u16,
    kept_enter: Option<Box<[u8]>>,
}

/// Flags of a thread that events of its own change.
const OWN_FLAGS: u32 = flag::PIPE_SRC | flag::PIPE_DST | flag::ACTIVE;

/// Whether an event changes what events of other thread groups can see.
#[inline]
pub fn is_shared(record: &Record<'_>) -> bool {
    match record.code() {
        code::SYSCALL_CLONE_20_X
        | code::SYSCALL_CLONE3_X
        | code::SYSCALL_FORK_20_X
        | code::SYSCALL_VFORK_20_X
        | code::SYSCALL_EXECVE_19_X
        | code::SYSCALL_EXECVEAT_X
        | code::SYSCALL_SETSID_X
        | code::SYSCALL_SETRESUID_X
        | code::SYSCALL_SETREUID_X
        | code::SYSCALL_SETUID_X
        | code::SYSCALL_SETRESGID_X
        | code::SYSCALL_SETREGID_X
        | code::SYSCALL_SETGID_X
        | code::SYSCALL_CAPSET_X
        | code::SYSCALL_UNSHARE_X
        | code::SYSCALL_SETNS_X
        | code::SYSCALL_PRCTL_X
        | code::SYSCALL_PRLIMIT_X => record.int(0).unwrap_or(0) >= 0,
        code::PROCEXIT_1_E
        | code::CONTAINER_JSON_2_E
        | code::ASYNCEVENT_E
        | code::USER_ADDED_E
        | code::USER_DELETED_E
        | code::GROUP_ADDED_E
        | code::GROUP_DELETED_E => true,
        _ => false,
    }
}

/// Whether an exec does not say what it runs, so that its path follows from the directories and
/// files of the process: old captures.
pub fn needs_own_path(record: &Record<'_>) -> bool {
    matches!(record.code(), code::SYSCALL_EXECVE_19_X | code::SYSCALL_EXECVEAT_X)
        && !record.has(arg::syscall_execve_19_x::trusted_exepath)
}

impl Shard {
    /// Keeps changes from now on, for [`Self::take_changes`].
    pub fn keep_changes(&mut self) {
        self.changes = Some(Vec::new());
    }

    /// Moves the changes since the last call behind those in `into`.
    pub fn take_changes(&mut self, into: &mut Vec<Change>) {
        if let Some(changes) = &mut self.changes {
            into.append(changes);
        }
    }

    #[inline]
    pub(crate) fn note(&mut self, change: Change) {
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
    }

    /// The threads of a thread's group, dead ones too, if it has one.
    pub fn group_tids(&self, tid: i64) -> impl Iterator<Item = i64> {
        let group = self.find(tid).and_then(|slot| self.group(slot));
        let threads = group.into_iter().flat_map(|group| &group.threads);
        threads.filter_map(|thread| self.alive_ref(*thread)).map(|slot| self.thread(slot).tid)
    }

    /// Learns that there is a thread, as from an event of it.
    pub fn meet(&mut self, tid: i64) {
        self.get_or_resolve(tid);
    }

    /// What a new process that takes after this thread takes over.
    pub fn share_files(&mut self, parent: i64) -> Files {
        let Some(slot) = self.find(parent) else { return Files::default() };
        Files {
            cwd: self.main_thread(slot).map_or(b"./"[..].into(), |m| self.thread(m).cwd.clone()),
            root: self.thread(slot).root.clone(),
            fds: self.fd_table_mut(slot).map(FdTable::share).unwrap_or_default(),
        }
    }

    /// Gives a new process what it takes over.
    pub fn put_files(&mut self, child: i64, files: Files) {
        let Some(slot) = self.find(child) else { return };
        let thread = self.thread_mut(slot);
        (thread.fds, thread.cwd, thread.root) = (files.fds, files.cwd, files.root);
    }

    /// Forgets the files of a thread of another owner.
    pub fn clear_files(&mut self, tid: i64) {
        if let Some(slot) = self.find(tid) {
            self.thread_mut(slot).fds = FdTable::default();
        }
    }

    /// Takes what belongs to a thread that another shard owns from now on.
    pub fn take_own(&mut self, tid: i64) -> Own {
        let Some(slot) = self.find(tid) else { return Own::default() };
        let thread = self.thread_mut(slot);
        Own {
            files: Files {
                fds: std::mem::take(&mut thread.fds),
                cwd: thread.cwd.clone(),
                root: thread.root.clone(),
            },
            pipe_flags: thread.flags & OWN_FLAGS,
            fdlimit: thread.fdlimit,
            usage: thread.usage,
            times: [thread.previous_event_ts, thread.last_event_ts],
            last_event_fd: thread.last_event_fd,
            last_enter: thread.last_enter,
            kept_enter: thread.kept_enter.take(),
        }
    }

    /// Gives a thread what belongs to it; this shard owns it from now on.
    pub fn put_own(&mut self, tid: i64, own: Own) {
        self.put_files(tid, own.files);
        let Some(slot) = self.find(tid) else { return };
        let thread = self.thread_mut(slot);
        thread.flags = thread.flags & !OWN_FLAGS | own.pipe_flags;
        thread.fdlimit = own.fdlimit;
        thread.usage = own.usage;
        [thread.previous_event_ts, thread.last_event_ts] = own.times;
        thread.last_event_fd = own.last_event_fd;
        thread.last_enter = own.last_enter;
        thread.kept_enter = own.kept_enter;
    }

    /// What a thread runs; `None` for one that is not there.
    pub fn image(&self, tid: i64) -> Option<Arc<Image>> {
        self.find(tid).map(|slot| self.thread(slot).image.clone())
    }

    /// Replaces what a thread runs by what its owner found out.
    pub fn set_image(&mut self, tid: i64, image: Arc<Image>) {
        if let Some(slot) = self.find(tid) {
            self.thread_mut(slot).image = image;
        }
    }

    /// The process that a `pidfd_getfd` asks and the number there; `None` if what it names is no
    /// process.
    pub fn asked_fd(&self, record: &Record<'_>) -> Option<(i64, i64)> {
        use arg::syscall_pidfd_getfd_x as a;
        let slot = self.find(i64::from(record.tid()))?;
        let pidfd = self.fd(slot, record.int(a::pid_fd)?)?;
        (pidfd.kind == FdKind::PidFd).then_some((pidfd.pid, record.int(a::target_fd)?))
    }

    /// The file descriptor of a process, if this shard owns it.
    pub fn own_fd(&self, pid: i64, number: i64) -> Option<Fd> {
        self.fd(self.find(pid)?, number).cloned()
    }

    /// Lends the next `pidfd_getfd` what it asks for, from another owner.
    pub fn lend_fd(&mut self, fd: Fd) {
        self.lent = Some(fd);
    }
}
