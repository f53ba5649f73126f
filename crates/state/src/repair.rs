//! Reads a process again whose records were lost.

use crate::shard::Shard;

impl Shard {
    /// Whether no thread of a process is left that has not exited.
    pub fn is_ending(&self, pid: i64) -> bool {
        self.groups.get(&pid).is_none_or(|group| group.alive == 0)
    }

    /// Replaces what is known of a process, and its files, by what the resolver says of it now.
    /// Says whether it said anything. Threads and relations stay: lost births show up as unknown
    /// threads by themselves.
    pub fn read_again(&mut self, pid: i64) -> bool {
        let Some(slot) = self.find(pid) else { return false };
        let sequence = self.sequence;
        let found = self.resolver.as_mut().and_then(|r| r.resolve_again(pid, sequence));
        // It may be the number of a thread of another process by now.
        let Some(found) = found.filter(|found| found.pid == pid) else { return false };
        self.users.need(found.uid, found.gid);
        let thread = self.thread_mut(slot);
        let old = &thread.facts;
        let mut facts = found.facts;
        // What only events tell, and what relates it to others.
        (facts.ptid, facts.flags) = (old.ptid, old.flags);
        (facts.clone_ts, facts.lastexec_ts) = (old.clone_ts, old.lastexec_ts);
        facts.start_time = old.start_time;
        facts.exe_ino_ctime_duration_clone_ts = old.exe_ino_ctime_duration_clone_ts;
        facts.exe_ino_ctime_duration_pidns_start = old.exe_ino_ctime_duration_pidns_start;
        thread.facts = facts;
        thread.fds = found.fds;
        thread.fdlimit = found.fdlimit;
        self.publish_change(slot);
        true
    }
}
