//! The values in effect and where they came from.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use crate::declare::{Key, Setting, Shape};
use crate::keys::Settings;
use crate::load::Config;
use crate::path::escape;
use crate::value::Origin;

/// A value in effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Path, as `-o` takes it.
    pub path: String,
    /// Value.
    pub value: Json,
    /// Where it came from.
    pub origin: Origin,
}

/// All values in effect, in the order of the declaration.
pub fn effective(config: &Config) -> Vec<Effective> {
    let mut out = Vec::new();
    collect(&mut out, config, &Settings::keys(), &config.settings.show(), "");
    out
}

fn collect(out: &mut Vec<Effective>, config: &Config, keys: &[Key], value: &Json, prefix: &str) {
    for key in keys {
        let path = format!("{prefix}{}", escape(key.name));
        let value = &value[key.name];
        match (&key.shape, value) {
            (Shape::Section(keys), Json::Object(_)) => {
                collect(out, config, keys, value, &format!("{path}."));
            }
            (Shape::List(_), Json::Array(items))
                if !key.children().is_empty() && !items.is_empty() =>
            {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    match item {
                        Json::Object(_) if config.origins.contains_key(&path) => {
                            collect(out, config, key.children(), item, &format!("{path}."));
                        }
                        _ => push(out, config, path, item),
                    }
                }
            }
            _ => push(out, config, path, value),
        }
    }
}

fn push(out: &mut Vec<Effective>, config: &Config, path: String, value: &Json) {
    let origin = config.origins.get(&path).cloned().unwrap_or_default();
    out.push(Effective { path, value: value.clone(), origin });
}

/// As lines: path, value, origin.
pub fn text(config: &Config) -> String {
    let lines = effective(config);
    let left = |line: &Effective| format!("{} = {}", line.path, line.value);
    let width = lines.iter().map(|line| left(line).len()).filter(|n| *n <= 60).max().unwrap_or(0);
    let mut out = String::new();
    for line in &lines {
        let _ = writeln!(out, "{:width$}  # {}", left(line), line.origin);
    }
    out
}

/// As JSON: path → value and origin.
pub fn json(config: &Config) -> Json {
    let entry = |line: Effective| {
        (line.path, json!({ "value": line.value, "from": line.origin.to_string() }))
    };
    Json::Object(effective(config).into_iter().map(entry).collect())
}
