//! What sysdig and tshark make of a capture, if they are installed.
#![allow(dead_code)] // each test binary uses a part of it

use std::path::Path;
use std::process::Command;

use peregrine_capture::{Item, Reader};

/// The first event type that the sysdig of Debian 12 (0.29) does not know, and skips: `dup2`.
const FIRST_UNKNOWN_TYPE: u16 = 362;

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

fn lines(program: &str, args: &[&str]) -> Vec<String> {
    let output = Command::new(program).args(args).env("TZ", "UTC").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {} {errors}", output.status);
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// Times, types, threads and CPUs of all events, as our reader has them, but for those that are only
/// there for the state: neither program shows these.
fn events(file: &Path) -> Vec<(u64, u16, u64, u16)> {
    let mut reader = Reader::open(file).unwrap();
    let mut all = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        if let Item::Event(e) = item
            && e.flags & 1 == 0
        {
            all.push((e.ts, e.code.0, e.tid, e.cpu));
        }
    }
    all
}

/// tshark shows these events, with the same time, type, thread and CPU.
pub fn tshark_agrees(file: &Path) {
    if !is_installed("tshark") {
        return;
    }
    let mut args = vec!["-r", file.to_str().unwrap(), "-T", "fields"];
    for field in ["frame.time_epoch", "sysdig.event_type", "sysdig.thread_id", "sysdig.cpu_id"] {
        args.extend(["-e", field]);
    }
    let theirs = lines("tshark", &args);
    let mine: Vec<String> = events(file)
        .into_iter()
        .map(|(ts, code, tid, cpu)| {
            format!("{}.{:09}\t{code}\t{tid}\t{cpu}", ts / 1_000_000_000, ts % 1_000_000_000)
        })
        .collect();
    assert!(
        mine == theirs,
        "{}: {} events, tshark has {}",
        file.display(),
        mine.len(),
        theirs.len()
    );
}

/// sysdig shows every event of a type that it knows, with the same time, thread and name. `shown`
/// is what peregrine shows, in the same form: `time tid name`.
pub fn sysdig_agrees(file: &Path, shown: &[&str]) {
    if !is_installed("sysdig") {
        return;
    }
    let format = "*%evt.rawtime %thread.tid %evt.type";
    let theirs = lines("sysdig", &["-r", file.to_str().unwrap(), "-p", format]);
    let codes: Vec<u16> = events(file).into_iter().map(|event| event.1).collect();
    assert_eq!(codes.len(), shown.len());
    let known = codes.iter().zip(shown).filter(|(code, _)| **code < FIRST_UNKNOWN_TYPE);
    let mine: Vec<&str> = known.map(|(_, line)| *line).collect();
    assert_eq!(mine.len(), theirs.len(), "{}: {} events in all", file.display(), shown.len());
    // A call without a name is written with brackets there.
    let plain = |line: &str| line.replace(['<', '>'], "");
    let other = mine.iter().zip(&theirs).find(|(mine, theirs)| plain(mine) != plain(theirs));
    assert_eq!(other, None, "{}", file.display());
}

/// sysdig reads a capture to its end.
pub fn sysdig_opens(file: &Path) {
    if is_installed("sysdig") {
        let shown = lines("sysdig", &["-r", file.to_str().unwrap()]);
        assert!(!shown.is_empty(), "{}", file.display());
    }
}
