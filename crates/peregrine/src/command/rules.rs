//! `peregrine rules`: checking rules files.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use peregrine_engine::ruleset::{RuleOptions, load_files, read_rules};
use peregrine_rules::{DEFAULT_RULESET, render_all};

/// Subcommands of `peregrine rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Check rules files together, in the order given, as `peregrine run -r` would load them
    Check {
        /// Files or directories; none checks the built-in rules
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print Falco's load result as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs a subcommand.
///
/// # Errors
/// A file cannot be read.
pub fn run(command: &RulesCommand) -> anyhow::Result<ExitCode> {
    match command {
        RulesCommand::Check { files, json } => check(files, *json),
    }
}

fn check(paths: &[PathBuf], as_json: bool) -> anyhow::Result<ExitCode> {
    let files = read_rules(paths)?;
    let options = RuleOptions::default();
    Ok(load_files(&files, &options, |loader, results| {
        let is_ok = results.iter().all(|result| result.is_ok());
        if as_json {
            let results: Vec<_> = results.iter().map(|r| r.to_json(loader.files())).collect();
            let report = serde_json::json!({ "falco_load_results": results });
            println!("{report}");
        } else {
            for result in results {
                eprint!("{}", render_all(&result.diagnostics, loader.files()));
                let verdict = if result.is_ok() { "ok" } else { "invalid" };
                println!("{}: {verdict}", result.name);
            }
            if is_ok {
                println!("{} rules enabled", loader.rule_set().count(DEFAULT_RULESET));
            }
        }
        if is_ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }))
}
