//! Rules are replaced while workers run and the kernel's interest follows.
//!
//! Breaks if a worker uses a set whose calls the kernel does not report, goes back to an older
//! set, or if a replacement ends while a worker may still use the old one.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering};

/// The kernel's table: a call that only the first rules want and one that only the second want.
struct Kernel {
    reports: [AtomicBool; 2],
}

macro_rules! model {
    ($slot:path, $first:path) => {
        move || {
            use $first as first_version;
            use $slot as Slot;
            let kernel =
                Arc::new(Kernel { reports: [AtomicBool::new(true), AtomicBool::new(false)] });
            let slot = Arc::new(Slot::new(Arc::new(0usize), 2));
            let workers: Vec<_> = (0..2)
                .map(|worker| {
                    let (slot, kernel) = (slot.clone(), kernel.clone());
                    loom::thread::spawn(move || {
                        let (mut version, mut set) = (first_version, 0);
                        for _ in 0..2 {
                            if let Some((newer, found)) = slot.newer_than(version) {
                                assert!(*found >= set, "back to an older set");
                                assert!(*found == 1, "a newer version with the old set");
                                (version, set) = (newer, *found);
                                slot.adopt(worker, version);
                            }
                            // A batch: the kernel must report what this set wants.
                            assert!(kernel.reports[set].load(Ordering::Relaxed));
                            loom::thread::yield_now();
                        }
                        slot.adopt(worker, u64::MAX);
                    })
                })
                .collect();
            let is_complete = slot
                .replace::<()>(
                    Arc::new(1),
                    || {
                        kernel.reports[1].store(true, Ordering::Relaxed);
                        Ok(())
                    },
                    || {
                        loom::thread::yield_now();
                        true
                    },
                    || {
                        kernel.reports[0].store(false, Ordering::Relaxed);
                        Ok(())
                    },
                )
                .unwrap();
            assert!(is_complete);
            workers.into_iter().for_each(|worker| worker.join().unwrap());
        }
    };
}

#[test]
fn a_set_is_in_force_only_while_the_kernel_reports_for_it() {
    crate::explore(Some(4), model!(crate::swap::RuleSlot, crate::swap::FIRST));
}

#[test]
fn a_version_that_releases_nothing_is_found() {
    crate::must_fail(model!(crate::broken::swap::RuleSlot, crate::broken::swap::FIRST));
}
