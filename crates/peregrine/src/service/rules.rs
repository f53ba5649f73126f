//! Which rules are loaded, and how.

use std::path::{Path, PathBuf};
use std::time::Duration;

use peregrine_config::Settings;
use peregrine_config::types::{CaptureMode as Mode, ExtraField, RuleMatching as Matching};
use peregrine_engine::additions::{Addition, Switch};
use peregrine_engine::recording::CaptureMode;
use peregrine_engine::ruleset::{AlertCaptures, RuleOptions};
use peregrine_fields::view::Session;
use peregrine_rules::{RuleFilter, RuleMatching};

/// What the configuration says of rules. `paths` replaces its files, unless it is empty.
pub fn rule_options(settings: &Settings, paths: &[PathBuf], session: Session) -> RuleOptions {
    RuleOptions {
        paths: if paths.is_empty() { configured(settings) } else { paths.to_vec() },
        min_priority: settings.priority,
        matching: match settings.rule_matching {
            Matching::First => RuleMatching::First,
            Matching::All => RuleMatching::All,
        },
        suggested_output: false,
        statics: settings.static_fields.clone(),
        additions: settings.append_output.iter().map(addition).collect(),
        switches: settings.rules.iter().filter_map(switch).collect(),
        session,
        lineage: false,
        capture: settings.capture.enabled.then(|| AlertCaptures {
            mode: capture_mode(settings),
            default_duration: Duration::from_millis(settings.capture.default_duration.into()),
        }),
    }
}

/// Which alerts start a capture.
pub fn capture_mode(settings: &Settings) -> CaptureMode {
    match settings.capture.mode {
        Mode::Rules => CaptureMode::Rules,
        Mode::AllRules => CaptureMode::AllRules,
    }
}

/// The files and directories that the configuration names and that exist.
pub fn configured(settings: &Settings) -> Vec<PathBuf> {
    let named = settings.rules_files.as_ref().or(settings.rules_file.as_ref());
    named.into_iter().flatten().filter(|path| Path::new(path).exists()).map(PathBuf::from).collect()
}

/// Whether the configuration says anything of rules files.
pub fn names_files(settings: &Settings) -> bool {
    settings.rules_files.is_some() || settings.rules_file.is_some()
}

fn addition(addition: &peregrine_config::keys::AppendOutput) -> Addition {
    let matches = &addition.r#match;
    let field = |field: &ExtraField| match field {
        ExtraField::Raw(name) => (name.clone(), None),
        ExtraField::Formatted { name, format } => (name.clone(), Some(format.clone())),
    };
    Addition {
        filter: RuleFilter {
            source: matches.source.clone(),
            tags: matches.tags.iter().cloned().collect(),
            rule: matches.rule.clone(),
        },
        output: addition.extra_output.clone(),
        suggested: addition.suggested_output,
        fields: addition.extra_fields.iter().map(field).collect(),
    }
}

fn switch(selection: &peregrine_config::keys::Selection) -> Option<Switch> {
    let on = selection.enable.is_some();
    let chosen = selection.enable.as_ref().or(selection.disable.as_ref())?;
    let set = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Some(Switch { on, name: set(&chosen.rule), tag: set(&chosen.tag) })
}
