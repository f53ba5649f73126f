//! Recording this machine: a build is recorded while rules run, and the file is read by us, sysdig
//! and tshark.

mod foreign;
mod live;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use live::Engine;
use serde_json::Value as Json;

/// Rules about what happens in one folder: other programs of the machine cannot fire them.
fn rules(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"
- macro: here
  condition: (proc.cwd startswith "{folder}")
- rule: program
  desc: every start of a program, with its family
  condition: evt.type in (execve, execveat) and evt.rawres = 0 and here
  output: >
    exec %proc.name %proc.cmdline exe=%proc.exepath pid=%proc.pid ppid=%proc.ppid parent=%proc.pname
    grand=%proc.aname[2] cwd=%proc.cwd user=%user.name uid=%user.uid tty=%proc.tty sid=%proc.sid
    group=%proc.pgid env=%proc.env[RECORD_MARK] inode=%proc.exe_ino
  priority: INFO
- rule: created
  desc: files that are opened to be written
  condition: evt.type in (open, openat, openat2, creat) and evt.is_open_write = true and fd.name startswith "{folder}"
  output: write %fd.name type=%fd.typechar raw=%fs.path.nameraw flags=%evt.arg.flags proc=%proc.name pid=%proc.pid
  priority: INFO
- rule: moved
  desc: renames and removals, relative to directories
  condition: evt.type in (rename, renameat, renameat2, unlink, unlinkat, mkdir, mkdirat) and evt.rawres = 0 and here
  output: moved %evt.type %evt.args name=%fs.path.name source=%fs.path.source target=%fs.path.target proc=%proc.cmdline
  priority: INFO
- rule: ended
  desc: ends of processes
  condition: evt.type = procexit and here
  output: end %proc.name pid=%proc.pid threads=%proc.nthreads args=%evt.args
  priority: INFO
- rule: piped
  desc: duplicates of pipes, as a shell makes them
  condition: evt.type in (dup, dup2, dup3) and fd.typechar = "p" and here
  output: dup %evt.args fd=%fd.num proc=%proc.name pid=%proc.pid
  priority: INFO
"#
    )
}

/// A build: a compiler if there is one, and a script with many tools, pipes and subshells.
const BUILD: &str = r#"
set -e
mkdir out sub
cat > a.c <<'END'
#include <stdio.h>
int twice(int x) { return 2 * x; }
int main(void) { printf("%d\n", twice(21)); return 0; }
END
if command -v cc >/dev/null; then cc -O1 -o out/a a.c && ./out/a > out/result; fi
for i in 1 2 3 4 5; do
    (cd sub && seq 1 200 | sort -r | head -n 20 | tee part.$i | wc -l > count.$i)
    mv sub/part.$i out/part.$i
done
cat out/part.* | sort -n | uniq > out/all
( ( echo deep | cat > sub/deep ) )
sh -c 'exec env RECORD_MARK=changed sh -c "true; exec true"' &
wait
rm -r sub
"#;

fn build(folder: &Path) {
    let status = Command::new("sh")
        .args(["-c", BUILD])
        .current_dir(folder)
        .env("RECORD_MARK", "first")
        .env("TMPDIR", folder)
        .stdout(Stdio::null())
        .status()
        .expect("sh starts");
    assert!(status.success(), "the build failed");
}

/// What makes an alert the same one: rule, time, output with the process ids in it.
fn essence(alerts: &[Json]) -> Vec<(String, String, String)> {
    let text = |alert: &Json, key: &str| alert[key].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = alerts
        .iter()
        .map(|a| {
            // In front of the message stand time and priority; fields that an output always has
            // follow.
            (text(a, "time"), text(a, "rule"), text(a, "output"))
        })
        .collect();
    all.sort();
    all
}

fn replay(args: &[&str]) -> std::process::Output {
    let output = Command::new(env!("CARGO_BIN_EXE_peregrine")).arg("replay").args(args).output();
    output.expect("the binary starts")
}

fn alerts_of(capture: &Path, rules: &Path) -> Vec<Json> {
    let output = replay(&[path(capture), "-r", path(rules), "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("each line is JSON")).collect()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The alerts of a live run and of a replay of what it recorded are the same.
#[test]
fn a_recorded_build_gives_the_same_alerts_again() {
    if live::skip_reason().is_some() {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let (_dir, rules) = live::rules_file(&rules(&work.path().canonicalize().unwrap()));
    for workers in ["1", "2"] {
        let folder = work.path().join(format!("build-{workers}"));
        std::fs::create_dir(&folder).unwrap();
        let file = work.path().join(format!("{workers}.scap"));
        let engine = Engine::start(&[
            "-r",
            path(&rules),
            "--record",
            path(&file),
            "--workers",
            workers,
            "--rings",
            "4",
        ]);
        build(&folder);
        let outcome = engine.stop();
        assert!(outcome.status.success(), "{}", outcome.log);
        let (live, replayed) = (essence(&outcome.alerts), essence(&alerts_of(&file, &rules)));
        assert!(live.len() > 100, "only {} alerts: {}", live.len(), outcome.log);
        if !outcome.log.contains("drops      0") {
            eprintln!("skipped: events were lost on this machine: {}", outcome.log);
            return;
        }
        let missing: Vec<_> = live.iter().filter(|one| !replayed.contains(one)).collect();
        let new: Vec<_> = replayed.iter().filter(|one| !live.contains(one)).collect();
        assert!(
            missing.is_empty() && new.is_empty(),
            "{workers} workers: of {} alerts {} are missing, {} are new:\n{:#?}\n{:#?}",
            live.len(),
            missing.len(),
            new.len(),
            &missing[..missing.len().min(3)],
            &new[..new.len().min(3)],
        );
        assert_eq!(live.len(), replayed.len());
    }
}

/// Runs `peregrine record` until it is ready, then `act`, then stops it with a signal.
fn record(args: &[&str], signal: &str, act: impl FnOnce()) -> String {
    use std::io::{BufRead, BufReader, Read};
    let mut child = Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .arg("record")
        .args(args)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut log = BufReader::new(child.stderr.take().expect("piped"));
    let mut text = String::new();
    while !text.contains("ready") {
        assert!(log.read_line(&mut text).unwrap() > 0, "it ended: {text}");
    }
    act();
    // What happened last shall be older than what ends it.
    std::thread::sleep(Duration::from_millis(50));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    log.read_to_string(&mut text).unwrap();
    let status = child.wait().unwrap();
    assert!(matches!(status.code(), Some(0 | 3)), "{status}: {text}");
    text
}

/// What `record` writes reads the same in peregrine, sysdig and tshark, and is ordered by time.
#[test]
fn sysdig_and_tshark_read_what_is_recorded() {
    if live::skip_reason().is_some() {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("machine.scap");
    let log = record(&[path(&file), "--workers", "2", "--rings", "4"], "-INT", || {
        build(work.path());
    });
    let output = replay(&[path(&file), "--print", "*%evt.rawtime %thread.tid %evt.type"]);
    let mine = String::from_utf8_lossy(&output.stdout).into_owned();
    let mine: Vec<&str> = mine.lines().collect();
    assert!(mine.len() > 1000, "{} events: {log}", mine.len());
    assert!(log.contains(&format!("{} events", mine.len())), "{} events read: {log}", mine.len());
    if !log.contains("late") {
        let time = |line: &str| line.split(' ').next().unwrap().parse::<u64>().unwrap();
        assert!(mine.windows(2).all(|pair| time(pair[0]) <= time(pair[1])), "out of order: {log}");
    }
    foreign::tshark_agrees(&file);
    foreign::sysdig_agrees(&file, &mine);
}

/// A file that is stopped by SIGTERM, rotated, compressed and filtered is whole all the same.
#[test]
fn a_rotated_recording_is_whole_in_each_file() {
    if live::skip_reason().is_some() {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("part.scap.gz");
    let filter = format!("proc.cwd startswith {}", work.path().display());
    let log = record(
        &[path(&file), "--filter", &filter, "--rotate-size", "64K", "--rotate-files", "3"],
        "-TERM",
        || {
            (0..3).for_each(|n| {
                let folder = work.path().join(n.to_string());
                std::fs::create_dir(&folder).unwrap();
                build(&folder);
                // Files are closed at cuts, which take a moment.
                std::thread::sleep(Duration::from_millis(300));
            })
        },
    );
    let mut files: Vec<PathBuf> = std::fs::read_dir(work.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "gz"))
        .collect();
    files.sort();
    assert!((2..=3).contains(&files.len()), "{files:?}: {log}");
    let mut seen = 0;
    for file in &files {
        let output = replay(&[path(file), "--print", "*%proc.cwd %proc.name"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        seen += text.lines().count();
        // The state at the start of the file is there: no process is unknown.
        for line in text.lines() {
            assert!(line.starts_with(path(work.path())), "{}: {line}", file.display());
        }
    }
    assert!(seen > 100, "{seen} events in {files:?}: {log}");
}

/// An alert of a rule with `capture: true` leaves a capture with what was before and after it.
#[test]
fn an_alert_captures_what_is_around_it() {
    if live::skip_reason().is_some() {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let folder = work.path().canonicalize().unwrap();
    let text = format!(
        r#"
- rule: trigger
  desc: starts a capture
  condition: evt.type in (open, openat, creat) and fd.name = "{0}/trigger"
  output: trigger %proc.pid %fd.name
  priority: INFO
  capture: true
  capture_duration: 300
- rule: quiet
  desc: starts none
  condition: evt.type in (open, openat, creat) and fd.name = "{0}/quiet"
  output: quiet %fd.name
  priority: INFO
"#,
        folder.display()
    );
    let (_dir, rules) = live::rules_file(&text);
    let prefix = work.path().join("around");
    let engine = Engine::start(&[
        "-r",
        path(&rules),
        "--capture",
        "rules",
        "--capture-prefix",
        path(&prefix),
        "--workers",
        "2",
    ]);
    let touch = |name: &str| {
        std::fs::File::create(folder.join(name)).unwrap();
    };
    touch("before");
    touch("quiet");
    touch("trigger");
    touch("after");
    // Longer than the capture, so that it ends by itself.
    std::thread::sleep(Duration::from_millis(700));
    touch("much-later");
    let outcome = engine.stop();
    assert!(outcome.status.success(), "{}", outcome.log);
    let captures: Vec<PathBuf> = std::fs::read_dir(work.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "scap"))
        .collect();
    let [capture] = &captures[..] else { panic!("{captures:?}: {}", outcome.log) };
    let name = capture.file_name().unwrap().to_str().unwrap();
    assert_eq!(name.len(), "around_".len() + 20 + 1 + 20 + ".scap".len(), "{name}");
    assert!(outcome.log.contains(name), "{}", outcome.log);
    let output = replay(&[path(capture), "--print", "%fd.name", "--filter", "evt.type = openat"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for (file, is_there) in [("before", true), ("quiet", true), ("trigger", true), ("after", true)]
    {
        let name = format!("{}/{file}", folder.display());
        assert_eq!(text.lines().any(|line| line == name), is_there, "{file}: {}", outcome.log);
    }
    assert!(!text.contains("much-later"));
    let again = alerts_of(capture, &rules);
    assert_eq!(essence(&again), essence(&outcome.alerts));
}
