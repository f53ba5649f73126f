//! Alerts in the order of events: what is said to be settled lies in the queue.
//!
//! Breaks if an alert can come that is older than what was said to be settled.

use std::sync::Arc;

use loom::sync::atomic::{AtomicU64, Ordering};

/// What is done wrong on purpose.
#[derive(Clone, Copy, PartialEq)]
enum Seeded {
    Nothing,
    /// The output looks at the queue and asks for the marks afterwards.
    QueueFirst,
    /// A worker sends its alert behind its mark.
    MarkFirst,
    /// A worker says that it parks nothing before it has sent the alert of what it parked.
    GoneOnFirst,
}

/// A worker's ring and what it has sent. Relaxed on purpose: the marks must order them.
struct Worker {
    producer: AtomicU64,
    consumer: AtomicU64,
    sent: AtomicU64,
}

macro_rules! model {
    ($progress:path, $is_drained:expr, $seeded:expr) => {
        move || {
            use $progress as Progress;
            // Each worker has one event. That of the first is parked, that of the second is not.
            const AT: [u64; 2] = [10, 20];
            let progress = Arc::new(Progress::new(2));
            let workers: Arc<[Worker; 2]> = Arc::new([0, 1].map(|_| Worker {
                producer: AtomicU64::new(1),
                consumer: AtomicU64::new(0),
                sent: AtomicU64::new(0),
            }));
            let run = |own: usize| {
                let (progress, workers) = (progress.clone(), workers.clone());
                loom::thread::spawn(move || {
                    let send = || workers[own].sent.store(1, Ordering::Relaxed);
                    let parks = own == 0;
                    if parks {
                        progress.park(own, own, AT[own], AT[own]);
                    } else if $seeded != Seeded::MarkFirst {
                        send();
                    }
                    workers[own].consumer.store(1, Ordering::Release);
                    progress.publish(own, AT[own]);
                    if parks {
                        if $seeded != Seeded::GoneOnFirst {
                            send();
                        }
                        progress.park(own, own, u64::MAX, u64::MAX);
                    }
                    send();
                })
            };
            let threads = [run(0), run(1)];
            let is_drained = |worker: usize| {
                let ring: &Worker = &workers[worker];
                let producer = ring.producer.load(Ordering::Acquire);
                $is_drained && ring.consumer.load(Ordering::Acquire) >= producer
            };
            let queue = || [0, 1].map(|worker: usize| workers[worker].sent.load(Ordering::Relaxed));
            let early = queue();
            let settled = progress.slowest(is_drained);
            let late = queue();
            let queue = if $seeded == Seeded::QueueFirst { early } else { late };
            for worker in 0..2 {
                assert!(AT[worker] > settled || queue[worker] == 1, "an alert is yet to come");
            }
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    };
}

#[test]
fn what_is_settled_lies_in_the_queue() {
    crate::explore(None, model!(crate::progress::Progress, false, Seeded::Nothing));
}

#[test]
fn what_is_before_a_drained_ring_lies_in_the_queue() {
    crate::explore(None, model!(crate::progress::Progress, true, Seeded::Nothing));
}

#[test]
fn looking_at_the_queue_first_is_found() {
    crate::must_fail(model!(crate::progress::Progress, false, Seeded::QueueFirst));
}

#[test]
fn sending_behind_the_mark_is_found() {
    crate::must_fail(model!(crate::progress::Progress, true, Seeded::MarkFirst));
}

#[test]
fn going_on_before_sending_is_found() {
    crate::must_fail(model!(crate::progress::Progress, false, Seeded::GoneOnFirst));
}

#[test]
fn marks_that_release_nothing_are_found() {
    crate::must_fail(model!(crate::broken::progress::Progress, false, Seeded::Nothing));
}
