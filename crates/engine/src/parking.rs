//! Parking: records of a process that must wait until its parent's worker has published what the
//! process inherits.
//!
//! The child's first record is its birth. If the parent's worker has not reached the fork marker
//! yet, the birth and all that follows in the same thread group are copied here, in order; other
//! thread groups go on. Waiting only points to smaller sequences (the marker was written before
//! the birth), so it cannot cycle. It is bounded in time and bytes: past the bound the records are
//! applied with what the birth itself carries, and that is counted.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// Bounds of parking.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Longest time a process may wait.
    pub time: Duration,
    /// Most bytes parked at once by one worker.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { time: Duration::from_millis(250), bytes: 16 << 20 }
    }
}

/// Records of one thread group, oldest first.
#[derive(Debug)]
pub struct Parked {
    since: Instant,
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

    /// How long the oldest has waited.
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

    /// Copies a record behind the others of its thread group.
    pub fn push(&mut self, tgid: u32, record: &[u8]) {
        self.groups
            .entry(tgid)
            .or_insert_with(|| Parked {
                since: Instant::now(),
                bytes: Vec::new(),
                ends: Vec::new(),
            })
            .push(record);
        self.bytes += record.len();
        self.records += 1;
    }

    /// The parked thread groups.
    pub fn groups(&self) -> Vec<u32> {
        self.groups.keys().copied().collect()
    }

    /// Whether this thread group may wait no longer: too long, or all together too much.
    pub fn is_overdue(&self, tgid: u32) -> bool {
        self.bytes > self.bounds.bytes
            || self.groups.get(&tgid).is_some_and(|p| p.waited() > self.bounds.time)
    }

    /// The first record of a thread group.
    pub fn first(&self, tgid: u32) -> Option<&[u8]> {
        self.groups.get(&tgid)?.records().next()
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

    #[test]
    fn records_come_back_in_order_and_are_accounted_for() {
        let mut parking = Parking::new(Bounds { time: Duration::from_secs(60), bytes: 10 });
        parking.push(7, b"birth");
        parking.push(8, b"x");
        parking.push(7, b"exec");
        assert!(parking.holds(7) && !parking.holds(9));
        assert_eq!((parking.records(), parking.first(7)), (3, Some(&b"birth"[..])));
        assert!(!parking.is_overdue(7));
        parking.push(8, b"more");
        assert!(parking.is_overdue(7), "14 bytes are over the bound of 10");
        let parked = parking.take(7).unwrap();
        assert_eq!(parked.records().collect::<Vec<_>>(), [&b"birth"[..], b"exec"]);
        assert_eq!(parking.records(), 2);
        assert!(!parking.is_overdue(8));
        assert!(parking.take(7).is_none());
    }
}
