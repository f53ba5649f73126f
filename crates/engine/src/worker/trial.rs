//! One try of the rules on an event.

use peregrine_event::Record;
use peregrine_fields::view::{EventView, Session};
use peregrine_output::StateQuality;
use peregrine_state::{Looks, Shard, Subject};

use crate::homes::Homes;
use crate::spread::Spreading;

/// An event whose rules are tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial<'r> {
    pub record: Record<'r>,
    pub subject: Subject,
    pub state: StateQuality,
    /// Its thread group is of another worker.
    pub is_guest: bool,
}

/// What became of an event.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Its alerts are sent.
    Done,
    /// There was nothing to try rules on.
    Nothing,
    /// Its rules read these, who are not settled.
    Waits(Looks),
}

impl<'r> Trial<'r> {
    /// The shard that has the event's thread group.
    pub(super) fn shard<'v>(&self, own: &'v Shard, spreading: Option<&'v Spreading>) -> &'v Shard {
        match spreading {
            Some(spreading) if self.is_guest => &spreading.guests,
            _ => own,
        }
    }

    /// The event as rules see it.
    pub(super) fn view<'v>(
        &self,
        own: &'v Shard,
        spreading: Option<&'v Spreading>,
        session: &'v Session,
        stream: &Stream,
    ) -> EventView<'v>
    where
        'r: 'v,
    {
        let ts = self.record.ts();
        let shard = self.shard(own, spreading);
        let first_ts = if stream.first_ts == 0 { ts } else { stream.first_ts };
        let number = stream.number + stream.stride;
        EventView::new(self.record, number, ts, session, shard, self.subject)
            .with_times(first_ts, stream.previous_ts)
            .with_shift(stream.shift_ns)
            .with_degraded(self.state.note())
    }
}

/// Numbers and times of the events of one worker.
#[derive(Debug)]
pub(super) struct Stream {
    /// Of the last event; those of different workers differ.
    number: u64,
    stride: u64,
    first_ts: u64,
    previous_ts: Option<u64>,
    /// How far the machine's clock is from that of the records.
    pub(super) shift_ns: i64,
}

impl Stream {
    pub(super) fn new(own: usize, homes: Homes) -> Self {
        let stride = u64::from(homes.workers);
        Self { number: own as u64, stride, first_ts: 0, previous_ts: None, shift_ns: 0 }
    }

    /// An event is done.
    pub(super) fn pass(&mut self, ts: u64) {
        self.number += self.stride;
        if self.first_ts == 0 {
            self.first_ts = ts;
        }
        self.previous_ts = Some(ts);
    }
}
