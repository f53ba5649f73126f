//! `peregrine rules explain`: why a rule fires or not for an event of a capture.

use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use peregrine_capture::Reader;
use peregrine_engine::Replay;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::Step;
use peregrine_engine::ruleset::{self, RuleOptions};
use peregrine_fields::view::Session;
use peregrine_filter::{Evaluator, Explanation, ExplanationKind};

use super::RulesFiles;

/// Options of `peregrine rules explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Name of the rule; upper and lower case are the same
    #[arg(value_name = "RULE")]
    rule: String,
    #[command(flatten)]
    files: RulesFiles,
    /// Capture with the event
    #[arg(long, value_name = "FILE")]
    capture: PathBuf,
    /// Number of the event (evt.num)
    #[arg(long, value_name = "N", conflicts_with = "last", required_unless_present = "last")]
    event: Option<u64>,
    /// The last event for which the rule fires; if there is none, the last of a type it is about
    #[arg(long)]
    last: bool,
}

/// The explanation.
///
/// # Errors
/// The rules do not load, the capture cannot be read, or there is no such rule or event.
pub fn text(args: &ExplainArgs) -> anyhow::Result<String> {
    let options = RuleOptions { paths: args.files.rules.clone(), ..RuleOptions::default() };
    let detection = ruleset::load(&options)?.detection;
    let names = detection.rules.iter().map(|rule| rule.identity.name());
    let index = super::show::find_name(names, &args.rule).map_err(|e| anyhow::anyhow!(e))?;
    let rule = &detection.rules[index];
    let mut evaluator = Evaluator::new(detection.program.clone());
    let about = || args.capture.display().to_string();
    let mut reader = Reader::open(&args.capture).with_context(about)?;
    let mut replay = Replay::new(Session::default(), HostFiles::read());
    let mut found: Option<(bool, String)> = None;
    let end = replay.run(&mut reader, |step| {
        let Step::Event { view, is_for_rules: true } = step else {
            return ControlFlow::Continue(());
        };
        let candidates = detection.candidates(&view.record);
        let is_candidate = candidates.iter().any(|candidate| candidate.0 as usize == index);
        let is_wanted = args.event.map_or(is_candidate, |number| number == view.number);
        if !is_wanted {
            return ControlFlow::Continue(());
        }
        evaluator.begin_event();
        let fires = is_candidate && evaluator.matches(rule.condition, view);
        if args.last && !fires && found.as_ref().is_some_and(|(fired, _)| *fired) {
            return ControlFlow::Continue(());
        }
        let explanation = evaluator.explain(rule.condition, view);
        let mut out = String::new();
        let verdict = if fires { "fires" } else { "does not fire" };
        let name = rule.identity.name();
        let event = view.record.def().name;
        let _ = writeln!(out, "Rule '{name}' {verdict} for event {} ({event}).", view.number);
        if !is_candidate {
            out.push_str("The type of the event can never satisfy it.\n");
        }
        let _ = write!(out, "\n{}", tree(&explanation));
        let decisive = decisive(&explanation);
        if let Some(text) = decisive {
            let _ = writeln!(out, "\nDecided by: {text}");
        }
        found = Some((fires, out));
        if args.last { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    end.with_context(about)?;
    match (found, args.event) {
        (Some((_, text)), _) => Ok(text),
        (None, Some(number)) => anyhow::bail!("{}: rules see no event {number}", about()),
        (None, None) => anyhow::bail!("{}: no event is of a type that the rule is about", about()),
    }
}

/// The tree, indented; parts that did not decide a false `and` or a true `or` are there as well.
pub fn tree(explanation: &Explanation) -> String {
    explanation.to_string().lines().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "    {line}");
        out
    })
}

/// The first part that made the condition what it is, down to a comparison.
fn decisive(explanation: &Explanation) -> Option<&str> {
    let result = explanation.result;
    match &explanation.kind {
        ExplanationKind::Check { text, .. } => Some(text),
        ExplanationKind::Not => decisive(explanation.children.first()?),
        // Of a true `and` and a false `or` all parts decide together.
        ExplanationKind::And if result => None,
        ExplanationKind::Or if !result => None,
        ExplanationKind::And | ExplanationKind::Or => {
            decisive(explanation.children.iter().find(|child| child.result == result)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "- rule: Cat reads\n  desc: d\n  condition: evt.type in (open, openat) and \
        (proc.name = cat or proc.name = dog) and fd.name startswith /tmp\n  output: o\n  \
        priority: INFO\n- rule: Kill\n  desc: d\n  condition: evt.type = kill\n  output: o\n  \
        priority: INFO\n";

    /// Explains over the capture of a program that opens files; `None`, with a note, without it.
    fn explain(rule: &str, event: Option<u64>) -> Option<String> {
        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
        let shared =
            std::env::var_os("PEREGRINE_SHARED").map_or_else(|| beside.into(), PathBuf::from);
        let capture = shared.join("conformance/captures/cat_write.scap.gz");
        if !capture.exists() {
            eprintln!("skipped: {} is missing", capture.display());
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.yaml");
        std::fs::write(&path, RULES).unwrap();
        let files = RulesFiles { rules: vec![path] };
        let args = ExplainArgs { rule: rule.into(), files, capture, event, last: event.is_none() };
        Some(text(&args).unwrap_or_else(|error| {
            let error = format!("{error:#}\n");
            error.replace(&shared.display().to_string(), "SHARED")
        }))
    }

    #[test]
    fn explanations_show_values_and_what_decided() {
        let all = [
            ("Cat reads", None),
            ("cat reads", Some(131)),
            ("Cat read", Some(131)),
            ("Kill", None),
            ("Kill", Some(131)),
            ("Kill", Some(1_000_000)),
        ];
        let texts: Option<Vec<String>> =
            all.into_iter().map(|(rule, event)| explain(rule, event)).collect();
        let Some(texts) = texts else { return };
        insta::assert_snapshot!(texts.join("----\n"));
    }
}
