//! Watermarks and parking: an event whose rules read another worker's process waits for it.
//!
//! Breaks if an event is taken for settled while something before it is not applied and published,
//! if two events wait for each other (loom gives up on loops that never end), or if a parked record
//! is passed over.

use std::sync::Arc;

use loom::sync::atomic::{AtomicU64, Ordering};

/// What a worker publishes of its process, and the positions of its ring.
struct Published {
    state: AtomicU64,
    producer: AtomicU64,
    consumer: AtomicU64,
}

macro_rules! model {
    ($progress:path, $at:expr, $drained:expr, $parks:expr, $reads_first:expr) => {
        move || {
            use $progress as Progress;
            // Worker w has one event at $at[w], which changes its own process and reads the other's.
            let at: [u64; 2] = $at;
            let progress = Arc::new(Progress::new(2));
            let published: Arc<[Published; 2]> = Arc::new([0, 1].map(|_| Published {
                state: AtomicU64::new(0),
                producer: AtomicU64::new(1),
                consumer: AtomicU64::new(0),
            }));
            let run = move |own: usize, progress: Arc<Progress>, published: Arc<[Published; 2]>| {
                let other = 1 - own;
                // Process w is of class w, and on worker w.
                let park = |oldest| progress.park(own, own, oldest, oldest);
                let is_drained = |worker: usize| {
                    let ring: &Published = &published[worker];
                    let producer = ring.producer.load(Ordering::Acquire);
                    $drained && ring.consumer.load(Ordering::Acquire) >= producer
                };
                // The event is applied and its rules must wait: it is parked before the ring gets
                // its bytes back and before the mark covers it.
                let others_are = || progress.is_settled(other, other, at[own], is_drained);
                let read = || published[other].state.load(Ordering::Relaxed);
                let mut is_settled = !$parks && others_are();
                if is_settled {
                    published[own].state.store(at[own], Ordering::Relaxed);
                } else {
                    park(at[own]);
                }
                published[own].consumer.store(1, Ordering::Release);
                progress.publish(own, at[own]);
                let mut early = read();
                while !is_settled {
                    early = read();
                    is_settled = others_are();
                    if !is_settled {
                        loom::thread::yield_now();
                    }
                }
                let seen = if $reads_first { early } else { read() };
                if at[other] < at[own] {
                    assert_eq!(seen, at[other], "settled, but what was before is not there");
                }
                published[own].state.store(at[own], Ordering::Relaxed);
                progress.end(own);
            };
            let first = {
                let (progress, published) = (progress.clone(), published.clone());
                loom::thread::spawn(move || run(0, progress, published))
            };
            run(1, progress, published);
            first.join().unwrap();
        }
    };
}

#[test]
fn an_event_sees_all_that_was_before_it() {
    crate::explore(None, model!(crate::progress::Progress, [10, 20], false, true, false));
}

#[test]
fn an_empty_ring_is_as_good_as_a_mark() {
    crate::explore(Some(5), model!(crate::progress::Progress, [20, 10], true, true, false));
}

/// With equal time stamps each would wait for the other if it waited for its own time.
#[test]
fn equal_time_stamps_do_not_wait_for_each_other() {
    crate::explore(Some(5), model!(crate::progress::Progress, [10, 10], false, true, false));
}

#[test]
fn marks_that_release_nothing_are_found() {
    crate::must_fail(model!(crate::broken::progress::Progress, [10, 20], false, true, false));
}

/// The seeded bug: what is read and only then seen to be settled may be of before.
#[test]
fn reading_before_asking_is_found() {
    crate::must_fail(model!(crate::progress::Progress, [10, 20], false, true, true));
}
