//! How far each class of records may fill a ring.
//!
//! Each class has a share in percent, so that a flood of reads cannot push out an exec. A share of a
//! small ring is little in bytes, though: an exec takes 2 to 8 KiB with its environment, a birth and
//! its marker 1 KiB, and a worker that has to wait for a CPU needs room for what processes do in
//! the meantime. So at least [`HEADROOM_BYTES`] are kept for births, execs and exits, or half of a
//! ring that is smaller than twice that, and the other classes are cut in proportion. With the
//! shares as they are by default rings of 512 KiB and more have that anyway:
//!
//! | ring | state | rule-relevant | other | left for births, execs and exits |
//! |---|---|---|---|---|
//! | 64 KiB | 32 KiB | 21 KiB | 14 KiB | 32 KiB |
//! | 128 KiB | 64 KiB | 42 KiB | 29 KiB | 64 KiB |
//! | 256 KiB | 128 KiB | 85 KiB | 59 KiB | 128 KiB |
//! | 512 KiB | 384 KiB | 256 KiB | 179 KiB | 128 KiB |
//! | 8 MiB | 6 MiB | 4 MiB | 2.8 MiB | 2 MiB |

use crate::drops::CLASSES;
use crate::loader::Class;

/// What the most valuable class has for itself in a ring that is large enough.
pub const HEADROOM_BYTES: u32 = 128 << 10;

/// Bytes up to which each class may fill a ring, most valuable class first; `percent` are the shares.
pub fn limits(ring_bytes: u32, percent: [u32; CLASSES]) -> [u32; CLASSES] {
    let ring = u64::from(ring_bytes);
    let share = |percent: u32| ring * u64::from(percent.min(100)) / 100;
    let mut limits = percent.map(share);
    let state = limits[Class::State as usize];
    let most = ring - u64::from(HEADROOM_BYTES).min(ring / 2);
    if state > most {
        for limit in &mut limits[Class::State as usize..] {
            *limit = *limit * most / state;
        }
    }
    // No limit is more than the ring, whose size is 32 bits.
    limits.map(|limit| limit as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: [u32; CLASSES] = [100, 75, 50, 35];

    /// Breaks if a flood fills a small ring so far that the life of processes finds no room.
    #[test]
    fn small_rings_keep_room_for_the_life_of_processes() {
        let kib = |ring: u32| limits(ring << 10, DEFAULT).map(|limit| limit >> 10);
        assert_eq!(kib(64), [64, 32, 21, 14]);
        assert_eq!(kib(256), [256, 128, 85, 59]);
        assert_eq!(kib(512), [512, 384, 256, 179]);
        assert_eq!(kib(8192), [8192, 6144, 4096, 2867]);
        assert_eq!(limits(4096, DEFAULT), [4096, 2048, 1365, 955]);
    }

    #[test]
    fn shares_that_leave_more_are_kept() {
        assert_eq!(limits(64 << 10, [100, 40, 40, 10]), [65536, 26214, 26214, 6553]);
        // Who asks for no headroom in a large ring gets the least there is.
        assert_eq!(limits(1 << 20, [100; CLASSES]), [1 << 20, 917_504, 917_504, 917_504]);
        assert_eq!(limits(1 << 31, [100, 200, 0, 0])[1], (1 << 31) - HEADROOM_BYTES);
    }
}
