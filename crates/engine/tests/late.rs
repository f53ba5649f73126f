//! What a worker does when another is behind for longer than may be waited.

mod kernel;

use std::sync::Arc;
use std::time::Duration;

use peregrine_engine::counters::WorkerCounters;
use peregrine_engine::gauges::Gauges;
use peregrine_engine::homes::Homes;
use peregrine_engine::parking::Bounds;
use peregrine_engine::progress::Progress;
use peregrine_engine::published::Published;
use peregrine_engine::replay::initial;
use peregrine_engine::swap::RuleSlot;
use peregrine_engine::worker::{Tools, Worker};
use peregrine_engine::{RuleOptions, ruleset};
use peregrine_histories::{Act, History, play_live};
use peregrine_output::{
    Encoding, Failure, Line, LineFormat, OutputsBuilder, Sink, SinkOptions, WhenFull,
};
use peregrine_probe::RecordClock;
use peregrine_state::{Config, Directory, Shard};

struct Lines(crossbeam_channel::Sender<String>);

impl Sink for Lines {
    fn name(&self) -> &str {
        "lines"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        for alert in lines.iter().filter_map(|line| line.alert.as_ref()) {
            let _ = self.0.send(alert.message.clone());
        }
        Ok(())
    }
}

/// The alerts and counters of one worker that has all records of its own processes, while the other
/// has come to `other_ns` and does not go on.
fn run(acts: Vec<Act>, output: &str, other_ns: u64) -> (Vec<String>, Arc<WorkerCounters>) {
    let history = History { unlisted: 0, reuses_pids: false, begin_ns: 1_000_000, acts };
    let played = play_live(&history);
    // sshd (20) is of worker 0, its parent (10) is not.
    let homes = (2..64)
        .map(|rings| Homes { rings, workers: 2 })
        .find(|homes| homes.of(20) == 0 && homes.of(10) == 1)
        .expect("some number of rings parts them");
    let directory = Arc::new(Directory::new());
    let mut shards: Vec<Shard> =
        (0..2).map(|_| Shard::new(Config::default(), Some(directory.clone()))).collect();
    for entry in &played.state.threads {
        let shard = &mut shards[homes.of(entry.pid as u32)];
        initial::add_threads(shard, std::slice::from_ref(entry));
    }
    Shard::relate_shards(&mut shards);
    let mut shard = shards.swap_remove(0);
    shard.set_resolver(Box::new(kernel::AsOf::new(played.procfs.clone(), 0)));
    let rule = format!(
        "- rule: all\n  desc: d\n  condition: evt.type exists\n  priority: INFO\n  output: \"{output}\"\n"
    );
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::io::Write::write_all(&mut file, rule.as_bytes()).unwrap();
    let options = RuleOptions {
        paths: vec![file.path().to_owned()],
        suggested_output: false,
        ..RuleOptions::default()
    };
    let detection = Arc::new(ruleset::load(&options).unwrap().detection);
    let progress = Arc::new(Progress::new(2));
    progress.publish(1, other_ns);
    let (sender, alerts) = crossbeam_channel::unbounded();
    let outputs = OutputsBuilder::new(LineFormat::new(Encoding::Text, "h"), None, WhenFull::Block)
        .sink(Lines(sender), SinkOptions { capacity: None, ..SinkOptions::default() })
        .start()
        .unwrap();
    let counters: Arc<crossbeam_utils::CachePadded<WorkerCounters>> = Arc::default();
    let mut worker = Worker::new(
        Tools {
            shard,
            rules: Arc::new(RuleSlot::new(detection, 2)),
            sender: outputs.sender(),
            bounds: Bounds { time: Duration::from_millis(1), bytes: usize::MAX },
            own: 0,
            homes,
            directory,
            progress,
            gauges: Arc::new(Gauges::default()),
            clock: RecordClock::new(),
            published: Arc::new(Published::new(2)),
            tap: None,
            spreading: None,
        },
        counters.clone(),
    );
    for record in played.records.iter().filter(|record| homes.of(record.tgid) == 0) {
        worker.take(&record.bytes);
    }
    while worker.is_waiting() {
        std::thread::sleep(Duration::from_millis(2));
        worker.retry_parked();
    }
    worker.finish();
    outputs.shutdown(None);
    let counters = Arc::try_unwrap(counters).map(crossbeam_utils::CachePadded::into_inner);
    (alerts.iter().collect(), Arc::new(counters.expect("the worker has ended")))
}

const SSHD_READS: Act = Act::Read { who: 2, fd: 0 };
const SSHD_WRITES: Act = Act::Write { who: 2, fd: 1 };

/// Breaks if an event that may wait no longer is lost, waits for ever, or is not marked; or if one
/// that reads nothing of others is.
#[test]
fn what_may_wait_no_longer_is_decided_and_marked() {
    let (alerts, counters) = run(vec![SSHD_READS], "%evt.type %proc.pname %evt.degraded", 0);
    assert_eq!(alerts, ["read systemd late"]);
    assert_eq!((counters.parked_reads.get(), counters.parking_timeouts.get()), (1, 1));
    assert_eq!(counters.degraded_alerts.get(), 1);
    let (alerts, counters) = run(vec![SSHD_READS], "%evt.type %proc.name %evt.degraded", 0);
    assert_eq!(alerts, ["read sshd <NA>"]);
    assert_eq!((counters.parked_reads.get(), counters.degraded_alerts.get()), (0, 0));
}

/// Breaks if what waited behind a late event is marked without need.
#[test]
fn what_the_other_has_passed_is_exact() {
    let acts = || vec![SSHD_READS, SSHD_WRITES];
    let (alerts, _) = run(acts(), "%evt.type %proc.pname %evt.degraded", u64::MAX);
    assert_eq!(alerts, ["read systemd <NA>", "write systemd <NA>"]);
    // The first of the two records has the time stamp 1001000.
    let (alerts, counters) = run(acts(), "%evt.type %proc.pname %evt.degraded", 1_000_999);
    assert_eq!(alerts, ["read systemd <NA>", "write systemd late"]);
    assert_eq!(counters.degraded_alerts.get(), 1);
}
