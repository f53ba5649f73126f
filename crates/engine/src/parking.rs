//! Parking: records of a process that must wait for another worker.
//!
//! Two things are waited for ([`Awaited`]). A *birth* waits until the parent's worker has left what
//! the child inherits. An *event* that has been applied waits for its rules when they read the
//! state of another thread group that is not known to be complete as of the event.
//! The waiting record and all that follow in the same thread group are copied here, in order; other
//! thread groups go on. Waiting only points to smaller sequences, so it cannot cycle
//! (`progress.rs` has the argument).
//!
//! A birth whose marker was lost goes on as soon as everything before it is known to be applied
//! everywhere: the marker is before it, so none will come.
//!
//! Waiting is bounded. An event waits for [`Bounds::time`], a birth for [`PATIENCE`] times that: it
//! waits for workers that are behind, not for something that may be missing. After the bound, or
//! when too many bytes are parked, the records are applied with the best known state, and that is
//! counted and marked on their alerts.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use peregrine_state::pending::Held;
use peregrine_state::{Looks, Subject};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::progress::class;
use crate::sync::CLASSES;

/// Bounds of parking.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Longest time an event waits for other workers; a birth waits longer, see [`PATIENCE`].
    pub time: Duration,
    /// Most bytes parked at once by one worker.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { time: Duration::from_millis(250), bytes: 64 << 20 }
    }
}

/// Bounds of time after which a birth waits no longer for other workers.
pub const PATIENCE: u32 = 240;
/// Looks for overdue thread groups in one bound of time: each walks all that wait.
const LOOKS: u32 = 16;
/// Thread groups that are found to wait before a look for some that do not gives up, and how often
/// it does not give up.
const MISSES: usize = 32;
const FULL_EVERY: Duration = Duration::from_millis(2);

/// What the first of the parked records of a thread group waits for.
#[derive(Debug)]
pub enum Awaited {
    /// What a child inherits. Its birth was not applied yet.
    Inheritance {
        /// The child.
        child_tid: i64,
        /// Its start time.
        start_time: u64,
        /// Time stamp of the birth.
        birth_ts: u64,
    },
    /// The end of the thread that had a thread's id before: it is of another thread group of the
    /// same worker, which is parked. The record was not applied yet.
    Former {
        /// Time stamp of the record.
        sequence: u64,
        /// The thread group.
        tgid: u32,
    },
    /// The state of others as of an event. The event was applied, its rules were not tried.
    Others {
        /// The event.
        sequence: u64,
        /// What it is about.
        subject: Subject,
        /// What it ends.
        held: Held,
        /// Whose state is awaited.
        looks: Looks,
    },
    /// The state of a thread group of another worker, one of whose stateless events this is, and
    /// of whom else its rules read.
    Home {
        /// The event. It was not applied.
        sequence: u64,
        /// Whose state is awaited.
        looks: Looks,
    },
}

impl Awaited {
    /// Whether this worker is home of the thread group. What guests have parked changes no state,
    /// so nobody waits for it.
    fn is_at_home(&self) -> bool {
        !matches!(self, Awaited::Home { .. })
    }

    /// Sequence of the record that waits.
    pub fn sequence(&self) -> u64 {
        match self {
            Awaited::Inheritance { birth_ts, .. } => *birth_ts,
            Awaited::Former { sequence, .. }
            | Awaited::Others { sequence, .. }
            | Awaited::Home { sequence, .. } => *sequence,
        }
    }
}

/// Copies of records, oldest first.
#[derive(Debug, Default)]
pub struct Records {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// How many have been taken.
    taken: usize,
}

impl Records {
    /// Them in order, as far as they have not been taken.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (self.taken..self.ends.len()).map(|index| self.get(index))
    }

    /// The next one, which is taken then.
    pub fn take_next(&mut self) -> Option<&[u8]> {
        let index = self.taken;
        (index < self.ends.len()).then(|| {
            self.taken += 1;
            self.get(index)
        })
    }

    /// Makes the one that was taken last the next one again.
    pub fn put_back(&mut self) {
        self.taken = self.taken.saturating_sub(1);
    }

    /// Lets go of what was taken, once that is most of all.
    fn shrink(&mut self) {
        if self.taken <= self.ends.len() / 2 {
            return;
        }
        let start = self.ends[self.taken - 1];
        self.bytes.drain(..start);
        self.ends.drain(..self.taken);
        self.ends.iter_mut().for_each(|end| *end -= start);
        self.taken = 0;
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    fn len(&self) -> usize {
        self.ends.len() - self.taken
    }

    fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }
}

/// A thread group that waits.
#[derive(Debug)]
pub struct Parked {
    /// What its first record waits for.
    pub awaited: Awaited,
    /// That record and all behind it.
    pub records: Records,
    since: Instant,
}

impl Parked {
    /// How long the first record has waited.
    pub fn waited(&self) -> Duration {
        self.since.elapsed()
    }
}

/// The parked thread groups of one worker.
#[derive(Debug)]
pub struct Parking {
    bounds: Bounds,
    groups: FxHashMap<u32, Parked>,
    /// All thread groups by the sequence that waits.
    order: BTreeSet<(u64, u32)>,
    /// The sequences that wait, by class of thread groups; without those of guests.
    classes: Box<[SmallVec<[u64; 1]>]>,
    last_full: Instant,
    last_look: Instant,
    bytes: usize,
    records: usize,
}

impl Parking {
    /// Nothing parked.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            groups: FxHashMap::default(),
            order: BTreeSet::new(),
            classes: vec![SmallVec::new(); CLASSES].into(),
            last_full: Instant::now(),
            last_look: Instant::now(),
            bytes: 0,
            records: 0,
        }
    }

    /// Whether records of this thread group wait.
    #[inline]
    pub fn holds(&self, tgid: u32) -> bool {
        !self.groups.is_empty() && self.groups.contains_key(&tgid)
    }

    /// Records parked.
    pub fn records(&self) -> usize {
        self.records
    }

    /// Whether nothing is parked.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Parks the first record of a thread group that must wait.
    pub fn begin(&mut self, tgid: u32, awaited: Awaited, first: &[u8]) {
        self.put_back(tgid, awaited, Records::default());
        self.push(tgid, first);
    }

    /// Parks what is left of the records of a thread group that was taken, once more.
    pub fn put_back(&mut self, tgid: u32, awaited: Awaited, mut records: Records) {
        records.shrink();
        self.bytes += records.bytes.len();
        self.records += records.len();
        let sequence = awaited.sequence();
        self.order.insert((sequence, tgid));
        if awaited.is_at_home() {
            self.classes[class(tgid.into())].push(sequence);
        }
        let parked = Parked { awaited, records, since: Instant::now() };
        self.groups.insert(tgid, parked);
    }

    /// Copies a record behind the others of its thread group.
    pub fn push(&mut self, tgid: u32, record: &[u8]) {
        if let Some(parked) = self.groups.get_mut(&tgid) {
            parked.records.push(record);
            self.bytes += record.len();
            self.records += 1;
        }
    }

    /// How many thread groups that still wait [`Self::ready`] may come across: what is oldest goes
    /// on first, so mostly only the beginning is looked at.
    pub fn misses(&mut self) -> usize {
        if self.last_full.elapsed() <= FULL_EVERY {
            return MISSES;
        }
        self.last_full = Instant::now();
        usize::MAX
    }

    /// Thread groups whose wait `is_over`, in the order of sequences; the look ends after so many
    /// `misses`.
    pub fn ready(&self, misses: usize, is_over: impl Fn(u32, &Awaited) -> bool) -> Vec<u32> {
        let mut left = misses;
        let mut ready = Vec::new();
        for (_, tgid) in &self.order {
            match self.groups.get(tgid) {
                Some(parked) if is_over(*tgid, &parked.awaited) => ready.push(*tgid),
                _ => left -= 1,
            }
            if left == 0 {
                break;
            }
        }
        ready
    }

    /// Thread groups that may wait no longer, in the order of sequences: those that have waited for
    /// too long, and the oldest until no more waits than may. Looks only now and then, unless too
    /// much waits.
    pub fn overdue(&mut self) -> Vec<u32> {
        let now = Instant::now();
        let is_crowded = self.bytes > self.bounds.bytes;
        if !is_crowded && now - self.last_look < self.bounds.time / LOOKS {
            return Vec::new();
        }
        self.last_look = now;
        let Self { bounds, groups, order, .. } = self;
        let is_late = |parked: &Parked| {
            let bound = match &parked.awaited {
                Awaited::Inheritance { .. } => bounds.time * PATIENCE,
                _ => bounds.time,
            };
            now - parked.since > bound
        };
        let mut bytes = self.bytes;
        let mut overdue = Vec::new();
        for (_, tgid) in order.iter() {
            let Some(parked) = groups.get(tgid) else { continue };
            if is_late(parked) || bytes > bounds.bytes {
                bytes -= parked.records.bytes.len();
                overdue.push(*tgid);
            }
        }
        overdue
    }

    /// Sequence of the oldest record that waits; `u64::MAX` if none does.
    pub fn oldest(&self) -> u64 {
        self.order.first().map_or(u64::MAX, |(sequence, _)| *sequence)
    }

    /// The same of the thread groups of a class that this worker is home of.
    pub fn oldest_of(&self, class: usize) -> u64 {
        self.classes[class].iter().copied().min().unwrap_or(u64::MAX)
    }

    /// All thread groups, the one that waits for the smallest sequence first.
    pub fn groups(&self) -> Vec<u32> {
        self.order.iter().map(|(_, tgid)| *tgid).collect()
    }

    /// Takes all records of a thread group.
    pub fn take(&mut self, tgid: u32) -> Option<Parked> {
        let parked = self.groups.remove(&tgid)?;
        let sequence = parked.awaited.sequence();
        self.order.remove(&(sequence, tgid));
        let of_class = &mut self.classes[class(tgid.into())];
        if parked.awaited.is_at_home()
            && let Some(at) = of_class.iter().position(|other| *other == sequence)
        {
            of_class.swap_remove(at);
        }
        self.bytes -= parked.records.bytes.len();
        self.records -= parked.records.len();
        Some(parked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn birth(tid: i64, birth_ts: u64) -> Awaited {
        Awaited::Inheritance { child_tid: tid, start_time: 1, birth_ts }
    }

    #[test]
    fn records_come_back_in_order_and_are_accounted_for() {
        let mut parking = Parking::new(Bounds { time: Duration::from_secs(60), bytes: 10 });
        parking.begin(7, birth(7, 120), b"birth");
        parking.begin(8, birth(8, 100), b"x");
        parking.push(7, b"exec");
        assert!(parking.holds(7) && !parking.holds(9));
        assert_eq!(parking.records(), 3);
        assert_eq!(parking.oldest(), 100);
        assert!(parking.overdue().is_empty());
        parking.push(8, b"more");
        assert_eq!(parking.overdue(), [8], "14 bytes are over the bound of 10, 9 are not");
        let parked = parking.take(7).unwrap();
        assert_eq!(parked.records.iter().collect::<Vec<_>>(), [&b"birth"[..], b"exec"]);
        assert_eq!(parking.records(), 2);
        assert!(parking.take(7).is_none());
        assert_eq!((parking.oldest(), parking.groups()), (100, vec![8]));
        parking.take(8);
        assert!(parking.is_empty() && parking.ready(9, |_, _| true).is_empty());
    }

    #[test]
    fn what_may_go_on_comes_in_the_order_of_sequences() {
        let mut parking = Parking::new(Bounds::default());
        let others = |sequence| Awaited::Former { sequence, tgid: 1 };
        parking.begin(5, others(30), b"x");
        parking.begin(6, others(10), b"x");
        parking.begin(7, birth(7, 20), b"x");
        assert_eq!(parking.ready(9, |_, _| true), [6, 7, 5]);
        assert_eq!(parking.ready(1, |tgid, _| tgid == 7), [0; 0], "given up after the first");
        assert_eq!(parking.ready(9, |_, awaited| awaited.sequence() > 10), [7, 5]);
        assert_eq!((parking.oldest_of(class(6)), parking.oldest_of(class(8))), (10, u64::MAX));
        let parked = parking.take(6).unwrap();
        assert_eq!(parking.oldest_of(class(6)), u64::MAX);
        parking.put_back(6, birth(6, 40), parked.records);
        assert_eq!(parking.groups(), [7, 5, 6]);
        assert_eq!((parking.oldest(), parking.oldest_of(class(6))), (20, 40));
    }

    /// Breaks if somebody waits for the records of a guest, which change nothing here.
    #[test]
    fn what_guests_have_parked_is_not_waited_for() {
        let mut parking = Parking::new(Bounds::default());
        let guest = |sequence| Awaited::Home { sequence, looks: Looks::of(1) };
        parking.begin(6, guest(10), b"x");
        parking.begin(6 + CLASSES as u32, birth(6 + CLASSES as i64, 10), b"x");
        assert_eq!((parking.oldest(), parking.oldest_of(class(6))), (10, 10));
        // Taking one of two with the same sequence must not take the other's mark.
        let parked = parking.take(6).unwrap();
        assert_eq!(parking.oldest_of(class(6)), 10);
        parking.put_back(6, guest(5), parked.records);
        assert_eq!((parking.oldest(), parking.oldest_of(class(6))), (5, 10));
        parking.take(6 + CLASSES as u32);
        assert_eq!((parking.oldest(), parking.oldest_of(class(6))), (5, u64::MAX));
    }

    /// A thread group that always has a next record that waits must not keep all earlier ones.
    #[test]
    fn what_was_taken_is_let_go() {
        let mut parking = Parking::new(Bounds { time: Duration::from_secs(60), bytes: 100 });
        parking.begin(7, birth(7, 1), b"0123456789");
        for n in 2..1000 {
            parking.push(7, b"0123456789");
            let mut parked = parking.take(7).unwrap();
            assert_eq!(parked.records.take_next(), Some(&b"0123456789"[..]));
            parking.put_back(7, birth(7, n), parked.records);
            assert_eq!(parking.records(), 1);
            assert!(parking.overdue().is_empty(), "one record waits: {n}");
        }
    }

    #[test]
    fn a_birth_has_more_patience_than_an_event() {
        let time = Duration::from_millis(20);
        let mut parking = Parking::new(Bounds { time, bytes: 1000 });
        parking.begin(7, birth(7, 100), b"birth");
        parking.begin(8, Awaited::Home { sequence: 110, looks: Looks::of(1) }, b"event");
        std::thread::sleep(2 * time);
        assert_eq!(parking.overdue(), [8]);
        let long_ago = Instant::now().checked_sub(time * (PATIENCE + 1));
        let (Some(parked), Some(long_ago)) = (parking.groups.get_mut(&7), long_ago) else { return };
        parked.since = long_ago;
        parking.last_look = long_ago;
        assert_eq!(parking.overdue(), [7, 8]);
    }
}
