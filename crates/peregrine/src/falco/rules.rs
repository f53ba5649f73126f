//! Rules: loading, validating, describing, counting.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use peregrine_engine::ruleset::{self, Detection, RuleOptions};
use peregrine_event::Priority;
use peregrine_fields::view::Session;
use peregrine_rules::{LoadResult, Loader, PluginVersion};
use serde_json::{Value as Json, json};

use super::Falco;
use super::support::CONTAINER_PLUGIN;
use crate::print;
use crate::service::rules::rule_options;

/// Rules, and what was asked about them.
pub struct LoadedRules {
    /// Names and contents of the files.
    pub files: Vec<(String, Vec<u8>)>,
    /// The rules, compiled.
    pub detection: Arc<Detection>,
    /// The answer to `-L` or `-l`.
    pub described: Option<String>,
}

impl Falco<'_> {
    fn options_for_rules(&self, paths: &[PathBuf]) -> RuleOptions {
        let hostname = super::support::hostname();
        let session = Session { hostname: Some(hostname.into()), ..Session::default() };
        rule_options(&self.config.settings, paths, session)
    }

    /// Loads the rules.
    pub fn load_rules(&self) -> anyhow::Result<LoadedRules> {
        let paths = self.rules_paths();
        if paths.is_empty() {
            bail!(
                "You must specify at least one rules file/directory via -r or a rules_file entry \
                 in falco.yaml"
            );
        }
        self.log.debug("Configured rules filenames:");
        for path in &paths {
            self.log.debug(format!("   {}", path.display()));
        }
        let options = self.options_for_rules(&paths);
        let mut files = ruleset::read_rules(&paths)?;
        // Falco leaves out what does not look like YAML.
        files.retain(|(name, _)| name.ends_with(".yaml") || name.ends_with(".yml"));
        self.log.info("Loading rules from:");
        let log = &self.log;
        let described = ruleset::load_files(&files, &options, |loader, results| {
            let mut error = None;
            for result in results {
                let text =
                    format!("   {} | schema validation: {}", result.name, schema_text(result));
                match result.schema_verdict() {
                    "ok" => log.info(text),
                    _ => log.warning(text),
                }
                if !result.is_ok() {
                    error = Some(result.to_text(loader.files()));
                    break;
                }
                if !result.warnings.is_empty() {
                    log.warning(result.to_text(loader.files()));
                }
            }
            if let Err(missing) = check_plugins(loader) {
                error = Some(missing);
            }
            match error {
                Some(error) => Err(error),
                None => self.described(loader),
            }
        });
        let described = described.map_err(anyhow::Error::msg)?;
        for selection in &self.config.settings.rules {
            let word = if selection.enable.is_some() { "Enabling" } else { "Disabling" };
            let chosen = selection.enable.as_ref().or(selection.disable.as_ref());
            let chosen = chosen.map(|c| (c.rule.as_str(), c.tag.as_str())).unwrap_or_default();
            for (kind, name) in [("name", chosen.0), ("tag", chosen.1)] {
                if !name.is_empty() {
                    self.log.info(format!("{word} rules with {kind}: {name}"));
                }
            }
        }
        let detection = ruleset::compile(&files, &options)?.detection;
        Ok(LoadedRules { files, detection: Arc::new(detection), described })
    }

    /// What was asked about the rules, if anything was.
    fn described(&self, loader: &Loader<'_>) -> Result<Option<String>, String> {
        let wanted = self.options.describe.as_deref();
        if wanted.is_none() && !self.options.describe_all {
            return Ok(None);
        }
        let json = description(loader, wanted)?;
        Ok(Some(if self.config.settings.json_output {
            format!("{json}\n")
        } else {
            two_columns(&json)
        }))
    }

    /// `-V`: loads files one after the other and says what is wrong with them.
    pub fn validate(&self) -> anyhow::Result<ExitCode> {
        let paths: Vec<PathBuf> = self.options.validate.iter().map(PathBuf::from).collect();
        let files = ruleset::read_rules(&paths)?;
        self.log.info("Validating rules file(s):");
        for path in &self.options.validate {
            self.log.info(format!("   {path}"));
        }
        let is_json = self.config.settings.json_output;
        let options = self.options_for_rules(&paths);
        let outcome = ruleset::load_files(&files, &options, |loader, results| {
            check_plugins(loader)?;
            let mut summary = Vec::new();
            for result in results {
                if result.is_ok() && !result.warnings.is_empty() {
                    summary.push(format!("{}: Ok, with warnings", result.name));
                    self.log.warning(result.to_text(loader.files()));
                } else {
                    summary.push(result.to_text(loader.files()));
                }
            }
            let is_ok = results.iter().all(LoadResult::is_ok);
            let asked = self.options.describe_all || self.options.describe.is_some();
            let described = match is_ok && asked {
                true => Some(description(loader, self.options.describe.as_deref())?),
                false => None,
            };
            let loaded: Vec<Json> = results.iter().map(|r| r.to_json(loader.files())).collect();
            Ok::<_, String>((is_ok, summary.join("\n"), loaded, described))
        });
        let (is_ok, summary, loaded, described) = outcome.map_err(anyhow::Error::msg)?;
        if is_json {
            let mut out = json!({ "falco_load_results": loaded });
            if let Some(described) = described {
                out["falco_describe_results"] = described;
            }
            print(&format!("{out}\n"))?;
        } else {
            let described = described.map(|json| format!("\n{}", two_columns(&json)));
            print(&format!("{summary}\n{}", described.unwrap_or_default()))?;
        }
        if !is_ok {
            bail!("{summary}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn schema_text(result: &LoadResult) -> String {
    match result.schema.as_deref() {
        Some([first, ..]) => format!("failed for {first}"),
        _ => result.schema_verdict().to_owned(),
    }
}

fn check_plugins(loader: &Loader<'_>) -> Result<(), String> {
    let (name, version) = CONTAINER_PLUGIN;
    let version = PluginVersion { name: name.to_owned(), version: version.to_owned() };
    loader.check_plugins(&[version])
}

/// The description of all rules, or of one.
fn description(loader: &Loader<'_>, wanted: Option<&str>) -> Result<Json, String> {
    let mut description = loader.describe();
    if let Some(wanted) = wanted {
        description.rules.retain(|rule| rule.name == wanted);
        if description.rules.is_empty() {
            return Err(format!("Rule \"{wanted}\" is not loaded"));
        }
        let all = description.to_json();
        return Ok(json!({ "rules": all["rules"] }));
    }
    Ok(description.to_json())
}

/// Names and descriptions of rules.
fn two_columns(description: &Json) -> String {
    let mut out = String::new();
    let mut row = |left: &str, right: &str| {
        let _ = writeln!(out, "{left:<50} {right}");
    };
    row("Rule", "Description");
    row("----", "-----------");
    for rule in description["rules"].as_array().into_iter().flatten() {
        let name = rule["info"]["name"].as_str().unwrap_or_default();
        let text = rule["info"]["description"].as_str().unwrap_or_default();
        row(name, &format!("{}\n", wrapped(text, 51, 110)));
    }
    out
}

/// Text in lines of a width, all but the first indented.
fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for word in text.split_whitespace() {
        if column > indent && column + 1 + word.chars().count() > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        }
        if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.chars().count();
    }
    out
}

/// What Falco prints at its end: alerts in all, by priority, by rule.
pub fn statistics(
    rules: &[(String, u64)],
    priority_of: &dyn Fn(&str) -> Option<Priority>,
) -> String {
    let total: u64 = rules.iter().map(|(_, count)| count).sum();
    let mut by_priority: HashMap<Priority, u64> = HashMap::new();
    for (name, count) in rules {
        if let Some(priority) = priority_of(name) {
            *by_priority.entry(priority).or_default() += count;
        }
    }
    let mut out = format!("Events detected: {total}\nRule counts by severity:\n");
    for priority in Priority::ALL {
        let name = match priority {
            Priority::Informational => "INFO".to_owned(),
            other => other.name().to_uppercase(),
        };
        if let Some(count) = by_priority.get(&priority).filter(|count| **count > 0) {
            let _ = writeln!(out, "   {name}: {count}");
        }
    }
    out.push_str("Triggered rules by rule name:\n");
    for (name, count) in rules.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(out, "   {name}: {count}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_those_of_falco() {
        let rules = [("a".to_owned(), 2), ("b".to_owned(), 1), ("c".to_owned(), 0)];
        let priority = |name: &str| {
            Some(if name == "a" { Priority::Warning } else { Priority::Informational })
        };
        let expected = "Events detected: 3\nRule counts by severity:\n   WARNING: 2\n   INFO: 1\n\
                        Triggered rules by rule name:\n   a: 2\n   b: 1\n";
        assert_eq!(statistics(&rules, &priority), expected);
    }

    #[test]
    fn descriptions_are_wrapped() {
        assert_eq!(wrapped("aa bb cc", 2, 8), "aa bb\n  cc");
        assert_eq!(wrapped("", 2, 8), "");
    }
}
