//! The starter rules: they load without a word, say what they must, and can be excepted as their
//! page describes.

use std::path::Path;

use peregrine_event::Priority;
use peregrine_fields::Fields;
use peregrine_rules::{
    CatalogOutput, DEFAULT_RULESET, EventSource, LoadResult, Loader, SYSCALL_SOURCE,
};

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Loads files one after the other; each must load without an error, a warning or a hint.
fn with_loaded<T>(files: &[(&str, &str)], use_it: impl FnOnce(&Loader) -> T) -> T {
    let fields = Fields::syscall();
    let output = CatalogOutput(&fields);
    let source = EventSource { name: SYSCALL_SOURCE, catalog: &fields, output: &output };
    let mut loader = Loader::new(vec![source]);
    for (name, content) in files {
        let result: LoadResult = loader.load(name, content.as_bytes());
        let report: Vec<_> = result.diagnostics.iter().map(|d| d.render(loader.files())).collect();
        let text = result.to_text(loader.files());
        assert!(report.is_empty(), "{}", report.join("\n"));
        assert!(result.is_ok() && result.warnings.is_empty(), "{text}");
        assert_eq!(result.schema_verdict(), "ok", "{text}");
    }
    use_it(&loader)
}

#[test]
fn they_load_without_errors_warnings_or_hints() {
    with_loaded(&[("peregrine_rules.yaml", &read("peregrine_rules.yaml"))], |loader| {
        let rules = loader.rule_set();
        assert!(rules.count(DEFAULT_RULESET) >= 30);
        for rule in rules.source(SYSCALL_SOURCE).unwrap().rules() {
            let name = &rule.name;
            assert!(rule.description.len() > 40, "{name}: what does it catch?");
            assert!(rule.output.contains("%proc.cmdline"), "{name}: which process?");
            assert!(rule.output.contains("%container.id"), "{name}: where?");
            assert!(rule.priority.is_at_least(Priority::Notice), "{name}: not worth an alert");
            assert!(rule.tags.iter().any(|tag| tag.starts_with("mitre_")), "{name}: tactic");
            assert!(rule.tags.iter().any(|tag| is_technique(tag)), "{name}: technique");
        }
    });
}

/// `T1059` or `T1059.004`.
fn is_technique(tag: &str) -> bool {
    let Some(number) = tag.strip_prefix('T') else { return false };
    let (number, part) = number.split_once('.').unwrap_or((number, "000"));
    let digits =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(number, 4) && digits(part, 3)
}

#[test]
fn their_page_names_every_rule_once_and_no_other() {
    let rules = read("peregrine_rules.yaml");
    let page = read("README.md");
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| rule "))
        .filter_map(|line| line.split(" | ").next()?.strip_prefix("| "))
        .collect();
    let names: Vec<_> = rules.lines().filter_map(|line| line.strip_prefix("- rule: ")).collect();
    assert_eq!(rows, names);
}

#[test]
fn the_exceptions_of_their_page_load() {
    let page = read("README.md");
    let examples: String =
        page.split("```yaml\n").skip(1).filter_map(|text| text.split("```").next()).collect();
    assert!(examples.contains("exceptions: append"));
    let files = [("peregrine_rules.yaml", &*read("peregrine_rules.yaml")), ("own.yaml", &examples)];
    with_loaded(&files, |loader| {
        let rules = loader.rule_set();
        let source = rules.source(SYSCALL_SOURCE).unwrap();
        let rule = source.rules().iter().find(|rule| rule.name.starts_with("BPF")).unwrap();
        let condition = source.program().source(rule.condition).to_string();
        assert!(condition.contains("/opt/agent/bin/agent"), "{condition}");
    });
}
