//! The published side of processes, which other shards read.
//!
//! ```text
//! Directory ─ by tid ─► Published (key, history) ─► Snapshot { facts, parent, exit }
//!           └ slots: (child tid, start time) ─► Inheritance, taken once
//! ```
//!
//! Rules:
//! 1. A thread group has one `Published`; only its shard writes it.
//! 2. A snapshot is immutable. Replacing it appends to the history, which is ordered by sequence.
//! 3. A reader asks for the snapshot as of its own event's sequence; the engine's watermark makes
//!    sure that nothing earlier can still be appended.
//! 4. Parents are references: a reused pid is another `Published`.

use std::collections::VecDeque;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::RwLock;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::fdtable::FdTable;
use crate::group::{GroupHistory, GroupState};
use crate::slots::Slots;
use crate::thread::Facts;

/// Names a process for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessKey {
    /// Thread group.
    pub pid: i64,
    /// The kernel's start time, nanoseconds since boot; 0 where the source does not know it.
    pub start_time: u64,
}

/// The end of a process.
#[derive(Debug, Clone)]
pub struct Exit {
    /// Sequence of the exit event; its children belong to the reaper after it.
    pub sequence: u64,
    /// Who takes the children; none if nothing was known of it when this was published.
    pub reaper: Option<Arc<Published>>,
    /// Its pid, as the kernel names it; 0 or below if it does not.
    pub named: i64,
}

/// State of a process's main thread from a sequence on.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// From this event on.
    pub sequence: u64,
    /// What fields print.
    pub facts: Facts,
    /// Parent at birth. None if nothing was known of it then; what is known of it later is found
    /// by [`Facts::ptid`].
    pub parent: Option<Arc<Published>>,
    /// Set once it has ended.
    pub exit: Option<Exit>,
}

/// Snapshots that a reader may still need.
const HISTORY: usize = 32;

/// The published side of one process.
#[derive(Debug)]
pub struct Published {
    key: ProcessKey,
    /// Sequence with which it was published first.
    made: u64,
    /// Sequence from which on its pid is known to have been its own: earlier, if it was not
    /// published at its birth.
    since: u64,
    /// Newest last.
    history: ArcSwap<SmallVec<[Arc<Snapshot>; 2]>>,
}

impl Published {
    fn new(key: ProcessKey, first: Snapshot, since: u64) -> Self {
        let made = first.sequence;
        let history = SmallVec::from_iter([Arc::new(first)]);
        Self { key, made, since, history: ArcSwap::from_pointee(history) }
    }

    /// Its name.
    pub fn key(&self) -> ProcessKey {
        self.key
    }

    /// The newest snapshot.
    pub fn newest(&self) -> Arc<Snapshot> {
        self.history.load().last().expect("a process is published with its first snapshot").clone()
    }

    /// The snapshot that held just before the event with this sequence was applied by its own
    /// shard: the newest that is not later. If all are later, the oldest that is kept.
    pub fn as_of(&self, sequence: u64) -> Arc<Snapshot> {
        let history = self.history.load();
        let found = history.iter().rev().find(|s| s.sequence <= sequence);
        found.or(history.first()).expect("a history is never empty").clone()
    }

    /// Whether it had ended before an event.
    fn has_ended(&self, sequence: u64) -> bool {
        self.newest().exit.as_ref().is_some_and(|exit| exit.sequence < sequence)
    }

    /// Appends a snapshot. Only the shard that owns the process calls this.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        let mut history = (**self.history.load()).clone();
        match history.last_mut() {
            Some(last) if last.sequence == snapshot.sequence => *last = Arc::new(snapshot),
            _ => history.push(Arc::new(snapshot)),
        }
        if history.len() > HISTORY {
            history.remove(0);
        }
        self.history.store(Arc::new(history));
    }

    /// The process itself, or whoever is known by now to have taken its children over.
    pub(crate) fn latest(self: Arc<Self>, sequence: u64) -> Arc<Self> {
        let mut process = self;
        for _ in 0..STEPS {
            let next = match &process.as_of(sequence).exit {
                Some(exit) if exit.sequence < sequence => exit.reaper.clone(),
                _ => None,
            };
            let Some(next) = next else { break };
            process = next;
        }
        process
    }

    /// Lets go of what led further up: a process that ended long ago is only asked who took its
    /// children. Else each generation would keep the one before it, without end.
    fn shorten(&self) {
        let mut last = (*self.newest()).clone();
        last.parent = None;
        self.history.store(Arc::new(SmallVec::from_iter([Arc::new(last)])));
    }
}

impl Drop for Published {
    /// One after the other: a long row of processes that only hold each other would else be dropped
    /// by as deep a recursion.
    fn drop(&mut self) {
        let mut released = Vec::new();
        let release = |history: &ArcSwap<SmallVec<[Arc<Snapshot>; 2]>>, into: &mut Vec<_>| {
            let Some(snapshots) = Arc::into_inner(history.swap(Arc::default())) else { return };
            for snapshot in snapshots.into_iter().filter_map(Arc::into_inner) {
                into.extend(snapshot.parent);
                into.extend(snapshot.exit.and_then(|exit| exit.reaper));
            }
        };
        release(&self.history, &mut released);
        while let Some(process) = released.pop() {
            if let Some(process) = Arc::into_inner(process) {
                release(&process.history, &mut released);
            }
        }
    }
}

/// Steps from a process to who took its children over. Every step is a process that ended before;
/// the bound only guards against a broken input.
const STEPS: usize = 64;

/// What a child inherits at its fork, as of exactly then.
#[derive(Debug, Clone)]
pub struct Inheritance {
    /// Facts of the forking thread's process.
    pub facts: Facts,
    /// Facts of the forking thread itself.
    pub caller: Facts,
    /// Its file descriptors, shared.
    pub fds: FdTable,
    /// Largest number of open files.
    pub fdlimit: i64,
    /// The parent's published side.
    pub parent: Option<Arc<Published>>,
}

const STRIPES: usize = 64;
/// Ended processes that a stripe keeps for readers who are behind.
const ENDED: usize = 32;
/// Entries for which a map may have room without having them.
const SPACIOUS: usize = 256;

#[derive(Debug, Default)]
struct Stripe {
    by_pid: FxHashMap<i64, Arc<Published>>,
    /// Oldest first.
    ended: VecDeque<Arc<Published>>,
}

impl Stripe {
    fn keep(&mut self, published: Arc<Published>) {
        if self.ended.len() == ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            oldest.shorten();
        }
        self.ended.push_back(published);
    }

    fn shrink(&mut self) {
        if self.by_pid.capacity() > SPACIOUS && self.by_pid.len() < self.by_pid.capacity() / 8 {
            self.by_pid.shrink_to(2 * self.by_pid.len());
        }
    }
}

/// Histories of cooled thread groups that are kept for guests who are behind.
const COOLED: usize = 64;

#[derive(Debug, Default)]
struct HotGroups {
    by_pid: FxHashMap<i64, Arc<GroupHistory>>,
    /// Oldest first.
    cooled: VecDeque<(i64, Arc<GroupHistory>)>,
}

/// Published processes and inheritance slots. Shared by all shards; locks are striped and held
/// for a lookup only.
#[derive(Debug)]
pub struct Directory {
    stripes: Vec<RwLock<Stripe>>,
    hot: RwLock<HotGroups>,
    slots: Slots<Inheritance>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| RwLock::default()).collect(),
            hot: RwLock::default(),
            slots: Slots::new(STRIPES),
        }
    }
}

fn stripe(id: i64) -> usize {
    id.rem_euclid(STRIPES as i64) as usize
}

impl Directory {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// The newest process with this pid, running or just ended.
    pub fn find(&self, pid: i64) -> Option<Arc<Published>> {
        self.stripes[stripe(pid)].read().by_pid.get(&pid).cloned()
    }

    /// The process that had this pid as of a sequence: it had begun, and had not ended before. One
    /// that has ended since is found for some time.
    pub fn find_as_of(&self, pid: i64, sequence: u64) -> Option<Arc<Published>> {
        self.find_past(pid, sequence, sequence)
    }

    /// The process that had this pid as of an earlier sequence, as far as it is known now.
    fn find_past(&self, pid: i64, past: u64, now: u64) -> Option<Arc<Published>> {
        let stripe = self.stripes[stripe(pid)].read();
        let newest = stripe.by_pid.get(&pid);
        let ended = stripe.ended.iter().rev().filter(|p| p.key.pid == pid);
        let mut all = newest.into_iter().chain(ended);
        let found = all.find(|p| p.since <= past && p.made <= now)?;
        (!found.has_ended(past)).then(|| found.clone())
    }

    /// The parent of a process as of a sequence: the one at birth or, after that has ended, its
    /// reaper, and so on. `None` if it is unknown or nobody took the process over.
    /// `look` is told of every process that was looked at, known or not.
    pub fn parent(
        &self,
        of: &Published,
        sequence: u64,
        mut look: impl FnMut(i64),
    ) -> Option<Arc<Published>> {
        let mut process = self.first_parent(of, sequence, &mut look)?;
        for _ in 0..STEPS {
            look(process.key.pid);
            let exit = match &process.as_of(sequence).exit {
                Some(exit) if exit.sequence < sequence => exit.clone(),
                _ => return Some(process),
            };
            let named = || {
                (exit.named > 0).then(|| look(exit.named))?;
                self.find_past(exit.named, exit.sequence, sequence)
            };
            let next = exit.reaper.clone().or_else(named);
            process = match next {
                Some(next) => next,
                None => self.first_parent(&process, sequence, &mut look)?,
            };
        }
        None
    }

    /// The parent at birth.
    fn first_parent(
        &self,
        of: &Published,
        sequence: u64,
        mut look: impl FnMut(i64),
    ) -> Option<Arc<Published>> {
        let snapshot = of.as_of(sequence);
        if let Some(parent) = &snapshot.parent {
            return Some(parent.clone());
        }
        // Its birth was lost, or that of its parent.
        let ptid = snapshot.facts.ptid;
        (ptid > 0).then(|| look(ptid))?;
        self.find_past(ptid, of.made, sequence)
    }

    /// Number of processes.
    pub fn len(&self) -> usize {
        self.stripes.iter().map(|s| s.read().by_pid.len()).sum()
    }

    /// Whether nothing is published.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of inheritances that no child has taken yet.
    pub fn waiting_inheritances(&self) -> usize {
        self.slots.waiting()
    }

    /// Adds a process: with `is_born` it begins now, else it has been there since its pid was
    /// another's.
    pub(crate) fn add(&self, key: ProcessKey, first: Snapshot, is_born: bool) -> Arc<Published> {
        let mut stripe = self.stripes[stripe(key.pid)].write();
        let since = if is_born {
            first.sequence
        } else {
            let ended = stripe.ended.iter().rev().find(|p| p.key.pid == key.pid);
            let before = stripe.by_pid.get(&key.pid).or(ended).map(|p| p.newest());
            before.map_or(0, |newest| newest.exit.as_ref().map_or(first.sequence, |e| e.sequence))
        };
        let published = Arc::new(Published::new(key, first, since));
        if let Some(before) = stripe.by_pid.insert(key.pid, published.clone()) {
            stripe.keep(before);
        }
        published
    }

    /// Forgets a process that has ended, unless its pid belongs to another one by now. Who holds a
    /// reference can still read it, and for some time who asks for it as of before.
    pub(crate) fn remove(&self, published: &Arc<Published>) {
        let pid = published.key.pid;
        let mut stripe = self.stripes[stripe(pid)].write();
        if stripe.by_pid.get(&pid).is_some_and(|p| Arc::ptr_eq(p, published)) {
            stripe.by_pid.remove(&pid);
            stripe.keep(published.clone());
        }
    }

    /// Lets go of processes that ended before `sequence`, for which no reader can ask any more:
    /// after a burst of processes with long arguments they would keep many megabytes.
    pub fn forget_ended(&self, sequence: u64) {
        let is_old = |process: &Arc<Published>| {
            let last = process.newest();
            last.exit.as_ref().map_or(last.sequence, |exit| exit.sequence) < sequence
        };
        for stripe in &self.stripes {
            // Mostly there is nothing to do, which takes no lock that others would notice.
            if !stripe.read().ended.front().is_some_and(is_old) {
                continue;
            }
            let mut stripe = stripe.write();
            let old = stripe.ended.iter().take_while(|process| is_old(process)).count();
            let old: Vec<_> = stripe.ended.drain(..old).collect();
            stripe.shrink();
            drop(stripe);
            old.iter().for_each(|process| process.shorten());
        }
    }

    /// Lets go of inheritances, and of refusals of some, that were there when this was last called:
    /// the births were lost.
    pub fn forget_unclaimed(&self) {
        self.slots.sweep();
    }

    /// What an event finds of a hot thread group, also for some time after that has cooled.
    pub(crate) fn hot_as_of(&self, pid: i64, sequence: u64) -> Option<Arc<GroupState>> {
        let hot = self.hot.read();
        let cooled = hot.cooled.iter().rev().filter(|(p, _)| *p == pid).map(|(_, h)| h);
        hot.by_pid.get(&pid).into_iter().chain(cooled).find_map(|history| history.as_of(sequence))
    }

    pub(crate) fn add_hot(&self, pid: i64) -> Arc<GroupHistory> {
        let history = Arc::<GroupHistory>::default();
        self.hot.write().by_pid.insert(pid, history.clone());
        history
    }

    pub(crate) fn remove_hot(&self, pid: i64, history: Arc<GroupHistory>) {
        let mut hot = self.hot.write();
        hot.by_pid.remove(&pid);
        if hot.cooled.len() == COOLED {
            hot.cooled.pop_front();
        }
        hot.cooled.push_back((pid, history));
    }

    /// Leaves what a child inherits; dropped if the child went ahead without. A second one for the
    /// same child replaces the first.
    pub fn leave(&self, child_tid: i64, start_time: u64, inheritance: Inheritance) {
        self.slots.leave(child_tid, start_time, inheritance);
    }

    /// Takes what a child inherits, if its parent's shard has been there.
    pub fn take(&self, child_tid: i64, start_time: u64) -> Option<Box<Inheritance>> {
        self.slots.take(child_tid, start_time)
    }

    /// Whether [`Self::take`] would give something.
    pub fn is_left(&self, child_tid: i64, start_time: u64) -> bool {
        self.slots.is_left(child_tid, start_time)
    }

    /// As [`Self::take`]; if there is nothing, what comes later is not wanted any more.
    pub fn take_or_decline(&self, child_tid: i64, start_time: u64) -> Option<Box<Inheritance>> {
        self.slots.take_or_decline(child_tid, start_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::WAITING;

    fn snapshot(sequence: u64, uid: u32) -> Snapshot {
        let facts = Facts { uid, ..Facts::default() };
        Snapshot { sequence, facts, parent: None, exit: None }
    }

    #[test]
    fn readers_see_the_state_as_of_their_event() {
        let directory = Directory::new();
        let key = ProcessKey { pid: 5, start_time: 1 };
        let p = directory.add(key, snapshot(10, 1), true);
        p.publish(snapshot(20, 2));
        p.publish(snapshot(20, 3));
        assert_eq!(p.as_of(5).facts.uid, 1);
        assert_eq!(p.as_of(19).facts.uid, 1);
        assert_eq!(p.as_of(20).facts.uid, 3);
        assert_eq!(p.newest().facts.uid, 3);
        let again = directory.add(ProcessKey { pid: 5, start_time: 2 }, snapshot(30, 9), true);
        directory.remove(&p);
        assert!(Arc::ptr_eq(&directory.find(5).unwrap(), &again));
        let exit = Some(Exit { sequence: 40, reaper: None, named: 0 });
        again.publish(Snapshot { exit, ..snapshot(40, 9) });
        directory.remove(&again);
        assert!(directory.is_empty());
        let at = |sequence| directory.find_as_of(5, sequence).map(|p| p.key().start_time);
        assert_eq!(at(15), Some(1));
        assert_eq!((at(5), at(35), at(40), at(41)), (None, Some(2), Some(2), None));
        // The first has no exit of its own: its pid was given to the second.
        directory.forget_ended(20);
        assert_eq!((at(15), at(35)), (Some(1), Some(2)));
        directory.forget_ended(40);
        assert_eq!((at(15), at(35)), (None, Some(2)));
        let weak = Arc::downgrade(&again);
        drop(again);
        directory.forget_ended(41);
        assert_eq!((at(35), weak.strong_count()), (None, 0));
    }

    #[test]
    fn children_of_the_dead_follow_the_reaper() {
        let directory = Directory::new();
        let at = |pid| ProcessKey { pid, start_time: 0 };
        let init = directory.add(at(1), snapshot(0, 0), true);
        let parent = directory.add(at(2), snapshot(0, 0), true);
        let first = Snapshot { parent: Some(parent.clone()), ..snapshot(5, 0) };
        let child = directory.add(at(3), first, true);
        let exit = Some(Exit { sequence: 10, reaper: Some(init.clone()), named: 1 });
        parent.publish(Snapshot { exit, ..snapshot(10, 0) });
        assert!(Arc::ptr_eq(&directory.parent(&child, 10, |_| ()).unwrap(), &parent));
        let mut looks = Vec::new();
        assert!(Arc::ptr_eq(&directory.parent(&child, 11, |pid| looks.push(pid)).unwrap(), &init));
        assert_eq!(looks, [2, 1]);
    }

    /// Each generation forks and ends, for as long as somebody likes.
    #[test]
    fn generations_do_not_hold_each_other() {
        let count = |mut process: Option<Arc<Published>>| {
            let mut n = 0;
            while let Some(p) = process {
                process = p.newest().parent.clone();
                n += 1;
            }
            n
        };
        let run = move || {
            let directory = Directory::new();
            let init = directory.add(ProcessKey { pid: 1, start_time: 0 }, snapshot(0, 0), true);
            let mut parent = init.clone();
            for n in 2..20_000 {
                let key = ProcessKey { pid: n, start_time: n as u64 };
                let first = Snapshot { parent: Some(parent.clone()), ..snapshot(n as u64, 0) };
                let child = directory.add(key, first, true);
                let exit = Some(Exit { sequence: n as u64, reaper: Some(init.clone()), named: 1 });
                parent.publish(Snapshot { exit, ..(*parent.newest()).clone() });
                directory.remove(&parent);
                parent = child;
            }
            assert!(count(Some(parent)) <= STRIPES * ENDED + 2);
        };
        let small = std::thread::Builder::new().stack_size(128 << 10);
        small.spawn(run).unwrap().join().unwrap();
        // However such a row came to be, letting go of it takes no stack.
        let row = || {
            let mut last = None;
            for n in 0..200_000 {
                let first = Snapshot { parent: last.take(), ..snapshot(n, 0) };
                let key = ProcessKey { pid: n as i64, start_time: 0 };
                last = Some(Arc::new(Published::new(key, first, 0)));
            }
        };
        let small = std::thread::Builder::new().stack_size(128 << 10);
        small.spawn(row).unwrap().join().unwrap();
    }

    #[test]
    fn an_inheritance_is_taken_once() {
        let directory = Directory::new();
        assert!(directory.take(7, 1).is_none());
        let inheritance = Inheritance {
            facts: Facts::default(),
            caller: Facts::default(),
            fds: FdTable::default(),
            fdlimit: 0,
            parent: None,
        };
        directory.leave(7, 1, inheritance);
        assert!(directory.take(7, 2).is_none());
        assert!(directory.take(7, 1).is_some());
        assert_eq!(directory.waiting_inheritances(), 0);
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_what_was_declined_dropped() {
        let directory = Directory::new();
        let inheritance = || Inheritance {
            facts: Facts::default(),
            caller: Facts::default(),
            fds: FdTable::default(),
            fdlimit: 0,
            parent: None,
        };
        assert!(directory.take_or_decline(7, 1).is_none());
        directory.leave(7, 1, inheritance());
        assert_eq!(directory.waiting_inheritances(), 0);
        for n in 0..3 * WAITING as u64 {
            directory.leave(7, n, inheritance());
        }
        assert_eq!(directory.waiting_inheritances(), WAITING);
        assert!(directory.take(7, 0).is_none());
        assert!(directory.take(7, 3 * WAITING as u64 - 1).is_some());

        // Those that were there at the last sweep go, younger ones stay.
        directory.leave(8, 1, inheritance());
        directory.forget_unclaimed();
        directory.leave(8, 2, inheritance());
        assert!(directory.take_or_decline(8, 3).is_none());
        directory.forget_unclaimed();
        assert_eq!(directory.waiting_inheritances(), 1);
        directory.leave(8, 3, inheritance());
        assert!(directory.take(8, 3).is_none(), "it was declined");
        assert!(directory.take(8, 2).is_some());
        directory.forget_unclaimed();
        assert_eq!(directory.waiting_inheritances(), 0);
    }
}
