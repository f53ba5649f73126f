//! Parking: records of a process that must wait until its parent's worker has published what the
//! process inherits.
//!
//! The child's first record is its birth. If the parent's worker has not reached the fork marker
//! yet, the birth and all that follows in the same thread group are copied here, in order; other
//! thread groups go on. Waiting only points to smaller sequences (the marker was written before
//! the birth), so it cannot cycle.
//!
//! It is bounded. A worker that is behind is waited for as long as it makes progress: the clock of
//! a birth starts when all other workers have passed its time stamp, for then its marker should
//! have been seen. After the bound, after [`PATIENCE`] bounds in any case, or when too many bytes
//! are parked, the records are applied with what the birth itself carries, and that is counted.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// Bounds of parking.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Longest time a process waits once the other workers have passed its birth.
    pub time: Duration,
    /// Most bytes parked at once by one worker.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { time: Duration::from_millis(250), bytes: 64 << 20 }
    }
}

/// Bounds of time after which a process waits no longer, whatever the other workers do.
pub const PATIENCE: u32 = 240;

/// What a parked process waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    /// The child.
    pub child_tid: i64,
    /// Its start time.
    pub start_time: u64,
    /// Time stamp of its birth.
    pub birth_ts: u64,
}

/// Records of one thread group, oldest first.
#[derive(Debug)]
pub struct Parked {
    awaited: Awaited,
    since: Instant,
    /// When the other workers were first seen to have passed the birth.
    passed: Option<Instant>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Parked {
    /// The records in order.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How long the birth has waited.
    pub fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }
}

/// The parked thread groups of one worker.
#[derive(Debug)]
pub struct Parking {
    bounds: Bounds,
    groups: FxHashMap<u32, Parked>,
    bytes: usize,
    records: usize,
}

impl Parking {
    /// Nothing parked.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, groups: FxHashMap::default(), bytes: 0, records: 0 }
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

    /// Parks a birth.
    pub fn begin(&mut self, tgid: u32, awaited: Awaited, birth: &[u8]) {
        let (bytes, ends) = (Vec::new(), Vec::new());
        let parked = Parked { awaited, since: Instant::now(), passed: None, bytes, ends };
        self.groups.insert(tgid, parked);
        self.push(tgid, birth);
    }

    /// Copies a record behind the others of its thread group.
    pub fn push(&mut self, tgid: u32, record: &[u8]) {
        if let Some(parked) = self.groups.get_mut(&tgid) {
            parked.push(record);
            self.bytes += record.len();
            self.records += 1;
        }
    }

    /// Thread groups that may go on: what they await `is_there`, or they may wait no longer.
    /// `slowest` is the time stamp that all other workers have passed. Gives each with whether it
    /// is overdue.
    pub fn ready(&mut self, slowest: u64, is_there: impl Fn(&Awaited) -> bool) -> Vec<(u32, bool)> {
        let now = Instant::now();
        let is_crowded = self.bytes > self.bounds.bytes;
        let mut ready = Vec::new();
        for (tgid, parked) in &mut self.groups {
            if is_there(&parked.awaited) {
                ready.push((*tgid, false));
                continue;
            }
            if slowest > parked.awaited.birth_ts {
                parked.passed.get_or_insert(now);
            }
            let is_late = parked.passed.is_some_and(|at| now - at > self.bounds.time);
            if is_crowded || is_late || now - parked.since > self.bounds.time * PATIENCE {
                ready.push((*tgid, true));
            }
        }
        ready
    }

    /// Time stamp of the oldest birth that waits.
    pub fn oldest_birth(&self) -> Option<u64> {
        self.groups.values().map(|parked| parked.awaited.birth_ts).min()
    }

    /// All thread groups.
    pub fn groups(&self) -> Vec<u32> {
        self.groups.keys().copied().collect()
    }

    /// Takes all records of a thread group.
    pub fn take(&mut self, tgid: u32) -> Option<Parked> {
        let parked = self.groups.remove(&tgid)?;
        self.bytes -= parked.bytes.len();
        self.records -= parked.len();
        Some(parked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awaited(tid: i64) -> Awaited {
        Awaited { child_tid: tid, start_time: 1, birth_ts: 100 }
    }

    #[test]
    fn records_come_back_in_order_and_are_accounted_for() {
        let mut parking = Parking::new(Bounds { time: Duration::from_secs(60), bytes: 10 });
        parking.begin(7, awaited(7), b"birth");
        parking.begin(8, awaited(8), b"x");
        parking.push(7, b"exec");
        assert!(parking.holds(7) && !parking.holds(9));
        assert_eq!(parking.records(), 3);
        assert_eq!(parking.oldest_birth(), Some(100));
        assert_eq!(parking.ready(500, |a| a.child_tid == 8), [(8, false)]);
        parking.push(8, b"more");
        let mut crowded = parking.ready(0, |_| false);
        crowded.sort_unstable();
        assert_eq!(crowded, [(7, true), (8, true)], "14 bytes are over the bound of 10");
        let parked = parking.take(7).unwrap();
        assert_eq!(parked.records().collect::<Vec<_>>(), [&b"birth"[..], b"exec"]);
        assert_eq!(parking.records(), 2);
        assert!(parking.take(7).is_none());
    }

    #[test]
    fn the_clock_starts_when_the_others_have_passed_the_birth() {
        let mut parking = Parking::new(Bounds { time: Duration::ZERO, bytes: 1000 });
        parking.groups.clear();
        parking.bounds.time = Duration::from_millis(1);
        parking.begin(7, awaited(7), b"birth");
        assert!(parking.ready(100, |_| false).is_empty(), "the others are not past it");
        assert!(parking.ready(101, |_| false).is_empty(), "the clock has just started");
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(parking.ready(101, |_| false), [(7, true)]);
    }
}
