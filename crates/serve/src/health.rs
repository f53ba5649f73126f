//! Whether Peregrine still does its work, judged by its numbers.

use std::sync::Arc;

use crate::snapshot::Snapshot;

const NS_PER_S: u64 = 1_000_000_000;
/// A worker that takes nothing for so long while its rings hold something has stalled.
const STALLED_NS: u64 = 10 * NS_PER_S;
/// No record at all for so long: the probe does not report any more. Peregrine itself opens files
/// every second, so there is always something to report.
const SILENT_NS: u64 = 60 * NS_PER_S;
/// Numbers older than this: the housekeeping has stalled.
const STALE_NS: u64 = 15 * NS_PER_S;

/// Judges one snapshot after the other.
#[derive(Debug, Default)]
pub(crate) struct Health {
    latest: Arc<Snapshot>,
    /// Per worker: its records, and when they last changed or its rings were last empty.
    workers: Vec<(u64, u64)>,
    records: u64,
    records_changed_ns: u64,
}

impl Health {
    pub(crate) fn observe(&mut self, snapshot: &Arc<Snapshot>) {
        let now = snapshot.time_ns;
        self.workers.resize(snapshot.workers.len(), (0, now));
        for ((records, moved_ns), worker) in self.workers.iter_mut().zip(&snapshot.workers) {
            if worker.records != *records || worker.pending_bytes == 0 {
                (*records, *moved_ns) = (worker.records, now);
            }
        }
        if snapshot.records() != self.records || self.records_changed_ns == 0 {
            (self.records, self.records_changed_ns) = (snapshot.records(), now);
        }
        self.latest = snapshot.clone();
    }

    pub(crate) fn problems(&self, now_ns: u64) -> Vec<String> {
        let mut problems = Vec::new();
        let since = |then: u64| now_ns.saturating_sub(then) / NS_PER_S;
        if self.latest.time_ns == 0 {
            return vec!["starting".to_owned()];
        }
        if let Some(failure) = &self.latest.failure {
            problems.push(failure.clone());
        }
        if now_ns.saturating_sub(self.latest.time_ns) > STALE_NS {
            problems.push(format!("no housekeeping for {} s", since(self.latest.time_ns)));
        }
        for (worker, (_, moved_ns)) in self.workers.iter().enumerate() {
            if self.latest.time_ns.saturating_sub(*moved_ns) > STALLED_NS {
                problems.push(format!("worker {worker} has stalled for {} s", since(*moved_ns)));
            }
        }
        let has_workers = !self.latest.workers.is_empty();
        if has_workers && self.latest.time_ns.saturating_sub(self.records_changed_ns) > SILENT_NS {
            let seconds = since(self.records_changed_ns);
            problems.push(format!("the probe has reported nothing for {seconds} s"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::WorkerLevel;

    fn at(second: u64, workers: &[(u64, u64)]) -> Arc<Snapshot> {
        let level = |&(records, pending_bytes): &(u64, u64)| WorkerLevel {
            records,
            pending_bytes,
            ..WorkerLevel::default()
        };
        Arc::new(Snapshot {
            time_ns: second * NS_PER_S,
            workers: workers.iter().map(level).collect(),
            ..Snapshot::default()
        })
    }

    fn problems(health: &Health, second: u64) -> Vec<String> {
        health.problems(second * NS_PER_S)
    }

    #[test]
    fn a_worker_that_takes_nothing_from_full_rings_has_stalled() {
        let mut health = Health::default();
        assert_eq!(problems(&health, 1), ["starting"]);
        // The first worker idles with empty rings, the second works, the third stands still.
        for second in 1..=12 {
            health.observe(&at(second, &[(5, 0), (second, 10), (7, 10)]));
            let expected: &[&str] =
                if second < 12 { &[] } else { &["worker 2 has stalled for 11 s"] };
            assert_eq!(problems(&health, second), expected, "{second}");
        }
        health.observe(&at(13, &[(5, 0), (13, 10), (8, 10)]));
        assert!(problems(&health, 13).is_empty());
    }

    #[test]
    fn silence_and_old_numbers_are_problems() {
        let mut health = Health::default();
        for second in [1, 30, 62] {
            health.observe(&at(second, &[(5, 0)]));
        }
        assert_eq!(problems(&health, 62), ["the probe has reported nothing for 61 s"]);
        health.observe(&at(63, &[(6, 0)]));
        assert!(problems(&health, 63).is_empty());
        assert_eq!(problems(&health, 80), ["no housekeeping for 17 s"]);
    }

    #[test]
    fn a_source_that_ended_is_a_problem() {
        let mut health = Health::default();
        let ended = Snapshot { failure: Some("worker 1 ended".into()), ..(*at(1, &[])).clone() };
        health.observe(&Arc::new(ended));
        assert_eq!(problems(&health, 1), ["worker 1 ended"]);
    }
}
