//! Plays a history: which threads there are, what they have open, and what a capture would hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use peregrine_capture::{
    CaptureState, Error, FdEntry, FdInfo, OwnedEvent, ThreadEntry, Writer, WriterOptions,
};
use peregrine_event::{EventCode, HeaderFlags, code};
use peregrine_state::changes_state;

use crate::act::{Act, Call, History, Loss, Told};
use crate::events::Value;
use crate::procfs::Procfs;
use crate::tape::{LiveRecord, Tape};

const CLONE_FILES: i64 = 1;
const CLONE_NEWPID: i64 = 1 << 6;
const CLONE_PARENT: i64 = 1 << 8;
const CLONE_THREAD: i64 = 1 << 13;
const CLONE_NEWUSER: i64 = 1 << 20;
const CLONE_VFORK: i64 = 1 << 27;
const CHILD_IN_PIDNS: i64 = 1 << 29;
const AT_FDCWD: i64 = -100;
/// Most threads at a time.
const CROWD: usize = 40;

/// A history as a capture, and as text.
pub struct Played {
    /// What the capture begins with.
    pub state: CaptureState,
    /// Its events, in order.
    pub events: Vec<OwnedEvent>,
    /// A line per act, and what it says of the events.
    pub story: String,
}

impl Played {
    /// The bytes of the capture.
    ///
    /// # Errors
    /// An event that cannot be written: a mistake in the machine.
    pub fn capture(&self) -> Result<Vec<u8>, Error> {
        let mut writer = Writer::new(Vec::new(), WriterOptions::default())?;
        writer.state(&self.state)?;
        self.events.iter().try_for_each(|event| writer.event(&event.view()))?;
        writer.finish()
    }
}

/// A history as a probe tells it, and as text.
pub struct PlayedLive {
    /// What was there before.
    pub state: CaptureState,
    /// Its records, in order; without those that were lost.
    pub records: Vec<LiveRecord>,
    /// How many were lost.
    pub lost: usize,
    /// What the kernel would have said of its threads at any time.
    pub procfs: Arc<Procfs>,
    /// A line per act, and what it says of the records.
    pub story: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Process {
    pub(crate) parent: i64,
    pub(crate) name: String,
    pub(crate) fds: BTreeSet<i64>,
    /// Processes that a pidfd names.
    pidfds: BTreeMap<i64, i64>,
    pub(crate) uid: i64,
    /// Ids in its pid namespace are this much smaller; 0 on the host.
    pub(crate) namespace: i64,
    is_subreaper: bool,
}

struct Machine {
    ts: u64,
    next_pid: i64,
    reuses_pids: bool,
    free: Vec<i64>,
    ended: Vec<i64>,
    processes: BTreeMap<i64, Process>,
    /// Threads and their processes, oldest first.
    threads: Vec<(i64, i64)>,
    /// The process of every thread that there was, and when it started.
    origins: BTreeMap<i64, (i64, i64)>,
    tape: Tape,
    story: String,
    procfs: Procfs,
    /// What is lost next, and how much of it.
    losing: Option<(Loss, u8)>,
    lost: usize,
    /// Threads whose ends were lost.
    lost_ends: BTreeSet<i64>,
    /// Thread groups whose next record says that records were lost.
    marked: BTreeSet<i64>,
}

/// Plays a history. Acts that make no sense at their place do nothing.
pub fn play(history: &History) -> Played {
    let (state, machine) = Machine::play(history, Tape::Capture(Vec::new()));
    let story = machine.story;
    match machine.tape {
        Tape::Capture(events) => Played { state, events, story },
        Tape::Live { .. } => unreachable!("a machine keeps its tape"),
    }
}

/// Plays a history as the probe tells it: births and fork markers, and nothing is lost but by
/// [`Act::Lose`]. What else only captures have (wrong reapers, users, switches) happens without
/// being told, or told right.
pub fn play_live(history: &History) -> PlayedLive {
    let tape = Tape::Live { builder: Box::default(), records: Vec::new() };
    let (state, machine) = Machine::play(history, tape);
    let Machine { story, procfs, lost, .. } = machine;
    match machine.tape {
        Tape::Live { records, .. } => {
            PlayedLive { state, records, lost, procfs: Arc::new(procfs), story }
        }
        Tape::Capture(_) => unreachable!("a machine keeps its tape"),
    }
}

const NAMES: [&str; 8] = ["bash", "cat", "sshd", "nginx", "python3", "curl", "sh", "runc"];
const PATHS: [&str; 8] =
    ["/etc/shadow", "data", "/tmp/x", "../up", "/usr/bin", "sub/dir", "/var/log/a", "."];

fn path(index: u8) -> &'static str {
    PATHS[usize::from(index) % PATHS.len()]
}

impl Machine {
    fn play(history: &History, tape: Tape) -> (CaptureState, Machine) {
        let mut machine = Machine {
            ts: history.begin_ns,
            next_pid: 1000,
            reuses_pids: history.reuses_pids,
            free: Vec::new(),
            ended: Vec::new(),
            processes: BTreeMap::new(),
            threads: Vec::new(),
            origins: BTreeMap::new(),
            tape,
            story: String::new(),
            procfs: Procfs::default(),
            losing: None,
            lost: 0,
            lost_ends: BTreeSet::new(),
            marked: BTreeSet::new(),
        };
        let state = machine.start(history.unlisted);
        machine.note_procfs();
        for act in &history.acts {
            machine.act(*act);
            machine.note_procfs();
        }
        (state, machine)
    }

    fn note_procfs(&mut self) {
        if self.is_live() {
            self.procfs.note(self.ts, &self.threads, &self.processes);
        }
    }

    fn is_live(&self) -> bool {
        matches!(self.tape, Tape::Live { .. })
    }

    /// The first processes: init, a service manager, a shell, a server with threads.
    fn start(&mut self, unlisted: u8) -> CaptureState {
        let mut state = CaptureState::default();
        let first = [(1, 0, "init"), (10, 1, "systemd"), (20, 10, "sshd"), (30, 10, "nginx")];
        for (index, (pid, parent, name)) in first.into_iter().enumerate() {
            let fds = BTreeSet::from([0, 1, 2, 3, 4]);
            let process = Process { parent, name: name.into(), fds, ..Process::default() };
            self.processes.insert(pid, Process { is_subreaper: pid <= 10, ..process });
            let threads = if pid == 30 { vec![30, 31, 32] } else { vec![pid] };
            self.threads.extend(threads.iter().map(|tid| (*tid, pid)));
            self.origins.extend(threads.iter().map(|tid| (*tid, (pid, 0))));
            if pid > 1 && unlisted >> index & 1 != 0 {
                let _ = writeln!(self.story, "not listed: {name} ({pid})");
                continue;
            }
            state.threads.extend(threads.iter().map(|tid| listed(*tid, pid, parent, name)));
            let connection = FdInfo::Ipv4 {
                source: [10, 0, 0, 1],
                dest: [10, 0, 0, 2],
                source_port: 80,
                dest_port: 4000 + pid as u16,
                l4: 2,
            };
            let server = FdInfo::Ipv4Server { ip: [0; 4], port: 80, l4: 2 };
            let name =
                |name: &str| FdInfo::File { open_flags: 1, name: name.as_bytes().to_vec(), dev: 1 };
            use peregrine_capture::FdKind;
            let last = if pid == 30 {
                (FdKind::Ipv4Server, server)
            } else {
                (FdKind::Ipv4Socket, connection)
            };
            let entries = [
                (0, FdKind::FileV2, name("/dev/null")),
                (1, FdKind::FileV2, name("/var/log/out")),
                (2, FdKind::FileV2, name("/var/log/err")),
                (3, FdKind::Directory, name("/srv")),
                (4, last.0, last.1),
            ];
            let entry = |(fd, kind, info)| FdEntry { fd, ino: 100 + fd as u64, kind, info };
            state.fds.push((pid, entries.into_iter().map(entry).collect()));
        }
        state
    }

    fn emit(&mut self, tid: i64, code: EventCode, values: &[Value]) {
        self.emit_with(HeaderFlags(0), tid, code, values);
    }

    fn emit_with(&mut self, flags: HeaderFlags, tid: i64, code: EventCode, values: &[Value]) {
        self.ts += 1000;
        let tgid = self.origins.get(&tid).map_or(tid, |(pid, _)| *pid);
        let mut flags = flags;
        if self.is_live() {
            if self.is_lost(flags, code) {
                self.lost += 1;
                let _ = writeln!(
                    self.story,
                    "    lost: {} of {tid}",
                    code.def().map_or("", |d| d.name)
                );
                if changes_state(code) {
                    self.marked.insert(tgid);
                }
                if code == code::PROCEXIT_1_E {
                    self.lost_ends.insert(tid);
                }
                return;
            }
            if self.marked.remove(&tgid) {
                flags.0 |= HeaderFlags::STATE_LOST;
            }
        }
        self.tape.push(self.ts, (tid, tgid), flags, code, values);
    }

    /// Whether the next record finds no room in the ring.
    fn is_lost(&mut self, flags: HeaderFlags, code: EventCode) -> bool {
        let Some((what, left)) = &mut self.losing else { return false };
        let kind = match code {
            _ if flags.has(HeaderFlags::BIRTH) => Loss::Births,
            code::FORK_MARKER_X => Loss::ForkMarkers,
            code::SYSCALL_EXECVE_19_X => Loss::Execs,
            code::PROCEXIT_1_E => Loss::Exits,
            _ => Loss::Others,
        };
        let is_lost = *what == kind || *what == Loss::Any;
        if is_lost {
            *left -= 1;
            if *left == 0 {
                self.losing = None;
            }
        }
        is_lost
    }

    fn tell(&mut self, text: &str) {
        let count = self.tape.len();
        let _ = writeln!(self.story, "{text}  [{count} events]");
    }

    fn thread(&self, who: u8) -> Option<(i64, i64)> {
        let count = self.threads.len();
        // The highest numbers are the youngest threads, the others any.
        let at = match usize::from(u8::MAX - who) {
            back @ 0..2 => count.checked_sub(back + 1)?,
            _ => usize::from(who).checked_rem(count)?,
        };
        self.threads.get(at).copied()
    }

    fn fd_of(&self, pid: i64, fd: u8) -> i64 {
        let fds = &self.processes[&pid].fds;
        let at = if fd == u8::MAX { fds.len().saturating_sub(1) } else { usize::from(fd) };
        // Now and then one that is not open.
        fds.iter().nth(at).copied().unwrap_or(90)
    }

    fn new_fd(&mut self, pid: i64) -> i64 {
        let fds = &mut self.processes.get_mut(&pid).expect("it runs").fds;
        let fd = (0..).find(|fd| !fds.contains(fd)).expect("there is always one more");
        fds.insert(fd);
        fd
    }

    fn new_pid(&mut self, is_thread: bool) -> i64 {
        // An id whose end was lost is only used again for what is its own: a process for a process.
        let may_have = |id: &i64| {
            !self.lost_ends.contains(id)
                || !is_thread && self.origins.get(id).is_some_and(|(pid, _)| pid == id)
        };
        if self.reuses_pids
            && let Some(at) = self.free.iter().rposition(may_have)
        {
            return self.free.remove(at);
        }
        self.next_pid += 1;
        self.next_pid
    }

    fn inside(&self, tid: i64, pid: i64) -> i64 {
        tid - self.processes.get(&pid).map_or(0, |p| p.namespace)
    }

    #[allow(clippy::too_many_lines)]
    fn act(&mut self, act: Act) {
        let who = match act {
            Act::UserAdded { .. } | Act::Switch { .. } if self.is_live() => return,
            Act::Spawn { who, .. }
            | Act::Exec { who, .. }
            | Act::Exit { who, .. }
            | Act::Open { who, .. }
            | Act::Close { who, .. }
            | Act::Dup { who, .. }
            | Act::Pipe { who }
            | Act::Chdir { who, .. }
            | Act::Fchdir { who, .. }
            | Act::Chroot { who, .. }
            | Act::Read { who, .. }
            | Act::Write { who, .. }
            | Act::Receive { who, .. }
            | Act::Setsid { who }
            | Act::Setpgid { who, .. }
            | Act::Setuid { who, .. }
            | Act::Capset { who }
            | Act::Unshare { who }
            | Act::Subreaper { who, .. }
            | Act::Prlimit { who, .. }
            | Act::PidfdOpen { who, .. }
            | Act::PidfdGetfd { who, .. }
            | Act::Kill { who, .. }
            | Act::Switch { who } => who,
            Act::UserAdded { uid, name } => {
                let name = NAMES[usize::from(name) % NAMES.len()];
                self.tell(&format!("user {uid} is called {name}"));
                let uid = Value::Int(i64::from(uid));
                let texts = [name, "/home/x", "/bin/sh", ""].map(Value::from);
                let values: Vec<Value> = [uid.clone(), uid].into_iter().chain(texts).collect();
                return self.emit(-1, code::USER_ADDED_E, &values);
            }
            Act::Stranger { tid, what } => return self.stranger(tid, what),
            Act::Lose { what, count } => {
                if self.is_live() && count > 0 {
                    self.tell(&format!("{count} records are lost: {what:?}"));
                    self.losing = Some((what, count));
                }
                return;
            }
            Act::Pause { seconds } => {
                self.tell(&format!("{seconds} seconds pass"));
                self.ts += u64::from(seconds) * 1_000_000_000;
                return;
            }
        };
        let Some((tid, pid)) = self.thread(who) else { return };
        let name = self.processes[&pid].name.clone();
        self.tell(&format!("{tid} ({name} {pid}): {act:?}"));
        let fd_of = |machine: &Self, fd| Value::Int(machine.fd_of(pid, fd));
        let ok = Value::Int(0);
        match act {
            Act::Spawn { call, told, is_thread, new_pidns, clone_parent, .. } => {
                let flags = (i64::from(is_thread) * (CLONE_THREAD | CLONE_FILES))
                    | (i64::from(new_pidns) * CLONE_NEWPID)
                    | (i64::from(clone_parent) * CLONE_PARENT);
                self.spawn((tid, pid), call, told, flags);
            }
            Act::Exec { name, is_old, at, .. } => self.exec((tid, pid), name, is_old, at),
            Act::Exit { whole_group, reaper, is_lost, .. } => {
                self.exit((tid, pid), whole_group, reaper, is_lost);
            }
            Act::Open { name, below, is_directory, .. } => {
                let dirfd = below.map_or(AT_FDCWD, |fd| self.fd_of(pid, fd));
                let fd = self.new_fd(pid);
                let flags = if is_directory { 1 << 10 } else { 1 };
                let values = [fd, dirfd].map(Value::Int).into_iter();
                let rest = [Value::from(path(name)), flags.into(), 0.into(), 1.into(), 7.into()];
                let values: Vec<Value> = values.chain(rest).collect();
                self.emit(tid, code::SYSCALL_OPENAT_2_X, &values);
            }
            Act::Close { fd, .. } => {
                let fd = self.fd_of(pid, fd);
                let process = self.processes.get_mut(&pid).expect("it runs");
                process.pidfds.remove(&fd);
                let result = if process.fds.remove(&fd) { 0 } else { -9 };
                self.emit(tid, code::SYSCALL_CLOSE_X, &[result.into(), fd.into()]);
            }
            Act::Dup { fd, to, .. } => {
                let fd = self.fd_of(pid, fd);
                let Some(to) = to else {
                    let new = self.new_fd(pid);
                    return self.emit(tid, code::SYSCALL_DUP_1_X, &[new.into(), fd.into()]);
                };
                let to = i64::from(to);
                self.processes.get_mut(&pid).expect("it runs").fds.insert(to);
                self.emit(tid, code::SYSCALL_DUP2_X, &[to.into(), fd.into(), to.into()]);
            }
            Act::Pipe { .. } => {
                let (one, two) = (self.new_fd(pid), self.new_fd(pid));
                let values = [0, one, two, 77, 0].map(Value::Int);
                self.emit(tid, code::SYSCALL_PIPE2_X, &values);
            }
            Act::Chdir { name, .. } => {
                self.emit(tid, code::SYSCALL_CHDIR_X, &[ok, path(name).into()]);
            }
            Act::Fchdir { fd, .. } => {
                let fd = fd_of(self, fd);
                self.emit(tid, code::SYSCALL_FCHDIR_X, &[ok, fd]);
            }
            Act::Chroot { name, .. } => {
                self.emit(tid, code::SYSCALL_CHROOT_X, &[ok, path(name).into()]);
            }
            Act::Read { fd, .. } | Act::Write { fd, .. } => {
                let is_read = matches!(act, Act::Read { .. });
                let code = if is_read { code::SYSCALL_READ_X } else { code::SYSCALL_WRITE_X };
                let data = Value::Bytes(b"some".to_vec());
                let fd = fd_of(self, fd);
                self.emit(tid, code, &[4.into(), data, fd, 4.into()]);
            }
            Act::Receive { fd, .. } => {
                let mut control = 20u64.to_le_bytes().to_vec();
                control.extend([1i32, 1, 5].iter().flat_map(|n| n.to_le_bytes()));
                let fd = fd_of(self, fd);
                let values = [
                    1.into(),
                    1.into(),
                    Value::Bytes(vec![0]),
                    Value::None,
                    Value::Bytes(control),
                    fd,
                ];
                self.emit(tid, code::SOCKET_RECVMSG_X, &values);
            }
            Act::Setsid { .. } => self.emit(tid, code::SYSCALL_SETSID_X, &[pid.into()]),
            Act::Setpgid { whom, .. } => {
                let Some((_, whom)) = self.thread(whom) else { return };
                self.emit(tid, code::SYSCALL_SETPGID_X, &[ok, whom.into(), pid.into()]);
            }
            Act::Setuid { uid, .. } => {
                self.processes.get_mut(&pid).expect("it runs").uid = i64::from(uid);
                self.emit(tid, code::SYSCALL_SETUID_X, &[ok, i64::from(uid).into()]);
            }
            Act::Capset { .. } => {
                let values = [0, 1, 2, 3].map(Value::Int);
                self.emit(tid, code::SYSCALL_CAPSET_X, &values);
            }
            Act::Unshare { .. } => {
                self.emit(tid, code::SYSCALL_UNSHARE_X, &[ok, CLONE_NEWUSER.into()]);
            }
            Act::Subreaper { is_on, .. } => {
                self.processes.get_mut(&pid).expect("it runs").is_subreaper = is_on;
                let is_on = Value::Int(i64::from(is_on));
                self.emit(tid, code::SYSCALL_PRCTL_X, &[ok, 36.into(), Value::None, is_on]);
            }
            Act::Prlimit { whom, limit, .. } => {
                let Some((_, whom)) = self.thread(whom) else { return };
                let values = [0, 100 + i64::from(limit), 4096, 1024, 4096, whom, 7].map(Value::Int);
                self.emit(tid, code::SYSCALL_PRLIMIT_X, &values);
            }
            Act::PidfdOpen { whom, .. } => {
                let Some((_, whom)) = self.thread(whom) else { return };
                let fd = self.new_fd(pid);
                self.processes.get_mut(&pid).expect("it runs").pidfds.insert(fd, whom);
                let values = [fd, whom, 0].map(Value::Int);
                self.emit(tid, code::SYSCALL_PIDFD_OPEN_X, &values);
            }
            Act::PidfdGetfd { fd, target, .. } => {
                let pidfd = self.fd_of(pid, fd);
                let whom = self.processes[&pid].pidfds.get(&pidfd).copied();
                let whom = whom.filter(|whom| self.processes.contains_key(whom));
                let number = self.fd_of(whom.unwrap_or(pid), target);
                let new = self.new_fd(pid);
                let values = [new, pidfd, number, 0].map(Value::Int);
                self.emit(tid, code::SYSCALL_PIDFD_GETFD_X, &values);
            }
            Act::Kill { whom, .. } => {
                let Some((whom, _)) = self.thread(whom) else { return };
                let values = [0, whom, 9].map(Value::Int);
                self.emit(tid, code::SYSCALL_KILL_X, &values);
            }
            Act::Switch { .. } => {
                let values = [1, 2, 3, 400, 50, 6].map(Value::Int);
                self.emit(tid, code::SCHEDSWITCH_6_E, &values);
            }
            Act::UserAdded { .. } | Act::Stranger { .. } | Act::Pause { .. } | Act::Lose { .. } => {
            }
        }
    }

    /// Something of a thread that nothing is known of, or that has ended.
    fn stranger(&mut self, tid: u8, what: u8) {
        // The probe says nothing of a thread after its end, and all of births.
        let (is_live, kind) = (self.is_live(), what / 2 % 8);
        if is_live && matches!(kind, 4 | 5) {
            return;
        }
        let ended = self.ended.iter().rev().nth(usize::from(tid % 8)).copied();
        let ended = ended.filter(|_| !is_live);
        let tid = ended.filter(|_| what & 1 != 0).unwrap_or(5000 + i64::from(tid % 16));
        self.tell(&format!("{tid}, of which nothing was told, does something ({what})"));
        let fd = i64::from(what % 5);
        let open = [fd.into(), AT_FDCWD.into(), path(what).into(), 1.into(), 0.into()];
        let (open, fds) = (open.map(|v: Value| v), [4.into(), Value::None, fd.into(), 4.into()]);
        match kind {
            0 => self.emit(tid, code::SYSCALL_OPENAT_2_X, &open),
            1 => self.emit(tid, code::SYSCALL_READ_X, &fds),
            2 => self.emit(tid, code::SYSCALL_SETUID_X, &[0.into(), 1.into()]),
            3 => self.emit(tid, code::PROCEXIT_1_E, &[0, 0, 0, 0, 0].map(Value::Int)),
            // A thread of a group of which another thread may be a stranger too.
            4 => {
                let values =
                    self.birth((tid, 5000 + i64::from(what % 4)), tid + 1, 1, CLONE_THREAD);
                self.emit(tid, code::SYSCALL_CLONE_20_X, &values);
            }
            5 => {
                let values = self.birth((tid, 5000 + i64::from(what % 4)), 0, 5001, CLONE_THREAD);
                self.emit(tid, code::SYSCALL_CLONE_20_X, &values);
            }
            6 => self.exec_event((tid, tid), 1, what, false),
            _ => self.emit(tid, code::SYSCALL_CLOSE_X, &[0.into(), fd.into()]),
        }
    }

    /// Parameters of a return from a clone.
    fn birth(&self, (tid, pid): (i64, i64), result: i64, ptid: i64, flags: i64) -> Vec<Value> {
        let process = self.processes.get(&pid);
        let name = process.map_or("stranger", |p| &p.name);
        let uid = process.map_or(0, |p| p.uid);
        let namespace = process.map_or(0, |p| p.namespace);
        let flags = flags | (i64::from(namespace > 0) * CHILD_IN_PIDNS);
        let mut values = vec![result.into(), name.into(), Value::Bytes(b"-a\0--long\0".to_vec())];
        values.extend([tid, pid, ptid].map(Value::Int));
        values.push("/".into());
        values.extend([1024, 0, 5, 1000, 100, 0].map(Value::Int));
        values.push(name.into());
        let cgroups =
            format!("cpuset=/x/{}\0", "0123456789ab".repeat(5) + &format!("{:04}", pid % 7));
        values.push(Value::Bytes(cgroups.into_bytes()));
        values.extend([flags, uid, uid, tid - namespace, pid - namespace].map(Value::Int));
        values.push(Value::Int(if namespace > 0 { 1000 } else { 0 }));
        values
    }

    fn spawn(&mut self, (tid, pid): (i64, i64), call: Call, told: Told, flags: i64) {
        if self.threads.len() >= CROWD {
            return;
        }
        let code = match call {
            Call::Clone => code::SYSCALL_CLONE_20_X,
            Call::Clone3 => code::SYSCALL_CLONE3_X,
            Call::Fork => code::SYSCALL_FORK_20_X,
            Call::Vfork => code::SYSCALL_VFORK_20_X,
        };
        let flags = flags | if call == Call::Vfork { CLONE_VFORK } else { 0 };
        let is_thread = flags & CLONE_THREAD != 0;
        let child = self.new_pid(is_thread);
        let parent = if flags & CLONE_PARENT != 0 { self.processes[&pid].parent } else { tid };
        let (child_pid, ptid) =
            if is_thread { (pid, self.processes[&pid].parent) } else { (child, parent) };
        if !is_thread {
            let mut process = self.processes[&pid].clone();
            process.parent = parent;
            process.is_subreaper = false;
            if flags & CLONE_NEWPID != 0 {
                process.namespace = child - 1;
            }
            self.processes.insert(child, process);
        }
        self.threads.push((child, child_pid));
        let start_time = self.ts as i64;
        self.origins.insert(child, (child_pid, start_time));
        let shown = self.inside(child, child_pid);
        let of_caller = (tid, pid);
        let mut caller = self.birth(of_caller, child, self.processes[&pid].parent, flags);
        if self.processes[&pid].namespace > 0 {
            caller[0] = shown.into();
        }
        let mut of_child = self.birth((child, child_pid), 0, ptid, flags);
        if self.is_live() {
            let marker = [child, child_pid, start_time, flags].map(Value::Int);
            self.emit(tid, code::FORK_MARKER_X, &marker);
            let of_parent = self.origins.get(&ptid).map_or(0, |(_, start)| *start);
            of_child.extend([start_time, of_parent].map(Value::Int));
            self.emit_with(HeaderFlags(HeaderFlags::BIRTH), child, code, &of_child);
            if told != Told::ChildOnly {
                self.emit(tid, code, &caller);
            }
            return;
        }
        match told {
            Told::CallerFirst | Told::CallerOnly => self.emit(tid, code, &caller),
            Told::ChildFirst | Told::ChildOnly | Told::Late => {}
        }
        if told == Told::Late {
            let values = [4.into(), Value::None, 1.into(), 4.into()];
            self.emit(child, code::SYSCALL_READ_X, &values);
        }
        if told != Told::CallerOnly {
            self.emit(child, code, &of_child);
        }
        if matches!(told, Told::ChildFirst | Told::Late) {
            self.emit(tid, code, &caller);
        }
    }

    fn exec(&mut self, (tid, pid): (i64, i64), name: u8, is_old: bool, at: Option<u8>) {
        let is_old = is_old && !self.is_live();
        // Only the caller is left, and takes the id of the main thread.
        let others: Vec<i64> =
            self.threads.iter().filter(|(t, p)| *p == pid && *t != tid).map(|(t, _)| *t).collect();
        for other in others {
            self.emit(other, code::PROCEXIT_1_E, &[0, 0, 9, 0, pid].map(Value::Int));
        }
        self.threads.retain(|(t, p)| *p != pid || *t == tid);
        if let Some(caller) = self.threads.iter_mut().find(|(t, _)| *t == tid) {
            caller.0 = pid;
        }
        let program = NAMES[usize::from(name) % NAMES.len()];
        self.processes.get_mut(&pid).expect("it runs").name = program.into();
        let filename = path(name / 8);
        if is_old {
            if let Some(fd) = at {
                let values = [self.fd_of(pid, fd).into(), filename.into(), 0.into()];
                self.emit(tid, code::SYSCALL_EXECVEAT_E, &values);
            } else {
                self.emit(tid, code::SYSCALL_EXECVE_19_E, &[filename.into()]);
            }
        }
        let parent = self.processes[&pid].parent;
        self.exec_event((pid, pid), parent, name, is_old);
    }

    fn exec_event(&mut self, (tid, pid): (i64, i64), parent: i64, name: u8, is_old: bool) {
        let program = NAMES[usize::from(name) % NAMES.len()];
        let uid = self.processes.get(&pid).map_or(0, |p| p.uid);
        let mut values = vec![0.into(), program.into(), Value::Bytes(b"--run\0now\0".to_vec())];
        values.extend([tid, pid, parent].map(Value::Int));
        values.push("/".into());
        values.extend([1024, 0, 5, 1000, 100, 0].map(Value::Int));
        values.push(program.into());
        values.push(Value::Bytes(b"cpuset=/\0".to_vec()));
        values.push(Value::Bytes(format!("HOME=/home/{uid}\0N={name}\0").into_bytes()));
        values.extend([34816, pid, uid, 0, 0, 3, 3, 7, 1000, 1000, uid].map(Value::Int));
        if !is_old {
            values.push(format!("/usr/bin/{program}").as_str().into());
            values.extend([pid, uid].map(Value::Int));
            values.push(program.into());
        }
        self.emit(tid, code::SYSCALL_EXECVE_19_X, &values);
    }

    fn exit(&mut self, (tid, pid): (i64, i64), whole_group: bool, says: u8, is_lost: bool) {
        if pid == 1 {
            return;
        }
        let is_leaving = |t: i64, p: i64| if whole_group { p == pid } else { t == tid };
        let mut leaving: Vec<i64> =
            self.threads.iter().filter(|(t, p)| is_leaving(*t, *p)).map(|(t, _)| *t).collect();
        if says & 1 != 0 {
            leaving.reverse();
        }
        let reaper = self.reaper(pid);
        let is_live = self.is_live();
        for t in leaving {
            self.threads.retain(|(thread, _)| *thread != t);
            let sibling = self.threads.iter().find(|(_, p)| *p == pid).map(|(t, _)| *t);
            let reaper = match says {
                _ if is_live => sibling.unwrap_or(reaper),
                0 | 1 => sibling.unwrap_or(reaper),
                2 => 0,
                _ => 7777,
            };
            if !is_lost || is_live {
                self.emit(t, code::PROCEXIT_1_E, &[0, 0, 0, 0, reaper].map(Value::Int));
            }
            if is_live {
                let children = self.processes.values_mut().filter(|p| p.parent == t);
                children.for_each(|child| child.parent = reaper);
            }
            self.ended.push(t);
            // A kernel hands out ids in a circle, so that none comes again while records of its last
            // owner wait. Live, only ids of processes come again that soon: workers can bear that.
            if t != pid && !is_live {
                self.free.push(t);
            }
        }
        if self.threads.iter().any(|(_, p)| *p == pid) {
            return;
        }
        self.processes.remove(&pid);
        self.free.push(pid);
        for process in self.processes.values_mut().filter(|p| p.parent == pid) {
            process.parent = reaper;
        }
    }

    /// Who takes over the children of a process.
    fn reaper(&self, pid: i64) -> i64 {
        let mut at = self.processes[&pid].parent;
        // A parent may have been a thread whose id another process has by now.
        for _ in 0..CROWD {
            let Some(process) = self.processes.get(&at) else { break };
            if process.is_subreaper {
                return at;
            }
            at = process.parent;
        }
        1
    }
}

pub(crate) fn listed(tid: i64, pid: i64, parent: i64, name: &str) -> ThreadEntry {
    ThreadEntry {
        tid,
        pid,
        ptid: parent,
        sid: 10,
        vpgid: pid,
        pgid: pid,
        comm: name.as_bytes().to_vec(),
        exe: format!("/usr/sbin/{name}").into_bytes(),
        exepath: format!("/usr/sbin/{name}").into_bytes(),
        args: b"-D\0".to_vec(),
        cwd: b"/srv".to_vec(),
        fdlimit: 1024,
        flags: if tid == pid { 0 } else { (CLONE_THREAD | CLONE_FILES) as u32 },
        env: b"PATH=/bin\0".to_vec(),
        vtid: tid,
        vpid: pid,
        cgroups: b"cpuset=/\0".to_vec(),
        root: b"/".to_vec(),
        ..ThreadEntry::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breaks if a made-up event is none: the histories would test less than they seem to.
    #[test]
    fn all_events_are_such_as_writers_make() {
        let (mut events, mut codes) = (0, BTreeSet::new());
        for seed in 0..200 {
            let played = play(&History::of_seed(seed, 60));
            let mut transcoder = peregrine_capture::Transcoder::new();
            for event in &played.events {
                if let Err(error) = transcoder.transcode(&event.view(), 0) {
                    panic!("seed {seed}: {error}\n{}", played.story);
                }
                codes.insert(event.code.0);
            }
            events += played.events.len();
            assert!(played.capture().is_ok());
        }
        assert!(events > 5000 && codes.len() > 25, "{events} events of {} kinds", codes.len());
    }
}
