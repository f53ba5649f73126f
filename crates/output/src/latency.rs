//! How long alerts take: from the time stamp the kernel gave the event to the return of the write of
//! its line.
//!
//! Both are the host's real time: the probe's stamps are the kernel's monotonic clock plus an offset
//! that is measured once a second, so a latency is wrong by what that measurement is, microseconds,
//! and by any step of the clock in between. A time that would be negative counts as zero. Alerts
//! of a write that failed in part are not counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::line::Line;

/// Buckets for each power of two: a quantile is at most an eighth above the truth.
const STEPS: u32 = 8;
/// Times below 2^10 ns share a bucket, and so do those of 2^36 ns, 69 s, and more.
const LOWEST: u32 = 10;
const HIGHEST: u32 = 36;
const BUCKETS: usize = ((HIGHEST - LOWEST) * STEPS) as usize + 2;

/// Counts latencies; written by one sink's thread.
#[derive(Debug)]
pub(crate) struct LatencyCounter {
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
    max_ns: AtomicU64,
}

impl Default for LatencyCounter {
    fn default() -> Self {
        let buckets = (0..BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Self { buckets, sum_ns: AtomicU64::new(0), max_ns: AtomicU64::new(0) }
    }
}

impl LatencyCounter {
    /// Counts lines that were written just now. Those without an event, and those that waited in a
    /// spool (for how long says more of their receiver) are left out.
    pub(crate) fn written<'l>(&self, lines: impl IntoIterator<Item = &'l Line>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ns = now.as_nanos() as u64;
        for line in lines {
            if line.alert.as_ref().is_some_and(|alert| !alert.rule.is_internal()) {
                self.add(now_ns.saturating_sub(line.time_ns));
            }
        }
    }

    fn add(&self, ns: u64) {
        // Relaxed: statistics.
        if let Some(bucket) = self.buckets.get(bucket(ns)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
        self.max_ns.fetch_max(ns, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> Latency {
        Latency {
            buckets: self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect(),
            sum_ns: self.sum_ns.load(Ordering::Relaxed),
            max_ns: self.max_ns.load(Ordering::Relaxed),
        }
    }
}

fn bucket(ns: u64) -> usize {
    let power = 63 - ns.max(1).leading_zeros();
    match power {
        _ if power < LOWEST => 0,
        _ if power >= HIGHEST => BUCKETS - 1,
        _ => {
            let within = (ns >> (power - STEPS.trailing_zeros())) as u32 % STEPS;
            ((power - LOWEST) * STEPS + within) as usize + 1
        }
    }
}

/// The time that all times of a bucket are below, in nanoseconds.
fn upper_ns(bucket: usize) -> u64 {
    if bucket + 1 >= BUCKETS {
        return u64::MAX;
    }
    // Bucket 0 ends where the first power begins.
    let (power, within) = (bucket as u32 / STEPS + LOWEST, bucket as u64 % u64::from(STEPS));
    (u64::from(STEPS) + within) << (power - STEPS.trailing_zeros())
}

/// Latencies of the alerts of a sink.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latency {
    buckets: Vec<u64>,
    /// All of them together, in nanoseconds.
    pub sum_ns: u64,
    /// The longest, in nanoseconds.
    pub max_ns: u64,
}

impl Latency {
    /// Number of alerts.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The time, in nanoseconds, that this share (0 to 1) of the alerts did not exceed, rounded up
    /// by at most an eighth; `None` without alerts.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let count = self.count();
        let wanted = ((count as f64 * share.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.buckets.iter().position(|bucket| {
            seen += bucket;
            seen >= wanted
        })?;
        (count > 0).then(|| upper_ns(found).min(self.max_ns))
    }

    /// Alerts by the time they took, in nanoseconds: powers of two from 65 microseconds to 17
    /// seconds, and the rest.
    pub fn by_power_of_two(&self) -> Vec<(u64, u64)> {
        let mut out: Vec<(u64, u64)> = (16..=34).map(|power| (1 << power, 0)).collect();
        out.push((u64::MAX, 0));
        for (bucket, count) in self.buckets.iter().enumerate() {
            let upper = upper_ns(bucket);
            if let Some((_, sum)) = out.iter_mut().find(|(bound, _)| upper <= *bound) {
                *sum += count;
            }
        }
        out
    }

    pub(crate) fn add_to(&self, sum: &mut Self) {
        sum.buckets.resize(sum.buckets.len().max(self.buckets.len()), 0);
        sum.buckets.iter_mut().zip(&self.buckets).for_each(|(sum, count)| *sum += count);
        sum.sum_ns += self.sum_ns;
        sum.max_ns = sum.max_ns.max(self.max_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_below_the_end_of_its_bucket_and_not_below_that_of_the_one_before() {
        for power in 0..45 {
            for ns in [1u64 << power, (1 << power) + (1 << power) / 3, (2 << power) - 1] {
                let bucket = bucket(ns);
                assert!(ns < upper_ns(bucket), "{ns}");
                assert!(bucket == 0 || ns >= upper_ns(bucket - 1), "{ns}");
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_close_and_never_too_small() {
        let counter = LatencyCounter::default();
        assert_eq!(counter.totals().quantile(0.5), None);
        (1..=1000).for_each(|n| counter.add(n * 10_000));
        let totals = counter.totals();
        for (share, true_ns) in [(0.5, 5_000_000), (0.99, 9_900_000), (1.0, 10_000_000)] {
            let told = totals.quantile(share).unwrap();
            assert!((true_ns..=true_ns * 9 / 8).contains(&told), "{share}: {told}");
        }
        assert_eq!((totals.count(), totals.max_ns), (1000, 10_000_000));
        let by_power = totals.by_power_of_two();
        assert_eq!(by_power.iter().map(|(_, count)| count).sum::<u64>(), 1000);
        // Up to 2^20 ns: 104 of them.
        let below = by_power.iter().filter(|(bound, _)| *bound <= 1 << 20);
        assert_eq!(below.map(|(_, count)| count).sum::<u64>(), 104);
        let mut twice = totals.clone();
        totals.add_to(&mut twice);
        assert_eq!(twice.count(), 2000);
        assert_eq!(twice.quantile(0.5), totals.quantile(0.5));
    }
}
