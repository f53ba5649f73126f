//! Which cases there are, and what runs each kind.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::Value as Json;

use crate::case::{Trouble, text};
use crate::filter::{Catalogue, compile, eval, parse, sets};
use crate::rules::{conditions, load};
use crate::{FileReport, Folders, Outcome, captures, config, converter, events, legacy};

/// Names of the files of cases in a folder, sorted.
pub fn vector_files(folders: &Folders) -> Vec<String> {
    let entries = std::fs::read_dir(&folders.vectors).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".json")).collect();
    names.sort();
    names
}

/// Runs all cases of a file.
///
/// # Errors
/// It cannot be read, or is no JSON array.
pub fn run_file(folders: &Folders, file: &str) -> anyhow::Result<FileReport> {
    let text = std::fs::read(folders.vectors.join(file))?;
    let cases: Vec<Json> = serde_json::from_slice(&text)?;
    let catalogue = Catalogue::default();
    let mut outcomes = Vec::new();
    for case in &cases {
        for kind in kinds(file, case) {
            let result =
                catch_unwind(AssertUnwindSafe(|| check(folders, &catalogue, file, &kind, case)));
            let trouble = match result {
                Ok(result) => result.err(),
                Err(panic) => Some(Trouble::Failed(format!("panicked: {}", message(&*panic)))),
            };
            outcomes.push(Outcome::new(id(case, &kind), &kind, trouble));
        }
    }
    Ok(FileReport { file: file.to_owned(), outcomes })
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

/// What a case is checked for. Files of one kind do not name it.
fn kinds(file: &str, case: &Json) -> Vec<String> {
    let kind = match (file, case["kind"].as_str()) {
        (_, Some(kind)) => kind,
        ("event_fields.json", None) => {
            return ["checks", "observed", "final_state"].map(str::to_owned).to_vec();
        }
        ("formatter.json", None) => "format",
        _ => "unknown",
    };
    vec![kind.to_owned()]
}

/// The id of a case; what Falco printed but did not assert has an id of its own.
fn id(case: &Json, kind: &str) -> String {
    let id = text(&case["id"]);
    match kind {
        "observed" | "final_state" => format!("{id}/{kind}"),
        _ => id.to_owned(),
    }
}

fn check(
    folders: &Folders,
    catalogue: &Catalogue,
    file: &str,
    kind: &str,
    case: &Json,
) -> Result<(), Trouble> {
    let result = match (file, kind) {
        ("filter_parse.json", "parse" | "escape" | "unescape" | "supported")
        | ("filter_compile.json", "text") => parse::check(case),
        ("filter_compile.json", "compile") => compile::check(catalogue, case),
        ("filter_compile.json", "syscall_set" | "event_set") => sets::check(case),
        ("filter_eval.json", "mock" | "transform") | ("paths.json", "prefix_match") => {
            eval::check(catalogue, case)
        }
        ("filter_eval.json", "event") => return events::check_filters(case),
        ("paths.json", "concat") => concat(case),
        ("paths.json", "fspath") | ("event_fields.json", "checks") => {
            return events::check_fields(case);
        }
        ("event_fields.json", "observed") => return events::check_observed(case),
        ("event_fields.json", "final_state") => return events::check_final_state(case),
        ("formatter.json", "format") => return events::check_format(case),
        ("converter.json", "steps") => return converter::check_steps(case),
        ("converter.json", "capture_event" | "capture_counts") => {
            return converter::check_capture(case, &folders.captures);
        }
        ("rules_load.json", "load") => load::check(case),
        ("rules_load.json", "validate") => return load::check_validate(case, &folders.aux),
        ("legacy_suite.json", "validate") => {
            // The report of one is the report of the other; the exit code is only the program's.
            load::check_validate(case, &folders.aux)?;
            return legacy::check(case, folders);
        }
        ("rules_load.json", "plugin_requirements") => load::check_plugins(case),
        ("rules_load.json", "ruleset") => load::check_ruleset(case),
        ("rules_load.json", "macro_resolve") => conditions::check_macros(case),
        ("rules_load.json", "condition_details") => conditions::check_details(case),
        ("rules_load.json", "condition_warnings") => conditions::check_warnings(case),
        ("legacy_suite.json", "capture" | "command") => return legacy::check(case, folders),
        ("config.json", "yaml" | "config" | "interval") => config::check(kind, case),
        _ => return Err(Trouble::Skipped(format!("nothing runs {file} {kind}"))),
    };
    result.map_err(Trouble::Failed)
}

fn concat(case: &Json) -> Result<(), String> {
    use crate::case::{bytes, expect_eq};
    let joined = peregrine_state::path::join(&bytes(&case["dir"]), &bytes(&case["path"]));
    expect_eq("path", joined, bytes(&case["result"]))
}

/// Runs what there is for a capture; its alerts on each of these numbers of workers.
pub fn run_capture(folders: &Folders, name: &str, workers: &[usize]) -> FileReport {
    let mut outcomes = Vec::new();
    for table in ["fields", "container"] {
        outcomes.extend(captures::fields(&folders.captures, name, table).into_iter().flatten());
    }
    for which in ["first", "all"] {
        for count in workers {
            outcomes.extend(captures::alerts(folders, name, which, *count));
        }
    }
    if outcomes.is_empty() {
        outcomes.push(captures::readable(&folders.captures, name));
    }
    FileReport { file: format!("{name}.scap"), outcomes }
}
