//! The flags by which workers tell the probe that they sleep.
//!
//! # Rules
//!
//! 1. A worker sets its ring's flag, then looks at the ring once more, then sleeps.
//! 2. The probe makes a record visible, then looks at the flag; if it is set, it clears it and
//!    wakes the worker.
//! 3. Both sides have a full barrier between their two steps (here a `SeqCst` fence, in the kernel
//!    the exchange that clears the record's busy bit), so at least one of them sees the other.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use crate::flag;

/// The mapped array of flags, one per ring.
#[derive(Debug)]
pub struct SleepFlags {
    base: NonNull<AtomicU32>,
    rings: usize,
    bytes: usize,
}

// SAFETY: the mapping lives as long as the value, and its words are accessed as atomics only.
unsafe impl Send for SleepFlags {}
// SAFETY: as above.
unsafe impl Sync for SleepFlags {}

impl SleepFlags {
    /// Maps the array of `rings` flags.
    ///
    /// # Errors
    /// The kernel refuses the mapping.
    pub fn map(fd: BorrowedFd<'_>, rings: usize) -> io::Result<Self> {
        // The kernel keeps the elements of an array map at multiples of eight bytes.
        let bytes = (rings * 8).next_multiple_of(4096);
        // SAFETY: a fresh shared mapping chosen by the kernel; it aliases no Rust object.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(address.cast())
            .ok_or_else(|| io::Error::other("mmap returned address 0"))?;
        Ok(Self { base, rings, bytes })
    }

    fn flag(&self, ring: u32) -> Option<&AtomicU32> {
        if ring as usize >= self.rings {
            return None;
        }
        // SAFETY: element `ring` lies within the mapping, which is aligned to a page.
        Some(unsafe { self.base.add(ring as usize * 2).as_ref() })
    }

    /// Announces that the worker of this ring is about to sleep. Look at the ring afterwards.
    pub fn announce(&self, ring: u32) {
        if let Some(flag) = self.flag(ring) {
            flag::announce(flag);
        }
    }

    /// Takes the announcement back.
    pub fn withdraw(&self, ring: u32) {
        if let Some(flag) = self.flag(ring) {
            flag::withdraw(flag);
        }
    }
}

impl Drop for SleepFlags {
    fn drop(&mut self) {
        // SAFETY: exactly what `map` mapped, unmapped once.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, FromRawFd, OwnedFd};

    use super::*;

    /// Two threads use one flag at once, as worker and probe do. ThreadSanitizer watches
    /// (`make tsan`), and must report it when one of them races (`make tsan-selftest`).
    #[test]
    fn flags_may_be_used_by_two_at_once() {
        // SAFETY: a plain system call with a constant name.
        let fd = unsafe { libc::memfd_create(c"flags".as_ptr(), 0) };
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        // SAFETY: just opened, and nobody else's.
        let file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        file.set_len(4096).unwrap();
        let flags = SleepFlags::map(file.as_fd(), 4).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..1000).for_each(|_| flags.announce(2)));
            (0..1000).for_each(|_| flags.withdraw(2));
        });
        flags.announce(3);
        assert_eq!(flags.flag(3).unwrap().load(std::sync::atomic::Ordering::Relaxed), 1);
        flags.announce(4);
        assert!(flags.flag(4).is_none(), "there are four");
    }
}
