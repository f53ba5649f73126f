//! One run of the engine, shared by all tests of this file.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::acts;

/// How long the engine may take to start, and to work off what is queued.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of one rule's acts.
struct Outcome {
    /// Why the act could not be done here.
    skipped: Option<String>,
    attack: String,
    benign: String,
}

struct Session {
    skipped: Option<String>,
    alerts: Vec<Value>,
    outcomes: HashMap<&'static str, Outcome>,
    ordinary: acts::Result,
    stderr: String,
}

impl Session {
    /// The alerts that show a marker, but for those about this process, which sets the scenes.
    fn alerts_of(&self, marker: &str) -> impl Iterator<Item = &Value> {
        self.alerts.iter().filter(move |alert| {
            alert["output_fields"]["proc.pid"] != std::process::id()
                && alert["output"].as_str().is_some_and(|text| text.contains(marker))
        })
    }
}

/// Marker of the ordinary work; also the name of a package, which may have neither capitals nor
/// many special characters.
const ORDINARY: &str = "markworkz";

/// The rules under test.
pub fn rules_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules/peregrine_rules.yaml")
}

/// The one run, made by whichever test comes first; none if it cannot be made here.
fn session() -> Option<&'static Session> {
    static SESSION: OnceLock<Session> = OnceLock::new();
    let session = SESSION.get_or_init(run);
    if let Some(reason) = &session.skipped {
        eprintln!("skipped: {reason}");
        return None;
    }
    Some(session)
}

/// Fails if ordinary work alerted.
pub fn check_ordinary_work() {
    let Some(session) = session() else { return };
    if let Err(reason) = &session.ordinary {
        panic!("the work could not be done: {reason}");
    }
    let alerts: Vec<_> = session.alerts_of(ORDINARY).collect();
    assert!(alerts.is_empty(), "ordinary work alerted: {alerts:#?}");
}

/// Fails unless the rule's act alerted and its twin did not.
pub fn check(rule: &'static str) {
    let Some(session) = session() else { return };
    let outcome = &session.outcomes[rule];
    if let Some(reason) = &outcome.skipped {
        eprintln!("skipped: {reason}");
        return;
    }
    let outputs = |marker| -> String {
        let alerts = session.alerts_of(marker);
        alerts.filter_map(|alert| alert["output"].as_str()).collect::<Vec<_>>().join("\n")
    };
    // The process must be the act's own: a path with the marker is not enough.
    let is_hit = |alert: &Value| {
        let command = alert["output_fields"]["proc.cmdline"].as_str();
        alert["rule"] == rule && command.is_some_and(|text| text.contains(&outcome.attack))
    };
    assert!(
        session.alerts.iter().any(is_hit),
        "the act did not set off '{rule}', but: {}\n{}",
        outputs(&outcome.attack),
        session.stderr
    );
    let benign = outputs(&outcome.benign);
    assert!(benign.is_empty(), "the harmless twin of '{rule}' alerted: {benign}");
}

fn skip(reason: impl Into<String>) -> Session {
    Session {
        skipped: Some(reason.into()),
        alerts: Vec::new(),
        outcomes: HashMap::new(),
        ordinary: Ok(()),
        stderr: String::new(),
    }
}

/// Why live tests cannot run here.
fn missing() -> Option<&'static str> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    if uid.and_then(|uids| uids.split_whitespace().nth(1)) != Some("0") {
        return Some("live tests need root");
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Some("the kernel has no BTF");
    }
    if Command::new("perl").arg("-e1").stdin(Stdio::null()).status().is_err() {
        return Some("the acts are written in perl, which is not installed");
    }
    None
}

fn run() -> Session {
    if let Some(reason) = missing() {
        return skip(reason);
    }
    let stage = tempfile::Builder::new().prefix("pgl").tempdir_in("/tmp").unwrap();
    let mut engine = Engine::start(stage.path());
    engine.pass(stage.path(), "start");
    let mut outcomes = HashMap::new();
    for (number, act) in acts::ALL.iter().enumerate() {
        let scene = |kind| acts::Scene::new(stage.path(), &format!("mark{number}{kind}z"));
        let (attack, benign) = (scene("a"), scene("b"));
        let result = (act.attack)(&attack).and_then(|()| (act.benign)(&benign));
        let outcome = Outcome {
            skipped: result.err().map(|error| format!("{}: {error}", act.rule)),
            attack: attack.marker,
            benign: benign.marker,
        };
        outcomes.insert(act.rule, outcome);
    }
    let ordinary = acts::ordinary_work(&acts::Scene::new(stage.path(), ORDINARY));
    engine.pass(stage.path(), "end");
    let (alerts, stderr) = engine.stop();
    Session { skipped: None, alerts, outcomes, ordinary, stderr }
}

struct Engine {
    child: Child,
    lines: Receiver<String>,
    alerts: Vec<Value>,
    stderr: &'static Mutex<String>,
}

impl Engine {
    fn start(stage: &Path) -> Self {
        static STDERR: Mutex<String> = Mutex::new(String::new());
        let mut child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
            .args(["run", "--json", "--ring-size", "64M", "--parking-ms", "10000", "-r"])
            .arg(rules_file())
            .current_dir(stage)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut text = STDERR.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        Self { child, lines, alerts: Vec::new(), stderr: &STDERR }
    }

    /// Repeats an act that must alert until it has: before, the engine is not ready; afterwards,
    /// everything that happened before has been seen.
    fn pass(&mut self, stage: &Path, name: &str) {
        let dir = stage.join(format!("canary-{name}"));
        std::fs::create_dir(&dir).unwrap();
        let canary = dir.join(".canary");
        std::fs::copy("/bin/true", &canary).unwrap();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the engine ended: {status}\n{}", self.stderr.lock().unwrap());
            }
            assert!(Command::new(&canary).status().unwrap().success());
            if self.wait_for(&format!("canary-{name}"), Duration::from_millis(500)) {
                return;
            }
        }
        panic!("no alert from the canary '{name}'\n{}", self.stderr.lock().unwrap());
    }

    fn wait_for(&mut self, text: &str, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.take(&line);
                    if line.contains(text) {
                        return true;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn take(&mut self, line: &str) {
        match serde_json::from_str(line) {
            Ok(alert) => self.alerts.push(alert),
            Err(error) => panic!("no JSON on standard output: {error}\n{line}"),
        }
    }

    /// Ends the engine as a service manager would, and takes what it still had.
    fn stop(mut self) -> (Vec<Value>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let end = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > end => {
                    let _ = self.child.kill();
                    panic!("the engine did not end on SIGTERM");
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.take(&line);
        }
        let stderr = self.stderr.lock().unwrap().clone();
        assert!(status.success(), "the engine ended with {status}\n{stderr}");
        (self.alerts, stderr)
    }
}
