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

#[cfg(test)]
mod tests {
    use peregrine_event::{EventCode, Header, RecordBuilder};
    use peregrine_state::{Config, EventContext, Fd, Resolver, Thread};

    use super::*;

    /// Knows one process, of which it has the name.
    struct Kernel(i64);

    impl Resolver for Kernel {
        fn resolve(&mut self, tid: i64, _: u64) -> Option<Box<Thread>> {
            (tid == self.0).then(|| process(tid, 77))
        }

        fn resolve_fd(&mut self, _: i64, _: i64, _: u64) -> Option<Fd> {
            None
        }
    }

    fn process(pid: i64, uid: u32) -> Box<Thread> {
        let mut thread = Box::new(Thread::new());
        (thread.tid, thread.pid, thread.ptid, thread.uid) = (pid, pid, 1, uid);
        thread
    }

    struct Bench {
        degraded: Degraded,
        shard: Shard,
        counters: WorkerCounters,
        builder: RecordBuilder,
    }

    impl Bench {
        /// Processes 1, 7 and 8; the kernel still knows 7.
        fn new() -> Self {
            let mut shard = Shard::new(Config::default(), None);
            for pid in [1, 7, 8] {
                shard.insert(process(pid, 0));
            }
            shard.set_resolver(Box::new(Kernel(7)));
            Self {
                degraded: Degraded::new(RecordClock::new()),
                shard,
                counters: WorkerCounters::default(),
                builder: RecordBuilder::default(),
            }
        }

        /// Applies a record of a process; says whether it is marked.
        fn send(&mut self, ts: u64, tgid: u32, flags: u8, code: EventCode) -> bool {
            let flags = HeaderFlags(flags);
            let header = Header { ts, tid: tgid, tgid, len: 0, flags, code, cpu: 0 };
            let bytes = self.builder.build(header, &[]).unwrap();
            let record = Record::parse(bytes).unwrap();
            self.shard.apply(&EventContext { record, num: ts });
            self.degraded.note(&record, &mut self.shard, &self.counters);
            self.degraded.is_incomplete(&record)
        }
    }

    const LOST: u8 = HeaderFlags::STATE_LOST;

    #[test]
    fn what_is_read_again_is_marked_until_the_records_of_before_have_passed() {
        let mut bench = Bench::new();
        let before = bench.degraded.clock.now_ns();
        let long = 3_600_000_000_000;
        assert!(!bench.send(before, 7, 0, code::SYSCALL_SETUID_X));
        assert!(bench.send(before, 7, LOST, code::SYSCALL_READ_X));
        let uid = bench.shard.find(7).map(|slot| bench.shard.thread(slot).uid);
        assert_eq!(uid, Some(77), "what the kernel says");
        assert_eq!((bench.counters.states_lost.get(), bench.counters.repairs.get()), (1, 1));
        let until = bench.degraded.until(7);
        assert!(until >= before && until <= bench.degraded.clock.now_ns());
        assert!(bench.send(until, 7, 0, code::SYSCALL_READ_X), "it was still on its way");
        assert!(!bench.send(until + 1, 7, 0, code::SYSCALL_READ_X));
        assert!(!bench.send(before, 8, 0, code::SYSCALL_READ_X), "another's loss");
        assert!(bench.send(before + long, 7, LOST, code::SYSCALL_READ_X), "always the next record");
    }

    #[test]
    fn what_cannot_be_read_again_is_marked_until_it_ends() {
        let mut bench = Bench::new();
        assert!(bench.send(10, 8, LOST, code::SYSCALL_READ_X));
        assert_eq!((bench.counters.repairs.get(), bench.degraded.until(8)), (0, u64::MAX));
        assert!(bench.send(u64::MAX - 1, 8, 0, code::SYSCALL_READ_X));
        // Its last event, and then its number is another's.
        assert!(bench.send(20, 8, 0, code::PROCEXIT_1_E));
        assert_eq!(bench.degraded.until(8), 20);
        assert!(!bench.send(21, 8, 0, code::SYSCALL_READ_X));
    }

    #[test]
    fn another_process_with_the_same_id_is_not_marked() {
        let mut bench = Bench::new();
        assert!(bench.send(10, 8, LOST, code::SYSCALL_READ_X));
        assert!(!bench.send(11, 8, HeaderFlags::BIRTH, code::SYSCALL_CLONE_20_X));
        assert!(!bench.send(12, 8, 0, code::SYSCALL_READ_X));
        assert_eq!(bench.degraded.until(8), 0);
    }

    /// Breaks if groups that nobody asks for any more pile up.
    #[test]
    fn what_is_whole_again_is_forgotten() {
        let mut bench = Bench::new();
        bench.degraded.until = (100..100 + SWEEP as u32).map(|tgid| (tgid, 5)).collect();
        assert!(bench.send(6, 8, LOST, code::SYSCALL_READ_X));
        assert_eq!(bench.degraded.until.len(), 1);
        // However many there are, the record itself is marked.
        bench.degraded.until = (0..MOST as u32).map(|n| (n + 100, u64::MAX)).collect();
        assert!(bench.send(7, 1, LOST, code::SYSCALL_READ_X));
        assert_eq!((bench.degraded.until.len(), bench.degraded.until(1)), (MOST, 0));
    }
}
