//! The declaration of keys, and what derives from it.

use peregrine_config::declare::{Effect, Key, Setting, Shape};
use peregrine_config::value::Origin;
use peregrine_config::{
    Config, OptionValue, Settings, Source, Surroundings, Verdict, docs, load, schema, show,
};
use serde_json::Value as Json;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
const MARK: &str =
    "<!-- Everything below is generated: UPDATE_DOCS=1 cargo test -p peregrine-config -->\n";

fn load_text(text: &str, options: &[&str]) -> Result<Config, String> {
    let options: Vec<OptionValue> = options.iter().map(|text| OptionValue::new(text)).collect();
    let surroundings = Surroundings { variable: &|_| None, directory: "/nonexistent".into() };
    load(Source::Text { name: "falco.yaml", text }, &options, &surroundings)
        .map_err(|error| error.render())
}

/// Keys that hold a value, by path.
fn leaves(keys: &[Key], prefix: &str, out: &mut Vec<String>) {
    for key in keys.iter().filter(|key| !key.is_ours && !key.is_legacy) {
        let list = if matches!(key.shape, Shape::List(_)) { "[]" } else { "" };
        let path = format!("{prefix}{}{list}", key.name);
        match key.children() {
            [] => out.push(path),
            children => leaves(children, &format!("{path}."), out),
        }
    }
}

#[test]
fn all_keys_of_falco_are_declared() {
    let mut paths = Vec::new();
    leaves(&Settings::keys(), "", &mut paths);
    // Falco's schema has config_files as one key.
    let count = paths.iter().filter(|path| *path != "config_files[].strategy").count();
    assert_eq!(count, 109, "{paths:#?}");
}

#[test]
fn every_key_is_explained() {
    fn check(keys: &[Key]) {
        for key in keys {
            assert!(key.doc.ends_with('.'), "{}: '{}'", key.name, key.doc);
            if let Effect::Inert(reason) = key.effect {
                assert!(!reason.is_empty() && !reason.ends_with('.'), "{}", key.name);
            }
            check(key.children());
        }
    }
    check(&Settings::keys());
}

#[test]
fn the_reference_is_current() {
    let current = docs::markdown();
    let text = std::fs::read_to_string(REFERENCE).expect("docs/configuration.md");
    let (head, written) = text.split_once(MARK).expect("the mark in docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(REFERENCE, format!("{head}{MARK}{current}")).expect("docs/configuration.md");
    } else {
        assert!(
            written == current,
            "docs/configuration.md is old; run UPDATE_DOCS=1 cargo test -p peregrine-config"
        );
    }
}

#[test]
fn defaults_read_back_as_themselves() {
    let mut text = Settings::default().show();
    // What is absent by default has no value to write.
    fn prune(value: &mut Json) {
        if let Json::Object(object) = value {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(prune);
        }
    }
    prune(&mut text);
    let config = load_text(&text.to_string(), &[]).unwrap();
    assert_eq!(config.settings.show(), Settings::default().show());
    assert_eq!(config.files[0].verdict, Verdict::Ok);
    // "kmod" is the default of a key that is absent, and is only said when it is written.
    let warnings = config.render_warnings();
    assert_eq!(config.warnings.len(), 1, "{warnings}");
    assert!(warnings.contains("engine.kind 'kmod'"), "{warnings}");
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schema::schema();
    assert_eq!(schema["properties"]["peregrine"]["properties"]["workers"]["type"], "integer");
    assert_eq!(schema["properties"]["rules_files"]["items"]["type"], "string");
    assert_eq!(schema["properties"]["engine"]["required"][0], "kind");
    assert!(schema["properties"]["rules_file"].is_null(), "an old name is not offered");
}

#[test]
fn mistakes_have_places() {
    let text = "json_ouput: true\nengine:\n  kind: ebpf\nsyscall_event_drops:\n  threshold: 2\n\
                priority: urgent\nperegrine:\n  workers: many\n\
                static_fields: {ok.a_1: x, not-so: y}\n";
    let error = load_text(text, &["webserver.listen_address=nowhere"]).unwrap_err();
    for expected in [
        "falco.yaml:1:13: warning: json_ouput is not a known key; it is ignored\n    1 | json_ouput: true\n",
        "did you mean 'json_output'?",
        "falco.yaml:3:9: error: engine.kind 'ebpf' is not valid: must be one of kmod,",
        "falco.yaml:5:14: error: syscall event drops threshold must be",
        "falco.yaml:6:11: error: Unknown priority \"urgent\"",
        "falco.yaml:8:12: error: peregrine.workers must be a whole number from 0 to 65535, and is 'many'",
        "falco.yaml:9:16: error: static_fields.not-so: the field static.not-so could not be named",
        "-o webserver.listen_address=nowhere: error: webserver listen address \"nowhere\" is not a valid IP address",
    ] {
        assert!(error.contains(expected), "{expected}\n---\n{error}");
    }
}

#[test]
fn a_wrong_type_of_a_falco_key_warns_and_takes_the_default() {
    let config = load_text("json_output: maybe\noutput_timeout: -1\n", &[]).unwrap();
    assert!(!config.settings.json_output);
    assert!(matches!(config.files[0].verdict, Verdict::Failed(_)) || config.warnings.len() == 2);
    let warnings = config.render_warnings();
    assert!(warnings.contains("falco.yaml:1:14: warning: json_output must be true or false, and is 'maybe'; the default false is used"), "{warnings}");
}

#[test]
fn keys_without_effect_say_why_unless_they_say_what_is_so_anyway() {
    let quiet = load_text("output_timeout: 2000\nmetrics: {jemalloc_stats_enabled: false}\n", &[]);
    assert_eq!(quiet.unwrap().warnings, []);
    let config = load_text(
        "output_timeout: 100\nengine: {kind: modern_ebpf, kmod: {buf_size_preset: 5}}\n",
        &[],
    )
    .unwrap();
    let warnings = config.render_warnings();
    assert!(warnings.contains("output_timeout has no effect: each output"), "{warnings}");
    assert!(warnings.contains("engine.kmod.buf_size_preset has no effect"), "{warnings}");
    assert_eq!(config.warnings.len(), 2, "{warnings}");
}

#[test]
fn shown_values_name_their_origin() {
    let config = load_text(
        "engine: {kind: modern_ebpf}\nrules:\n  - disable: {tag: x}\n",
        &["rules[].enable.rule=a b", "peregrine.workers=3"],
    )
    .unwrap();
    let text = show::text(&config);
    for (value, origin) in [
        ("engine.kind = \"modern_ebpf\"", "falco.yaml:1:16"),
        ("rules[0].disable.tag = \"x\"", "falco.yaml:3:20"),
        ("rules[1].enable.rule = \"a b\"", "-o rules[].enable.rule=a b"),
        ("peregrine.workers = 3", "-o peregrine.workers=3"),
        ("json_output = false", "default"),
    ] {
        let line = text.lines().find(|line| line.starts_with(value));
        let line = line.unwrap_or_else(|| panic!("{value}\n{text}"));
        assert!(line.ends_with(&format!("# {origin}")), "{line}");
    }
    assert_eq!(
        config.origins["rules[1].enable.rule"],
        Origin::CommandLine("-o rules[].enable.rule=a b".into())
    );
}

#[test]
fn no_text_makes_the_reader_panic() {
    for text in [
        "",
        "~",
        "[]",
        "{}",
        "x",
        "- a",
        "rules: {}",
        "rules: [[]]",
        "engine: []",
        "plugins: [1]",
        "append_output: [{extra_fields: [{}]}]",
        "append_output: [x]",
        "metrics: {interval: [1]}",
        "&a [*a]",
        "a: *b",
        "? {a: b}\n: c",
        "config_files: [[]]",
        "static_fields: {a: [b]}",
        "peregrine: 5",
        "peregrine: {ring_shares: [1, 2]}",
        "webserver: {listen_port: 99999}",
    ] {
        let _ = load_text(text, &["rules[]={a: b}"]);
        let _ = load_text(text, &["a.b=c", "engine.kind", "x[=y"]);
    }
}

#[test]
fn names_of_no_system_call_are_told() {
    let text = "base_syscalls:\n  custom_set: [openat, '!mprotec', nonsense]\n";
    let config = load_text(text, &[]).unwrap();
    let warnings = config.render_warnings();
    assert_eq!(config.warnings.len(), 2, "{warnings}");
    assert!(
        warnings.contains(
            "falco.yaml:2:24: warning: there is no system call 'mprotec'; did you mean 'mprotect'?"
        ),
        "{warnings}"
    );
    assert!(warnings.contains("there is no system call 'nonsense'\n"), "{warnings}");
}
