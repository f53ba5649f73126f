//! `peregrine rules test`: unit tests for rules.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use peregrine_capture::{Item, Reader};
use peregrine_engine::detector::Detector;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::{EventFilter, Step};
use peregrine_engine::ruleset::{self, RuleOptions};
use peregrine_engine::{Detection, Replay};
use peregrine_fields::view::{EventView, Session};
use peregrine_filter::Evaluator;
use peregrine_output::{Alert, FieldValue, StateQuality};
use peregrine_rules::RuleMatching;

use super::scenario::{self, Expected, Input, Test};

/// Options of `peregrine rules test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Files of tests, or directories with them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Runs tests; the exit code says whether all passed.
///
/// # Errors
/// A file cannot be read or is wrong, or its rules do not load.
pub fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let (mut passed, mut failed) = (0, 0);
    for path in ruleset::rules_files(&args.files)? {
        let mut text = String::new();
        let outcome = run_file(&path, &mut text)?;
        print!("{text}");
        passed += outcome.passed;
        failed += outcome.failed;
    }
    println!("{passed} passed, {failed} failed");
    anyhow::ensure!(passed + failed > 0, "no tests in these files");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What became of the tests of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that did not.
    pub failed: usize,
}

/// Runs the tests of a file and writes a line for each, and the difference where one failed.
///
/// # Errors
/// The file cannot be read or is wrong, or its rules do not load.
pub fn run_file(path: &Path, out: &mut String) -> anyhow::Result<Outcome> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = scenario::parse(&text, folder).map_err(|e| anyhow::anyhow!("{name}:{e}"))?;
    let load = |matching| -> anyhow::Result<Arc<Detection>> {
        let paths = file.rules.clone();
        let options =
            RuleOptions { paths, matching, suggested_output: false, ..RuleOptions::default() };
        Ok(Arc::new(ruleset::load(&options).with_context(|| format!("{name}"))?.detection))
    };
    let first = load(RuleMatching::First)?;
    // Where only some rules count, those before them must not hide them.
    let is_some_restricted = file.tests.iter().any(|test| !test.only.is_empty());
    let all = if is_some_restricted { load(RuleMatching::All)? } else { first.clone() };
    let mut outcome = Outcome::default();
    for test in &file.tests {
        let detection = if test.only.is_empty() { &first } else { &all };
        let about = || format!("{name}: {}", test.name);
        known_rules(test, detection).with_context(about)?;
        let alerts = alerts(test, detection).with_context(about)?;
        let difference = difference(test, detection, &alerts)?;
        if difference.is_empty() {
            outcome.passed += 1;
            let _ = writeln!(out, "ok    {name}: {}", test.name);
        } else {
            outcome.failed += 1;
            let _ = write!(out, "FAIL  {name}: {}\n{difference}", test.name);
        }
    }
    Ok(outcome)
}

fn known_rules(test: &Test, detection: &Detection) -> anyhow::Result<()> {
    let named = test.only.iter().chain(test.expect.iter().map(|expected| &expected.rule));
    for name in named {
        let names = detection.rules.iter().map(|rule| rule.identity.name());
        let found = super::show::find_name(names, name).map_err(|error| anyhow::anyhow!(error))?;
        let known = detection.rules[found].identity.name();
        anyhow::ensure!(known == name, "no rule is called '{name}'; did you mean '{known}'?");
    }
    Ok(())
}

/// Plays the input of a test; `each` sees every event that rules see.
fn play(test: &Test, mut each: impl FnMut(&EventView<'_>)) -> anyhow::Result<()> {
    let session = Session { hostname: Some("test".into()), ..Session::default() };
    let mut replay = Replay::new(session, HostFiles::default());
    match &test.input {
        Input::Events { threads, fds, events } => {
            replay.take_state(&Item::Threads(threads.clone()));
            for (tid, fds) in fds {
                replay.take_state(&Item::Fds { tid: *tid, fds: fds.clone() });
            }
            let mut trouble = None;
            for event in events {
                let _ = replay.take_event(&event.view(), &mut |step: Step<'_, '_>| {
                    match step {
                        Step::Event { view, is_for_rules: true } => each(view),
                        Step::Damage(error) => trouble = Some(error.to_string()),
                        _ => {}
                    }
                    ControlFlow::Continue(())
                });
            }
            trouble.map_or(Ok(()), |trouble| Err(anyhow::anyhow!(trouble)))
        }
        Input::Capture { path, filter } => {
            let filter = filter.as_deref().map(EventFilter::new).transpose();
            let mut filter = filter.context("'filter'")?;
            let about = || format!("{}", path.display());
            let mut reader = Reader::open(path).with_context(about)?;
            let end = replay.run(&mut reader, |step| {
                if let Step::Event { view, is_for_rules: true } = step
                    && filter.as_mut().is_none_or(|filter| filter.matches(view))
                {
                    each(view);
                }
                ControlFlow::Continue(())
            });
            end.with_context(about)
        }
    }
}

fn alerts(test: &Test, detection: &Arc<Detection>) -> anyhow::Result<Vec<Alert>> {
    let mut detector = Detector::new(detection.clone());
    let mut alerts = Vec::new();
    play(test, |event| {
        detector.examine(event, event.number, StateQuality::Exact, |alert| {
            let name = alert.rule.name();
            if test.only.is_empty() || test.only.iter().any(|only| only == name) {
                alerts.push(alert);
            }
        });
    })?;
    Ok(alerts)
}

fn field_text(value: &FieldValue) -> String {
    match value {
        FieldValue::Null => "<NA>".into(),
        FieldValue::Bool(value) => value.to_string(),
        FieldValue::Int(value) => value.to_string(),
        FieldValue::Uint(value) => value.to_string(),
        FieldValue::Double(value) => value.to_string(),
        FieldValue::Text(text) => text.clone(),
        FieldValue::List(values) => {
            let texts: Vec<String> = values.iter().map(field_text).collect();
            format!("({})", texts.join(","))
        }
    }
}

/// What keeps an alert from being the one that is expected.
fn mismatch(expected: &Expected, alert: &Alert) -> Vec<String> {
    let mut wrong = Vec::new();
    for part in expected.output.iter().filter(|part| !alert.message.contains(&***part)) {
        wrong.push(format!("output lacks '{part}'"));
    }
    for (name, wanted) in &expected.fields {
        let found = alert.fields.iter().find(|(known, _)| **known == **name);
        match found.map(|(_, value)| field_text(value)) {
            Some(text) if text == *wanted => {}
            Some(text) => wrong.push(format!("{name} is '{text}', expected '{wanted}'")),
            None => wrong.push(format!("{name} is no field of the output")),
        }
    }
    wrong
}

/// What is expected and missing (`-`), and what came and was not expected (`+`).
fn difference(test: &Test, detection: &Detection, alerts: &[Alert]) -> anyhow::Result<String> {
    let mut out = String::new();
    let mut is_expected = vec![false; alerts.len()];
    for expected in &test.expect {
        let of_rule = || alerts.iter().enumerate().filter(|(_, a)| a.rule.name() == expected.rule);
        let fitting: Vec<usize> =
            of_rule().filter(|(_, a)| mismatch(expected, a).is_empty()).map(|(i, _)| i).collect();
        fitting.iter().for_each(|index| is_expected[*index] = true);
        let found = fitting.len() as u64;
        if expected.count.map_or(found > 0, |count| found == count) {
            continue;
        }
        let wanted =
            expected.count.map_or("at least once".into(), |count| format!("{count} times"));
        let _ = writeln!(out, "  - {}: expected {wanted}, came {found} times", expected.rule);
        for (index, alert) in of_rule().filter(|(index, _)| !fitting.contains(index)) {
            is_expected[index] = true;
            let _ = writeln!(out, "  + {}", alert.message);
            for wrong in mismatch(expected, alert) {
                let _ = writeln!(out, "      {wrong}");
            }
        }
        if of_rule().next().is_none() {
            out.push_str(&why_not(test, detection, &expected.rule)?);
        }
    }
    for (alert, _) in alerts.iter().zip(&is_expected).filter(|(_, is_expected)| !**is_expected) {
        let _ = writeln!(out, "  + {}: not expected: {}", alert.rule.name(), alert.message);
    }
    Ok(out)
}

/// Why a rule did not fire: its condition for the last event of a type that it is about.
fn why_not(test: &Test, detection: &Detection, rule: &str) -> anyhow::Result<String> {
    let index = detection.rules.iter().position(|known| known.identity.name() == rule);
    let Some(index) = index else { return Ok(String::new()) };
    let condition = detection.rules[index].condition;
    let mut evaluator = Evaluator::new(detection.program.clone());
    let mut last = String::new();
    play(test, |event| {
        let candidates = detection.candidates(&event.record);
        if !candidates.iter().any(|candidate| candidate.0 as usize == index) {
            return;
        }
        evaluator.begin_event();
        let tree = super::explain::tree(&evaluator.explain(condition, event));
        last = format!("    event {} ({}):\n{tree}", event.number, event.record.def().name);
    })?;
    if last.is_empty() {
        last = "    no event was of a type that the rule is about\n".into();
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules/tests")
    }

    #[test]
    fn the_built_in_rules_pass_their_tests() {
        for path in ruleset::rules_files(&[folder()]).unwrap() {
            let mut text = String::new();
            let outcome = run_file(&path, &mut text).unwrap();
            assert!(outcome.failed == 0 && outcome.passed > 0, "{text}");
        }
    }

    const RULES: &str = "- rule: Shadow\n  desc: d\n  condition: evt.type in (open, openat) and \
        fd.name = /etc/shadow and not proc.name in (login, su)\n  output: opened (file=%fd.name \
        by=%proc.name)\n  priority: WARNING\n";

    fn run_text(tests: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("rules.yaml"), RULES).unwrap();
        let path = dir.path().join("tests.yaml");
        std::fs::write(&path, format!("rules: rules.yaml\ntests:\n{tests}")).unwrap();
        let mut text = String::new();
        if let Err(error) = run_file(&path, &mut text) {
            text = format!("{error:#}\n");
        }
        text.replace(&format!("{}/", dir.path().display()), "")
    }

    #[test]
    fn a_failure_shows_what_is_missing_and_why() {
        insta::assert_snapshot!(run_text(
            "
- name: passes
  given: [{pid: 7, exepath: /bin/cat}]
  events: [{event: openat, params: {name: /etc/shadow, flags: O_RDONLY}}]
  expect: [{rule: Shadow, output: by=cat, fields: {fd.name: /etc/shadow}, count: 1}]
- name: does not fire
  given: [{pid: 7, exepath: /bin/su}]
  events: [{event: openat, params: {name: /etc/shadow, flags: O_RDONLY}}]
  expect: [{rule: Shadow}]
- name: other field
  given: [{pid: 7, exepath: /bin/cat}]
  events: [{event: openat, params: {name: /etc/shadow, flags: O_RDONLY}}]
  expect: [{rule: Shadow, fields: {proc.name: dog}}]
- name: fires and should not
  given: [{pid: 7, exepath: /bin/cat}]
  events: [{event: open, params: {name: /etc/shadow, flags: O_RDONLY}}]
  expect_none: true
- name: wrong type of event
  given: [{pid: 7, exepath: /bin/cat}]
  events: [{event: close}]
  expect: [{rule: Shadow, count: 2}]
"
        ));
    }

    #[test]
    fn mistakes_in_a_file_have_a_place() {
        let event = |event: &str| {
            run_text(&format!("- name: n\n  events: [{event}]\n  expect_none: true\n"))
        };
        let all = [
            event("{event: opena}"),
            event("{event: openat, params: {file: x}}"),
            event("{event: openat, params: {flags: O_WRITE}}"),
            event("{event: connect, params: {tuple: 1.2.3.4}}"),
            run_text("- name: n\n  events: []\n"),
            run_text("- nam: n\n"),
            run_text("- name: n\n  events: []\n  expect: [{rule: Shado}]\n"),
        ];
        insta::assert_snapshot!(all.concat());
    }
}
