//! Looks up in `/proc` what no record told of: threads that nothing is known of, and fds that came
//! with a message or from another process.
//!
//! A lookup costs some system calls, and a process with many files or a host with many sockets
//! makes it dear. A storm of unknown threads must not make it what the worker does all day, so
//! lookups are rationed; what is refused stays a placeholder, as for a thread that is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use peregrine_event::{Record, code};
use peregrine_probe::procfs;
use peregrine_state::{Config, EventContext, Fd, Resolver, Shard, Thread};

use crate::counters::WorkerCounters;

/// Lookups per second and worker, and at most at once.
const LOOKUPS_PER_SECOND: u32 = 500;

/// A number of permits that grows with time up to a second's worth.
#[derive(Debug)]
struct Ration {
    per_second: u32,
    left: u32,
    since: Instant,
}

impl Ration {
    fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second, left: per_second, since: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let each = Duration::from_secs(1) / self.per_second.max(1);
        let elapsed = now.saturating_duration_since(self.since);
        let earned = (elapsed.as_nanos() / each.as_nanos().max(1)) as u64;
        if earned >= u64::from(self.per_second - self.left) {
            self.left = self.per_second;
            self.since = now;
        } else {
            // Less than a second's worth, so it fits.
            self.left += earned as u32;
            self.since += each * earned as u32;
        }
        let is_granted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_granted
    }
}

/// The resolver of one worker of the live engine.
#[derive(Debug)]
pub struct ProcResolver {
    counters: Arc<CachePadded<WorkerCounters>>,
    config: Config,
    ration: Ration,
}

impl ProcResolver {
    /// A resolver with a full ration. `config` is that of the shard it serves.
    pub fn new(counters: Arc<CachePadded<WorkerCounters>>, config: &Config) -> Self {
        let ration = Ration::new(LOOKUPS_PER_SECOND, Instant::now());
        Self { counters, config: config.clone(), ration }
    }

    fn may_look_up(&mut self) -> bool {
        let is_granted = self.ration.take(Instant::now());
        if is_granted {
            self.counters.lookups.add(1);
        } else {
            self.counters.lookups_refused.add(1);
        }
        is_granted
    }
}

impl Resolver for ProcResolver {
    fn resolve(&mut self, tid: i64, sequence: u64) -> Option<Box<Thread>> {
        if tid > 0 {
            self.counters.missing_births.add(1);
        }
        self.resolve_again(tid, sequence)
    }

    fn resolve_again(&mut self, tid: i64, _: u64) -> Option<Box<Thread>> {
        let number = u32::try_from(tid).ok().filter(|tid| *tid > 0)?;
        if !self.may_look_up() {
            return None;
        }
        // The records of one thread become state in a shard of their own: the same code as for the
        // initial state makes the same thread of them.
        let mut scratch = Shard::new(self.config.clone(), None);
        procfs::thread(number, &mut |bytes| apply(&mut scratch, bytes));
        scratch.take_listed(tid)
    }

    fn resolve_fd(&mut self, pid: i64, number: i64, _: u64) -> Option<Fd> {
        let tgid = u32::try_from(pid).ok().filter(|pid| *pid > 0)?;
        let fd = i32::try_from(number).ok().filter(|fd| *fd >= 0)?;
        if !self.may_look_up() {
            return None;
        }
        let mut scratch = Shard::new(self.config.clone(), None);
        let mut owner = Thread::new();
        (owner.tid, owner.pid) = (pid, pid);
        scratch.insert_unrelated(Box::new(owner))?;
        procfs::file(tgid, fd, &mut |bytes| apply(&mut scratch, bytes));
        scratch.take_listed(pid)?.fds.get(number).cloned()
    }
}

fn apply(scratch: &mut Shard, bytes: &[u8]) {
    let Ok(record) = Record::parse(bytes) else { return };
    debug_assert!(record.code() >= code::ITER_TASK_E, "procfs writes iterator records");
    scratch.apply(&EventContext { record, num: record.ts() });
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsRawFd;

    use super::*;

    fn resolver() -> ProcResolver {
        ProcResolver::new(Arc::default(), &Config::default())
    }

    /// Breaks if a refused permit is given later all the same, or an unused one is kept for ever.
    #[test]
    fn permits_grow_with_time_and_no_further_than_a_second() {
        let start = Instant::now();
        let mut ration = Ration::new(10, start);
        assert_eq!((0..20).filter(|_| ration.take(start)).count(), 10);
        let later = start + Duration::from_millis(250);
        assert_eq!((0..20).filter(|_| ration.take(later)).count(), 2);
        // The other half of the third permit has been kept.
        assert!(ration.take(later + Duration::from_millis(50)));
        let much_later = start + Duration::from_secs(3600);
        assert_eq!((0..20).filter(|_| ration.take(much_later)).count(), 10);
    }

    #[test]
    fn this_process_its_threads_and_files() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"x").unwrap();
        let number = i64::from(file.as_raw_fd());
        let pid = i64::from(std::process::id());
        let mut resolver = resolver();
        let fd = resolver.resolve_fd(pid, number, 0).expect("the file is open");
        assert_eq!(fd.name(), file.path().as_os_str().as_encoded_bytes());
        let main = resolver.resolve(pid, 0).expect("we run");
        assert_eq!((main.tid, main.pid), (pid, pid));
        assert_eq!(main.fds.get(number).map(Fd::name), Some(fd.name()));
        // Tests run in threads of their own.
        let own = i64::from(rustix::thread::gettid().as_raw_nonzero().get());
        let thread = resolver.resolve(own, 0).expect("this thread runs");
        assert_eq!((thread.tid, thread.pid), (own, pid));
        assert!(resolver.resolve(i64::from(i32::MAX), 0).is_none());
        assert!(resolver.resolve_fd(pid, 1 << 20, 0).is_none());
        assert!(resolver.resolve(-1, 0).is_none());
        assert_eq!(resolver.counters.lookups.get(), 5);
    }

    #[test]
    fn a_storm_is_refused_and_counted() {
        let mut resolver = resolver();
        resolver.ration = Ration::new(1, Instant::now());
        assert!(resolver.resolve(i64::from(std::process::id()), 0).is_some());
        assert!(resolver.resolve(i64::from(std::process::id()), 0).is_none());
        assert_eq!(resolver.counters.lookups_refused.get(), 1);
    }
}
