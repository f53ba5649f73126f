//! The way from workers to sinks: nothing lost unless counted, no sink delayed by another.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use peregrine_output::{
    Alert, Encoding, Failure, FileSink, Line, LineFormat, OrderOptions, Outputs, OutputsBuilder,
    Part, Priority, RuleIdentity, Sink, SinkOptions, StateQuality, WhenFull,
};

/// Long enough for any machine; no test waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

fn alert(rule: &Arc<RuleIdentity>, sequence: u64) -> Alert {
    Alert {
        time_ns: sequence,
        sequence,
        rule: Arc::clone(rule),
        message: format!("alert {sequence}"),
        fields: Vec::new(),
        state: StateQuality::Exact,
        lineage: Vec::new(),
    }
}

fn rule() -> Arc<RuleIdentity> {
    RuleIdentity::new("test", Priority::Notice, "syscall", ["host"])
}

fn builder(capacity: Option<usize>, when_full: WhenFull) -> OutputsBuilder {
    OutputsBuilder::new(LineFormat::new(Encoding::Text, "host"), capacity, when_full)
}

fn options(capacity: usize, when_full: WhenFull) -> SinkOptions {
    SinkOptions { capacity: Some(capacity), when_full, ..SinkOptions::default() }
}

/// Keeps what it gets; waits at a gate first, if it has one.
struct Collect {
    name: &'static str,
    got: Arc<Mutex<Vec<u64>>>,
    batches: Arc<Mutex<Vec<usize>>>,
    entered: Option<Sender<()>>,
    gate: Option<Receiver<()>>,
    fail: bool,
    reopened: Option<Sender<()>>,
}

impl Collect {
    fn new(name: &'static str) -> Self {
        let (got, batches) = Default::default();
        Self { name, got, batches, entered: None, gate: None, fail: false, reopened: None }
    }
}

impl Sink for Collect {
    fn name(&self) -> &str {
        self.name
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        if let Some(entered) = &self.entered {
            let _ = entered.try_send(());
        }
        if let Some(gate) = &self.gate {
            // Open for good once the other end is gone.
            let _ = gate.recv();
        }
        if self.fail {
            return Err(io::Error::other("no such collector").into());
        }
        self.batches.lock().push(lines.len());
        self.got.lock().extend(lines.iter().map(|line| line.time_ns));
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.reopened.as_ref().map_or(Ok(()), |done| done.send(()).map_err(io::Error::other))
    }
}

#[test]
fn sinks_are_replaced_between_two_alerts() {
    const ALERTS: u64 = 3_000;
    let (before, always, after) =
        (Collect::new("before"), Collect::new("always"), Collect::new("after"));
    let got = [&before, &always, &after].map(|sink| Arc::clone(&sink.got));
    let mut outputs = builder(Some(64), WhenFull::Block)
        .sink(before, options(16, WhenFull::Block))
        .sink(always, options(16, WhenFull::Block))
        .start()
        .unwrap();
    let sender = outputs.sender();
    let rule = rule();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..ALERTS).for_each(|i| assert!(sender.send(alert(&rule, i)))));
        wait_until("alerts", || got[1].lock().len() > 100);
        let format = LineFormat::new(Encoding::json(), "host");
        let parts =
            vec![Part::Kept("always".into()), Part::new(after, options(16, WhenFull::Block))];
        let prepared = outputs.prepare(parts).unwrap();
        outputs.replace(format, prepared).unwrap();
    });
    let none = outputs.prepare(vec![Part::Kept("before".into())]);
    assert!(none.is_err(), "a sink that is gone cannot be kept");
    let report = outputs.shutdown(Some(PATIENCE));
    assert_eq!(report.unfinished, Vec::<String>::new());
    let [before, always, after] = got.map(|got| got.lock().clone());
    assert_eq!(always, (0..ALERTS).collect::<Vec<_>>(), "a kept sink misses nothing");
    assert!(before.len() > 100);
    assert_eq!([before.clone(), after].concat(), always, "each alert went to one of the two");
    let delivered = |name: &str| {
        let sink = report.totals.sinks.iter().find(|sink| sink.name == name).unwrap();
        (sink.delivered, sink.waiting)
    };
    assert_eq!(delivered("before"), (before.len() as u64, 0));
    assert_eq!(delivered("always"), (ALERTS, 0));
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn many_workers_deliver_all_alerts_to_all_sinks_in_their_order() {
    const WORKERS: u64 = 4;
    const EACH: u64 = 2_000;
    let (first, second) = (Collect::new("first"), Collect::new("second"));
    let got = [Arc::clone(&first.got), Arc::clone(&second.got)];
    let outputs = builder(Some(64), WhenFull::Block)
        .sink(first, options(16, WhenFull::Block))
        .sink(second, SinkOptions { batched: false, ..options(16, WhenFull::Block) })
        .start()
        .unwrap();
    let rule = rule();
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (sender, rule) = (outputs.sender(), &rule);
            scope.spawn(move || {
                for i in 0..EACH {
                    assert!(sender.send(alert(rule, worker * EACH + i)));
                }
            });
        }
    });
    let report = outputs.shutdown(Some(PATIENCE));
    assert!(report.unfinished.is_empty());
    assert_eq!(report.totals.accepted, WORKERS * EACH);
    assert_eq!((report.totals.dropped, report.totals.waiting), (0, 0));
    for sink in &report.totals.sinks {
        assert_eq!((sink.delivered, sink.dropped, sink.waiting), (WORKERS * EACH, 0, 0));
    }
    let got = got.map(|got| got.lock().clone());
    assert_eq!(got[0], got[1], "sinks see one order");
    for worker in 0..WORKERS {
        let own: Vec<_> = got[0].iter().filter(|n| **n / EACH == worker).copied().collect();
        assert_eq!(own, (worker * EACH..(worker + 1) * EACH).collect::<Vec<_>>());
    }
}

#[test]
fn a_sink_that_hangs_does_not_delay_another() {
    let (open, gate) = bounded::<()>(1);
    let (entered, is_in) = bounded(1);
    let mut hung = Collect::new("hung");
    (hung.gate, hung.entered) = (Some(gate), Some(entered));
    let hung_got = Arc::clone(&hung.got);
    let well = Collect::new("well");
    let well_got = Arc::clone(&well.got);
    let outputs = builder(Some(1024), WhenFull::DropNewest)
        .sink(hung, options(4, WhenFull::DropNewest))
        .sink(well, options(1024, WhenFull::DropNewest))
        .start()
        .unwrap();
    let (sender, rule) = (outputs.sender(), rule());
    assert!(sender.send(alert(&rule, 0)));
    is_in.recv_timeout(PATIENCE).unwrap();
    for i in 1..100 {
        assert!(sender.send(alert(&rule, i)));
    }
    wait_until("the other sink has all", || well_got.lock().len() == 100);

    // One is being written, four wait, the others are lost and counted.
    wait_until("losses are counted", || outputs.totals().sinks[0].dropped == 95);
    assert_eq!(outputs.totals().sinks[0].waiting, 5);
    let report = outputs.shutdown(Some(Duration::from_millis(50)));
    assert_eq!(report.unfinished, ["hung"]);
    assert_eq!(report.totals.sinks[0].waiting, 5, "abandoned alerts are reported");
    assert_eq!(report.totals.sinks[1].delivered, 100);
    drop(open);
    wait_until("the sink comes back", || *hung_got.lock() == [0, 1, 2, 3, 4]);
}

#[test]
fn a_full_alert_queue_drops_the_newest_and_counts() {
    let (open, gate) = bounded::<()>(1);
    let (entered, is_in) = bounded(1);
    let mut sink = Collect::new("slow");
    (sink.gate, sink.entered) = (Some(gate), Some(entered));
    let got = Arc::clone(&sink.got);
    let outputs = builder(Some(2), WhenFull::DropNewest)
        .sink(sink, options(1, WhenFull::Block))
        .start()
        .unwrap();
    let (sender, rule) = (outputs.sender(), rule());
    // The first is being written, the second waits at the sink, the third in the dispatcher.
    assert!(sender.send(alert(&rule, 0)));
    is_in.recv_timeout(PATIENCE).unwrap();
    for i in 1..3 {
        assert!(sender.send(alert(&rule, i)));
        wait_until("the dispatcher takes it", || outputs.totals().waiting <= u64::from(i == 2));
    }
    wait_until("the dispatcher waits", || {
        // Two places are free only when the dispatcher holds the third alert itself.
        outputs.totals().sinks[0].waiting == 3
    });
    assert!(sender.send(alert(&rule, 3)));
    assert!(sender.send(alert(&rule, 4)));
    assert!(!sender.send(alert(&rule, 5)));
    drop(open);
    let report = outputs.shutdown(Some(PATIENCE));
    assert_eq!(*got.lock(), [0, 1, 2, 3, 4]);
    assert_eq!((report.totals.accepted, report.totals.dropped), (5, 1));
    assert_eq!((report.totals.sinks[0].delivered, report.totals.sinks[0].dropped), (5, 0));
    assert!(!sender.send(alert(&rule, 6)), "an output that has ended takes nothing");
}

#[test]
fn lines_that_wait_are_written_together_only_if_wanted() {
    for batched in [true, false] {
        let (open, gate) = bounded::<()>(1);
        let (entered, is_in) = bounded(1);
        let mut sink = Collect::new("batches");
        (sink.gate, sink.entered) = (Some(gate), Some(entered));
        let batches = Arc::clone(&sink.batches);
        let outputs = builder(None, WhenFull::Block)
            .sink(sink, SinkOptions { capacity: None, batched, ..SinkOptions::default() })
            .start()
            .unwrap();
        let (sender, rule) = (outputs.sender(), rule());
        sender.send(alert(&rule, 0));
        is_in.recv_timeout(PATIENCE).unwrap();
        (1..300).for_each(|i| assert!(sender.send(alert(&rule, i))));
        wait_until("all wait at the sink", || outputs.totals().sinks[0].waiting == 300);
        wait_until("the dispatcher is done", || outputs.totals().waiting == 0);
        drop(open);
        outputs.shutdown(Some(PATIENCE));
        let batches = batches.lock();
        match batched {
            true => assert_eq!(*batches, [1, 256, 43]),
            false => assert_eq!(*batches, [1; 300]),
        }
    }
}

#[test]
fn a_sink_that_fails_is_counted_and_says_why() {
    let mut sink = Collect::new("broken");
    sink.fail = true;
    let outputs =
        builder(None, WhenFull::Block).sink(sink, SinkOptions::default()).start().unwrap();
    let (sender, rule) = (outputs.sender(), rule());
    (0..3).for_each(|i| assert!(sender.send(alert(&rule, i))));
    let report = outputs.shutdown(Some(PATIENCE));
    let sink = &report.totals.sinks[0];
    assert_eq!((sink.delivered, sink.failed), (0, 3));
    assert_eq!(sink.last_error.as_deref(), Some("no such collector"));
}

#[test]
fn reopening_reaches_a_sink_that_is_idle() {
    let (reopened, told) = bounded(1);
    let mut sink = Collect::new("rotated");
    sink.reopened = Some(reopened);
    let outputs =
        builder(Some(4), WhenFull::Block).sink(sink, SinkOptions::default()).start().unwrap();
    outputs.reopen();
    told.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn an_output_that_is_dropped_ends_its_threads() {
    let sink = Collect::new("short");
    let got = Arc::clone(&sink.got);
    let outputs: Outputs =
        builder(None, WhenFull::Block).sink(sink, SinkOptions::default()).start().unwrap();
    let (sender, rule) = (outputs.sender(), rule());
    drop(outputs);
    // The last sender keeps the way open.
    assert!(sender.send(alert(&rule, 1)));
    drop(sender);
    wait_until("the sink has ended", || Arc::strong_count(&got) == 1);
    assert_eq!(*got.lock(), [1]);
}

#[test]
fn a_file_has_every_line_after_shutdown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alerts.txt");
    let outputs = builder(None, WhenFull::Block)
        .sink(FileSink::new(&path, true).unwrap(), SinkOptions::default())
        .start()
        .unwrap();
    let (sender, rule) = (outputs.sender(), rule());
    (0..1000).for_each(|i| assert!(sender.send(alert(&rule, i))));
    outputs.shutdown(None);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1000);
    assert!(text.ends_with("Notice alert 999\n"), "{text}");
}

/// Breaks if alerts of workers leave as they come, if one about the engine waits for them, or if
/// the end loses what is kept back.
#[test]
fn alerts_of_workers_leave_in_order() {
    let sink = Collect::new("sink");
    let got = Arc::clone(&sink.got);
    let outputs =
        builder(None, WhenFull::Block).sink(sink, options(1000, WhenFull::Block)).start().unwrap();
    let settled = Arc::new(AtomicU64::new(0));
    let watermark = Arc::clone(&settled);
    let sender = outputs.sender();
    let window = Duration::from_secs(3600);
    sender.order(OrderOptions::new(window), move || watermark.load(Ordering::Acquire));
    let workers = [0, 1].map(|worker| sender.of_worker(worker));
    let rule = rule();
    let send = |worker: usize, sequence| assert!(workers[worker].send(alert(&rule, sequence)));
    let has_come = |expected: &[u64]| {
        wait_until("alerts", || got.lock().len() >= expected.len());
        assert_eq!(*got.lock(), expected);
    };
    for (worker, sequence) in [(0, 30), (0, 50), (1, 20), (1, 40)] {
        send(worker, sequence);
    }
    sender.send(alert(&rule, 1000));
    has_come(&[1000]);
    assert_eq!(outputs.totals().waiting, 4);
    settled.store(40, Ordering::Release);
    has_come(&[1000, 20, 30, 40]);
    send(1, 10);
    has_come(&[1000, 20, 30, 40, 10]);
    send(1, 45);
    let totals = outputs.shutdown(Some(PATIENCE)).totals;
    has_come(&[1000, 20, 30, 40, 10, 45, 50]);
    assert_eq!((totals.accepted, totals.waiting, totals.order.held), (7, 0, 0));
    assert_eq!((totals.order.out_of_order, totals.order.overdue), (1, 0));
}
