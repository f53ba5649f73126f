//! The clock of records: the boot clock plus an offset that makes it time since the epoch.
//!
//! Records of different rings are ordered by their time stamps, and marks of progress never go back,
//! so the offset stays what it was at the start, whatever becomes of the machine's clock. How far
//! that was set since (or slewed, by more than [`TOLERANCE_NS`]) is the *shift*: it is added only
//! where a time is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A smaller difference is not worth a jump of the times that are shown.
const TOLERANCE_NS: u64 = 1_000_000;

/// Reads the time as records carry it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RecordClock {
    offset_ns: u64,
    shift_ns: Arc<AtomicI64>,
}

impl Default for RecordClock {
    fn default() -> Self {
        Self::new()
    }
}

impl RecordClock {
    /// A clock set by the machine's.
    pub fn new() -> Self {
        Self { offset_ns: epoch_offset_ns(), shift_ns: Arc::default() }
    }

    /// Nanoseconds since the epoch, as a record that is stamped now would have.
    pub fn now_ns(&self) -> u64 {
        read(libc::CLOCK_BOOTTIME).wrapping_add(self.offset_ns)
    }

    /// Nanoseconds from a record's time to that of the machine's clock.
    pub fn shift_ns(&self) -> i64 {
        // Relaxed: one number that orders nothing.
        self.shift_ns.load(Ordering::Relaxed)
    }

    /// Nanoseconds from the boot clock's zero to the epoch, as it was at the start.
    pub(crate) fn offset_ns(&self) -> u64 {
        self.offset_ns
    }

    /// Follows the machine's clock, if that was set.
    pub fn follow(&self) {
        self.follow_offset(epoch_offset_ns());
    }

    fn follow_offset(&self, offset_ns: u64) {
        let shift = offset_ns.wrapping_sub(self.offset_ns) as i64;
        if shift.abs_diff(self.shift_ns()) > TOLERANCE_NS {
            self.shift_ns.store(shift, Ordering::Relaxed);
        }
    }
}

/// Nanoseconds from the boot clock's zero to the epoch: of some tries the one with the least time
/// between the readings, so that an interruption does not become an error.
fn epoch_offset_ns() -> u64 {
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
    fn the_order_of_records_does_not_follow_a_clock_that_is_set() {
        let clock = RecordClock::new();
        let offset = clock.offset_ns();
        clock.follow_offset(offset + TOLERANCE_NS);
        assert_eq!(clock.shift_ns(), 0, "that is jitter");
        let before = clock.now_ns();
        clock.follow_offset(offset - 3_600_000_000_000);
        assert_eq!(clock.shift_ns(), -3_600_000_000_000);
        assert!(clock.now_ns() >= before, "time stamps go on");
        clock.follow_offset(offset + 5 * TOLERANCE_NS);
        assert_eq!(clock.clone().shift_ns(), 5 * TOLERANCE_NS as i64);
    }
}
