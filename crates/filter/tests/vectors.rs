//! Conformance vectors of the filter language, against Falco's own results.
//!
//! [`run`] runs one file and reports per kind; the tests at the end assert that nothing failed.
//! The folder is `$PEREGRINE_SHARED/conformance/vectors` (default: `shared` beside the workspace).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value as Json;

mod vector {
    pub mod catalog;
    pub mod compile;
    pub mod eval;
    pub mod parse;
    pub mod sets;
}

/// Result of one vector: its kind and, if it failed, why.
pub struct Outcome {
    /// `id` of the vector.
    pub id: String,
    /// `kind` of the vector.
    pub kind: String,
    /// Why it failed.
    pub failure: Option<String>,
}

/// Reads a file of vectors; `None`, said on stderr, if the folder is not there.
pub fn load(file: &str) -> Option<Vec<Json>> {
    let root = std::env::var_os("PEREGRINE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = root.join("conformance/vectors").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).expect("vector files are JSON arrays"))
}

/// Runs the vectors of a file whose kind is among `kinds`.
pub fn run(
    file: &str,
    kinds: &[&str],
    check: impl Fn(&Json) -> Result<(), String>,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for vector in load(file).unwrap_or_default() {
        let text = |key: &str| vector[key].as_str().unwrap_or_default().to_owned();
        if kinds.contains(&text("kind").as_str()) {
            let failure = check(&vector).err();
            outcomes.push(Outcome { id: text("id"), kind: text("kind"), failure });
        }
    }
    outcomes
}

/// Prints passed and total per kind and every failure, and panics if there was one.
pub fn report(file: &str, outcomes: &[Outcome]) {
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for outcome in outcomes {
        let (passed, total) = kinds.entry(&outcome.kind).or_default();
        *passed += usize::from(outcome.failure.is_none());
        *total += 1;
        if let Some(failure) = &outcome.failure {
            eprintln!("FAILED {file} {}: {failure}", outcome.id);
        }
    }
    for (kind, (passed, total)) in &kinds {
        eprintln!("{file} {kind}: {passed}/{total}");
    }
    assert!(outcomes.iter().all(|o| o.failure.is_none()), "{file}: vectors failed");
}

/// A string of a vector: text, `{"hex": …}` or `{"repeat": …, "count": …}`.
pub fn bytes(value: &Json) -> Vec<u8> {
    if let Some(text) = value.as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(hex) = value["hex"].as_str() {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
        return (0..hex.len()).step_by(2).map(digits).collect();
    }
    let text = value["repeat"].as_str().expect("a string, hex or repeat");
    text.repeat(value["count"].as_u64().expect("a count") as usize).into_bytes()
}

/// Fails with both sides unless they are equal.
pub fn expect_eq<T: PartialEq + std::fmt::Debug>(
    what: &str,
    got: T,
    expected: T,
) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}: got {got:?}, expected {expected:?}"))
}

#[test]
fn filter_parse() {
    let kinds = ["parse", "escape", "unescape", "supported"];
    report("filter_parse.json", &run("filter_parse.json", &kinds, vector::parse::check));
}

#[test]
fn filter_text() {
    report("filter_compile.json", &run("filter_compile.json", &["text"], vector::parse::check));
}

#[test]
fn filter_compile() {
    let Some(catalog) = vector::catalog::Fields::load() else { return };
    let check = |v: &Json| vector::compile::check(&catalog, v);
    report("filter_compile.json", &run("filter_compile.json", &["compile"], check));
}

#[test]
fn filter_sets() {
    let kinds = ["syscall_set", "event_set"];
    report("filter_compile.json", &run("filter_compile.json", &kinds, vector::sets::check));
}

#[test]
fn filter_eval() {
    let Some(catalog) = vector::catalog::Fields::load() else { return };
    let check = |v: &Json| vector::eval::check(&catalog, v);
    report("filter_eval.json", &run("filter_eval.json", &["mock", "transform"], check));
    report("paths.json", &run("paths.json", &["prefix_match"], check));
}
