//! The latest numbers, and those of the last minutes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::health::Health;
use crate::snapshot::{RuleText, Snapshot};

/// Seconds of history.
const HISTORY: usize = 600;

/// One second of history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// End of the second, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// Events per second.
    pub events_per_s: f64,
    /// Lost records per second.
    pub drops_per_s: f64,
    /// Alerts per second.
    pub alerts_per_s: f64,
    /// How full the fullest ring was, from 0 to 1.
    pub ring_fill: f64,
}

impl Point {
    /// What happened between two snapshots.
    pub fn between(earlier: &Snapshot, later: &Snapshot) -> Self {
        let seconds = (later.time_ns.saturating_sub(earlier.time_ns) as f64 / 1e9).max(1e-3);
        let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
        Self {
            time_ns: later.time_ns,
            events_per_s: rate(earlier.events, later.events),
            drops_per_s: rate(earlier.dropped(), later.dropped()),
            alerts_per_s: rate(earlier.alerts, later.alerts),
            ring_fill: later.fullest_ring(),
        }
    }
}

/// Where the owner of the numbers puts them, about once a second, and readers find them.
pub struct Board {
    latest: watch::Sender<Arc<Snapshot>>,
    texts: ArcSwap<Vec<RuleText>>,
    history: Mutex<VecDeque<Point>>,
    health: Mutex<Health>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            latest: watch::Sender::new(Arc::default()),
            texts: ArcSwap::default(),
            history: Mutex::default(),
            health: Mutex::default(),
        }
    }
}

impl Board {
    /// A board without numbers.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Puts up new numbers.
    pub fn publish(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        let before = self.latest.send_replace(snapshot.clone());
        lock(&self.health).observe(&snapshot);
        if before.time_ns > 0 {
            let mut history = lock(&self.history);
            history.push_back(Point::between(&before, &snapshot));
            if history.len() > HISTORY {
                history.pop_front();
            }
        }
    }

    /// Puts up the rules as they were written.
    pub fn set_rules(&self, texts: Vec<RuleText>) {
        self.texts.store(Arc::new(texts));
    }

    /// The latest numbers.
    pub fn latest(&self) -> Arc<Snapshot> {
        self.latest.borrow().clone()
    }

    /// The rules as they were written.
    pub fn rules(&self) -> Arc<Vec<RuleText>> {
        self.texts.load_full()
    }

    /// The last minutes, oldest first.
    pub fn history(&self) -> Vec<Point> {
        lock(&self.history).iter().copied().collect()
    }

    /// What is wrong at `now_ns`; empty if all is well.
    pub fn problems(&self, now_ns: u64) -> Vec<String> {
        lock(&self.health).problems(now_ns)
    }

    /// Tells of new numbers.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.latest.subscribe()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing that is kept here can be left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_has_rates() {
        let board = Board::new();
        for (second, events) in [(1, 100), (2, 300), (4, 300)] {
            board.publish(Snapshot {
                time_ns: second * 1_000_000_000,
                events,
                ..Snapshot::default()
            });
        }
        let rates: Vec<f64> = board.history().iter().map(|p| p.events_per_s).collect();
        assert_eq!(rates, [200.0, 0.0]);
        assert_eq!(board.latest().events, 300);
    }
}
