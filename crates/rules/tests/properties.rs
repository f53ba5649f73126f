//! Whatever is loaded, nothing panics, and reports can be printed.

#[allow(dead_code)]
mod support;

use peregrine_rules::{DEFAULT_RULESET, render_all};
use proptest::prelude::*;

/// The golden data is not needed here.
#[allow(dead_code)]
fn shared(_: &str) -> Option<std::path::PathBuf> {
    None
}

fn load(files: &[&[u8]]) {
    support::with_loader(|loader| {
        for (index, content) in files.iter().enumerate() {
            let result = loader.load(&format!("file-{index}.yaml"), content);
            assert_eq!(result.is_ok(), result.errors.is_empty());
            let has_error =
                result.diagnostics.iter().any(|d| d.severity == peregrine_rules::Severity::Error);
            assert_eq!(result.is_ok(), !has_error);
            result.to_summary();
            result.to_text(loader.files());
            result.to_json(loader.files());
            render_all(&result.diagnostics, loader.files());
        }
        loader.describe().to_json();
        let set = loader.rule_set();
        let index = set.index("syscall", DEFAULT_RULESET);
        for event in index.events() {
            for rule in index.candidates(*event, 3) {
                set.sources()[0].rule(*rule);
            }
        }
    });
}

/// Words that rules are made of, in any order.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("- rule: r\n".to_owned()),
        Just("- macro: m\n".to_owned()),
        Just("- list: l\n".to_owned()),
        Just("  condition: ".to_owned()),
        Just("  condition: >\n    ".to_owned()),
        Just("  output: \"%proc.name %\\u00fcx\"\n".to_owned()),
        Just("  output: %evt.\n".to_owned()),
        Just("  desc: d\n".to_owned()),
        Just("  priority: INFO\n".to_owned()),
        Just("  priority: [é]\n".to_owned()),
        Just("  items: [l, a b, 'é', \"x\\ty\"]\n".to_owned()),
        Just("  append: true\n".to_owned()),
        Just("  override: {condition: append, items: append, é: replace}\n".to_owned()),
        Just(
            "  exceptions: [{name: e, fields: [proc.name, fd.name], values: [[a, [b, l]]]}]\n"
                .to_owned()
        ),
        Just(
            "  exceptions:\n  - name: e\n    fields: proc.name\n    values: [l, 'a b']\n"
                .to_owned()
        ),
        Just("evt.type = open and m\n".to_owned()),
        Just("m or not (m)\n".to_owned()),
        Just("proc.name in (l)\n".to_owned()),
        Just("proc.nmae = \"é\n".to_owned()),
        Just("(((( l , l = l\n".to_owned()),
        Just("  &a x: *a\n".to_owned()),
        Just("---\n".to_owned()),
        Just("- required_engine_version: 0.99.0\n".to_owned()),
        Just("- required_plugin_versions: [{name: a, version: b}]\n".to_owned()),
        "[ -~\n]{0,12}",
        "\\PC{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn random_bytes_do_no_harm(content in prop::collection::vec(any::<u8>(), 0..400)) {
        load(&[&content]);
    }

    #[test]
    fn random_text_does_no_harm(content in "(\\PC|[\n\t\r:\\-\\[\\]{}#&*!|>'\"%@`, ]){0,120}") {
        load(&[content.as_bytes()]);
    }

    #[test]
    fn random_rules_do_no_harm(
        first in prop::collection::vec(fragment(), 0..14),
        second in prop::collection::vec(fragment(), 0..14),
    ) {
        load(&[first.concat().as_bytes(), second.concat().as_bytes()]);
    }
}

/// Lists in lists and macros in macros can grow without end; they are stopped.
#[test]
fn growth_is_bounded() {
    let mut lists = String::new();
    for level in 0..30 {
        lists.push_str(&format!(
            "- list: l{level}\n  items: [{}]\n",
            vec![format!("l{}", level + 1); 10].join(", ")
        ));
    }
    lists.push_str("- macro: m\n  condition: proc.name in (l0)\n");
    load(&[lists.as_bytes()]);
    let mut macros = String::from("- macro: m0\n  condition: proc.name = a\n");
    for level in 1..60 {
        let inner = level - 1;
        macros.push_str(&format!(
            "- macro: m{level}\n  condition: m{inner} or not (m{inner} and m{inner})\n"
        ));
    }
    load(&[macros.as_bytes()]);
    // Each visible to the one before, so that they are expanded one within another.
    let mut chain = String::new();
    for level in 0..600 {
        let deep = "not (proc.name = a or ".repeat(15);
        let close = ")".repeat(15);
        chain.push_str(&format!("- macro: c{level}\n  condition: {deep} c{} {close}\n", level + 1));
    }
    chain.push_str("- macro: c600\n  condition: proc.name = b\n");
    for level in 0..600 {
        chain.push_str(&format!(
            "- macro: c{level}\n  condition: or proc.name = c\n  override:\n    condition: append\n"
        ));
    }
    load(&[chain.as_bytes()]);
}
