//! Watermarks: how far each worker has come.
//!
//! A worker that parks a birth wants to know whether the parent's worker is merely behind or has
//! nothing for it any more. Each worker therefore publishes the time stamp up to which it has
//! applied every record of its rings.
//!
//! # Rules
//!
//! 1. Only its owner stores a watermark; it never decreases.
//! 2. The owner stores `t` after everything with a time stamp up to `t` was applied and published
//!    (`Release`); a reader that sees `t` (`Acquire`) sees what was published before.
//!    What is parked is not applied: the mark stays below the oldest birth that waits.
//! 3. A worker whose rings are empty stores the time at which it began to look, so an idle worker
//!    holds nobody up. While it sleeps the mark stands still, for at most the length of a sleep.
//! 4. A worker that ends stores the end of time: nothing more will come from it.
//!
//! Time stamps are taken a little before a record is visible, so a mark may run ahead of a record
//! by that little: whoever relies on a mark grants a delay on top (parking's bound).

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

/// The watermarks of all workers.
#[derive(Debug)]
pub struct Progress {
    marks: Vec<CachePadded<AtomicU64>>,
}

impl Progress {
    /// Marks for a number of workers, all at the beginning.
    pub fn new(workers: usize) -> Self {
        Self { marks: (0..workers).map(|_| CachePadded::new(AtomicU64::new(0))).collect() }
    }

    /// Publishes how far worker `own` has come; earlier times change nothing.
    pub fn publish(&self, own: usize, applied_ns: u64) {
        if let Some(mark) = self.marks.get(own)
            && applied_ns > mark.load(Ordering::Relaxed)
        {
            mark.store(applied_ns, Ordering::Release);
        }
    }

    /// How far the slowest of the other workers has come; the end of time if there is no other.
    pub fn slowest_other(&self, own: usize) -> u64 {
        let others = self.marks.iter().enumerate().filter(|(index, _)| *index != own);
        others.map(|(_, mark)| mark.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_grow_and_the_slowest_counts() {
        let progress = Progress::new(3);
        progress.publish(0, 10);
        progress.publish(1, 30);
        progress.publish(2, 20);
        progress.publish(2, 15);
        assert_eq!(progress.slowest_other(0), 20);
        assert_eq!(progress.slowest_other(2), 10);
        assert_eq!(Progress::new(1).slowest_other(0), u64::MAX);
    }
}
