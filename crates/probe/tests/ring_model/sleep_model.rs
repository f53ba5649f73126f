//! A worker falls asleep while the probe writes: no wake-up is lost.
//!
//! Breaks if the worker can sleep with a record in its ring and the probe not waking it.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

fn model(announce: fn(&AtomicU32)) -> impl Fn() + Sync + Send + 'static {
    move || {
        let shared = Arc::new((AtomicU32::new(0), AtomicU64::new(0), AtomicBool::new(false)));
        let of_kernel = shared.clone();
        let kernel = loom::thread::spawn(move || {
            let (flag, producer, woken) = &*of_kernel;
            // A record becomes visible: the exchange that clears its busy bit is a full barrier.
            producer.store(1, Ordering::Release);
            fence(Ordering::SeqCst);
            if flag.load(Ordering::Relaxed) != 0 {
                flag.store(0, Ordering::Relaxed);
                woken.store(true, Ordering::Relaxed);
            }
        });
        let (flag, producer, woken) = &*shared;
        announce(flag);
        let sleeps = producer.load(Ordering::Acquire) == 0;
        kernel.join().unwrap();
        assert!(!sleeps || woken.load(Ordering::Relaxed), "asleep with a record in the ring");
    }
}

#[test]
fn no_wake_up_is_lost() {
    crate::explore::explore(None, model(crate::flag::announce));
}

#[test]
fn a_missing_barrier_is_found() {
    crate::explore::must_fail(model(crate::broken::flag::announce));
}
