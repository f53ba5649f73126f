//! Counters of the hot path.
//!
//! Each worker owns one [`WorkerCounters`] and is its only writer, so adding is a plain load and
//! store; readers sum over workers. Nothing global is written per event.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

/// One number with one writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds; only the owner may call this.
    #[inline]
    pub fn add(&self, n: u64) {
        // Relaxed: a statistic orders nothing.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Replaces the value; only the owner may call this.
    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The value at some recent moment.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! worker_counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What one worker counts. See the module documentation for who may write.
        #[derive(Debug, Default)]
        pub struct WorkerCounters { $($(#[$doc])* pub $name: Counter,)* }

        /// Values of [`WorkerCounters`] at one moment.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        pub struct WorkerTotals { $($(#[$doc])* pub $name: u64,)* }

        impl WorkerCounters {
            /// Reads all values.
            pub fn totals(&self) -> WorkerTotals {
                WorkerTotals { $($name: self.$name.get(),)* }
            }
        }

        impl std::ops::AddAssign for WorkerTotals {
            fn add_assign(&mut self, other: Self) { $(self.$name += other.$name;)* }
        }

        impl WorkerTotals {
            /// Names and values, for reports and metrics.
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

worker_counters! {
    /// Records taken from the rings.
    records,
    /// Bytes taken from the rings, ring headers and padding included.
    ring_bytes,
    /// Records that carried an event to the rules (fork markers and iterator records do not).
    events,
    /// Conditions that were evaluated.
    evaluations,
    /// Alerts made.
    alerts,
    /// Alerts made while records of the thread group were known to be lost.
    degraded_alerts,
    /// Bytes that were not a record; each is a defect.
    malformed,
    /// Records copied aside because they, or one before them in their thread group, had to wait.
    parked,
    /// Births that waited for their process's inheritance.
    parked_births,
    /// Events whose rules waited for the state of another thread group.
    parked_reads,
    /// Waits of stateless events of hot thread groups for the worker that is their home.
    parked_guests,
    /// Stateless events of thread groups of other workers, which came because their group is hot.
    guests,
    /// Such events whose thread group's state was not known here as of the event.
    guests_unknown,
    /// Thread groups that were found to be hot.
    hot_groups,
    /// Waits that were given up: the best known state was used, and the alerts say so.
    parking_timeouts,
    /// Nanoseconds thread groups spent parked, summed.
    parked_ns,
    /// Waits of less than a millisecond.
    parked_below_1ms,
    /// Waits of 1 to 10 milliseconds.
    parked_below_10ms,
    /// Waits of 10 to 100 milliseconds.
    parked_below_100ms,
    /// Longer waits.
    parked_longer,
    /// Threads whose birth was not seen: they were looked up when they did something.
    missing_births,
    /// Times that records with state of a thread group were lost.
    states_lost,
    /// Thread groups that were read again from the kernel after a loss.
    repairs,
    /// Threads whose exit was not seen: they were not in the system any more.
    unseen_exits,
    /// Records parked at this moment.
    parked_now,
    /// Threads and fds that were looked up in `/proc` because no record told of them.
    lookups,
    /// Lookups that were not made because there were too many in this second.
    lookups_refused,
    /// Times the worker went to sleep in epoll.
    sleeps,
    /// Threads known at this moment.
    threads,
    /// Open file descriptors known at this moment.
    fds,
}

impl WorkerCounters {
    /// Counts the end of a wait.
    pub fn add_parking(&self, waited: std::time::Duration) {
        self.parked_ns.add(waited.as_nanos() as u64);
        let bucket = match waited.as_millis() {
            0 => &self.parked_below_1ms,
            1..10 => &self.parked_below_10ms,
            10..100 => &self.parked_below_100ms,
            _ => &self.parked_longer,
        };
        bucket.add(1);
    }
}

/// All workers' counters.
pub type Counters = Vec<CachePadded<WorkerCounters>>;
