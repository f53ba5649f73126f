//! From events as they lie in a capture to numbered records.

use peregrine_capture::{Error, Numbered, OwnedEvent, RawEvent, Transcoded, Transcoder};
use peregrine_event::{Category, Record};

use super::ReplayTotals;
use super::partition::Times;

/// What became of an event of a capture.
pub(super) enum Taken<'a> {
    /// A record to apply.
    Record {
        record: Record<'a>,
        /// Its `evt.num`.
        number: u64,
        /// Rules see it.
        is_for_rules: bool,
        /// Times as of this event.
        times: Times,
    },
    /// An enter event that is kept for its exit event; see [`Intake::entered`].
    Entered,
    /// Swallowed by the conversion.
    Nothing,
    /// No event that a writer has made.
    Damage(Error),
}

/// Converts and numbers the events of one capture, and counts.
#[derive(Default)]
pub(super) struct Intake {
    transcoder: Transcoder,
    times: Times,
    pub(super) totals: ReplayTotals,
}

impl Intake {
    /// The start of a capture: numbers begin at 1 again. The totals stay.
    pub(super) fn start_capture(&mut self) {
        self.transcoder = Transcoder::new();
        self.times = Times::default();
    }

    /// The start of a later section of the capture.
    pub(super) fn start_section(&mut self) {
        self.transcoder.start_section();
    }

    /// The enter event that was just taken from this thread, in its current version.
    pub(super) fn entered(&self, raw: &RawEvent<'_>) -> Option<&OwnedEvent> {
        self.transcoder.kept_enter(raw.tid)
    }

    /// Takes one event, in the order of the capture.
    #[inline]
    pub(super) fn take<'a>(&'a mut self, raw: &RawEvent<'a>) -> Taken<'a> {
        match self.take_plain(raw) {
            Some(event) => {
                let Numbered { record, number, is_for_rules } = event;
                Taken::Record { record, number, is_for_rules, times: self.times_of(&record) }
            }
            None => self.take_other(raw),
        }
    }

    /// Takes one event if it needs nothing but a number, as nearly all do. `None` leaves it to
    /// [`Self::take_other`]; else [`Self::times_of`] follows.
    #[inline]
    pub(super) fn take_plain<'a>(&mut self, raw: &RawEvent<'a>) -> Option<Numbered<'a>> {
        let event = self.transcoder.transcode_plain(raw, 0)?;
        self.totals.read += 1;
        self.totals.applied += 1;
        self.totals.delivered += u64::from(event.is_for_rules);
        if self.times.first_ns == 0 && !raw.def().category.has(Category::META) {
            self.times.first_ns = raw.ts;
        }
        Some(event)
    }

    /// Times as of a record that was just taken; the next one comes after it.
    #[inline]
    pub(super) fn times_of(&mut self, record: &Record<'_>) -> Times {
        let times = self.times;
        self.times.previous_ns = Some(record.ts());
        times
    }

    /// Takes an event that has to be converted, or has something to do with another.
    #[inline(never)]
    pub(super) fn take_other<'a>(&'a mut self, raw: &RawEvent<'a>) -> Taken<'a> {
        self.totals.read += 1;
        let transcoded = self.transcoder.transcode(raw, 0);
        // Enter events that are only kept count for the first time, those of old captures do not.
        if self.times.first_ns == 0
            && !matches!(transcoded, Ok(Transcoded::Dropped))
            && !raw.def().category.has(Category::META)
        {
            self.times.first_ns = raw.ts;
        }
        let (number, is_for_rules, record) = match transcoded {
            Ok(Transcoded::Record { number, is_for_rules, record }) => {
                (number, is_for_rules, record)
            }
            Ok(Transcoded::Dropped) => return Taken::Nothing,
            Ok(Transcoded::Consumed { .. }) => return Taken::Entered,
            Err(error) => {
                self.totals.damaged += 1;
                return Taken::Damage(error);
            }
        };
        self.totals.applied += 1;
        self.totals.delivered += u64::from(is_for_rules);
        let times = self.times;
        self.times.previous_ns = Some(record.ts());
        Taken::Record { record, number, is_for_rules, times }
    }
}
