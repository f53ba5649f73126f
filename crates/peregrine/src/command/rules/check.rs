//! `peregrine rules check`: what is wrong with rules files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use peregrine_engine::ruleset::{RuleOptions, load_files, read_rules};
use peregrine_rules::{DEFAULT_RULESET, Diagnostic, LoadResult, Loader, Severity, render_all};

/// Options of `peregrine rules check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files or directories; none checks the built-in rules
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show notes too: what is worth knowing and no mistake by itself
    #[arg(long)]
    notes: bool,
    /// Print Falco's load result as JSON, with our own diagnostics beside it
    #[arg(long)]
    json: bool,
}

/// Checks files together; the exit code says whether all are good.
///
/// # Errors
/// A file cannot be read.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let files = read_rules(&args.files)?;
    anyhow::ensure!(!files.is_empty(), "no rules files (*.yaml, *.yml) are there");
    let options = RuleOptions::default();
    Ok(load_files(&files, &options, |loader, results| {
        let is_ok = results.iter().all(|result| result.is_ok());
        if args.json {
            println!("{}", report(loader, results));
        } else {
            let notes = print(args, loader, results);
            if is_ok {
                let rules = loader.describe().rules.len();
                let enabled = loader.rule_set().count(DEFAULT_RULESET);
                println!("{rules} rules, {enabled} enabled");
            }
            if notes > 0 {
                let plural = if notes == 1 { "" } else { "s" };
                println!("{notes} note{plural}, shown with --notes");
            }
        }
        if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }))
}

/// What each file adds to the diagnostics of those before it: a file is checked together with
/// them, so what is doubtful about them comes up again.
fn fresh(results: &[LoadResult]) -> Vec<Vec<&Diagnostic>> {
    let mut seen: Vec<&Diagnostic> = Vec::new();
    let per_file = results.iter().map(|result| {
        let fresh: Vec<_> = result.diagnostics.iter().filter(|d| !seen.contains(d)).collect();
        seen.extend(&fresh);
        fresh
    });
    per_file.collect()
}

fn report(loader: &Loader<'_>, results: &[LoadResult]) -> serde_json::Value {
    let files = loader.files();
    let falco: Vec<_> = results.iter().map(|result| result.to_json(files)).collect();
    let own: Vec<_> = fresh(results).concat().iter().map(|d| d.to_json(files)).collect();
    serde_json::json!({ "falco_load_results": falco, "peregrine_diagnostics": own })
}

/// Prints what was found, and a verdict on each file. Gives the number of notes left out.
fn print(args: &CheckArgs, loader: &Loader<'_>, results: &[LoadResult]) -> usize {
    let mut left_out = 0;
    for (result, fresh) in results.iter().zip(fresh(results)) {
        let is_wanted = |d: &&Diagnostic| args.notes || d.severity != Severity::Note;
        let (shown, hidden): (Vec<_>, Vec<_>) = fresh.into_iter().partition(is_wanted);
        left_out += hidden.len();
        let shown: Vec<Diagnostic> = shown.into_iter().cloned().collect();
        eprint!("{}", render_all(&shown, loader.files()));
        let verdict = if result.is_ok() { "ok" } else { "invalid" };
        println!("{}: {verdict}", result.name);
    }
    left_out
}
