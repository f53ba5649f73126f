//! Tests of `slots.rs`; apart, because the model check compiles that file too.

use crate::slots::{SLACK, Slots};

#[test]
fn one_that_nobody_takes_does_not_keep_the_names_of_the_rest() {
    let slots = Slots::new(1);
    slots.leave(1, 1, "lost");
    slots.sweep();
    for n in 0..10_000 {
        slots.leave(2, n, "taken");
        assert!(slots.take(2, n).is_some());
    }
    assert_eq!(slots.waiting(), 1);
    assert!(slots.names() <= SLACK + 3, "{}", slots.names());
    slots.sweep();
    assert_eq!(slots.waiting(), 0);
    slots.sweep();
    assert_eq!(slots.names(), 0);
}
