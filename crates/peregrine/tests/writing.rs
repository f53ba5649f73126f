//! Captures that are written without root: parts of others, in several files, around alerts; and
//! files that are no captures.

mod foreign;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Captures of different ages, none of them large.
const CAPTURES: [&str; 4] =
    ["cat_write", "connect_localhost", "libs-sample", "psp_run_as_user_0_container"];

fn captures() -> Vec<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("PEREGRINE_SHARED").map_or_else(|| default.into(), PathBuf::from);
    let folder = shared.join("conformance/captures");
    let found: Vec<PathBuf> = CAPTURES
        .iter()
        .map(|name| folder.join(format!("{name}.scap.gz")))
        .filter(|path| path.is_file())
        .collect();
    if found.is_empty() {
        eprintln!("skipped: no captures in {}", folder.display());
    }
    found
}

fn peregrine(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .args(args)
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The events that are shown of a capture.
fn shown(file: &Path, filter: &str) -> Vec<String> {
    let format = "*%evt.rawtime %thread.tid %evt.type %proc.name %fd.name %evt.args";
    let output = peregrine(&["replay", path(file), "--print", format, "--filter", filter]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

const ALL: &str = "evt.num >= 0";

#[test]
fn a_part_written_shows_the_same_events() {
    let work = tempfile::tempdir().unwrap();
    for capture in captures() {
        for (filter, name) in [(None, "all.scap"), (Some("evt.type != close"), "part.scap")] {
            let out = work.path().join(name);
            let mut args = vec!["replay", path(&capture), "--write", path(&out)];
            args.extend(filter.iter().flat_map(|filter| ["--filter", filter]));
            assert!(peregrine(&args).status.success());
            let expected = shown(&capture, filter.unwrap_or(ALL));
            assert!(expected.len() > 50, "{}", capture.display());
            assert!(shown(&out, ALL) == expected, "{} {name}", capture.display());
            foreign::tshark_agrees(&out);
        }
        foreign::sysdig_opens(&work.path().join("all.scap"));
        foreign::sysdig_opens(&work.path().join("part.scap"));
    }
}

/// The files of a rotation are whole captures; together they hold every event once.
#[test]
fn rotated_files_hold_everything_once() {
    let work = tempfile::tempdir().unwrap();
    for capture in captures() {
        let folder = work.path().join(capture.file_name().unwrap());
        std::fs::create_dir(&folder).unwrap();
        let out = folder.join("out.scap");
        let args = ["--rotate-seconds", "0.05", "--gzip"];
        let output =
            peregrine(&[&["replay", path(&capture), "--write", path(&out)], &args[..]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let parts: Vec<String> = files.iter().flat_map(|file| shown(file, ALL)).collect();
        let whole = shown(&capture, ALL);
        // Times and threads are compared, and names of processes where the state is known: what a
        // file begins with knows no fd of a call whose enter event lies in the file before.
        let head = |line: &String| line.splitn(4, ' ').take(3).collect::<Vec<_>>().join(" ");
        let (parts, whole): (Vec<_>, Vec<_>) =
            (parts.iter().map(head).collect(), whole.iter().map(head).collect());
        assert!(parts == whole, "{}: {} files", capture.display(), files.len());
        for file in &files {
            assert!(std::fs::read(file).unwrap().starts_with(&[0x1f, 0x8b]));
        }
    }
}

/// A replay makes the captures that a live run would have made.
#[test]
fn alerts_of_a_replay_leave_captures() {
    let work = tempfile::tempdir().unwrap();
    let rules = work.path().join("rules.yaml");
    std::fs::write(
        &rules,
        "- rule: first\n  desc: d\n  condition: evt.type = execve\n  output: \"%proc.name\"\n  \
         priority: INFO\n  capture: true\n  capture_duration: 1\n",
    )
    .unwrap();
    for capture in captures() {
        let prefix = work.path().join(capture.file_stem().unwrap());
        let choice = ["-r", path(&rules), "--capture", "all-rules", "--capture-prefix"];
        let output =
            peregrine(&[&["replay", path(&capture)], &choice[..], &[path(&prefix)]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let files: Vec<&str> =
            log.lines().filter_map(|line| line.strip_prefix("peregrine: capture ")).collect();
        let execs = shown(&capture, "evt.type = execve");
        assert_eq!(files.is_empty(), execs.is_empty(), "{}: {log}", capture.display());
        for file in files {
            assert!(!shown(Path::new(file), "evt.type = execve").is_empty(), "{file}");
        }
    }
}

/// The head of a capture of the other byte order, and an event in it.
fn big_endian() -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let total = (body.len() as u32 + 12).to_be_bytes();
        [&kind.to_be_bytes()[..], &total, &body, &total].concat()
    };
    let mut section = 0x1a2b_3c4du32.to_be_bytes().to_vec();
    section.extend([0, 1, 0, 2]);
    section.extend([0xff; 8]);
    // close: result and fd, 64 bits each.
    let mut event = vec![0, 1];
    event.extend(1_700_000_000_000_000_000u64.to_be_bytes());
    event.extend(77u64.to_be_bytes());
    event.extend(46u32.to_be_bytes());
    event.extend(5u16.to_be_bytes());
    event.extend(2u32.to_be_bytes());
    event.extend([0, 8, 0, 8]);
    event.extend(0i64.to_be_bytes());
    event.extend(3i64.to_be_bytes());
    [block(0x0a0d_0d0a, &section), block(0x216, &event)].concat()
}

#[test]
fn hostile_input_ends_with_a_reason_and_a_status() {
    let work = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let file = work.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    };
    let good = big_endian();
    let mut claims = good.clone();
    claims.extend(0x216u32.to_be_bytes());
    claims.extend(0xffff_fff0u32.to_be_bytes());
    claims.extend([0; 64]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&good).unwrap();
    let gzip = gzip.finish().unwrap();
    let both = [&good[..], &good[..]].concat();
    for (input, status, events, reason) in [
        (file("empty", b""), 1, 0, "no events"),
        (file("text", b"#!/bin/sh\n"), 1, 0, "not a capture"),
        (work.path().to_owned(), 1, 0, "directory"),
        (work.path().join("missing"), 1, 0, "No such file"),
        (file("big-endian", &good), 0, 1, ""),
        (file("concatenated", &both), 0, 2, ""),
        (file("gzip", &gzip), 0, 1, ""),
        // Inside the checksum: where the data of a shorter one end is up to the compressor.
        (file("cut.gz", &gzip[..gzip.len() - 4]), 3, 1, "offset"),
        (file("cut", &good[..good.len() - 5]), 3, 0, "ends inside"),
        (file("claims", &claims), 3, 1, "offset"),
    ] {
        let output = peregrine(&["replay", path(&input), "--print", "*%evt.num %evt.type"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let name = input.display();
        assert!(error.contains(reason) && error.is_empty() == reason.is_empty(), "{name}: {error}");
        assert_eq!(output.status.code(), Some(status), "{name}: {error}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(
            text.lines().filter(|line| line.contains("close")).count(),
            events,
            "{name}: {text}"
        );
        // The converter says the same of it, and writes what there is.
        let out = work.path().join("converted.scap");
        let output = peregrine(&["convert", path(&input), path(&out)]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "convert {name}: {error}");
        if events > 0 {
            assert_eq!(shown(&out, ALL).len(), events, "convert {name}");
        }
    }
    // Standard input, and an output that is the input.
    let mut child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .args(["replay", "-", "--print", "%evt.type"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&gzip).unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"close\n");
    let same = file("same.scap", &good);
    for command in ["convert", "replay"] {
        let mut args = vec![command, path(&same)];
        args.extend(if command == "replay" { vec!["--write"] } else { vec![] });
        args.push(path(&same));
        assert_eq!(peregrine(&args).status.code(), Some(1), "{command}");
        assert_eq!(std::fs::read(&same).unwrap(), good, "{command}");
    }
}
