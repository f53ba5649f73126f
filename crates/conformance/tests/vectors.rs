//! The cases of the shared data, as `make conformance` runs them. Each test is a share of the
//! files; without the data they say so and pass.

use peregrine_conformance::suite::{run_capture, run_file, vector_files};
use peregrine_conformance::{Folders, Report, captures, differences};

/// Runs some files and fails with the table unless all that differs is intended.
fn run(vectors: impl Fn(&str) -> bool, with_captures: bool) {
    let folders = Folders::default();
    let differences = differences().expect("docs/differences.md");
    let mut report = Report::default();
    for file in vector_files(&folders).iter().filter(|file| vectors(file)) {
        report.add(run_file(&folders, file).expect("a file of cases"), &differences);
    }
    if with_captures {
        for name in captures::names(&folders.captures) {
            report.add(run_capture(&folders, &name, &[1, 2, 4, 8]), &differences);
        }
    }
    let total = report.total();
    if total.passed + total.failed == 0 {
        eprintln!("skipped: no cases in {}; set PEREGRINE_SHARED", folders.vectors.display());
        return;
    }
    eprintln!("{}", report.text());
    assert_eq!(total.failed, 0, "{}", report.text());
}

fn is_about_filters(file: &str) -> bool {
    file.starts_with("filter_") || file == "paths.json"
}

fn is_about_rules(file: &str) -> bool {
    file == "rules_load.json" || file == "legacy_suite.json"
}

#[test]
fn filters_mean_what_they_mean_in_falco() {
    run(is_about_filters, false);
}

#[test]
fn rules_files_load_as_in_falco() {
    run(is_about_rules, false);
}

#[test]
fn events_and_configuration_are_those_of_falco() {
    run(|file| !is_about_filters(file) && !is_about_rules(file), false);
}

#[test]
fn captures_show_what_falco_shows() {
    run(|_| false, true);
}
