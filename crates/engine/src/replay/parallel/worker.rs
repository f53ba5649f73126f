//! A worker of a replay: its shard, and what looks at its events.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use peregrine_event::Record;
use peregrine_fields::view::EventView;

use super::Examiner;
use super::delay::Delay;
use super::epoch::{Entry, Epoch, Handover, Task};
use super::exchange::{Exchange, Parcel};
use crate::replay::Partition;

/// Results of an epoch, in order.
pub(super) type Results<T> = Vec<(u64, T)>;

/// One worker.
pub(super) struct Worker<'x, E: Examiner> {
    pub own: u16,
    pub workers: usize,
    pub partition: Partition,
    pub examiner: E,
    pub exchange: &'x Exchange,
    pub delay: Option<Delay>,
    pub found: Vec<E::Found>,
}

impl<E: Examiner> Worker<'_, E> {
    /// Works until there is nothing more to come or nobody wants results.
    pub fn run(
        mut self,
        epochs: &Receiver<Arc<Epoch>>,
        results: &Sender<(Arc<Epoch>, Results<E::Found>)>,
    ) -> (E, Partition) {
        let mut closing = CloseUnlessDone { exchange: self.exchange, is_done: false };
        for epoch in epochs {
            let mut all = Vec::new();
            for task in &epoch.tasks[usize::from(self.own)] {
                if let Some(delay) = &mut self.delay {
                    delay.before_task();
                }
                if self.perform(&epoch.bytes, task, &mut all).is_none() {
                    return (self.examiner, self.partition);
                }
            }
            if results.send((epoch, all)).is_err() {
                return (self.examiner, self.partition);
            }
        }
        closing.is_done = true;
        (self.examiner, self.partition)
    }

    /// `None` if another worker has given up.
    #[inline]
    fn perform(&mut self, bytes: &[u8], task: &Task, all: &mut Results<E::Found>) -> Option<()> {
        match task {
            Task::Own(entry) => {
                self.apply_own(record(bytes, entry), entry, all);
            }
            Task::Shared { entry, is_mine, handovers } => {
                let record = record(bytes, entry);
                let subject = self.partition.apply_only(&record, entry.number);
                if let Some(handovers) = handovers {
                    for (index, handover) in handovers.iter().enumerate() {
                        self.hand_over((entry.order, index as u32), *handover)?;
                    }
                }
                if *is_mine {
                    let Self { partition, examiner, found, .. } = self;
                    let view = partition.view(record, entry.number, entry.times, subject);
                    look(examiner, &view, entry, found, all);
                }
            }
            Task::Borrow { entry, owner } => self.borrow(bytes, entry, *owner, all)?,
            Task::Meet(tid) => self.partition.shard_mut().meet(*tid),
            Task::Pending(ts) => self.partition.shard_mut().run_pending(*ts),
            Task::State(item) => self.partition.take_state(item),
            Task::Begin(owners) => {
                self.partition.begin();
                for (tid, owner) in owners.iter().filter(|(_, owner)| *owner != self.own) {
                    debug_assert!(usize::from(*owner) < self.workers);
                    self.partition.shard_mut().clear_files(*tid);
                }
            }
        }
        Some(())
    }

    fn hand_over(&mut self, key: (u64, u32), handover: Handover) -> Option<()> {
        if let Some(delay) = &mut self.delay {
            delay.before_handover();
        }
        let (own, exchange) = (self.own, self.exchange);
        let shard = self.partition.shard_mut();
        match handover {
            Handover::Files { parent, child, from, to } => {
                if own == from {
                    let files = shard.share_files(parent);
                    exchange.leave(key, Parcel::Files(Box::new(files)));
                }
                if own == to {
                    let Parcel::Files(files) = exchange.take(key)? else { return None };
                    shard.put_files(child, *files);
                } else {
                    shard.clear_files(child);
                }
            }
            Handover::Own { tid, from, to } => {
                if own == from {
                    let belongings = shard.take_own(tid);
                    exchange.leave(key, Parcel::Own(Box::new(belongings)));
                } else if own == to {
                    let Parcel::Own(belongings) = exchange.take(key)? else { return None };
                    shard.put_own(tid, *belongings);
                }
            }
            Handover::Image { tid, owner } => {
                if own == owner {
                    exchange.leave_for(key, Parcel::Image(shard.image(tid)), self.workers - 1);
                } else {
                    let Parcel::Image(image) = exchange.take(key)? else { return None };
                    if let Some(image) = image {
                        shard.set_image(tid, image);
                    }
                }
            }
        }
        Some(())
    }

    /// Which process is asked only the owner of the pidfd knows; which worker owns that process
    /// only the one that has its files.
    fn borrow(
        &mut self,
        bytes: &[u8],
        entry: &Entry,
        owner: u16,
        all: &mut Results<E::Found>,
    ) -> Option<()> {
        let record = record(bytes, entry);
        let question = (entry.order, 0);
        let answer_of = |worker: u16| (entry.order, u32::from(worker) + 1);
        let shard = self.partition.shard_mut();
        shard.run_pending(record.ts());
        if self.own != owner {
            let Parcel::Asked(asked) = self.exchange.take(question)? else { return None };
            let lent = asked.and_then(|(pid, number)| shard.own_fd(pid, number)).map(Box::new);
            self.exchange.leave(answer_of(self.own), Parcel::Lent(lent));
            return Some(());
        }
        let asked = shard.asked_fd(&record);
        self.exchange.leave_for(question, Parcel::Asked(asked), self.workers - 1);
        for worker in (0..self.workers as u16).filter(|worker| *worker != owner) {
            let Parcel::Lent(lent) = self.exchange.take(answer_of(worker))? else { return None };
            if let Some(fd) = lent {
                shard.lend_fd(*fd);
            }
        }
        self.apply_own(record, entry, all);
        Some(())
    }

    #[inline]
    fn apply_own(&mut self, record: Record<'_>, entry: &Entry, all: &mut Results<E::Found>) {
        let Self { partition, examiner, found, .. } = self;
        let view = partition.apply(record, entry.number, entry.times);
        look(examiner, &view, entry, found, all);
    }
}

#[inline]
fn record<'b>(bytes: &'b [u8], entry: &Entry) -> Record<'b> {
    let start = entry.start as usize;
    Record::parse(&bytes[start..start + entry.len as usize]).expect("the router has parsed it")
}

#[inline]
fn look<E: Examiner>(
    examiner: &mut E,
    view: &EventView<'_>,
    entry: &Entry,
    found: &mut Vec<E::Found>,
    all: &mut Results<E::Found>,
) {
    examiner.examine(view, entry.is_for_rules, found);
    all.extend(found.drain(..).map(|found| (entry.order, found)));
}

/// A worker that ends early, by a panic as well, lets the others go.
struct CloseUnlessDone<'x> {
    exchange: &'x Exchange,
    is_done: bool,
}

impl Drop for CloseUnlessDone<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.exchange.close();
        }
    }
}
