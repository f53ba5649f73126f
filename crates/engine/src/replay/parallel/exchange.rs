//! What one worker leaves for another.
//!
//! # Rules
//!
//! 1. A parcel belongs to an event; its key is the event's order, and a number beside it.
//! 2. Who leaves a parcel has applied everything up to its event; who takes it is at that event.
//!    So a worker only waits for workers that are behind it, never in a circle, and the worker
//!    that is furthest behind never waits.
//! 3. Everything is under one lock, which births and little else take.
//! 4. When a worker ends early the exchange is closed: nobody waits any more.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use peregrine_state::Fd;
use peregrine_state::image::Image;
use peregrine_state::replica::{Files, Own};
use rustc_hash::FxHashMap;

/// Names a parcel.
pub(super) type Key = (u64, u32);

/// What is handed over.
pub(super) enum Parcel {
    /// What a new process takes over.
    Files(Box<Files>),
    /// What belongs to a thread.
    Own(Box<Own>),
    /// What a thread runs, found out by its owner.
    Image(Option<Arc<Image>>),
    /// The process and number that a `pidfd_getfd` asks for.
    Asked(Option<(i64, i64)>),
    /// The answer.
    Lent(Option<Box<Fd>>),
}

#[derive(Default)]
struct Parcels {
    by_key: FxHashMap<Key, (Parcel, usize)>,
    is_closed: bool,
}

/// Where workers leave parcels and wait for them.
#[derive(Default)]
pub(super) struct Exchange {
    parcels: Mutex<Parcels>,
    has_changed: Condvar,
}

impl Exchange {
    /// Leaves a parcel that is taken once.
    pub(super) fn leave(&self, key: Key, parcel: Parcel) {
        self.leave_for(key, parcel, 1);
    }

    /// Leaves a parcel for a number of readers.
    pub(super) fn leave_for(&self, key: Key, parcel: Parcel, readers: usize) {
        if readers == 0 {
            return;
        }
        self.parcels.lock().by_key.insert(key, (parcel, readers));
        self.has_changed.notify_all();
    }

    /// Waits for a parcel and takes it; `None` when the exchange is closed.
    pub(super) fn take(&self, key: Key) -> Option<Parcel> {
        let mut parcels = self.parcels.lock();
        loop {
            if let Some((_, readers)) = parcels.by_key.get_mut(&key) {
                *readers -= 1;
                return if *readers == 0 {
                    parcels.by_key.remove(&key).map(|(parcel, _)| parcel)
                } else {
                    parcels.by_key.get(&key).and_then(|(parcel, _)| parcel.copy())
                };
            }
            if parcels.is_closed {
                return None;
            }
            self.has_changed.wait(&mut parcels);
        }
    }

    /// Lets everybody go who waits.
    pub(super) fn close(&self) {
        self.parcels.lock().is_closed = true;
        self.has_changed.notify_all();
    }
}

impl Parcel {
    /// Only what has several readers can be copied.
    fn copy(&self) -> Option<Parcel> {
        match self {
            Self::Image(image) => Some(Self::Image(image.clone())),
            Self::Asked(asked) => Some(Self::Asked(*asked)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parcels_reach_all_their_readers_and_nobody_waits_for_a_closed_exchange() {
        let exchange = Exchange::default();
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| matches!(exchange.take((7, 0)), Some(Parcel::Asked(_)))))
                .collect();
            exchange.leave_for((7, 0), Parcel::Asked(Some((1, 2))), 2);
            assert!(readers.into_iter().all(|reader| reader.join().unwrap()));
            let waits = scope.spawn(|| exchange.take((8, 0)).is_none());
            exchange.close();
            assert!(waits.join().unwrap());
        });
        assert!(exchange.parcels.lock().by_key.is_empty());
    }
}
