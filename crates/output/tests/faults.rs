//! What becomes of alerts when a destination fails: delivered, spooled, lost, and whether the
//! counters say so.

mod endpoint;

use std::error::Error as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, bounded};
use endpoint::{
    PATIENCE, Well, alert, all, builder, eager, first, numbers, send, spooled, wait_until,
};
use peregrine_output::{
    Failure, FileSink, HttpBatch, HttpOptions, HttpSink, Line, Part, ProgramSink, Sink,
    SinkOptions, SyslogSink, WhenFull,
};

/// A sink that hangs in its first write until the gate opens.
struct Hangs {
    gate: Receiver<()>,
    got: Arc<Mutex<Vec<u64>>>,
}

impl Sink for Hangs {
    fn name(&self) -> &str {
        "hangs"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        let _ = self.gate.recv();
        self.got.lock().unwrap().extend(lines.iter().map(|line| line.time_ns));
        Ok(())
    }
}

#[test]
fn a_burst_of_100_000_alerts_is_kept_for_a_sink_that_hangs_and_one_that_is_down() {
    const BURST: u64 = 100_000;
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("alerts");
    let (open, gate) = bounded::<()>(0);
    let hangs = Hangs { gate, got: Arc::default() };
    let got = hangs.got.clone();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let down = HttpOptions {
        batch: HttpBatch { lines: 1000, ..HttpBatch::default() },
        ..HttpOptions::new(format!("http://127.0.0.1:{port}/"))
    };
    let unlimited = |options: SinkOptions| SinkOptions { capacity: None, ..options };
    let outputs = builder()
        .sink(hangs, unlimited(spooled(dirs[0].path(), 64 << 20)))
        .sink(HttpSink::new(down).unwrap(), unlimited(spooled(dirs[1].path(), 64 << 20)))
        .sink(FileSink::new(&path, true).unwrap(), unlimited(eager()))
        .start()
        .unwrap();
    send(&outputs, 0..BURST);
    wait_until("the file has all", || outputs.totals().sinks[2].delivered == BURST);
    assert_eq!(numbers(&std::fs::read_to_string(&path).unwrap()), all(BURST));
    wait_until("the endpoint's are on disk", || outputs.totals().sinks[1].spooled_now == BURST);
    let sinks = outputs.totals().sinks;
    for sink in &sinks[..2] {
        assert_eq!((sink.delivered, sink.waiting, sink.lost()), (0, BURST, 0), "{sink:?}");
    }
    drop(open);
    wait_until("the other has all", || first(&outputs).delivered == BURST);
    assert_eq!(*got.lock().unwrap(), all(BURST));
    let report = outputs.shutdown(Some(PATIENCE));
    let [hung, down, _] = &report.totals.sinks[..] else { panic!() };
    assert_eq!((hung.waiting, hung.lost(), hung.spooled_now), (0, 0, 0));
    assert_eq!((down.delivered, down.waiting, down.lost(), down.spooled_now), (0, BURST, 0, BURST));
}

#[test]
fn a_burst_that_no_queue_holds_loses_the_newest_and_counts_them() {
    const BURST: u64 = 100_000;
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("alerts");
    let (open, gate) = bounded::<()>(0);
    let hangs = Hangs { gate, got: Arc::default() };
    let got = hangs.got.clone();
    let small = SinkOptions { capacity: Some(1000), when_full: WhenFull::DropNewest, ..eager() };
    let outputs = builder()
        .sink(hangs, small)
        .sink(FileSink::new(&path, true).unwrap(), SinkOptions { capacity: None, ..eager() })
        .start()
        .unwrap();
    send(&outputs, 0..BURST);
    wait_until("the other has all", || outputs.totals().sinks[1].delivered == BURST);
    assert_eq!(numbers(&std::fs::read_to_string(&path).unwrap()), all(BURST));
    let sink = first(&outputs);
    assert_eq!((sink.delivered, sink.waiting + sink.dropped), (0, BURST), "{sink:?}");
    // What is in its hands, and what its queue holds.
    assert!((1000..=3000).contains(&sink.waiting), "{sink:?}");
    drop(open);
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.delivered + sink.dropped, sink.waiting, sink.failed), (BURST, 0, 0));
    let got = got.lock().unwrap();
    assert_eq!(got.len() as u64, sink.delivered);
    assert!(got.is_sorted() && got[..1000] == all(1000), "the oldest were kept");
}

#[test]
fn a_sink_that_hangs_at_the_end_loses_nothing_that_its_spool_holds() {
    let dir = tempfile::tempdir().unwrap();
    let (open, gate) = bounded::<()>(0);
    let hangs = Hangs { gate, got: Arc::default() };
    let outputs = builder().sink(hangs, spooled(dir.path(), 1 << 20)).start().unwrap();
    send(&outputs, 0..100);
    let report = outputs.shutdown(Some(std::time::Duration::from_secs(2)));
    assert_eq!(report.unfinished, ["hangs"]);
    let sink = &report.totals.sinks[0];
    assert_eq!((sink.waiting, sink.spooled_now, sink.lost()), (100, 100, 0));
    // What the next process would find.
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let well = Well::default();
    let outputs = builder().sink(well.clone(), spooled(copy.path(), 1 << 20)).start().unwrap();
    wait_until("all come back", || well.got() == 100);
    outputs.shutdown(Some(PATIENCE));
    assert_eq!(*well.0.lock().unwrap(), all(100));
    drop(open);
}

#[test]
fn a_sink_whose_spool_is_in_use_is_refused_before_anything_changes() {
    let dir = tempfile::tempdir().unwrap();
    let well = Well::default();
    let outputs = builder().sink(well.clone(), spooled(dir.path(), 1 << 20)).start().unwrap();
    let other = Part::new(Well::default(), spooled(dir.path(), 1 << 20));
    let error = outputs.prepare(vec![other]).err().expect("the spool has one user");
    assert!(format!("{error}: {:?}", error.source()).contains("in use"), "{error:?}");
    send(&outputs, 0..100);
    outputs.shutdown(Some(PATIENCE));
    assert_eq!(*well.0.lock().unwrap(), all(100));
}

#[test]
fn what_a_spool_cannot_hold_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (open, gate) = bounded::<()>(0);
    let hangs = Hangs { gate, got: Arc::default() };
    let got = hangs.got.clone();
    let options = SinkOptions { capacity: Some(100), ..spooled(dir.path(), 64 << 10) };
    let outputs = builder()
        .sink(hangs, SinkOptions { when_full: WhenFull::Block, ..options })
        .start()
        .unwrap();
    send(&outputs, 0..20_000);
    wait_until("all have come to the spool", || {
        outputs.totals().waiting == 0 && first(&outputs).spool_full > 10_000
    });
    drop(open);
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.delivered + sink.spool_full, sink.waiting), (20_000, 0), "{sink:?}");
    let got = got.lock().unwrap();
    assert_eq!(got.len() as u64, sink.delivered);
    assert!(got.is_sorted(), "what is left comes in order");
    assert!(sink.last_error.unwrap().contains("full"));
}

/// Runs `test` in a file system of its own, if this process may mount one.
fn on_small_disk(bytes: u32, test: impl FnOnce(&Path, &dyn Fn(&str))) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let mount = |options: &str| {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path);
        command.status().is_ok_and(|status| status.success())
    };
    if !mount(&format!("size={bytes}")) {
        eprintln!("skipped: this process may not mount a file system");
        return;
    }
    let remount = |options: &str| assert!(mount(&format!("remount,{options}")));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(path, &remount)));
    assert!(Command::new("umount").arg("-l").arg(path).status().unwrap().success());
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_full_disk_delays_a_file_and_tears_no_line() {
    on_small_disk(64 << 10, |disk, _| {
        let ballast = disk.join("ballast");
        std::fs::write(&ballast, vec![0; 48 << 10]).unwrap();
        let path = disk.join("alerts");
        let outputs = builder().sink(FileSink::new(&path, true).unwrap(), eager()).start().unwrap();
        send(&outputs, 0..1000);
        wait_until("the disk is full", || first(&outputs).is_failing);
        wait_until("it is tried again", || first(&outputs).retries > 3);
        let sink = first(&outputs);
        assert_eq!((sink.delivered + sink.waiting, sink.lost()), (1000, 0));
        assert!(sink.last_error.unwrap().contains("No space left"));
        // While it is tried again, what fits of a line is there for a moment.
        wait_until("the file ends with a line", || {
            std::fs::read_to_string(&path).unwrap().ends_with('\n')
        });
        std::fs::remove_file(ballast).unwrap();
        wait_until("all is written", || first(&outputs).delivered == 1000);
        outputs.shutdown(Some(PATIENCE));
        assert_eq!(numbers(&std::fs::read_to_string(&path).unwrap()), all(1000));
    });
}

#[test]
fn a_file_system_that_turns_read_only_delays_a_file() {
    on_small_disk(1 << 20, |disk, remount| {
        let path = disk.join("alerts");
        let sink = FileSink::new(&path, false).unwrap();
        let outputs = builder().sink(sink, eager()).start().unwrap();
        send(&outputs, 0..10);
        wait_until("they are written", || first(&outputs).delivered == 10);
        remount("ro");
        send(&outputs, 10..20);
        wait_until("it fails", || first(&outputs).is_failing);
        assert!(first(&outputs).last_error.unwrap().contains("Read-only"));
        remount("rw");
        wait_until("all is written", || first(&outputs).delivered == 20);
        assert_eq!(outputs.shutdown(Some(PATIENCE)).totals.sinks[0].lost(), 0);
        assert_eq!(numbers(&std::fs::read_to_string(&path).unwrap()), all(20));
    });
}

/// Makes a file read-only, also for root, who does not ask for modes; undone when dropped.
struct ReadOnly<'p>(&'p Path);

impl<'p> ReadOnly<'p> {
    fn new(path: &'p Path) -> Option<Self> {
        let guard = Self(path);
        guard.set(true);
        // Modes are no hindrance for root, attributes are not there in every file system.
        let is_read_only = std::fs::File::options().append(true).open(path).is_err();
        is_read_only.then_some(guard)
    }

    fn set(&self, is_on: bool) {
        let attribute = if is_on { "+i" } else { "-i" };
        let _ = Command::new("chattr").arg(attribute).arg(self.0).output();
        let mut permissions = std::fs::metadata(self.0).unwrap().permissions();
        permissions.set_mode(if is_on { 0o444 } else { 0o644 });
        let _ = std::fs::set_permissions(self.0, permissions);
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        self.set(false);
    }
}

#[test]
fn a_file_that_turns_read_only_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alerts");
    let other = dir.path().join("other");
    let sink = FileSink::new(&path, false).unwrap();
    let beside = FileSink::new(&other, true).unwrap();
    let outputs = builder().sink(sink, eager()).sink(beside, eager()).start().unwrap();
    send(&outputs, 0..10);
    wait_until("they are written", || first(&outputs).delivered == 10);
    let Some(guard) = ReadOnly::new(&path) else {
        eprintln!("skipped: no file can be made read-only here");
        return;
    };
    send(&outputs, 10..20);
    wait_until("it is tried again", || first(&outputs).retries > 3);
    let sink = first(&outputs);
    assert_eq!((sink.delivered, sink.waiting, sink.lost()), (10, 10, 0));
    assert!(sink.is_failing, "{sink:?}");
    wait_until("the other has all", || outputs.totals().sinks[1].delivered == 20);
    // Who starts now is told, with the name.
    let error = FileSink::new(&path, true).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    drop(guard);
    wait_until("all is written", || first(&outputs).delivered == 20);
    assert_eq!(outputs.shutdown(Some(PATIENCE)).totals.sinks[0].lost(), 0);
    assert_eq!(numbers(&std::fs::read_to_string(&path).unwrap()), all(20));
    assert_eq!(numbers(&std::fs::read_to_string(&other).unwrap()), all(20));
}

#[test]
fn a_spool_on_a_full_disk_keeps_what_memory_can() {
    on_small_disk(64 << 10, |disk, _| {
        let ballast = disk.join("ballast");
        std::fs::write(&ballast, vec![0; 32 << 10]).unwrap();
        let (open, gate) = bounded::<()>(0);
        let hangs = Hangs { gate, got: Arc::default() };
        let got = hangs.got.clone();
        let options = SinkOptions { capacity: None, ..spooled(&disk.join("spool"), 1 << 20) };
        let outputs = builder().sink(hangs, options).start().unwrap();
        send(&outputs, 0..6000);
        wait_until("the disk is full", || first(&outputs).last_error.is_some());
        assert!(first(&outputs).last_error.unwrap().contains("No space left"));
        drop(open);
        wait_until("all is delivered", || first(&outputs).delivered == 6000);
        assert_eq!(outputs.shutdown(Some(PATIENCE)).totals.sinks[0].lost(), 0);
        assert_eq!(*got.lock().unwrap(), all(6000));
    });
}

#[test]
fn a_program_that_exits_is_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let command = format!("head -n 1 >>{}", out.display());
    let outputs = builder().sink(ProgramSink::new(command, true), eager()).start().unwrap();
    let sender = outputs.sender();
    let mut sent = 0;
    // Each program takes one line; what lies in its pipe when it ends goes with it.
    wait_until("it has been started three times", || {
        assert!(sender.send(alert(sent)));
        sent += 1;
        std::fs::read_to_string(&out).is_ok_and(|text| text.lines().count() >= 3)
    });
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.delivered + sink.failed, sink.waiting, sink.dropped), (sent, 0, 0));
    assert!(numbers(&std::fs::read_to_string(&out).unwrap()).is_sorted());
}

#[test]
fn a_program_that_fails_loses_its_line_and_no_other() {
    let outputs =
        builder().sink(ProgramSink::new("grep -q 'alert [0-4]'", false), eager()).start().unwrap();
    send(&outputs, 0..10);
    let sink = outputs.shutdown(Some(PATIENCE)).totals.sinks.remove(0);
    assert_eq!((sink.delivered, sink.failed, sink.waiting), (5, 5, 0));
    assert!(sink.last_error.unwrap().contains("exit status: 1"));
}

#[test]
fn a_logger_that_is_gone_for_a_while_gets_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let outputs = builder().sink(SyslogSink::at(&path, "peregrine"), eager()).start().unwrap();
    send(&outputs, 0..5);
    wait_until("nobody listens", || first(&outputs).is_failing && first(&outputs).waiting == 5);
    assert_eq!(first(&outputs).lost(), 0);
    let logger = UnixDatagram::bind(&path).unwrap();
    let mut buffer = [0; 512];
    for number in 0..5 {
        let length = logger.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert!(text.ends_with(&format!("alert {number}")), "{text}");
    }
    wait_until("all is delivered", || first(&outputs).delivered == 5);
    // It goes away while it is in use, and another takes its place.
    drop(logger);
    std::fs::remove_file(&path).unwrap();
    send(&outputs, 5..10);
    wait_until("it is gone", || first(&outputs).is_failing && first(&outputs).waiting == 5);
    assert_eq!(first(&outputs).lost(), 0);
    let logger = UnixDatagram::bind(&path).unwrap();
    for number in 5..10 {
        let length = logger.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert!(text.ends_with(&format!("alert {number}")), "{text}");
    }
    wait_until("all is delivered", || first(&outputs).delivered == 10);
    assert_eq!(outputs.shutdown(Some(PATIENCE)).totals.sinks[0].lost(), 0);
}
