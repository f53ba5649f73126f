//! Loom's primitives in the place of `src/sync.rs`.

pub use std::sync::Arc;

pub use loom::sync::atomic::{AtomicU64, Ordering};

#[path = "../../../state/tests/models/mutex.rs"]
mod mutex;
pub use mutex::Mutex;

/// Stands for `arc_swap::ArcSwap`, with no more order than that promises: what was written before
/// a store is seen by whoever loads it.
#[derive(Debug)]
pub struct ArcSwap<T> {
    current: loom::sync::atomic::AtomicUsize,
    /// Every value there ever was.
    all: std::sync::Mutex<Vec<Arc<T>>>,
}

impl<T> ArcSwap<T> {
    pub fn new(first: Arc<T>) -> Self {
        let current = loom::sync::atomic::AtomicUsize::new(0);
        Self { current, all: std::sync::Mutex::new(vec![first]) }
    }

    pub fn load_full(&self) -> Arc<T> {
        let index = self.current.load(Ordering::Acquire);
        self.all.lock().unwrap()[index].clone()
    }

    pub fn store(&self, value: Arc<T>) {
        let mut all = self.all.lock().unwrap();
        all.push(value);
        let index = all.len() - 1;
        drop(all);
        self.current.store(index, Ordering::Release);
    }
}

/// Each worker of the model has one process, of a class of its own.
pub const CLASSES: usize = 2;

pub mod padded {
    pub type AtomicU64 = super::AtomicU64;

    pub fn new(value: u64) -> AtomicU64 {
        AtomicU64::new(value)
    }
}
