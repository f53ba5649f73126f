//! How a worker and the probe agree on a sleep. The rules are those of [`crate::sleeping`].
//!
//! Takes its primitives from `super::sync`, so that the model check in `tests/ring_model` can
//! compile this very file against loom.

use super::sync::{AtomicU32, Ordering, fence};

/// Says that the worker is about to sleep. It must look at its ring afterwards.
pub(crate) fn announce(flag: &AtomicU32) {
    // Relaxed: the fence orders it before the look at the ring (rule 3).
    #[cfg(not(seeded_race))]
    flag.store(1, Ordering::Relaxed);
    // SAFETY: none. A data race on purpose, for `make tsan-selftest` only: the sanitizer must
    // report it.
    #[cfg(seeded_race)]
    unsafe {
        flag.as_ptr().write(1);
    }
    fence(Ordering::SeqCst);
}

/// Takes it back. A wake-up that is on its way is harmless.
pub(crate) fn withdraw(flag: &AtomicU32) {
    // Relaxed: nothing depends on when the probe sees it.
    flag.store(0, Ordering::Relaxed);
}
