//! Loom's primitives, weakened: no store releases anything.

pub use std::sync::Arc;

pub use crate::sync::{ArcSwap, Mutex};
pub use loom::sync::atomic::Ordering;

/// An atomic whose stores order nothing.
#[derive(Debug)]
pub struct AtomicU64(loom::sync::atomic::AtomicU64);

impl AtomicU64 {
    pub fn new(value: u64) -> Self {
        Self(loom::sync::atomic::AtomicU64::new(value))
    }

    pub fn load(&self, ordering: Ordering) -> u64 {
        self.0.load(ordering)
    }

    pub fn store(&self, value: u64, _: Ordering) {
        self.0.store(value, Ordering::Relaxed);
    }
}

pub use crate::sync::CLASSES;

pub mod padded {
    pub type AtomicU64 = super::AtomicU64;

    pub fn new(value: u64) -> AtomicU64 {
        AtomicU64::new(value)
    }
}
