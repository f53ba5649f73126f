//! Runs the `peregrine` binary on this machine and collects its alerts: what all live tests share.
#![allow(dead_code)] // each test binary uses a part of it

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Why live tests cannot run here; prints it. `None`: they can.
pub fn skip_reason() -> Option<String> {
    let reason = if !is_root() {
        Some("live tests load the probe, which needs root".to_owned())
    } else if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        Some("the kernel has no BTF (/sys/kernel/btf/vmlinux)".to_owned())
    } else {
        None
    };
    if let Some(reason) = &reason {
        eprintln!("skipped: {reason}");
    }
    reason
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|l| l.starts_with("Uid:") && l.split_whitespace().nth(2) == Some("0"))
}

/// A running engine.
pub struct Engine {
    child: Child,
    alerts: mpsc::Receiver<Value>,
    log: mpsc::Receiver<String>,
}

/// What a run left behind.
pub struct Outcome {
    /// All alerts, in the order they were printed.
    pub alerts: Vec<Value>,
    /// Standard error: messages and the summary.
    pub log: String,
    /// Exit status.
    pub status: ExitStatus,
}

impl Engine {
    /// Starts `peregrine run --json` with more arguments and waits until it says it is ready.
    ///
    /// # Panics
    /// If it ends or is not ready within 30 seconds.
    pub fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
            .args(["run", "--json"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the peregrine binary starts");
        let (alert_sender, alerts) = mpsc::channel();
        let stdout = child.stdout.take().expect("piped");
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let alert = serde_json::from_str(&line).expect("each line is JSON");
                if alert_sender.send(alert).is_err() {
                    break;
                }
            }
        });
        let (log_sender, log) = mpsc::channel();
        let stderr = child.stderr.take().expect("piped");
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stderr);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
                if log_sender.send(std::mem::take(&mut line)).is_err() {
                    break;
                }
            }
        });
        let mut seen = String::new();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains("ready") => break,
                Ok(line) => seen.push_str(&line),
                Err(_) => {
                    let _ = child.kill();
                    panic!("peregrine is not ready:\n{seen}");
                }
            }
        }
        Self { child, alerts, log }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next alert that fits, or `None` after `patience`. Alerts that do not fit are passed over.
    pub fn wait_for(&self, patience: Duration, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let alert = self.alerts.recv_timeout(left).ok()?;
            if fits(&alert) {
                return Some(alert);
            }
        }
    }

    /// Stops it with SIGTERM and collects everything not yet taken.
    pub fn stop(self) -> Outcome {
        let killed = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status();
        assert!(killed.is_ok_and(|s| s.success()), "kill -TERM");
        self.finish()
    }

    /// Waits until it ends by itself (`--duration`) and collects everything not yet taken.
    pub fn finish(mut self) -> Outcome {
        let status = self.child.wait().expect("our own child");
        let alerts = self.alerts.iter().collect();
        let log = self.log.iter().collect();
        Outcome { alerts, log, status }
    }
}

impl Drop for Engine {
    /// A test that fails leaves no engine behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A field of an alert's `output_fields`.
pub fn field<'a>(alert: &'a Value, name: &str) -> &'a Value {
    &alert["output_fields"][name]
}

/// Writes a rules file that disappears with the returned directory.
pub fn rules_file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("rules.yaml");
    std::fs::write(&path, text).expect("the file is written");
    (dir, path)
}

/// Path of an example program of this package, built with the tests.
pub fn example(name: &str) -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_peregrine"));
    let path = binary.parent().expect("target/debug").join("examples").join(name);
    assert!(
        path.exists(),
        "{} is missing: build it with cargo build -p peregrine --examples",
        path.display()
    );
    path
}

/// Runs a program and returns its standard output.
pub fn output_of(program: &Path, args: &[&str]) -> String {
    let mut child = Command::new(program)
        .args(args)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let mut text = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut text).expect("UTF-8");
    let status = child.wait().expect("our own child");
    assert!(status.success(), "{}: {status}", program.display());
    text
}
