//! `peregrine rules show`: everything known of one rule.

use std::collections::BTreeSet;
use std::fmt::Write;

use clap::Args;
use peregrine_rules::Description;
use peregrine_rules::describe::RuleDescription;

use super::{RulesFiles, describe, pretty};

/// Options of `peregrine rules show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Name of the rule; upper and lower case are the same
    #[arg(value_name = "RULE")]
    rule: String,
    #[command(flatten)]
    files: RulesFiles,
    /// Print it as JSON, in the form of `falco -l`
    #[arg(long)]
    json: bool,
}

/// The rule.
///
/// # Errors
/// The rules do not load, or there is no such rule.
pub fn text(args: &ShowArgs) -> anyhow::Result<String> {
    let description = describe(&args.files)?;
    let rule = find(&description, &args.rule)?;
    if args.json {
        return Ok(format!("{:#}\n", serde_json::json!({ "rules": [rule.to_json()] })));
    }
    page(rule)
}

/// The rule with a name.
///
/// # Errors
/// There is none; the text names the nearest one.
fn find<'d>(description: &'d Description, name: &str) -> anyhow::Result<&'d RuleDescription> {
    let rules = &description.rules;
    let names = || rules.iter().map(|rule| rule.name.as_str());
    let index = find_name(names(), name).map_err(|error| anyhow::anyhow!(error))?;
    Ok(&rules[index])
}

/// Index of the rule with a name; upper and lower case are the same unless that leaves a choice.
///
/// # Errors
/// There is none; the text names the nearest one.
pub fn find_name<'n>(
    names: impl Iterator<Item = &'n str> + Clone,
    wanted: &str,
) -> Result<usize, String> {
    let same = |name: &str| name.eq_ignore_ascii_case(wanted);
    let found =
        names.clone().position(|name| name == wanted).or_else(|| names.clone().position(same));
    found.ok_or_else(|| {
        let hint = match nearest(names, wanted) {
            Some(near) => format!("; did you mean '{near}'?"),
            None => "; `peregrine rules list` lists them".to_owned(),
        };
        format!("no rule is called '{wanted}'{hint}")
    })
}

/// The name that is most like the one that was asked for: one that contains it, or one that a few
/// slips of the finger away.
fn nearest<'n>(names: impl Iterator<Item = &'n str> + Clone, wanted: &str) -> Option<&'n str> {
    let wanted = wanted.to_lowercase();
    let likeness =
        |name: &&str| strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &wanted);
    let near = names
        .clone()
        .map(|name| (likeness(&name), name))
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name);
    near.or_else(|| {
        let contains = |name: &&str| name.to_lowercase().contains(&wanted);
        names.filter(contains).min_by_key(|name| name.len())
    })
}

fn page(rule: &RuleDescription) -> anyhow::Result<String> {
    let mut out = String::new();
    let state = if rule.enabled { "enabled" } else { "disabled" };
    let _ = writeln!(out, "{}", rule.name);
    let _ = writeln!(out, "  {}, source {}, {state}", rule.priority.name(), rule.source);
    if !rule.tags.is_empty() {
        let _ = writeln!(out, "  tags: {}", joined(&rule.tags));
    }
    if rule.capture {
        let _ = writeln!(out, "  writes a capture of {} ms", rule.capture_duration);
    }
    out.push('\n');
    out.push_str(&pretty::paragraph(&rule.description, 2));
    section(&mut out, "Condition, as written");
    out.push_str(&pretty::paragraph(&rule.condition, 2));
    section(&mut out, "Condition, with macros and lists replaced");
    let expr = peregrine_filter::parse(&rule.condition_compiled)?;
    out.push_str(&pretty::condition(&expr, 2));
    section(&mut out, "Output");
    out.push_str(&pretty::paragraph(&rule.output, 2));
    if !rule.exception_names.is_empty() {
        words(&mut out, "Exceptions", &rule.exception_names);
    }
    let events: BTreeSet<String> = rule.events.iter().map(|name| (*name).to_owned()).collect();
    words(&mut out, "Event types", &events);
    words(&mut out, "Fields of the condition", &rule.condition_fields);
    words(&mut out, "Fields of the output", &rule.output_fields);
    words(&mut out, "Operators", &rule.condition_operators);
    words(&mut out, "Macros", &rule.macros);
    words(&mut out, "Lists", &rule.lists);
    Ok(out)
}

fn section(out: &mut String, title: &str) {
    let _ = writeln!(out, "\n{title}:");
}

/// Event types beyond these are only counted: a rule that names none has hundreds.
const MAX_WORDS: usize = 60;

fn words(out: &mut String, title: &str, words: &BTreeSet<String>) {
    if words.is_empty() {
        return;
    }
    section(out, &format!("{title} ({})", words.len()));
    let shown = words.iter().take(MAX_WORDS).map(String::as_str);
    let rest = words.len().saturating_sub(MAX_WORDS);
    let more = format!("and {rest} more");
    out.push_str(&pretty::words(shown.chain((rest > 0).then_some(more.as_str())), 2));
}

fn joined(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::RulesFiles;
    use super::*;

    fn args(rule: &str, json: bool) -> ShowArgs {
        ShowArgs { rule: rule.into(), files: RulesFiles { rules: Vec::new() }, json }
    }

    #[test]
    fn a_page_shows_all_parts() {
        let text = text(&args("password hashes read by unexpected program", false));
        insta::assert_snapshot!(text.unwrap());
    }

    #[test]
    fn a_miss_names_the_nearest_rule() {
        let miss = |name| text(&args(name, false)).unwrap_err().to_string();
        insta::assert_snapshot!(
            [miss("Program startd from memory"), miss("reverse shell"), miss("xyzzy")].join("\n")
        );
    }

    #[test]
    fn json_has_the_keys_of_falcos() {
        let json: serde_json::Value =
            serde_json::from_str(&text(&args("Miner started", true)).unwrap()).unwrap();
        let rule = &json["rules"][0];
        assert_eq!(rule["info"]["source"], "syscall");
        assert!(rule["details"]["events"].as_array().is_some_and(|events| !events.is_empty()));
    }
}
