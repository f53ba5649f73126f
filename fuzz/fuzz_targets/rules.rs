//! Any bytes as rules files, separated by a form feed: they load or are refused, and both views of
//! the result can be printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use peregrine_rules::{CatalogOutput, DEFAULT_RULESET, EventSource, Loader, Severity, render_all};

fuzz_target!(|data: &[u8]| {
    let fields = Fields::syscall();
    let output = CatalogOutput(&fields);
    let source = EventSource { name: "syscall", catalog: &fields, output: &output };
    let mut loader = Loader::new(vec![source]);
    for (index, content) in data.split(|byte| *byte == b'\x0c').take(4).enumerate() {
        let result = loader.load(&format!("{index}.yaml"), content);
        let has_error = result.diagnostics.iter().any(|d| d.severity == Severity::Error);
        assert_eq!(result.is_ok(), !has_error);
        result.to_summary();
        result.to_text(loader.files());
        result.to_json(loader.files());
        render_all(&result.diagnostics, loader.files());
        for diagnostic in &result.diagnostics {
            diagnostic.to_json(loader.files());
        }
    }
    loader.describe().to_json();
    let rules = loader.rule_set();
    rules.index("syscall", DEFAULT_RULESET);
    for rule in rules.sources()[0].rules() {
        Template::parse(&format!("*{}", rule.output), &fields).expect("checked when loaded");
    }
});
