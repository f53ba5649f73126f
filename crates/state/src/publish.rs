//! What other shards may know of this one's processes.

use std::sync::Arc;

use crate::directory::{Exit, Inheritance, ProcessKey, Published, Snapshot};
use crate::fdtable::FdTable;
use crate::flags::thread as flag;
use crate::image::{Image, Strings};
use crate::shard::{Shard, Slot};

impl Shard {
    /// Publishes a new process. Its parent is whoever has its `ptid` at the event, until
    /// [`Self::publish_parent`] says better: whether that one is published yet depends on its shard.
    pub(crate) fn publish_new(&mut self, slot: Slot) {
        let Some(directory) = self.directory.clone() else { return };
        let thread = self.thread(slot);
        let key = ProcessKey { pid: thread.pid, start_time: thread.start_time };
        let is_born = thread.flags & flag::CLONE_INVERTED != 0 && thread.clone_ts == self.sequence;
        let facts = thread.facts.clone();
        let sequence = self.sequence;
        let first = Snapshot { sequence, facts, parent: None, exit: None };
        let published = directory.add(key, first, is_born);
        self.thread_mut(slot).published = Some(published);
    }

    /// Publishes what an event changed of a process. Other shards see it from the next sequence on.
    pub(crate) fn publish_change(&mut self, slot: Slot) {
        if self.directory.is_none() {
            return;
        }
        let Some(main) = self.main_thread(slot) else { return };
        let thread = self.thread(main);
        if let Some(published) = &thread.published {
            let old = published.newest();
            published.publish(Snapshot {
                sequence: self.sequence,
                facts: thread.facts.clone(),
                parent: old.parent.clone(),
                exit: old.exit.clone(),
            });
        }
    }

    /// Sets the parent of a process that was just published.
    pub(crate) fn publish_parent(&mut self, slot: Slot, parent: Arc<Published>) {
        if let Some(published) = &self.thread(slot).published {
            let newest = published.newest();
            published.publish(Snapshot { parent: Some(parent), ..(*newest).clone() });
        }
    }

    /// Publishes the end of a process as of the event: at once, for others may rely on this event
    /// having been applied before it is cleared away.
    pub(crate) fn publish_exit(&mut self, slot: Slot, reaper_tid: i64) {
        let Some(directory) = &self.directory else { return };
        // The process ends with its last thread.
        if self.group(slot).is_some_and(|g| g.alive > 0) {
            return;
        }
        let Some(main) = self.main_thread(slot) else { return };
        let thread = self.thread(main);
        let Some(published) = &thread.published else { return };
        if published.newest().exit.is_some() {
            return;
        }
        let old = published.newest();
        let reaper = if reaper_tid > 0 {
            directory.find_as_of(reaper_tid, self.sequence)
        } else {
            old.parent.clone().map(|parent| parent.latest(self.sequence))
        };
        let reaper = reaper.filter(|r| !Arc::ptr_eq(r, published));
        published.publish(Snapshot {
            sequence: self.sequence,
            facts: thread.facts.clone(),
            parent: old.parent.clone(),
            exit: Some(Exit { sequence: self.sequence, reaper, named: reaper_tid }),
        });
    }

    /// What a child of this thread inherits now.
    pub(crate) fn inheritance(&mut self, caller: Slot) -> Inheritance {
        let main = self.main_thread(caller);
        let facts = self.thread(main.unwrap_or(caller)).facts.clone();
        let mut caller_facts = self.thread(caller).facts.clone();
        caller_facts.image = self.inherited_image(caller);
        caller_facts.cwd = match main {
            Some(main) => self.thread(main).cwd.clone(),
            None => b"./"[..].into(),
        };
        let fds = self.fd_table_mut(caller).map(FdTable::share).unwrap_or_default();
        let fdlimit = self.thread(main.unwrap_or(caller)).fdlimit;
        let parent = self.published_of(caller).cloned();
        Inheritance { facts, caller: caller_facts, fds, fdlimit, parent }
    }

    /// The image that a new process takes after. Falco keeps the environment with the main thread
    /// only, so that a child of another thread starts without one.
    pub(crate) fn inherited_image(&self, caller: Slot) -> Arc<Image> {
        let thread = self.thread(caller);
        if thread.is_main_thread() || thread.image.env.is_empty() {
            return thread.image.clone();
        }
        let mut image = thread.image.to_changed();
        image.env = Strings::default();
        Arc::new(image)
    }
}
