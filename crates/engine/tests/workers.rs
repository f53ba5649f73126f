//! The workers of the live engine on made-up histories, without a kernel: any number of them, under
//! random delays, gives the alerts of one. ThreadSanitizer runs this too (`make tsan`).
//!
//! `PEREGRINE_SEEDS=1000` tries more seeds (`make differential`), `PEREGRINE_SEED=17` that one.
//!
//! Their outputs put alerts in order, so what comes out is compared as a sequence.
//!
//! Breaks if a child inherits something of before or after its fork, if a rule sees an ancestor of
//! too early or too late, if waiting never ends, or if something is left in the state.

mod kernel;
mod names;

use std::sync::Arc;
use std::time::Duration;

use peregrine_engine::counters::WorkerCounters;
use peregrine_engine::gauges::Gauges;
use peregrine_engine::homes::Homes;
use peregrine_engine::ordered::Settled;
use peregrine_engine::parking::Bounds;
use peregrine_engine::progress::Progress;
use peregrine_engine::published::Published;
use peregrine_engine::replay::initial;
use peregrine_engine::spread::Spreading;
use peregrine_engine::swap::RuleSlot;
use peregrine_engine::worker::{Tools, Worker};
use peregrine_engine::{Detection, RuleOptions, ruleset};
use peregrine_event::{HeaderFlags, Record};
use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use peregrine_histories::{Act, History, PlayedLive, Random, play_live, shrink};
use peregrine_output::{
    Encoding, Failure, Line, LineFormat, OrderOptions, OutputsBuilder, Sink, SinkOptions, WhenFull,
};
use peregrine_probe::RecordClock;
use peregrine_state::{Config, Directory, Shard, changes_state};

/// Stands between the fields of an alert.
const SEPARATOR: &str = " | ";

/// One rule that every event meets, and that shows what there is to see.
fn rule() -> String {
    let known = Fields::syscall();
    let mut output = String::new();
    for name in names::of_what_looks_beyond().iter().map(String::as_str).chain(["evt.degraded"]) {
        // Numbers and distances are those of one worker's events.
        let is_of_worker = ["evt.num", "evt.deltatime", "evt.reltime", "evt.count"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if !is_of_worker && Template::parse(&format!("*%{name}"), &known).is_ok() {
            output.push_str(&format!("{SEPARATOR}{name}=%{name}"));
        }
    }
    // Alerts show `<NA>` for what has no value, so no field keeps the alert back.
    format!(
        "- rule: all\n  desc: d\n  condition: evt.type exists\n  priority: INFO\n  output: \"%evt.type{output}\"\n"
    )
}

fn detection() -> Arc<Detection> {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::io::Write::write_all(&mut file, rule().as_bytes()).unwrap();
    let options = RuleOptions {
        paths: vec![file.path().to_owned()],
        suggested_output: false,
        ..RuleOptions::default()
    };
    Arc::new(ruleset::load(&options).unwrap().detection)
}

struct Lines(crossbeam_channel::Sender<(u64, String)>);

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

/// What a run gave: alerts as they left, and waits.
struct Outcome {
    alerts: Vec<(u64, String)>,
    /// Threads that are left in the shards, sorted; none if records were lost.
    left: Vec<i64>,
    /// Inheritances that no child has taken: of births that were lost.
    untaken: usize,
    degraded: u64,
    parked_births: u64,
    parked_reads: u64,
    guests: u64,
}

/// How a history is run.
#[derive(Debug, Clone, Copy)]
struct Setup {
    workers: usize,
    /// Decides who owns what and who is slow when.
    seed: u64,
    /// Records that change no state may come to any worker.
    spread: bool,
}

fn run(history: &PlayedLive, detection: &Arc<Detection>, setup: Setup) -> Outcome {
    let Setup { workers, seed, spread } = setup;
    let rings = workers as u32 * (1 + (seed % 3) as u32);
    let homes = Homes { rings, workers: workers as u32 };
    let owner = |pid: u32| homes.of(pid);
    let mut random = Random::new(seed);
    let mut taker = |tgid: u32, bytes: &[u8]| {
        let record = Record::parse(bytes).unwrap();
        // Only its home can repair what was lost.
        let is_marked = record.header().flags.has(HeaderFlags::STATE_LOST);
        let may_leave = spread && !is_marked && !changes_state(record.code());
        if may_leave { random.below(workers as u64) as usize } else { owner(tgid) }
    };
    let mut feeds: Vec<Vec<&[u8]>> = vec![Vec::new(); workers];
    for record in &history.records {
        feeds[taker(record.tgid, &record.bytes)].push(&record.bytes);
    }
    let directory = Arc::new(Directory::new());
    let mut shards: Vec<Shard> =
        (0..workers).map(|_| Shard::new(Config::default(), Some(directory.clone()))).collect();
    for entry in &history.state.threads {
        let shard = &mut shards[owner(entry.pid as u32)];
        initial::add_threads(shard, std::slice::from_ref(entry));
    }
    for (pid, fds) in &history.state.fds {
        initial::add_fds(&mut shards[owner(*pid as u32)], *pid, fds);
    }
    Shard::relate_shards(&mut shards);
    for shard in &mut shards {
        shard.set_resolver(Box::new(kernel::AsOf::new(history.procfs.clone(), seed)));
    }
    let progress = Arc::new(Progress::new(workers));
    let rules = Arc::new(RuleSlot::new(detection.clone(), workers));
    let (sender, alerts) = crossbeam_channel::unbounded::<(u64, String)>();
    let outputs = OutputsBuilder::new(LineFormat::new(Encoding::Text, "h"), None, WhenFull::Block)
        .sink(Lines(sender), SinkOptions { capacity: None, ..SinkOptions::default() })
        .start()
        .unwrap();
    let gauges = Arc::new(Gauges::default());
    // Longer than any run, and no bound: whatever leaves early is a defect.
    let options = OrderOptions { window: Duration::from_secs(600), capacity: usize::MAX };
    let settled = Settled::new(progress.clone(), gauges.clone(), RecordClock::new());
    outputs.sender().order(options, settled);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (own, (mut shard, records)) in shards.into_iter().zip(feeds).enumerate() {
            let spreading = spread.then(|| {
                shard.heat_all();
                let guests = Shard::for_guests(Config::default(), directory.clone());
                Spreading::new(guests, None)
            });
            let counters: Arc<crossbeam_utils::CachePadded<WorkerCounters>> = Arc::default();
            let tools = Tools {
                shard,
                rules: rules.clone(),
                sender: outputs.sender().of_worker(own as u32),
                bounds: Bounds { time: Duration::from_secs(60), bytes: usize::MAX },
                own,
                homes,
                directory: directory.clone(),
                progress: progress.clone(),
                gauges: gauges.clone(),
                clock: RecordClock::new(),
                published: Arc::new(Published::new(workers)),
                tap: None,
                spreading,
            };
            threads.push(scope.spawn(move || {
                let mut random = Random::new(seed ^ ((own as u64 + 1) << 32));
                let mut worker = Worker::new(tools, counters.clone());
                for record in records {
                    worker.take(record);
                    let ts = u64::from_le_bytes(*record.first_chunk().unwrap());
                    match random.below(12) {
                        0 => std::thread::sleep(Duration::from_micros(random.below(200))),
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
                worker.finish();
                (counters.totals(), left)
            }));
        }
        // Each by itself: the sanitizer does not see how a scope waits.
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let order = outputs.shutdown(None).totals.order;
    assert_eq!((order.out_of_order, order.overdue, order.crowded, order.held), (0, 0, 0, 0));
    let mut alerts: Vec<_> = alerts.iter().collect();
    assert!(alerts.is_sorted_by_key(|(time_ns, _)| *time_ns), "alerts out of order");
    // Events of one time are concurrent: any order of them is true.
    alerts.sort();
    let (totals, left): (Vec<_>, Vec<_>) = outcomes.into_iter().unzip();
    let mut left = left.concat();
    left.sort_unstable();
    // What an end that was lost leaves behind goes when its id comes again to the same worker.
    left.retain(|_| history.lost == 0);
    let untaken = directory.waiting_inheritances();
    assert!(untaken == 0 || history.lost > 0);
    assert_eq!(totals.iter().map(|t| t.parking_timeouts).sum::<u64>(), 0);
    Outcome {
        alerts,
        left,
        untaken,
        degraded: totals.iter().map(|t| t.degraded_alerts).sum(),
        parked_births: totals.iter().map(|t| t.parked_births).sum(),
        parked_reads: totals.iter().map(|t| t.parked_reads).sum(),
        guests: totals.iter().map(|t| t.guests).sum(),
    }
}

/// The first difference between what two runs show.
fn difference(one: &Outcome, many: &Outcome) -> Option<String> {
    let both = || one.alerts.iter().zip(&many.alerts);
    if let Some(at) = both().position(|(a, b)| a != b) {
        let (a, b) = (&one.alerts[at], &many.alerts[at]);
        let (words, others) = (a.1.split(SEPARATOR), b.1.split(SEPARATOR));
        let differing: Vec<String> = words
            .zip(others)
            .filter(|(a, b)| a != b)
            .map(|(a, b)| format!("{b} for {a}"))
            .take(4)
            .collect();
        let is_name = |word: &&str| {
            ["proc.pid=", "thread.tid=", "evt.degraded="].iter().any(|name| word.starts_with(name))
        };
        let names = a.1.split(SEPARATOR).filter(is_name);
        let event: Vec<&str> = a.1.split(SEPARATOR).take(1).chain(names).collect();
        let event = event.join(" ");
        return Some(format!("alert {at} ({event}, {} and {}): {differing:?}", a.0, b.0));
    }
    if one.alerts.len() != many.alerts.len() {
        return Some(format!("{} alerts for {}", many.alerts.len(), one.alerts.len()));
    }
    if one.untaken != many.untaken {
        return Some(format!("{} inheritances left for {}", many.untaken, one.untaken));
    }
    (one.left != many.left).then(|| format!("left: {:?} for {:?}", many.left, one.left))
}

/// Events of threads that nothing is known of are only exact at home.
fn without_strangers(history: &History) -> History {
    let acts = history.acts.iter().filter(|act| !matches!(act, Act::Stranger { .. }));
    History { acts: acts.copied().collect(), ..history.clone() }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What happens to a history before it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Everything is told.
    Whole,
    /// The same, and what changes no state comes to any worker.
    Spread,
    /// Records are lost, and processes were never listed.
    Lossy,
    /// Records are lost that leave all processes known, and the rest is spread.
    LossySpread,
}

impl Kind {
    fn of(self, history: &History, seed: u64) -> History {
        match self {
            Self::Whole => history.clone(),
            Self::Spread => History { unlisted: 0, ..without_strangers(history) },
            Self::Lossy => history.with_losses(seed, false),
            Self::LossySpread => without_strangers(history).with_losses(seed, true),
        }
    }

    fn is_spread(self) -> bool {
        matches!(self, Self::Spread | Self::LossySpread)
    }
}

#[test]
fn any_number_of_workers_gives_the_alerts_of_one() {
    let detection = detection();
    let only = number("PEREGRINE_SEED");
    let seeds = match only {
        Some(seed) => seed..seed + 1,
        None => 0..number("PEREGRINE_SEEDS").unwrap_or(100),
    };
    let mut sum = Sum::default();
    for seed in seeds {
        let acts = [12, 30, 60, 120][(seed % 4) as usize];
        let history = History::of_seed(seed, acts);
        let counts: &[usize] = match seed % 3 {
            0 => &[2, 4],
            1 => &[3, 8],
            _ => &[2, 16],
        };
        for kind in [Kind::Whole, Kind::Spread, Kind::Lossy, Kind::LossySpread] {
            let history = kind.of(&history, seed);
            let played = play_live(&history);
            let alone = Setup { workers: 1, seed, spread: false };
            let one = run(&played, &detection, alone);
            sum.lost += played.lost;
            sum.degraded += one.degraded;
            for workers in counts {
                let setup = Setup { workers: *workers, spread: kind.is_spread(), ..alone };
                let many = run(&played, &detection, setup);
                if let Some(text) = difference(&one, &many) {
                    fail(&detection, &history, setup, &format!("seed {seed}, {kind:?}: {text}"));
                }
                sum.alerts += one.alerts.len();
                sum.births += many.parked_births;
                sum.reads += many.parked_reads;
                sum.guests += many.guests;
            }
        }
    }
    println!("{sum:?}");
    assert!(only.is_some() || sum.births > 0 && sum.reads > 0, "nothing ever waited");
    assert!(only.is_some() || sum.guests > 0, "nothing was spread");
    assert!(only.is_some() || sum.lost > 0 && sum.degraded > 0, "nothing was lost");
}

/// What all runs together showed.
#[derive(Debug, Default)]
#[allow(dead_code)]
struct Sum {
    /// Alerts that were compared.
    alerts: usize,
    /// Births, and events that read others, that waited.
    births: u64,
    reads: u64,
    guests: u64,
    /// Records that were lost, and alerts of one worker that were marked.
    lost: usize,
    degraded: u64,
}

fn fail(detection: &Arc<Detection>, history: &History, setup: Setup, text: &str) -> ! {
    let differs = |history: &History| {
        let played = play_live(history);
        let one = run(&played, detection, Setup { workers: 1, spread: false, ..setup });
        // What depends on the order of threads may take a few tries to show.
        (0..3).find_map(|_| difference(&one, &run(&played, detection, setup)))
    };
    let least = shrink(history, |history| differs(history).is_some());
    if least == *history {
        eprintln!("did not fail again; all of it:\n{}", play_live(history).story);
    }
    let story = play_live(&least).story;
    let now = differs(&least);
    panic!("{text}\n{setup:?}\nshrunk to {} acts: {now:?}\n{story}", least.acts.len());
}
