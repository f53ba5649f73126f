//! The unit of work: some thousand events in the order of the capture, and for each worker what it
//! has to do with them.

use std::sync::Arc;

use peregrine_capture::{Error, Item};

use crate::replay::Times;

/// A record in the bytes of its epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub start: u32,
    pub len: u32,
    /// Position among everything the capture shows; parcels and results are ordered by it.
    pub order: u64,
    /// Its `evt.num`.
    pub number: u64,
    /// Rules see it.
    pub is_for_rules: bool,
    pub times: Times,
}

/// What changes its owner at an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handover {
    /// A new process takes after a thread of another owner.
    Files { parent: i64, child: i64, from: u16, to: u16 },
    /// A thread turns out to belong to a group of another owner.
    Own { tid: i64, from: u16, to: u16 },
    /// The owner alone knows what a thread runs.
    Image { tid: i64, owner: u16 },
}

/// Something a worker has to do.
pub(super) enum Task {
    /// An event of a thread group that this worker owns, and no other needs to know of.
    Own(Entry),
    /// An event that all apply. Its owner, after that, looks at it.
    Shared { entry: Entry, is_mine: bool, handovers: Option<Arc<[Handover]>> },
    /// A `pidfd_getfd`: its owner asks all others.
    Borrow { entry: Entry, owner: u16 },
    /// There is a thread, of another owner.
    Meet(i64),
    /// The next event has this time: what the last one ended goes now.
    Pending(u64),
    /// The capture tells of the machine.
    State(Arc<Item<'static>>),
    /// The first event follows. The threads there are, with their owners.
    Begin(Arc<Vec<(i64, u16)>>),
}

/// Some events, and the work with them.
#[derive(Default)]
pub(super) struct Epoch {
    pub bytes: Vec<u8>,
    /// Per worker, in order.
    pub tasks: Vec<Vec<Task>>,
    /// Damage found on the way, with its place in the order.
    pub damage: Vec<(u64, Error)>,
    /// Events read so far.
    pub read: u64,
}

impl Epoch {
    /// An empty epoch.
    pub fn new(workers: usize) -> Self {
        Self { tasks: (0..workers).map(|_| Vec::new()).collect(), ..Self::default() }
    }

    /// Empties it; the buffers stay.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.tasks.iter_mut().for_each(Vec::clear);
        self.damage.clear();
    }
}
