//! Hot thread groups: found by sampling, and spread over all workers.
//!
//! A worker is one thread, and a thread group has one worker: one that makes more events than a
//! worker can take fills its ring. If most of what fills it changes no state (reads, writes), the
//! kernel is told to spread those records over all rings; see `peregrine_state::group` for how they
//! are evaluated there.

use std::sync::Arc;

use parking_lot::Mutex;
use peregrine_event::Record;
use peregrine_probe::Spreader;
use peregrine_state::{Shard, changes_state};

/// Every how many records one is looked at.
const EVERY: u32 = 32;
/// Samples from which on a share says something.
const ENOUGH: u32 = 200;
/// Share of the samples, in percent, that makes a thread group hot.
const HOT_PERCENT: u32 = 50;
/// Share of a ring, in percent, that must be full before anything is done.
pub(crate) const FULL_PERCENT: u64 = 25;
/// Looks in a row with empty rings after which hot groups are cooled.
const QUIET_LOOKS: u32 = 100;

/// Counts which thread groups the stateless records of a worker are of.
#[derive(Debug, Default)]
pub struct Sampler {
    skipped: u32,
    samples: u32,
    /// A thread group and its samples; a busy one drives others out.
    top: [(u32, u32); 8],
}

impl Sampler {
    /// Notes a record.
    #[inline]
    pub fn note(&mut self, record: &Record<'_>) {
        self.skipped += 1;
        if self.skipped >= EVERY {
            self.skipped = 0;
            self.sample(record);
        }
    }

    fn sample(&mut self, record: &Record<'_>) {
        self.samples += 1;
        if changes_state(record.code()) {
            return;
        }
        let tgid = record.header().tgid;
        // Heavy hitters: whoever has more than an eighth of all cannot be driven out.
        if let Some(entry) = self.top.iter_mut().find(|(t, n)| *t == tgid && *n > 0) {
            entry.1 += 1;
        } else if let Some(entry) = self.top.iter_mut().find(|(_, n)| *n == 0) {
            *entry = (tgid, 1);
        } else {
            self.top.iter_mut().for_each(|(_, n)| *n -= 1);
        }
    }

    /// The thread group that makes most of the records, if one does, and starts over.
    pub fn take_hot(&mut self) -> Option<u32> {
        let sampler = std::mem::take(self);
        let (tgid, count) = sampler.top.into_iter().max_by_key(|(_, n)| *n)?;
        let is_hot = sampler.samples >= ENOUGH && count * 100 >= sampler.samples * HOT_PERCENT;
        is_hot.then_some(tgid)
    }
}

/// A worker's part in spreading.
pub struct Spreading {
    /// Copies of other workers' thread groups.
    pub guests: Shard,
    /// Tells the kernel of hot groups.
    pub spreader: Option<Arc<Mutex<Spreader>>>,
    /// Hot groups that the kernel keeps at home again, and since when.
    pub(crate) cooling: Vec<(u32, u64)>,
    quiet: u32,
}

impl Spreading {
    /// Nothing is hot.
    pub fn new(guests: Shard, spreader: Option<Arc<Mutex<Spreader>>>) -> Self {
        Self { guests, spreader, cooling: Vec::new(), quiet: 0 }
    }

    /// Tells the kernel to spread a thread group; says whether it does.
    pub(crate) fn spread(&self, tgid: u32) -> bool {
        let Some(spreader) = &self.spreader else { return false };
        // If the kernel refuses, its records stay at home: slower, and nothing is wrong.
        spreader.lock().add(tgid).unwrap_or(false)
    }

    /// Tells the kernel to keep a thread group at home.
    pub(crate) fn gather(&self, tgid: u32) {
        if let Some(spreader) = &self.spreader {
            // A group that stays named is spread for longer, which its guests' workers bear: they
            // wait for its home as before.
            let _ = spreader.lock().remove(tgid);
        }
    }

    /// Counts looks without load; says whether it has been quiet for long.
    pub(crate) fn is_quiet(&mut self, fill_percent: u64) -> bool {
        self.quiet = if fill_percent == 0 { self.quiet + 1 } else { 0 };
        self.quiet >= QUIET_LOOKS
    }
}

#[cfg(test)]
mod tests {
    use peregrine_event::record::Param;
    use peregrine_event::{EventCode, Header, HeaderFlags, RecordBuilder, code};

    use super::*;

    fn feed(sampler: &mut Sampler, event: EventCode, tgid: u32, times: u32) {
        let mut builder = RecordBuilder::new();
        let flags = HeaderFlags(0);
        let header = Header { ts: 1, tid: tgid, tgid, len: 0, flags, code: event, cpu: 0 };
        let params = vec![Param::Absent; event.def().unwrap().params.len()];
        let bytes = builder.build(header, &params).unwrap().to_vec();
        let record = Record::parse(&bytes).unwrap();
        (0..times * EVERY).for_each(|_| sampler.note(&record));
    }

    #[test]
    fn who_makes_most_of_the_stateless_records_is_hot() {
        let mut sampler = Sampler::default();
        for tgid in 100..140 {
            feed(&mut sampler, code::SYSCALL_READ_X, tgid, 2);
            feed(&mut sampler, code::SYSCALL_READ_X, 7, 6);
        }
        assert_eq!(sampler.take_hot(), Some(7));
        assert_eq!(sampler.take_hot(), None, "it has started over");
        feed(&mut sampler, code::SYSCALL_READ_X, 7, ENOUGH / 2);
        assert_eq!(sampler.take_hot(), None, "too few to tell");
        feed(&mut sampler, code::SYSCALL_OPENAT_2_X, 7, 2 * ENOUGH);
        assert_eq!(sampler.take_hot(), None, "what changes state stays at home anyway");
    }
}
