//! What rules files mean: how items build on each other, and what becomes of a condition.

#[allow(dead_code)]
mod support;

use peregrine_event::Priority;
use peregrine_rules::{DEFAULT_RULESET, Description, WarningCode};

/// The golden data is not needed here.
#[allow(dead_code)]
fn shared(_: &str) -> Option<std::path::PathBuf> {
    None
}

/// Loads files; gives what they amount to, the codes of the last one's warnings, and the number
/// of enabled rules.
fn load(files: &[&str]) -> Result<(Description, Vec<WarningCode>, usize), String> {
    support::with_loader(|loader| {
        let mut codes = Vec::new();
        for (index, yaml) in files.iter().enumerate() {
            let result = loader.load(&format!("{index}.yaml"), yaml.as_bytes());
            if let Some(error) = result.errors.first() {
                return Err(format!("{}: {}", error.code.code(), error.message));
            }
            codes = result.warnings.iter().map(|warning| warning.code).collect();
        }
        Ok((loader.describe(), codes, loader.rule_set().count(DEFAULT_RULESET)))
    })
}

fn rule(condition: &str, more: &str) -> String {
    format!(
        "- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: NOTICE\n{more}"
    )
}

/// The condition of the first rule once everything is put in place.
fn condition(files: &[&str]) -> String {
    match load(files) {
        Ok((description, ..)) => description.rules[0].condition_compiled.clone(),
        Err(error) => error,
    }
}

#[test]
fn overrides_append_and_replace() {
    let base = rule("evt.type = open", "  tags: [a]\n");
    let more = "- rule: r\n  condition: and proc.name = x\n  output: p\n  desc: e\n  tags: [b, a]\n  \
                override: {condition: append, output: append, desc: append, tags: append}\n";
    let (description, codes, _) = load(&[&base, more]).unwrap();
    let found = &description.rules[0];
    assert_eq!(found.condition_compiled, "(evt.type = open and proc.name = x)");
    assert_eq!((&*found.output, &*found.description), ("o p", "d e"));
    assert_eq!(Vec::from_iter(&found.tags), ["a", "b"]);
    assert!(codes.is_empty());
    let more = "- rule: r\n  condition: evt.type = close\n  priority: DEBUG\n  enabled: false\n  \
                tags: [c]\n  override: {condition: replace, priority: replace, enabled: replace, \
                tags: replace}\n";
    let (description, _, enabled) = load(&[&base, more]).unwrap();
    let found = &description.rules[0];
    assert_eq!(found.condition_compiled, "evt.type = close");
    assert_eq!((found.priority, enabled), (Priority::Debug, 0));
    assert_eq!(Vec::from_iter(&found.tags), ["c"]);
}

#[test]
fn overrides_are_checked() {
    let base = rule("evt.type = open", "");
    for more in [
        "- rule: s\n  condition: and x\n  override: {condition: append}\n",
        "- rule: r\n  priority: INFO\n  override: {priority: append}\n",
        "- rule: r\n  desc: x\n  tags: [a]\n  override: {desc: replace}\n",
        "- rule: r\n  override: {desc: replace}\n",
        "- rule: r\n  condition: and x\n  append: true\n  override: {condition: append}\n",
        "- macro: m\n  condition: or x\n  append: true\n",
        "- list: l\n  items: [a]\n  override: {items: append}\n",
    ] {
        assert!(load(&[&base, more]).is_err(), "{more}");
    }
    let deprecated = "- rule: r\n  condition: and proc.name = x\n  append: true\n";
    let (_, codes, _) = load(&[&base, deprecated]).unwrap();
    assert_eq!(codes, [WarningCode::DeprecatedItem]);
}

#[test]
fn a_redefined_rule_keeps_its_place() {
    let second = rule("evt.type = close", "").replace("rule: r", "rule: s");
    let again = rule("evt.type = read", "");
    let (description, ..) = load(&[&rule("evt.type = open", ""), &second, &again]).unwrap();
    let names: Vec<_> = description.rules.iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["r", "s"]);
    assert_eq!(description.rules[0].condition_compiled, "evt.type = read");
}

#[test]
fn lists_go_into_conditions_as_text() {
    let lists =
        "- list: a\n  items: [x, 'y z']\n- list: b\n  items: [a, w]\n- list: none\n  items: []\n";
    let with = |text: &str| condition(&[lists, &rule(&format!("evt.type = open and {text}"), "")]);
    assert_eq!(with("proc.name in (a)"), "(evt.type = open and proc.name in (x, \"y z\"))");
    assert_eq!(
        with("proc.name in (q, b)"),
        "(evt.type = open and proc.name in (q, x, \"y z\", w))"
    );
    assert_eq!(with("proc.name in (q, none, p)"), "(evt.type = open and proc.name in (q, p))");
    assert_eq!(with("proc.name in (ab)"), "(evt.type = open and proc.name in (ab))");
    // A list counts wherever it is defined, a list within a list only before it.
    let late = [&*rule("evt.type = open and proc.name in (a)", ""), lists];
    assert!(load(&late[..1]).is_ok());
    assert_eq!(condition(&late), "(evt.type = open and proc.name in (x, \"y z\"))");
}

#[test]
fn macros_are_seen_in_order() {
    let macros =
        "- macro: m\n  condition: proc.name = x or proc.name = y\n- macro: n\n  condition: not m\n";
    let text = condition(&[macros, &rule("evt.type = open and n", "")]);
    assert_eq!(text, "(evt.type = open and not (proc.name = x or proc.name = y))");
    for bad in [
        "- macro: a\n  condition: b\n- macro: b\n  condition: evt.type = open\n",
        "- macro: a\n  condition: evt.type = open\n- macro: a\n  condition: and a\n  override: {condition: append}\n",
    ] {
        let error = load(&[bad]).unwrap_err();
        assert!(error.starts_with("LOAD_ERR_VALIDATE"), "{error}");
    }
    let unknown = load(&[&rule("evt.type = open and nowhere", "")]).unwrap_err();
    assert_eq!(unknown, "LOAD_ERR_VALIDATE: Undefined macro 'nowhere' used in filter.");
}

#[test]
fn exceptions_become_conditions() {
    let with = |exceptions: &str| {
        condition(&[&rule("evt.type = open", &format!("  exceptions:\n{exceptions}"))])
    };
    assert_eq!(
        with("  - {name: e, fields: proc.name, values: [a, b c]}\n"),
        "(evt.type = open and not proc.name in (a, \"b c\"))"
    );
    assert_eq!(
        with(
            "  - {name: e, fields: [proc.name, fd.name], comps: [=, startswith], values: [[a, /b], [c, /d]]}\n"
        ),
        "(evt.type = open and not ((proc.name = a and fd.name startswith /b) or \
         (proc.name = c and fd.name startswith /d)))"
    );
    assert_eq!(
        with("  - {name: e, fields: fd.name, comps: contains anyof, values: [a, b]}\n"),
        "(evt.type = open and not fd.name contains anyof (a, b))"
    );
    assert_eq!(with("  - {name: e, fields: [proc.name, fd.name]}\n"), "evt.type = open");
    for bad in [
        "  - {name: e, fields: [proc.name, fd.name], values: [[a]]}\n",
        "  - {name: e, fields: [proc.name], comps: [=, =], values: [[a]]}\n",
        "  - {name: e, fields: proc.name, comps: =, values: [a]}\n",
        "  - {name: e, fields: [proc.nmae], values: [[a]]}\n",
        "  - {name: e, fields: [proc.name], comps: [anyof], values: [[a]]}\n",
        "  - {fields: [proc.name], values: [[a]]}\n",
    ] {
        assert!(with(bad).starts_with("LOAD_ERR_"), "{bad}");
    }
}

#[test]
fn rules_are_left_out_or_disabled_on_request() {
    let unknown = rule("evt.type = open and no.field = 1", "  skip-if-unknown-filter: true\n");
    let (description, codes, _) = load(&[&unknown]).unwrap();
    assert!(description.rules.is_empty());
    assert_eq!(codes, [WarningCode::UnknownFilter]);
    let (description, codes, _) = load(&[&rule("ka.verb = get", "  source: k8s_audit\n")]).unwrap();
    assert!(description.rules.is_empty());
    assert_eq!(codes, [WarningCode::UnknownSource]);
    let toggled = "- rule: r\n  enabled: false\n";
    let (_, codes, enabled) = load(&[&rule("evt.type = open", ""), toggled]).unwrap();
    assert_eq!((codes, enabled), (vec![WarningCode::DeprecatedItem], 0));
}

#[test]
fn conditions_without_event_types_are_warned_of() {
    let codes = |condition: &str, more: &str| load(&[&rule(condition, more)]).unwrap().1;
    assert_eq!(codes("proc.name = x", ""), [WarningCode::NoEvttype]);
    assert!(codes("proc.name = x", "  warn_evttypes: false\n").is_empty());
    // Nothing at all is not too much.
    assert!(codes("evt.num = 0", "").is_empty());
    assert!(codes("evt.type = open and evt.type = close", "").is_empty());
}

#[test]
fn captures_are_asked_for_by_rules() {
    let with = |more: &str| load(&[&rule("evt.type = open", more)]);
    let (description, ..) = with("  capture: true\n  capture_duration: 300\n").unwrap();
    assert!(description.rules[0].capture);
    assert_eq!(description.rules[0].capture_duration, 300);
    assert!(with("  capture: maybe\n").is_err());
    assert!(with("  capture_duration: long\n").is_err());
}
