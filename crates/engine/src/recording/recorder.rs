//! The recorder: the thread that writes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use peregrine_capture::Error;
use peregrine_probe::RecordClock;
use peregrine_state::Inventory;

use super::alerts::AlertCaptures;
use super::file::Recording;
use super::merge::Merge;
use super::state::{Listing, Surroundings};
use super::tap::{Batch, Shared, Tap};
use super::{RecordOptions, Verdict};
use crate::replay::{EventFilter, FilterError};

/// Batches that may wait for the recorder.
const QUEUE: usize = 256;
/// Bytes of records that wait for slower workers.
const HELD_BYTES: usize = 256 << 20;
/// Longest time without a look at what can be written.
const LOOK: Duration = Duration::from_millis(50);
/// Time between two flushes.
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// How far ahead a cut is asked for: workers look for one every now and then.
const AHEAD_NS: u64 = 20_000_000;

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// The condition is none.
    #[error("the condition of the capture: {0}")]
    Filter(#[from] FilterError),
    /// The file.
    #[error(transparent)]
    File(#[from] Error),
    /// The thread cannot be started.
    #[error("cannot start the recorder: {0}")]
    Thread(std::io::Error),
}

/// What was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordingSummary {
    /// Files of the capture of everything that are there, oldest first.
    pub files: Vec<PathBuf>,
    /// Events in it, also in files that rotation has deleted.
    pub events: u64,
    /// Its bytes before compression.
    pub bytes: u64,
    /// Events that came later than the order of time allows; they are in the file, but behind
    /// younger ones.
    pub late: u64,
    /// Events that are missing because writing did not keep up.
    pub lost: u64,
    /// Captures around alerts.
    pub captures: Vec<PathBuf>,
    /// How many of them ended before their time because of their size.
    pub captures_cut_short: u64,
    /// Why writing stopped, if it did. What came later is not in the capture.
    pub error: Option<String>,
}

/// A running recorder.
pub struct Recorder {
    thread: JoinHandle<RecordingSummary>,
    taps: Vec<Tap>,
    has_failed: Arc<AtomicBool>,
}

impl Recorder {
    /// Starts to record what so many workers apply. `inventories` is what they begin with, `clock`
    /// that of the records: times in the capture follow no clock that is set meanwhile.
    ///
    /// # Errors
    /// [`RecorderError`]; nothing was started.
    pub fn start(
        options: &RecordOptions,
        workers: usize,
        surroundings: Surroundings,
        inventories: Vec<Inventory>,
        clock: RecordClock,
    ) -> Result<Self, RecorderError> {
        let listing = Listing { surroundings: Arc::new(surroundings), inventories, given: None };
        let filter = options.file.as_ref().and_then(|file| file.filter.as_deref());
        let mut taps = Vec::new();
        let (sender, receiver): (Sender<Batch>, _) = bounded(QUEUE);
        let shared = Arc::new(Shared::default());
        for worker in 0..workers {
            taps.push(Tap::new(
                worker,
                sender.clone(),
                shared.clone(),
                filter.map(EventFilter::new).transpose()?,
                options.alerts.is_some(),
                options.when_full,
            ));
        }
        let file = match &options.file {
            Some(file) => Some(Recording::create(file, &listing.state())?),
            None => None,
        };
        let has_failed = Arc::new(AtomicBool::new(false));
        let surroundings = listing.surroundings.clone();
        let alert_options = options.alerts.clone();
        let failed = has_failed.clone();
        let run = move || {
            let alerts = alert_options.map(|options| AlertCaptures::new(options, listing));
            Thread {
                receiver,
                shared,
                surroundings,
                merge: Merge::new(workers, HELD_BYTES),
                targets: Targets { file, alerts, error: None, has_failed: failed },
                generation: 0,
                asked: 0,
                answers: vec![None; workers],
                clock,
            }
            .run()
        };
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(run)
            .map_err(RecorderError::Thread)?;
        Ok(Self { thread, taps, has_failed })
    }

    /// The ends for the workers, by their numbers; to be taken once.
    pub fn taps(&mut self) -> Vec<Tap> {
        std::mem::take(&mut self.taps)
    }

    /// Whether writing has stopped with an error.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Waits until everything is written; to be called when all taps have ended.
    pub fn finish(self) -> RecordingSummary {
        drop(self.taps);
        self.thread.join().unwrap_or_else(|_| RecordingSummary {
            error: Some("the recorder panicked, which is a defect".into()),
            ..RecordingSummary::default()
        })
    }
}

/// Where events go.
struct Targets {
    file: Option<Recording>,
    alerts: Option<AlertCaptures>,
    error: Option<String>,
    has_failed: Arc<AtomicBool>,
}

impl Targets {
    fn event(&mut self, event: super::Event<'_>) {
        if event.verdict != Verdict::Unwanted
            && !self.has_failed.load(Ordering::Relaxed)
            && let Some(file) = &mut self.file
        {
            let result = file.event(event);
            self.check_file(result);
        }
        if let Some(alerts) = &mut self.alerts {
            let result = alerts.event(event.record);
            self.check(result);
        }
    }

    /// Without its file there is nothing more to write to.
    fn check_file(&mut self, result: Result<(), Error>) {
        if let Err(error) = &result
            && error.is_fatal()
        {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        self.check(result);
    }

    /// An event that a capture cannot hold is none of its faults; the first real one is kept.
    fn check(&mut self, result: Result<(), Error>) {
        if let Err(error) = result
            && error.is_fatal()
        {
            self.error.get_or_insert_with(|| error.to_string());
        }
    }

    fn flush(&mut self) {
        if !self.has_failed.load(Ordering::Relaxed)
            && let Some(file) = &mut self.file
        {
            let result = file.flush();
            self.check_file(result);
        }
        if let Some(alerts) = &mut self.alerts {
            let result = alerts.flush();
            self.check(result);
        }
    }

    fn cut(&mut self, listing: Listing) {
        if let Some(file) = &mut self.file {
            file.cut(|| listing.state());
        }
        if let Some(alerts) = &mut self.alerts {
            let result = alerts.cut(listing);
            self.check(result);
        }
    }

    fn wants_cut(&self) -> bool {
        self.file.as_ref().is_some_and(Recording::is_full)
            || self.alerts.as_ref().is_some_and(AlertCaptures::wants_cut)
    }
}

struct Thread {
    receiver: Receiver<Batch>,
    shared: Arc<Shared>,
    surroundings: Arc<Surroundings>,
    merge: Merge,
    targets: Targets,
    /// Generation being written.
    generation: u32,
    /// Generation asked for.
    asked: u32,
    /// What each worker has for the generation asked for.
    answers: Vec<Option<Inventory>>,
    clock: RecordClock,
}

impl Thread {
    fn run(mut self) -> RecordingSummary {
        let mut flushed = Instant::now();
        loop {
            match self.receiver.recv_timeout(LOOK) {
                Ok(batch) => {
                    self.take(batch);
                    // What is there already is merged in one go.
                    for _ in 0..QUEUE {
                        let Ok(batch) = self.receiver.try_recv() else { break };
                        self.take(batch);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.advance();
            if flushed.elapsed() >= FLUSH_EVERY {
                self.targets.flush();
                flushed = Instant::now();
            }
        }
        self.finish()
    }

    fn take(&mut self, batch: Batch) {
        let Batch { worker, generation, mark_ns, bytes, inventory, triggers } = batch;
        if let Some(inventory) = inventory
            && let Some(answer) = self.answers.get_mut(worker)
        {
            *answer = Some(inventory);
        }
        self.merge.push(worker, generation, mark_ns, bytes);
        for trigger in triggers {
            let alerts = self.targets.alerts.as_mut();
            let result = alerts.map_or(Ok(()), |alerts| alerts.trigger(trigger));
            self.targets.check(result);
        }
    }

    fn advance(&mut self) {
        let targets = &mut self.targets;
        self.merge.advance(self.generation, |event| targets.event(event));
        if self.asked != self.generation {
            if self.answers.iter().all(Option::is_some) {
                // A worker answers behind the last of its old generation.
                self.merge.finish(self.generation, |event| targets.event(event));
                self.generation = self.asked;
                let inventories = self.answers.iter_mut().filter_map(Option::take).collect();
                let surroundings = self.surroundings.clone();
                targets.cut(Listing { surroundings, inventories, given: None });
            }
        } else if targets.wants_cut() {
            self.asked += 1;
            self.shared.ask(self.asked, self.clock.now_ns() + AHEAD_NS);
        }
    }

    fn finish(mut self) -> RecordingSummary {
        self.advance();
        let targets = &mut self.targets;
        self.merge.finish(u32::MAX, |event| targets.event(event));
        let mut summary = RecordingSummary {
            late: self.merge.late(),
            lost: self.shared.lost.load(Ordering::Relaxed),
            ..RecordingSummary::default()
        };
        if let Some(file) = targets.file.take() {
            (summary.bytes, summary.events) = file.written();
            summary.files = file.files();
            let result = file.finish();
            targets.check(result);
        }
        if let Some(mut alerts) = targets.alerts.take() {
            let result = alerts.finish();
            let (files, cut_short) = alerts.files();
            summary.captures = files.to_vec();
            summary.captures_cut_short = cut_short;
            targets.check(result);
        }
        summary.error = targets.error.take();
        summary
    }
}
