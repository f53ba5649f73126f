//! What the loaded files amount to, as `-L` prints it.

use std::collections::{BTreeMap, BTreeSet};

use peregrine_event::syscalls::SYSCALL_NAMES;
use peregrine_event::{EventCode, Priority, code};
use peregrine_filter::event_types::{event_set, syscall_set};
use peregrine_filter::{Expr, parse};
use serde_json::{Value, json};

use crate::collector::Collector;
use crate::compiler::{Compiled, CompiledRule};
use crate::details::Details;
use crate::items::{Entry, RuleItem, SYSCALL_SOURCE};
use crate::loader::EventSource;
use crate::version::{PluginVersion, Version};

/// A rule with everything known of it.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct RuleDescription {
    pub name: String,
    pub source: String,
    pub priority: Priority,
    pub enabled: bool,
    pub description: String,
    pub tags: BTreeSet<String>,
    pub capture: bool,
    pub capture_duration: u32,
    pub condition: String,
    pub condition_compiled: String,
    pub output: String,
    pub output_compiled: String,
    pub macros: BTreeSet<String>,
    pub lists: BTreeSet<String>,
    pub condition_fields: BTreeSet<String>,
    pub condition_operators: BTreeSet<String>,
    pub output_fields: BTreeSet<String>,
    pub exception_names: BTreeSet<String>,
    pub exception_fields: BTreeSet<String>,
    pub exception_operators: BTreeSet<String>,
    pub extra_output_formatted_fields: BTreeMap<String, String>,
    pub events: BTreeSet<&'static str>,
}

/// A macro with everything known of it.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct MacroDescription {
    pub name: String,
    pub condition: String,
    pub condition_compiled: String,
    pub used: bool,
    pub macros: BTreeSet<String>,
    pub lists: BTreeSet<String>,
    pub condition_fields: BTreeSet<String>,
    pub condition_operators: BTreeSet<String>,
    pub events: BTreeSet<&'static str>,
}

/// A list with everything known of it.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct ListDescription {
    pub name: String,
    /// Items that are no lists.
    pub items: Vec<String>,
    pub items_compiled: Vec<String>,
    pub lists: BTreeSet<String>,
    pub used: bool,
}

/// All rules, macros and lists.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Description {
    pub rules: Vec<RuleDescription>,
    pub macros: Vec<MacroDescription>,
    pub lists: Vec<ListDescription>,
    pub required_engine_version: Version,
    pub required_plugin_versions: Vec<Vec<PluginVersion>>,
}

impl Description {
    pub(crate) fn new(
        collector: &Collector,
        compiled: &Compiled,
        sources: &[EventSource<'_>],
    ) -> Self {
        let rules = compiled
            .rules
            .iter()
            .filter_map(|rule| {
                let item = collector.rules.get(&rule.name)?;
                let expr = compiled.programs[rule.source].source(rule.condition);
                Some(describe_rule(collector, rule, item, expr, sources[rule.source].name))
            })
            .collect();
        let macros = compiled
            .macros
            .iter()
            .filter_map(|compiled| {
                let item = collector.macros.get(&compiled.name)?;
                let written = written_details(collector, item.condition.as_str());
                let all = details(collector, &compiled.expr);
                Some(MacroDescription {
                    name: compiled.name.clone(),
                    condition: item.condition.as_str().to_owned(),
                    condition_compiled: compiled.expr.to_string(),
                    used: compiled.used,
                    macros: written.macros,
                    lists: written.lists,
                    condition_fields: all.fields,
                    condition_operators: all.operators,
                    events: event_names(&compiled.expr, SYSCALL_SOURCE),
                })
            })
            .collect();
        let lists = compiled
            .lists
            .iter()
            .filter_map(|compiled| {
                let item = collector.lists.get(&compiled.name)?;
                let texts: BTreeSet<&str> = compiled.items.iter().map(|w| &*w.text).collect();
                let written = item.items.iter().map(|word| word.text.clone());
                let (items, lists) = written.partition(|text| texts.contains(&**text));
                let lists: Vec<String> = lists;
                Some(ListDescription {
                    name: compiled.name.clone(),
                    items,
                    items_compiled: compiled.items.iter().map(|w| w.text.clone()).collect(),
                    lists: lists.into_iter().collect(),
                    used: compiled.used,
                })
            })
            .collect();
        Self {
            rules,
            macros,
            lists,
            required_engine_version: collector.required_engine,
            required_plugin_versions: collector.required_plugins.clone(),
        }
    }

    /// As JSON, in the shape of Falco's `-L` with JSON output.
    pub fn to_json(&self) -> Value {
        let rules: Vec<Value> = self.rules.iter().map(RuleDescription::to_json).collect();
        let macros: Vec<Value> = self
            .macros
            .iter()
            .map(|m| {
                json!({
                    "info": { "name": m.name, "condition": m.condition },
                    "details": {
                        "used": m.used,
                        "macros": m.macros,
                        "lists": m.lists,
                        "condition_operators": m.condition_operators,
                        "condition_fields": m.condition_fields,
                        "events": m.events,
                        "condition_compiled": m.condition_compiled,
                        "plugins": [],
                    },
                })
            })
            .collect();
        let lists: Vec<Value> = self
            .lists
            .iter()
            .map(|l| {
                json!({
                    "info": { "name": l.name, "items": l.items },
                    "details": {
                        "used": l.used,
                        "lists": l.lists,
                        "items_compiled": l.items_compiled,
                        "plugins": [],
                    },
                })
            })
            .collect();
        let plugin = |p: &PluginVersion| json!({ "name": p.name, "version": p.version });
        let plugins: Vec<Value> = self
            .required_plugin_versions
            .iter()
            .filter_map(|group| {
                let (first, rest) = group.split_first()?;
                let mut value = plugin(first);
                value["alternatives"] = rest.iter().map(plugin).collect();
                Some(value)
            })
            .collect();
        json!({
            "required_engine_version": self.required_engine_version.to_string(),
            "required_plugin_versions": plugins,
            "rules": rules,
            "macros": macros,
            "lists": lists,
        })
    }
}

impl RuleDescription {
    /// As JSON, in the shape of Falco's `-l` with JSON output.
    pub fn to_json(&self) -> Value {
        let mut value = json!({
            "info": {
                "name": self.name,
                "condition": self.condition,
                "priority": self.priority.name(),
                "output": self.output,
                "description": self.description,
                "enabled": self.enabled,
                "source": self.source,
                "capture": self.capture,
                "capture_duration": self.capture_duration,
                "tags": self.tags,
            },
            "details": {
                "macros": self.macros,
                "lists": self.lists,
                "condition_operators": self.condition_operators,
                "condition_fields": self.condition_fields,
                "output_fields": self.output_fields,
                "exception_fields": self.exception_fields,
                "exception_names": self.exception_names,
                "exception_operators": self.exception_operators,
                "events": self.events,
                "condition_compiled": self.condition_compiled,
                "output_compiled": self.output_compiled,
                "plugins": [],
            },
        });
        if !self.extra_output_formatted_fields.is_empty() {
            value["details"]["extra_output_formatted_fields"] =
                json!(self.extra_output_formatted_fields);
        }
        value
    }
}

fn details(collector: &Collector, expr: &Expr) -> Details {
    let is_macro = |name: &str| collector.macros.get(name).is_some();
    let is_list = |name: &str| collector.lists.get(name).is_some();
    Details::of(expr, &is_macro, &is_list)
}

/// Of a condition before lists and macros are replaced.
fn written_details(collector: &Collector, condition: &str) -> Details {
    parse(condition).map(|expr| details(collector, &expr)).unwrap_or_default()
}

fn describe_rule(
    collector: &Collector,
    rule: &CompiledRule,
    item: &RuleItem,
    expr: &Expr,
    source: &str,
) -> RuleDescription {
    let written = written_details(collector, item.condition.as_str());
    let all = details(collector, expr);
    let mut output_fields: BTreeSet<String> = rule.output_fields.iter().cloned().collect();
    output_fields.extend(rule.extra_fields.values().map(|field| field.format.clone()));
    let mut exception_operators = BTreeSet::new();
    for exception in &item.exceptions {
        collect_words(&exception.comps, &mut exception_operators);
    }
    let formatted = rule.extra_fields.iter().filter(|(_, field)| !field.is_raw);
    RuleDescription {
        name: rule.name.clone(),
        source: source.to_owned(),
        priority: item.priority,
        enabled: item.enabled,
        description: item.description.clone(),
        tags: item.tags.clone(),
        capture: item.capture,
        capture_duration: item.capture_duration,
        condition: item.condition.as_str().to_owned(),
        condition_compiled: expr.to_string(),
        output: item.output.as_str().to_owned(),
        output_compiled: rule.output.clone(),
        macros: written.macros,
        lists: written.lists,
        condition_fields: all.fields,
        condition_operators: all.operators,
        output_fields,
        exception_names: item.exceptions.iter().map(|e| e.name.clone()).collect(),
        exception_fields: rule.exception_fields.clone(),
        exception_operators,
        extra_output_formatted_fields: formatted
            .map(|(key, field)| (key.clone(), field.format.clone()))
            .collect(),
        events: event_names(expr, source),
    }
}

fn collect_words(entry: &Entry, words: &mut BTreeSet<String>) {
    match entry {
        Entry::Word(word) => {
            words.insert(word.text.clone());
        }
        Entry::List(entries, _) => entries.iter().for_each(|e| collect_words(e, words)),
    }
}

/// Names of the events and system calls that can satisfy a condition.
fn event_names(expr: &Expr, source: &str) -> BTreeSet<&'static str> {
    let name_of = |code: EventCode| code.def().map(|def| def.name);
    if source != SYSCALL_SOURCE {
        return [code::PLUGINEVENT_E, code::ASYNCEVENT_E].into_iter().filter_map(name_of).collect();
    }
    let mut events = event_set(expr).unwrap_or_default();
    events.insert(code::ASYNCEVENT_E);
    // The generic event stands for the system calls that follow.
    events.remove(&code::GENERIC_E);
    events.remove(&code::GENERIC_X);
    let mut names: BTreeSet<&'static str> = events.into_iter().filter_map(name_of).collect();
    let syscalls = syscall_set(expr).unwrap_or_default();
    names.extend(syscalls.into_iter().filter_map(|id| SYSCALL_NAMES.get(usize::from(id)).copied()));
    names
}
