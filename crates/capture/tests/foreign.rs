//! What is written opens in sysdig and in tshark, if they are installed.

mod support;

use peregrine_capture::{Item, Reader, WriterOptions, convert_file};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Old enough for the sysdig of a stable distribution, which knows no file kinds of later years.
const CAPTURES: [&str; 4] =
    ["cat_write", "connect_localhost", "libs-sample", "psp_run_as_user_0_container"];

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// The captures, and each written anew, as a plain file.
fn rewritten(folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    let wanted = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().replace(".scap.gz", "");
        CAPTURES.contains(&name.as_str())
    };
    let captures = support::captures().into_iter().filter(wanted);
    captures
        .map(|path| {
            let output = folder.join(path.file_stem().unwrap());
            convert_file(&path, &output, WriterOptions::default(), |e| panic!("{e}")).unwrap();
            (path, output)
        })
        .collect()
}

fn lines(program: &str, args: &[&str]) -> Vec<String> {
    let output = Command::new(program).args(args).env("TZ", "UTC").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {errors}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn tshark_sees_the_same_events() {
    if !is_installed("tshark") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (_, path) in rewritten(folder.path()) {
        let file = path.to_str().unwrap();
        let fields = ["frame.time_epoch", "sysdig.event_type", "sysdig.thread_id", "sysdig.cpu_id"];
        let mut args = vec!["-r", file, "-T", "fields"];
        fields.iter().for_each(|field| args.extend(["-e", field]));
        let theirs = lines("tshark", &args);
        let mut reader = Reader::open(&path).unwrap();
        let mut mine = Vec::new();
        while let Some(item) = reader.next().unwrap() {
            let Item::Event(e) = item else { continue };
            let (s, ns) = (e.ts / 1_000_000_000, e.ts % 1_000_000_000);
            mine.push(format!("{s}.{ns:09}\t{}\t{}\t{}", e.code.0, e.tid, e.cpu));
        }
        assert_eq!(mine, theirs, "{file}");
        eprintln!("{}: {} events in tshark", path.display(), mine.len());
    }
}

/// Everything sysdig shows of the written file it also shows of the original, and what it does not
/// show any more are enter events.
#[test]
fn sysdig_sees_the_same_events() {
    if !is_installed("sysdig") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (original, path) in rewritten(folder.path()) {
        let show = |path: &Path| {
            let format = "*%evt.dir %evt.rawtime %evt.cpu %thread.tid %proc.name %evt.type";
            lines("sysdig", &["-r", path.to_str().unwrap(), "-p", format])
        };
        let (before, after) = (show(&original), show(&path));
        let mut counts: HashMap<&str, i64> = HashMap::new();
        before.iter().for_each(|line| *counts.entry(line).or_default() += 1);
        after.iter().for_each(|line| *counts.entry(line).or_default() -= 1);
        for (line, count) in counts {
            assert!(count >= 0, "{}: only in the written file: {line}", path.display());
            assert!(count == 0 || line.starts_with('>'), "{}: lost: {line}", path.display());
        }
        assert!(!after.is_empty());
        eprintln!("{}: {} events in sysdig, of {}", path.display(), after.len(), before.len());
    }
}
