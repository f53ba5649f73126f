//! A few bits that an immutable object remembers about itself.

use std::sync::atomic::{AtomicU64, Ordering};

/// Room for verdicts that depend on nothing but the object it lies in, such as predicates on a
/// process image. Who fills it decides what the bits mean; zero means nothing is known yet.
///
/// Two workers may store at the same time; both would store the same verdicts, so relaxed
/// ordering and a lost update are fine.
#[derive(Debug, Default)]
pub struct Memo(AtomicU64);

impl Memo {
    /// The bits.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces the bits.
    #[inline]
    pub fn set(&self, bits: u64) {
        self.0.store(bits, Ordering::Relaxed);
    }
}

impl Clone for Memo {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.get()))
    }
}
