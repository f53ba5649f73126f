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

use crossbeam_utils::CachePadded;

use peregrine_event::{Record, code};
use peregrine_fields::view::Session;
use peregrine_output::{Alert, AlertSender, StateQuality};
use peregrine_probe::RecordClock;
use peregrine_state::{Applied, Directory, EventContext, Looks, Shard, Subject};

use crate::activity::ActivityCounter;
use crate::counters::WorkerCounters;
use crate::degraded::Degraded;
use crate::detector::{Detector, Examined};
use crate::gauges::Gauges;
use crate::homes::Homes;
use crate::host::HostFiles;
use crate::parking::{Awaited, Bounds, Parked, Parking};
use crate::progress::{Progress, class};
use crate::published::Published;
use crate::recording::Tap;
use crate::ruleset::Detection;
use crate::spread::{Sampler, Spreading};
use crate::swap::{self, RuleSlot};
use crate::unseen::Search;
use trial::{Outcome, Stream, Trial};

mod guests;
mod trial;

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
    /// Position among the workers: event numbers of different workers differ.
    pub own: usize,
    /// Which worker has which thread group.
    pub homes: Homes,
    /// Where the inheritance of children is left.
    pub directory: Arc<Directory>,
    /// How far the workers have come.
    pub progress: Arc<Progress>,
    /// Tells which workers have nothing in their rings.
    pub gauges: Arc<Gauges>,
    /// The clock of the records.
    pub clock: RecordClock,
    /// Where they tell what rules cost and how large the state is.
    pub published: Arc<Published>,
    /// Where what is applied is copied to, if it is recorded.
    pub tap: Option<Tap>,
    /// Its part in spreading hot thread groups, if that is done.
    pub spreading: Option<Spreading>,
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
    pub(crate) counters: Arc<CachePadded<WorkerCounters>>,
    session: Session,
    directory: Arc<Directory>,
    progress: Arc<Progress>,
    gauges: Arc<Gauges>,
    published: Arc<Published>,
    activity: ActivityCounter,
    tap: Option<Tap>,
    own: usize,
    homes: Homes,
    /// How far the slowest of the others had come when this worker last looked.
    floor: u64,
    sampler: Sampler,
    spreading: Option<Spreading>,
    /// Alerts of the event at hand.
    alerts: Vec<Alert>,
    examined: Examined,
    degraded: Degraded,
    unseen: Search,
    pub(crate) clock: RecordClock,
    stream: Stream,
}

impl Worker {
    /// A worker with empty parking.
    pub fn new(tools: Tools, counters: Arc<CachePadded<WorkerCounters>>) -> Self {
        let (rules_version, detection) =
            tools.rules.newer_than(0).unwrap_or_else(|| (swap::FIRST, tools.rules.newest()));
        let session = detection.session.clone();
        tools.rules.adopt(tools.own, rules_version);
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
            activity: ActivityCounter::new(tools.published.activities().clone(), tools.own),
            gauges: tools.gauges,
            published: tools.published,
            tap: tools.tap,
            own: tools.own,
            homes: tools.homes,
            floor: 0,
            sampler: Sampler::default(),
            spreading: tools.spreading,
            alerts: Vec::new(),
            examined: Examined::default(),
            degraded: Degraded::new(tools.clock.clone()),
            unseen: Search::new(),
            clock: tools.clock,
            stream: Stream::new(tools.own, tools.homes),
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
        } else if let Some(awaited) = self.process(&record, true) {
            self.note_parking(&awaited);
            self.parking.begin(tgid, awaited, bytes);
            // Before the ring gets the record's bytes back (rule 3 of `progress.rs`).
            self.publish_parked(tgid);
            self.counters.parked.add(1);
        }
    }

    fn note_parking(&mut self, awaited: &Awaited) {
        let counter = match awaited {
            Awaited::Inheritance { .. } | Awaited::Former { .. } => &self.counters.parked_births,
            Awaited::Others { .. } => &self.counters.parked_reads,
            Awaited::Home { .. } => &self.counters.parked_guests,
        };
        counter.add(1);
    }

    /// Tells the others what is parked, after a thread group was parked or has gone on.
    fn publish_parked(&self, tgid: u32) {
        let class = class(tgid.into());
        let (of_class, of_all) = (self.parking.oldest_of(class), self.parking.oldest());
        self.progress.park(self.own, class, of_class, of_all);
    }

    /// Applies a record and tries the rules. Returns what it must wait for, if it must; with
    /// `may_wait` false the best known state is used.
    fn process(&mut self, record: &Record<'_>, may_wait: bool) -> Option<Awaited> {
        let sequence = record.ts();
        if self.spreading.is_some() {
            self.sampler.note(record);
            if self.homes.of(record.header().tgid) != self.own {
                return self.process_guest(record, may_wait);
            }
        }
        if may_wait && let Some(tgid) = self.former(record) {
            return Some(Awaited::Former { sequence, tgid });
        }
        let context = EventContext { record: *record, num: sequence };
        let applied = if may_wait {
            self.shard.apply(&context)
        } else {
            self.shard.apply_without_inheritance(&context)
        };
        match applied {
            Applied::Done(subject) => {
                self.degraded.note(record, &mut self.shard, &self.counters);
                if record.code() == code::FORK_MARKER_X {
                    return None;
                }
                self.examine(record, subject, may_wait)
            }
            Applied::NeedsInheritance { child_tid, start_time } => {
                Some(Awaited::Inheritance { child_tid, start_time, birth_ts: sequence })
            }
        }
    }

    /// The parked thread group that had the id of the event's thread before: the former thread has
    /// ended, but its end was not applied.
    fn former(&self, record: &Record<'_>) -> Option<u32> {
        let header = record.header();
        if self.parking.is_empty() {
            return None;
        }
        let of_thread = self.shard.find(header.tid.into()).map(|slot| self.shard.thread(slot).pid);
        let groups = [of_thread.and_then(|pid| u32::try_from(pid).ok()), Some(header.tid)];
        let is_former = |tgid: &u32| {
            *tgid != header.tgid
                && self.parking.holds(*tgid)
                && !self.is_own_settled(header.tgid, (*tgid).into(), record.ts())
        };
        groups.into_iter().flatten().find(is_former)
    }

    /// A birth whose fork marker was lost, or whose parent's worker is too far behind: the child
    /// goes ahead without what it inherits. What the kernel knows of it is better.
    #[cold]
    fn process_orphan(&mut self, record: &Record<'_>, may_wait: bool) -> Option<Awaited> {
        let context = EventContext { record: *record, num: record.ts() };
        let subject = match self.shard.apply_without_inheritance(&context) {
            Applied::Done(subject) => subject,
            Applied::NeedsInheritance { .. } => return None,
        };
        self.degraded.note(record, &mut self.shard, &self.counters);
        self.degraded.repair(record, &mut self.shard, &self.counters);
        self.examine(record, subject, may_wait)
    }

    /// Tries the rules on an event of this worker's own that was just applied. They may have read
    /// other thread groups: if those are not known to be settled, the event must wait.
    fn examine(
        &mut self,
        record: &Record<'_>,
        subject: Subject,
        may_wait: bool,
    ) -> Option<Awaited> {
        let is_whole = !self.degraded.is_incomplete(record);
        let state = if is_whole { StateQuality::Exact } else { StateQuality::Incomplete };
        let first = Trial { record: *record, subject, state, is_guest: false };
        self.try_once(&first);
        // The rules of most events read nothing of others: nothing to ask, nothing to try again.
        if !self.shard.has_looks() {
            self.send_alerts(&first);
            self.publish_hot(record, record.ts());
            return None;
        }
        let looks = self.shard.take_looks();
        let find = |_: &mut Self| Some((subject, is_whole));
        match self.try_rules(record, looks, Some(first), may_wait, find) {
            Outcome::Waits(looks) => {
                let held = self.shard.hold(&subject);
                Some(Awaited::Others { sequence: record.ts(), subject, held, looks })
            }
            Outcome::Done | Outcome::Nothing => {
                self.publish_hot(record, record.ts());
                None
            }
        }
    }

    /// Tries the rules on an event until all that they read is known to have been settled before it
    /// was read; `looks` is what they are known to read, `trial` what was tried already, if anything
    /// was. `find` gives what the event is about, and whether nothing of its thread group is missing:
    /// before each try, since for a guest that follows from what its home has published.
    ///
    /// An event that may wait no longer is decided on the best known state, and marked.
    fn try_rules<'r>(
        &mut self,
        record: &Record<'r>,
        mut looks: Looks,
        mut trial: Option<Trial<'r>>,
        may_wait: bool,
        mut find: impl FnMut(&mut Self) -> Option<(Subject, bool)>,
    ) -> Outcome {
        let tgid = record.header().tgid;
        let is_guest = self.homes.of(tgid) != self.own;
        // Whose state was known to be that of the event before it was read.
        let mut settled = Looks::default();
        let mut is_late = false;
        loop {
            if is_late || self.is_covered(record, &looks, &settled) {
                if let Some(trial) = &trial {
                    self.send_alerts(trial);
                    return Outcome::Done;
                }
            } else {
                if trial.is_some() {
                    self.give_up_alerts();
                }
                if self.is_settled(tgid, record.ts(), &looks) {
                    settled.add_all(&looks);
                } else if may_wait {
                    return Outcome::Waits(looks);
                } else {
                    is_late = true;
                }
            }
            let Some((subject, is_whole)) = find(self) else { return Outcome::Nothing };
            let state = match (is_whole, is_late) {
                (false, _) => StateQuality::Incomplete,
                (true, true) => StateQuality::Late,
                (true, false) => StateQuality::Exact,
            };
            let this = Trial { record: *record, subject, state, is_guest };
            self.try_once(&this);
            looks.add_all(&this.shard(&self.shard, self.spreading.as_ref()).take_looks());
            trial = Some(this);
        }
    }

    /// Tries the rules. The alerts are kept back; the shard has noted whose state was read beside.
    #[inline]
    fn try_once(&mut self, trial: &Trial<'_>) {
        let view = trial.view(&self.shard, self.spreading.as_ref(), &self.session, &self.stream);
        let alerts = &mut self.alerts;
        let examine = |alert| alerts.push(alert);
        self.examined = self.detector.examine(&view, trial.record.ts(), trial.state, examine);
    }

    /// The event is tried again: nothing has happened.
    #[cold]
    fn give_up_alerts(&mut self) {
        self.detector.take_back(&self.alerts);
        self.alerts.clear();
    }

    /// The event is done: counts it and sends its alerts.
    #[inline]
    fn send_alerts(&mut self, trial: &Trial<'_>) {
        let Examined { evaluations, alerts, capture_ns } = self.examined;
        if let Some(tap) = &mut self.tap {
            let spreading = self.spreading.as_ref();
            tap.event(&trial.view(&self.shard, spreading, &self.session, &self.stream), capture_ns);
        }
        self.counters.events.add(1);
        self.stream.pass(trial.record.ts());
        self.counters.evaluations.add(evaluations);
        if alerts > 0 {
            self.counters.alerts.add(alerts);
            if trial.state != StateQuality::Exact {
                self.counters.degraded_alerts.add(alerts);
            }
            for alert in self.alerts.drain(..) {
                self.sender.send(alert);
            }
        }
    }

    /// Whether all that was read was known to be settled before it was: by what this worker knew
    /// anyway, or because it is among `settled`.
    #[inline]
    fn is_covered(&self, record: &Record<'_>, looks: &Looks, settled: &Looks) -> bool {
        if looks.is_empty() {
            return true;
        }
        let sequence = record.ts();
        let is_past = self.floor >= sequence.saturating_sub(1);
        let is_known = |pid: i64| match self.homes.of(pid as u32) {
            home if home == self.own => self.is_own_settled(record.header().tgid, pid, sequence),
            _ => is_past || settled.pids().contains(&pid),
        };
        if looks.is_many() {
            return (is_past || settled.is_many()) && self.parking.oldest() >= sequence;
        }
        looks.pids().iter().all(|pid| is_known(*pid))
    }

    /// Whether the processes that were read are settled for an event of this thread group.
    fn is_settled(&self, tgid: u32, sequence: u64, looks: &Looks) -> bool {
        let (progress, gauges) = (&self.progress, &self.gauges);
        let is_drained = |worker| gauges.is_drained(worker);
        if looks.is_many() {
            return self.parking.oldest() >= sequence
                && progress.are_settled(self.own, sequence, is_drained);
        }
        looks.pids().iter().all(|pid| match self.homes.of(*pid as u32) {
            home if home == self.own => self.is_own_settled(tgid, *pid, sequence),
            home => progress.is_settled(home, class(*pid), sequence, is_drained),
        })
    }

    /// The same of a process of this worker: nothing of it may be parked that was before the event.
    fn is_own_settled(&self, tgid: u32, pid: i64, sequence: u64) -> bool {
        pid == i64::from(tgid) || self.parking.oldest_of(class(pid)) >= sequence
    }

    /// Tries parked processes again: applies those whose wait is over, and those that may wait no
    /// longer.
    pub fn retry_parked(&mut self) {
        while self.retry_once() {}
        if !self.parking.is_empty() {
            for tgid in self.parking.overdue() {
                self.counters.parking_timeouts.add(1);
                self.go_on(tgid, false);
            }
        }
        self.counters.parked_now.set(self.parking.records() as u64);
    }

    /// Says whether any thread group went on.
    fn retry_once(&mut self) -> bool {
        if self.parking.is_empty() {
            return false;
        }
        let misses = self.parking.misses();
        let ready = self.parking.ready(misses, |tgid, awaited| self.is_over(tgid, awaited));
        let has_gone_on = !ready.is_empty();
        ready.into_iter().for_each(|tgid| self.go_on(tgid, true));
        has_gone_on
    }

    fn is_over(&self, tgid: u32, awaited: &Awaited) -> bool {
        match awaited {
            Awaited::Inheritance { child_tid, start_time, birth_ts } => {
                self.directory.is_left(*child_tid, *start_time) || self.is_all_before(*birth_ts)
            }
            Awaited::Former { sequence, tgid: former } => {
                self.is_own_settled(tgid, (*former).into(), *sequence)
            }
            Awaited::Others { sequence, looks, .. } | Awaited::Home { sequence, looks } => {
                self.is_settled(tgid, *sequence, looks)
            }
        }
    }

    /// Whether everything before a parked record is applied, on all workers.
    fn is_all_before(&self, sequence: u64) -> bool {
        let is_drained = |worker| self.gauges.is_drained(worker);
        self.parking.oldest() >= sequence
            && self.progress.are_settled(self.own, sequence, is_drained)
    }

    /// Goes on with a parked thread group.
    fn go_on(&mut self, tgid: u32, may_wait: bool) {
        let Some(parked) = self.parking.take(tgid) else { return };
        self.counters.add_parking(parked.waited());
        self.unpark(tgid, parked, may_wait);
        // Only now: until here what was parked was not applied (rule 3 of `progress.rs`).
        self.publish_parked(tgid);
    }

    /// Goes on with a thread group that was parked, until one of its records must wait again.
    fn unpark(&mut self, tgid: u32, parked: Parked, may_wait: bool) {
        let Parked { awaited, mut records, .. } = parked;
        let mut is_orphan = false;
        let mut held = match awaited {
            Awaited::Others { subject, held, .. } => Some((subject, held)),
            Awaited::Inheritance { child_tid, start_time, .. } => {
                is_orphan = !self.directory.is_left(child_tid, start_time);
                None
            }
            Awaited::Former { .. } | Awaited::Home { .. } => None,
        };
        while let Some(bytes) = records.take_next() {
            let Ok(record) = Record::parse(bytes) else { continue };
            let awaited = match held.take() {
                Some((subject, held)) => {
                    let subject = self.shard.resume(subject, held, record.ts());
                    self.examine(&record, subject, may_wait)
                }
                None if std::mem::take(&mut is_orphan) => self.process_orphan(&record, may_wait),
                None => self.process(&record, may_wait),
            };
            if let Some(awaited) = awaited {
                self.note_parking(&awaited);
                records.put_back();
                self.parking.put_back(tgid, awaited, records);
                return;
            }
        }
    }

    /// Takes over the newest rules, and the machine's clock; call it between two batches.
    #[inline]
    pub fn adopt_rules(&mut self) {
        self.stream.shift_ns = self.clock.shift_ns();
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

    /// Says up to which time stamp this worker has taken its records.
    pub fn publish_progress(&mut self, taken_ns: u64) {
        self.progress.publish(self.own, taken_ns);
    }

    /// Looks how far the others have come; once for many records, for it reads what they write.
    pub fn look_at_others(&mut self) {
        self.floor = self.progress.slowest_other(self.own);
    }

    /// Whether records wait for another worker.
    pub fn is_waiting(&self) -> bool {
        !self.parking.is_empty()
    }

    /// Whether what it applies is recorded.
    #[inline]
    pub(crate) fn is_recording(&self) -> bool {
        self.tap.is_some()
    }

    /// Tells who records how far this worker has come. All records older than `seen_ns` were taken;
    /// what is parked is not applied yet.
    #[inline]
    pub(crate) fn tend_recording(&mut self, seen_ns: u64, now_ns: u64) {
        if let Some(tap) = &mut self.tap {
            tap.tend(seen_ns.min(self.parking.oldest()), now_ns, &self.shard);
        }
    }

    /// Ends threads whose exit was lost; call it now and then.
    pub fn end_unseen(&mut self) {
        let times = (self.progress.taken(self.own), self.clock.now_ns());
        let parking = &self.parking;
        let ended = self.unseen.advance(&mut self.shard, times, |tgid| parking.holds(tgid));
        self.counters.unseen_exits.add(ended);
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
    pub(crate) fn adopt(&mut self, newest: &Arc<HostFiles>, current: &mut Arc<HostFiles>) {
        if !Arc::ptr_eq(newest, current) {
            self.shard.users_mut().set_host_files(&newest.passwd, &newest.group);
            if let Some(spreading) = &mut self.spreading {
                spreading.guests.users_mut().set_host_files(&newest.passwd, &newest.group);
            }
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
            self.go_on(tgid, false);
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
        self.progress.end(self.own);
        self.rules.adopt(self.own, u64::MAX);
    }
}
