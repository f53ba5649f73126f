//! A replay on several workers, with the results of one.
//!
//! ```text
//!            ┌─ router ─────────────┐        ┌─ workers ──────────────────────┐
//! Reader ──► │ Intake ─► lead shard │ epochs │ Partition ─► Examiner ─► found │ ─► merge ─► consumer
//!            │            └► owners │ ─────► │ Partition ─► Examiner ─► found │    by order
//!            └──────────────────────┘        └───────────┬────────────────────┘
//!                                              exchange ─┘ files of a child, …
//! ```
//! The router converts and numbers the events in order and gives each to the worker that owns its
//! thread group. Events that other thread groups can see the effect of go to all workers, so that
//! each has the same threads at the same event; only the owner looks at them. See
//! [`peregrine_state::replica`]. The files of a new process of another owner are handed over in an
//! exchange: its worker waits until the parent's worker has come to the same event.
//!
//! # Why it cannot get stuck
//!
//! A worker only waits for a worker that has not reached the same event yet. An epoch goes to all
//! workers before any gets the next one, so the worker that is furthest behind has its events and
//! waits for nobody; and the router waits only for a worker that has epochs to work on. Results
//! are taken from all workers, epoch after epoch: a worker that waits to hand in an epoch is ahead
//! of another, which owes an earlier one.
//!
//! # What is exact
//!
//! Everything, for any number of workers, any [`Partitioning`] and any delays.

mod delay;
mod epoch;
mod exchange;
mod merge;
mod owners;
mod router;
mod worker;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;

use peregrine_capture::{Error, Reader};
use peregrine_fields::view::{EventView, Session};

use super::{Partition, ReplayTotals};
use crate::host::HostFiles;
pub use owners::{NewProcess, Partitioning};

/// Looks at the events of one worker.
pub trait Examiner: Send {
    /// What it finds, such as alerts or lines.
    type Found: Send;

    /// Looks at an event, after it was applied. What is pushed to `found` comes to the consumer in
    /// the order of the capture. Rules see the event if `is_for_rules`.
    fn examine(&mut self, event: &EventView<'_>, is_for_rules: bool, found: &mut Vec<Self::Found>);
}

/// What the consumer is shown.
#[derive(Debug)]
pub enum Outcome<T> {
    /// What an examiner found.
    Found(T),
    /// Damage that reading goes on behind.
    Damage(Error),
    /// So many events have been read and looked at.
    Progress(u64),
}

/// How a replay is shared out.
#[derive(Debug, Clone)]
pub struct ParallelOptions {
    /// Which worker gets which thread group.
    pub partitioning: Partitioning,
    /// Most events of an epoch. Smaller ones come out sooner, larger ones cost less.
    pub epoch_events: NonZeroUsize,
    /// Epochs that a worker may have before it; bounds memory.
    pub queued_epochs: usize,
    /// Makes workers give way at random, from this seed. For tests.
    pub delay_seed: Option<u64>,
}

impl Default for ParallelOptions {
    fn default() -> Self {
        Self {
            partitioning: Partitioning::default(),
            epoch_events: NonZeroUsize::new(4096).expect("it is not zero"),
            queued_epochs: 4,
            delay_seed: None,
        }
    }
}

/// What is left of a replay.
pub struct Finished<E> {
    /// The examiners, in order.
    pub examiners: Vec<E>,
    /// The state of each worker as of the last event; see [`peregrine_state::replica`] for what
    /// each of them knows.
    pub partitions: Vec<Partition>,
    /// What was read.
    pub totals: ReplayTotals,
    /// Why reading could not go on. Everything before was shown to the consumer.
    pub end: Result<(), Error>,
}

/// Replays one capture, until its end or until the consumer breaks, with a worker thread per
/// examiner, one for reading, and the calling one for results.
///
/// # Panics
/// If there is no examiner, or if one panics.
pub fn replay<E: Examiner>(
    reader: &mut Reader,
    (session, host_files): (&Session, &HostFiles),
    examiners: Vec<E>,
    options: &ParallelOptions,
    mut consumer: impl FnMut(Outcome<E::Found>) -> ControlFlow<()>,
) -> Finished<E> {
    let count = examiners.len();
    assert!((1..=usize::from(u16::MAX)).contains(&count), "{count} workers");
    let exchange = exchange::Exchange::default();
    let partition = || Partition::new(session.clone(), host_files.clone());
    let (used_sender, used) = crossbeam_channel::unbounded();
    let (mut epoch_senders, mut results) = (Vec::new(), Vec::new());
    let owners = owners::Owners::new(count, options.partitioning.clone());
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (own, examiner) in examiners.into_iter().enumerate() {
            let (epoch_sender, epochs) = crossbeam_channel::bounded(options.queued_epochs.max(1));
            let (result_sender, result) = crossbeam_channel::bounded(options.queued_epochs.max(1));
            let delay = options.delay_seed.map(|seed| delay::Delay::new(seed, own as u64));
            let worker = worker::Worker {
                own: own as u16,
                workers: count,
                partition: partition(),
                examiner,
                exchange: &exchange,
                delay,
                found: Vec::new(),
            };
            epoch_senders.push(epoch_sender);
            results.push(result);
            threads.push(scope.spawn(move || worker.run(&epochs, &result_sender)));
        }
        let lead = partition();
        let epoch_events = options.epoch_events.get();
        let router = scope.spawn(move || {
            router::Router::new(lead, owners, epoch_events, &epoch_senders, &used).run(reader)
        });
        let _ = merge::merge(&results, &used_sender, &mut consumer);
        // Whoever still works finds nobody who wants results.
        drop(results);
        let joined = threads.into_iter().map(|thread| thread.join());
        let joined: Vec<_> = joined.map(|end| end.unwrap_or_else(|p| resume(p))).collect();
        let (totals, end) = router.join().unwrap_or_else(|p| resume(p));
        let (examiners, partitions) = joined.into_iter().unzip();
        Finished { examiners, partitions, totals, end }
    })
}

fn resume(panic: Box<dyn std::any::Any + Send>) -> ! {
    std::panic::resume_unwind(panic)
}

/// Epochs travel as references to one; the merge gets them back.
type SharedEpoch = Arc<epoch::Epoch>;
