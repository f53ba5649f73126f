//! What a configuration does to rules beside their files: more output, more fields, switches.

use std::collections::BTreeSet;

use peregrine_fields::{FieldFlags, Fields};
use peregrine_rules::{DEFAULT_RULESET, Loader, NameMatch, RuleFilter, RuleSet, SYSCALL_SOURCE};

/// An addition to the output of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addition {
    /// Which rules it is for.
    pub filter: RuleFilter,
    /// Text with fields in it, appended to the output; empty: none.
    pub output: String,
    /// Append the fields that are suggested for outputs.
    pub suggested: bool,
    /// Fields of JSON alerts: a name and its format; without a format the field keeps its type.
    pub fields: Vec<(String, Option<String>)>,
}

/// Switches rules on or off after all files were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// On, or off.
    pub on: bool,
    /// Rules with this name, in which `*` stands for any text.
    pub name: Option<String>,
    /// Rules with this tag.
    pub tag: Option<String>,
}

/// Tells the loader; counts for files that are loaded afterwards.
pub fn add(loader: &mut Loader<'_>, fields: &Fields<'_>, additions: &[Addition]) {
    for addition in additions {
        if !addition.output.is_empty() {
            loader.append_output(addition.output.clone(), addition.filter.clone());
        }
        let is_for_syscalls =
            addition.filter.source.is_empty() || addition.filter.source == SYSCALL_SOURCE;
        if addition.suggested && is_for_syscalls {
            let filter = RuleFilter { source: SYSCALL_SOURCE.into(), ..addition.filter.clone() };
            for def in fields.iter().filter(|def| def.flags.has(FieldFlags::SUGGESTED)) {
                let text = format!("{}=%{}", def.name.replace('.', "_"), def.name);
                loader.append_output(text, filter.clone());
            }
        }
        for (name, format) in &addition.fields {
            match format {
                Some(format) => loader.append_field(name, format, addition.filter.clone()),
                None => loader.append_raw_field(name, addition.filter.clone()),
            }
        }
    }
}

/// Applies switches, in order.
pub fn switch(set: &mut RuleSet, switches: &[Switch]) {
    for switch in switches {
        if let Some(name) = &switch.name {
            set.enable(name, NameMatch::Wildcard, switch.on, DEFAULT_RULESET);
        }
        if let Some(tag) = &switch.tag {
            set.enable_tags(&BTreeSet::from([tag.clone()]), switch.on, DEFAULT_RULESET);
        }
    }
}
