//! Tests of `progress.rs`; apart, because the model check compiles that file too.

use crate::progress::{Progress, class};

#[test]
fn marks_grow_and_the_slowest_counts() {
    let progress = Progress::new(3);
    progress.publish(0, 10);
    progress.publish(1, 30);
    progress.publish(2, 20);
    progress.publish(2, 15);
    assert_eq!(progress.slowest_other(0), 20);
    assert_eq!(progress.slowest_other(2), 10);
    progress.park(2, 0, 18, 18);
    assert_eq!(progress.slowest_other(0), 17);
    assert_eq!(Progress::new(1).slowest_other(0), u64::MAX);
    assert_eq!(progress.slowest(|_| false), 10);
    assert_eq!(progress.slowest(|worker| worker == 0), 17);
    assert_eq!(progress.slowest(|_| true), 17, "what is parked waits");
}

#[test]
fn an_event_is_settled_when_all_others_have_passed_what_is_before_it() {
    let progress = Progress::new(3);
    let never = |_| false;
    progress.publish(1, 99);
    progress.publish(2, 98);
    assert!(!progress.are_settled(0, 100, never));
    assert!(progress.are_settled(0, 99, never), "99 itself is concurrent");
    assert!(progress.are_settled(0, 100, |worker| worker == 2), "an empty ring holds nothing");
    progress.publish(2, 200);
    assert!(progress.are_settled(0, 100, never));
    progress.park(1, 0, 99, 99);
    assert!(!progress.are_settled(0, 100, never));
    assert!(progress.are_settled(1, 100, |_| true), "its own is its own business");
    progress.park(1, 0, 100, 100);
    assert!(progress.are_settled(0, 100, never));
    assert!(Progress::new(1).are_settled(0, u64::MAX, never));
}

#[test]
fn a_process_is_settled_whatever_is_parked_of_others() {
    let progress = Progress::new(2);
    let never = |_| false;
    progress.park(1, class(7), 50, 50);
    assert!(!progress.is_settled(1, class(8), 100, never), "its worker has not come that far");
    progress.publish(1, 99);
    assert!(progress.is_settled(1, class(8), 100, never));
    assert!(!progress.is_settled(1, class(7), 100, never));
    assert!(progress.is_settled(1, class(7), 50, never));
    progress.park(1, class(7), u64::MAX, u64::MAX);
    assert!(progress.is_settled(1, class(7), 100, never));
    progress.end(1);
    assert_eq!(progress.slowest_other(0), u64::MAX - 1);
}
