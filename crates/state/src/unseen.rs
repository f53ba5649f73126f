//! Threads that have ended without anybody telling: the record of their exit was lost.

use crate::shard::Shard;
use crate::thread::ThreadRef;

/// A thread, to be ended later if it is still the same then.
#[derive(Debug, Clone, Copy)]
pub struct Unseen {
    thread: ThreadRef,
    /// The thread.
    pub tid: i64,
    /// Its thread group.
    pub pid: i64,
}

impl Shard {
    /// Asks for up to `most` threads whether they are gone, beginning with slot `from`. Gives those
    /// that are, and where the next look begins.
    pub fn find_unseen(
        &self,
        from: usize,
        most: usize,
        is_gone: impl Fn(i64) -> bool,
    ) -> (Vec<Unseen>, usize) {
        let mut found = Vec::new();
        let end = (from + most).min(self.threads.len());
        for (slot, thread) in self.threads.iter().enumerate().take(end).skip(from) {
            let Some(thread) = thread.as_ref().filter(|t| !t.is_dead() && is_gone(t.tid)) else {
                continue;
            };
            let reference = ThreadRef { slot: slot as u32, serial: thread.serial };
            found.push(Unseen { thread: reference, tid: thread.tid, pid: thread.pid });
        }
        (found, if end == self.threads.len() { 0 } else { end })
    }

    /// Ends a thread as of a time, as its exit would have. Says whether it was still there.
    pub fn end_unseen(&mut self, unseen: &Unseen, ts: u64) -> bool {
        let Some(slot) = self.alive_ref(unseen.thread) else { return false };
        if self.thread(slot).is_dead() {
            return false;
        }
        self.run_pending(ts);
        self.sequence = self.sequence.max(ts);
        self.remove(unseen.tid);
        true
    }
}
