//! A worker: the loop that turns records into state and alerts.
//!
//! ```text
//! rings, oldest record first ─► parked? ─► Shard::apply ─► Detector::examine ─► alert queue
//!                                 ▲  └ copy aside  └ NeedsInheritance: park
//!                                 └──────── retried after each batch
//! ```
//! A worker with several rings takes the oldest record of all of them, so that among its own
//! processes a fork marker mostly comes before the birth it belongs to.
//!
//! A worker owns its rings, its shard and its scratch space; it shares the directory of published
//! processes and the compiled rules with the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use crossbeam_utils::CachePadded;

use peregrine_event::{HeaderFlags, Record, code};
use peregrine_fields::view::{EventView, Session};
use peregrine_output::{AlertSender, StateQuality};
use peregrine_probe::{Ring, SleepFlags};
use peregrine_state::{Applied, Directory, EventContext, Shard, Subject};

use crate::activity::ActivityCounter;
use crate::counters::WorkerCounters;
use crate::detector::Detector;
use crate::host::HostFiles;
use crate::parking::{Awaited, Bounds, Parking};
use crate::progress::Progress;
use crate::published::Published;
use crate::recording::Tap;
use crate::ruleset::Detection;
use crate::swap::{self, RuleSlot};
use crate::waiting::{Step, Waiter};

/// Most records taken from one ring before the others are looked at again.
const RUN: usize = 512;
/// Runs between two looks at what is parked, at the stop flag and at the levels.
const BATCH: usize = 64;
/// Time between two updates of the levels that are counted (threads, fds): it walks all threads.
const LEVELS_EVERY: Duration = Duration::from_secs(1);

/// Matches per rule, by name.
pub type Matches = std::collections::BTreeMap<String, u64>;

/// What a worker needs beside its rings.
pub struct Tools {
    /// State of its partitions.
    pub shard: Shard,
    /// Rules, which may be replaced while it runs.
    pub rules: Arc<RuleSlot<Detection>>,
    /// Where alerts go.
    pub sender: AlertSender,
    /// Bounds of parking.
    pub bounds: Bounds,
    /// Position among the workers and their number: event numbers of different workers differ.
    pub position: (u64, u64),
    /// Where the inheritance of children is left.
    pub directory: Arc<Directory>,
    /// How far the workers have come.
    pub progress: Arc<Progress>,
    /// Where they tell what rules cost and how large the state is.
    pub published: Arc<Published>,
    /// Where what is applied is copied to, if it is recorded.
    pub tap: Option<Tap>,
}

/// One worker without its rings: applies records, in the order they come.
pub struct Worker {
    shard: Shard,
    detector: Detector,
    rules: Arc<RuleSlot<Detection>>,
    rules_version: u64,
    /// Matches of rule sets that were replaced.
    retired: Matches,
    sender: AlertSender,
    parking: Parking,
    counters: Arc<CachePadded<WorkerCounters>>,
    session: Session,
    directory: Arc<Directory>,
    progress: Arc<Progress>,
    published: Arc<Published>,
    activity: ActivityCounter,
    tap: Option<Tap>,
    own: usize,
    number: u64,
    stride: u64,
    first_ts: u64,
    previous_ts: Option<u64>,
}

impl Worker {
    /// A worker with empty parking.
    pub fn new(tools: Tools, counters: Arc<CachePadded<WorkerCounters>>) -> Self {
        let (rules_version, detection) =
            tools.rules.newer_than(0).unwrap_or_else(|| (swap::FIRST, tools.rules.newest()));
        let session = detection.session.clone();
        tools.rules.adopt(tools.position.0 as usize, rules_version);
        Self {
            shard: tools.shard,
            detector: Detector::new(detection),
            rules: tools.rules,
            rules_version,
            retired: Matches::default(),
            sender: tools.sender,
            parking: Parking::new(tools.bounds),
            counters,
            session,
            directory: tools.directory,
            progress: tools.progress,
            activity: ActivityCounter::new(
                tools.published.activities().clone(),
                tools.position.0 as usize,
            ),
            published: tools.published,
            tap: tools.tap,
            own: tools.position.0 as usize,
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
        self.activity.note(&record, &self.shard);
        if let Some(tap) = &mut self.tap {
            tap.before(&record, &self.shard);
        }
        let tgid = record.header().tgid;
        if self.parking.holds(tgid) {
            self.parking.push(tgid, bytes);
            self.counters.parked.add(1);
        } else if let Some(awaited) = self.process(&record, false) {
            self.parking.begin(tgid, awaited, bytes);
            self.counters.parked.add(1);
        }
    }

    /// Applies a record and tries the rules. Returns what it must wait for, if it must.
    fn process(&mut self, record: &Record<'_>, is_forced: bool) -> Option<Awaited> {
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
                None
            }
            Applied::NeedsInheritance { child_tid, start_time } => {
                Some(Awaited { child_tid, start_time, birth_ts: record.ts() })
            }
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
        if let Some(tap) = &mut self.tap {
            tap.event(&view, examined.capture_ns);
        }
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
        let slowest = self.progress.slowest_other(self.own);
        let directory = self.directory.clone();
        let is_there = |a: &Awaited| directory.is_left(a.child_tid, a.start_time);
        for (tgid, is_overdue) in self.parking.ready(slowest, is_there) {
            let Some(parked) = self.parking.take(tgid) else { continue };
            self.counters.parked_ns.add(parked.waited().as_nanos() as u64);
            if is_overdue {
                self.counters.parking_timeouts.add(1);
            }
            self.process_parked(parked.records(), is_overdue);
        }
        self.counters.parked_now.set(self.parking.records() as u64);
    }

    /// Applies records that were parked. Only the first can be the birth of the process; a thread
    /// that is born behind it shares the ring with its fork marker and waits for nobody.
    fn process_parked<'r>(&mut self, records: impl Iterator<Item = &'r [u8]>, mut is_forced: bool) {
        for record in records.filter_map(|bytes| Record::parse(bytes).ok()) {
            if self.process(&record, is_forced).is_some() {
                self.process(&record, true);
            }
            is_forced = false;
        }
    }

    /// Takes over the newest rules; call it between two batches.
    #[inline]
    pub fn adopt_rules(&mut self) {
        if let Some((version, detection)) = self.rules.newer_than(self.rules_version) {
            self.count_matches();
            self.published.add_rules(&mut self.detector);
            self.session = detection.session.clone();
            self.detector = Detector::new(detection);
            self.rules_version = version;
            self.rules.adopt(self.own, version);
        }
    }

    /// Adds the matches of the rules in force to those of earlier ones.
    fn count_matches(&mut self) {
        let rules = &self.detector.detection().rules;
        for (rule, count) in rules.iter().zip(self.detector.matches()) {
            if *count > 0 {
                *self.retired.entry(rule.identity.name().to_owned()).or_default() += count;
            }
        }
    }

    /// Says how far this worker has come: what is parked is not applied yet.
    fn publish_progress(&self, applied_ns: u64) {
        let parked = self.parking.oldest_birth().map_or(u64::MAX, |ts| ts.saturating_sub(1));
        self.progress.publish(self.own, applied_ns.min(parked));
    }

    /// Tells who records how far this worker has come. All records older than `seen_ns` were taken;
    /// what is parked is not applied yet.
    #[inline]
    fn tend_recording(&mut self, seen_ns: u64, now_ns: u64) {
        if let Some(tap) = &mut self.tap {
            let parked = self.parking.oldest_birth().unwrap_or(u64::MAX);
            tap.tend(seen_ns.min(parked), now_ns, &self.shard);
        }
    }

    /// Publishes the sizes of the state, and what rules cost.
    pub fn count_levels(&mut self) {
        let counters = self.shard.counters();
        self.published.add_rules(&mut self.detector);
        self.published.set_state(self.own, counters);
        self.activity.tell(&self.shard);
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

    /// Ends: what is parked is applied as well as can be.
    pub fn finish(mut self) -> Matches {
        for tgid in self.parking.groups() {
            if let Some(parked) = self.parking.take(tgid) {
                self.process_parked(parked.records(), false);
            }
        }
        self.shard.run_pending(u64::MAX);
        self.count_levels();
        if let Some(tap) = self.tap.take() {
            tap.finish(&self.shard);
        }
        self.count_matches();
        std::mem::take(&mut self.retired)
    }
}

impl Drop for Worker {
    /// However it ends, nobody shall wait for it.
    fn drop(&mut self) {
        self.progress.publish(self.own, u64::MAX);
        self.rules.adopt(self.own, u64::MAX);
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
    /// Time stamp of the last record taken.
    pub applied_ns: u64,
    /// The host's users and groups; replaced when the files change.
    pub host_files: Arc<ArcSwap<HostFiles>>,
}

/// Runs a worker until it is told to stop.
///
/// # Errors
/// A ring contradicts the kernel's protocol, or waiting fails.
pub fn run(mut worker: Worker, mut feed: Feed) -> std::io::Result<Matches> {
    const RETRY_EVERY: Duration = Duration::from_millis(1);
    let mut last_retry = Instant::now();
    let mut last_levels: Option<Instant> = None;
    let mut host_files = Arc::default();
    loop {
        let stopping = feed.stop.load(Ordering::Acquire);
        worker.adopt_rules();
        let began_ns = now_ns();
        let taken = drain(&mut worker, &mut feed)?;
        worker.publish_progress(if taken == 0 { began_ns } else { feed.applied_ns });
        if worker.tap.is_some() {
            worker.tend_recording(seen_until(&feed, began_ns), began_ns);
        }
        if !worker.parking.is_empty() && (taken == 0 || last_retry.elapsed() > RETRY_EVERY) {
            worker.retry_parked();
            last_retry = Instant::now();
        }
        if last_levels.is_none_or(|at| at.elapsed() > LEVELS_EVERY) {
            worker.count_levels();
            worker.adopt(&feed.host_files.load(), &mut host_files);
            last_levels = Some(Instant::now());
        }
        if taken > 0 {
            feed.waiter.busy();
            continue;
        }
        // What is parked still gets its time: the others are draining their rings as well.
        if stopping && worker.parking.is_empty() {
            return Ok(worker.finish());
        }
        let step = feed.waiter.step();
        if step != Step::Sleep {
            feed.waiter.wait(step)?;
            continue;
        }
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

/// Takes records from the rings, the oldest first, up to [`BATCH`] runs of records.
fn drain(worker: &mut Worker, feed: &mut Feed) -> std::io::Result<usize> {
    let mut taken = 0;
    for _ in 0..BATCH {
        // The ring with the oldest record, and the time stamp of the second oldest.
        let mut oldest: Option<(usize, u64)> = None;
        let mut until = u64::MAX;
        for (position, (_, ring)) in feed.rings.iter().enumerate() {
            let Some(ts) = ring.peek().and_then(time_stamp) else { continue };
            match oldest {
                Some((_, best)) if ts >= best => until = until.min(ts),
                _ => {
                    until = until.min(oldest.map_or(u64::MAX, |(_, best)| best));
                    oldest = Some((position, ts));
                }
            }
        }
        let Some((position, _)) = oldest else { break };
        let (index, ring) = &mut feed.rings[position];
        let mut last = feed.applied_ns;
        let is_due = |bytes: &[u8]| time_stamp(bytes).is_none_or(|ts| ts <= until);
        let batch = ring.drain_while(RUN, is_due, |bytes| {
            last = last.max(time_stamp(bytes).unwrap_or(0));
            worker.take(bytes);
        });
        feed.applied_ns = last;
        if batch.is_corrupt {
            return Err(std::io::Error::other(format!("ring {index} is corrupt")));
        }
        worker.counters.ring_bytes.add(batch.bytes);
        taken += batch.records;
        if batch.records == 0 {
            break;
        }
    }
    Ok(taken)
}

/// The time up to which everything was taken: that of the look before, unless something older is
/// still in a ring.
fn seen_until(feed: &Feed, began_ns: u64) -> u64 {
    let heads = feed.rings.iter().filter_map(|(_, ring)| ring.peek().and_then(time_stamp));
    heads.fold(began_ns, u64::min)
}

/// The time stamp of a record, from its first bytes.
fn time_stamp(record: &[u8]) -> Option<u64> {
    record.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}
