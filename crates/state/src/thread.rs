//! A thread: facts about its process that fields print, and its own state.

use std::sync::Arc;

use peregrine_event::{EventCode, code};

use crate::fdtable::FdTable;
use crate::flags::thread as flag;
use crate::image::{Image, empty};

/// What fields print of a process or thread, also of parents in other shards.
///
/// Ids are signed as in Falco: -1 is unknown.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Thread.
    pub tid: i64,
    /// Thread group.
    pub pid: i64,
    /// Parent (a thread); changes when the parent exits.
    pub ptid: i64,
    /// Thread in its pid namespace.
    pub vtid: i64,
    /// Thread group in its pid namespace.
    pub vpid: i64,
    /// Session.
    pub sid: i64,
    /// Process group in its pid namespace.
    pub vpgid: i64,
    /// Process group.
    pub pgid: i64,
    /// Flags, see [`crate::flags::thread`].
    pub flags: u32,
    /// User; all ones is unknown.
    pub uid: u32,
    /// Group; all ones is unknown.
    pub gid: u32,
    /// Audit user; all ones is none.
    pub loginuid: u32,
    /// Terminal; 0 is none.
    pub tty: u32,
    /// Inheritable capabilities.
    pub cap_inheritable: u64,
    /// Permitted capabilities.
    pub cap_permitted: u64,
    /// Effective capabilities.
    pub cap_effective: u64,
    /// Time of the clone event, nanoseconds since the epoch; 0 unknown.
    pub clone_ts: u64,
    /// Time of the last exec event; 0 none.
    pub lastexec_ts: u64,
    /// The kernel's start time, nanoseconds since boot; 0 unknown. With the pid it names the
    /// process for good.
    pub start_time: u64,
    /// Start of the first process of the pid namespace, nanoseconds since the epoch; 0 unknown.
    pub pidns_init_start_ts: u64,
    /// `clone_ts` less the executable's status change, as Falco computes it at exec.
    pub exe_ino_ctime_duration_clone_ts: u64,
    /// Executable's status change less `pidns_init_start_ts`, as Falco computes it at exec.
    pub exe_ino_ctime_duration_pidns_start: u64,
    /// What it runs.
    pub image: Arc<Image>,
    /// Working directory, ends in `/`. Meaningful on the main thread only.
    pub cwd: Arc<[u8]>,
    /// Root directory.
    pub root: Arc<[u8]>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            tid: -1,
            pid: -1,
            ptid: -1,
            vtid: -1,
            vpid: -1,
            sid: -1,
            vpgid: -1,
            pgid: -1,
            flags: flag::NAME_CHANGED,
            uid: u32::MAX,
            gid: u32::MAX,
            loginuid: u32::MAX,
            tty: 0,
            cap_inheritable: 0,
            cap_permitted: 0,
            cap_effective: 0,
            clone_ts: 0,
            lastexec_ts: 0,
            start_time: 0,
            pidns_init_start_ts: 0,
            exe_ino_ctime_duration_clone_ts: 0,
            exe_ino_ctime_duration_pidns_start: 0,
            image: Arc::default(),
            cwd: empty(),
            root: empty(),
        }
    }
}

impl Facts {
    /// The main thread of its process.
    #[inline]
    pub fn is_main_thread(&self) -> bool {
        self.tid == self.pid || self.flags & flag::IS_MAIN_THREAD != 0
    }

    /// A placeholder of which nothing but the tid is known.
    #[inline]
    pub fn is_invalid(&self) -> bool {
        self.tid < 0 || self.pid < 0 || self.ptid < 0
    }

    /// It has exited.
    #[inline]
    pub fn is_dead(&self) -> bool {
        self.flags & flag::CLOSED != 0
    }

    /// It lives in a pid namespace other than the host's.
    #[inline]
    pub fn is_in_pid_namespace(&self) -> bool {
        self.flags & flag::CHILD_IN_PIDNS != 0 || (self.tid != self.vtid && self.vtid >= 0)
    }
}

/// What a thread uses of the machine, as last told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Virtual memory.
    pub vmsize_kb: u32,
    /// Resident memory.
    pub vmrss_kb: u32,
    /// Swapped memory.
    pub vmswap_kb: u32,
    /// Major page faults.
    pub pfmajor: u64,
    /// Minor page faults.
    pub pfminor: u64,
}

/// A thread of a shard.
#[derive(Debug, Default)]
pub struct Thread {
    /// What fields print.
    pub facts: Facts,
    /// File descriptors, if it has a table of its own; see [`crate::Shard::fd_table`].
    pub fds: FdTable,
    /// Largest number of open files; on the main thread.
    pub fdlimit: i64,
    /// Memory and page faults.
    pub usage: Usage,
    /// Thread that takes its children when it exits, from the exit event; -1 unknown.
    pub reaper_tid: i64,
    /// Time of the last event but one; 0 none.
    pub previous_event_ts: u64,
    /// Time of the last event; 0 none.
    pub last_event_ts: u64,
    /// The fd of the last event; -1 none.
    pub last_event_fd: i64,
    /// Children that have not been removed, as Falco counts them.
    pub children_alive: u64,
    pub(crate) children: Vec<ThreadRef>,
    /// Key of its group; placeholders have none.
    pub(crate) group: Option<i64>,
    pub(crate) serial: u64,
    /// An enter event kept for its exit event, and its type.
    pub(crate) kept_enter: Option<Box<[u8]>>,
    pub(crate) last_enter: u16,
    pub(crate) published: Option<Arc<crate::directory::Published>>,
}

/// Names a thread that may have been removed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ThreadRef {
    pub slot: u32,
    pub serial: u64,
}

impl std::ops::Deref for Thread {
    type Target = Facts;
    fn deref(&self) -> &Facts {
        &self.facts
    }
}

impl std::ops::DerefMut for Thread {
    fn deref_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }
}

impl Thread {
    /// A thread of which nothing is known.
    pub fn new() -> Self {
        Self { fdlimit: -1, reaper_tid: -1, last_enter: u16::MAX, ..Self::default() }
    }

    /// A thread of which no more than its id is known.
    pub fn unknown(tid: i64) -> Self {
        let mut thread = Self::new();
        thread.tid = tid;
        let not_available: Arc<[u8]> = b"<NA>"[..].into();
        thread.image =
            Arc::new(Image { comm: not_available.clone(), exe: not_available, ..Image::default() });
        thread
    }

    /// Remembers when the last events were.
    #[inline]
    pub(crate) fn saw_event(&mut self, ts: u64) {
        self.previous_event_ts = self.last_event_ts;
        self.last_event_ts = ts;
    }

    /// Drops the enter event that is kept, if this exit event does not belong to the last one.
    #[cold]
    pub(crate) fn forget_other_enter(&mut self, exit: EventCode) {
        let is_valid = exit.0 == self.last_enter.wrapping_add(1)
            || (exit == code::SYSCALL_EXECVE_19_X && self.last_enter == code::SYSCALL_EXECVEAT_E.0);
        if !is_valid {
            self.kept_enter = None;
        }
    }

    /// Changes the image, in a copy of its own.
    pub(crate) fn image_mut(&mut self) -> &mut Image {
        // Always a fresh one: what was derived from the old texts must not survive.
        self.facts.image = Arc::new(self.facts.image.to_changed());
        Arc::get_mut(&mut self.facts.image).expect("it was just made")
    }
}
