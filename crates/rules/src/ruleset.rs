//! Compiled rules, chosen and indexed.
//!
//! ```text
//! RuleSet ── per event source ── Program, rules in load order
//!    └── named rule sets: which rules are enabled ──► EventIndex: event type → rules
//! ```
//! Everything here is fixed before the first event. What the engine evaluates is made from it:
//! [`crate::EventPlans`].

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use peregrine_event::{EventCode, Priority, code};
use peregrine_filter::event_types::{EventCodes, SyscallIds};
use peregrine_filter::{ConditionId, Program};

use crate::collector::Collector;
use crate::compiler::Compiled;
use crate::loader::{EventSource, ExtraField};

/// Name of the rule set whose rules run unless another one is asked for.
pub const DEFAULT_RULESET: &str = "falco-default-ruleset";

/// A rule of an event source, in load order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIndex(pub u32);

/// A rule as the engine needs it.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Name.
    pub name: String,
    /// How urgent its alerts are.
    pub priority: Priority,
    /// Tags.
    pub tags: BTreeSet<String>,
    /// What it is for.
    pub description: String,
    /// Its condition in [`SourceRules::program`].
    pub condition: ConditionId,
    /// Output template, with what the configuration adds.
    pub output: String,
    /// Fields that the configuration adds to its alerts, by key.
    pub extra_fields: BTreeMap<String, ExtraField>,
    /// Whether an alert starts a capture.
    pub capture: bool,
    /// For how long, in milliseconds; 0: as the configuration says.
    pub capture_duration: u32,
    /// Event types that can satisfy it.
    pub events: EventCodes,
    /// System calls that can satisfy it, by portable id.
    pub syscalls: SyscallIds,
}

/// What happens after the first rule that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RuleMatching {
    /// Nothing: an event makes one alert.
    #[default]
    First,
    /// The other rules are tried as well.
    All,
}

impl FromStr for RuleMatching {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "first" => Ok(RuleMatching::First),
            "all" => Ok(RuleMatching::All),
            _ => Err(format!("'{text}' is not a way of matching rules; choose first or all")),
        }
    }
}

/// How a pattern chooses rules by name; the empty pattern chooses all but as a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameMatch {
    /// The name is the pattern.
    Exact,
    /// The name holds the pattern.
    Substring,
    /// `*` in the pattern stands for any text.
    Wildcard,
}

impl NameMatch {
    /// Whether a name is chosen.
    pub fn matches(self, pattern: &str, name: &str) -> bool {
        match self {
            NameMatch::Exact => pattern.is_empty() || pattern == name,
            NameMatch::Substring => name.contains(pattern),
            NameMatch::Wildcard => wildcard(pattern, name),
        }
    }
}

/// A part between stars matches where it is found first, the last one as well, as in Falco.
fn wildcard(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut ends_with_star = !pattern.contains('*');
    let is_plain = ends_with_star;
    for part in parts {
        ends_with_star = part.is_empty();
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    if is_plain { rest.is_empty() } else { ends_with_star || rest.is_empty() }
}

/// The rules of one event source.
#[derive(Debug, Clone)]
pub struct SourceRules {
    name: String,
    program: Arc<Program>,
    rules: Vec<Rule>,
}

impl SourceRules {
    /// The event source.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The conditions of all rules.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// All rules in load order, enabled or not.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// A rule.
    ///
    /// # Panics
    /// If the index comes from another event source.
    pub fn rule(&self, index: RuleIndex) -> &Rule {
        &self.rules[index.0 as usize]
    }
}

/// All rules, and which of them are enabled in which named rule set.
#[derive(Debug, Clone)]
pub struct RuleSet {
    sources: Vec<SourceRules>,
    /// Enabled rules by name of the rule set, then by event source.
    enabled: BTreeMap<String, Vec<BTreeSet<RuleIndex>>>,
}

impl RuleSet {
    pub(crate) fn new(
        collector: &Collector,
        compiled: &Compiled,
        event_sources: &[EventSource<'_>],
        min_priority: Priority,
    ) -> Self {
        let mut sources: Vec<SourceRules> = event_sources
            .iter()
            .enumerate()
            .map(|(index, source)| SourceRules {
                name: source.name.to_owned(),
                program: compiled.programs.get(index).cloned().unwrap_or_default(),
                rules: Vec::new(),
            })
            .collect();
        let mut enabled = vec![BTreeSet::new(); sources.len()];
        for rule in &compiled.rules {
            let Some(item) = collector.rules.get(&rule.name) else { continue };
            if !item.priority.is_at_least(min_priority) {
                continue;
            }
            let rules = &mut sources[rule.source].rules;
            if item.enabled {
                enabled[rule.source].insert(RuleIndex(rules.len() as u32));
            }
            rules.push(Rule {
                name: rule.name.clone(),
                priority: item.priority,
                tags: item.tags.clone(),
                description: item.description.clone(),
                condition: rule.condition,
                output: rule.output.clone(),
                extra_fields: rule.extra_fields.clone(),
                capture: item.capture,
                capture_duration: item.capture_duration,
                events: rule.events.clone(),
                syscalls: rule.syscalls.clone(),
            });
        }
        Self { sources, enabled: BTreeMap::from([(DEFAULT_RULESET.to_owned(), enabled)]) }
    }

    /// The rules of every event source.
    pub fn sources(&self) -> &[SourceRules] {
        &self.sources
    }

    /// The rules of an event source.
    pub fn source(&self, name: &str) -> Option<&SourceRules> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// Enables or disables rules by name in a named rule set.
    pub fn enable(&mut self, pattern: &str, by: NameMatch, enable: bool, ruleset: &str) {
        self.choose(enable, ruleset, &|rule| by.matches(pattern, &rule.name));
    }

    /// Enables or disables the rules that have one of some tags in a named rule set.
    pub fn enable_tags(&mut self, tags: &BTreeSet<String>, enable: bool, ruleset: &str) {
        self.choose(enable, ruleset, &|rule| !rule.tags.is_disjoint(tags));
    }

    fn choose(&mut self, enable: bool, ruleset: &str, chosen: &dyn Fn(&Rule) -> bool) {
        let count = self.sources.len();
        let sets =
            self.enabled.entry(ruleset.to_owned()).or_insert_with(|| vec![BTreeSet::new(); count]);
        for (source, set) in self.sources.iter().zip(sets) {
            for (index, rule) in source.rules.iter().enumerate() {
                if chosen(rule) {
                    let index = RuleIndex(index as u32);
                    if enable {
                        set.insert(index);
                    } else {
                        set.remove(&index);
                    }
                }
            }
        }
    }

    /// How many rules a named rule set has enabled.
    pub fn count(&self, ruleset: &str) -> usize {
        self.enabled.get(ruleset).map_or(0, |sets| sets.iter().map(BTreeSet::len).sum())
    }

    /// The enabled rules of an event source in a named rule set.
    pub fn enabled(&self, source: &str, ruleset: &str) -> Vec<RuleIndex> {
        let at = self.sources.iter().position(|s| s.name == source);
        let sets = self.enabled.get(ruleset);
        match (at, sets) {
            (Some(at), Some(sets)) => sets[at].iter().copied().collect(),
            _ => Vec::new(),
        }
    }

    /// The index of the enabled rules of an event source.
    pub fn index(&self, source: &str, ruleset: &str) -> EventIndex {
        let enabled = self.enabled(source, ruleset);
        match self.source(source) {
            Some(source) => EventIndex::new(source, &enabled),
            None => EventIndex::default(),
        }
    }
}

/// Which rules an event must be tried with.
#[derive(Debug, Clone, Default)]
pub struct EventIndex {
    rules: Vec<RuleIndex>,
    /// By event type: where its rules are in `rules`.
    by_event: Vec<(u32, u32)>,
    /// By portable syscall id, for the generic event.
    by_syscall: Vec<(u32, u32)>,
    events: EventCodes,
    syscalls: SyscallIds,
}

impl EventIndex {
    fn new(source: &SourceRules, enabled: &[RuleIndex]) -> Self {
        let mut index = EventIndex::default();
        for rule in enabled {
            index.events.extend(&source.rule(*rule).events);
            index.syscalls.extend(&source.rule(*rule).syscalls);
        }
        // Asynchronous events carry names that the static analysis does not know.
        index.events.insert(code::ASYNCEVENT_E);
        let last_event = index.events.last().map_or(0, |code| code.0);
        for event in (0..=last_event).map(EventCode) {
            let wanted = |rule: &&RuleIndex| {
                event == code::ASYNCEVENT_E || source.rule(**rule).events.contains(&event)
            };
            let place = index.push(enabled.iter().filter(wanted));
            index.by_event.push(place);
        }
        let last_syscall = index.syscalls.last().copied().unwrap_or(0);
        for id in 0..=last_syscall {
            let wanted = |rule: &&RuleIndex| {
                let rule = source.rule(**rule);
                rule.events.contains(&code::GENERIC_X) && rule.syscalls.contains(&id)
            };
            let place = index.push(enabled.iter().filter(wanted));
            index.by_syscall.push(place);
        }
        index
    }

    /// Equal lists of rules, one after the other, are stored once.
    fn push<'r>(&mut self, rules: impl Iterator<Item = &'r RuleIndex>) -> (u32, u32) {
        let start = self.rules.len();
        self.rules.extend(rules);
        let len = self.rules.len() - start;
        if start >= len && self.rules[start - len..start] == self.rules[start..] {
            self.rules.truncate(start);
            return ((start - len) as u32, start as u32);
        }
        (start as u32, self.rules.len() as u32)
    }

    /// The rules an event must be tried with, in load order. `syscall` is the portable id that the
    /// generic event carries; for other events it does not matter.
    #[inline]
    pub fn candidates(&self, event: EventCode, syscall: u16) -> &[RuleIndex] {
        let place = if event == code::GENERIC_X || event == code::GENERIC_E {
            self.by_syscall.get(usize::from(syscall))
        } else {
            self.by_event.get(usize::from(event.0))
        };
        match place {
            Some((start, end)) => &self.rules[*start as usize..*end as usize],
            None => &[],
        }
    }

    /// Event types that some enabled rule can be satisfied by.
    pub fn events(&self) -> &EventCodes {
        &self.events
    }

    /// System calls, by portable id, that some enabled rule can be satisfied by.
    pub fn syscalls(&self) -> &SyscallIds {
        &self.syscalls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_falco() {
        for (pattern, name, wanted) in [
            ("*", "hello", true),
            ("", "hello", false),
            ("", "", true),
            ("hello", "hello", true),
            ("hello*", "hello world", true),
            ("*world", "hello world", true),
            ("*hello*", "helloo", true),
            ("*l*o*", "hello", true),
            ("*C*", "rule_A", false),
            ("h*lo", "hello", true),
            ("h*lo", "hello!", false),
            ("**", "", true),
        ] {
            assert_eq!(wildcard(pattern, name), wanted, "{pattern} {name}");
        }
    }
}
