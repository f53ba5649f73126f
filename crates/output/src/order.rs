//! Alerts of several workers in the order of their events.
//!
//! Each worker sends its alerts as it finds them; what one has found first may have happened after
//! what another finds later. [`Order`] keeps an alert back until nothing older can come any more,
//! or until it was kept for the longest time that it may be.
//!
//! Rules:
//!
//! 1. The order is that of sequences; of equal ones that of workers, and of one worker that in which
//!    it sent them. Only alerts of workers are kept back ([`crate::AlertSender::of_worker`]): those
//!    about the engine itself have no place among events.
//! 2. [`Watermark::settled`] says `s` only if every alert with a sequence up to `s` was sent before
//!    it was asked. Who asks it asks first and then takes all that lies in the queue, so the queue
//!    and what is kept back hold all of them, and those up to `s` leave, sorted.
//! 3. An alert that was kept back for the window leaves, and with it all that are older.
//! 4. No more alerts stay than the bound says: the oldest leave before their time.
//! 5. An alert that comes after a younger one has left leaves at once.
//!
//! Nothing is lost or doubled here; rules 3 to 5 only cost order, and each is counted.
//!
//! A replay merges too (`peregrine_engine::replay::parallel`), but of that nothing can be shared:
//! it waits for all workers' shares of an epoch and then sorts finished runs, with no clock, no
//! bound and nobody who comes late.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// Knows how far all workers have come.
pub trait Watermark: Send {
    /// Every alert with a sequence up to this was sent, before this call.
    fn settled(&self) -> u64;
}

impl<F: Fn() -> u64 + Send> Watermark for F {
    fn settled(&self) -> u64 {
        self()
    }
}

/// Bounds of keeping alerts back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderOptions {
    /// Longest time an alert is kept back.
    pub window: Duration,
    /// Most alerts that stay kept back.
    pub capacity: usize,
}

impl OrderOptions {
    /// Most alerts kept back unless somebody says otherwise: some tens of megabytes.
    pub const CAPACITY: usize = 16_384;

    /// Keeps alerts back for at most this long.
    pub fn new(window: Duration) -> Self {
        Self { window, capacity: Self::CAPACITY }
    }
}

/// What keeping back did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderTotals {
    /// Whether alerts are put in order at all.
    pub is_on: bool,
    /// Alerts that left behind a younger one.
    pub out_of_order: u64,
    /// Alerts that left because they had been kept for the window.
    pub overdue: u64,
    /// Alerts that left before their time because too many were kept.
    pub crowded: u64,
    /// Alerts kept back at this moment.
    pub held: u64,
}

/// Sequence, worker, and place among all that came.
type Key = (u64, u32, u64);

/// Keeps things back until it is their turn.
#[derive(Debug)]
pub(crate) struct Order<T> {
    options: OrderOptions,
    held: BTreeMap<Key, T>,
    /// When each came and which it is, by its place among all that came.
    arrivals: BTreeMap<u64, (Instant, Key)>,
    came: u64,
    /// The largest sequence that has left.
    newest: u64,
    totals: OrderTotals,
}

impl<T> Order<T> {
    pub(crate) fn new(options: OrderOptions) -> Self {
        Self {
            options,
            held: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            came: 0,
            newest: 0,
            totals: OrderTotals { is_on: true, ..OrderTotals::default() },
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(crate) fn totals(&self) -> OrderTotals {
        OrderTotals { held: self.held.len() as u64, ..self.totals }
    }

    /// Takes one; gives it back if it is too late to be kept (rule 5).
    pub(crate) fn add(&mut self, sequence: u64, worker: u32, it: T, now: Instant) -> Option<T> {
        if sequence < self.newest {
            self.totals.out_of_order += 1;
            return Some(it);
        }
        self.came += 1;
        let key = (sequence, worker, self.came);
        self.arrivals.insert(self.came, (now, key));
        self.held.insert(key, it);
        None
    }

    /// Lets go of all up to a sequence, then of what may not stay (rules 2 to 4).
    pub(crate) fn release(&mut self, settled: u64, now: Instant, mut emit: impl FnMut(T)) {
        self.release_while(|key, _| key.0 <= settled, &mut emit);
        while let Some((since, key)) = self.arrivals.first_key_value().map(|(_, arrival)| *arrival)
            && now.saturating_duration_since(since) >= self.options.window
        {
            self.totals.overdue += self.release_while(|other, _| *other <= key, &mut emit);
        }
        let capacity = self.options.capacity;
        self.totals.crowded += self.release_while(|_, held| held > capacity, &mut emit);
    }

    /// Lets go of everything.
    pub(crate) fn flush(&mut self, mut emit: impl FnMut(T)) {
        self.release_while(|_, _| true, &mut emit);
    }

    /// Lets go of the oldest while a condition on it and on their number holds; says of how many.
    fn release_while(
        &mut self,
        may_go: impl Fn(&Key, usize) -> bool,
        emit: &mut impl FnMut(T),
    ) -> u64 {
        let mut count = 0;
        while let Some(first) = self.held.first_entry().map(|entry| *entry.key())
            && may_go(&first, self.held.len())
            && let Some((key, it)) = self.held.pop_first()
        {
            self.arrivals.remove(&key.2);
            self.newest = self.newest.max(key.0);
            emit(it);
            count += 1;
        }
        count
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
