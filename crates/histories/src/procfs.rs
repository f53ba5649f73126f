//! What the kernel says of threads when it is asked, at any time of a history.

use std::collections::BTreeMap;

use peregrine_capture::{FdEntry, FdInfo, FdKind, ThreadEntry};

use crate::machine::{Process, listed};

/// The threads that there are, from a time on.
#[derive(Debug, Clone)]
struct Moment {
    since_ns: u64,
    /// Their processes, by thread.
    threads: BTreeMap<i64, i64>,
    processes: BTreeMap<i64, Process>,
}

/// All threads, at any time: a `/proc` whose answer depends on nothing but the time.
#[derive(Debug, Clone, Default)]
pub struct Procfs(Vec<Moment>);

impl Procfs {
    pub(crate) fn note(
        &mut self,
        since_ns: u64,
        threads: &[(i64, i64)],
        processes: &BTreeMap<i64, Process>,
    ) {
        let threads = threads.iter().copied().collect();
        self.0.push(Moment { since_ns, threads, processes: processes.clone() });
    }

    fn at(&self, time_ns: u64) -> Option<&Moment> {
        let after = self.0.partition_point(|moment| moment.since_ns <= time_ns);
        self.0.get(after.checked_sub(1)?)
    }

    /// A thread and, of a main thread, its files, as of a time; `None` if there was none.
    pub fn thread(&self, tid: i64, time_ns: u64) -> Option<(ThreadEntry, Vec<FdEntry>)> {
        let moment = self.at(time_ns)?;
        let pid = *moment.threads.get(&tid)?;
        let process = moment.processes.get(&pid)?;
        let mut entry = listed(tid, pid, process.parent, &process.name);
        entry.exe = format!("/proc/{}", process.name).into_bytes();
        (entry.uid, entry.gid) = (process.uid as u32, process.uid as u32);
        (entry.vtid, entry.vpid) = (tid - process.namespace, pid - process.namespace);
        let fds =
            if tid == pid { &process.fds.iter().copied().collect::<Vec<_>>()[..] } else { &[] };
        Some((entry, fds.iter().map(|number| file(pid, *number)).collect()))
    }

    /// A file of a process as of a time.
    pub fn fd(&self, pid: i64, number: i64, time_ns: u64) -> Option<FdEntry> {
        let process = self.at(time_ns)?.processes.get(&pid)?;
        process.fds.contains(&number).then(|| file(pid, number))
    }
}

fn file(pid: i64, number: i64) -> FdEntry {
    let name = format!("/found/{pid}/{number}").into_bytes();
    let info = FdInfo::File { open_flags: 1, name, dev: 1 };
    FdEntry { fd: number, ino: 500 + number as u64, kind: FdKind::FileV2, info }
}
