//! Parents, ancestors and leaders of a thread, in this shard or another.

use std::sync::Arc;

use crate::directory::{Published, Snapshot, live};
use crate::shard::{Shard, Slot};
use crate::thread::{Facts, Thread};

/// An ancestor or leader: a thread of this shard or a snapshot of another's.
#[derive(Debug, Clone)]
pub enum Relative<'a> {
    /// Of this shard.
    Own(Slot, &'a Thread),
    /// Of any shard, as of the event.
    Other(Arc<Published>, Arc<Snapshot>),
}

impl Relative<'_> {
    /// What fields print.
    pub fn facts(&self) -> &Facts {
        match self {
            Relative::Own(_, thread) => &thread.facts,
            Relative::Other(_, snapshot) => &snapshot.facts,
        }
    }
}

impl Shard {
    /// The parent of a thread (a thread, as Falco's `ptid` names it) as of the event.
    pub fn parent(&self, slot: Slot, sequence: u64) -> Option<Relative<'_>> {
        let thread = self.thread(slot);
        if let Some(parent) = self.find(thread.ptid) {
            return Some(Relative::Own(parent, self.thread(parent)));
        }
        let published = self.published_of(slot)?.parent(sequence)?;
        let snapshot = published.as_of(sequence);
        Some(Relative::Other(published, snapshot))
    }

    pub(crate) fn published_of(&self, slot: Slot) -> Option<&Arc<Published>> {
        let main = self.main_thread(slot)?;
        self.thread(main).published.as_ref()
    }

    /// The parent process of a relative, its main thread.
    pub fn parent_process_of<'a>(
        &'a self,
        relative: &Relative<'a>,
        sequence: u64,
    ) -> Option<Relative<'a>> {
        match relative {
            Relative::Own(slot, _) => match self.parent(*slot, sequence)? {
                Relative::Own(parent, _) => {
                    let main = self.main_thread(parent)?;
                    Some(Relative::Own(main, self.thread(main)))
                }
                other => Some(other),
            },
            Relative::Other(published, _) => {
                let parent = published.parent(sequence)?;
                let snapshot = parent.as_of(sequence);
                Some(Relative::Other(parent, snapshot))
            }
        }
    }

    /// The ancestor process `generations` up: 0 is the thread's own process, 1 its parent.
    pub fn ancestor(&self, slot: Slot, generations: u32, sequence: u64) -> Option<Relative<'_>> {
        let main = self.main_thread(slot)?;
        let mut at = Relative::Own(main, self.thread(main));
        for _ in 0..generations {
            at = self.parent_process_of(&at, sequence)?;
        }
        Some(at)
    }

    /// The leader of a session or process group. `id` reads the wanted id; a thread whose own tid
    /// it is leads, looked up directly unless the ids are those of a pid namespace (`is_virtual`);
    /// else the oldest ancestor in an unbroken row with the same id.
    pub fn leader(
        &self,
        slot: Slot,
        id: impl Fn(&Facts) -> i64,
        is_virtual: bool,
        sequence: u64,
    ) -> Option<Relative<'_>> {
        let thread = self.thread(slot);
        let wanted = id(&thread.facts);
        if wanted == -1 {
            return None;
        }
        if !is_virtual || !thread.is_in_pid_namespace() {
            if let Some(found) = self.find(wanted) {
                return Some(Relative::Own(found, self.thread(found)));
            }
            if let Some(published) = self.directory.as_ref().and_then(|d| d.find(wanted)) {
                let snapshot = published.as_of(sequence);
                let has_ended = snapshot.exit.as_ref().is_some_and(|e| e.sequence < sequence);
                if !has_ended && snapshot.sequence <= sequence {
                    return Some(Relative::Other(published, snapshot));
                }
            }
        }
        let mut leader = None;
        let mut at = self.parent(slot, sequence);
        // Falco stops at a loop; a bound does the same.
        for _ in 0..4096 {
            let Some(relative) = at else { break };
            if relative.facts().tid == -1 || id(relative.facts()) != wanted {
                break;
            }
            at = match &relative {
                Relative::Own(slot, thread) if thread.ptid != thread.tid => {
                    self.parent(*slot, sequence)
                }
                Relative::Own(..) => None,
                other => self.parent_process_of(other, sequence),
            };
            leader = Some(relative);
        }
        leader
    }

    /// The thread's parent as of a sequence follows reapers of other shards too.
    pub fn ppid(&self, slot: Slot, sequence: u64) -> i64 {
        let thread = self.thread(slot);
        if self.directory.is_none() || self.find(thread.ptid).is_some() {
            return thread.ptid;
        }
        match self.published_of(slot) {
            Some(published) => match published.as_of(sequence).parent.clone() {
                Some(parent) => live(parent, sequence).map_or(0, |p| p.key().pid),
                None => thread.ptid,
            },
            None => thread.ptid,
        }
    }
}
