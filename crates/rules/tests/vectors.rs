//! Runs the golden cases of rules loading.
//!
//! They are found through `PEREGRINE_SHARED`, by default `../shared` beside the workspace.

mod vector;

use std::path::PathBuf;

use serde_json::Value;

/// A file of the golden data, if it is there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("PEREGRINE_SHARED") {
        Some(root) => PathBuf::from(root),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    let path = root.join(path);
    if path.exists() {
        Some(path)
    } else {
        eprintln!("skipped: {} does not exist", path.display());
        None
    }
}

/// All cases of a kind.
fn cases(kind: &str) -> Vec<Value> {
    let Some(path) = shared("conformance/vectors/rules_load.json") else { return Vec::new() };
    let text = std::fs::read_to_string(path).expect("readable");
    let all: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    all.into_iter().filter(|case| case["kind"] == kind).collect()
}

/// Runs all cases of a kind and fails with all that went wrong.
fn run(kind: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let cases = cases(kind);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let error = check(case).err()?;
            Some(format!("{} ({}): {error}", case["id"].as_str()?, case["src"].as_str()?))
        })
        .collect();
    eprintln!("{kind}: {} of {} pass", cases.len() - failures.len(), cases.len());
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn load() {
    run("load", vector::load::check);
}

#[test]
fn validate() {
    run("validate", vector::load::check_validate);
}

#[test]
fn plugin_requirements() {
    run("plugin_requirements", vector::load::check_plugins);
}

#[test]
fn ruleset() {
    run("ruleset", vector::load::check_ruleset);
}

#[test]
fn macro_resolve() {
    run("macro_resolve", vector::conditions::check_macros);
}

#[test]
fn condition_details() {
    run("condition_details", vector::conditions::check_details);
}

#[test]
fn condition_warnings() {
    run("condition_warnings", vector::conditions::check_warnings);
}

/// The rules that Falco ships load without an error or a warning, alone and together.
#[test]
fn default_rules_load_clean() {
    let Some(folder) = shared("falco-rules") else { return };
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let read = |name: &str| std::fs::read(folder.join(name)).expect("readable");
    let counts = [25, 31, 37];
    for (name, count) in names.into_iter().zip(counts) {
        vector::with_loader(|loader| {
            let result = loader.load(name, &read(name));
            let report = peregrine_rules::render_all(&result.diagnostics, loader.files());
            assert!(result.is_ok() && result.warnings.is_empty(), "{report}");
            assert_eq!(loader.rule_set().sources()[0].rules().len(), count);
        });
    }
    vector::with_loader(|loader| {
        for name in names {
            let result = loader.load(name, &read(name));
            let report = peregrine_rules::render_all(&result.diagnostics, loader.files());
            assert!(result.is_ok() && result.warnings.is_empty(), "{report}");
        }
        assert_eq!(loader.rule_set().sources()[0].rules().len(), 93);
    });
}
