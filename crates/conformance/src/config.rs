//! falco.yaml: documents, files that include others, options, intervals.

use std::path::Path;

use peregrine_config::declare::Setting;
use peregrine_config::path::KeyPath;
use peregrine_config::types::{EngineKind, Interval};
use peregrine_config::value::Value;
use peregrine_config::{
    Config, ConfigError, OptionValue, Reader, Settings, Source, Surroundings, load,
};
use serde_json::{Value as Json, json};

use crate::case::{expect_eq, items, text};

/// Runs a case of any of the kinds.
pub fn check(kind: &str, case: &Json) -> Result<(), String> {
    match kind {
        "interval" => {
            let interval = Interval::new(text(&case["text"]));
            expect_eq("milliseconds", json!(interval.milliseconds()), case["ms"].clone())
        }
        "yaml" => check_document(case),
        _ => check_config(case),
    }
}

/// A document without a meaning: keys are read and set.
fn check_document(case: &Json) -> Result<(), String> {
    let variable = |name: &str| case["env"][name].as_str().map(str::to_owned);
    let parsed = parse(text(&case["content"]), &variable);
    expect_eq("ok", parsed.is_ok(), case["ok"] == true)?;
    let Ok(mut document) = parsed else { return Ok(()) };
    expect_eq("merged", document.to_json(), case["merged"].clone())?;
    for (index, step) in items(&case["steps"]).iter().enumerate() {
        // A document that was read and let go has no keys left.
        let is_cleared = text(&case["src"]).ends_with("configuration_reload");
        let after_clear = is_cleared && index == 1;
        let empty = Value::default();
        let root = if after_clear { &empty } else { &document };
        let key = text(&step["key"]);
        let path = KeyPath::parse(key);
        let found = path.as_ref().map_err(Clone::clone).and_then(|path| path.get(root));
        match text(&step["op"]) {
            "is_defined" => {
                let is_defined = found.is_ok_and(|value| value.is_some());
                expect_eq(&format!("{key} is defined"), json!(is_defined), step["value"].clone())?;
            }
            "set" => {
                let option = OptionValue::new(key).shown;
                let new = Value::option(
                    &option,
                    peregrine_config::value::ValueKind::Scalar(plain(&step["value"])),
                );
                path.and_then(|path| path.set(&mut document, new, &option))
                    .map_err(|error| error.to_string())?;
            }
            _ if step["error"] == true => {
                expect_eq(&format!("{key} is refused"), found.is_err(), true)?;
            }
            _ => {
                let found = found.map_err(|error| error.to_string())?;
                let got = typed(found, text(&step["type"])).unwrap_or(step["default"].clone());
                expect_eq(key, got, step["value"].clone())?;
            }
        }
    }
    Ok(())
}

fn parse(content: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Value, String> {
    peregrine_config::document("case", content, variable).map_err(|error| error.to_string())
}

/// A scalar as text, however it stands in the case.
fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value as one of the types that the cases name.
fn typed(value: Option<&Value>, ty: &str) -> Option<Json> {
    let value = value?;
    let mut reader = Reader::new(&[]);
    match ty {
        "bool" => bool::read(value, &mut reader).ok().map(Json::from),
        "int" => {
            let text = value.as_scalar()?;
            let number = peregrine_yaml::scalar::read_int(text)?;
            i32::try_from(number).ok().map(Json::from)
        }
        "double" => f64::read(value, &mut reader).ok().map(Json::from),
        _ => value.as_scalar().map(Json::from),
    }
}

fn check_config(case: &Json) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let other = tempfile::tempdir().map_err(|error| error.to_string())?;
    let place = |text: &str| {
        text.replace("@CWD@", &folder.path().display().to_string())
            .replace("@TMP@", &other.path().display().to_string())
    };
    // Names and contents refer to folders that differ from run to run.
    let case: Json =
        serde_json::from_str(&place(&case.to_string())).map_err(|error| error.to_string())?;
    let result = run(&case, folder.path())?;
    let wanted = case["ok"] == true;
    let config = match result {
        Ok(config) if wanted => config,
        Err(_) if !wanted => return Ok(()),
        Ok(_) => return Err("accepted".into()),
        Err(error) => return Err(format!("refused: {error}")),
    };
    if let Some(loaded) = case["loaded"].as_object() {
        let got: serde_json::Map<String, Json> = config
            .files
            .iter()
            .map(|file| (file.name.clone(), first_word(&file.verdict.to_string()).into()))
            .collect();
        expect_eq("loaded", &got, loaded)?;
    }
    if let Some(merged) = case.get("merged") {
        expect_eq("merged", &config.document.to_json(), merged)?;
    }
    for (key, expected) in case["expect"].as_object().into_iter().flatten() {
        let path = KeyPath::parse(key).map_err(|error| error.to_string())?;
        let found = path.get(&config.document).map_err(|error| error.to_string())?;
        expect_eq(&format!("{key} defined"), json!(found.is_some()), expected["defined"].clone())?;
        if let Some(value) = expected.get("value") {
            let got = typed(found, text(&expected["type"])).unwrap_or(Json::Null);
            expect_eq(key, &got, value)?;
        }
    }
    for (key, expected) in case["effective"].as_object().into_iter().flatten() {
        expect_eq(&format!("effective {key}"), &effective(&config, key), expected)?;
    }
    Ok(())
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

fn run(case: &Json, folder: &Path) -> Result<Result<Config, ConfigError>, String> {
    let options: Vec<OptionValue> =
        items(&case["options"]).iter().map(|option| OptionValue::new(text(option))).collect();
    let variable = |name: &str| case["env"][name].as_str().map(str::to_owned);
    let surroundings = Surroundings { variable: &variable, directory: folder.to_path_buf() };
    let source = match case["content"].as_str() {
        Some(text) => Source::Text { name: "default", text },
        None => Source::File(text(&case["main"])),
    };
    for (name, content) in case["files"].as_object().into_iter().flatten() {
        let path = folder.join(name);
        let is_folder = name.ends_with('/');
        let parent = if is_folder { Some(path.as_path()) } else { path.parent() };
        let made = parent.map_or(Ok(()), std::fs::create_dir_all);
        made.map_err(|error| format!("{name}: {error}"))?;
        if !is_folder {
            std::fs::write(&path, text(content)).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    Ok(load(source, &options, &surroundings))
}

/// A setting in the notation of the cases.
fn effective(config: &Config, key: &str) -> Json {
    let settings = &config.settings;
    match key {
        "append_output" => settings.append_output.iter().map(addition).collect(),
        "rules" => settings.rules.iter().map(selection).collect(),
        "plugins" => settings
            .plugins
            .iter()
            .map(|plugin| {
                json!({
                    "name": plugin.name,
                    "library_path": plugin.file(),
                    "init_config": plugin.init_config.clone().unwrap_or_default().0,
                    "open_params": plugin.open_params.trim(),
                })
            })
            .collect(),
        "engine" => engine(settings),
        _ => key.split('.').fold(settings.show(), |value, name| value[name].clone()),
    }
}

fn selection(selection: &peregrine_config::keys::Selection) -> Json {
    let (word, chosen) = match (&selection.enable, &selection.disable) {
        (Some(chosen), _) => ("enable", chosen),
        (None, Some(chosen)) => ("disable", chosen),
        (None, None) => return Json::Null,
    };
    let mut out = serde_json::Map::new();
    for (key, value) in [("rule", &chosen.rule), ("tag", &chosen.tag)] {
        if !value.is_empty() {
            out.insert(key.into(), value.as_str().into());
        }
    }
    json!({ word: out })
}

fn addition(addition: &peregrine_config::keys::AppendOutput) -> Json {
    use peregrine_config::types::ExtraField;
    let mut tags = addition.r#match.tags.clone();
    tags.sort();
    let mut formatted = serde_json::Map::new();
    let mut raw = Vec::new();
    for field in &addition.extra_fields {
        match field {
            ExtraField::Raw(name) => raw.push(name.clone()),
            ExtraField::Formatted { name, format } => {
                formatted.insert(name.clone(), format.as_str().into());
            }
        }
    }
    raw.sort();
    json!({
        "source": addition.r#match.source,
        "tags": tags,
        "rule": addition.r#match.rule,
        "extra_output": addition.extra_output,
        "suggested_output": addition.suggested_output,
        "formatted_fields": formatted,
        "raw_fields": raw,
    })
}

/// Falco leaves the keys of engines that were not chosen at zero.
fn engine(settings: &Settings) -> Json {
    let engine = &settings.engine;
    let mut out = json!({
        "engine.kind": engine.kind.word(),
        "engine.kmod.buf_size_preset": 0,
        "engine.kmod.drop_failed_exit": false,
        "engine.modern_ebpf.cpus_for_each_buffer": 0,
        "engine.modern_ebpf.buf_size_preset": 0,
        "engine.modern_ebpf.drop_failed_exit": false,
        "engine.modern_ebpf.disable_iterators": false,
        "engine.replay.capture_file": "",
    });
    let shown = engine.show();
    let section = match engine.kind {
        EngineKind::Kmod => "kmod",
        EngineKind::ModernEbpf => "modern_ebpf",
        EngineKind::Replay => "replay",
        EngineKind::NoDriver => return out,
    };
    for (key, value) in shown[section].as_object().into_iter().flatten() {
        out[format!("engine.{section}.{key}")] = value.clone();
    }
    out
}
