//! The reference of all keys, as Markdown.

use std::fmt::Write;

use serde_json::Value as Json;

use crate::declare::{Effect, Key, Shape};
use crate::keys::Settings;

/// The reference: one table per section.
pub fn markdown() -> String {
    let mut out = String::new();
    let keys = Settings::keys();
    for ours in [false, true] {
        let title = if ours { "Keys of Peregrine" } else { "Keys of falco.yaml" };
        let _ = writeln!(out, "## {title}\n");
        let top: Vec<&Key> = keys.iter().filter(|key| key.is_ours == ours).collect();
        let is_leaf = |key: &&&Key| !has_table(key);
        let leaves: Vec<&Key> = top.iter().filter(is_leaf).copied().collect();
        if !leaves.is_empty() {
            table(&mut out, "", &leaves);
        }
        for key in top.iter().filter(|key| has_table(key)) {
            section(&mut out, key.name, key);
        }
    }
    out
}

fn has_table(key: &Key) -> bool {
    !key.children().is_empty()
}

fn section(out: &mut String, path: &str, key: &Key) {
    let path = match key.shape {
        Shape::List(_) => format!("{path}[]"),
        _ => path.to_owned(),
    };
    let _ = writeln!(out, "### {path}\n\n{}\n", key.doc);
    let children = key.children();
    let leaves: Vec<&Key> = children.iter().filter(|key| !has_table(key)).collect();
    if !leaves.is_empty() {
        table(out, &format!("{path}."), &leaves);
    }
    for child in children.iter().filter(|key| has_table(key)) {
        section(out, &format!("{path}.{}", child.name), child);
    }
}

fn table(out: &mut String, prefix: &str, keys: &[&Key]) {
    out.push_str("| key | default | what |\n|---|---|---|\n");
    for key in keys {
        let mut doc = key.doc.clone();
        match &key.shape {
            Shape::Choice(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
                let _ = write!(doc, " One of {}.", words.join(", "));
            }
            Shape::Form(form) => {
                let _ = write!(doc, " Written as {form}.");
            }
            _ => {}
        }
        if let Effect::Inert(reason) = key.effect {
            let _ = write!(doc, " *No effect: {reason}.*");
        }
        if key.needs_restart {
            doc.push_str(" A change needs a restart.");
        }
        let mut default = code(&key.default);
        if let Some(shipped) = key.shipped {
            let _ = write!(default, " (Falco ships `{}`)", shipped.replace('|', "\\|"));
        }
        let _ =
            writeln!(out, "| `{prefix}{}` | {default} | {} |", key.name, doc.replace('|', "\\|"));
    }
    out.push('\n');
}

fn code(value: &Json) -> String {
    match value {
        Json::Null => "–".into(),
        Json::String(text) if text.is_empty() => "empty".into(),
        Json::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}
