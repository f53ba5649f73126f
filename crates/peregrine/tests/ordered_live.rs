//! `peregrine run --ordered` on this machine: alerts of several workers in the order of their events.

mod live;

use std::process::Command;
use std::time::Duration;

use live::{Engine, field};

const RULES: &str = r#"
- rule: marked program
  desc: every start of a marked program
  condition: evt.type = execve and evt.rawres = 0 and proc.args contains "peregrine-ordered-mark"
  output: exec %proc.args %evt.rawtime
  priority: INFO
"#;

/// Processes that start others at one time, and how many each starts.
const STARTERS: usize = 4;
const STARTS: usize = 100;

/// Breaks if an alert leaves behind a younger one and is not counted, or if one is lost or doubled.
#[test]
fn alerts_of_four_workers_come_in_the_order_of_their_events() {
    if live::skip_reason().is_some() {
        return;
    }
    let (_dir, rules) = live::rules_file(RULES);
    let window = "peregrine.ordered_output.window_ms=10000";
    let mut args = vec!["-r", rules.to_str().unwrap(), "--ordered", "-o", window, "--stats"];
    args.extend(["--workers", "4", "--rings", "4"]);
    let engine = Engine::start(&args);
    let script = format!(
        "i=0; while [ $i -lt {STARTS} ]; do /bin/true peregrine-ordered-mark-$0-$i; i=$((i+1)); done"
    );
    let starters: Vec<_> = (0..STARTERS)
        .map(|n| Command::new("/bin/sh").args(["-c", &script, &n.to_string()]).spawn().unwrap())
        .collect();
    for mut starter in starters {
        assert!(starter.wait().unwrap().success());
    }
    std::thread::sleep(Duration::from_millis(300));
    let outcome = engine.stop();
    assert!(outcome.status.success(), "{}", outcome.log);

    // The shells that start them have such arguments as well.
    let of_true: Vec<(u64, &str)> = outcome
        .alerts
        .iter()
        .filter_map(|alert| {
            let args = field(alert, "proc.args").as_str()?;
            let time = field(alert, "evt.rawtime");
            args.starts_with("peregrine-ordered-mark").then(|| (time.as_u64().unwrap(), args))
        })
        .collect();
    let mut names: Vec<&str> = of_true.iter().map(|(_, args)| *args).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((of_true.len(), names.len()), (STARTERS * STARTS, STARTERS * STARTS));
    // On a machine where a writer was interrupted between stamp and ring some may be late: these
    // are counted, and only these.
    let mut newest = 0;
    let mut late = 0;
    for alert in &outcome.alerts {
        let time = field(alert, "evt.rawtime").as_u64().unwrap();
        late += u64::from(time < newest);
        newest = newest.max(time);
    }
    let counted = format!("ordered    {late} alerts out of order");
    assert!(outcome.log.contains(&counted), "{late} are late\n{}", outcome.log);
    assert!(late * 20 <= (STARTERS * STARTS) as u64, "{late} are late\n{}", outcome.log);
    println!("{} alerts, {late} late", outcome.alerts.len());
}
