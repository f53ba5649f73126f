//! `peregrine rules`: checking, looking at and testing rules files. None of it needs root.

mod check;
mod explain;
mod list;
mod pretty;
mod scenario;
mod show;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use peregrine_engine::ruleset::{RuleOptions, load_files, read_rules};
use peregrine_rules::{Description, render_all};

/// Subcommands of `peregrine rules`.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Check rules files together, in the order given, as `peregrine run -r` would load them
    Check(check::CheckArgs),
    /// List the rules
    List(list::ListArgs),
    /// Show everything known of a rule: condition without macros, event types, fields, lists
    Show(show::ShowArgs),
    /// Run unit tests for rules: given processes and events, these alerts
    Test(test::TestArgs),
    /// Say why a rule fires or not for an event of a capture: its condition as a tree, with values
    Explain(explain::ExplainArgs),
}

/// Which rules files a command is about.
#[derive(Debug, Args)]
pub struct RulesFiles {
    /// Rules file or directory; may be given several times. Default: the built-in rules
    #[arg(short, long = "rules", value_name = "RULES")]
    rules: Vec<PathBuf>,
}

/// Runs a subcommand.
///
/// # Errors
/// A file cannot be read, or rules that are needed are wrong.
pub fn run(command: &RulesCommand) -> anyhow::Result<ExitCode> {
    match command {
        RulesCommand::Check(args) => check::run(args),
        RulesCommand::List(args) => crate::print(&list::text(args)?),
        RulesCommand::Show(args) => crate::print(&show::text(args)?),
        RulesCommand::Test(args) => test::run(args),
        RulesCommand::Explain(args) => crate::print(&explain::text(args)?),
    }
}

/// What the files amount to. The fields that Falco appends to outputs are left out, so that an
/// output is shown as its author wrote it.
///
/// # Errors
/// A file cannot be read, or is wrong; the text says where and why.
fn describe(files: &RulesFiles) -> anyhow::Result<Description> {
    let files = read_rules(&files.rules)?;
    let options = RuleOptions { suggested_output: false, ..RuleOptions::default() };
    load_files(&files, &options, |loader, results| {
        if results.iter().all(|result| result.is_ok()) {
            return Ok(loader.describe());
        }
        let errors = results.iter().map(|r| render_all(&r.diagnostics, loader.files()));
        let errors: String = errors.collect();
        Err(anyhow::anyhow!("the rules do not load\n{}", errors.trim_end()))
    })
}
