//! The schema of rules files that Falco checks beside loading them.
//!
//! It is stricter than the loader: a file that breaks it is still accepted, with a notice.

use peregrine_yaml::Node;
use serde_json::{Value as Json, json};

/// Kinds of values.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Bool,
    Integer,
    OneOf(&'static [&'static str]),
    Anything,
    ListOf(&'static Shape),
    Map { keys: &'static [(&'static str, Shape)], required: &'static [&'static str], min: usize },
}

use Shape::{Anything, Bool, Integer, ListOf, Map, OneOf, Text};

const OPERATION: Shape = OneOf(&["append", "replace"]);
const ALTERNATIVE: Shape =
    Map { keys: &[("name", Text), ("version", Text)], required: &["name", "version"], min: 0 };
const ITEM: Shape = Map {
    keys: &[
        ("required_engine_version", Text),
        (
            "required_plugin_versions",
            ListOf(&Map {
                keys: &[("name", Text), ("version", Text), ("alternatives", ListOf(&ALTERNATIVE))],
                required: &["name", "version"],
                min: 0,
            }),
        ),
        ("macro", Text),
        ("condition", Text),
        ("list", Text),
        ("items", ListOf(&Text)),
        ("rule", Text),
        ("desc", Text),
        ("enabled", Bool),
        ("output", Text),
        ("append", Bool),
        (
            "priority",
            OneOf(&[
                "EMERGENCY",
                "ALERT",
                "CRITICAL",
                "ERROR",
                "WARNING",
                "NOTICE",
                "INFO",
                "INFORMATIONAL",
                "DEBUG",
            ]),
        ),
        ("capture", Bool),
        ("capture_duration", Integer),
        ("source", Text),
        (
            "exceptions",
            ListOf(&Map {
                keys: &[
                    ("name", Text),
                    ("fields", Anything),
                    ("comps", Anything),
                    ("values", Anything),
                ],
                required: &["name"],
                min: 0,
            }),
        ),
        (
            "override",
            Map {
                keys: &[
                    ("items", OPERATION),
                    ("desc", OPERATION),
                    ("condition", OPERATION),
                    ("output", OPERATION),
                    ("priority", OPERATION),
                    ("enabled", OPERATION),
                    ("exceptions", OPERATION),
                    ("capture", OPERATION),
                    ("capture_duration", OPERATION),
                    ("tags", OPERATION),
                    ("warn_evttypes", OPERATION),
                    ("skip-if-unknown-filter", OPERATION),
                ],
                required: &[],
                min: 1,
            },
        ),
        ("tags", ListOf(&Text)),
        ("warn_evttypes", Bool),
        ("skip-if-unknown-filter", Bool),
    ],
    required: &[],
    min: 0,
};

/// The schema as JSON schema, for editors.
pub fn rules_schema() -> Json {
    let mut schema = ListOf(&ITEM).to_json();
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "Rules files of Falco and Peregrine".into();
    schema
}

impl Shape {
    fn to_json(self) -> Json {
        match self {
            Anything => json!({}),
            Text => json!({ "type": "string" }),
            Bool => json!({ "type": "boolean" }),
            Integer => json!({ "type": "integer" }),
            OneOf(values) => json!({ "type": "string", "enum": values }),
            ListOf(shape) => json!({ "type": "array", "items": shape.to_json() }),
            Map { keys, required, min } => {
                let properties: serde_json::Map<String, Json> =
                    keys.iter().map(|(key, shape)| ((*key).to_owned(), shape.to_json())).collect();
                let mut out = json!({
                    "type": "object",
                    "additionalProperties": false,
                    "properties": properties,
                });
                if !required.is_empty() {
                    out["required"] = required.into();
                }
                if min > 0 {
                    out["minProperties"] = min.into();
                }
                out
            }
        }
    }
}

/// Problems kept; a file in the wrong format has as many as it has items.
const MAX_PROBLEMS: usize = 50;

/// How a document differs from the schema.
pub(crate) fn check(document: &Node) -> Vec<String> {
    let mut problems = Vec::new();
    validate(document, ListOf(&ITEM), "<root>", &mut problems);
    problems
}

fn validate(node: &Node, shape: Shape, path: &str, problems: &mut Vec<String>) {
    if problems.len() >= MAX_PROBLEMS {
        return;
    }
    let mut wrong = |what: String| problems.push(format!("failed for {path}: {what}"));
    match shape {
        Anything => {}
        Text => {
            if node.as_scalar().is_none() {
                wrong(format!("a string is expected, this is {}", node.kind_name()));
            }
        }
        Bool => {
            if node.as_bool().is_none() {
                wrong("true or false is expected".to_owned());
            }
        }
        Integer => {
            if node.as_scalar().is_none_or(|text| text.trim().parse::<i64>().is_err()) {
                wrong("an integer is expected".to_owned());
            }
        }
        OneOf(values) => {
            if !node.as_scalar().is_some_and(|text| values.contains(&text)) {
                wrong(format!("one of {} is expected", values.join(", ")));
            }
        }
        ListOf(shape) => match node.as_sequence() {
            None => wrong(format!("a sequence is expected, this is {}", node.kind_name())),
            Some(items) => {
                for (index, item) in items.iter().enumerate() {
                    validate(item, *shape, &format!("{path}[{index}]"), problems);
                }
            }
        },
        Map { keys, required, min } => {
            let Some(pairs) = node.as_mapping() else {
                return wrong(format!("a mapping is expected, this is {}", node.kind_name()));
            };
            if pairs.len() < min {
                wrong(format!("at least {min} key is expected"));
            }
            for key in required {
                if node.get(key).is_none() {
                    wrong(format!("the key '{key}' is missing"));
                }
            }
            for (key, value) in pairs {
                let name = key.as_scalar().unwrap_or("?");
                match keys.iter().find(|(known, _)| *known == name) {
                    Some((_, shape)) => {
                        validate(value, *shape, &format!("{path}[{name}]"), problems);
                    }
                    None => {
                        problems.push(format!("failed for {path}: the key '{name}' is unknown"));
                    }
                }
            }
        }
    }
}
