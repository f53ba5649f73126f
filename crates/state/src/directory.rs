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
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::fdtable::FdTable;
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
    /// Who takes the children; none if nobody is known.
    pub reaper: Option<Arc<Published>>,
}

/// State of a process's main thread from a sequence on.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// From this event on.
    pub sequence: u64,
    /// What fields print.
    pub facts: Facts,
    /// Parent at birth.
    pub parent: Option<Arc<Published>>,
    /// Set once it has ended.
    pub exit: Option<Exit>,
}

/// Snapshots that a reader may still need.
const HISTORY: usize = 16;

/// The published side of one process.
#[derive(Debug)]
pub struct Published {
    key: ProcessKey,
    /// Newest last.
    history: ArcSwap<SmallVec<[Arc<Snapshot>; 2]>>,
}

impl Published {
    fn new(key: ProcessKey, first: Snapshot) -> Self {
        let history = SmallVec::from_iter([Arc::new(first)]);
        Self { key, history: ArcSwap::from_pointee(history) }
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

    /// The parent as of a sequence: the one at birth or, after that has ended, its reaper, and so
    /// on. `None` if it is unknown or nobody took the process over.
    pub fn parent(&self, sequence: u64) -> Option<Arc<Published>> {
        live(self.as_of(sequence).parent.clone()?, sequence)
    }
}

/// The process itself, or whoever took its children over before `sequence`.
pub(crate) fn live(mut process: Arc<Published>, sequence: u64) -> Option<Arc<Published>> {
    // Every step is a process that ended before; the bound only guards against a broken input.
    for _ in 0..64 {
        let next = match &process.as_of(sequence).exit {
            Some(exit) if exit.sequence < sequence => exit.reaper.clone()?,
            _ => return Some(process),
        };
        process = next;
    }
    None
}

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
/// Inheritances that a stripe keeps for children whose birth record was lost.
const WAITING: usize = 1024;

/// Child's tid and start time.
type SlotKey = (i64, u64);

#[derive(Debug, Default)]
struct Slots {
    /// `None`: the child went ahead without.
    by_child: FxHashMap<SlotKey, Option<Box<Inheritance>>>,
    /// Oldest first; may name slots that are gone.
    order: VecDeque<SlotKey>,
}

impl Slots {
    fn put(&mut self, key: SlotKey, value: Option<Box<Inheritance>>) {
        self.by_child.insert(key, value);
        self.order.push_back(key);
        while let Some(oldest) = self.order.front() {
            if self.by_child.len() > WAITING {
                self.by_child.remove(oldest);
            } else if self.by_child.contains_key(oldest) {
                break;
            }
            self.order.pop_front();
        }
    }
}

/// Published processes and inheritance slots. Shared by all shards; locks are striped and held
/// for a lookup only.
#[derive(Debug)]
pub struct Directory {
    by_pid: Vec<RwLock<FxHashMap<i64, Arc<Published>>>>,
    slots: Vec<Mutex<Slots>>,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            by_pid: (0..STRIPES).map(|_| RwLock::default()).collect(),
            slots: (0..STRIPES).map(|_| Mutex::default()).collect(),
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
        self.by_pid[stripe(pid)].read().get(&pid).cloned()
    }

    /// Number of processes.
    pub fn len(&self) -> usize {
        self.by_pid.iter().map(|s| s.read().len()).sum()
    }

    /// Whether nothing is published.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of inheritances that no child has taken yet.
    pub fn waiting_inheritances(&self) -> usize {
        let waiting = |s: &Mutex<Slots>| s.lock().by_child.values().flatten().count();
        self.slots.iter().map(waiting).sum()
    }

    pub(crate) fn add(&self, key: ProcessKey, first: Snapshot) -> Arc<Published> {
        let published = Arc::new(Published::new(key, first));
        self.by_pid[stripe(key.pid)].write().insert(key.pid, published.clone());
        published
    }

    /// Forgets a process that has ended, unless its pid belongs to another one by now. Who holds a
    /// reference can still read it.
    pub(crate) fn remove(&self, published: &Arc<Published>) {
        let pid = published.key.pid;
        let mut stripe = self.by_pid[stripe(pid)].write();
        if stripe.get(&pid).is_some_and(|p| Arc::ptr_eq(p, published)) {
            stripe.remove(&pid);
        }
    }

    /// Leaves what a child inherits; dropped if the child went ahead without. A second one for the
    /// same child replaces the first.
    pub fn leave(&self, child_tid: i64, start_time: u64, inheritance: Inheritance) {
        let key = (child_tid, start_time);
        let mut slots = self.slots[stripe(child_tid)].lock();
        if let Some(None) = slots.by_child.get(&key) {
            slots.by_child.remove(&key);
        } else {
            slots.put(key, Some(Box::new(inheritance)));
        }
    }

    /// Takes what a child inherits, if its parent's shard has been there.
    pub fn take(&self, child_tid: i64, start_time: u64) -> Option<Box<Inheritance>> {
        let mut slots = self.slots[stripe(child_tid)].lock();
        slots.by_child.remove(&(child_tid, start_time))?
    }

    /// Whether [`Self::take`] would give something.
    pub fn is_left(&self, child_tid: i64, start_time: u64) -> bool {
        let slots = self.slots[stripe(child_tid)].lock();
        matches!(slots.by_child.get(&(child_tid, start_time)), Some(Some(_)))
    }

    /// As [`Self::take`]; if there is nothing, what comes later is not wanted any more.
    pub fn take_or_decline(&self, child_tid: i64, start_time: u64) -> Option<Box<Inheritance>> {
        let key = (child_tid, start_time);
        let mut slots = self.slots[stripe(child_tid)].lock();
        match slots.by_child.remove(&key) {
            Some(left) => left,
            None => {
                slots.put(key, None);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(sequence: u64, uid: u32) -> Snapshot {
        let facts = Facts { uid, ..Facts::default() };
        Snapshot { sequence, facts, parent: None, exit: None }
    }

    #[test]
    fn readers_see_the_state_as_of_their_event() {
        let directory = Directory::new();
        let key = ProcessKey { pid: 5, start_time: 1 };
        let p = directory.add(key, snapshot(10, 1));
        p.publish(snapshot(20, 2));
        p.publish(snapshot(20, 3));
        assert_eq!(p.as_of(5).facts.uid, 1);
        assert_eq!(p.as_of(19).facts.uid, 1);
        assert_eq!(p.as_of(20).facts.uid, 3);
        assert_eq!(p.newest().facts.uid, 3);
        let again = directory.add(ProcessKey { pid: 5, start_time: 2 }, snapshot(30, 9));
        directory.remove(&p);
        assert!(Arc::ptr_eq(&directory.find(5).unwrap(), &again));
        directory.remove(&again);
        assert!(directory.is_empty());
    }

    #[test]
    fn children_of_the_dead_follow_the_reaper() {
        let directory = Directory::new();
        let at = |pid| ProcessKey { pid, start_time: 0 };
        let init = directory.add(at(1), snapshot(0, 0));
        let parent = directory.add(at(2), snapshot(0, 0));
        let first = Snapshot { parent: Some(parent.clone()), ..snapshot(5, 0) };
        let child = directory.add(at(3), first);
        let exit = Some(Exit { sequence: 10, reaper: Some(init.clone()) });
        parent.publish(Snapshot { exit, ..snapshot(10, 0) });
        assert!(Arc::ptr_eq(&child.parent(10).unwrap(), &parent));
        assert!(Arc::ptr_eq(&child.parent(11).unwrap(), &init));
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
    }
}
