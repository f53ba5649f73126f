//! The workers of the live engine on a generated history, without a kernel: any number of them, under
//! random delays, gives the alerts of one. ThreadSanitizer runs this too (`make tsan`).
//!
//! Breaks if a child inherits something of before or after its fork, if a rule sees an ancestor of
//! too early or too late, if waiting never ends, or if something is left in the state.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use peregrine_engine::counters::WorkerCounters;
use peregrine_engine::gauges::Gauges;
use peregrine_engine::homes::Homes;
use peregrine_engine::parking::Bounds;
use peregrine_engine::progress::Progress;
use peregrine_engine::published::Published;
use peregrine_engine::spread::Spreading;
use peregrine_engine::swap::RuleSlot;
use peregrine_engine::worker::{Tools, Worker};
use peregrine_engine::{Detection, RuleOptions, ruleset};
use peregrine_event::record::Param;
use peregrine_event::{
    EventCode, EventFlags, Header, HeaderFlags, Record, RecordBuilder, arg, code,
};
use peregrine_output::{
    Encoding, Failure, Line, LineFormat, OutputsBuilder, Sink, SinkOptions, WhenFull,
};
use peregrine_probe::RecordClock;
use peregrine_state::{Config, Directory, Shard, Thread};

const RULES: &str = "
- rule: exec
  desc: every program start, with what its parents were then
  condition: evt.type = execve
  output: exec %proc.pid %proc.name %proc.ppid %proc.pname %proc.aname[2] %proc.aname[3] %proc.sname %evt.degraded
  priority: INFO
- rule: open
  desc: every open, with a file that was inherited
  condition: evt.type = openat
  output: open %proc.pid %fd.name %proc.pexepath %proc.apid[2] %evt.degraded
  priority: INFO
- rule: close
  desc: a closed file has the name it was inherited with
  condition: evt.type = close
  output: close %proc.pid %fd.name %proc.pname
  priority: INFO
- rule: read
  desc: what is read, also by a worker that is not the process's own
  condition: evt.type = read
  output: read %proc.pid %fd.name %proc.name %proc.pname %proc.aname[2] %fd.num %evt.degraded
  priority: INFO
- rule: kill
  desc: the name of whom a signal is sent to
  condition: evt.type = kill
  output: kill %proc.pid %evt.arg.pid
  priority: INFO
- rule: exit
  desc: what ends is still there for its last event
  condition: evt.type = procexit
  output: exit %proc.pid %proc.name %proc.pname
  priority: INFO
";

/// A small generator of numbers, the same on every machine (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}

const INIT: u32 = 1;
const SHELL: u32 = 10;

#[derive(Default)]
struct History {
    builder: RecordBuilder,
    records: Vec<(u32, Vec<u8>)>,
}

impl History {
    fn push(&mut self, event: EventCode, pid: u32, flags: u8, params: &[(usize, Param<'_>)]) {
        let ts = 1_000_000_000 + self.records.len() as u64;
        let header = Header {
            ts,
            tid: pid,
            tgid: pid,
            len: 0,
            flags: HeaderFlags(flags),
            code: event,
            cpu: 0,
        };
        let mut all = vec![Param::Absent; event.def().unwrap().params.len()];
        for (index, param) in params {
            all[*index] = *param;
        }
        let bytes = self.builder.build(header, &all).unwrap().to_vec();
        self.records.push((pid, bytes));
    }

    fn fork(&mut self, parent: u32, child: u32) {
        use arg::{fork_marker_x as m, syscall_clone_20_x as c};
        let id = |pid: u32| Param::Int(i64::from(pid));
        let start = Param::Int(i64::from(child) * 3);
        let marker =
            [(m::child_tid, id(child)), (m::child_tgid, id(child)), (m::child_start_time, start)];
        self.push(code::FORK_MARKER_X, parent, 0, &marker);
        let birth = [
            (c::res, Param::Int(0)),
            (c::tid, id(child)),
            (c::pid, id(child)),
            (c::ptid, id(parent)),
            (c::flags, Param::Int(0)),
            (c::uid, Param::Int(0)),
            (c::gid, Param::Int(0)),
            (c::vtid, id(child)),
            (c::vpid, id(child)),
            (c::start_time, start),
        ];
        self.push(code::SYSCALL_CLONE_20_X, child, HeaderFlags::BIRTH, &birth);
    }

    fn exec(&mut self, pid: u32, name: &str) {
        use arg::syscall_execve_19_x as a;
        let path = format!("/bin/{name}\0");
        let comm = format!("{name}\0");
        let params = [
            (a::res, Param::Int(0)),
            (a::exe, Param::Bytes(path.as_bytes())),
            (a::pid, Param::Int(i64::from(pid))),
            (a::comm, Param::Bytes(comm.as_bytes())),
            (a::env, Param::Bytes(b"A=1\0")),
            (a::trusted_exepath, Param::Bytes(path.as_bytes())),
            (a::uid, Param::Int(0)),
            (a::gid, Param::Int(0)),
        ];
        self.push(code::SYSCALL_EXECVE_19_X, pid, 0, &params);
    }

    fn open(&mut self, pid: u32, fd: i64, name: &str) {
        use arg::syscall_openat_2_x as a;
        let name = format!("{name}\0");
        let params = [
            (a::fd, Param::Int(fd)),
            (a::dirfd, Param::Int(-100)),
            (a::name, Param::Bytes(name.as_bytes())),
            (a::flags, Param::Int(1)),
        ];
        self.push(code::SYSCALL_OPENAT_2_X, pid, 0, &params);
    }

    fn read(&mut self, pid: u32, fd: i64) {
        use arg::syscall_read_x as a;
        let params =
            [(a::res, Param::Int(1)), (a::data, Param::Bytes(b"x")), (a::fd, Param::Int(fd))];
        self.push(code::SYSCALL_READ_X, pid, 0, &params);
    }

    fn random(dice: &mut Dice, length: usize) -> Self {
        let mut history = Self::default();
        let mut alive = vec![SHELL];
        let mut next = 100;
        for n in 0..length {
            let pid = alive[dice.roll(alive.len())];
            match dice.roll(14) {
                0..=2 if alive.len() < 60 => {
                    history.fork(pid, next);
                    alive.push(next);
                    next += 1;
                }
                0..=4 => history.exec(pid, &format!("p{n}")),
                5..=6 => history.open(pid, dice.roll(4) as i64 + 3, &format!("/tmp/{n}")),
                7 => {
                    use arg::syscall_close_x as a;
                    let fd = dice.roll(4) as i64 + 3;
                    let params = [(a::res, Param::Int(0)), (a::fd, Param::Int(fd))];
                    history.push(code::SYSCALL_CLOSE_X, pid, 0, &params);
                }
                8 => {
                    use arg::syscall_kill_x as a;
                    let whom = alive[dice.roll(alive.len())];
                    let params = [
                        (a::res, Param::Int(0)),
                        (a::pid, Param::Int(i64::from(whom))),
                        (a::sig, Param::Int(9)),
                    ];
                    history.push(code::SYSCALL_KILL_X, pid, 0, &params);
                }
                9..=12 => history.read(pid, dice.roll(4) as i64 + 3),
                _ if pid != SHELL => history.exit(&mut alive, pid),
                _ => {}
            }
        }
        while let Some(pid) = alive.iter().copied().rfind(|pid| *pid != SHELL) {
            history.exit(&mut alive, pid);
        }
        history
    }

    fn exit(&mut self, alive: &mut Vec<u32>, pid: u32) {
        alive.retain(|p| *p != pid);
        let params = [(arg::procexit_1_e::reaper_tid, Param::Int(i64::from(INIT)))];
        self.push(code::PROCEXIT_1_E, pid, 0, &params);
    }
}

fn detection() -> Arc<Detection> {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::io::Write::write_all(&mut file, RULES.as_bytes()).unwrap();
    let options = RuleOptions {
        paths: vec![file.path().to_owned()],
        suggested_output: false,
        ..RuleOptions::default()
    };
    Arc::new(ruleset::load(&options).unwrap().detection)
}

struct Lines(std::sync::mpsc::Sender<(u64, String)>);

impl Sink for Lines {
    fn name(&self) -> &str {
        "lines"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        for alert in lines.iter().filter_map(|line| line.alert.as_ref()) {
            let _ = self.0.send((alert.time_ns, alert.message.clone()));
        }
        Ok(())
    }
}

fn process(pid: u32, ptid: u32) -> Box<Thread> {
    let mut thread = Box::new(Thread::new());
    let (pid, ptid) = (i64::from(pid), i64::from(ptid));
    (thread.tid, thread.pid, thread.vtid, thread.vpid) = (pid, pid, pid, pid);
    (thread.ptid, thread.sid) = (ptid, i64::from(SHELL));
    thread.root = b"/"[..].into();
    thread.set_listed_flags(0);
    thread.set_listed_cwd(b"/home");
    thread
}

/// What a run gave: alerts in order of time, and waits.
struct Outcome {
    alerts: Vec<(u64, String)>,
    parked_births: u64,
    parked_reads: u64,
    guests: u64,
}

/// Runs a history on `workers` workers; `seed` decides who owns what and who is slow when. With
/// `spread` records that change no state may come to any worker.
fn run(
    history: &History,
    detection: &Arc<Detection>,
    workers: usize,
    seed: u64,
    spread: bool,
) -> Outcome {
    let rings = workers as u32 * (1 + (seed % 3) as u32);
    let homes = Homes { rings, workers: workers as u32 };
    let owner = |pid: u32| homes.of(pid);
    let mut dice = Dice(seed | 1);
    let takers: Vec<usize> = history
        .records
        .iter()
        .map(|(pid, bytes)| {
            let def = Record::parse(bytes).unwrap().def();
            let may_leave = spread && !def.flags.has(EventFlags::MODIFIES_STATE);
            if may_leave { dice.roll(workers) } else { owner(*pid) }
        })
        .collect();
    let directory = Arc::new(Directory::new());
    let mut shards: Vec<Shard> =
        (0..workers).map(|_| Shard::new(Config::default(), Some(directory.clone()))).collect();
    for (pid, ptid) in [(INIT, 0), (SHELL, INIT)] {
        shards[owner(pid)].insert_unrelated(process(pid, ptid)).unwrap();
    }
    shards.iter_mut().for_each(Shard::publish_listed);
    shards.iter_mut().for_each(Shard::relate_all);
    let progress = Arc::new(Progress::new(workers));
    let rules = Arc::new(RuleSlot::new(detection.clone(), workers));
    let (sender, alerts): (_, Receiver<(u64, String)>) = channel();
    let outputs = OutputsBuilder::new(LineFormat::new(Encoding::Text, "h"), None, WhenFull::Block)
        .sink(Lines(sender), SinkOptions { capacity: None, ..SinkOptions::default() })
        .start()
        .unwrap();
    let totals = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for (own, mut shard) in shards.into_iter().enumerate() {
            let spreading = spread.then(|| {
                shard.heat_all();
                let guests = Shard::for_guests(Config::default(), directory.clone());
                Spreading::new(guests, None)
            });
            let counters: Arc<crossbeam_utils::CachePadded<WorkerCounters>> = Arc::default();
            let tools = Tools {
                shard,
                rules: rules.clone(),
                sender: outputs.sender(),
                bounds: Bounds { time: Duration::from_secs(600), bytes: usize::MAX },
                own,
                homes,
                directory: directory.clone(),
                progress: progress.clone(),
                gauges: Arc::new(Gauges::default()),
                clock: RecordClock::new(),
                published: Arc::new(Published::new(workers)),
                tap: None,
                spreading,
            };
            let records: Vec<&[u8]> = history
                .records
                .iter()
                .zip(&takers)
                .filter(|(_, taker)| **taker == own)
                .map(|((_, bytes), _)| &bytes[..])
                .collect();
            let totals = &totals;
            scope.spawn(move || {
                let mut dice = Dice(seed ^ (own as u64 + 1) << 32 | 1);
                let home = own;
                let mut worker = Worker::new(tools, counters.clone());
                for record in records {
                    worker.take(record);
                    let ts = u64::from_le_bytes(*record.first_chunk().unwrap());
                    match dice.roll(12) {
                        0 => std::thread::sleep(Duration::from_micros(dice.roll(200) as u64)),
                        1..=3 => worker.publish_progress(ts),
                        4..=5 => worker.retry_parked(),
                        6 => std::thread::yield_now(),
                        _ => {}
                    }
                }
                // Its rings stay empty from now on.
                worker.publish_progress(u64::MAX);
                while worker.is_waiting() {
                    worker.retry_parked();
                    std::thread::yield_now();
                }
                let shard = worker.shard_mut();
                shard.run_pending(u64::MAX);
                let left: Vec<i64> = shard.iter().map(|thread| thread.tid).collect();
                let own = [INIT, SHELL].into_iter().filter(|pid| owner(*pid) == home);
                assert_eq!(left.len(), own.count(), "left behind, or copied: {left:?}");
                worker.finish();
                totals.lock().unwrap().push(counters.totals());
            });
        }
    });
    outputs.shutdown(None);
    let mut alerts: Vec<_> = alerts.iter().collect();
    alerts.sort();
    let totals = totals.into_inner().unwrap();
    assert_eq!(directory.waiting_inheritances(), 0);
    assert_eq!(directory.len(), 2, "only init and the shell are left");
    assert_eq!(totals.iter().map(|t| t.parking_timeouts).sum::<u64>(), 0);
    assert_eq!(totals.iter().map(|t| t.threads).sum::<u64>(), 2, "{totals:?}");
    Outcome {
        alerts,
        parked_births: totals.iter().map(|t| t.parked_births).sum(),
        parked_reads: totals.iter().map(|t| t.parked_reads).sum(),
        guests: totals.iter().map(|t| t.guests).sum(),
    }
}

#[test]
fn any_number_of_workers_gives_the_alerts_of_one() {
    let detection = detection();
    let seeds = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let (mut births, mut reads, mut guests) = (0, 0, 0);
    for seed in 1..=seeds {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15u64.wrapping_mul(seed));
        let history = History::random(&mut dice, 400);
        let expected = run(&history, &detection, 1, seed, false).alerts;
        assert!(expected.len() > 100);
        for (workers, spread) in [(2, false), (3, false), (4, false), (2, true), (4, true)] {
            let outcome = run(&history, &detection, workers, dice.0 ^ workers as u64, spread);
            let first = expected.iter().zip(&outcome.alerts).find(|(a, b)| a != b);
            assert_eq!(first, None, "seed {seed}, {workers} workers, {spread}");
            assert_eq!(
                outcome.alerts.len(),
                expected.len(),
                "seed {seed}, {workers} workers, {spread}"
            );
            births += outcome.parked_births;
            reads += outcome.parked_reads;
            guests += outcome.guests;
        }
    }
    assert!(births > 0 && reads > 0, "nothing ever waited: this run tested nothing");
    assert!(guests > 0, "nothing was spread");
}
