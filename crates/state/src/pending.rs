//! What an event ends (an exited thread, a closed fd) stays visible for the rules of this very
//! event. When the rules must wait for another partition, it has to stay for that long.

use crate::apply::Subject;
use crate::shard::{Shard, Slot};
use crate::thread::ThreadRef;

/// The end of things that an event brought, held back; and the event's thread, which another
/// thread may have replaced meanwhile.
#[derive(Debug)]
pub struct Held {
    exit: Option<(i64, u64)>,
    close: Option<(i64, i64)>,
    thread: Option<ThreadRef>,
}

impl Shard {
    /// Takes over what the event that was just applied ends, so that later events leave it alone.
    /// Until [`Shard::resume`], nothing else of its thread group may be applied.
    pub fn hold(&mut self, subject: &Subject) -> Held {
        let thread =
            subject.thread.map(|slot| ThreadRef { slot: slot.0, serial: self.thread(slot).serial });
        Held { exit: self.exit_pending.take(), close: self.close_pending.take(), thread }
    }

    /// Back to where the event was when it was held: the next event that is applied ends things
    /// as if nothing had come between. Gives the event's subject; its thread is none if another
    /// has taken its place.
    pub fn resume(&mut self, mut subject: Subject, held: Held, ts: u64) -> Subject {
        // The event before this one may have left something to end as well.
        self.run_pending(ts);
        let thread: Option<Slot> = held.thread.and_then(|reference| self.alive_ref(reference));
        if thread.is_some() {
            self.exit_pending = held.exit;
            self.close_pending = held.close;
        }
        subject.is_replaced = subject.thread.is_some() && thread.is_none();
        subject.thread = thread;
        subject
    }
}
