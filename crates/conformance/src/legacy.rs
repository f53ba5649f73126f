//! Falco's old regression suite: rules and a capture, and how often which rule must fire.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use peregrine_capture::Reader;
use peregrine_engine::Replay;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::Step;
use peregrine_event::code;
use peregrine_fields::view::Session;
use peregrine_filter::Evaluator;
use peregrine_rules::{DEFAULT_RULESET, Loader, NameMatch, RuleSet, SYSCALL_SOURCE};
use serde_json::Value as Json;

use crate::Folders;
use crate::case::{Trouble, items, text};
use crate::converter::find_capture;
use crate::rules::with_loader;

/// What can be decided from rules and a capture alone.
const DECIDED: [&str; 3] = ["exit_code", "success", "detections"];

/// Rules and a capture.
pub fn check_capture(case: &Json, folders: &Folders) -> Result<(), Trouble> {
    let skip = |why: &str| Err(Trouble::Skipped(why.to_owned()));
    if case.get("config").is_some() || case.get("env").is_some() {
        return skip("needs a falco.yaml, which is not read yet");
    }
    let expect = &case["expect"];
    let keys = expect.as_object().into_iter().flat_map(|expect| expect.keys());
    if keys.clone().any(|key| !DECIDED.contains(&key.as_str())) {
        return skip("about the options of falco.yaml for outputs, which is not read yet");
    }
    let capture = find_capture(&folders.captures, text(&case["capture"]))?;
    with_loader(|loader| {
        let is_ok = load(loader, case, folders)?;
        if !is_ok {
            let wanted = expect["success"] == false;
            return if wanted { Ok(()) } else { Err("the rules do not load".into()) };
        }
        let mut set = loader.rule_set();
        select(&mut set, case)?;
        let counts = count(&set, &capture)?;
        detections(&counts, &expect["detections"])
    })
}

fn load(loader: &mut Loader<'_>, case: &Json, folders: &Folders) -> Result<bool, Trouble> {
    let mut is_ok = true;
    for file in items(&case["rules"]) {
        let content = match file["content"].as_str() {
            Some(content) => content.as_bytes().to_vec(),
            None => {
                let name = text(&file["content_ref"]).trim_start_matches("aux/");
                let path = folders.aux.join(name);
                let missing = |_| Trouble::Skipped(format!("{} is missing", path.display()));
                std::fs::read(&path).map_err(missing)?
            }
        };
        is_ok &= loader.load(text(&file["name"]), &content).is_ok();
    }
    Ok(is_ok)
}

/// Applies `-o rules[].disable.rule=…` and its like, in order.
fn select(set: &mut RuleSet, case: &Json) -> Result<(), Trouble> {
    for arg in items(&case["args"]).iter().map(text) {
        let Some(selection) = arg.strip_prefix("rules[].") else { continue };
        let (what, name) = selection.split_once('=').unwrap_or((selection, ""));
        let enable = what.starts_with("enable");
        match what {
            "enable.rule" | "disable.rule" => {
                set.enable(name, NameMatch::Wildcard, enable, DEFAULT_RULESET);
            }
            "enable.tag" | "disable.tag" => {
                set.enable_tags(&[name.to_owned()].into(), enable, DEFAULT_RULESET);
            }
            other => return Err(Trouble::Skipped(format!("unknown selection {other}"))),
        }
    }
    Ok(())
}

type Counts = BTreeMap<(String, String), u64>;

/// Alerts by rule and priority.
fn count(set: &RuleSet, capture: &std::path::Path) -> Result<Counts, Trouble> {
    let mut counts = Counts::new();
    let Some(source) = set.source(SYSCALL_SOURCE) else { return Ok(counts) };
    let index = set.index(SYSCALL_SOURCE, DEFAULT_RULESET);
    let mut evaluator = Evaluator::new(source.program().clone());
    let mut reader = Reader::open(capture).map_err(|error| error.to_string())?;
    let mut replay = Replay::new(Session::default(), HostFiles::default());
    let end = replay.run(&mut reader, |step| {
        if let Step::Event { view, is_for_rules: true } = step {
            let event = view.record.code();
            let syscall = match event {
                code::GENERIC_X => view.record.int(0).unwrap_or(0) as u16,
                _ => 0,
            };
            evaluator.begin_event();
            let mut evaluation = evaluator.on(view);
            let mut rules = index.candidates(event, syscall).iter().map(|i| source.rule(*i));
            if let Some(rule) = rules.find(|rule| evaluation.matches(rule.condition)) {
                let key = (rule.name.clone(), rule.priority.name().to_lowercase());
                *counts.entry(key).or_default() += 1;
            }
        }
        ControlFlow::Continue(())
    });
    end.map_err(|error| error.to_string())?;
    Ok(counts)
}

fn detections(counts: &Counts, expected: &Json) -> Result<(), Trouble> {
    for wanted in items(expected) {
        let priority = text(&wanted["priority"]).to_lowercase();
        let rule = wanted["rule"].as_str();
        let matching = counts.iter().filter(|((name, level), _)| {
            rule.is_none_or(|rule| rule == name) && level.contains(&priority)
        });
        let found: u64 = matching.map(|(_, count)| count).sum();
        let is_right = match (wanted["count"].as_u64(), wanted["min"].as_u64()) {
            (Some(count), _) => found == count,
            (None, Some(min)) => found >= min,
            (None, None) => true,
        };
        if !is_right {
            return Err(Trouble::Failed(format!("{wanted}: {found} of {counts:?}")));
        }
    }
    Ok(())
}
