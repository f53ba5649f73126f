//! Finds threads that ended unseen: the record of their exit was lost in a full ring. Nothing would
//! ever remove them.
//!
//! Once a second some threads are looked for in the system, all of them in turns. One that is not
//! there may have its exit still on its way, so it is ended only when the worker is past the moment
//! of that look and has still not seen it.

use peregrine_state::Shard;
use peregrine_state::unseen::Unseen;
use rustix::process::{Pid, test_kill_process};

/// Threads looked for at once: a tenth of a millisecond or so.
const MOST: usize = 1024;
/// Inode of the first pid namespace (include/linux/proc_ns.h). In another one, ids of records are
/// not those of this process's system calls.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// What a worker remembers between two looks.
#[derive(Debug)]
pub struct Search {
    is_possible: bool,
    next: usize,
    /// Threads that were gone, and when that was found.
    gone: Vec<Unseen>,
    gone_ns: u64,
}

impl Search {
    /// Nothing was looked for yet.
    pub fn new() -> Self {
        use std::os::unix::fs::MetadataExt;
        let namespace = std::fs::metadata("/proc/self/ns/pid").map(|found| found.ino());
        let is_possible = namespace.is_ok_and(|ino| ino == FIRST_PID_NAMESPACE);
        Self { is_possible, next: 0, gone: Vec::new(), gone_ns: 0 }
    }

    /// Ends those of the last look that are still there, if the worker has taken all records up to
    /// `taken_ns` since, and looks for some more. Threads of groups that are parked are left for
    /// the next turn. Gives how many were ended.
    pub fn advance(
        &mut self,
        shard: &mut Shard,
        (taken_ns, now_ns): (u64, u64),
        is_parked: impl Fn(u32) -> bool,
    ) -> u64 {
        self.advance_by(shard, (taken_ns, now_ns), is_parked, is_gone)
    }

    fn advance_by(
        &mut self,
        shard: &mut Shard,
        (taken_ns, now_ns): (u64, u64),
        is_parked: impl Fn(u32) -> bool,
        is_gone: impl Fn(i64) -> bool,
    ) -> u64 {
        if !self.is_possible || (!self.gone.is_empty() && taken_ns <= self.gone_ns) {
            return 0;
        }
        let gone_ns = self.gone_ns;
        let gone = std::mem::take(&mut self.gone).into_iter();
        let ended = gone.filter(|u| !is_parked(u.pid as u32) && shard.end_unseen(u, gone_ns));
        let ended = ended.count() as u64;
        (self.gone, self.next) = shard.find_unseen(self.next, MOST, is_gone);
        self.gone_ns = now_ns;
        ended
    }
}

/// Whether the system knows no such thread. One that has ended and was not waited for is known.
fn is_gone(tid: i64) -> bool {
    let tid = i32::try_from(tid).ok().filter(|tid| *tid > 0).and_then(Pid::from_raw);
    tid.is_some_and(|tid| test_kill_process(tid) == Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use peregrine_state::{Config, Thread};

    use super::*;

    fn shard_with(tids: &[i64]) -> Shard {
        let mut shard = Shard::new(Config::default(), None);
        for tid in tids {
            let mut thread = Thread::unknown(*tid);
            thread.facts.pid = *tid;
            shard.insert(Box::new(thread));
        }
        shard
    }

    fn search() -> Search {
        Search { is_possible: true, ..Search::new() }
    }

    #[test]
    fn who_is_gone_is_ended_once_all_records_of_before_were_taken() {
        let mut shard = shard_with(&[10, 20, 30]);
        let mut search = search();
        let mut advance = |shard: &mut Shard, taken_ns, now_ns, parked: Option<u32>| {
            let is_parked = |tgid| Some(tgid) == parked;
            search.advance_by(shard, (taken_ns, now_ns), is_parked, |tid| tid != 10)
        };
        assert_eq!(advance(&mut shard, 900, 1000, None), 0, "only looked for");
        assert_eq!(advance(&mut shard, 1000, 2000, None), 0, "an exit may be on its way");
        assert_eq!(shard.len(), 3);
        assert_eq!(advance(&mut shard, 2001, 3000, Some(20)), 1, "one has records that wait");
        assert!(shard.find(30).is_none() && shard.find(20).is_some());
        assert_eq!(advance(&mut shard, 3001, 4000, None), 1);
        assert!(shard.find(20).is_none() && shard.find(10).is_some());
        assert_eq!(advance(&mut shard, 4001, 5000, None), 0, "this one lives");
    }

    #[test]
    fn another_thread_with_the_same_id_is_left_alone() {
        let mut shard = shard_with(&[10]);
        let mut search = search();
        assert_eq!(search.advance_by(&mut shard, (0, 1000), |_| false, |_| true), 0);
        shard.remove(10);
        let mut other = Thread::unknown(10);
        other.facts.pid = 10;
        shard.insert(Box::new(other));
        assert_eq!(search.advance_by(&mut shard, (1001, 2000), |_| false, |_| false), 0);
        assert!(shard.find(10).is_some());
    }

    #[test]
    fn the_system_is_asked() {
        assert!(!is_gone(std::process::id().into()));
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let pid = i64::from(child.id());
        assert!(!is_gone(pid), "nobody has waited for it");
        child.wait().unwrap();
        assert!(is_gone(pid));
        assert!(!is_gone(0) && !is_gone(-1), "these are no threads");
    }
}
