//! What the output and its sinks count.
//!
//! For each sink, at rest: `queued + restored = delivered + dropped + spool_full + failed +
//! waiting`, with `waiting` the lines in memory and on disk.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::latency::{Latency, LatencyCounter};
use crate::order::OrderTotals;

/// [`OrderTotals`] for others to read; written by the dispatcher.
#[derive(Debug, Default)]
pub(crate) struct OrderCounters {
    is_on: AtomicBool,
    out_of_order: AtomicU64,
    overdue: AtomicU64,
    crowded: AtomicU64,
    held: AtomicU64,
}

impl OrderCounters {
    pub(crate) fn set(&self, totals: &OrderTotals) {
        self.is_on.store(totals.is_on, Ordering::Relaxed);
        self.out_of_order.store(totals.out_of_order, Ordering::Relaxed);
        self.overdue.store(totals.overdue, Ordering::Relaxed);
        self.crowded.store(totals.crowded, Ordering::Relaxed);
        self.held.store(totals.held, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> OrderTotals {
        OrderTotals {
            is_on: self.is_on.load(Ordering::Relaxed),
            out_of_order: self.out_of_order.load(Ordering::Relaxed),
            overdue: self.overdue.load(Ordering::Relaxed),
            crowded: self.crowded.load(Ordering::Relaxed),
            held: self.held.load(Ordering::Relaxed),
        }
    }
}

/// Counters of one sink, written by the dispatcher and by the sink's threads.
#[derive(Debug, Default)]
pub(crate) struct SinkShared {
    pub(crate) delivered: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) spool_full: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Lines put into the queue, for the sum at the end.
    pub(crate) queued: AtomicU64,
    pub(crate) restored: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) spooled: AtomicU64,
    pub(crate) spooled_now: AtomicU64,
    pub(crate) spool_bytes: AtomicU64,
    pub(crate) spool_damaged: AtomicU64,
    pub(crate) is_failing: AtomicBool,
    pub(crate) reopen: AtomicBool,
    pub(crate) latency: LatencyCounter,
    last_error: Mutex<Option<String>>,
}

impl SinkShared {
    pub(crate) fn set_error(&self, error: &io::Error) {
        *self.last_error.lock() = Some(error.to_string());
    }

    pub(crate) fn totals(&self, name: &str) -> SinkTotals {
        // Relaxed: statistics, read when the threads have been joined or as a snapshot.
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (delivered, failed) = (get(&self.delivered), get(&self.failed));
        let (dropped, spool_full) = (get(&self.dropped), get(&self.spool_full));
        let gone = delivered + dropped + spool_full + failed;
        let came = get(&self.queued) + get(&self.restored);
        let last_error = self.last_error.lock();
        SinkTotals {
            name: name.to_owned(),
            delivered,
            dropped,
            spool_full,
            failed,
            restored: get(&self.restored),
            retries: get(&self.retries),
            spooled: get(&self.spooled),
            waiting: came.saturating_sub(gone),
            spooled_now: get(&self.spooled_now),
            spool_bytes: get(&self.spool_bytes),
            spool_damaged: get(&self.spool_damaged),
            is_failing: self.is_failing.load(Ordering::Relaxed),
            last_error: last_error.clone(),
            latency: self.latency.totals(),
        }
    }
}

/// Adds to a statistic.
pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

/// What a sink did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SinkTotals {
    /// Name of the sink.
    pub name: String,
    /// Alerts written.
    pub delivered: u64,
    /// Alerts lost because the sink's queue was full.
    pub dropped: u64,
    /// Alerts lost because the sink's spool was full or could not be written, and memory as well.
    pub spool_full: u64,
    /// Alerts lost because the sink rejected them, or because writing failed and is not tried
    /// again.
    pub failed: u64,
    /// Alerts that an earlier process left in the spool.
    pub restored: u64,
    /// Writes that failed and were tried again.
    pub retries: u64,
    /// Alerts that went to disk.
    pub spooled: u64,
    /// Alerts that wait in the sink's queue or in its spool, or are being written.
    pub waiting: u64,
    /// Those of them that are on disk.
    pub spooled_now: u64,
    /// Bytes of the spool on disk.
    pub spool_bytes: u64,
    /// Places in the spool that could not be read again.
    pub spool_damaged: u64,
    /// Whether the last write failed.
    pub is_failing: bool,
    /// What the last failure was.
    pub last_error: Option<String>,
    /// How long its alerts took.
    pub latency: Latency,
}

impl SinkTotals {
    /// Alerts that this sink will never deliver.
    pub fn lost(&self) -> u64 {
        self.dropped + self.spool_full + self.failed
    }

    /// Adds these figures to those of the same name; whether the sink fails now, and why, stays
    /// what the others say.
    pub(crate) fn add_to(self, all: &mut Vec<Self>) {
        let Some(sum) = all.iter_mut().find(|sink| sink.name == self.name) else {
            return all.push(self);
        };
        sum.delivered += self.delivered;
        sum.dropped += self.dropped;
        sum.spool_full += self.spool_full;
        sum.failed += self.failed;
        sum.restored += self.restored;
        sum.retries += self.retries;
        sum.spooled += self.spooled;
        sum.waiting += self.waiting;
        sum.spooled_now += self.spooled_now;
        sum.spool_bytes += self.spool_bytes;
        sum.spool_damaged += self.spool_damaged;
        self.latency.add_to(&mut sum.latency);
        sum.last_error = sum.last_error.take().or(self.last_error);
    }
}

/// What the output did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputTotals {
    /// Alerts taken from workers.
    pub accepted: u64,
    /// Alerts lost because the alert queue was full (or the output had ended).
    pub dropped: u64,
    /// Alerts that wait for the dispatcher, or are kept back by it.
    pub waiting: u64,
    /// What putting alerts in order did.
    pub order: OrderTotals,
    /// Per sink.
    pub sinks: Vec<SinkTotals>,
}

/// The end of the output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputReport {
    /// Final figures; `waiting` is what was abandoned, or is left in a spool for the next start.
    pub totals: OutputTotals,
    /// Names of sinks that did not finish in time.
    pub unfinished: Vec<String>,
}
