//! `peregrine rules check`: what is wrong with rules files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use peregrine_engine::ruleset::{RuleOptions, load_files, read_rules};
use peregrine_rules::{DEFAULT_RULESET, Diagnostic, render_all};

/// Options of `peregrine rules check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files or directories; none checks the built-in rules
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print Falco's load result as JSON
    #[arg(long)]
    json: bool,
}

/// Checks files together; the exit code says whether all are good.
///
/// # Errors
/// A file cannot be read.
pub fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let files = read_rules(&args.files)?;
    let options = RuleOptions::default();
    Ok(load_files(&files, &options, |loader, results| {
        let is_ok = results.iter().all(|result| result.is_ok());
        if args.json {
            let results: Vec<_> = results.iter().map(|r| r.to_json(loader.files())).collect();
            let report = serde_json::json!({ "falco_load_results": results });
            println!("{report}");
        } else {
            // Each file is checked together with those before it, so what is doubtful about them
            // comes up again.
            let mut seen: Vec<&Diagnostic> = Vec::new();
            for result in results {
                let fresh = |d: &&Diagnostic| !seen.contains(d);
                let fresh: Vec<&Diagnostic> = result.diagnostics.iter().filter(fresh).collect();
                let shown: Vec<Diagnostic> = fresh.iter().map(|d| (*d).clone()).collect();
                eprint!("{}", render_all(&shown, loader.files()));
                seen.extend(fresh);
                let verdict = if result.is_ok() { "ok" } else { "invalid" };
                println!("{}: {verdict}", result.name);
            }
            if is_ok {
                let rules = loader.describe().rules.len();
                let enabled = loader.rule_set().count(DEFAULT_RULESET);
                println!("{rules} rules, {enabled} enabled");
            }
        }
        if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }))
}
