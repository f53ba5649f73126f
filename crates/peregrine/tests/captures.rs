//! The binary on captures, against what Falco said of them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use flate2::read::MultiGzDecoder;
use serde_json::Value as Json;

/// Values that differ on purpose, see docs/differences.md.
const INTENDED: &[&str] = &[
    "evt.abspath",
    "evt.buffer",
    "evt.deltatime",
    "evt.deltatime.ns",
    "evt.deltatime.s",
    "evt.type.is[openat]",
    "fd.types",
    "proc.exe_ino.ctime_duration_pidns_start",
    "proc.exe_ino.ctime_duration_proc_start",
    "proc.pidns_init_start_ts",
    "proc.ppid.duration",
];

/// Share of equal cells below which something is broken.
const SHARE: f64 = 0.999;

fn shared() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let path = std::env::var_os("PEREGRINE_SHARED").map_or_else(|| default.into(), PathBuf::from);
    if path.join("conformance/captures").is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no conformance data in {}", path.display());
    None
}

fn peregrine(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peregrine"));
    command.args(args).env("TZ", "UTC").env("FALCO_HOSTNAME", "golden");
    command
}

fn run(args: &[&str]) -> Output {
    peregrine(args).output().unwrap()
}

fn lines_of(path: &Path) -> impl Iterator<Item = Json> + use<> {
    let file = std::fs::File::open(path).unwrap();
    let lines = BufReader::new(MultiGzDecoder::new(file)).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

fn parsed(bytes: &[u8]) -> impl Iterator<Item = Json> {
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap())
}

/// Captures that have golden results of a kind, by name. Large ones take too long in a debug build.
fn captures(dir: &Path, kind: &str, large: &[&str]) -> Vec<String> {
    let suffix = format!(".{kind}.jsonl.gz");
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(&suffix).map(str::to_owned)
        })
        .filter(|name| !(cfg!(debug_assertions) && large.contains(&&**name)))
        .collect();
    names.sort();
    names
}

#[test]
fn alerts_are_those_of_falco() {
    let Some(shared) = shared() else { return };
    let dir = shared.join("conformance/captures");
    let rules = ["falco_rules", "falco-incubating_rules", "falco-sandbox_rules"]
        .map(|name| shared.join(format!("falco-rules/{name}.yaml")).display().to_string());
    let mut different = Vec::new();
    for matching in ["first", "all"] {
        let kind = format!("alerts-{matching}");
        for name in captures(&dir, &kind, &["vm-load"]) {
            let capture = dir.join(format!("{name}.scap.gz")).display().to_string();
            let mut args = vec!["replay", &capture, "--json", "--rule-matching", matching];
            rules.iter().for_each(|file| args.extend(["-r", &**file]));
            let output = run(&args);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let golden: Vec<Json> =
                lines_of(&dir.join(format!("{name}.{kind}.jsonl.gz"))).collect();
            // The bytes: keys in the same order, numbers and text spelt alike. The golden files
            // have a blank after each comma and colon, which printing them again removes.
            let ours: Vec<&[u8]> =
                output.stdout.split(|b| *b == b'\n').filter(|line| !line.is_empty()).collect();
            let theirs: Vec<String> = golden.iter().map(Json::to_string).collect();
            let first = (0..ours.len().max(theirs.len()))
                .find(|at| ours.get(*at).copied() != theirs.get(*at).map(String::as_bytes));
            println!("{name} {matching}: {} alerts, {} there", ours.len(), theirs.len());
            if let Some(at) = first {
                let ours = ours.get(at).map(|line| String::from_utf8_lossy(line));
                println!("  {at}: {ours:?}\n  for {:?}", theirs.get(at));
                different.push(format!("{name} {matching}"));
            }
        }
    }
    assert!(different.is_empty(), "{different:?}");
}

fn same(ours: &Json, theirs: &Json) -> bool {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(a), Some(b)) if !ours.is_i64() || !theirs.is_i64() => (a - b).abs() < 1e-9,
        _ => ours == theirs,
    }
}

#[test]
fn fields_are_those_of_falco() {
    let Some(shared) = shared() else { return };
    let dir = shared.join("conformance/captures");
    let mut failed = Vec::new();
    for name in captures(&dir, "fields", &["vm-attack-a", "vm-container"]) {
        let mut golden = lines_of(&dir.join(format!("{name}.fields.jsonl.gz")));
        let head = golden.next().unwrap();
        let fields: Vec<&str> =
            head["fields"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
        let capture = dir.join(format!("{name}.scap.gz")).display().to_string();
        let output = run(&["replay", &capture, "--fields", &fields.join(","), "--format", "json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (mut cells, mut equal, mut rows) = (0u64, 0u64, 0u64);
        let mut differing = std::collections::BTreeMap::<&str, (u64, String)>::new();
        let mut ours = parsed(&output.stdout);
        for theirs in golden {
            let ours = ours.next().expect("as many events as Falco");
            assert_eq!(ours[0], theirs[0], "{name}: evt.num");
            rows += 1;
            for (index, field) in fields.iter().enumerate() {
                if INTENDED.contains(field) {
                    continue;
                }
                cells += 1;
                if same(&ours[index], &theirs[index]) {
                    equal += 1;
                    continue;
                }
                let entry = differing.entry(field).or_insert_with(|| {
                    (0, format!("#{}: {} for {}", theirs[0], ours[index], theirs[index]))
                });
                entry.0 += 1;
            }
        }
        assert!(ours.next().is_none(), "{name}: more events than Falco");
        let share = equal as f64 / cells as f64;
        println!("{name}: {rows} events, {equal} of {cells} cells equal ({share:.6})");
        for (field, (count, first)) in differing {
            println!("  {field}: {count}, first {first}");
        }
        if share < SHARE {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

/// A small capture of an old version.
fn small(shared: &Path) -> String {
    shared.join("conformance/captures/open-multiple-files.scap.gz").display().to_string()
}

/// Rows of a capture that tell events apart.
fn rows(capture: &str, more: &[&str]) -> Vec<Json> {
    let fields = "evt.rawtime,evt.type,thread.tid,evt.cpu,evt.args,proc.name,proc.cmdline,fd.name";
    let output =
        run(&[&["replay", capture, "--fields", fields, "--format", "json"], more].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    parsed(&output.stdout).collect()
}

#[test]
fn what_is_written_reads_the_same() {
    let Some(shared) = shared() else { return };
    let capture = small(&shared);
    let dir = tempfile::tempdir().unwrap();
    let original = rows(&capture, &[]);
    for name in ["converted.scap", "converted.scap.gz"] {
        let out = dir.path().join(name).display().to_string();
        assert!(run(&["convert", &capture, &out]).status.success());
        assert_eq!(rows(&out, &[]), original, "{name}");
    }
    let out = dir.path().join("written.scap.gz").display().to_string();
    assert!(run(&["replay", &capture, "--write", &out]).status.success());
    assert_eq!(rows(&out, &[]), original);
    assert_eq!(std::fs::read(&out).unwrap()[..2], [0x1f, 0x8b]);
    // A part of it: what is left out still changes the state.
    let filter = ["--filter", "evt.type in (read, close) and fd.name contains /"];
    let wanted = rows(&capture, &filter);
    assert!(!wanted.is_empty() && wanted.len() < original.len());
    let out = dir.path().join("part.scap").display().to_string();
    let output = run(&[&["replay", &capture, "--write", &out][..], &filter].concat());
    assert!(output.status.success() && output.stdout.is_empty());
    assert_eq!(rows(&out, &[]), wanted);
}

#[test]
fn standard_input_and_several_files() {
    let Some(shared) = shared() else { return };
    let capture = small(&shared);
    let one = run(&["replay", &capture]).stdout;
    assert!(!one.is_empty() && !one.contains(&0x1b), "no colours in a file");
    let twice = run(&["replay", &capture, &capture]).stdout;
    assert_eq!(twice, [&one[..], &one].concat());
    let mut child =
        peregrine(&["replay", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let bytes = std::fs::read(&capture).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    assert_eq!(child.wait_with_output().unwrap().stdout, one);
    feeder.join().unwrap();
}

#[test]
fn an_early_end_is_reported_behind_everything_before() {
    let Some(shared) = shared() else { return };
    let capture = small(&shared);
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.scap").display().to_string();
    assert!(run(&["convert", &capture, &whole]).status.success());
    let all = run(&["replay", &whole]);
    let cut = dir.path().join("cut.scap").display().to_string();
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 5]).unwrap();
    let part = run(&["replay", &cut]);
    assert_eq!(part.status.code(), Some(3));
    let message = String::from_utf8(part.stderr).unwrap();
    assert!(message.contains("ends inside the") && message.contains("at offset"), "{message}");
    let count = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'\n').count();
    assert_eq!(count(&part.stdout) + 1, count(&all.stdout));
}

#[test]
fn mistakes_are_explained() {
    let Some(shared) = shared() else { return };
    let capture = small(&shared);
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text");
    std::fs::write(&text, "this is not a capture").unwrap();
    let text = text.display().to_string();
    for (args, expected) in [
        (vec!["replay", "/nowhere.scap"], "cannot open /nowhere.scap"),
        (vec!["replay", &*text], "not a capture"),
        (vec!["replay", &*capture, "--filter", "evt.type ="], "--filter: 1:11"),
        (vec!["replay", &*capture, "--filter", "proc.nam = a"], "proc.nam"),
        (vec!["replay", &*capture, "--fields", "proc.nam"], "proc.nam"),
        (vec!["replay", &*capture, "--print", "%nothing"], "nothing"),
        (vec!["replay", &*capture, "--write", &*capture], "it is an input too"),
        (vec!["convert", &*capture, &*capture], "it is the input too"),
    ] {
        let output = run(&args);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {message}");
        assert!(message.contains(expected), "{args:?}: {message}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn formats() {
    let Some(shared) = shared() else { return };
    let capture = small(&shared);
    let text = |args: &[&str]| {
        let output = run(&[&["replay", &*capture], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let filter = ["--filter", "evt.type = openat or evt.type = open"];
    let columns = text(&[&["--fields", "evt.type,fd.name"][..], &filter].concat());
    assert!(columns.lines().count() > 1);
    assert!(columns.lines().all(|line| line.starts_with("open") && line.contains('\t')));
    let printed = text(&[&["--print", "*%evt.type\t%fd.name"][..], &filter].concat());
    assert_eq!(printed, columns);
    let objects = text(&[&["--json"][..], &filter].concat());
    assert_eq!(objects.lines().count(), columns.lines().count());
    let first: Json = serde_json::from_str(objects.lines().next().unwrap()).unwrap();
    assert!(first["evt.type"].as_str().unwrap().starts_with("open"), "{first}");
}

/// Breaks if what is printed depends on the number of workers, or on captures being read one after
/// another.
#[test]
fn lines_do_not_depend_on_workers_or_on_reading_side_by_side() {
    let Some(shared) = shared() else { return };
    let dir = shared.join("conformance/captures");
    let path = |name: &str| dir.join(format!("{name}.scap.gz")).display().to_string();
    let files = ["psp_run_as_user_0_container", "cat_write", "open-multiple-files"].map(path);
    let fields = "evt.num,evt.type,proc.name,proc.pname,proc.aname[2],fd.name,proc.cwd,evt.args";
    let with = |more: &[&str]| {
        let mut args = vec!["replay", "--fields", fields];
        args.extend(files.iter().map(String::as_str));
        args.extend(more);
        let output = run(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let one = with(&[]);
    assert!(one.split(|b| *b == b'\n').count() > 1000);
    for more in [
        &["--workers", "2"][..],
        &["--workers", "8"],
        &["--parallel-files"],
        &["--parallel-files", "--workers", "2"],
    ] {
        assert!(with(more) == one, "{more:?}");
    }
}
