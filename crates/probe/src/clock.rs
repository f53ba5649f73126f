//! The clock of records: the boot clock plus an offset that makes it time since the epoch.
//!
//! Records of different rings are ordered by their time stamps, so the offset must not jump: it is
//! measured as exactly as two clocks can be compared, and replaced only when the machine's clock
//! was set, or has been slewed by more than [`TOLERANCE_NS`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A smaller difference is not worth a jump of the time stamps.
pub(crate) const TOLERANCE_NS: u64 = 1_000_000;

/// Reads the time as records carry it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RecordClock(Arc<AtomicU64>);

impl Default for RecordClock {
    fn default() -> Self {
        Self::new()
    }
}

impl RecordClock {
    /// A clock set by the machine's.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(epoch_offset_ns())))
    }

    /// Nanoseconds since the epoch, as a record that is stamped now would have.
    pub fn now_ns(&self) -> u64 {
        // Relaxed: one number; the kernel reads its own copy.
        read(libc::CLOCK_BOOTTIME).wrapping_add(self.0.load(Ordering::Relaxed))
    }

    /// Nanoseconds from the boot clock's zero to the epoch.
    pub(crate) fn offset_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Follows the machine's clock; says whether the offset was changed.
    pub(crate) fn follow(&self) -> bool {
        let new = epoch_offset_ns();
        let is_off = new.abs_diff(self.offset_ns()) > TOLERANCE_NS;
        if is_off {
            self.0.store(new, Ordering::Relaxed);
        }
        is_off
    }
}

/// Nanoseconds from the boot clock's zero to the epoch: of some tries the one with the least time
/// between the readings, so that an interruption does not become an error.
pub(crate) fn epoch_offset_ns() -> u64 {
    let tries = (0..5).map(|_| {
        let before = read(libc::CLOCK_BOOTTIME);
        let real = read(libc::CLOCK_REALTIME);
        let after = read(libc::CLOCK_BOOTTIME);
        (after - before, real.wrapping_sub(before + (after - before) / 2))
    });
    tries.min().map_or(0, |(_, offset)| offset)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid place for the result; both clocks always exist.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_the_machines_clock_and_does_not_jitter() {
        let clock = RecordClock::new();
        let first = clock.offset_ns();
        assert!((0..1000).all(|_| !clock.follow()), "two readings differ by a millisecond");
        assert_eq!(clock.offset_ns(), first);
        let before = read(libc::CLOCK_REALTIME);
        assert!(clock.now_ns().abs_diff(before) < 1_000_000_000);
        clock.0.store(first + 2 * TOLERANCE_NS, Ordering::Relaxed);
        assert!(clock.follow());
    }
}
