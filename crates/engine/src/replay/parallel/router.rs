//! Reads a capture and gives every worker its share, an epoch at a time.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use peregrine_capture::{Error, Item, RawEvent, Reader};
use peregrine_event::{Record, code};
use peregrine_state::replica;

use super::epoch::{Entry, Epoch, Handover, Task};
use super::owners::Owners;
use crate::replay::intake::{Intake, Taken};
use crate::replay::{Partition, ReplayTotals, Times};

/// Bytes of an epoch beyond which it ends, whatever its number of events.
const EPOCH_BYTES: usize = 1 << 20;
/// Epochs after which old work counts less.
const HANDLED_EPOCHS_PER_FADE: u64 = 4;

/// Nobody takes epochs any more.
pub(super) struct Gone;

/// The router: reads, converts, numbers, and knows which thread belongs to whom.
pub(super) struct Router<'c> {
    intake: Intake,
    /// Applies what is shared, to know which threads there are.
    lead: Partition,
    owners: Owners,
    epoch: Epoch,
    events: usize,
    epoch_events: usize,
    order: u64,
    epochs: u64,
    has_pending: bool,
    handovers: Vec<Handover>,
    workers: &'c [Sender<Arc<Epoch>>],
    /// Epochs whose buffers can be used again.
    used: &'c Receiver<Epoch>,
}

impl<'c> Router<'c> {
    /// `lead` must be empty.
    pub fn new(
        mut lead: Partition,
        owners: Owners,
        epoch_events: usize,
        workers: &'c [Sender<Arc<Epoch>>],
        used: &'c Receiver<Epoch>,
    ) -> Self {
        lead.shard_mut().keep_changes();
        Self {
            intake: Intake::default(),
            lead,
            owners,
            epoch: Epoch::new(workers.len()),
            events: 0,
            epoch_events: epoch_events.max(1),
            order: 0,
            epochs: 0,
            has_pending: false,
            handovers: Vec::new(),
            workers,
            used,
        }
    }

    /// Reads to the end of the capture, or until nobody takes epochs any more. Everything that was
    /// read has been handed out then.
    pub fn run(mut self, reader: &mut Reader) -> (ReplayTotals, Result<(), Error>) {
        self.intake.start_capture();
        let unknown_before = reader.unknown_events();
        let end = loop {
            if let Some(event) = reader.next_plain() {
                if self.event(&event).is_err() {
                    break Ok(());
                }
                continue;
            }
            let handled = match reader.next() {
                Ok(Some(Item::Event(event))) => self.event(&event),
                Ok(Some(item)) => self.state(item),
                Ok(None) => break Ok(()),
                Err(error) if error.is_fatal() => break Err(error),
                Err(error) => {
                    self.intake.totals.damaged += 1;
                    self.damage(error)
                }
            };
            if handled.is_err() {
                break Ok(());
            }
        };
        let _ = self.flush();
        self.intake.totals.unknown += reader.unknown_events() - unknown_before;
        (self.intake.totals, end)
    }

    #[inline]
    fn event(&mut self, raw: &RawEvent<'_>) -> Result<(), Gone> {
        let Self { intake, lead, owners, epoch, handovers, .. } = self;
        let (record, number, is_for_rules, times) = match intake.take(raw) {
            Taken::Record { record, number, is_for_rules, times } => {
                (record, number, is_for_rules, times)
            }
            Taken::Entered | Taken::Nothing => return Ok(()),
            Taken::Damage(error) => return self.damage(error),
        };
        self.order += 1;
        if !lead.has_begun() {
            begin(lead, owners, epoch, handovers);
        }
        if std::mem::take(&mut self.has_pending) {
            lead.shard_mut().run_pending(record.ts());
            owners.follow(lead.shard_mut(), handovers);
            debug_assert!(handovers.is_empty(), "an exit makes placeholders at most");
            epoch.tasks.iter_mut().for_each(|tasks| tasks.push(Task::Pending(record.ts())));
        }
        let start = epoch.bytes.len() as u32;
        record.write_to(&mut epoch.bytes);
        let len = record.header().len;
        let entry = Entry { start, len, order: self.order, number, is_for_rules, times };
        let owner = owners.get(i64::from(record.tid()));
        match owner {
            Some(owner) if !replica::is_shared(&record) => {
                owners.add_load(owner, 1);
                let tasks = &mut epoch.tasks;
                if record.code() == code::SYSCALL_PIDFD_GETFD_X {
                    tasks.iter_mut().for_each(|tasks| tasks.push(Task::Borrow { entry, owner }));
                } else {
                    tasks[usize::from(owner)].push(Task::Own(entry));
                }
            }
            _ => {
                self.has_pending = record.code() == code::PROCEXIT_1_E;
                share(lead, owners, epoch, handovers, record, entry);
            }
        }
        self.events += 1;
        if self.events >= self.epoch_events || self.epoch.bytes.len() >= EPOCH_BYTES {
            return self.flush();
        }
        Ok(())
    }

    #[cold]
    fn state(&mut self, item: Item<'_>) -> Result<(), Gone> {
        let item: Item<'static> = match item {
            Item::Section { index } => Item::Section { index },
            Item::MachineInfo(info) => Item::MachineInfo(info),
            Item::Threads(threads) => Item::Threads(threads),
            Item::Fds { tid, fds } => Item::Fds { tid, fds },
            Item::Users(users) => Item::Users(users),
            Item::Interfaces(interfaces) => Item::Interfaces(interfaces),
            Item::Event(event) => return self.event(&event),
        };
        if let Item::Section { index: 1.. } = item {
            self.intake.start_section();
            self.owners.start_section();
            self.has_pending = false;
        }
        // Files are kept by their owners; here they would be copied at each fork for nobody.
        if !matches!(item, Item::Fds { .. }) {
            self.lead.take_state(&item);
        }
        if let Item::Section { index: 1.. } = item {
            self.lead.shard_mut().keep_changes();
        }
        self.owners.follow(self.lead.shard_mut(), &mut self.handovers);
        self.handovers.clear();
        // Before the first event all lists are needed by all: the ports that are served on the
        // machine give listed connections their direction. Later only the owner wants files.
        let only = match item {
            Item::Fds { tid, .. } if self.lead.has_begun() => self.owners.get(tid),
            _ => None,
        };
        let item = Arc::new(item);
        for (worker, tasks) in self.epoch.tasks.iter_mut().enumerate() {
            if only.is_none_or(|only| usize::from(only) == worker) {
                tasks.push(Task::State(item.clone()));
            }
        }
        // A list may be long, and is kept until its epoch has been worked on.
        self.flush()
    }

    #[cold]
    fn damage(&mut self, error: Error) -> Result<(), Gone> {
        self.order += 1;
        self.epoch.damage.push((self.order, error));
        self.events += 1;
        if self.events >= self.epoch_events { self.flush() } else { Ok(()) }
    }

    /// Hands out the epoch. Each one goes to all workers before the next one begins, so that the
    /// worker that is furthest behind always has what it needs.
    fn flush(&mut self) -> Result<(), Gone> {
        self.events = 0;
        self.epochs += 1;
        if self.epochs.is_multiple_of(HANDLED_EPOCHS_PER_FADE) {
            self.owners.fade();
        }
        let next = self.used.try_recv().unwrap_or_else(|_| Epoch::new(self.workers.len()));
        let mut epoch = std::mem::replace(&mut self.epoch, next);
        epoch.read = self.intake.totals.read;
        let epoch = Arc::new(epoch);
        let Some((last, others)) = self.workers.split_last() else { return Ok(()) };
        for worker in others {
            worker.send(epoch.clone()).map_err(|_| Gone)?;
        }
        // Nothing is kept here: the merge gets back a sole reference.
        last.send(epoch).map_err(|_| Gone)
    }
}

/// The first event follows.
#[cold]
fn begin(
    lead: &mut Partition,
    owners: &mut Owners,
    epoch: &mut Epoch,
    handovers: &mut Vec<Handover>,
) {
    lead.begin();
    let threads = Arc::new(owners.begin());
    owners.follow(lead.shard_mut(), handovers);
    debug_assert!(handovers.is_empty(), "listed threads of a group have one owner");
    epoch.tasks.iter_mut().for_each(|tasks| tasks.push(Task::Begin(threads.clone())));
}

/// An event that others need to know of: one that is shared, or the first of a thread.
fn share(
    lead: &mut Partition,
    owners: &mut Owners,
    epoch: &mut Epoch,
    handovers: &mut Vec<Handover>,
    record: Record<'_>,
    entry: Entry,
) {
    let tid = i64::from(record.tid());
    lead.apply_only(&record, entry.number);
    owners.follow(lead.shard_mut(), handovers);
    let owner = owners.get(tid);
    let mine = owner.unwrap_or_else(|| owners.stray(tid));
    owners.add_load(mine, 1);
    if !replica::is_shared(&record) {
        debug_assert!(handovers.is_empty(), "a placeholder takes nothing over");
        for (worker, tasks) in epoch.tasks.iter_mut().enumerate() {
            if worker == usize::from(mine) {
                tasks.push(Task::Own(entry));
            } else if owner.is_some() {
                tasks.push(Task::Meet(tid));
            }
        }
        return;
    }
    if let Some(owner) = owner
        && epoch.tasks.len() > 1
        && replica::needs_own_path(&record)
    {
        // One that changes hands by this very event has what the path is made of at its old owner.
        let old = handovers.iter().find_map(|handover| match handover {
            Handover::Own { tid: moved, from, .. } if *moved == tid => Some(*from),
            _ => None,
        });
        handovers.push(Handover::Image { tid, owner: old.unwrap_or(owner) });
    }
    let handovers: Option<Arc<[Handover]>> =
        if handovers.is_empty() { None } else { Some(handovers.drain(..).collect()) };
    for (worker, tasks) in epoch.tasks.iter_mut().enumerate() {
        let is_mine = worker == usize::from(mine);
        tasks.push(Task::Shared { entry, is_mine, handovers: handovers.clone() });
    }
}

/// Times are part of an entry, so they are copied for each event.
const _: () = assert!(size_of::<Times>() <= 24);
