//! `peregrine top` beside a running engine.

mod live;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use live::Engine;
use serde_json::Value as Json;

const RULES: &str = r#"
- rule: any open
  desc: every open of the file that the load opens
  condition: evt.type in (open, openat, close) and fd.name = /etc/hostname
  output: open
  priority: DEBUG
"#;

fn top(socket: &str, options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .args(["top", "--socket", socket])
        .args(options)
        .output()
        .expect("the peregrine binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A load that is ended with the test.
struct Load(Child);

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn without_an_instance_it_says_where_it_looked_and_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("nobody.sock").display().to_string();
    let output = top(&socket, &["--once"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains(&socket) && said.contains("peregrine run"), "{said}");
}

#[test]
fn a_load_is_seen_by_process_event_worker_and_rule() {
    if live::skip_reason().is_some() {
        return;
    }
    let (folder, rules) = live::rules_file(RULES);
    let socket = folder.path().join("control.sock").display().to_string();
    let option = format!("peregrine.control_socket={socket}");
    let alerts = folder.path().join("alerts").display().to_string();
    let engine = Engine::start(&[
        "-r",
        rules.to_str().unwrap(),
        "--workers",
        "2",
        "--rings",
        "2",
        "-o",
        &option,
        // Nobody shall wait for this test to read alerts.
        "-o",
        "stdout_output.enabled=false",
        "-o",
        "file_output.enabled=true",
        "-o",
        &format!("file_output.filename={alerts}"),
    ]);
    let load = Command::new(live::example("load"))
        .args(["openclose", "100000000"])
        .stdout(Stdio::null())
        .spawn()
        .expect("the load starts");
    let load = Load(load);
    let pid = u64::from(load.0.id());

    // On a machine with much else to do, the load may not get a turn in the first second.
    let figures = (0..20).find_map(|_| {
        let output = top(&socket, &["--json", "--once"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let figures: Json = serde_json::from_slice(&output.stdout).expect("JSON");
        let processes = figures["snapshot"]["processes"].as_array().expect("they are counted");
        let is_load = |process: &Json| process["pid"].as_u64() == Some(pid);
        let is_busy = |process: &Json| process["records_per_s"].as_f64() > Some(10.0);
        let busy = processes.iter().find(|p| is_load(p) && is_busy(p))?;
        assert_eq!(busy["name"], "load", "{busy}");
        Some(figures)
    });
    let figures = figures.expect("the load is among the busiest processes");
    let snapshot = &figures["snapshot"];
    let openat = snapshot["event_types"]
        .as_array()
        .and_then(|types| types.iter().find(|entry| entry[0] == "openat"));
    assert!(openat.is_some_and(|entry| entry[1].as_u64() > Some(100)), "{snapshot}");
    let records = |worker: usize| snapshot["workers"][worker]["records"].as_u64().unwrap();
    assert!(records(0) + records(1) > 100);
    assert!(snapshot["rules"][0]["matches"].as_u64() > Some(0), "{}", snapshot["rules"]);

    let output = top(&socket, &["--rows", "1000"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let line = |part: &str| {
        let line = shown.lines().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("no {part}:\n{shown}"))
    };
    for heading in [
        "  openat ",
        "  any open ",
        "Workers",
        "Rings",
        "Lost records",
        "Outputs",
        "Processes",
        "Events",
        "Rules",
    ] {
        line(heading);
    }
    whoever_stops_reading_is_left(&socket);
    drop(load);
    let outcome = engine.stop();
    assert!(outcome.status.success(), "{}", outcome.log);
}

/// Breaks if `peregrine top --json | head -1` goes on for ever.
fn whoever_stops_reading_is_left(socket: &str) {
    let mut top = Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .args(["top", "--json", "--socket", socket])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the peregrine binary starts");
    let mut line = String::new();
    let mut output = BufReader::new(top.stdout.take().expect("a pipe"));
    output.read_line(&mut line).expect("a line");
    assert!(line.starts_with('{') && line.ends_with("}\n"), "{line}");
    drop(output);
    assert!(top.wait().expect("it ends").success());
}
