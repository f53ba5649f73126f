//! Inheritance slots: where a parent's shard leaves what a child inherits.
//!
//! # Rules
//!
//! 1. A slot is named by the child's tid and start time, so a reused tid is another slot.
//! 2. The parent's shard leaves once, the child's takes once; either may come first. Nothing waits
//!    here: a child that comes first is parked by its worker, which looks again later.
//! 3. A child that will wait no longer declines in the same step in which it finds nothing. What
//!    is left afterwards is dropped by whoever leaves it, so that a slot is never left behind by
//!    two that missed each other.
//! 4. What nobody ever takes (a birth that was lost) is bounded, the oldest goes first; and whoever
//!    knows that all births from before the last sweep have been seen sweeps again.
//!
//! A stripe's lock orders leaving before taking, and with it everything the parent's shard had
//! published before. The model check in `tests/models` compiles this very file against loom.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::sync::Mutex;

/// What a stripe keeps for children whose birth record was lost.
pub(crate) const WAITING: usize = 1024;

/// Names of slots that are gone for which there may be room.
pub(crate) const SLACK: usize = 64;

/// Child's tid and start time.
type SlotKey = (i64, u64);

#[derive(Debug)]
struct Stripe<T> {
    /// `None`: the child went ahead without.
    by_child: FxHashMap<SlotKey, Option<Box<T>>>,
    /// Oldest first; may name slots that are gone.
    order: VecDeque<SlotKey>,
    /// How many of them were there at the last sweep.
    swept: usize,
}

impl<T> Stripe<T> {
    fn put(&mut self, key: SlotKey, value: Option<Box<T>>) {
        self.by_child.insert(key, value);
        self.order.push_back(key);
        while let Some(oldest) = self.order.front() {
            if self.by_child.len() > WAITING {
                self.by_child.remove(oldest);
            } else if self.by_child.contains_key(oldest) {
                break;
            }
            self.order.pop_front();
            self.swept = self.swept.saturating_sub(1);
        }
        // One slot that nobody takes must not keep the names of all that came after it.
        if self.order.len() > 2 * self.by_child.len() + SLACK {
            let mut position = 0;
            let mut gone = 0;
            let (by_child, swept) = (&self.by_child, self.swept);
            self.order.retain(|key| {
                let stays = by_child.contains_key(key);
                gone += usize::from(!stays && position < swept);
                position += 1;
                stays
            });
            self.swept -= gone;
        }
    }

    /// Drops what was there at the last sweep.
    fn sweep(&mut self) -> Vec<Option<Box<T>>> {
        let old = self.order.drain(..self.swept);
        let dropped = old.filter_map(|key| self.by_child.remove(&key)).collect();
        self.swept = self.order.len();
        self.order.shrink_to(2 * self.swept + SLACK);
        self.by_child.shrink_to(2 * self.by_child.len() + SLACK);
        dropped
    }
}

/// The slots of all children; see the module.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    stripes: Vec<Mutex<Stripe<T>>>,
}

impl<T> Slots<T> {
    pub(crate) fn new(stripes: usize) -> Self {
        let stripe = || Stripe { by_child: FxHashMap::default(), order: VecDeque::new(), swept: 0 };
        Self { stripes: (0..stripes.max(1)).map(|_| Mutex::new(stripe())).collect() }
    }

    fn stripe(&self, child_tid: i64) -> &Mutex<Stripe<T>> {
        &self.stripes[child_tid.rem_euclid(self.stripes.len() as i64) as usize]
    }

    /// Inheritances that no child has taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.stripes.iter().map(|s| s.lock().by_child.values().flatten().count()).sum()
    }

    /// Names that are kept, of slots that are gone also.
    #[cfg(test)]
    pub(crate) fn names(&self) -> usize {
        self.stripes.iter().map(|stripe| stripe.lock().order.len()).sum()
    }

    /// Drops what was there at the last sweep and what was declined before it: nobody will ask for
    /// it any more.
    pub(crate) fn sweep(&self) {
        for stripe in &self.stripes {
            let dropped = stripe.lock().sweep();
            // Outside of the lock: an inheritance may be large.
            drop(dropped);
        }
    }

    /// Leaves something; dropped if the child went ahead without. A second one for the same child
    /// replaces the first.
    pub(crate) fn leave(&self, child_tid: i64, start_time: u64, value: T) {
        let key = (child_tid, start_time);
        let mut stripe = self.stripe(child_tid).lock();
        if let Some(None) = stripe.by_child.get(&key) {
            stripe.by_child.remove(&key);
        } else {
            stripe.put(key, Some(Box::new(value)));
        }
    }

    /// Takes it, if the parent's shard has been there.
    pub(crate) fn take(&self, child_tid: i64, start_time: u64) -> Option<Box<T>> {
        self.stripe(child_tid).lock().by_child.remove(&(child_tid, start_time))?
    }

    /// Whether [`Self::take`] would give something.
    pub(crate) fn is_left(&self, child_tid: i64, start_time: u64) -> bool {
        let stripe = self.stripe(child_tid).lock();
        matches!(stripe.by_child.get(&(child_tid, start_time)), Some(Some(_)))
    }

    /// As [`Self::take`]; if there is nothing, what comes later is not wanted any more.
    pub(crate) fn take_or_decline(&self, child_tid: i64, start_time: u64) -> Option<Box<T>> {
        let key = (child_tid, start_time);
        let mut stripe = self.stripe(child_tid).lock();
        match stripe.by_child.remove(&key) {
            Some(left) => left,
            None => {
                stripe.put(key, None);
                None
            }
        }
    }
}
