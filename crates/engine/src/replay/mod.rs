//! The replay source: events of captures instead of those of a running kernel.
//!
//! ```text
//! file ─► Reader ─► lists ──────────────────────► Partition (Shard) ─► EventView ─► consumer
//!            └────► events ─► Transcoder ─► Record ───┘                    rules, printing, writing
//! ```
//! An `Intake` converts and numbers; a [`Partition`] owns state. Only records and numbers go from
//! one to the other. [`Replay`] has one partition: every event of a capture is applied and looked
//! at in the order of the file, which is exact by construction. [`parallel`] has many and the same
//! results.

pub mod filter;
pub mod initial;
mod intake;
pub mod parallel;
pub mod partition;

use std::ops::ControlFlow;

use peregrine_capture::{Error, Item, OwnedEvent, RawEvent, Reader};
use peregrine_fields::view::{EventView, Session};

use crate::host::HostFiles;
use intake::{Intake, Taken};

pub use filter::{EventFilter, FilterError};
pub use partition::{Partition, Times};

/// What a replay shows its consumer, in the order of the capture.
pub enum Step<'s, 'i> {
    /// Something that the capture tells of the machine, or the start of a section.
    State(&'s Item<'i>),
    /// An enter event that has a number and no other use than for its exit event, in its current
    /// version.
    Entered(&'s OwnedEvent),
    /// An event, after it was applied.
    Event {
        /// The event.
        view: &'s EventView<'s>,
        /// Rules see it. They do not see what only tells of the state.
        is_for_rules: bool,
    },
    /// Damage that reading goes on behind.
    Damage(&'s Error),
}

/// What there was in a capture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayTotals {
    /// Events read.
    pub read: u64,
    /// Events that were applied to the state.
    pub applied: u64,
    /// Events that rules see.
    pub delivered: u64,
    /// Events of types that the schema does not know.
    pub unknown: u64,
    /// Damaged blocks and events, left out.
    pub damaged: u64,
}

impl std::ops::AddAssign for ReplayTotals {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.applied += other.applied;
        self.delivered += other.delivered;
        self.unknown += other.unknown;
        self.damaged += other.damaged;
    }
}

/// Replays captures, one after another; each starts from nothing and numbers its events from 1.
pub struct Replay {
    partition: Partition,
    intake: Intake,
}

impl Replay {
    /// A replay. `host_files` names users and groups that a capture does not name, as in Falco.
    pub fn new(session: Session, host_files: HostFiles) -> Self {
        Self { partition: Partition::new(session, host_files), intake: Intake::default() }
    }

    /// What was read so far, all captures together.
    pub fn totals(&self) -> ReplayTotals {
        self.intake.totals
    }

    /// The state, as of the last event.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Replays a capture until its end or until the consumer breaks.
    ///
    /// # Errors
    /// [`Error`], if reading cannot go on. Everything before was shown to the consumer.
    pub fn run(
        &mut self,
        reader: &mut Reader,
        mut consumer: impl FnMut(Step<'_, '_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.partition.start_section();
        self.intake.start_capture();
        let unknown_before = reader.unknown_events();
        let end = loop {
            if let Some(event) = reader.next_plain() {
                if self.take_event(&event, &mut consumer).is_break() {
                    break Ok(());
                }
                continue;
            }
            let flow = match reader.next() {
                Ok(Some(Item::Event(event))) => self.take_other_event(&event, &mut consumer),
                Ok(Some(item)) => {
                    self.take_state(&item);
                    consumer(Step::State(&item))
                }
                Ok(None) => break Ok(()),
                Err(error) if error.is_fatal() => break Err(error),
                Err(error) => {
                    self.intake.totals.damaged += 1;
                    consumer(Step::Damage(&error))
                }
            };
            if flow.is_break() {
                break Ok(());
            }
        };
        self.intake.totals.unknown += reader.unknown_events() - unknown_before;
        end
    }

    /// Takes over what a capture, or a test that plays one, tells of the machine. Events are not
    /// meant.
    #[cold]
    pub fn take_state(&mut self, item: &Item<'_>) {
        if let Item::Section { index: 1.. } = item {
            self.intake.start_section();
        }
        self.partition.take_state(item);
    }

    /// Takes one event, in the order of the capture.
    #[inline]
    pub fn take_event(
        &mut self,
        raw: &RawEvent<'_>,
        consumer: &mut impl FnMut(Step<'_, '_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(event) = self.intake.take_plain(raw) else {
            return self.take_other_event(raw, consumer);
        };
        let times = self.intake.times_of(&event.record);
        let view = self.partition.apply(event.record, event.number, times);
        consumer(Step::Event { view: &view, is_for_rules: event.is_for_rules })
    }

    /// Takes an event that has to be converted, or has something to do with another.
    #[inline(never)]
    fn take_other_event(
        &mut self,
        raw: &RawEvent<'_>,
        consumer: &mut impl FnMut(Step<'_, '_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self.intake.take_other(raw) {
            Taken::Record { record, number, is_for_rules, times } => {
                let view = self.partition.apply(record, number, times);
                consumer(Step::Event { view: &view, is_for_rules })
            }
            Taken::Entered => match self.intake.entered(raw) {
                Some(enter) => consumer(Step::Entered(enter)),
                None => ControlFlow::Continue(()),
            },
            Taken::Nothing => ControlFlow::Continue(()),
            Taken::Damage(error) => consumer(Step::Damage(&error)),
        }
    }
}
