//! What a shard knows at a moment: what the head of a capture lists.

use crate::fdtable::FdTable;
use crate::shard::Shard;
use crate::thread::{Facts, Thread, Usage};
use crate::users::{Group, User};

/// A thread, with what a process list says of it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What fields print of it.
    pub facts: Facts,
    /// Its file descriptors, if it has a table of its own.
    pub fds: FdTable,
    /// Largest number of open files.
    pub fdlimit: i64,
    /// Memory and page faults.
    pub usage: Usage,
}

/// The threads, users and groups of a shard.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Threads of which something is known, by their ids.
    pub threads: Vec<Listed>,
    /// Users of the host, by their ids.
    pub users: Vec<User>,
    /// Groups of the host, by their ids.
    pub groups: Vec<Group>,
}

impl Shard {
    /// The parent behind the last event. A shard with a directory leaves the one at birth with the
    /// thread.
    fn ptid_now(&self, thread: &Thread) -> i64 {
        let now = self.newest.saturating_add(1);
        let published = self.find(thread.tid).and_then(|slot| self.published_of(slot));
        let parent = self.directory.as_ref().zip(published);
        let parent = parent.and_then(|(directory, of)| directory.parent(of, now, |_| ()));
        parent.map_or(thread.ptid, |parent| parent.key().pid)
    }

    /// Everything that is there behind the last event: what that event ended (a thread, a file
    /// descriptor) and what still serves its fields is left out.
    pub fn inventory(&self) -> Inventory {
        // A main thread that has ended stays while others of its group live: it has their files.
        let is_gone = |slot| !self.thread(slot).is_main_thread() || self.alive_threads(slot) == 0;
        let ended = self.exit_pending.map(|(tid, _)| tid);
        let ended = ended.filter(|tid| self.find(*tid).is_some_and(is_gone));
        let closed = self.close_pending.and_then(|(tid, fd)| {
            let owner = self.table_owner(self.find(tid)?)?;
            Some((self.thread(owner).tid, fd))
        });
        let mut threads: Vec<Listed> = self
            .iter()
            .filter(|thread| !thread.is_invalid() && Some(thread.tid) != ended)
            .map(|thread| Listed {
                facts: Facts { ptid: self.ptid_now(thread), ..thread.facts.clone() },
                fds: thread.fds.clone(),
                fdlimit: thread.fdlimit,
                usage: thread.usage,
            })
            .collect();
        threads.sort_unstable_by_key(|thread| thread.facts.tid);
        if let Some((tid, fd)) = closed
            && let Ok(at) = threads.binary_search_by_key(&tid, |thread| thread.facts.tid)
        {
            threads[at].fds.remove(fd);
        }
        let (users, groups) = self.users.of_host();
        Inventory { threads, users, groups }
    }
}
