//! Privileges are given up once the probe is attached, by every thread, and what needs none of
//! them goes on: alerts with the paths of other users' processes, reloads, files opened anew.

mod live;

use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use live::{Engine, field};
use serde_json::Value;

/// Long enough for any machine; no test waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(60);
/// A user without any rights of its own.
const NOBODY: u32 = 65534;
/// CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE.
const KEPT: u64 = 1 << 2 | 1 << 19;
/// CAP_BPF, which kernels before 5.19 want for every touch of a map.
const FOR_MAPS: u64 = 1 << 39;

/// A shell of another user that reads `$MARKED` each time it is given a line.
struct Reader {
    child: Child,
}

impl Reader {
    fn start(folder: &Path, name: &str) -> Self {
        let place = folder.join(name);
        std::fs::create_dir(&place).unwrap();
        // Closed to others: its cwd is read with capabilities only.
        chown(&place, Some(1), Some(1)).unwrap();
        std::fs::set_permissions(&place, PermissionsExt::from_mode(0o700)).unwrap();
        let script = format!(
            "cd {}; while read line; do cat {}/marked; done",
            place.display(),
            folder.display()
        );
        let child = Command::new("setpriv")
            .args(["--reuid", "1", "--regid", "1", "--clear-groups", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child }
    }

    fn act(&mut self) {
        writeln!(self.child.stdin.as_ref().unwrap(), "now").unwrap();
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn rules(name: &str, folder: &Path) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: evt.type in (open, openat, openat2) and fd.name = {}/marked\n  \
         output: seen %proc.exepath %proc.cwd %proc.pexepath %user.uid\n  priority: NOTICE\n",
        folder.display()
    )
}

/// A folder that everybody may enter, with rules and the file they watch.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(folder.path().join("marked"), "x").unwrap();
    std::fs::write(folder.path().join("rules.yaml"), rules("before", folder.path())).unwrap();
    folder
}

/// A line of `/proc/PID/task/TID/status` of each thread.
fn of_threads(pid: u32, key: &str) -> Vec<(String, String)> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| {
            let path = task.unwrap().path();
            let status = std::fs::read_to_string(path.join("status")).unwrap();
            let value = status.lines().find_map(|line| line.strip_prefix(key));
            let name = std::fs::read_to_string(path.join("comm")).unwrap();
            (name, value.unwrap_or_else(|| panic!("{key} in {status}")).trim().to_owned())
        })
        .collect()
}

fn assert_dropped(pid: u32, uid: u32) {
    // A thread takes its name after it has started.
    wait_until("the threads have started", || {
        let threads = of_threads(pid, "Name:");
        let has = |name: &str| threads.iter().any(|(_, thread)| thread.starts_with(name));
        has("worker-0") && has("signals") && has("control")
    });
    for key in ["CapEff:", "CapPrm:", "CapBnd:"] {
        for (thread, set) in of_threads(pid, key) {
            let set = u64::from_str_radix(&set, 16).unwrap();
            assert!(set == KEPT || set == KEPT | FOR_MAPS, "{thread}: {key} {set:x}");
        }
    }
    for (key, expected) in [
        ("CapInh:", "0000000000000000".to_owned()),
        ("CapAmb:", "0000000000000000".to_owned()),
        ("NoNewPrivs:", "1".to_owned()),
        ("Uid:", format!("{uid}\t{uid}\t{uid}\t{uid}")),
    ] {
        for (thread, value) in of_threads(pid, key) {
            assert_eq!(value, expected, "{thread}: {key}");
        }
    }
}

fn expect(engine: &Engine, rule: &str, cwd: &Path) -> Value {
    let alert = engine.wait_for(PATIENCE, |alert| {
        alert["rule"] == rule && field(alert, "proc.cwd") == format!("{}/", cwd.display()).as_str()
    });
    let alert = alert.unwrap_or_else(|| panic!("no alert of {rule} from {}", cwd.display()));
    let path = field(&alert, "proc.exepath").as_str().unwrap_or_default().to_owned();
    assert!(path.ends_with("/cat") || path.ends_with("/coreutils"), "{alert}");
    let parent = field(&alert, "proc.pexepath").as_str().unwrap_or_default();
    assert!(parent.starts_with('/'), "{alert}");
    alert
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(engine: &Engine, name: &str) {
    let sent = Command::new("kill").args([name, &engine.pid().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Everything that a running engine does, with few privileges.
fn detects_reloads_and_reopens(privileges: &[&str], uid: u32) {
    if live::skip_reason().is_some() {
        return;
    }
    let folder = folder();
    let path = folder.path();
    let out = path.join("out");
    std::fs::create_dir(&out).unwrap();
    chown(&out, Some(uid), Some(uid)).unwrap();
    let alerts = out.join("alerts.json");
    let rules_file = path.join("rules.yaml").display().to_string();
    let socket = format!("peregrine.control_socket={}/control.sock", out.display());
    let file = alerts.display().to_string();
    let mut before = Reader::start(path, "before");
    let mut args = vec!["-r", &rules_file, "--output-file", &file, "-o", &socket];
    args.extend(privileges);
    let engine = Engine::start(&args);
    assert_dropped(engine.pid(), uid);

    let mut after = Reader::start(path, "after");
    before.act();
    expect(&engine, "before", &path.join("before"));
    after.act();
    expect(&engine, "before", &path.join("after"));

    // Rules: by a signal, and over the socket.
    std::fs::write(&rules_file, rules("reloaded", path)).unwrap();
    signal(&engine, "-HUP");
    let mut tries = 0;
    let mut new_rule = |rule: &str, reader: &mut Reader, place: &str| loop {
        reader.act();
        let is_new = |alert: &Value| alert["rule"] == rule;
        if engine.wait_for(Duration::from_millis(500), is_new).is_some() {
            reader.act();
            expect(&engine, rule, &path.join(place));
            break;
        }
        tries += 1;
        assert!(tries < 100, "{rule} is not in force");
    };
    new_rule("reloaded", &mut before, "before");
    std::fs::write(&rules_file, rules("asked for", path)).unwrap();
    let asked = Command::new(env!("CARGO_BIN_EXE_peregrine"))
        .args(["reload", "--socket", &format!("{}/control.sock", out.display())])
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    new_rule("asked for", &mut after, "after");

    // The file is opened anew.
    std::fs::rename(&alerts, out.join("alerts.json.1")).unwrap();
    signal(&engine, "-USR1");
    wait_until("the file is opened anew", || alerts.exists());
    after.act();
    wait_until("the new file gets alerts", || {
        std::fs::read_to_string(&alerts).is_ok_and(|text| text.contains("asked for"))
    });
    assert_dropped(engine.pid(), uid);
    let outcome = engine.stop();
    assert!(outcome.status.success(), "{}", outcome.log);
}

#[test]
fn root_without_capabilities() {
    detects_reloads_and_reopens(&["--drop-privileges"], 0);
}

#[test]
fn another_user() {
    detects_reloads_and_reopens(&["--user", "65534"], NOBODY);
}

#[test]
fn an_output_that_cannot_be_opened_any_more_is_explained_at_the_start() {
    if live::skip_reason().is_some() {
        return;
    }
    let folder = folder();
    let file = folder.path().join("alerts.json").display().to_string();
    let run = |args: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_peregrine"))
            .args(["run", "--duration", "1", "--output-file", &file])
            .args(args)
            .output()
            .unwrap();
        (run.status.success(), String::from_utf8_lossy(&run.stderr).into_owned())
    };
    let (is_well, said) = run(&["--user", "65534"]);
    assert!(!is_well, "{said}");
    for part in ["peregrine.user", &file, "Permission denied"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (is_well, said) = run(&["--user", "nobody-of-that-name"]);
    assert!(!is_well && said.contains("there is no user"), "{said}");
}

#[test]
fn programs_of_outputs_get_no_capabilities() {
    if live::skip_reason().is_some() {
        return;
    }
    let folder = folder();
    let status = folder.path().join("status");
    let program = format!("cat /proc/self/status > {}; cat >/dev/null", status.display());
    let rules_file = folder.path().join("rules.yaml").display().to_string();
    let engine =
        Engine::start(&["-r", &rules_file, "--output-program", &program, "--drop-privileges"]);
    let mut reader = Reader::start(folder.path(), "reader");
    reader.act();
    wait_until("the program has run", || {
        std::fs::read_to_string(&status).is_ok_and(|text| text.contains("NoNewPrivs:\t1"))
    });
    let text = std::fs::read_to_string(&status).unwrap();
    for key in ["CapPrm:", "CapEff:", "CapInh:", "CapAmb:"] {
        assert!(text.contains(&format!("{key}\t0000000000000000")), "{text}");
    }
    let outcome = engine.stop();
    assert!(outcome.status.success(), "{}", outcome.log);
}

/// A recording, and the files of its rotation, need no privilege beside a folder of the user's.
#[test]
fn a_recording_goes_on_as_another_user() {
    if live::skip_reason().is_some() {
        return;
    }
    let folder = folder();
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    chown(&out, Some(NOBODY), Some(NOBODY)).unwrap();
    let record = |file: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peregrine"));
        command.args(["record", &file.display().to_string(), "--user", "65534"]);
        command.args(["--rotate-size", "64K", "--rotate-files", "2"]);
        command.stderr(Stdio::piped());
        command
    };
    let file = out.join("machine.scap");
    let mut recorder = record(&file).spawn().unwrap();
    let mut reader = Reader::start(folder.path(), "reader");
    let pid = recorder.id();
    let rotated = || {
        let files = std::fs::read_dir(&out).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|e| e == "scap")).count() > 1
    };
    wait_until("a second file", || {
        reader.act();
        rotated()
    });
    for key in ["CapEff:", "CapPrm:"] {
        for (thread, set) in of_threads(pid, key) {
            let set = u64::from_str_radix(&set, 16).unwrap();
            assert!(set == KEPT || set == KEPT | FOR_MAPS, "{thread}: {key} {set:x}");
        }
    }
    assert!(of_threads(pid, "Uid:").iter().all(|(_, uids)| uids.starts_with("65534\t65534")));
    assert!(Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
    let mut said = String::new();
    recorder.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(matches!(recorder.wait().unwrap().code(), Some(0 | 3)), "{said}");
    assert!(said.contains("privileges: gave up") && said.contains("(65534:65534)"), "{said}");

    // Nobody may write beside the rules.
    let refused = record(&folder.path().join("machine.scap")).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    assert!(said.contains("--user") && said.contains("Permission denied"), "{said}");
}
