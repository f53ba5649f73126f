//! Falco's verdict on a document: whether its JSON schema accepts it. A document that it does not
//! accept is used all the same; the verdict is only shown.
//!
//! The schema is checked the way Falco checks it: everything is text, so a number is text that
//! reads as one; an empty list and an empty mapping stand for each other.

use crate::declare::{Key, Shape};
use crate::value::{Value, ValueKind};

/// What became of checking a document against the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as the schema says.
    Ok,
    /// It is not, for this first reason.
    Failed(String),
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::Ok => f.write_str("ok"),
            Verdict::Failed(reason) => write!(f, "failed for {reason}"),
        }
    }
}

/// Checks a document of its own, before anything is merged.
pub fn verdict(document: &Value, keys: &[Key]) -> Verdict {
    match section(document, keys, true, "<root>") {
        Ok(()) => Verdict::Ok,
        Err(reason) => Verdict::Failed(reason),
    }
}

fn check(value: &Value, shape: &Shape, may_be_empty: bool, path: &str) -> Result<(), String> {
    let fail = || Err(format!("{path}: expected {}", shape.expected()));
    let text = value.as_scalar();
    let is_empty = match &value.kind {
        ValueKind::Sequence(items) => items.is_empty(),
        ValueKind::Mapping(pairs) => pairs.is_empty(),
        _ => false,
    };
    let is_ok = match shape {
        Shape::Bool => matches!(text, Some("true" | "false")),
        Shape::Integer { .. } => text.is_some_and(|t| t.trim_start().parse::<i64>().is_ok()),
        Shape::Number => text.is_some_and(|t| t.trim_start().parse::<f64>().is_ok()),
        Shape::Text | Shape::Form(_) => text.is_some() || is_empty,
        Shape::Choice(_) => text.is_some(),
        Shape::List(inner) => {
            for (index, item) in value.as_sequence().unwrap_or_default().iter().enumerate() {
                check(item, inner, may_be_empty, &format!("{path}[{index}]"))?;
            }
            value.as_sequence().is_some() || is_empty
        }
        Shape::Map(inner) => {
            for (name, value) in value.as_mapping().unwrap_or_default() {
                check(value, inner, true, &format!("{path}[{name}]"))?;
            }
            value.as_mapping().is_some() || is_empty
        }
        Shape::Section(keys) => return section(value, keys, may_be_empty, path),
        Shape::Foreign => value.as_mapping().is_some() || is_empty,
        Shape::Either(one, other) => {
            check(value, one, may_be_empty, path).is_ok()
                || check(value, other, may_be_empty, path).is_ok()
        }
        Shape::Nullable(inner) => {
            value.is_null() || check(value, inner, may_be_empty, path).is_ok()
        }
    };
    if is_ok { Ok(()) } else { fail() }
}

fn section(value: &Value, keys: &[Key], may_be_empty: bool, path: &str) -> Result<(), String> {
    let pairs: &[(String, Value)] = match &value.kind {
        ValueKind::Mapping(pairs) => pairs,
        ValueKind::Sequence(items) if items.is_empty() => &[],
        _ => return Err(format!("{path}: expected a mapping")),
    };
    if pairs.is_empty() && !may_be_empty {
        return Err(format!("{path}: expected at least one key"));
    }
    for (name, value) in pairs {
        let path = format!("{path}[{name}]");
        let key = keys.iter().find(|key| key.name == name && !key.is_legacy);
        let Some(key) = key else { return Err(format!("{path}: unknown key")) };
        check(value, &key.shape, key.may_be_empty, &path)?;
    }
    let missing = |key: &&Key| key.is_required && value.get(key.name).is_none();
    match keys.iter().find(missing) {
        Some(key) => Err(format!("{path}: '{}' is missing", key.name)),
        None => Ok(()),
    }
}
