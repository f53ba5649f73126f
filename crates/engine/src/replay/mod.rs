//! The replay source: events of captures instead of those of a running kernel.
//!
//! ```text
//! file ─► Reader ─► lists ──────────────────────► Partition (Shard) ─► EventView ─► consumer
//!            └────► events ─► Transcoder ─► Record ───┘                    rules, printing, writing
//! ```
//! [`Replay`] reads, converts and numbers; a [`Partition`] owns state. Only records and numbers go
//! from one to the other. There is one partition: every event of a capture is applied and looked
//! at in the order of the file, which is exact by construction.

pub mod filter;
pub mod initial;
pub mod partition;

use std::ops::ControlFlow;

use peregrine_capture::{Error, Item, OwnedEvent, RawEvent, Reader, Transcoded, Transcoder};
use peregrine_event::{Category, Record};
use peregrine_fields::view::{EventView, Session};

use crate::host::HostFiles;
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
    transcoder: Transcoder,
    times: Times,
    totals: ReplayTotals,
}

impl Replay {
    /// A replay. `host_files` names users and groups that a capture does not name, as in Falco.
    pub fn new(session: Session, host_files: HostFiles) -> Self {
        Self {
            partition: Partition::new(session, host_files),
            transcoder: Transcoder::new(),
            times: Times::default(),
            totals: ReplayTotals::default(),
        }
    }

    /// What was read so far, all captures together.
    pub fn totals(&self) -> ReplayTotals {
        self.totals
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
        self.transcoder = Transcoder::new();
        self.times = Times::default();
        let unknown_before = reader.unknown_events();
        let end = loop {
            let flow = match reader.next() {
                Ok(Some(Item::Event(event))) => self.take_event(&event, &mut consumer),
                Ok(Some(item)) => {
                    self.take_state(&item);
                    consumer(Step::State(&item))
                }
                Ok(None) => break Ok(()),
                Err(error) if error.is_fatal() => break Err(error),
                Err(error) => self.damage(&error, &mut consumer),
            };
            if flow.is_break() {
                break Ok(());
            }
        };
        self.totals.unknown += reader.unknown_events() - unknown_before;
        end
    }

    #[cold]
    fn damage(
        &mut self,
        error: &Error,
        consumer: &mut impl FnMut(Step<'_, '_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.totals.damaged += 1;
        consumer(Step::Damage(error))
    }

    /// Takes over what a capture, or a test that plays one, tells of the machine. Events are not
    /// meant.
    #[cold]
    pub fn take_state(&mut self, item: &Item<'_>) {
        let shard = self.partition.shard_mut();
        match item {
            Item::Section { index: 0 } | Item::Event(_) => {}
            Item::MachineInfo(info) => shard.config_mut().boot_ts = info.boot_ts,
            Item::Section { .. } => {
                self.transcoder.start_section();
                self.partition.start_section();
            }
            Item::Threads(threads) => initial::add_threads(shard, threads),
            Item::Fds { tid, fds } => initial::add_fds(shard, *tid, fds),
            Item::Users(users) => initial::add_users(shard, users),
            Item::Interfaces(interfaces) => initial::set_interfaces(shard, interfaces),
        }
    }

    /// Takes one event, in the order of the capture.
    #[inline]
    pub fn take_event(
        &mut self,
        raw: &RawEvent<'_>,
        consumer: &mut impl FnMut(Step<'_, '_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.totals.read += 1;
        let transcoded = self.transcoder.transcode(raw, 0);
        // Enter events that are only kept count for the first time, those of old captures do not.
        if self.times.first_ns == 0
            && !matches!(transcoded, Ok(Transcoded::Dropped))
            && !raw.def().category.has(Category::META)
        {
            self.times.first_ns = raw.ts;
        }
        let (number, is_for_rules, bytes) = match transcoded {
            Ok(Transcoded::Record { number, is_for_rules, bytes }) => (number, is_for_rules, bytes),
            Ok(Transcoded::Dropped) => return ControlFlow::Continue(()),
            Ok(Transcoded::Consumed { .. }) => {
                return match self.transcoder.kept_enter(raw.tid) {
                    Some(enter) => consumer(Step::Entered(enter)),
                    None => ControlFlow::Continue(()),
                };
            }
            Err(error) => {
                self.totals.damaged += 1;
                return consumer(Step::Damage(&error));
            }
        };
        let record = match Record::parse(bytes) {
            Ok(record) => record,
            Err(error) => {
                self.totals.damaged += 1;
                return consumer(Step::Damage(&error.into()));
            }
        };
        self.totals.applied += 1;
        self.totals.delivered += u64::from(is_for_rules);
        let flow = match self.partition.apply(record, number, self.times) {
            Some(view) => consumer(Step::Event { view: &view, is_for_rules }),
            None => ControlFlow::Continue(()),
        };
        self.times.previous_ns = Some(record.ts());
        flow
    }
}
