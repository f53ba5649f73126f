//! Rules are replaced while the engine runs (needs root and BTF, else prints why it is skipped).

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use peregrine_engine::{Detection, Live, LiveOptions, RuleOptions, ruleset};
use peregrine_output::{
    Encoding, Failure, Line, LineFormat, OutputsBuilder, Sink, SinkOptions, WhenFull,
};

struct Names(Sender<String>);

impl Sink for Names {
    fn name(&self) -> &str {
        "names"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        for line in lines {
            if let Some(alert) = &line.alert {
                let _ = self.0.send(alert.rule.name().to_owned());
            }
        }
        Ok(())
    }
}

fn can_run() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_root =
        status.lines().any(|l| l.starts_with("Uid:") && l.split_whitespace().nth(2) == Some("0"));
    let can_run = is_root && Path::new("/sys/kernel/btf/vmlinux").exists();
    if !can_run {
        eprintln!("skipped: live tests load the probe, which needs root and a kernel with BTF");
    }
    can_run
}

fn rules(dir: &Path, name: &str, event: &str) -> Arc<Detection> {
    let path = dir.join(name);
    let text = format!(
        "- rule: {name}\n  desc: d\n  condition: evt.type = {event}\n  output: o\n  priority: INFO\n"
    );
    std::fs::write(&path, text).unwrap();
    let options = RuleOptions { paths: vec![path], ..RuleOptions::default() };
    Arc::new(ruleset::load(&options).unwrap().detection)
}

/// Does the act of a rule until the rule says so; false if it does not.
fn is_seen(alerts: &Receiver<String>, rule: &str, act: &dyn Fn()) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        act();
        let mut next = alerts.recv_timeout(Duration::from_millis(100));
        while let Ok(name) = next {
            if name == rule {
                return true;
            }
            next = alerts.try_recv().map_err(|_| std::sync::mpsc::RecvTimeoutError::Timeout);
        }
    }
    false
}

/// Breaks if a replaced rule set needs a restart, if a call that only the new rules want is not
/// switched on, or one that only the old ones wanted stays on.
#[test]
fn new_rules_see_their_events_and_old_ones_no_more() {
    if !can_run() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let first = rules(dir.path(), "first", "mkdir");
    let second = rules(dir.path(), "second", "rmdir");
    let (sender, alerts) = channel();
    let format = LineFormat::new(Encoding::Text, "host");
    let outputs = OutputsBuilder::new(format, None, WhenFull::Block)
        .sink(Names(sender), SinkOptions::default())
        .start()
        .unwrap();
    let mut options = LiveOptions { workers: 2, ..LiveOptions::default() };
    options.probe.rings = 2;
    options.probe.exclude = None;
    let live = Live::start(&options, first.clone(), &outputs.sender()).unwrap();
    let inside = dir.path().join("x");
    let make = || {
        std::fs::create_dir(&inside).unwrap();
        std::fs::remove_dir(&inside).unwrap();
    };
    assert!(is_seen(&alerts, "first", &make));

    let swapped = live.swap_rules(second).unwrap();
    assert!(swapped.is_complete);
    assert!(swapped.switched_on.contains(&"rmdir"), "{swapped:?}");
    assert!(swapped.switched_off.contains(&"mkdir"), "{swapped:?}");
    // Those of before the swap may still be on their way to the sink.
    std::thread::sleep(Duration::from_millis(300));
    alerts.try_iter().for_each(drop);
    assert!(is_seen(&alerts, "second", &make));
    assert!(alerts.try_iter().all(|rule| rule == "second"));

    assert!(live.swap_rules(first).unwrap().is_complete);
    assert!(is_seen(&alerts, "first", &make));
    let summary = live.stop().unwrap();
    let names: Vec<&str> = summary.rules.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"first") && names.contains(&"second"), "{names:?}");
    outputs.shutdown(Some(Duration::from_secs(5)));
}
