//! Watermarks: how far each worker has come.
//!
//! Who reads the state of another worker's process as of an event must know that everything before
//! the event has been applied there, and who parks a birth wants to know whether the parent's
//! worker is merely behind. Each worker therefore publishes the time stamp up to which it has taken
//! every record of its rings, and the oldest one that it has put aside: of all, and of each of some
//! hundred classes of thread groups (by pid). Who looks at a few processes need not wait for what
//! is put aside of others.
//!
//! # Rules
//!
//! 1. Only its owner stores a worker's numbers. The taken mark never decreases.
//! 2. The owner stores the taken mark `t` (`Release`) after everything with a time stamp up to `t`
//!    was applied and published, or parked. A reader that sees `t` (`Acquire`) sees all that.
//! 3. Before the owner stores a mark that covers a parked record, or gives the record's bytes back
//!    to the kernel, it stores the time stamp of its oldest parked record, of all and of the class
//!    (`Release`). It raises those only after the record was applied. Readers load the mark first
//!    and the parked one after.
//! 4. A process is settled for an event at `s` when its worker has taken all records before `s` and
//!    parks none of them in the class of the process: records with the very time stamp `s` are
//!    concurrent with it. Waiting for less than its own time stamp is what keeps two events with
//!    the same one from waiting for each other. Only what is read after a process was seen to be
//!    settled is as of the event.
//! 5. A worker whose rings are empty need not store anything while it sleeps: a reader may look at
//!    its rings instead. Rings without anything between consumer and producer position, seen after
//!    the event was read, hold nothing that was written before the event.
//! 6. A worker that ends stores the end of time: nothing more will come from it.
//!
//! # Why waiting never cycles
//!
//! An event at `s` waits only for records before `s`, on another worker or parked at its own. The
//! record with the smallest time stamp of all that wait therefore waits for no other parked one,
//! only for workers to take what lies in their rings, which they do whatever they have parked.
//!
//! Time stamps are taken a little before a record is visible, so two records that are written at
//! the same moment on two CPUs may lie in a ring the other way round. What happened before an event
//! in the sense of the watched programs was written completely before the event was stamped, and
//! lies in front of anything stamped later; so such pairs are concurrent, and either order is true.
//!
//! The model check in `tests/models` compiles this very file against loom.

use super::sync::{AtomicU64, CLASSES, Ordering, padded};

#[derive(Debug)]
struct Marks {
    taken: padded::AtomicU64,
    parked: padded::AtomicU64,
    /// By class; see [`class`].
    parked_of: Box<[AtomicU64]>,
}

/// The class of a thread group.
pub fn class(pid: i64) -> usize {
    pid.rem_euclid(CLASSES as i64) as usize
}

/// The watermarks of all workers.
#[derive(Debug)]
pub struct Progress {
    marks: Vec<Marks>,
}

impl Progress {
    /// Marks for a number of workers, all at the beginning.
    pub fn new(workers: usize) -> Self {
        let marks = || Marks {
            taken: padded::new(0),
            parked: padded::new(u64::MAX),
            parked_of: (0..CLASSES).map(|_| AtomicU64::new(u64::MAX)).collect(),
        };
        Self { marks: (0..workers).map(|_| marks()).collect() }
    }

    /// Publishes how far worker `own` has taken its records (rule 2); earlier times change nothing.
    pub fn publish(&self, own: usize, taken_ns: u64) {
        if let Some(marks) = self.marks.get(own)
            // Relaxed: our own last store.
            && taken_ns > marks.taken.load(Ordering::Relaxed)
        {
            marks.taken.store(taken_ns, Ordering::Release);
        }
    }

    /// How far worker `own` has said that it has taken its records.
    pub fn taken(&self, own: usize) -> u64 {
        // Relaxed: our own last store.
        self.marks.get(own).map_or(0, |marks| marks.taken.load(Ordering::Relaxed))
    }

    /// Publishes the oldest record that worker `own` has parked (rule 3), `of_class` and `of_all`;
    /// `u64::MAX` for none.
    pub fn park(&self, own: usize, class: usize, of_class: u64, of_all: u64) {
        let Some(marks) = self.marks.get(own) else { return };
        // Relaxed: our own last stores.
        if let Some(mark) = marks.parked_of.get(class)
            && of_class != mark.load(Ordering::Relaxed)
        {
            mark.store(of_class, Ordering::Release);
        }
        if of_all != marks.parked.load(Ordering::Relaxed) {
            marks.parked.store(of_all, Ordering::Release);
        }
    }

    /// Nothing more will come from worker `own` (rule 6).
    pub fn end(&self, own: usize) {
        for class in 0..CLASSES {
            self.park(own, class, u64::MAX, u64::MAX);
        }
        self.publish(own, u64::MAX);
    }

    /// Whether a process of another worker is settled for an event (rule 4). `is_drained` says of a
    /// worker that its rings hold nothing (rule 5).
    pub fn is_settled(
        &self,
        worker: usize,
        class: usize,
        sequence: u64,
        is_drained: impl Fn(usize) -> bool,
    ) -> bool {
        let Some(marks) = self.marks.get(worker) else { return true };
        let parked = marks.parked_of.get(class);
        self.has_taken(worker, sequence, is_drained)
            && parked.is_none_or(|parked| parked.load(Ordering::Acquire) >= sequence)
    }

    /// Whether all processes of all other workers are settled for an event.
    pub fn are_settled(
        &self,
        own: usize,
        sequence: u64,
        is_drained: impl Fn(usize) -> bool,
    ) -> bool {
        let others = (0..self.marks.len()).filter(|index| *index != own);
        others.into_iter().all(|other| {
            self.has_taken(other, sequence, &is_drained)
                && self.marks[other].parked.load(Ordering::Acquire) >= sequence
        })
    }

    /// Whether a worker has taken all records before an event.
    fn has_taken(&self, worker: usize, sequence: u64, is_drained: impl Fn(usize) -> bool) -> bool {
        // Acquire, and before the parked ones are loaded: rules 2 and 3.
        let taken = self.marks[worker].taken.load(Ordering::Acquire);
        taken >= sequence.saturating_sub(1) || is_drained(worker)
    }

    /// How far a worker has come: everything up to this time stamp is applied.
    fn applied(&self, worker: usize) -> u64 {
        self.marks.get(worker).map_or(u64::MAX, |marks| {
            let taken = marks.taken.load(Ordering::Acquire);
            taken.min(marks.parked.load(Ordering::Acquire).saturating_sub(1))
        })
    }

    /// How far the slowest of all workers has come. One that `is_drained` (rule 5) has come as far as
    /// what it has parked lets it.
    pub fn slowest(&self, is_drained: impl Fn(usize) -> bool) -> u64 {
        let come = |worker: usize| match is_drained(worker) {
            true => self.marks[worker].parked.load(Ordering::Acquire).saturating_sub(1),
            false => self.applied(worker),
        };
        (0..self.marks.len()).map(come).min().unwrap_or(u64::MAX)
    }

    /// How far the slowest of the other workers has come; the end of time if there is no other.
    pub fn slowest_other(&self, own: usize) -> u64 {
        let others = (0..self.marks.len()).filter(|index| *index != own);
        others.map(|other| self.applied(other)).min().unwrap_or(u64::MAX)
    }
}
