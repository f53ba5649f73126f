//! The allocator of the C library, which is ours: how much of its memory is in use, and giving back
//! what is not. Here because this is the crate that may call C.
//!
//! Its arenas grow in a burst and stay as large while a single live block lies at their end, so
//! resident memory alone does not tell growth from a memory that was needed once.

use std::time::{Duration, Instant};

/// What the allocator holds, over all arenas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heap {
    /// Bytes in blocks that are in use, those mapped one by one included.
    pub used_bytes: u64,
    /// Bytes of its arenas that are not in use.
    pub free_bytes: u64,
}

impl Heap {
    /// Asks the allocator, which takes each arena's lock in turn. Zero where it is not glibc's.
    pub fn read() -> Self {
        #[cfg(target_env = "gnu")]
        {
            // SAFETY: no preconditions; it takes the locks it needs.
            let info = unsafe { libc::mallinfo2() };
            let used = (info.uordblks + info.hblkhd) as u64;
            Self { used_bytes: used, free_bytes: info.fordblks as u64 }
        }
        #[cfg(not(target_env = "gnu"))]
        Self::default()
    }
}

/// Gives free memory of all arenas back to the system. Takes a millisecond per some ten megabytes,
/// during which a thread that allocates from the arena at hand waits.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: no preconditions; only free memory is given back.
    unsafe {
        libc::malloc_trim(1 << 16);
    }
}

/// Resident memory beside what is in use that is not worth a look.
const SLACK: u64 = 4 << 20;
/// Between looks.
const PAUSE: Duration = Duration::from_secs(10);

/// Gives memory back that the allocator keeps after a burst.
#[derive(Debug, Default)]
pub struct HeapKeeper {
    looked: Option<Instant>,
    /// What was left the last time: free memory in pages that also have live blocks.
    stuck: u64,
}

impl HeapKeeper {
    /// Looks every ten seconds; to be called now and then.
    pub fn tick(&mut self) {
        if self.looked.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        self.looked = Some(Instant::now());
        let excess = || Some(resident_bytes()?.saturating_sub(Heap::read().used_bytes));
        let Some(before) = excess() else { return };
        if before > self.stuck + SLACK {
            trim();
            self.stuck = excess().unwrap_or(before);
        } else {
            self.stuck = self.stuck.min(before);
        }
    }
}

/// Resident memory of this process that is its own.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_env = "gnu")]
    fn memory_of_a_burst_is_counted_and_goes_back() {
        let before = Heap::read();
        // Every hundredth block stays: the arena cannot shrink at its end.
        let mut blocks: Vec<Vec<u8>> = (0..20_000).map(|_| vec![1; 4000]).collect();
        let (during, resident) = (Heap::read(), resident_bytes().unwrap());
        // Other tests allocate at the same time, megabytes at most.
        assert!(during.used_bytes > before.used_bytes + 60_000_000, "{before:?} {during:?}");
        let mut number = 0;
        blocks.retain(|_| {
            number += 1;
            number % 100 == 0
        });
        let after = Heap::read();
        assert!(after.used_bytes + 60_000_000 < during.used_bytes, "{during:?} {after:?}");
        HeapKeeper::default().tick();
        let after = resident_bytes().unwrap();
        assert!(after + 40_000_000 < resident, "{resident} {after}");
        assert_eq!(blocks.len(), 200);
    }
}
