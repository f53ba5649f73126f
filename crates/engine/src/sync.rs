//! The primitives that hand-written synchronisation is made of.
//!
//! Files with a protocol of their own (`swap.rs`, `progress.rs`) take them from `super::sync`, so
//! that the model checks in `tests/models` can compile the very same files against loom.

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use arc_swap::ArcSwap;
pub(crate) use parking_lot::Mutex;

/// Classes of thread groups in `progress.rs`; a model has fewer.
pub(crate) const CLASSES: usize = 256;

/// Atomics on a cache line of their own: each has one writer that stores often.
pub(crate) mod padded {
    /// See the module.
    pub(crate) type AtomicU64 = crossbeam_utils::CachePadded<super::AtomicU64>;

    /// One with a first value.
    pub(crate) fn new(value: u64) -> AtomicU64 {
        crossbeam_utils::CachePadded::new(super::AtomicU64::new(value))
    }
}
