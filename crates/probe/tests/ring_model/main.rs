//! Model check of the ring walk: a simulated kernel producer (reserve, submit or discard, wrap)
//! beside the very `drain` that reads the kernel's pages, under every interleaving loom can make.
//!
//! Breaks if the walk reads a record before it is submitted, reads bytes after freeing them, skips
//! or repeats a record, or loses one at the wrap.

#![allow(clippy::duplicate_mod, reason = "on purpose: once on sound primitives, once on weak ones")]

mod broken;
#[path = "../../../state/tests/models/explore.rs"]
mod explore;
mod sleep_model;

mod sync {
    pub use loom::sync::atomic::{AtomicU32, Ordering, fence};
}

#[path = "../../src/flag.rs"]
#[allow(dead_code)]
mod flag;

use std::cell::RefCell;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use peregrine_probe::ring::{BUSY, DISCARD, Front, RECORD_HEADER_BYTES, RingMemory, drain, front};

const SIZE: u64 = 32;

/// Slots of 16 bytes: an 8-byte header and 8 bytes of payload each.
struct Model {
    consumer: AtomicU64,
    producer: AtomicU64,
    headers: [AtomicU32; 2],
    payload: [UnsafeCell<u64>; 2],
}

struct View {
    model: Arc<Model>,
    /// How headers and the producer position are loaded.
    load: Ordering,
    /// How the consumer position is stored.
    release: Ordering,
    #[allow(clippy::vec_box, reason = "what was handed out must not move when the vector grows")]
    read: RefCell<Vec<Box<[u8; 8]>>>,
}

impl Model {
    /// A ring in which nothing was consumed yet.
    fn new(producer: u64, header: u32) -> Arc<Self> {
        Arc::new(Self {
            consumer: AtomicU64::new(0),
            producer: AtomicU64::new(producer),
            headers: [AtomicU32::new(header), AtomicU32::new(header)],
            payload: [UnsafeCell::new(0), UnsafeCell::new(0)],
        })
    }

    fn slot(position: u64) -> usize {
        (position % SIZE / 16) as usize
    }

    /// The kernel's side: reserve with the busy bit, publish the position, fill, then submit.
    fn produce(&self, value: u64, discard: bool) -> bool {
        let position = self.producer.load(Ordering::Relaxed);
        if position + 16 - self.consumer.load(Ordering::Acquire) > SIZE {
            return false;
        }
        let slot = Self::slot(position);
        self.headers[slot].store(8 | BUSY, Ordering::Relaxed);
        self.producer.store(position + 16, Ordering::Release);
        self.payload[slot].with_mut(|p| {
            // SAFETY: the slot is reserved and busy, nobody else may look at it; loom checks.
            unsafe { *p = value }
        });
        let flags = if discard { DISCARD } else { 0 };
        self.headers[slot].store(8 | flags, Ordering::Release);
        true
    }
}

impl RingMemory for View {
    fn size(&self) -> u64 {
        SIZE
    }
    fn consumer(&self) -> u64 {
        self.model.consumer.load(Ordering::Relaxed)
    }
    // SAFETY: what the caller promises is what loom checks here.
    unsafe fn release(&self, position: u64) {
        self.model.consumer.store(position, self.release);
    }
    fn producer(&self) -> u64 {
        self.model.producer.load(self.load)
    }
    fn header(&self, position: u64) -> u32 {
        self.model.headers[Model::slot(position)].load(self.load)
    }
    // SAFETY: as above.
    unsafe fn bytes(&self, position: u64, len: usize) -> &[u8] {
        assert_eq!(len as u64, 16 - RECORD_HEADER_BYTES);
        let value = self.model.payload[Model::slot(position)].with(|p| {
            // SAFETY: read access that loom checks against the producer's writes.
            unsafe { *p }
        });
        let boxed = Box::new(value.to_le_bytes());
        let slice: &[u8] = &*boxed;
        // SAFETY: the box lives in `self.read` and is never removed while `self` lives.
        let slice = unsafe { std::slice::from_raw_parts(slice.as_ptr(), slice.len()) };
        self.read.borrow_mut().push(boxed);
        slice
    }
}

#[test]
fn every_record_is_read_once_in_order() {
    explore::explore(None, model(Ordering::Acquire, Ordering::Release));
}

/// The seeded bug: loads that do not acquire what the producer has released.
#[test]
fn loads_that_acquire_nothing_are_found() {
    explore::must_fail(model(Ordering::Relaxed, Ordering::Release));
}

/// The seeded bug: bytes are given back to the producer without the reads being done.
#[test]
fn a_release_that_orders_nothing_is_found() {
    explore::must_fail(model(Ordering::Acquire, Ordering::Relaxed));
}

/// The kernel and a worker on a ring of two slots.
fn model(load: Ordering, release: Ordering) -> impl Fn() + Sync + Send + 'static {
    move || {
        let model = Model::new(0, 0);
        let kernel = model.clone();
        let producer = loom::thread::spawn(move || {
            // Three records through two slots: the third wraps and needs space to be freed.
            let mut sent = Vec::new();
            for value in 1..=3 {
                let discard = value == 2;
                if kernel.produce(value, discard) && !discard {
                    sent.push(value);
                }
            }
            sent
        });
        let mut view = View { model, load, release, read: RefCell::new(Vec::new()) };
        let mut seen = Vec::new();
        let mut take = |bytes: &[u8]| seen.push(u64::from_le_bytes(bytes.try_into().unwrap()));
        for _ in 0..2 {
            // What a worker with several rings does: it looks, and takes what it has seen there.
            if matches!(front(&mut view), Front::Record(_)) {
                assert_eq!(drain(&mut view, 1, u64::MAX, |_| true, &mut take).records, 1);
            }
            assert_ne!(front(&mut view), Front::Corrupt);
            loom::thread::yield_now();
        }
        let sent = producer.join().unwrap();
        assert!(!drain(&mut view, 8, u64::MAX, |_| true, &mut take).is_corrupt);
        assert_eq!(view.consumer(), view.producer());
        assert_eq!(seen, sent);
    }
}

/// A wake-up is a discarded record behind a record. Who takes the record before the wake-up is there
/// finds, looking again, an empty ring: whoever looks at the positions must find the same.
#[test]
fn a_discarded_record_alone_leaves_the_ring_empty() {
    loom::model(|| {
        let model = Model::new(0, 0);
        let kernel = model.clone();
        let producer = loom::thread::spawn(move || {
            kernel.produce(1, false);
            kernel.produce(2, true);
        });
        let (load, release) = (Ordering::Acquire, Ordering::Release);
        let mut view = View { model, load, release, read: RefCell::new(Vec::new()) };
        let mut records = drain(&mut view, 8, u64::MAX, |_| true, |_| {}).records;
        producer.join().unwrap();
        if matches!(front(&mut view), Front::Record(_)) {
            records += drain(&mut view, 1, u64::MAX, |_| true, |_| {}).records;
        }
        assert_eq!(records, 1);
        assert_eq!(front(&mut view), Front::Empty);
        assert_eq!(view.consumer(), view.producer(), "others see what is left in the ring");
    });
}

#[test]
fn positions_that_contradict_the_protocol_are_reported() {
    loom::model(|| {
        let model = Model::new(SIZE + 16, 8);
        let (load, release) = (Ordering::Acquire, Ordering::Release);
        let mut view = View { model, load, release, read: RefCell::new(Vec::new()) };
        let batch = drain(&mut view, 8, u64::MAX, |_| true, |_| panic!("nothing may be read"));
        assert!(batch.is_corrupt);
        assert_eq!(front(&mut view), Front::Corrupt);
    });
}
