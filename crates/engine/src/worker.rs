//! A worker: the loop that turns records into state and alerts.
//!
//! ```text
//! ring ─► parse ─► parked? ─► Shard::apply ─► Detector::examine ─► alert queue
//!                    ▲  └ copy aside       └ NeedsInheritance: park
//!                    └──────── retried after each batch
//! ```
//! A worker owns its rings, its shard and its scratch space; it shares the directory of published
//! processes and the compiled rules with the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use crossbeam_utils::CachePadded;

use peregrine_event::{HeaderFlags, Record, code};
use peregrine_fields::view::{EventView, Session};
use peregrine_output::{AlertSender, StateQuality};
use peregrine_probe::{Ring, SleepFlags};
use peregrine_state::{Applied, EventContext, Shard, Subject};

use crate::counters::WorkerCounters;
use crate::detector::Detector;
use crate::host::HostFiles;
use crate::parking::{Bounds, Parking};
use crate::waiting::{Step, Waiter};

/// Records taken from one ring before the next one has its turn.
const BATCH: usize = 512;
/// Batches between two updates of the levels that are counted (threads, fds).
const LEVELS_EVERY: u32 = 1024;

/// What a worker needs beside its rings.
pub struct Tools {
    /// State of its partitions.
    pub shard: Shard,
    /// Rules.
    pub detector: Detector,
    /// Where alerts go.
    pub sender: AlertSender,
    /// Bounds of parking.
    pub bounds: Bounds,
    /// Position among the workers and their number: event numbers of different workers differ.
    pub position: (u64, u64),
}

/// One worker without its rings: applies records, in the order they come.
pub struct Worker {
    shard: Shard,
    detector: Detector,
    sender: AlertSender,
    parking: Parking,
    counters: Arc<CachePadded<WorkerCounters>>,
    session: Session,
    number: u64,
    stride: u64,
    first_ts: u64,
    previous_ts: Option<u64>,
}

impl Worker {
    /// A worker with empty parking.
    pub fn new(tools: Tools, counters: Arc<CachePadded<WorkerCounters>>) -> Self {
        let session = tools.detector.detection().session.clone();
        Self {
            shard: tools.shard,
            detector: tools.detector,
            sender: tools.sender,
            parking: Parking::new(tools.bounds),
            counters,
            session,
            number: tools.position.0,
            stride: tools.position.1.max(1),
            first_ts: 0,
            previous_ts: None,
        }
    }

    /// Takes one record from a ring.
    #[inline]
    pub fn take(&mut self, bytes: &[u8]) {
        self.counters.records.add(1);
        let Ok(record) = Record::parse(bytes) else {
            self.counters.malformed.add(1);
            return;
        };
        let tgid = record.header().tgid;
        if self.parking.holds(tgid) {
            self.park(tgid, bytes);
            return;
        }
        if !self.process(&record, false) {
            self.park(tgid, bytes);
        }
    }

    fn park(&mut self, tgid: u32, bytes: &[u8]) {
        self.parking.push(tgid, bytes);
        self.counters.parked.add(1);
    }

    /// Applies a record and tries the rules. Returns false if it must wait for an inheritance.
    fn process(&mut self, record: &Record<'_>, is_forced: bool) -> bool {
        let sequence = record.ts();
        let context = EventContext { record: *record, num: sequence };
        let applied = if is_forced {
            self.shard.apply_without_inheritance(&context)
        } else {
            self.shard.apply(&context)
        };
        match applied {
            Applied::Done(subject) => {
                if record.code() != code::FORK_MARKER_X {
                    self.examine(record, sequence, subject, is_forced);
                }
                true
            }
            Applied::NeedsInheritance { .. } => false,
        }
    }

    fn examine(&mut self, record: &Record<'_>, sequence: u64, subject: Subject, is_late: bool) {
        self.counters.events.add(1);
        self.number += self.stride;
        if self.first_ts == 0 {
            self.first_ts = record.ts();
        }
        let state = if record.header().flags.has(HeaderFlags::STATE_LOST) {
            StateQuality::Incomplete
        } else if is_late {
            StateQuality::Late
        } else {
            StateQuality::Exact
        };
        let view =
            EventView::new(*record, self.number, sequence, &self.session, &self.shard, subject)
                .with_times(self.first_ts, self.previous_ts);
        let sender = &self.sender;
        let examined = self.detector.examine(&view, sequence, state, |alert| {
            sender.send(alert);
        });
        self.previous_ts = Some(record.ts());
        self.counters.evaluations.add(examined.evaluations);
        if examined.alerts > 0 {
            self.counters.alerts.add(examined.alerts);
            if state != StateQuality::Exact {
                self.counters.degraded_alerts.add(examined.alerts);
            }
        }
    }

    /// Tries parked processes again: applies those whose inheritance has come, and those that may
    /// wait no longer.
    pub fn retry_parked(&mut self) {
        if self.parking.is_empty() {
            return;
        }
        for tgid in self.parking.groups() {
            let is_overdue = self.parking.is_overdue(tgid);
            let Some(first) = self.parking.first(tgid).map(<[u8]>::to_vec) else { continue };
            let Ok(birth) = Record::parse(&first) else { continue };
            if !self.process(&birth, is_overdue) {
                continue;
            }
            let Some(parked) = self.parking.take(tgid) else { continue };
            self.counters.parked_ns.add(parked.waited().as_nanos() as u64);
            if is_overdue {
                self.counters.parking_timeouts.add(1);
            }
            for bytes in parked.records().skip(1) {
                // A thread of the group may itself be born here; it shares the group's ring, so its
                // fork marker was applied just before and it waits for nobody.
                if let Ok(record) = Record::parse(bytes)
                    && !self.process(&record, false)
                {
                    self.process(&record, true);
                }
            }
        }
        self.counters.parked_now.set(self.parking.records() as u64);
    }

    /// Publishes the sizes of the state.
    pub fn count_levels(&self) {
        let counters = self.shard.counters();
        self.counters.threads.set(counters.n_threads);
        self.counters.fds.set(counters.n_fds);
    }

    /// Takes over the host's users and groups if they changed.
    fn adopt(&mut self, newest: &Arc<HostFiles>, current: &mut Arc<HostFiles>) {
        if !Arc::ptr_eq(newest, current) {
            self.shard.users_mut().set_host_files(&newest.passwd, &newest.group);
            *current = newest.clone();
        }
    }

    /// The state, to fill it before the first record.
    pub fn shard_mut(&mut self) -> &mut Shard {
        &mut self.shard
    }

    /// Ends: what is parked is applied as well as can be. Gives matches per rule.
    pub fn finish(mut self) -> Vec<u64> {
        for tgid in self.parking.groups() {
            let Some(parked) = self.parking.take(tgid) else { continue };
            for bytes in parked.records() {
                if let Ok(record) = Record::parse(bytes)
                    && !self.process(&record, false)
                {
                    self.process(&record, true);
                }
            }
        }
        self.shard.run_pending(u64::MAX);
        self.count_levels();
        self.detector.matches().to_vec()
    }
}

/// The rings of one worker, and what tells it to stop.
pub struct Feed {
    /// Rings with their numbers.
    pub rings: Vec<(u32, Ring)>,
    /// Waits on them.
    pub waiter: Waiter,
    /// How the probe learns that this worker sleeps.
    pub sleep_flags: Arc<SleepFlags>,
    /// Set when the engine stops; what is in the rings is still drained.
    pub stop: Arc<AtomicBool>,
    /// The host's users and groups; replaced when the files change.
    pub host_files: Arc<ArcSwap<HostFiles>>,
}

/// Runs a worker until it is told to stop. Gives matches per rule.
///
/// # Errors
/// A ring contradicts the kernel's protocol, or waiting fails.
pub fn run(mut worker: Worker, mut feed: Feed) -> std::io::Result<Vec<u64>> {
    let mut until_levels = 0u32;
    let mut host_files = Arc::default();
    loop {
        let stopping = feed.stop.load(Ordering::Acquire);
        let taken = drain(&mut worker, &mut feed)?;
        worker.retry_parked();
        if until_levels == 0 {
            worker.count_levels();
            worker.adopt(&feed.host_files.load(), &mut host_files);
            until_levels = LEVELS_EVERY;
        }
        until_levels -= 1;
        if taken > 0 {
            feed.waiter.busy();
            continue;
        }
        if stopping {
            return Ok(worker.finish());
        }
        let step = feed.waiter.step();
        if step != Step::Sleep {
            feed.waiter.wait(step)?;
            continue;
        }
        worker.count_levels();
        worker.adopt(&feed.host_files.load(), &mut host_files);
        for (index, _) in &feed.rings {
            feed.sleep_flags.announce(*index);
        }
        let is_quiet = feed.rings.iter().all(|(_, ring)| ring.pending() == 0);
        if is_quiet && worker.parking.is_empty() && !feed.stop.load(Ordering::Acquire) {
            worker.counters.sleeps.add(1);
            feed.waiter.wait(step)?;
        } else if is_quiet {
            feed.waiter.wait(Step::Nap)?;
        }
        for (index, _) in &feed.rings {
            feed.sleep_flags.withdraw(*index);
        }
    }
}

fn drain(worker: &mut Worker, feed: &mut Feed) -> std::io::Result<usize> {
    let mut taken = 0;
    for (index, ring) in &mut feed.rings {
        let batch = ring.drain(BATCH, |bytes| worker.take(bytes));
        if batch.is_corrupt {
            return Err(std::io::Error::other(format!("ring {index} is corrupt")));
        }
        worker.counters.ring_bytes.add(batch.bytes);
        taken += batch.records;
    }
    Ok(taken)
}
