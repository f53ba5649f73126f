//! A storm of short-lived processes: each one is seen with the right parent, program, inherited file
//! and exit, with any number of workers that the scheduler starves at random, and nothing of it stays
//! in the state.

mod live;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use live::{Engine, field};

const RULES: &str = r#"
- rule: storm exit
  desc: every end of a process of the storm
  condition: evt.type = procexit and proc.exepath endswith "/storm" and thread.ismain = true
  output: exit %proc.pid %proc.ppid %proc.exepath %proc.name %evt.arg.ret
  priority: INFO
- rule: storm birth
  desc: every birth of a process of the storm, seen from the child
  condition: evt.type in (clone, clone3, fork, vfork) and evt.rawres = 0 and proc.exepath endswith "/storm" and thread.ismain = true
  output: birth %proc.pid %proc.ppid %proc.exepath %proc.name %proc.pexepath
  priority: INFO
- rule: storm exec
  desc: every program start of the storm
  condition: evt.type = execve and evt.rawres = 0 and proc.exepath endswith "/storm"
  output: exec %proc.pid %proc.ppid %proc.pexepath %proc.cmdline
  priority: INFO
- rule: storm file
  desc: every close of the descriptor that a process of the storm inherits
  condition: evt.type = close and fd.num = 100 and proc.exepath endswith "/storm"
  output: close %proc.pid %fd.name
  priority: INFO
"#;

/// Processes per run.
const COUNT: u32 = 20_000;

fn storm_is_seen_whole(workers: &str) {
    if live::skip_reason().is_some() {
        return;
    }
    let (_dir, rules) = live::rules_file(RULES);
    let rules = rules.to_str().unwrap();
    let args =
        ["-r", rules, "--workers", workers, "--rings", "4", "--parking-ms", "10000", "--stats"];
    let engine = Engine::start(&args);
    let starving = Starving::start(engine.pid());
    let listing = live::output_of(&live::example("storm"), &[&COUNT.to_string()]);
    starving.stop();
    // The last exits are on their way: the engine is asked to stop only after the storm's own.
    std::thread::sleep(Duration::from_millis(500));
    let outcome = engine.stop();
    assert!(outcome.status.success(), "{}", outcome.log);

    // pid -> (parent, exit code), from the storm's own account. A pid may come twice.
    let mut expected: HashMap<(i64, i64), u32> = HashMap::new();
    let mut total = 0u32;
    let mut parents: HashMap<i64, Vec<i64>> = HashMap::new();
    let mut spawned = 0u32;
    let mut files: HashMap<i64, Vec<&str>> = HashMap::new();
    for line in listing.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [kind, pid, parent, code] = words[..] else { panic!("{line}") };
        let (pid, parent): (i64, i64) = (pid.parse().unwrap(), parent.parse().unwrap());
        *expected.entry((pid, code.parse().unwrap())).or_default() += 1;
        parents.entry(pid).or_default().push(parent);
        total += 1;
        spawned += u32::from(kind == "spawn");
        let file = if kind == "fork" { "/etc/passwd" } else { "/etc/group" };
        files.entry(pid).or_default().push(file);
    }
    assert!(total >= COUNT);

    let of_rule = |rule: &str| {
        let rule = rule.to_owned();
        outcome.alerts.iter().filter(move |a| a["rule"] == rule.as_str())
    };
    let mut exits = 0u32;
    for alert in of_rule("storm exit") {
        let pid = field(alert, "proc.pid").as_i64().unwrap();
        let code: i64 = field(alert, "evt.arg.ret").as_str().unwrap().parse().unwrap();
        // The storm itself ends too, and is not in its own list.
        if let Some(left) = expected.get_mut(&(pid, code)).filter(|left| **left > 0) {
            *left -= 1;
            exits += 1;
        }
    }
    let missing: Vec<_> = expected.iter().filter(|(_, left)| **left > 0).take(5).collect();
    assert_eq!(
        exits, total,
        "missing exits, as ((pid, code), count): {missing:?}\n{}",
        outcome.log
    );

    let mut births = 0u32;
    for alert in of_rule("storm birth") {
        let pid = field(alert, "proc.pid").as_i64().unwrap();
        let ppid = field(alert, "proc.ppid").as_i64().unwrap();
        if let Some(list) = parents.get(&pid) {
            assert!(list.contains(&ppid), "{pid} is a child of {list:?}, not of {ppid}");
            let parent = field(alert, "proc.pexepath").as_str().unwrap();
            assert!(parent.ends_with("/storm"), "{pid}: {parent}");
            births += 1;
        }
    }
    assert_eq!(births, total, "{}", outcome.log);
    let mut closed = 0u32;
    for alert in of_rule("storm file") {
        let pid = field(alert, "proc.pid").as_i64().unwrap();
        let name = field(alert, "fd.name").as_str().unwrap_or_default();
        if let Some(list) = files.get(&pid) {
            assert!(list.contains(&name), "{pid} inherits one of {list:?}, not {name:?}");
            closed += 1;
        }
    }
    assert_eq!(closed, total, "{}", outcome.log);
    assert_eq!(of_rule("storm exec").count() as u32, spawned + 1, "{}", outcome.log);
    assert!(!outcome.log.contains("parking timeouts"), "{}", outcome.log);
    let degraded = outcome.alerts.iter().find(|a| !a["output_fields"]["evt.degraded"].is_null());
    assert_eq!(degraded, None, "{}", outcome.log);
    // threads, fds, published processes, inheritances untaken
    let state = outcome.log.lines().find(|line| line.trim_start().starts_with("state "));
    let numbers: Vec<u32> = state
        .unwrap()
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    let alive = std::fs::read_dir("/proc").unwrap().count() as u32;
    assert!(numbers[2] < alive + COUNT / 20, "{state:?} with {alive} processes on the machine");
    assert_eq!(numbers[3], 0, "{state:?}");
}

/// Lets the scheduler starve random threads of the engine for random times.
struct Starving {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Starving {
    fn start(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut dice: u64 = 0x9E37_79B9_7F4A_7C15;
            while !stopped.load(Ordering::Relaxed) {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
                for (n, task) in tasks.flatten().enumerate() {
                    let tid = task.file_name().to_string_lossy().parse().unwrap_or(0);
                    let policy =
                        if dice >> n & 1 == 0 { libc::SCHED_IDLE } else { libc::SCHED_OTHER };
                    let param = libc::sched_param { sched_priority: 0 };
                    // SAFETY: a thread of our child, and a valid parameter.
                    unsafe { libc::sched_setscheduler(tid, policy, &param) };
                }
                std::thread::sleep(Duration::from_micros(dice % 20_000));
            }
            let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
            for task in tasks.flatten() {
                let tid = task.file_name().to_string_lossy().parse().unwrap_or(0);
                let param = libc::sched_param { sched_priority: 0 };
                // SAFETY: as above.
                unsafe { libc::sched_setscheduler(tid, libc::SCHED_OTHER, &param) };
            }
        });
        Self { stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// One after the other: each engine sees the storms of the others too.
#[test]
fn every_process_is_seen_with_one_two_and_four_workers() {
    for workers in ["1", "2", "4"] {
        storm_is_seen_whole(workers);
    }
}
