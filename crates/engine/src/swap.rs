//! Replacing the rule set while workers run.
//!
//! Workers take the new set between two batches; no event waits for it and none is lost by it.
//!
//! # Rules
//!
//! 1. One thread replaces at a time ([`RuleSlot::replace`] takes a lock that no worker takes).
//! 2. It stores the set, then the version (`Release`). A worker that sees a version (`Acquire`)
//!    therefore finds this set or a later one.
//! 3. A worker looks at the version before each batch, holds the set it finds from then on, and
//!    then stores that version as adopted (`Release`). Who sees it adopted (`Acquire`) knows that
//!    the worker will never use an older set again.
//! 4. What only the new rules want is switched on in the kernel before 2, what only the old ones
//!    wanted is switched off after every worker has adopted: whatever set is in force at a worker,
//!    the kernel reports what it needs.
//! 5. A worker that ends has adopted everything.
//!
//! The model check in `tests/models` compiles this very file against loom.

use super::sync::{Arc, ArcSwap, AtomicU64, Mutex, Ordering, padded};

/// The rule set in force, and which version of it each worker uses.
#[derive(Debug)]
pub struct RuleSlot<T> {
    current: ArcSwap<T>,
    version: AtomicU64,
    adopted: Vec<padded::AtomicU64>,
    /// Held by whoever replaces.
    replacing: Mutex<()>,
}

/// Version of the set that a slot is made with.
pub const FIRST: u64 = 1;

impl<T> RuleSlot<T> {
    /// A slot for a number of workers, which all start with `first`.
    pub fn new(first: Arc<T>, workers: usize) -> Self {
        Self {
            current: ArcSwap::new(first),
            version: AtomicU64::new(FIRST),
            adopted: (0..workers).map(|_| padded::new(FIRST)).collect(),
            replacing: Mutex::new(()),
        }
    }

    /// The newest set.
    pub fn newest(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// For a worker between two batches: the newest set, if it is newer than version `own`, with
    /// its version. Report it with [`Self::adopt`] when it is in use.
    #[inline]
    pub fn newer_than(&self, own: u64) -> Option<(u64, Arc<T>)> {
        // Acquire: rule 2.
        let version = self.version.load(Ordering::Acquire);
        (version != own).then(|| (version, self.current.load_full()))
    }

    /// Worker `worker` uses the set of this version, or a later one, from now on. With `u64::MAX`
    /// it has ended.
    pub fn adopt(&self, worker: usize, version: u64) {
        if let Some(adopted) = self.adopted.get(worker) {
            // Release: rule 3.
            adopted.store(version, Ordering::Release);
        }
    }

    /// Replaces the set. `widen` runs before any worker can see the new one; if it fails nothing
    /// was changed. `wait` is called again and again until every worker has adopted, and gives up
    /// with `false`; `narrow` runs only after all have.
    ///
    /// Says whether all workers have adopted and `narrow` succeeded.
    ///
    /// # Errors
    /// Those of `widen`.
    pub fn replace<E>(
        &self,
        set: Arc<T>,
        widen: impl FnOnce() -> Result<(), E>,
        mut wait: impl FnMut() -> bool,
        narrow: impl FnOnce() -> Result<(), E>,
    ) -> Result<bool, E> {
        let _one_at_a_time = self.replacing.lock();
        widen()?;
        self.current.store(set);
        // Relaxed load: only written here, under the lock.
        let version = self.version.load(Ordering::Relaxed) + 1;
        // Release: rule 2.
        self.version.store(version, Ordering::Release);
        while !self.is_adopted(version) {
            if !wait() {
                return Ok(false);
            }
        }
        // The new set is in force by now: what is not switched off is only reported in vain.
        Ok(narrow().is_ok())
    }

    /// Whether no worker uses an older set than this version.
    fn is_adopted(&self, version: u64) -> bool {
        // Acquire: rule 3.
        self.adopted.iter().all(|adopted| adopted.load(Ordering::Acquire) >= version)
    }
}
