//! Cases that load files.

use std::collections::BTreeMap;
use std::path::Path;

use peregrine_rules::{
    Context, DEFAULT_RULESET, Description, LoadResult, Loader, NameMatch, PluginVersion, RuleFilter,
};
use serde_json::{Value, json};

use super::{same, strings, with_loader};
use crate::case::{Trouble, text};

/// Codes whose messages come from a parser and may be worded differently.
fn is_parser_message(code: &str, message: &str) -> bool {
    code == "LOAD_ERR_YAML_PARSE" || message.starts_with("unknown filter:")
}

fn issue(code: &str, message: &str, context: &Context, field: Option<&str>) -> Value {
    let locations: Vec<Value> = context
        .locations()
        .iter()
        .map(|l| {
            json!({
                "item_type": l.item_type.as_str(),
                "item_name": l.item_name,
                "line": l.mark.line,
                "column": l.mark.column,
            })
        })
        .collect();
    let mut value = json!({ "code": code, "message": message, "locations": locations });
    if let Some(field) = field {
        value["deprecated_field"] = field.into();
    }
    value
}

fn errors(result: &LoadResult) -> Vec<Value> {
    result.errors.iter().map(|e| issue(e.code.code(), &e.message, &e.context, None)).collect()
}

fn warnings(result: &LoadResult) -> Vec<Value> {
    let warnings = result.warnings.iter();
    warnings.map(|w| issue(w.code.code(), &w.message, &w.context, w.deprecated_field)).collect()
}

/// Compares lists of issues; what a parser says and where its error begins may differ in wording.
fn same_issues(what: &str, mut found: Vec<Value>, wanted: &Value) -> Result<(), String> {
    let mut wanted = wanted.as_array().cloned().unwrap_or_default();
    for (f, w) in found.iter_mut().zip(&mut wanted) {
        if is_parser_message(text(&w["code"]), text(&w["message"])) {
            f["message"] = Value::Null;
            w["message"] = Value::Null;
        }
    }
    same(what, found, wanted)
}

fn filter(step: &Value) -> RuleFilter {
    RuleFilter {
        source: text(&step["source"]).to_owned(),
        tags: strings(&step["tags"]),
        rule: text(&step["rule"]).to_owned(),
    }
}

/// Files one after the other, and what becomes of them.
pub fn check(case: &Value) -> Result<(), String> {
    with_loader(|loader| {
        let mut set = loader.rule_set();
        for step in case["steps"].as_array().into_iter().flatten() {
            let arg = text(&step["arg"]);
            let on = step["enable"] == true;
            let named = text(&step["ruleset"]);
            match text(&step["op"]) {
                "load" => {
                    check_load(loader, step)?;
                    set = loader.rule_set();
                }
                "enable_substring" => set.enable(arg, NameMatch::Substring, on, named),
                "enable_exact" => set.enable(arg, NameMatch::Exact, on, named),
                "enable_wildcard" => set.enable(arg, NameMatch::Wildcard, on, named),
                "enable_tags" => {
                    let tags = match &step["arg"] {
                        Value::String(tag) => [tag.clone()].into(),
                        tags => strings(tags),
                    };
                    set.enable_tags(&tags, on, named);
                }
                "count" => {
                    let wanted = step["expect"].as_u64().unwrap_or_default() as usize;
                    same(&format!("count of {named}"), set.count(named), wanted)?;
                }
                "append_output" => loader.append_output(text(&step["format"]), filter(step)),
                "append_field" => {
                    let key = text(&step["key"]);
                    match step["format"].as_str() {
                        Some(format) => loader.append_field(key, format, filter(step)),
                        None => loader.append_raw_field(key, filter(step)),
                    }
                }
                other => return Err(format!("unknown step {other}")),
            }
        }
        Ok(())
    })
}

fn check_load(loader: &mut Loader, step: &Value) -> Result<(), String> {
    let result = loader.load(text(&step["name"]), text(&step["content"]).as_bytes());
    same("ok", result.is_ok(), step["ok"] == true).map_err(|e| format!("{e}\n{result:?}"))?;
    same("schema", result.schema_verdict(), text(&step["schema"]))
        .map_err(|e| format!("{e}\n{:?}", result.schema))?;
    same_issues("errors", errors(&result), &step["errors"])?;
    same_issues("warnings", warnings(&result), &step["warnings"])?;
    for wanted in step["message_contains"].as_array().into_iter().flatten() {
        let part = text(&wanted["text"]);
        let present = match text(&wanted["in"]) {
            "errors" => result.errors.iter().any(|e| e.message.contains(part)),
            _ => result.warnings.iter().any(|w| w.message.contains(part)),
        };
        same(&format!("message contains {part}"), present, wanted["present"] == true)?;
    }
    // Both forms must at least come out.
    result.to_text(loader.files());
    result.to_json(loader.files());
    match &step["effect"] {
        Value::Null => Ok(()),
        effect => check_effect(&loader.describe(), effect),
    }
}

fn check_effect(description: &Description, effect: &Value) -> Result<(), String> {
    let empty = Vec::new();
    let wanted = effect["rules"].as_array().unwrap_or(&empty);
    let found: Vec<&str> = description.rules.iter().map(|r| r.name.as_str()).collect();
    let mut sorted = found.clone();
    sorted.sort_unstable();
    let mut names: Vec<&str> = wanted.iter().map(|r| text(&r["name"])).collect();
    names.sort_unstable();
    same("rules", sorted, names)?;
    for want in wanted {
        let name = text(&want["name"]);
        let Some(rule) = description.rules.iter().find(|r| r.name == name) else { continue };
        let said = |what: &str| format!("{name}: {what}");
        same(&said("source"), rule.source.as_str(), text(&want["source"]))?;
        same(&said("priority"), rule.priority.name(), text(&want["priority"]))?;
        same(&said("enabled"), rule.enabled, want["enabled"] == true)?;
        same(&said("description"), rule.description.as_str(), text(&want["description"]))?;
        same(&said("condition"), rule.condition.as_str(), text(&want["condition"]))?;
        same(&said("compiled"), &*rule.condition_compiled, text(&want["condition_compiled"]))?;
        same(&said("output"), rule.output.as_str(), text(&want["output"]))?;
        same(&said("output"), &*rule.output_compiled, text(&want["output_compiled"]))?;
        same(&said("tags"), rule.tags.clone(), strings(&want["tags"]))?;
        same(&said("macros"), rule.macros.clone(), strings(&want["macros"]))?;
        same(&said("lists"), rule.lists.clone(), strings(&want["lists"]))?;
        let operators = rule.condition_operators.clone();
        same(&said("fields"), rule.condition_fields.clone(), strings(&want["condition_fields"]))?;
        same(&said("operators"), operators, strings(&want["condition_operators"]))?;
        same(&said("output fields"), rule.output_fields.clone(), strings(&want["output_fields"]))?;
        same(&said("exceptions"), rule.exception_names.clone(), strings(&want["exception_names"]))?;
        let operators = rule.exception_operators.clone();
        let fields = rule.exception_fields.clone();
        same(&said("exception fields"), fields, strings(&want["exception_fields"]))?;
        same(&said("exception operators"), operators, strings(&want["exception_operators"]))?;
        same(&said("capture"), rule.capture, want["capture"] == true)?;
        let duration = want["capture_duration"].as_u64().unwrap_or(0);
        same(&said("capture_duration"), u64::from(rule.capture_duration), duration)?;
        let formatted: BTreeMap<String, String> =
            serde_json::from_value(want["extra_output_formatted_fields"].clone())
                .unwrap_or_default();
        same(&said("extra"), rule.extra_output_formatted_fields.clone(), formatted)?;
        if let Value::Array(_) = want["events"] {
            let events = rule.events.iter().map(|e| (*e).to_owned()).collect();
            same(&said("events"), events, strings(&want["events"]))?;
        }
    }
    for want in effect["macros"].as_array().into_iter().flatten() {
        let name = text(&want["name"]);
        let found = description.macros.iter().find(|m| m.name == name);
        let Some(found) = found else { return Err(format!("macro {name} is missing")) };
        same(name, found.condition.as_str(), text(&want["condition"]))?;
        same(name, found.condition_compiled.as_str(), text(&want["condition_compiled"]))?;
        same(name, found.used, want["used"] == true)?;
    }
    for want in effect["lists"].as_array().into_iter().flatten() {
        let name = text(&want["name"]);
        let found = description.lists.iter().find(|l| l.name == name);
        let Some(found) = found else { return Err(format!("list {name} is missing")) };
        let words = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().map(|v| text(v).to_owned()).collect()
        };
        same(name, found.items.clone(), words(&want["items"]))?;
        same(name, found.items_compiled.clone(), words(&want["items_compiled"]))?;
        same(name, found.used, want["used"] == true)?;
    }
    same("macros", description.macros.len(), effect["macros"].as_array().map_or(0, Vec::len))?;
    same("lists", description.lists.len(), effect["lists"].as_array().map_or(0, Vec::len))
}

/// What validating files reports. `aux` is the folder of files that cases refer to.
pub fn check_validate(case: &Value, aux: &Path) -> Result<(), Trouble> {
    with_loader(|loader| {
        let mut all_errors = Vec::new();
        let mut all_warnings = Vec::new();
        let empty = Vec::new();
        let files = case["files"].as_array().unwrap_or(&empty);
        let observed = case["observed"]["load_results"].as_array().unwrap_or(&empty);
        for (index, file) in files.iter().enumerate() {
            let content = match file["content"].as_str() {
                Some(content) => content.as_bytes().to_vec(),
                None => {
                    let name = text(&file["content_ref"]);
                    let path = aux.join(name.trim_start_matches("aux/"));
                    let missing = || Trouble::Skipped(format!("{} is missing", path.display()));
                    std::fs::read(&path).map_err(|_| missing())?
                }
            };
            let result = loader.load(text(&file["name"]), &content);
            if let Some(ok) = case["ok"].get(index) {
                same("ok", result.is_ok(), *ok == true)
                    .map_err(|e| format!("{e}\n{:?}", result.errors))?;
            }
            let (errors, warnings) = (errors(&result), warnings(&result));
            if let Some(observed) = observed.get(index) {
                same_issues("observed errors", errors.clone(), &observed["errors"])?;
                same_issues("observed warnings", warnings.clone(), &observed["warnings"])?;
            }
            all_errors.extend(errors);
            all_warnings.extend(warnings);
        }
        for (what, found) in [("errors", all_errors), ("warnings", all_warnings)] {
            for want in case[what].as_array().into_iter().flatten() {
                let fits = found.iter().any(|issue| fits(issue, want));
                same(&format!("{what}: {want} among {found:?}"), fits, true)?;
            }
        }
        Ok(())
    })
}

/// Whether an issue is the one that is asserted.
fn fits(issue: &Value, want: &Value) -> bool {
    let mut locations = issue["locations"].as_array().into_iter().flatten();
    let located = locations.any(|location| {
        ["item_type", "item_name"]
            .iter()
            .all(|key| want.get(key).is_none_or(|wanted| location[key] == *wanted))
    });
    let message = want.get("message").is_none_or(|message| {
        is_parser_message(text(&want["code"]), text(message)) || issue["message"] == *message
    });
    issue["code"] == want["code"] && located && message
}

/// Plugins that files require.
pub fn check_plugins(case: &Value) -> Result<(), String> {
    with_loader(|loader| {
        let result = loader.load("rules.yaml", text(&case["content"]).as_bytes());
        same("ok", result.is_ok(), case["load_ok"] == true)?;
        if !result.is_ok() {
            return same_issues("errors", errors(&result), &case["errors"]);
        }
        let plugins = case["plugins"].as_array().into_iter().flatten();
        let loaded: Vec<PluginVersion> = plugins
            .map(|p| PluginVersion {
                name: text(&p["name"]).to_owned(),
                version: text(&p["version"]).to_owned(),
            })
            .collect();
        let checked = loader.check_plugins(&loaded);
        same("satisfied", checked.is_ok(), case["satisfied"] == true)?;
        match (checked, case["observed"]["error"].as_str()) {
            (Err(error), Some(wanted)) => same("error", error.as_str(), wanted),
            _ => Ok(()),
        }
    })
}

/// Which rules a rule set enables.
pub fn check_ruleset(case: &Value) -> Result<(), String> {
    with_loader(|loader| {
        let mut content = String::new();
        for rule in case["rules"].as_array().into_iter().flatten() {
            content.push_str(&format!(
                "- rule: {}\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: \
                 INFO\n  tags: {}\n",
                text(&rule["name"]),
                rule["tags"]
            ));
        }
        let result = loader.load("rules.yaml", content.as_bytes());
        same("ok", result.is_ok(), true).map_err(|e| format!("{e} {:?}", result.errors))?;
        let mut set = loader.rule_set();
        set.enable("", NameMatch::Substring, false, DEFAULT_RULESET);
        for (index, step) in case["steps"].as_array().into_iter().flatten().enumerate() {
            let ruleset = step["ruleset"].to_string();
            let op = text(&step["op"]);
            let by = match text(&step["match"]) {
                "exact" => NameMatch::Exact,
                "wildcard" => NameMatch::Wildcard,
                _ => NameMatch::Substring,
            };
            let enable = op.starts_with("enable");
            match op {
                "count" => {
                    let wanted = step["expect"].as_u64().unwrap_or_default() as usize;
                    same(&format!("step {index}"), set.count(&ruleset), wanted)?;
                }
                "enable" | "disable" => set.enable(text(&step["arg"]), by, enable, &ruleset),
                "enable_tags" | "disable_tags" => {
                    set.enable_tags(&strings(&step["tags"]), enable, &ruleset);
                }
                other => return Err(format!("unknown step {other}")),
            }
        }
        Ok(())
    })
}
