//! Falco's old regression suite: its command line is run, and what it prints and returns compared.
//!
//! A case is rules, perhaps a configuration and a capture, options, and expectations. The program
//! is Peregrine's, called by the name `falco`.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::{Regex, RegexBuilder};
use serde_json::Value as Json;

use crate::Folders;
use crate::case::{Trouble, expect_eq, items, text};
use crate::converter::find_capture;

/// What stands in for the configuration that comes with Falco, where a case brings none. Alerts
/// must not go to the log of the machine that runs the cases.
const DEFAULT_CONFIG: &str = "\
engine:
  kind: modern_ebpf
append_output:
  - suggested_output: true
stdout_output:
  enabled: true
syslog_output:
  enabled: false
log_stderr: true
log_syslog: false
";

/// The program beside this one: `target/…/peregrine`.
pub fn binary_beside() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    // Tests are one folder further down.
    let folders = own.ancestors().skip(1).take(2);
    folders.map(|folder| folder.join("peregrine")).find(|path| path.is_file())
}

/// What a run gave.
struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
    folder: tempfile::TempDir,
}

/// Runs a case.
///
/// # Errors
/// It gives something else than Falco, or something is missing to run it.
pub fn check(case: &Json, folders: &Folders) -> Result<(), Trouble> {
    let Some(binary) = &folders.binary else {
        return Err(Trouble::Skipped("needs the program peregrine beside this one".into()));
    };
    let outcome = run(case, folders, binary)?;
    expectations(&outcome, &case["expect"]).map_err(|trouble| match trouble {
        Trouble::Failed(message) => Trouble::Failed(format!(
            "{message}\nstandard output:\n{}\nstandard error:\n{}",
            outcome.stdout, outcome.stderr
        )),
        skipped => skipped,
    })
}

fn io(error: std::io::Error) -> Trouble {
    Trouble::Failed(error.to_string())
}

fn run(case: &Json, folders: &Folders, binary: &Path) -> Result<Outcome, Trouble> {
    let folder = tempfile::tempdir().map_err(io)?;
    let place = |text: &str| text.replace("@WORKDIR@", &folder.path().display().to_string());
    let write = |file: &Json| -> Result<PathBuf, Trouble> {
        let path = folder.path().join(text(&file["name"]));
        let content = match file["content"].as_str() {
            Some(content) => place(content).into_bytes(),
            None => {
                let name = text(&file["content_ref"]).trim_start_matches("aux/");
                let source = folders.aux.join(name);
                let missing = |_| Trouble::Skipped(format!("{} is missing", source.display()));
                std::fs::read(&source).map_err(missing)?
            }
        };
        std::fs::write(&path, content).map_err(io)?;
        Ok(path)
    };
    let config = match case.get("config") {
        Some(config) => write(config)?,
        None => {
            let path = folder.path().join("falco.yaml");
            std::fs::write(&path, DEFAULT_CONFIG).map_err(io)?;
            path
        }
    };
    let mut command = Command::new(binary);
    command.arg0("falco").current_dir(folder.path()).env("TZ", "UTC");
    command.args(["-c".as_ref(), config.as_os_str()]);
    command.args(["-o", "append_output.suggested_output=false"]);
    for (option, files) in [("-r", &case["rules"]), ("-V", &case["validate"])] {
        for file in items(files) {
            command.args([option.as_ref(), write(file)?.as_os_str()]);
        }
    }
    command.args(items(&case["args"]).iter().map(|arg| place(text(arg))));
    if let Some(name) = case["capture"].as_str() {
        let capture = find_capture(&folders.captures, name)?;
        command.args(["-o", "engine.kind=replay", "-o"]);
        command.arg(format!("engine.replay.capture_file={}", capture.display()));
    }
    for option in
        ["log_level=debug", "log_stderr=true", "log_syslog=false", "stdout_output.enabled=true"]
    {
        command.args(["-o", option]);
    }
    for (name, value) in case["env"].as_object().into_iter().flatten() {
        command.env(name, text(value));
    }
    let output = command.output().map_err(io)?;
    Ok(Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        folder,
    })
}

fn expectations(outcome: &Outcome, expect: &Json) -> Result<(), Trouble> {
    for (key, wanted) in expect.as_object().into_iter().flatten() {
        match key.as_str() {
            "exit_code" => {
                expect_eq("exit code", outcome.code.map(i64::from), wanted.as_i64())?;
            }
            "success" => expect_eq("success", Some(outcome.code == Some(0)), wanted.as_bool())?,
            "detections" => detections(&outcome.stdout, wanted)?,
            "file_lines" => {
                for (name, lines) in wanted.as_object().into_iter().flatten() {
                    let path = outcome.folder.path().join(name);
                    let content = std::fs::read_to_string(&path).map_err(io)?;
                    contains_lines(name, &content, lines, true)?;
                }
            }
            "stdout_json_lines" => json_lines(&outcome.stdout, wanted)?,
            "stdout_json_keys" => {
                let object: Json = parse_json(&outcome.stdout)?;
                let missing = items(wanted).iter().find(|key| object.get(text(key)).is_none());
                expect_eq("missing key", missing, None)?;
            }
            _ if key.starts_with("validation_") => validation(outcome, key, wanted)?,
            _ => texts(outcome, key, wanted)?,
        }
    }
    Ok(())
}

/// `stdout_contains`, `stderr_not_matches` and so on.
fn texts(outcome: &Outcome, key: &str, wanted: &Json) -> Result<(), Trouble> {
    let unknown = || Trouble::Skipped(format!("unknown expectation {key}"));
    let (stream, how) = key.split_once('_').ok_or_else(unknown)?;
    let output = match stream {
        "stdout" => &outcome.stdout,
        "stderr" => &outcome.stderr,
        _ => return Err(unknown()),
    };
    match how {
        "contains_lines" => return contains_lines(stream, output, wanted, true),
        "excludes_lines" => return contains_lines(stream, output, wanted, false),
        "contains" | "matches" | "not_matches" => {}
        _ => return Err(unknown()),
    }
    for pattern in items(wanted).iter().map(text) {
        let found = match how {
            "contains" => output.contains(pattern),
            _ => regex(pattern)?.is_match(output),
        };
        expect_eq(&format!("{key} {pattern}"), found, how != "not_matches")?;
    }
    Ok(())
}

fn regex(pattern: &str) -> Result<Regex, Trouble> {
    let built = RegexBuilder::new(pattern).multi_line(true).build();
    built.map_err(|error| Trouble::Failed(error.to_string()))
}

fn contains_lines(what: &str, output: &str, wanted: &Json, is_in: bool) -> Result<(), Trouble> {
    for line in items(wanted).iter().map(text) {
        let found = output.lines().any(|have| have == line);
        expect_eq(&format!("{what}: line {line}"), found, is_in)?;
    }
    Ok(())
}

fn parse_json(text: &str) -> Result<Json, Trouble> {
    serde_json::from_str(text).map_err(|error| Trouble::Failed(format!("no JSON: {error}")))
}

fn json_lines(output: &str, wanted: &Json) -> Result<(), Trouble> {
    for (line, wanted) in output.lines().zip(items(wanted)) {
        expect_eq("a JSON line", &parse_json(line)?, wanted)?;
    }
    expect_eq("enough lines", output.lines().count() >= items(wanted).len(), true)?;
    Ok(())
}

/// Alerts by rule and priority, of all JSON lines.
fn detections(output: &str, wanted: &Json) -> Result<(), Trouble> {
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for alert in output.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok()) {
        if let (Some(rule), Some(priority)) = (alert["rule"].as_str(), alert["priority"].as_str()) {
            *counts.entry((rule.to_owned(), priority.to_lowercase())).or_default() += 1;
        }
    }
    for wanted in items(wanted) {
        let priority = text(&wanted["priority"]).to_lowercase();
        let rule = wanted["rule"].as_str();
        let matching = counts.iter().filter(|((name, level), _)| {
            rule.is_none_or(|rule| rule == name) && level.contains(&priority)
        });
        let found: u64 = matching.map(|(_, count)| count).sum();
        let is_right = match (wanted["count"].as_u64(), wanted["min"].as_u64()) {
            (Some(count), _) => found == count,
            (None, Some(min)) => found >= min,
            (None, None) => true,
        };
        if !is_right {
            return Err(Trouble::Failed(format!("{wanted}: {found} of {counts:?}")));
        }
    }
    Ok(())
}

/// What `-V` reports, as JSON.
fn validation(outcome: &Outcome, key: &str, wanted: &Json) -> Result<(), Trouble> {
    let first = outcome.stdout.lines().next().unwrap_or_default();
    let report = parse_json(first)?;
    let results = items(&report["falco_load_results"]);
    let all = |kind: &str| -> Vec<Json> {
        results.iter().flat_map(|result| items(&result[kind]).to_vec()).collect()
    };
    match key {
        "validation_ok" => {
            for (index, is_ok) in wanted.as_object().into_iter().flatten() {
                let result = index.parse().ok().and_then(|index: usize| results.get(index));
                let got = result.and_then(|result| result["successful"].as_bool());
                expect_eq(&format!("file {index}"), got, is_ok.as_bool())?;
            }
        }
        "validation_error_count" => {
            expect_eq(key, Some(all("errors").len() as u64), wanted.as_u64())?;
        }
        "validation_warning_count" => {
            expect_eq(key, Some(all("warnings").len() as u64), wanted.as_u64())?;
        }
        _ => {
            let reported = all(key.trim_start_matches("validation_"));
            for entry in items(wanted) {
                let found = reported.iter().any(|item| is_meant(item, entry));
                expect_eq(&format!("{key} {entry}"), found, true)?;
            }
        }
    }
    Ok(())
}

fn is_meant(item: &Json, wanted: &Json) -> bool {
    let is_named = |key: &str| match wanted.get(key) {
        None => true,
        Some(value) => {
            items(&item["context"]["locations"]).iter().any(|location| location[key] == *value)
        }
    };
    let is_same = |key: &str| wanted.get(key).is_none_or(|value| item[key] == *value);
    // What is wrong with YAML, two parsers say in their own words.
    let is_yaml = wanted["code"] == "LOAD_ERR_YAML_PARSE";
    is_same("code")
        && (is_yaml || is_same("message"))
        && is_named("item_type")
        && is_named("item_name")
}
