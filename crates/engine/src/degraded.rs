//! Which processes' state is incomplete, and since when it is whole again.
//!
//! A record that changes the state may have been lost in a full ring: the next record of its thread
//! group says so. The group is then read again from the kernel. What it says is true as of now,
//! while records from before are still on their way, so events are marked until those have passed.
//! A group that cannot be read (it is gone, or the ration is used up) stays marked to its end.

use peregrine_event::{HeaderFlags, Record, code};
use peregrine_probe::RecordClock;
use peregrine_state::Shard;
use rustc_hash::FxHashMap;

use crate::counters::WorkerCounters;

/// Most thread groups that are remembered; beyond that only the record that tells of the loss is
/// marked.
const MOST: usize = 65_536;
/// Thread groups from which on those that are whole again are forgotten.
const SWEEP: usize = 64;

/// Thread groups of one worker whose state is incomplete.
#[derive(Debug)]
pub struct Degraded {
    /// Up to which time stamp events are marked; the end of time: for good.
    until: FxHashMap<u32, u64>,
    /// Size at which it is swept.
    sweep: usize,
    clock: RecordClock,
}

impl Degraded {
    /// Nothing is incomplete. `clock` is that of the records.
    pub fn new(clock: RecordClock) -> Self {
        Self { until: FxHashMap::default(), sweep: SWEEP, clock }
    }

    /// Looks at a record that was just applied: repairs its thread group if records of it were
    /// lost.
    #[inline]
    pub fn note(&mut self, record: &Record<'_>, shard: &mut Shard, counters: &WorkerCounters) {
        let header = record.header();
        if header.flags.has(HeaderFlags::STATE_LOST) {
            counters.states_lost.add(1);
            self.repair(record, shard, counters);
        } else if self.until.is_empty() {
        } else if header.flags.has(HeaderFlags::BIRTH) && header.tid == header.tgid {
            // Another process; what was lost is of the one before.
            self.until.remove(&header.tgid);
        } else if record.code() == code::PROCEXIT_1_E && shard.is_ending(header.tgid.into()) {
            // This is its last event, and still marked; the pid may be another's soon.
            let until = record.ts();
            self.until.entry(header.tgid).and_modify(|marked| *marked = (*marked).min(until));
        }
    }

    /// Reads the thread group of a record again from the kernel; its events are marked until then.
    #[cold]
    pub fn repair(&mut self, record: &Record<'_>, shard: &mut Shard, counters: &WorkerCounters) {
        let (tgid, ts) = (record.header().tgid, record.ts());
        let until = if shard.read_again(i64::from(tgid)) {
            counters.repairs.add(1);
            self.clock.now_ns()
        } else {
            u64::MAX
        };
        // What has passed is of no use; looking for it now and then is cheap.
        if self.until.len() >= self.sweep {
            self.until.retain(|_, until| *until > ts);
            self.sweep = (2 * self.until.len()).clamp(SWEEP, MOST);
        }
        if self.until.len() < MOST {
            self.until.insert(tgid, until);
            shard.set_incomplete(tgid.into(), until);
        }
    }

    /// Up to which time stamp events of a thread group are marked; 0 if none is.
    pub fn until(&self, tgid: u32) -> u64 {
        self.until.get(&tgid).copied().unwrap_or(0)
    }

    /// Whether an event must be marked.
    #[inline]
    pub fn is_incomplete(&self, record: &Record<'_>) -> bool {
        let header = record.header();
        if header.flags.has(HeaderFlags::STATE_LOST) {
            return true;
        }
        !self.until.is_empty()
            && self.until.get(&header.tgid).is_some_and(|until| record.ts() <= *until)
    }
}
