//! Parents, ancestors and leaders of a thread, in this shard or another.

use std::sync::Arc;

use crate::directory::{Directory, Published, Snapshot};
use crate::looks::Looks;
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
    /// Whose state was read since the last call. A shard without a directory is the only one and
    /// notes nothing.
    #[inline]
    pub fn take_looks(&self) -> Looks {
        self.looks.take()
    }

    /// Whether [`Self::take_looks`] would give any.
    #[inline]
    pub fn has_looks(&self) -> bool {
        !self.looks.is_empty()
    }

    /// The directory that other processes are found in, also by a shard of guests.
    fn readable(&self) -> Option<&Arc<Directory>> {
        self.directory.as_ref().or(self.guests.directory.as_ref())
    }

    /// Notes a look at a process, known or not.
    fn look(&self, pid: i64) {
        if self.readable().is_some() {
            self.looks.add(pid);
        }
    }

    /// Whether other thread groups of this shard are not what they were at an event: it had to wait
    /// while they went on, or this shard holds guests, each as of its own event. Then what is
    /// published counts, also of this shard's processes.
    fn is_past(&self, sequence: u64) -> bool {
        (self.directory.is_some() && sequence < self.newest) || self.guests.directory.is_some()
    }

    /// A thread by its id: of this shard, or a process of another as of a sequence, if it had begun
    /// and not ended. `asker` is the thread group of the event.
    pub fn other(&self, tid: i64, asker: i64, sequence: u64) -> Option<Relative<'_>> {
        // All processes, or a process group: no thread.
        if tid <= 0 {
            return None;
        }
        // The event's own thread group is what it was at the event; of others only the main threads
        // are published.
        let is_as_of = |slot: &Slot| {
            let thread = self.thread(*slot);
            let is_named = thread.is_main_thread() || self.directory.is_none();
            thread.pid == asker || (is_named && !self.is_past(sequence))
        };
        let own = self.find(tid).filter(is_as_of);
        self.look(own.map_or(tid, |slot| self.thread(slot).pid));
        if let Some(slot) = own {
            return Some(Relative::Own(slot, self.thread(slot)));
        }
        let published = self.readable()?.find_as_of(tid, sequence)?;
        let snapshot = published.as_of(sequence);
        Some(Relative::Other(published, snapshot))
    }

    /// The parent as Falco's `ptid` names it, the very thread that forked. Several shards only know
    /// each other's processes, and not whose children have got another parent; so with a directory
    /// what is published counts, whichever shard has the parent.
    fn own_parent(&self, ptid: i64) -> Option<Slot> {
        if self.readable().is_some() { None } else { self.find(ptid) }
    }

    /// The parent of a thread (a thread, as Falco's `ptid` names it) as of the event.
    pub fn parent(&self, slot: Slot, sequence: u64) -> Option<Relative<'_>> {
        let thread = self.thread(slot);
        let own = self.own_parent(thread.ptid);
        if let Some(parent) = own {
            return Some(Relative::Own(parent, self.thread(parent)));
        }
        let published = self.published_parent(self.published_of(slot)?, sequence)?;
        let snapshot = published.as_of(sequence);
        Some(Relative::Other(published, snapshot))
    }

    fn published_parent(&self, of: &Published, sequence: u64) -> Option<Arc<Published>> {
        self.readable()?.parent(of, sequence, |pid| self.look(pid))
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
                let parent = self.published_parent(published, sequence)?;
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
            let found = self.other(wanted, thread.pid, sequence);
            if found.is_some() {
                return found;
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
}
