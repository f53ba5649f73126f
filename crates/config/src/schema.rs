//! The JSON schema of a configuration.

use serde_json::{Map, Value as Json, json};

use crate::declare::{Effect, Key, Shape};
use crate::keys::Settings;

/// The schema of a whole configuration.
pub fn schema() -> Json {
    let mut root = section(&Settings::keys(), true);
    let Some(object) = root.as_object_mut() else { return root };
    object.insert("$schema".into(), "http://json-schema.org/draft-07/schema#".into());
    object.insert("title".into(), "Configuration of Falco and Peregrine".into());
    root
}

fn section(keys: &[Key], may_be_empty: bool) -> Json {
    let mut properties = Map::new();
    for key in keys.iter().filter(|key| !key.is_legacy) {
        properties.insert(key.name.into(), property(key));
    }
    let mut out = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    let required: Vec<&str> =
        keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    if !required.is_empty() {
        out["required"] = required.into();
    } else if !may_be_empty {
        out["minProperties"] = 1.into();
    }
    out
}

fn property(key: &Key) -> Json {
    let mut out = shape(&key.shape, key.may_be_empty);
    let mut doc = key.doc.clone();
    if let Effect::Inert(reason) = key.effect {
        doc.push_str(&format!(" No effect: {reason}."));
    }
    out["description"] = doc.into();
    if !key.default.is_null() && !matches!(key.shape, Shape::Section(_)) {
        out["default"] = key.default.clone();
    }
    out
}

fn shape(shape_of: &Shape, may_be_empty: bool) -> Json {
    match shape_of {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer { min, max } => {
            let bound = |n: &i128| i64::try_from(*n).map_or(json!(*n as u64), Json::from);
            json!({ "type": "integer", "minimum": bound(min), "maximum": bound(max) })
        }
        Shape::Number => json!({ "type": "number" }),
        Shape::Text | Shape::Form(_) => json!({ "type": "string" }),
        Shape::Choice(words) => json!({ "type": "string", "enum": words }),
        Shape::List(inner) => json!({ "type": "array", "items": shape(inner, may_be_empty) }),
        Shape::Map(inner) => {
            json!({ "type": "object", "additionalProperties": shape(inner, true) })
        }
        Shape::Section(keys) => section(keys, may_be_empty),
        Shape::Foreign => json!({ "type": "object" }),
        Shape::Either(one, other) => {
            json!({ "anyOf": [shape(one, may_be_empty), shape(other, may_be_empty)] })
        }
        Shape::Nullable(inner) => {
            json!({ "anyOf": [shape(inner, may_be_empty), { "type": "null" }] })
        }
    }
}
