//! The kernel of a made-up history, as far as it is asked.

use std::sync::Arc;

use peregrine_engine::replay::initial;
use peregrine_histories::{Procfs, Random};
use peregrine_state::{Config, Fd, Resolver, Shard, Thread};

/// Answers as of some time after the event that asks, always the same time: as a kernel does, and
/// yet the same however late a worker asks.
pub struct AsOf {
    procfs: Arc<Procfs>,
    lag_ns: u64,
}

impl AsOf {
    pub fn new(procfs: Arc<Procfs>, seed: u64) -> Self {
        let lag_ns = [0, 3_000, 20_000, 200_000][Random::new(seed).below(4) as usize];
        Self { procfs, lag_ns }
    }
}

impl Resolver for AsOf {
    fn resolve(&mut self, tid: i64, sequence: u64) -> Option<Box<Thread>> {
        let (entry, fds) = self.procfs.thread(tid, sequence + self.lag_ns)?;
        let mut scratch = Shard::new(Config::default(), None);
        initial::add_threads(&mut scratch, std::slice::from_ref(&entry));
        initial::add_fds(&mut scratch, tid, &fds);
        scratch.take_listed(tid)
    }

    fn resolve_fd(&mut self, pid: i64, number: i64, sequence: u64) -> Option<Fd> {
        initial::fd(&self.procfs.fd(pid, number, sequence + self.lag_ns)?)
    }
}
