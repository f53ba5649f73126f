//! The allocator of the C library, which is ours: how much of its memory is in use, and giving back
//! what is not. Here because this is the crate that may call C.
//!
//! Its arenas grow in a burst and stay as large while a single live block lies at their end, so
//! resident memory alone does not tell growth from a memory that was needed once.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_env = "gnu")]
    fn what_is_allocated_is_counted() {
        let before = Heap::read();
        let blocks: Vec<Vec<u8>> = (0..2000).map(|_| vec![1; 4000]).collect();
        let during = Heap::read();
        assert!(during.used_bytes >= before.used_bytes + 7_000_000, "{before:?} {during:?}");
        drop(blocks);
        trim();
        // Other tests allocate at the same time.
        let after = Heap::read();
        assert!(after.used_bytes + 4_000_000 < during.used_bytes, "{during:?} {after:?}");
    }
}
