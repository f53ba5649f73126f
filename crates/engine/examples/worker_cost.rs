//! What sharing with other workers costs the only worker there is, for `scripts/instructions-worker.sh`.
//!
//! `cargo run --release -p peregrine-engine --example worker_cost -- WHO CAPTURE [EVENTS [RULES]…]`
//!
//! The first events of a capture, told as a probe tells them (a birth and a fork marker per child),
//! are fed to
//!
//! * `alone`: a shard with direct relations and the rules, nothing else: the loop of a program that
//!   never had a second thread;
//! * `direct`: a worker of the live engine whose shard publishes nothing;
//! * `shared`: the same as it runs, ready for other workers.
//!
//! Only `feed_*` is meant to be counted.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_utils::CachePadded;
use peregrine_capture::{Item, Reader};
use peregrine_engine::counters::WorkerCounters;
use peregrine_engine::detector::Detector;
use peregrine_engine::gauges::Gauges;
use peregrine_engine::homes::Homes;
use peregrine_engine::host::HostFiles;
use peregrine_engine::parking::Bounds;
use peregrine_engine::progress::Progress;
use peregrine_engine::published::Published;
use peregrine_engine::replay::{Replay, Step, initial};
use peregrine_engine::ruleset::{self, Detection, RuleOptions};
use peregrine_engine::swap::RuleSlot;
use peregrine_engine::worker::{Tools, Worker};
use peregrine_event::record::Param;
use peregrine_event::{Header, HeaderFlags, Record, RecordBuilder, arg, code};
use peregrine_fields::view::{EventView, Session};
use peregrine_output::{
    AlertSender, Encoding, Failure, Line, LineFormat, OutputsBuilder, Sink, SinkOptions,
    StateQuality, WhenFull,
};
use peregrine_probe::RecordClock;
use peregrine_state::{Applied, Config, Directory, EventContext, Shard};

const USAGE: &str = "usage: worker_cost alone|direct|shared CAPTURE [EVENTS [RULES]...]";

/// Records between two marks: a ring that is drained often, as on a host that is not busy.
const RUN: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (who, path) = (args.next().ok_or(USAGE)?, args.next().ok_or(USAGE)?);
    let events: usize = args.next().map_or(Ok(300_000), |n| n.parse())?;
    let paths = args.map(Into::into).collect();
    let session = Session { containers: true, ..Session::default() };
    let options = RuleOptions { paths, session, ..RuleOptions::default() };
    let detection = Arc::new(ruleset::load(&options)?.detection);

    let directory = (who == "shared").then(|| Arc::new(Directory::new()));
    let mut shard = Shard::new(Config::default(), directory.clone());
    // Only who shares needs to know of a fork before the child does.
    let tape = Tape::read(&path, events, &mut shard, directory.is_some())?;
    let mut shards = [shard];
    Shard::relate_shards(&mut shards);
    let [shard] = shards;

    let outputs = OutputsBuilder::new(LineFormat::new(Encoding::Text, "h"), None, WhenFull::Block)
        .sink(Nowhere, SinkOptions::default())
        .start()?;
    let sender = outputs.sender();
    let start = Instant::now();
    let alerts = match who.as_str() {
        "alone" => feed_alone(&tape, shard, &detection, &sender),
        "direct" | "shared" => {
            let directory = directory.unwrap_or_default();
            let counters: Arc<CachePadded<WorkerCounters>> = Arc::default();
            let mut worker = worker(shard, directory, detection, sender, counters.clone());
            feed_worker(&tape, &mut worker);
            drop(worker);
            counters.alerts.get()
        }
        _ => return Err(USAGE.into()),
    };
    let took = start.elapsed();
    outputs.shutdown(None);
    let ns = took.as_nanos() as f64 / tape.events as f64;
    println!("{who}: {} events, {alerts} alerts, {ns:.0} ns per event", tape.events);
    Ok(())
}

struct Nowhere;

impl Sink for Nowhere {
    fn name(&self) -> &str {
        "nowhere"
    }

    fn write(&mut self, _: &[Arc<Line>]) -> Result<(), Failure> {
        Ok(())
    }
}

#[inline(never)]
fn feed_alone(
    tape: &Tape,
    mut shard: Shard,
    detection: &Arc<Detection>,
    sender: &AlertSender,
) -> u64 {
    let mut detector = Detector::new(detection.clone());
    let (mut alerts, mut number, mut previous) = (0, 0, None);
    for bytes in tape.records() {
        let Ok(record) = Record::parse(bytes) else { continue };
        let ts = record.ts();
        let context = EventContext { record, num: ts };
        let Applied::Done(subject) = shard.apply(&context) else { continue };
        number += 1;
        let view = EventView::new(record, number, ts, &detection.session, &shard, subject)
            .with_times(tape.first_ts, previous);
        let emit = |alert| _ = sender.send(alert);
        alerts += detector.examine(&view, ts, StateQuality::Exact, emit).alerts;
        previous = Some(ts);
    }
    alerts
}

#[inline(never)]
fn feed_worker(tape: &Tape, worker: &mut Worker) {
    for (index, bytes) in tape.records().enumerate() {
        worker.take(bytes);
        if index % RUN == 0 {
            let ts = Header::peek(bytes).map_or(0, |header| header.ts);
            worker.publish_progress(ts);
            worker.look_at_others();
            worker.adopt_rules();
        }
    }
    assert!(!worker.is_waiting(), "a single worker waits for nobody");
}

fn worker(
    shard: Shard,
    directory: Arc<Directory>,
    detection: Arc<Detection>,
    sender: AlertSender,
    counters: Arc<CachePadded<WorkerCounters>>,
) -> Worker {
    let tools = Tools {
        shard,
        rules: Arc::new(RuleSlot::new(detection, 1)),
        sender,
        bounds: Bounds::default(),
        own: 0,
        homes: Homes { rings: 2, workers: 1 },
        directory,
        progress: Arc::new(Progress::new(1)),
        gauges: Arc::new(Gauges::default()),
        clock: RecordClock::new(),
        published: Arc::new(Published::new(1)),
        tap: None,
        spreading: None,
    };
    Worker::new(tools, counters)
}

/// Records in order, as a probe writes them.
#[derive(Default)]
struct Tape {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    events: usize,
    first_ts: u64,
}

impl Tape {
    /// The first events of a capture; what was there before goes into `shard`.
    fn read(
        path: &str,
        events: usize,
        shard: &mut Shard,
        has_markers: bool,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let mut reader = Reader::open(path)?;
        let mut replay = Replay::new(Session::default(), HostFiles::default());
        let (mut tape, mut builder) = (Self::default(), RecordBuilder::new());
        replay.run(&mut reader, |step| {
            match step {
                Step::State(item) => add_state(shard, item),
                Step::Event { view, is_for_rules: true } => {
                    tape.add(&mut builder, view, has_markers);
                }
                _ => {}
            }
            if tape.events < events { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(tape)
    }

    fn records(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    fn add(&mut self, builder: &mut RecordBuilder, view: &EventView<'_>, has_markers: bool) {
        use arg::syscall_clone_20_x as c;
        let record = &view.record;
        let thread = view.shard().find(record.tid().into());
        let tgid = thread.map_or(i64::from(record.tid()), |slot| view.shard().thread(slot).pid);
        let header = Header { tgid: tgid as u32, flags: HeaderFlags(0), ..*record.header() };
        let is_clone = matches!(
            record.code(),
            code::SYSCALL_CLONE_20_X
                | code::SYSCALL_FORK_20_X
                | code::SYSCALL_VFORK_20_X
                | code::SYSCALL_CLONE3_X
        );
        let mut params = params_of(record);
        self.first_ts = if self.first_ts == 0 { record.ts() } else { self.first_ts };
        self.events += 1;
        if !is_clone || record.int(c::res) != Some(0) {
            self.push(builder, header, &params);
            return;
        }
        // The child's return is its birth. Any number that is its own can be its start time.
        let start_time = Param::Int(record.ts() as i64);
        params[c::start_time] = start_time;
        let flags = HeaderFlags(HeaderFlags::BIRTH);
        if has_markers {
            let parent = record.uint(c::ptid).unwrap_or(0) as u32;
            let of_parent = Header {
                tid: parent,
                tgid: parent,
                code: code::FORK_MARKER_X,
                flags: HeaderFlags(0),
                ..header
            };
            let marker = [params[c::tid], params[c::pid], start_time, params[c::flags]];
            self.push(builder, of_parent, &marker);
        }
        self.push(builder, Header { flags, ..header }, &params);
    }

    fn push(&mut self, builder: &mut RecordBuilder, header: Header, params: &[Param<'_>]) {
        let bytes = builder.build(header, params).expect("it was a record before");
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }
}

fn params_of<'r>(record: &Record<'r>) -> Vec<Param<'r>> {
    let param = |index| match (record.int(index), record.bytes(index)) {
        (Some(number), _) => Param::Int(number),
        (_, Some(bytes)) => Param::Bytes(bytes),
        _ => Param::Absent,
    };
    (0..record.def().params.len()).map(param).collect()
}

fn add_state(shard: &mut Shard, item: &Item<'_>) {
    match item {
        Item::Threads(threads) => initial::add_threads(shard, threads),
        Item::Fds { tid, fds } => initial::add_fds(shard, *tid, fds),
        Item::Users(users) => initial::add_users(shard, users),
        Item::Interfaces(interfaces) => initial::set_interfaces(shard, interfaces),
        _ => {}
    }
}
