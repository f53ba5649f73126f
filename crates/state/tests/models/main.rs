//! Model check (loom) of the inheritance slots: the very file of the crate on loom's primitives.
//!
//! The parent's worker leaves, the child's takes, or declines.
//!
//! Breaks if a child that waits is never served, if one that declined leaves something behind, or
//! if what is taken is not complete.

#![allow(clippy::arc_with_non_send_sync, reason = "loom runs its threads on one")]

use std::sync::Arc;

use loom::cell::Cell;
use loom::sync::atomic::{AtomicUsize, Ordering};

mod explore;
mod mutex;

mod sync {
    pub use crate::mutex::Mutex;
}

#[path = "../../src/slots.rs"]
#[allow(dead_code)]
mod slots;

use slots::Slots;

/// What is inherited; loom watches that nobody reads it while it is written.
struct Inheritance(Arc<Cell<u32>>);

const CHILD: (i64, u64) = (7, 1);

/// How the child goes ahead when it will wait no longer.
type GiveUp = fn(&Slots<Inheritance>) -> Option<Box<Inheritance>>;

fn model(patience: usize, give_up: GiveUp) -> impl Fn() + Sync + Send + 'static {
    move || {
        let slots: Arc<Slots<Inheritance>> = Arc::new(Slots::new(1));
        let taken = Arc::new(AtomicUsize::new(0));
        let parent = {
            let slots = slots.clone();
            loom::thread::spawn(move || {
                let value = Arc::new(Cell::new(0));
                value.set(5);
                slots.leave(CHILD.0, CHILD.1, Inheritance(value));
            })
        };
        let mut inherited = None;
        for _ in 0..patience {
            if slots.is_left(CHILD.0, CHILD.1) {
                inherited = slots.take(CHILD.0, CHILD.1);
                assert!(inherited.is_some(), "what is left stays until it is taken");
                break;
            }
            loom::thread::yield_now();
        }
        let inherited = inherited.or_else(|| give_up(&slots));
        if let Some(inherited) = inherited {
            taken.fetch_add(1, Ordering::Relaxed);
            assert_eq!(inherited.0.get(), 5);
        }
        parent.join().unwrap();
        assert_eq!(slots.waiting(), 0, "left behind by two that missed each other");
        assert!(slots.take(CHILD.0, CHILD.1).is_none());
    }
}

#[test]
fn what_is_left_is_taken_or_dropped() {
    explore::explore(None, model(2, |slots| slots.take_or_decline(CHILD.0, CHILD.1)));
}

/// The seeded bug: looking once more and going ahead are two steps.
#[test]
fn giving_up_in_two_steps_is_found() {
    explore::must_fail(model(1, |slots| slots.take(CHILD.0, CHILD.1)));
}
