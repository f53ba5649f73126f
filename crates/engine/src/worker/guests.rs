//! Hot thread groups: those of this worker, and events of those of others.

use peregrine_event::Record;
use peregrine_state::{Applied, EventContext, Hosted, Looks};

use super::Worker;
use super::trial::Outcome;
use crate::parking::Awaited;
use crate::spread;

impl Worker {
    /// A stateless event of a thread group of another worker: its state as of the event is what
    /// that worker has published.
    pub(super) fn process_guest(&mut self, record: &Record<'_>, may_wait: bool) -> Option<Awaited> {
        let sequence = record.ts();
        let pid = i64::from(record.header().tgid);
        let mut hosted = Hosted::Unknown;
        let outcome = self.try_rules(record, Looks::of(pid), None, may_wait, |worker| {
            let guests = &mut worker.spreading.as_mut()?.guests;
            hosted = guests.host(pid, record.header().tid.into(), sequence);
            let context = EventContext { record: *record, num: sequence };
            match guests.apply_without_inheritance(&context) {
                Applied::Done(subject) => Some((subject, hosted == Hosted::Whole)),
                Applied::NeedsInheritance { .. } => None,
            }
        });
        match outcome {
            Outcome::Waits(looks) => return Some(Awaited::Home { sequence, looks }),
            Outcome::Done => self.counters.guests.add(1),
            Outcome::Nothing => {}
        }
        if hosted == Hosted::Unknown {
            self.counters.guests_unknown.add(1);
            if let Some(spreading) = &mut self.spreading {
                spreading.guests.forget_unknown(record.header().tid.into());
            }
        }
        None
    }

    /// Publishes what the event changed, if its thread group is hot.
    #[inline]
    pub(super) fn publish_hot(&mut self, record: &Record<'_>, sequence: u64) {
        if self.shard.has_hot()
            && self.shard.publish_hot(record, sequence, self.floor)
            && let Some(spreading) = &self.spreading
        {
            spreading.gather(record.header().tgid);
        }
    }

    /// Looks whether a thread group is too much for this worker, whose rings are full to this
    /// share; and whether one is no longer. Call it about ten times a second.
    pub fn look_for_hot(&mut self, fill_percent: u64, taken_ns: u64) {
        let Some(spreading) = &mut self.spreading else { return };
        if spreading.spreader.is_none() {
            return;
        }
        let hot = self.sampler.take_hot().filter(|_| fill_percent >= spread::FULL_PERCENT);
        if let Some(tgid) = hot.filter(|tgid| self.homes.of(*tgid) == self.own) {
            let pid = i64::from(tgid);
            // The state of a group that waits is not that of this moment.
            if !self.parking.holds(tgid) && !self.shard.hot_groups().any(|hot| hot == pid) {
                // First the history, then the records that need it.
                self.shard.run_pending(taken_ns);
                self.shard.heat(pid, taken_ns);
                if let until @ 1.. = self.degraded.until(tgid) {
                    self.shard.set_incomplete(pid, until);
                }
                if spreading.spread(tgid) {
                    self.counters.hot_groups.add(1);
                } else {
                    self.shard.cool(pid);
                }
            }
        } else if spreading.is_quiet(fill_percent) {
            for pid in self.shard.hot_groups().collect::<Vec<_>>() {
                let tgid = pid as u32;
                if !spreading.cooling.iter().any(|(cooling, _)| *cooling == tgid) {
                    spreading.gather(tgid);
                    spreading.cooling.push((tgid, self.clock.now_ns()));
                }
            }
        }
        // Records that were spread before find their states until this worker is past them.
        const LINGER_NS: u64 = 1_000_000_000;
        let shard = &mut self.shard;
        spreading.cooling.retain(|(tgid, since)| {
            let is_past = taken_ns > since + LINGER_NS;
            if is_past {
                shard.cool(i64::from(*tgid));
            }
            !is_past
        });
    }
}
