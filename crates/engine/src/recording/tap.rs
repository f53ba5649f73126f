//! The worker's end of a recording.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crossbeam_channel::{Sender, TrySendError};
use peregrine_event::{EventFlags, Record};
use peregrine_fields::view::EventView;
use peregrine_state::{Inventory, Shard};

use super::{Trigger, Verdict, WhenFull};
use crate::replay::EventFilter;

/// Bytes at which a batch is handed over.
const BATCH_BYTES: usize = 128 << 10;
/// Age at which it is handed over all the same, so that the others are not held up.
const BATCH_NS: u64 = 50_000_000;

/// What a worker hands to the recorder.
#[derive(Default)]
pub(super) struct Batch {
    pub worker: usize,
    /// Generation of the events.
    pub generation: u32,
    /// How far the worker has come.
    pub mark_ns: u64,
    /// Records, each behind its verdict.
    pub bytes: Vec<u8>,
    /// What the worker had when this generation began, in the first batch of one.
    pub inventory: Option<Inventory>,
    pub triggers: Vec<Trigger>,
}

/// What the recorder tells the workers, and what they count for it.
///
/// # Rules
///
/// 1. Only the recorder stores `cut_ns` and `generation`, in this order; `generation` with
///    `Release`. A tap that reads a new generation (`Acquire`) sees its time.
/// 2. The recorder asks for another cut only after all taps have answered the last one, so a tap is
///    never more than one generation behind.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Time of the cut that begins `generation`.
    pub cut_ns: AtomicU64,
    /// Generation that has been asked for.
    pub generation: AtomicU32,
    /// Events that were left out because the recorder did not keep up.
    pub lost: AtomicU64,
}

impl Shared {
    /// Asks for the next generation from this time on (rule 1).
    pub fn ask(&self, generation: u32, at_ns: u64) {
        self.cut_ns.store(at_ns, Ordering::Relaxed);
        self.generation.store(generation, Ordering::Release);
    }
}

/// Copies a worker's events for the recorder.
pub struct Tap {
    out: Sender<Batch>,
    shared: Arc<Shared>,
    filter: Option<EventFilter>,
    /// Unwanted events are of use to captures around alerts.
    keeps_unwanted: bool,
    when_full: WhenFull,
    batch: Batch,
    events: u64,
    /// Time of the next cut; the end of time if none is asked for.
    cut_ns: u64,
    sent_ns: u64,
}

impl Tap {
    pub(super) fn new(
        worker: usize,
        out: Sender<Batch>,
        shared: Arc<Shared>,
        filter: Option<EventFilter>,
        keeps_unwanted: bool,
        when_full: WhenFull,
    ) -> Self {
        let batch = Batch { worker, ..Batch::default() };
        Self {
            out,
            shared,
            filter,
            keeps_unwanted,
            when_full,
            batch,
            events: 0,
            cut_ns: u64::MAX,
            sent_ns: 0,
        }
    }

    /// To be called with each record before it is applied: where a cut is due, what was applied so
    /// far belongs to the old generation.
    #[inline]
    pub fn before(&mut self, record: &Record<'_>, shard: &Shard) {
        if record.ts() >= self.cut_ns {
            self.cut(shard);
        }
    }

    /// Takes an event that was applied, and how long it keeps a capture going, if it does.
    pub fn event(&mut self, view: &EventView<'_>, capture_ns: Option<u64>) {
        let record = &view.record;
        let verdict = if self.filter.as_mut().is_none_or(|filter| filter.matches(view)) {
            Verdict::Wanted
        } else if record.def().flags.has(EventFlags::MODIFIES_STATE) {
            Verdict::StateOnly
        } else {
            Verdict::Unwanted
        };
        if let Some(duration_ns) = capture_ns {
            let trigger = Trigger { ts: record.ts(), number: view.number, duration_ns };
            self.batch.triggers.push(trigger);
        }
        if verdict == Verdict::Unwanted && !self.keeps_unwanted {
            return;
        }
        self.batch.bytes.push(verdict as u8);
        record.write_to(&mut self.batch.bytes);
        self.events += 1;
        if self.batch.bytes.len() >= BATCH_BYTES {
            self.send();
        }
    }

    /// To be called every now and then, and when the rings are empty. All records older than
    /// `mark_ns` have been applied; `now_ns` is the time.
    #[inline]
    pub fn tend(&mut self, mark_ns: u64, now_ns: u64, shard: &Shard) {
        // Rule 1.
        if self.shared.generation.load(Ordering::Acquire) != self.batch.generation {
            self.cut_ns = self.shared.cut_ns.load(Ordering::Relaxed);
            if mark_ns >= self.cut_ns {
                self.cut(shard);
            }
        }
        self.batch.mark_ns = self.batch.mark_ns.max(mark_ns);
        if now_ns.saturating_sub(self.sent_ns) >= BATCH_NS || now_ns < self.sent_ns {
            self.send();
            self.sent_ns = now_ns;
        }
    }

    /// The end: everything was applied.
    pub fn finish(mut self, shard: &Shard) {
        // A cut that is waited for is made now, so that the others wait in vain for none.
        if self.shared.generation.load(Ordering::Acquire) != self.batch.generation {
            self.cut(shard);
        }
        self.batch.mark_ns = u64::MAX;
        self.when_full = WhenFull::Wait;
        self.send();
    }

    /// Ends a generation and lists what the next one begins with.
    #[cold]
    fn cut(&mut self, shard: &Shard) {
        self.send();
        self.batch.generation += 1;
        self.batch.inventory = Some(shard.inventory());
        self.cut_ns = u64::MAX;
    }

    fn send(&mut self) {
        let next = Batch {
            worker: self.batch.worker,
            generation: self.batch.generation,
            mark_ns: self.batch.mark_ns,
            ..Batch::default()
        };
        let batch = std::mem::replace(&mut self.batch, next);
        let events = std::mem::take(&mut self.events);
        match self.when_full {
            // A recorder that is gone has said why.
            WhenFull::Wait => _ = self.out.send(batch),
            WhenFull::Lose => match self.out.try_send(batch) {
                Ok(()) | Err(TrySendError::Disconnected(_)) => {}
                Err(TrySendError::Full(mut batch)) => {
                    self.shared.lost.fetch_add(events, Ordering::Relaxed);
                    batch.bytes.clear();
                    // What there is only once goes with the next batch.
                    self.batch = batch;
                }
            },
        }
    }
}
