//! Hot thread groups: their state as of any recent event, for other shards.
//!
//! A thread group may make more events than one worker can take. The kernel then spreads those of
//! its records that change no state over other rings. Whoever gets one there, the *guest*, needs
//! the group's threads and files as of the event; the group's own shard, its *home*, publishes
//! them after every event that changes something.
//!
//! # Rules
//!
//! 1. Only the home appends to a history, in the order of sequences.
//! 2. What an event changed holds for later events: a state with sequence `s` is for those after
//!    `s`. The home appends before its worker says that it has taken the event (`progress.rs` of
//!    the engine), so a guest that waits until the home has passed its event finds the right one.
//! 3. States that no guest can ask for any more are dropped; their number is bounded all the same.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use peregrine_event::Record;
use rustc_hash::FxHashMap;

use crate::apply::plan::{changes_state, changes_threads};
use crate::directory::{Directory, Published};
use crate::fdtable::FdTable;
use crate::shard::{Config, Shard};
use crate::thread::{Facts, Thread, Usage};

/// Most states that a history keeps.
const KEPT: usize = 16_384;

/// A thread group from an event on.
#[derive(Debug)]
pub(crate) struct GroupState {
    /// For events after this one.
    sequence: u64,
    /// Main thread first.
    threads: Arc<[(Facts, Usage)]>,
    fds: FdTable,
    fdlimit: i64,
    published: Option<Arc<Published>>,
    /// Entries in the home's list of its threads, to see whether there are new ones.
    listed: usize,
    /// Up to which time stamp its events rest on incomplete state; 0: none do.
    incomplete_until: u64,
}

/// Whether a guest knows the state of its thread group as of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hosted {
    /// It does.
    Whole,
    /// Its home had lost records.
    Incomplete,
    /// It does not.
    Unknown,
}

/// Recent states of a hot thread group.
#[derive(Debug)]
pub struct GroupHistory {
    states: Mutex<VecDeque<Arc<GroupState>>>,
    /// Sequence of the group's last event, once it has ended: its pid may be another's soon.
    end: AtomicU64,
}

impl Default for GroupHistory {
    fn default() -> Self {
        Self { states: Mutex::default(), end: AtomicU64::new(u64::MAX) }
    }
}

impl GroupHistory {
    /// The state that an event finds.
    pub(crate) fn as_of(&self, sequence: u64) -> Option<Arc<GroupState>> {
        // Relaxed: whoever asks has seen that the home is past the event, which orders this too.
        if sequence > self.end.load(Ordering::Relaxed) {
            return None;
        }
        let states = self.states.lock();
        let after = states.partition_point(|state| state.sequence < sequence);
        states.get(after.checked_sub(1)?).cloned()
    }

    fn append(&self, state: GroupState, floor: u64) {
        let mut states = self.states.lock();
        // The newest state below the floor is the one that an event at the floor finds.
        while states.len() > KEPT || states.get(1).is_some_and(|second| second.sequence < floor) {
            states.pop_front();
        }
        states.push_back(Arc::new(state));
    }

    fn newest(&self) -> Option<Arc<GroupState>> {
        self.states.lock().back().cloned()
    }
}

/// The hot thread groups that a shard is home of.
#[derive(Debug, Default)]
pub(crate) struct Hot {
    groups: FxHashMap<i64, Arc<GroupHistory>>,
    /// Up to which time stamp which of them are incomplete.
    pub(crate) incomplete: FxHashMap<i64, u64>,
    /// Every thread group counts as hot.
    all: bool,
}

/// The thread groups that a shard is host of.
#[derive(Debug, Default)]
pub(crate) struct Guests {
    /// The directory of the homes. A guest shard has none of its own: it publishes nothing.
    pub(crate) directory: Option<Arc<Directory>>,
    installed: FxHashMap<i64, Arc<GroupState>>,
}

/// Most thread groups that a shard keeps as guests at once.
const MOST_GUESTS: usize = 1024;

impl Shard {
    /// A shard for guests: it holds copies of thread groups of other shards, for their stateless
    /// events, and publishes nothing.
    pub fn for_guests(config: Config, directory: Arc<Directory>) -> Self {
        let mut shard = Self::new(config, None);
        shard.guests.directory = Some(directory);
        shard
    }

    /// Publishes every thread group of this shard after each of its changes.
    pub fn heat_all(&mut self) {
        self.hot.all = true;
        let pids: Vec<i64> = self.groups.keys().copied().collect();
        for pid in pids {
            self.heat(pid, 0);
        }
    }

    /// Publishes a thread group after each of its changes from now on. `sequence` is that of the
    /// last event that was applied.
    pub fn heat(&mut self, pid: i64, sequence: u64) {
        let Some(directory) = &self.directory else { return };
        if self.groups.contains_key(&pid) && !self.hot.groups.contains_key(&pid) {
            self.hot.groups.insert(pid, directory.add_hot(pid));
            self.append_state(pid, sequence, 0, true);
        }
    }

    /// Ends that. What guests still have to find stays for some time.
    pub fn cool(&mut self, pid: i64) {
        self.hot.incomplete.remove(&pid);
        if let (Some(directory), Some(history)) = (&self.directory, self.hot.groups.remove(&pid)) {
            directory.remove_hot(pid, history);
        }
    }

    /// Whether any thread group of this shard is hot.
    #[inline]
    pub fn has_hot(&self) -> bool {
        self.hot.all || !self.hot.groups.is_empty()
    }

    /// Guests shall mark the events of a thread group of this shard up to a time stamp, and find it
    /// as it is now; nothing if it is not hot.
    pub fn set_incomplete(&mut self, pid: i64, until: u64) {
        if self.hot.groups.contains_key(&pid) {
            self.hot.incomplete.insert(pid, until);
            self.append_state(pid, self.sequence, 0, true);
        }
    }

    /// Thread groups of this shard that are hot.
    pub fn hot_groups(&self) -> impl Iterator<Item = i64> {
        self.hot.groups.keys().copied()
    }

    /// Publishes what the event that was just dealt with changed, if its thread group is hot.
    /// Nobody asks for states before `floor` any more. Says whether the group has ended.
    pub fn publish_hot(&mut self, record: &Record<'_>, sequence: u64, floor: u64) -> bool {
        let pid = i64::from(record.header().tgid);
        if !changes_state(record.code()) {
            return false;
        }
        if !self.hot.groups.contains_key(&pid) {
            if self.hot.all {
                self.heat(pid, sequence);
            }
            return false;
        }
        // What the event ends is gone for those after it.
        self.run_pending(record.ts());
        if !self.groups.contains_key(&pid) {
            if let Some(history) = self.hot.groups.get(&pid) {
                history.end.store(sequence, Ordering::Relaxed);
            }
            self.cool(pid);
            return true;
        }
        self.append_state(pid, sequence, floor, changes_threads(record.code()));
        false
    }

    fn append_state(&mut self, pid: i64, sequence: u64, floor: u64, has_new_threads: bool) {
        let Some(history) = self.hot.groups.get(&pid).cloned() else { return };
        let Some(main) = self.find(pid) else { return };
        let listed = self.groups.get(&pid).map_or(0, |group| group.threads.len());
        let before = history.newest().filter(|b| !has_new_threads && b.listed == listed);
        let threads = match before {
            Some(before) => before.threads.clone(),
            None => self.facts_of_group(pid),
        };
        let fds = self.fd_table_mut(main).map(FdTable::share).unwrap_or_default();
        let thread = self.thread(main);
        let (fdlimit, published) = (thread.fdlimit, thread.published.clone());
        let incomplete_until = self.hot.incomplete.get(&pid).copied().unwrap_or(0);
        let state =
            GroupState { sequence, threads, fds, fdlimit, published, listed, incomplete_until };
        history.append(state, floor);
    }

    fn facts_of_group(&self, pid: i64) -> Arc<[(Facts, Usage)]> {
        let Some(group) = self.groups.get(&pid) else { return Arc::default() };
        let threads = group.threads.iter().filter_map(|reference| self.alive_ref(*reference));
        threads.map(|slot| (self.thread(slot).facts.clone(), self.thread(slot).usage)).collect()
    }

    /// For a guest shard: makes the thread group what it was as of an event of one of its threads;
    /// the thread is unknown if that is not known.
    pub fn host(&mut self, pid: i64, tid: i64, sequence: u64) -> Hosted {
        let hosted = self.install(pid, sequence);
        let owner = self.find(tid).map(|slot| self.thread(slot).pid);
        if hosted != Hosted::Unknown && owner == Some(pid) {
            return hosted;
        }
        // The thread's birth was lost. What is known of its id is of an earlier or later owner.
        if let Some(owner) = owner {
            self.send_away(owner);
        }
        if hosted == Hosted::Unknown { hosted } else { Hosted::Incomplete }
    }

    fn install(&mut self, pid: i64, sequence: u64) -> Hosted {
        let directory = self.guests.directory.as_ref();
        let Some(state) = directory.and_then(|d| d.hot_as_of(pid, sequence)) else {
            return Hosted::Unknown;
        };
        let hosted =
            if sequence <= state.incomplete_until { Hosted::Incomplete } else { Hosted::Whole };
        let before = self.guests.installed.get(&pid);
        if before.is_some_and(|before| Arc::ptr_eq(before, &state)) {
            return hosted;
        }
        let is_same_group = before.is_some_and(|b| Arc::ptr_eq(&b.threads, &state.threads));
        if !is_same_group {
            self.send_away(pid);
            if self.guests.installed.len() >= MOST_GUESTS {
                let all: Vec<i64> = self.guests.installed.keys().copied().collect();
                all.into_iter().for_each(|pid| self.send_away(pid));
            }
            for (facts, usage) in state.threads.iter() {
                let mut thread = Thread::new();
                thread.facts = facts.clone();
                thread.usage = *usage;
                thread.published = (facts.tid == pid).then(|| state.published.clone()).flatten();
                let owner = self.find(facts.tid).map(|slot| self.thread(slot).pid);
                if let Some(owner) = owner.filter(|owner| *owner != pid) {
                    self.send_away(owner);
                }
                if let Some(slot) = self.insert(Box::new(thread)) {
                    // Relating it has not found the parent here.
                    self.thread_mut(slot).facts.ptid = facts.ptid;
                    if self.thread(slot).is_dead() {
                        self.decrement_alive(slot);
                    }
                }
            }
        }
        if let Some(main) = self.find(pid) {
            let thread = self.thread_mut(main);
            thread.fds = state.fds.clone();
            thread.fdlimit = state.fdlimit;
            if let (Some((facts, _)), false) = (state.threads.first(), is_same_group) {
                self.users.need(facts.uid, facts.gid);
            }
        }
        self.guests.installed.insert(pid, state);
        hosted
    }

    /// For a guest shard: forgets a thread that an event of an unknown thread group made.
    pub fn forget_unknown(&mut self, tid: i64) {
        self.erase(tid);
    }

    fn send_away(&mut self, pid: i64) {
        if let Some(state) = self.guests.installed.remove(&pid) {
            for (facts, _) in state.threads.iter() {
                self.erase(facts.tid);
            }
            self.groups.remove(&pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(sequence: u64) -> GroupState {
        GroupState {
            sequence,
            threads: Arc::default(),
            fds: FdTable::default(),
            fdlimit: 0,
            published: None,
            listed: 0,
            incomplete_until: 0,
        }
    }

    #[test]
    fn an_event_finds_what_was_changed_before_it() {
        let history = GroupHistory::default();
        for sequence in [10, 20, 30] {
            history.append(state(sequence), 0);
        }
        let at = |sequence| history.as_of(sequence).map(|state| state.sequence);
        assert_eq!(
            [at(10), at(11), at(20), at(21), at(99)].map(|s| s.unwrap_or(0)),
            [0, 10, 10, 20, 30]
        );
        history.append(state(40), 25);
        assert_eq!((at(11), at(25), at(31), at(41)), (None, Some(20), Some(30), Some(40)));
    }

    #[test]
    fn a_history_is_bounded() {
        let history = GroupHistory::default();
        (0..2 * KEPT as u64).for_each(|sequence| history.append(state(sequence), 0));
        assert!(history.states.lock().len() <= KEPT + 1);
    }
}
