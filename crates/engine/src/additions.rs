//! What a configuration does to rules beside their files: more output, more fields, switches.

use std::collections::BTreeSet;

use peregrine_fields::Fields;
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
            for name in fields.suggested() {
                let text = format!("{}=%{name}", name.replace('.', "_"));
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

#[cfg(test)]
mod tests {
    use peregrine_event::EventCode;
    use peregrine_event::table::code;
    use peregrine_fields::StaticFields;

    use super::*;
    use crate::ruleset::{RuleOptions, compile};

    const RULE: &str = "
- rule: r
  desc: d
  condition: evt.type = openat and static.site = north
  output: '%proc.name at %static.site, %toupper(static.site)'
  priority: NOTICE
";

    fn options(site: &str) -> RuleOptions {
        RuleOptions {
            statics: StaticFields::from([("site".to_owned(), site.to_owned())]),
            additions: vec![Addition {
                suggested: true,
                fields: vec![("where".into(), Some("in %static.site".into()))],
                ..Addition::default()
            }],
            suggested_output: false,
            ..RuleOptions::default()
        }
    }

    #[test]
    fn rules_and_outputs_have_the_fields_of_the_configuration() {
        let files = [("rules.yaml".to_owned(), RULE.as_bytes().to_vec())];
        let plan_of = |site: &str, event: EventCode| {
            let detection = compile(&files, &options(site)).unwrap().detection;
            let rule = &detection.rules[0];
            let names: Vec<&str> = rule.output.names().map(|name| &**name).collect();
            let first = ["proc.name", "static.site", "static.site", "toupper(static.site)"];
            assert_eq!(names[..6], [&first[..], &["static.site", "container.id"]].concat());
            assert_eq!(rule.extra_fields.len(), 1);
            detection.plans.plan(event, || 0)
        };
        assert!(plan_of("north", code::SYSCALL_OPENAT_2_X).is_some());
        // A text that does not fit rules the condition out before there is any event.
        assert_eq!(plan_of("south", code::SYSCALL_OPENAT_2_X), None);

        let none = RuleOptions::default();
        let error = compile(&files, &none).err().expect("the field is unknown").to_string();
        assert!(error.contains("static.site") && error.contains("rules.yaml:5:26"), "{error}");
    }
}
