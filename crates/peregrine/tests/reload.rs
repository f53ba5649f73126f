//! Reload of a running engine: SIGHUP, `peregrine reload`, files that change. Needs root and a
//! kernel that takes the probe; says so and passes without.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// Long enough for any machine; no test waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the processes of the storm are called, so that rules see no others.
const MARK: &str = "peregrine-reload-storm";

/// One engine at a time: each test's processes are events for the others.
static ALONE: Mutex<()> = Mutex::new(());

struct Engine {
    child: Child,
    alerts: Receiver<Json>,
    messages: Arc<Mutex<String>>,
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

fn rules(condition: &str, name: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: {condition}\n  output: seen %proc.args\n  priority: NOTICE\n"
    )
}

fn storm_rules(more: &str) -> String {
    let condition = format!("evt.type = execve and proc.args contains {MARK}");
    rules(&condition, "storm") + more
}

impl Engine {
    /// Starts one with a configuration of its own; `None` where the kernel does not allow it.
    fn start() -> Option<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("rules.yaml"), storm_rules("")).unwrap();
        let config = format!(
            "rules_files: [{}]\njson_output: true\nstdout_output: {{enabled: true}}\n\
             log_stderr: true\nlog_syslog: false\nengine: {{kind: modern_ebpf}}\n\
             peregrine: {{control_socket: {}, workers: 2}}\n",
            path("rules.yaml"),
            path("control.sock")
        );
        std::fs::write(path("falco.yaml"), config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
            .args(["run", "-c", &path("falco.yaml")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let messages = Arc::new(Mutex::new(String::new()));
        let said = messages.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut said = said.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        let (sender, alerts) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let alert = serde_json::from_str(&line).expect("alerts are JSON");
                if sender.send(alert).is_err() {
                    return;
                }
            }
        });
        let mut engine = Self { child, alerts, messages, folder, _alone: alone };
        let end = Instant::now() + PATIENCE;
        while !engine.said().contains("ready:") {
            if engine.child.try_wait().unwrap().is_some() {
                let said = engine.said();
                assert!(
                    ["root", "BTF", "probe", "permit"].iter().any(|w| said.contains(w)),
                    "{said}"
                );
                eprintln!("skipped: no probe here: {said}");
                return None;
            }
            assert!(Instant::now() < end, "{}", engine.said());
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(engine)
    }

    fn said(&self) -> String {
        self.messages.lock().unwrap().clone()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Replaces a file as editors do.
    fn write(&self, name: &str, text: &str) {
        let new = self.path(&format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    fn ask_reload(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_peregrine"))
            .args(["reload", "--socket", &self.path("control.sock")])
            .output()
            .unwrap()
    }

    fn wait_for(&self, what: &str, mut wanted: impl FnMut(&Json) -> bool) -> Json {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let alert = self.alerts.recv_timeout(left);
            let alert = alert.unwrap_or_else(|_| panic!("{what} did not come:\n{}", self.said()));
            if wanted(&alert) {
                return alert;
            }
        }
    }

    fn rss_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn stop(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let end = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "the engine does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        self.said()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a process that the rules look for.
fn act(number: u64) {
    let status = Command::new("/bin/true").arg(format!("{MARK}-{number}")).status();
    assert!(status.unwrap().success());
}

fn number_of(alert: &Json) -> Option<u64> {
    let output = alert["output"].as_str()?;
    let (_, number) = output.split_once(&format!("{MARK}-"))?;
    number.split_whitespace().next()?.parse().ok()
}

/// Reloads under a storm of processes: every process must be seen, once, by the rules that were
/// there before and after each reload.
fn storm(reloads: u64, time: Duration) {
    let Some(engine) = Engine::start() else { return };
    let stop = AtomicBool::new(false);
    let started = AtomicU64::new(0);
    let mut baseline = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                act(started.fetch_add(1, Ordering::Relaxed));
            }
        });
        // An assertion that fails must not leave the storm running.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let pause = time / reloads as u32;
            for reload in 0..reloads {
                let other = rules("evt.type = fchmodat", &format!("other {reload}"));
                engine.write("rules.yaml", &storm_rules(if reload % 2 == 0 { &other } else { "" }));
                let output = engine.ask_reload();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                if reload == reloads / 4 {
                    baseline = engine.rss_kb();
                }
                std::thread::sleep(pause);
            }
        }));
        stop.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let rss = engine.rss_kb();
    let total = started.load(Ordering::Relaxed);
    act(total);
    let mut seen = vec![0u32; total as usize + 1];
    engine.wait_for("the last process", |alert| {
        if let Some(number) = number_of(alert) {
            seen[number as usize] += 1;
        }
        number_of(alert) == Some(total)
    });
    let summary = engine.stop();
    let missing: Vec<usize> = (0..seen.len()).filter(|n| seen[*n] != 1).collect();
    assert!(missing.is_empty(), "of {total}: not seen once: {missing:?}\n{summary}");
    eprintln!("{reloads} reloads, {total} processes, resident {baseline} kB then {rss} kB");
    assert!(rss < baseline + 16 * 1024, "resident memory grew from {baseline} kB to {rss} kB");
}

/// `make reload-storm` sets `RELOADS` and their `RELOAD_SECONDS`.
#[test]
fn no_event_is_lost_when_rules_are_replaced() {
    let number = |name, default| std::env::var(name).map_or(default, |n| n.parse().unwrap());
    storm(number("RELOADS", 12), Duration::from_secs(number("RELOAD_SECONDS", 2)));
}

#[test]
fn a_bad_file_leaves_the_old_rules_and_raises_an_alert() {
    let Some(engine) = Engine::start() else { return };
    engine.write("rules.yaml", &rules("evt.type = execve and proc.nane = x", "bad"));
    let alert = engine.wait_for("the internal alert", |alert| alert["source"] == "internal");
    assert_eq!(alert["rule"], "Falco internal: hot restart failure");
    assert_eq!(alert["priority"], "Critical");
    assert!(alert["output"].as_str().unwrap().contains("proc.nane"), "{alert}");
    let output = engine.ask_reload();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("goes on as before") && text.contains("proc.name"), "{text}");
    act(1);
    engine.wait_for("an alert of the old rules", |alert| number_of(alert) == Some(1));
}

#[test]
fn changed_files_and_sighup_reload_rules_and_outputs() {
    let Some(engine) = Engine::start() else { return };
    let wait_until_said = |text: &str| {
        let end = Instant::now() + PATIENCE;
        while !engine.said().contains(text) {
            assert!(Instant::now() < end, "'{text}' was not said:\n{}", engine.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let other = rules(&format!("evt.type = execve and proc.args contains other-{MARK}"), "other");
    engine.write("rules.yaml", &other);
    wait_until_said("reloading: files have changed");
    wait_until_said("1 rules, before 1");
    act(2);
    let status = Command::new("/bin/true").arg(format!("other-{MARK}-3")).status();
    assert!(status.unwrap().success());
    let alert = engine.wait_for("an alert of the new rules", |alert| number_of(alert).is_some());
    assert_eq!((alert["rule"].as_str(), number_of(&alert)), (Some("other"), Some(3)));

    // Another output and a change that needs a restart.
    let config = std::fs::read_to_string(engine.path("falco.yaml")).unwrap();
    let file = engine.path("alerts.json");
    let config = config.replace("watch_config_files", "x").replace("workers: 2", "workers: 3")
        + &format!("file_output: {{enabled: true, filename: {file}}}\n");
    engine.write("falco.yaml", &config);
    wait_until_said("peregrine.workers has changed, which takes effect at the next start");
    wait_until_said("outputs replaced");
    let pid = rustix::process::Pid::from_child(&engine.child);
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    wait_until_said("reloading: SIGHUP");
    let status = Command::new("/bin/true").arg(format!("other-{MARK}-4")).status();
    assert!(status.unwrap().success());
    engine.wait_for("standard output goes on", |alert| number_of(alert) == Some(4));
    let end = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(&file).is_ok_and(|text| text.contains(&format!("{MARK}-4"))) {
        assert!(Instant::now() < end, "{file} has no alert");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(Path::new(&engine.path("control.sock")).exists());
    let control = engine.path("control.sock");
    let summary = engine.stop();
    assert!(summary.contains("drops      0"), "{summary}");
    assert!(!Path::new(&control).exists());
}

#[test]
fn fixed_fields_change_with_the_configuration() {
    let Some(engine) = Engine::start() else { return };
    let config = std::fs::read_to_string(engine.path("falco.yaml")).unwrap();
    let configure = |statics: &str| {
        let more = format!("append_output: [{{suggested_output: true}}]\n{statics}\n");
        engine.write("falco.yaml", &(config.clone() + &more));
        engine.ask_reload()
    };
    assert!(configure("static_fields: {site: north, env: prod}").status.success());
    let condition =
        format!("evt.type = execve and static.env = prod and proc.args contains {MARK}");
    engine.write("rules.yaml", &rules(&condition, "fixed"));
    assert!(engine.ask_reload().status.success(), "{}", engine.said());
    act(1);
    let alert = engine.wait_for("the first", |alert| number_of(alert) == Some(1));
    assert!(alert["output"].as_str().unwrap().contains("static_env=prod static_site=north"));
    assert_eq!(alert["output_fields"]["static.site"], "north");

    assert!(configure("static_fields: {site: south, env: prod}").status.success());
    act(2);
    let alert = engine.wait_for("the second", |alert| number_of(alert) == Some(2));
    assert_eq!(
        (&alert["rule"], &alert["output_fields"]["static.site"]),
        (&"fixed".into(), &"south".into())
    );

    // A rule names what is not there any more: all stays as it was.
    let refused = configure("static_fields: {site: west}");
    assert!(!refused.status.success());
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("static.env"), "{text}");
    act(3);
    let alert = engine.wait_for("the third", |alert| number_of(alert) == Some(3));
    assert_eq!(alert["output_fields"]["static.site"], "south");
}
