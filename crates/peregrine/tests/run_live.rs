//! `peregrine run` on this machine: overload, stopping, and being killed.

mod live;

use std::process::Command;
use std::time::Duration;

use live::{Engine, field};

const FLOOD_RULES: &str = r#"
- rule: marked program
  desc: every start of a marked program
  condition: evt.type = execve and evt.rawres = 0 and proc.args contains "peregrine-overload-mark"
  output: exec %proc.args
  priority: INFO
- rule: never
  desc: asks the kernel for all reads and writes
  condition: evt.type in (read, write) and fd.name = "/no/such/file/at/all"
  output: never
  priority: DEBUG
"#;

/// Execs made beside the flood.
const EXECS: usize = 300;

#[test]
fn a_flood_of_reads_pushes_out_no_exec() {
    if live::skip_reason().is_some() {
        return;
    }
    let (_dir, rules) = live::rules_file(FLOOD_RULES);
    let small_ring = ["--workers", "1", "--rings", "1", "--ring-size", "512K", "--stats"];
    let mut args = vec!["-r", rules.to_str().unwrap()];
    args.extend(small_ring);
    let engine = Engine::start(&args);

    let mut flood = Command::new(live::example("load"))
        .args(["tiny", "4"])
        .env("THREADS", "2")
        .spawn()
        .expect("the load starts");
    for i in 0..EXECS {
        let mark = format!("peregrine-overload-mark-{i}");
        assert!(Command::new("/bin/true").arg(mark).status().unwrap().success());
        // The flood shall fill the ring, not the execs: a debug build takes some 2 MB/s from it.
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(flood.wait().unwrap().success());
    std::thread::sleep(Duration::from_millis(300));
    let outcome = engine.stop();
    assert!(outcome.status.success(), "{}", outcome.log);

    let mut seen: Vec<String> = outcome
        .alerts
        .iter()
        .filter_map(|alert| field(alert, "proc.args").as_str().map(str::to_owned))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), EXECS, "an exec was lost\n{}", outcome.log);
    let shed = outcome.log.lines().find(|line| line.ends_with("rule, class share"));
    assert!(shed.is_some(), "the flood was not shed, so nothing was shown\n{}", outcome.log);
    assert!(!outcome.log.contains("lifecycle,"), "lifecycle records were lost\n{}", outcome.log);
}

#[test]
fn a_duration_ends_the_run_with_a_summary() {
    if live::skip_reason().is_some() {
        return;
    }
    let outcome = Engine::start(&["--duration", "1"]).finish();
    assert!(outcome.status.success(), "{}", outcome.log);
    for word in ["events in", "drops", "workers", "alerts"] {
        assert!(outcome.log.contains(word), "{word} is missing\n{}", outcome.log);
    }
}
