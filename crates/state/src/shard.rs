//! The state of one partition: its threads, and the questions fields ask about them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::counters::Counters;
use crate::directory::{Directory, Exit, Inheritance, ProcessKey, Published, Snapshot, live};
use crate::fd::Fd;
use crate::fdtable::FdTable;
use crate::flags::thread as flag;
use crate::image::{Image, Strings, empty};
use crate::network::Interfaces;
use crate::thread::{Facts, Thread, ThreadRef};
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

/// Looks up threads that no event told of, such as from `/proc`.
pub trait Resolver: Send {
    /// Everything about a running thread, with its file descriptors in `fds` if it is a main
    /// thread; `None` if there is no such thread or it may not be asked.
    fn resolve(&mut self, tid: i64) -> Option<Box<Thread>>;

    /// One file descriptor of a process, such as one that came with a message; `None` if it is not
    /// there or may not be asked.
    fn resolve_fd(&mut self, pid: i64, number: i64) -> Option<Fd>;
}

/// Names a thread of a shard until the next call of [`Shard::apply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(pub(crate) u32);

#[derive(Debug, Default)]
pub(crate) struct ThreadGroup {
    pub is_reaper: bool,
    pub alive: u64,
    /// The main thread is first, if it is there.
    pub threads: Vec<ThreadRef>,
}

/// An ancestor or leader: a thread of this shard or a snapshot of another's.
#[derive(Debug, Clone)]
pub enum Relative<'a> {
    /// Of this shard.
    Own(Slot, &'a Thread),
    /// Of any shard, as of the event.
    Other(Arc<Published>, Arc<Snapshot>),
}

impl Relative<'_> {
    /// What fields print.
    pub fn facts(&self) -> &Facts {
        match self {
            Relative::Own(_, thread) => &thread.facts,
            Relative::Other(_, snapshot) => &snapshot.facts,
        }
    }
}

/// Dead threads in a group, and removed children of a parent, before their references are swept.
const SWEEP: u64 = 11;
/// Removals that are remembered against late clone events, and for how long.
const RECENT: usize = 8192;
pub(crate) const CLONE_STALE_NS: u64 = 2_000_000_000;

/// Everything mutable about the thread groups of one partition. Owned by one worker.
pub struct Shard {
    pub(crate) config: Config,
    pub(crate) counters: Counters,
    pub(crate) users: Users,
    pub(crate) interfaces: Interfaces,
    pub(crate) directory: Option<Arc<Directory>>,
    resolver: Option<Box<dyn Resolver>>,
    threads: Vec<Option<Box<Thread>>>,
    free: Vec<u32>,
    by_tid: FxHashMap<i64, u32>,
    groups: FxHashMap<i64, ThreadGroup>,
    serial: u64,
    last: Option<(i64, u32)>,
    pub(crate) server_ports: rustc_hash::FxHashSet<u16>,
    recent: Vec<(u64, u64)>,
    recent_next: usize,
    pub(crate) exit_pending: Option<i64>,
    pub(crate) close_pending: Option<(i64, i64)>,
    pub(crate) directory_text: Vec<u8>,
    pub(crate) path_text: Vec<u8>,
    /// Sequence of the event being applied.
    pub(crate) sequence: u64,
    /// A birth is applied whether its inheritance is there or not.
    pub(crate) is_birth_forced: bool,
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
            interfaces: Interfaces::default(),
            resolver: None,
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
            is_birth_forced: false,
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

    // ---- lookups ----------------------------------------------------------------------------

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
    pub(crate) fn get_or_resolve(&mut self, tid: i64) -> Option<Slot> {
        if let Some(slot) = self.find_counted(tid) {
            return Some(slot);
        }
        if self.by_tid.len() >= self.config.max_threads {
            return None;
        }
        let found = self.resolver.as_mut().and_then(|r| r.resolve(tid));
        let thread = found.unwrap_or_else(|| Box::new(Thread::placeholder(tid)));
        self.insert(thread)
    }

    pub(crate) fn ask_resolver_for_fd(&mut self, pid: i64, number: i64) -> Option<Fd> {
        self.resolver.as_mut()?.resolve_fd(pid, number)
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
    fn table_owner(&self, slot: Slot) -> Option<Slot> {
        if self.thread(slot).flags & flag::CLONE_FILES == 0 {
            Some(slot)
        } else {
            self.main_thread(slot)
        }
    }

    /// The file descriptors a thread uses: its own or its main thread's.
    #[inline]
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

    // ---- relatives --------------------------------------------------------------------------

    /// The parent of a thread (a thread, as Falco's `ptid` names it) as of the event.
    pub fn parent(&self, slot: Slot, sequence: u64) -> Option<Relative<'_>> {
        let thread = self.thread(slot);
        if let Some(parent) = self.find(thread.ptid) {
            return Some(Relative::Own(parent, self.thread(parent)));
        }
        let published = self.published_of(slot)?.parent(sequence)?;
        let snapshot = published.as_of(sequence);
        Some(Relative::Other(published, snapshot))
    }

    fn published_of(&self, slot: Slot) -> Option<&Arc<Published>> {
        let main = self.main_thread(slot)?;
        self.thread(main).published.as_ref()
    }

    /// The parent process of a relative, its main thread.
    pub fn parent_process_of<'a>(
        &'a self,
        relative: &Relative<'a>,
        sequence: u64,
    ) -> Option<Relative<'a>> {
        match relative {
            Relative::Own(slot, _) => match self.parent(*slot, sequence)? {
                Relative::Own(parent, _) => {
                    let main = self.main_thread(parent)?;
                    Some(Relative::Own(main, self.thread(main)))
                }
                other => Some(other),
            },
            Relative::Other(published, _) => {
                let parent = published.parent(sequence)?;
                let snapshot = parent.as_of(sequence);
                Some(Relative::Other(parent, snapshot))
            }
        }
    }

    /// The ancestor process `generations` up: 0 is the thread's own process, 1 its parent.
    pub fn ancestor(&self, slot: Slot, generations: u32, sequence: u64) -> Option<Relative<'_>> {
        let main = self.main_thread(slot)?;
        let mut at = Relative::Own(main, self.thread(main));
        for _ in 0..generations {
            at = self.parent_process_of(&at, sequence)?;
        }
        Some(at)
    }

    /// The leader of a session or process group. `id` reads the wanted id; a thread whose own tid
    /// it is leads, looked up directly unless the ids are those of a pid namespace (`is_virtual`);
    /// else the oldest ancestor in an unbroken row with the same id.
    pub fn leader(
        &self,
        slot: Slot,
        id: impl Fn(&Facts) -> i64,
        is_virtual: bool,
        sequence: u64,
    ) -> Option<Relative<'_>> {
        let thread = self.thread(slot);
        let wanted = id(&thread.facts);
        if wanted == -1 {
            return None;
        }
        if !is_virtual || !thread.is_in_pid_namespace() {
            if let Some(found) = self.find(wanted) {
                return Some(Relative::Own(found, self.thread(found)));
            }
            if let Some(published) = self.directory.as_ref().and_then(|d| d.find(wanted)) {
                let snapshot = published.as_of(sequence);
                let has_ended = snapshot.exit.as_ref().is_some_and(|e| e.sequence < sequence);
                if !has_ended && snapshot.sequence <= sequence {
                    return Some(Relative::Other(published, snapshot));
                }
            }
        }
        let mut leader = None;
        let mut at = self.parent(slot, sequence);
        // Falco stops at a loop; a bound does the same.
        for _ in 0..4096 {
            let Some(relative) = at else { break };
            if relative.facts().tid == -1 || id(relative.facts()) != wanted {
                break;
            }
            at = match &relative {
                Relative::Own(slot, thread) if thread.ptid != thread.tid => {
                    self.parent(*slot, sequence)
                }
                Relative::Own(..) => None,
                other => self.parent_process_of(other, sequence),
            };
            leader = Some(relative);
        }
        leader
    }

    // ---- adding and removing ----------------------------------------------------------------

    /// Adds a thread and ties it to its group and its parent. A thread that is there already under
    /// this id is replaced. `None` if the table is full.
    pub fn insert(&mut self, thread: Box<Thread>) -> Option<Slot> {
        let slot = self.insert_unrelated(thread)?;
        self.relate(slot);
        Some(slot)
    }

    /// Adds a thread of an initial list; [`Self::relate_all`] follows once all are there.
    pub fn insert_unrelated(&mut self, mut thread: Box<Thread>) -> Option<Slot> {
        if self.by_tid.len() >= self.config.max_threads {
            self.counters.n_drops_full_threadtable += 1;
            return None;
        }
        self.serial += 1;
        thread.serial = self.serial;
        let tid = thread.tid;
        if self.last.is_some_and(|(last, _)| last == tid) {
            self.last = None;
        }
        if self.find(tid).is_some() {
            self.erase(tid);
        }
        let slot = match self.free.pop() {
            Some(slot) => {
                self.threads[slot as usize] = Some(thread);
                slot
            }
            None => {
                self.threads.push(Some(thread));
                (self.threads.len() - 1) as u32
            }
        };
        self.by_tid.insert(tid, slot);
        self.counters.n_added_threads += 1;
        Some(Slot(slot))
    }

    /// Ties all threads of the initial lists to their groups and parents.
    pub fn relate_all(&mut self) {
        let mut slots: Vec<(i64, u32)> = self.by_tid.iter().map(|(tid, s)| (*tid, *s)).collect();
        slots.sort_unstable();
        for (_, slot) in &slots {
            self.relate(Slot(*slot));
        }
        self.fix_listed_sockets();
        // Parents may come after their children in the list.
        if let Some(directory) = self.directory.clone() {
            for (_, slot) in slots {
                let thread = self.thread(Slot(slot));
                if let Some(published) = &thread.published
                    && published.newest().parent.is_none()
                    && let Some(parent) = directory.find(thread.ptid)
                {
                    let newest = published.newest();
                    published.publish(Snapshot { parent: Some(parent), ..(*newest).clone() });
                }
            }
        }
    }

    /// Ties a thread to its group and its parent; does nothing for one that is tied already, or of
    /// which nothing is known.
    pub(crate) fn relate(&mut self, slot: Slot) {
        let thread = self.thread(slot);
        if thread.is_invalid() || thread.group.is_some() {
            return;
        }
        let (pid, ptid, is_main) = (thread.pid, thread.ptid, thread.is_main_thread());
        let is_init = pid == 1 || thread.vpid == 1;
        let reference = ThreadRef { slot: slot.0, serial: thread.serial };
        self.thread_mut(slot).group = Some(pid);
        let group = self
            .groups
            .entry(pid)
            .or_insert_with(|| ThreadGroup { is_reaper: is_init, ..ThreadGroup::default() });
        if is_main {
            group.threads.insert(0, reference);
        } else {
            group.threads.push(reference);
        }
        group.alive += 1;
        if pid != 1 {
            match self.find(ptid) {
                Some(parent) if !self.thread(parent).is_invalid() => self.add_child(parent, slot),
                _ if self.directory.as_ref().is_some_and(|d| d.find(ptid).is_some()) => {}
                _ => self.thread_mut(slot).ptid = 0,
            }
        }
        if is_main {
            self.publish_new(slot, None);
        }
    }

    fn add_child(&mut self, parent: Slot, child: Slot) {
        let reference = ThreadRef { slot: child.0, serial: self.thread(child).serial };
        let thread = self.thread_mut(parent);
        thread.children.push(reference);
        thread.children_alive += 1;
        let tid = thread.tid;
        self.thread_mut(child).ptid = tid;
    }

    fn remove_child_of(&mut self, ptid: i64) {
        let Some(parent) = self.find(ptid) else { return };
        let thread = self.thread_mut(parent);
        thread.children_alive = thread.children_alive.wrapping_sub(1);
        let gone = (thread.children.len() as u64).wrapping_sub(thread.children_alive);
        // Falco sweeps by the same rule; the references themselves are not visible.
        if gone >= SWEEP {
            let mut children = std::mem::take(&mut thread.children);
            children.retain(|c| self.alive_ref(*c).is_some());
            self.thread_mut(parent).children = children;
        }
    }

    /// Takes a thread out of the table, and nothing more.
    fn erase(&mut self, tid: i64) {
        if let Some(slot) = self.by_tid.remove(&tid) {
            let thread = self.threads[slot as usize].take();
            self.free.push(slot);
            if let (Some(directory), Some(thread)) = (&self.directory, thread)
                && let Some(published) = &thread.published
            {
                directory.remove(published);
            }
        }
        self.last = None;
    }

    fn decrement_alive(&mut self, slot: Slot) {
        let Some(key) = self.thread(slot).group else { return };
        let Some(group) = self.groups.get_mut(&key) else { return };
        group.alive = group.alive.wrapping_sub(1);
        if (group.threads.len() as u64).wrapping_sub(group.alive) >= SWEEP {
            let mut threads = std::mem::take(&mut group.threads);
            threads.retain(|t| self.alive_ref(*t).is_some());
            if let Some(group) = self.groups.get_mut(&key) {
                group.threads = threads;
            }
        }
    }

    pub(crate) fn mark_dead(&mut self, slot: Slot) {
        if self.thread(slot).is_dead() {
            return;
        }
        self.decrement_alive(slot);
        self.thread_mut(slot).flags |= flag::CLOSED;
    }

    /// A dead main thread runs again: an exec of another thread took its place.
    pub(crate) fn resurrect(&mut self, slot: Slot) {
        self.thread_mut(slot).flags &= !flag::CLOSED;
        if let Some(group) = self.group_mut(slot) {
            group.alive += 1;
        }
    }

    /// Removes a thread: its children go to a reaper; the main thread stays, dead, until the last
    /// thread of its group is gone.
    pub fn remove(&mut self, tid: i64) {
        let Some(slot) = self.find(tid) else {
            self.counters.n_failed_thread_lookups += 1;
            return;
        };
        let thread = self.thread(slot);
        if thread.is_invalid() || thread.group.is_none() {
            let ptid = thread.ptid;
            self.remove_child_of(ptid);
            self.erase(tid);
            return;
        }
        self.mark_dead(slot);
        let reaper = self.choose_reaper(slot);
        self.publish_exit(slot, reaper);
        if !self.thread(slot).children.is_empty() {
            self.give_children(slot, reaper);
        }
        let thread = self.thread(slot);
        let (pid, ptid, is_main) = (thread.pid, thread.ptid, thread.is_main_thread());
        let key = thread.group.unwrap_or(pid);
        if self.groups.get(&key).is_none_or(|g| g.alive == 0) {
            self.remove_child_of(ptid);
            self.groups.remove(&key);
            self.erase(pid);
        }
        if !is_main {
            self.remove_child_of(ptid);
            self.erase(tid);
        }
        self.last = None;
        self.counters.n_removed_threads += 1;
    }

    /// The reaper the kernel named, if it is known; else a live thread of the group; else one of
    /// the nearest ancestor group that reaps.
    fn choose_reaper(&mut self, slot: Slot) -> Option<Slot> {
        if self.thread(slot).children.is_empty() {
            return None;
        }
        let named = self.thread(slot).reaper_tid;
        let named = if named > 0 { self.get_or_resolve(named) } else { None };
        let reaper = match named {
            Some(reaper) if !self.thread(reaper).is_invalid() && reaper != slot => Some(reaper),
            _ => self.search_reaper(slot),
        };
        if let Some(reaper) = reaper {
            let (pid, tid) = (self.thread(reaper).pid, self.thread(reaper).tid);
            self.thread_mut(slot).reaper_tid = tid;
            if pid != self.thread(slot).pid
                && let Some(group) = self.group_mut(reaper)
            {
                group.is_reaper = true;
            }
        }
        reaper
    }

    fn search_reaper(&self, slot: Slot) -> Option<Slot> {
        let live_thread = |group: &ThreadGroup, not: Option<Slot>| {
            if group.alive == 0 {
                return None;
            }
            let alive = group.threads.iter().filter_map(|t| self.alive_ref(*t));
            alive.filter(|s| Some(*s) != not).find(|s| !self.thread(*s).is_dead())
        };
        if let Some(found) = self.group(slot).and_then(|g| live_thread(g, Some(slot))) {
            return Some(found);
        }
        let thread = self.thread(slot);
        let mut seen = vec![thread.tid];
        let mut at = self.find(thread.ptid);
        while let Some(parent) = at {
            let candidate = self.thread(parent);
            if seen.contains(&candidate.tid)
                || candidate.is_in_pid_namespace() != thread.is_in_pid_namespace()
            {
                break;
            }
            seen.push(candidate.tid);
            if let Some(group) = self.group(parent)
                && group.is_reaper
                && let Some(found) = live_thread(group, None)
            {
                return Some(found);
            }
            at = self.find(candidate.ptid);
        }
        None
    }

    fn give_children(&mut self, slot: Slot, reaper: Option<Slot>) {
        let children = std::mem::take(&mut self.thread_mut(slot).children);
        // Newest first, as Falco's list has them.
        for child in children.into_iter().rev() {
            let Some(child) = self.alive_ref(child) else { continue };
            match reaper {
                Some(reaper) => self.add_child(reaper, child),
                None => self.thread_mut(child).ptid = 0,
            }
        }
        self.thread_mut(slot).children_alive = 0;
    }

    // ---- late events ------------------------------------------------------------------------

    fn recent_key(tid: i64, ptid: i64) -> u64 {
        u64::from(ptid as u32) << 32 | u64::from(tid as u32)
    }

    pub(crate) fn remember_exit(&mut self, tid: i64, ptid: i64, ts: u64) {
        let entry = (Self::recent_key(tid, ptid), ts);
        if self.recent.len() < RECENT {
            self.recent.push(entry);
        } else {
            self.recent[self.recent_next] = entry;
            self.recent_next = (self.recent_next + 1) % RECENT;
        }
    }

    pub(crate) fn has_recently_exited(&self, tid: i64, ptid: i64, ts: u64) -> bool {
        let key = Self::recent_key(tid, ptid);
        self.recent.iter().any(|(k, t)| *k == key && ts >= *t && ts - t < CLONE_STALE_NS)
    }

    // ---- published side ---------------------------------------------------------------------

    /// Publishes a new process; its parent is the one given or whoever has its `ptid`.
    pub(crate) fn publish_new(&mut self, slot: Slot, parent: Option<Arc<Published>>) {
        let Some(directory) = self.directory.clone() else { return };
        let thread = self.thread(slot);
        let parent = parent.or_else(|| {
            let own = self.find(thread.ptid).and_then(|p| self.published_of(p).cloned());
            own.or_else(|| directory.find(thread.ptid))
        });
        let key = ProcessKey { pid: thread.pid, start_time: thread.start_time };
        let facts = thread.facts.clone();
        let sequence = self.sequence;
        let published = directory.add(key, Snapshot { sequence, facts, parent, exit: None });
        self.thread_mut(slot).published = Some(published);
    }

    /// Publishes what an event changed of a process. Other shards see it from the next sequence on.
    pub(crate) fn publish_change(&mut self, slot: Slot) {
        if self.directory.is_none() {
            return;
        }
        let Some(main) = self.main_thread(slot) else { return };
        let thread = self.thread(main);
        if let Some(published) = &thread.published {
            let old = published.newest();
            published.publish(Snapshot {
                sequence: self.sequence,
                facts: thread.facts.clone(),
                parent: old.parent.clone(),
                exit: old.exit.clone(),
            });
        }
    }

    /// Sets the parent of a process that was just published.
    pub(crate) fn publish_parent(&mut self, slot: Slot, parent: Arc<Published>) {
        if let Some(published) = &self.thread(slot).published {
            let newest = published.newest();
            published.publish(Snapshot { parent: Some(parent), ..(*newest).clone() });
        }
    }

    fn publish_exit(&mut self, slot: Slot, reaper: Option<Slot>) {
        let Some(directory) = &self.directory else { return };
        // The process ends with its last thread.
        if self.group(slot).is_some_and(|g| g.alive > 0) {
            return;
        }
        let Some(main) = self.main_thread(slot) else { return };
        let thread = self.thread(main);
        let Some(published) = &thread.published else { return };
        let reaper = reaper
            .and_then(|r| self.published_of(r).cloned())
            .or_else(|| directory.find(self.thread(slot).reaper_tid))
            .or_else(|| published.parent(self.sequence))
            .filter(|r| !Arc::ptr_eq(r, published));
        let old = published.newest();
        published.publish(Snapshot {
            sequence: self.sequence,
            facts: thread.facts.clone(),
            parent: old.parent.clone(),
            exit: Some(Exit { sequence: self.sequence, reaper }),
        });
    }

    /// The thread's parent as of a sequence follows reapers of other shards too.
    pub fn ppid(&self, slot: Slot, sequence: u64) -> i64 {
        let thread = self.thread(slot);
        if self.directory.is_none() || self.find(thread.ptid).is_some() {
            return thread.ptid;
        }
        match self.published_of(slot) {
            Some(published) => match published.as_of(sequence).parent.clone() {
                Some(parent) => live(parent, sequence).map_or(0, |p| p.key().pid),
                None => thread.ptid,
            },
            None => thread.ptid,
        }
    }

    /// What a child of this thread inherits now.
    pub(crate) fn inheritance(&mut self, caller: Slot) -> Inheritance {
        let main = self.main_thread(caller);
        let facts = self.thread(main.unwrap_or(caller)).facts.clone();
        let mut caller_facts = self.thread(caller).facts.clone();
        caller_facts.image = self.inherited_image(caller);
        caller_facts.cwd = match main {
            Some(main) => self.thread(main).cwd.clone(),
            None => b"./"[..].into(),
        };
        let fds = self.fd_table_mut(caller).map(FdTable::share).unwrap_or_default();
        let fdlimit = self.thread(main.unwrap_or(caller)).fdlimit;
        let parent = self.published_of(caller).cloned();
        Inheritance { facts, caller: caller_facts, fds, fdlimit, parent }
    }

    /// The image that a new process takes after. Falco keeps the environment with the main thread
    /// only, so that a child of another thread starts without one.
    pub(crate) fn inherited_image(&self, caller: Slot) -> Arc<Image> {
        let thread = self.thread(caller);
        if thread.is_main_thread() || thread.image.env.is_empty() {
            return thread.image.clone();
        }
        let mut image = thread.image.to_changed();
        image.env = Strings::default();
        Arc::new(image)
    }

    // ---- small changes ----------------------------------------------------------------------

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
            self.thread_mut(main).cwd = if text.is_empty() { empty() } else { text[..].into() };
            self.publish_change(main);
        }
        self.path_text = text;
    }
}
