//! `peregrine rules list`: one line per rule.

use std::fmt::Write;

use clap::Args;
use peregrine_rules::Description;

use super::{RulesFiles, describe};

/// Options of `peregrine rules list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    files: RulesFiles,
    /// Print rules, macros and lists as JSON, in the form of `falco -L`
    #[arg(long)]
    json: bool,
}

/// The list.
///
/// # Errors
/// The rules do not load.
pub fn text(args: &ListArgs) -> anyhow::Result<String> {
    let description = describe(&args.files)?;
    if args.json {
        return Ok(format!("{:#}\n", description.to_json()));
    }
    Ok(table(&description))
}

fn table(description: &Description) -> String {
    let mut out = String::new();
    for rule in &description.rules {
        let _ = write!(out, "{:<13} {}", rule.priority.name(), rule.name);
        if !rule.enabled {
            out.push_str(" (disabled)");
        }
        if rule.source != peregrine_rules::SYSCALL_SOURCE {
            let _ = write!(out, " (source {})", rule.source);
        }
        if !rule.tags.is_empty() {
            let tags: Vec<&str> = rule.tags.iter().map(String::as_str).collect();
            let _ = write!(out, " [{}]", tags.join(", "));
        }
        out.push('\n');
    }
    let disabled = description.rules.iter().filter(|rule| !rule.enabled).count();
    let _ = write!(
        out,
        "{} rules, {} macros, {} lists",
        description.rules.len(),
        description.macros.len(),
        description.lists.len()
    );
    if disabled > 0 {
        let _ = write!(out, "; {disabled} rules are disabled");
    }
    out.push('\n');
    out
}
