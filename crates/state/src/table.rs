//! Adding and removing threads, and what ties them together: groups, children and reapers.

use rustc_hash::FxHashSet;

use crate::directory::Snapshot;
use crate::flags::thread as flag;
use crate::replica::Change;
use crate::shard::{Shard, Slot};
use crate::thread::{Thread, ThreadRef};

#[derive(Debug, Default)]
pub(crate) struct ThreadGroup {
    pub is_reaper: bool,
    pub alive: u64,
    /// The main thread is first, if it is there.
    pub threads: Vec<ThreadRef>,
}

/// Dead threads in a group, and removed children of a parent, before their references are swept.
const SWEEP: u64 = 11;
/// Threads for which a table may have room without having them.
const SPACIOUS: usize = 4096;
/// Removals that are remembered against late clone events, and for how long.
const RECENT: usize = 8192;
pub(crate) const CLONE_STALE_NS: u64 = 2_000_000_000;

impl Shard {
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
        self.note(Change::Added(tid));
        self.counters.n_added_threads += 1;
        Some(Slot(slot))
    }

    /// Publishes the processes of the initial lists. With several shards, call it for all of them
    /// before [`Self::relate_all`]: a parent that is not published yet counts as unknown.
    fn publish_listed(&mut self) {
        let slots: Vec<u32> = self.by_tid.values().copied().collect();
        for slot in slots.into_iter().map(Slot) {
            let thread = self.thread(slot);
            if thread.is_main_thread() && !thread.is_invalid() && thread.published.is_none() {
                self.publish_new(slot);
            }
        }
    }

    /// Ties the listed threads of all shards together, when all are there: the parent of a process
    /// may be in any of them, and so may the server whose port a connection has.
    pub fn relate_shards(shards: &mut [Self]) {
        let servers: FxHashSet<u16> =
            shards.iter().flat_map(|shard| shard.server_ports.iter().copied()).collect();
        for shard in shards.iter_mut() {
            shard.server_ports.clone_from(&servers);
            shard.publish_listed();
        }
        for shard in shards {
            shard.relate_all();
        }
    }

    /// Takes a listed thread out again, with the file descriptors it was given, to be inserted into
    /// another shard. `None` if there is no such thread.
    pub fn take_listed(&mut self, tid: i64) -> Option<Box<Thread>> {
        let slot = self.by_tid.remove(&tid)?;
        self.free.push(slot);
        self.last = None;
        self.threads[slot as usize].take()
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
        let (tid, pid, ptid) = (thread.tid, thread.pid, thread.ptid);
        let is_main = thread.is_main_thread();
        let is_init = pid == 1 || thread.vpid == 1;
        let reference = ThreadRef { slot: slot.0, serial: thread.serial };
        self.thread_mut(slot).group = Some(pid);
        self.note(Change::Related(tid));
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
        // Guests come and go, each as of its own event.
        if pid != 1 && self.guests.directory.is_none() {
            match self.find(ptid) {
                Some(parent) if !self.thread(parent).is_invalid() => self.add_child(parent, slot),
                // Of another shard, which may not have come that far.
                _ if self.directory.is_some() => {}
                _ => self.thread_mut(slot).ptid = 0,
            }
        }
        if is_main && self.thread(slot).published.is_none() {
            self.publish_new(slot);
        }
    }

    fn add_child(&mut self, parent: Slot, child: Slot) {
        let reference = ThreadRef { slot: child.0, serial: self.thread(child).serial };
        let thread = self.thread_mut(parent);
        thread.children.push(reference);
        // Wraps as in Falco: children of init are taken off without having been added.
        thread.children_alive = thread.children_alive.wrapping_add(1);
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
    pub(crate) fn erase(&mut self, tid: i64) {
        if let Some(slot) = self.by_tid.remove(&tid) {
            let thread = self.threads[slot as usize].take();
            self.free.push(slot);
            self.note(Change::Removed(tid));
            if let (Some(directory), Some(thread)) = (&self.directory, thread)
                && let Some(published) = &thread.published
            {
                directory.remove(published);
            }
            let room = self.by_tid.capacity();
            if room > SPACIOUS && self.by_tid.len() < room / 8 {
                self.by_tid.shrink_to(room / 4);
            }
        }
        self.last = None;
    }

    pub(crate) fn decrement_alive(&mut self, slot: Slot) {
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
        if self.directory.is_some() {
            // Children may be of other shards: what is published of the exit says who has them.
            // If the exit was not published with its event, that was lost: nobody named the reaper.
            self.publish_exit(slot, -1);
            self.thread_mut(slot).children.clear();
            self.thread_mut(slot).children_alive = 0;
        } else if !self.thread(slot).children.is_empty() {
            let reaper = self.choose_reaper(slot);
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
}
