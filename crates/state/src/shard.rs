//! The state of one partition: its threads, and the questions fields ask about them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::containers::Containers;
use crate::counters::Counters;
use crate::directory::Directory;
use crate::fd::Fd;
use crate::fdtable::FdTable;
use crate::flags::thread as flag;
use crate::group::{Guests, Hot};
use crate::image::{Strings, empty};
use crate::looks::LooksCell;
use crate::network::Interfaces;
use crate::replica::Change;
use crate::table::ThreadGroup;
use crate::thread::{Thread, ThreadRef};
use crate::users::Users;

/// How a shard learns of a new thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChildRule {
    /// From the record with the `BIRTH` flag, which comes before anything else of the child. The
    /// parent's return from `clone` creates nothing.
    #[default]
    Births,
    /// From whichever return from `clone` comes first, with Falco's guards against late events.
    /// For captures that were recorded without births.
    CloneExits,
}

/// Settings of a shard.
#[derive(Debug, Clone)]
pub struct Config {
    /// See [`ChildRule`].
    pub child_rule: ChildRule,
    /// Most threads; more are dropped and counted.
    pub max_threads: usize,
    /// Most file descriptors of a process; more are not kept.
    pub max_fds: usize,
    /// Boot time of the machine, nanoseconds since the epoch. Falco leaves it zero when it reads a
    /// capture; so must who wants the same `proc.pidns_init_start_ts`.
    pub boot_ts: u64,
    /// Where the host's file system is mounted, in front of `/proc` in names; usually empty.
    pub host_root: Box<[u8]>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            child_rule: ChildRule::default(),
            max_threads: 262_144,
            max_fds: 4096,
            boot_ts: 0,
            host_root: Box::default(),
        }
    }
}

/// Looks up threads that no event told of, such as from `/proc`. `sequence` is that of the event
/// that asks. The kernel can only tell of now, which is later.
pub trait Resolver: Send {
    /// Everything about a running thread, with its file descriptors in `fds` if it is a main
    /// thread; `None` if there is no such thread or it may not be asked.
    fn resolve(&mut self, tid: i64, sequence: u64) -> Option<Box<Thread>>;

    /// The same of a thread that is known, of which events were lost.
    fn resolve_again(&mut self, tid: i64, sequence: u64) -> Option<Box<Thread>> {
        self.resolve(tid, sequence)
    }

    /// One file descriptor of a process, such as one that came with a message; `None` if it is not
    /// there or may not be asked.
    fn resolve_fd(&mut self, pid: i64, number: i64, sequence: u64) -> Option<Fd>;
}

/// Names a thread of a shard until the next call of [`Shard::apply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(pub(crate) u32);

/// Everything mutable about the thread groups of one partition. Owned by one worker.
pub struct Shard {
    pub(crate) config: Config,
    pub(crate) counters: Counters,
    pub(crate) users: Users,
    pub(crate) containers: Containers,
    pub(crate) interfaces: Interfaces,
    pub(crate) directory: Option<Arc<Directory>>,
    pub(crate) resolver: Option<Box<dyn Resolver>>,
    pub(crate) looks: LooksCell,
    pub(crate) hot: Hot,
    pub(crate) guests: Guests,
    pub(crate) threads: Vec<Option<Box<Thread>>>,
    pub(crate) free: Vec<u32>,
    pub(crate) by_tid: FxHashMap<i64, u32>,
    pub(crate) groups: FxHashMap<i64, ThreadGroup>,
    pub(crate) serial: u64,
    pub(crate) last: Option<(i64, u32)>,
    pub(crate) server_ports: rustc_hash::FxHashSet<u16>,
    pub(crate) recent: Vec<(u64, u64)>,
    pub(crate) recent_next: usize,
    /// Thread that exited with the last event, and that event's sequence.
    pub(crate) exit_pending: Option<(i64, u64)>,
    pub(crate) close_pending: Option<(i64, i64)>,
    pub(crate) directory_text: Vec<u8>,
    pub(crate) path_text: Vec<u8>,
    /// Sequence of the event being applied.
    pub(crate) sequence: u64,
    /// Its thread group; 0 if the source does not tell.
    pub(crate) tgid: i64,
    /// The largest sequence of all that were applied.
    pub(crate) newest: u64,
    /// See [`crate::replica`].
    pub(crate) changes: Option<Vec<Change>>,
    pub(crate) lent: Option<Fd>,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard")
            .field("config", &self.config)
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

impl Shard {
    /// An empty shard. Without a directory it is the only one, and relations are direct.
    pub fn new(config: Config, directory: Option<Arc<Directory>>) -> Self {
        Self {
            config,
            directory,
            counters: Counters::default(),
            users: Users::default(),
            containers: Containers::default(),
            interfaces: Interfaces::default(),
            resolver: None,
            looks: LooksCell::default(),
            hot: Hot::default(),
            guests: Guests::default(),
            threads: Vec::new(),
            free: Vec::new(),
            by_tid: FxHashMap::default(),
            groups: FxHashMap::default(),
            serial: 0,
            last: None,
            server_ports: Default::default(),
            recent: Vec::new(),
            recent_next: 0,
            exit_pending: None,
            close_pending: None,
            directory_text: Vec::new(),
            path_text: Vec::new(),
            sequence: 0,
            tgid: 0,
            newest: 0,
            changes: None,
            lent: None,
        }
    }

    /// Sets who is asked about unknown threads.
    pub fn set_resolver(&mut self, resolver: Box<dyn Resolver>) {
        self.resolver = Some(resolver);
    }

    /// Sets the machine's interfaces.
    pub fn set_interfaces(&mut self, interfaces: Interfaces) {
        self.interfaces = interfaces;
    }

    /// The machine's interfaces.
    pub fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }

    /// Settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Settings, to change them; the boot time of a capture is known only once its head is read.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Users and groups.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Containers that something is known of beside their ids.
    pub fn containers(&self) -> &Containers {
        &self.containers
    }

    /// Users and groups, to fill them.
    pub fn users_mut(&mut self) -> &mut Users {
        &mut self.users
    }

    /// Counts so far; levels as of now.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        counters.n_threads = self.by_tid.len() as u64;
        counters.n_fds = self.iter().map(|t| t.fds.len() as u64).sum();
        counters
    }

    /// All threads, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Thread> {
        self.threads.iter().flatten().map(|t| &**t)
    }

    /// Number of threads.
    pub fn len(&self) -> usize {
        self.by_tid.len()
    }

    /// Whether there is no thread.
    pub fn is_empty(&self) -> bool {
        self.by_tid.is_empty()
    }

    /// Number of thread groups.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// The thread with this id, if it is in the table.
    pub fn find(&self, tid: i64) -> Option<Slot> {
        self.by_tid.get(&tid).map(|slot| Slot(*slot))
    }

    /// As [`Self::find`], counted, and remembered as the thread of the event.
    #[inline]
    pub(crate) fn find_counted(&mut self, tid: i64) -> Option<Slot> {
        if let Some((last, slot)) = self.last
            && last == tid
        {
            self.counters.n_cached_thread_lookups += 1;
            return Some(Slot(slot));
        }
        match self.by_tid.get(&tid) {
            Some(slot) => {
                self.counters.n_noncached_thread_lookups += 1;
                self.last = Some((tid, *slot));
                Some(Slot(*slot))
            }
            None => {
                self.counters.n_failed_thread_lookups += 1;
                None
            }
        }
    }

    /// The thread with this id; if it is unknown, what the resolver says of it, else a
    /// placeholder. `None` if the table is full.
    #[inline]
    pub(crate) fn get_or_resolve(&mut self, tid: i64) -> Option<Slot> {
        match self.find_counted(tid) {
            Some(slot) => Some(slot),
            None => self.resolve(tid),
        }
    }

    #[inline(never)]
    pub(crate) fn resolve(&mut self, tid: i64) -> Option<Slot> {
        if self.by_tid.len() >= self.config.max_threads {
            return None;
        }
        let (sequence, tgid) = (self.sequence, self.tgid);
        let found = self.resolver.as_mut().and_then(|r| r.resolve(tid, sequence));
        // The id may be another thread's by now, whose process has another home.
        let found = found.filter(|thread| tgid == 0 || thread.pid == tgid);
        if let Some(thread) = &found {
            self.users.need(thread.uid, thread.gid);
        }
        let thread = found.unwrap_or_else(|| Box::new(Thread::unknown(tid)));
        self.insert(thread)
    }

    pub(crate) fn ask_resolver_for_fd(&mut self, pid: i64, number: i64) -> Option<Fd> {
        self.resolver.as_mut()?.resolve_fd(pid, number, self.sequence)
    }

    /// A thread.
    ///
    /// # Panics
    /// If the slot is older than the last call of [`Shard::apply`] and its thread is gone.
    #[inline]
    pub fn thread(&self, slot: Slot) -> &Thread {
        self.threads[slot.0 as usize].as_ref().expect("slots live until the next event")
    }

    /// A thread, to change it.
    #[inline]
    pub(crate) fn thread_mut(&mut self, slot: Slot) -> &mut Thread {
        self.threads[slot.0 as usize].as_mut().expect("slots live until the next event")
    }

    #[inline]
    pub(crate) fn alive_ref(&self, reference: ThreadRef) -> Option<Slot> {
        let thread = self.threads.get(reference.slot as usize)?.as_ref()?;
        (thread.serial == reference.serial).then_some(Slot(reference.slot))
    }

    pub(crate) fn group(&self, slot: Slot) -> Option<&ThreadGroup> {
        self.groups.get(&self.thread(slot).group?)
    }

    pub(crate) fn group_mut(&mut self, slot: Slot) -> Option<&mut ThreadGroup> {
        let key = self.thread(slot).group?;
        self.groups.get_mut(&key)
    }

    /// The main thread of a thread's process, if it is known.
    #[inline]
    pub fn main_thread(&self, slot: Slot) -> Option<Slot> {
        if self.thread(slot).is_main_thread() {
            return Some(slot);
        }
        let first = self.alive_ref(*self.group(slot)?.threads.first()?)?;
        self.thread(first).is_main_thread().then_some(first)
    }

    /// Threads of the process that have not exited (`proc.nthreads`); 0 for a placeholder.
    pub fn alive_threads(&self, slot: Slot) -> u64 {
        self.group(slot).map_or(0, |g| g.alive)
    }

    /// Threads of the process besides its main thread that have not exited (`proc.nchilds`).
    pub fn other_threads(&self, slot: Slot) -> u64 {
        let alive = self.alive_threads(slot);
        match self.main_thread(slot) {
            Some(main) if !self.thread(main).is_dead() => alive.saturating_sub(1),
            _ => alive,
        }
    }

    /// Whether the process takes over the children of its dead descendants.
    pub fn is_reaper(&self, slot: Slot) -> bool {
        self.group(slot).is_some_and(|g| g.is_reaper)
    }

    #[inline]
    pub(crate) fn table_owner(&self, slot: Slot) -> Option<Slot> {
        if self.thread(slot).flags & flag::CLONE_FILES == 0 {
            Some(slot)
        } else {
            self.main_thread(slot)
        }
    }

    /// The file descriptors a thread uses: its own or its main thread's.
    #[inline(always)]
    pub fn fd_table(&self, slot: Slot) -> Option<&FdTable> {
        Some(&self.thread(self.table_owner(slot)?).fds)
    }

    pub(crate) fn fd_table_mut(&mut self, slot: Slot) -> Option<&mut FdTable> {
        let owner = self.table_owner(slot)?;
        Some(&mut self.thread_mut(owner).fds)
    }

    /// A file descriptor of a thread. Negative numbers are none.
    #[inline]
    pub fn fd(&self, slot: Slot, fd: i64) -> Option<&Fd> {
        if fd < 0 { None } else { self.fd_table(slot)?.get(fd) }
    }

    /// Number of open files of the process.
    pub fn fd_count(&self, slot: Slot) -> u64 {
        self.main_thread(slot).map_or(0, |main| self.thread(main).fds.len() as u64)
    }

    /// Largest number of open files of the process.
    pub fn fd_limit(&self, slot: Slot) -> i64 {
        self.main_thread(slot).map_or(0, |main| self.thread(main).fdlimit)
    }

    /// The working directory, with `/` at its end.
    pub fn cwd(&self, slot: Slot) -> &[u8] {
        self.main_thread(slot).map_or(b"./", |main| &self.thread(main).cwd)
    }

    /// The environment of the process.
    pub fn env(&self, slot: Slot) -> &Strings {
        let main = self.main_thread(slot).unwrap_or(slot);
        &self.thread(main).image.env
    }

    /// Puts an fd into the thread's table; says whether it is there now.
    pub(crate) fn add_fd(&mut self, slot: Slot, number: i64, fd: Fd) -> bool {
        self.thread_mut(slot).last_event_fd = number;
        let max = self.config.max_fds;
        let Some(owner) = self.table_owner(slot) else { return false };
        let table = &mut self.thread_mut(owner).fds;
        if table.len() >= max && table.get(number).is_none() {
            return false;
        }
        if table.insert(number, fd) {
            self.counters.n_added_fds += 1;
        }
        true
    }

    pub(crate) fn remove_fd(&mut self, slot: Slot, number: i64) {
        let Some(table) = self.fd_table_mut(slot) else { return };
        if table.remove(number) {
            self.counters.n_noncached_fd_lookups += 1;
            self.counters.n_removed_fds += 1;
        } else {
            self.counters.n_failed_fd_lookups += 1;
        }
    }

    /// Changes the working directory of the thread's process.
    pub(crate) fn set_cwd(&mut self, slot: Slot, path: &[u8]) {
        let Some(main) = self.main_thread(slot) else { return };
        let mut text = std::mem::take(&mut self.path_text);
        // Falco joins with the directory of the calling thread, which only a main thread has.
        crate::path::join_into(&mut text, &self.thread(slot).cwd, path);
        if text.last() != Some(&b'/') {
            text.push(b'/');
        }
        if *self.thread(main).cwd != *text {
            // Not published: no other process's fields show it, and a child takes it over itself.
            self.thread_mut(main).cwd = if text.is_empty() { empty() } else { text[..].into() };
        }
        self.path_text = text;
    }
}
