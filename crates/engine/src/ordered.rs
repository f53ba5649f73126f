//! Alerts of all workers in the order of their events: tells the output up to where all are sent.
//!
//! # Why nothing older can come
//!
//! 1. A worker sends the alerts of an event (`Worker::send_alerts`) before it takes its next record
//!    or lets its parking go on. So they are in the alert queue before it publishes a taken mark
//!    that covers the event, before it gives the record's bytes back to the kernel, and before it
//!    raises the parked mark of an event that was parked (rules 2, 3 and 5 of [`crate::progress`]).
//!    Before its end of time is published it has sent what it had parked (`Worker::finish`, then
//!    `drop`).
//! 2. All of those are released, and [`Settled`] acquires them: of each worker first how far it has
//!    taken its records, or that its rings are drained, then what is parked. So whatever is up to
//!    the smallest of all was sent before, and lies in the queue when that is emptied afterwards.
//!    (The mark of all that is parked also covers guests, which nobody else waits for.)
//! 3. A ring that is drained holds nothing of before the look; the time is therefore read before
//!    the rings are.
//! 4. Time stamps are taken a little before a record is visible. A mark may cover a record that
//!    comes a little later, which [`SLACK_NS`] makes up for. A record that is older still gives an
//!    alert out of order, which the output counts.
//!
//! Nothing here is synchronisation of its own. `tests/models` tries every interleaving of this with
//! the marks, and finds it broken if the queue is looked at before the marks or an alert is sent
//! behind them.

use std::sync::Arc;

use peregrine_output::Watermark;
use peregrine_probe::RecordClock;

use crate::gauges::Gauges;
use crate::progress::Progress;

/// Longest time between the stamp of a record and its place in a ring.
pub const SLACK_NS: u64 = 1_000_000;

/// How far all workers have come.
pub struct Settled {
    progress: Arc<Progress>,
    gauges: Arc<Gauges>,
    clock: RecordClock,
}

impl Settled {
    /// Of these workers. `clock` is that of the records.
    pub fn new(progress: Arc<Progress>, gauges: Arc<Gauges>, clock: RecordClock) -> Self {
        Self { progress, gauges, clock }
    }
}

impl Watermark for Settled {
    fn settled(&self) -> u64 {
        let began_ns = self.clock.now_ns();
        let slowest = self.progress.slowest(|worker| self.gauges.is_drained(worker));
        slowest.min(began_ns).saturating_sub(SLACK_NS)
    }
}
