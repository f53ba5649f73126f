//! A configuration before it has types: a tree whose every node knows where it came from.

use std::fmt;
use std::sync::Arc;

use peregrine_yaml::{Kind, Node, scalar};
use serde_json::Value as Json;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Nobody set it.
    #[default]
    Default,
    /// A place in a file; line and column count from one.
    File {
        /// Name of the file, as it was given.
        name: Arc<str>,
        /// Line.
        line: usize,
        /// Column, in bytes.
        column: usize,
    },
    /// The command line; the text is the option as it was written, as in `-o key=value`.
    CommandLine(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Origin::CommandLine(option) => f.write_str(option),
        }
    }
}

/// A node of a configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Value {
    /// Where it came from.
    pub origin: Origin,
    /// What it is.
    pub kind: ValueKind,
}

/// Kinds of nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum ValueKind {
    /// Nothing, `~` or `null`.
    #[default]
    Null,
    /// A text, a number, a truth value: its reader decides.
    Scalar(String),
    /// A list.
    Sequence(Vec<Value>),
    /// A mapping in the order of the file. Of a key that repeats the first counts.
    Mapping(Vec<(String, Value)>),
}

impl Value {
    /// A value from the command line.
    pub fn option(option: &Arc<str>, kind: ValueKind) -> Self {
        Self { origin: Origin::CommandLine(option.clone()), kind }
    }

    /// The tree of a YAML document; positions count from one.
    pub fn from_yaml(node: &Node, file: &Arc<str>) -> Self {
        let origin = Origin::File {
            name: file.clone(),
            line: node.mark.line + 1,
            column: node.mark.column + 1,
        };
        Self::from_node(node, &|node| match &origin {
            Origin::File { name, .. } => Origin::File {
                name: name.clone(),
                line: node.mark.line + 1,
                column: node.mark.column + 1,
            },
            other => other.clone(),
        })
    }

    pub(crate) fn from_node(node: &Node, origin: &impl Fn(&Node) -> Origin) -> Self {
        let kind = match &node.kind {
            Kind::Null => ValueKind::Null,
            Kind::Scalar { text, .. } => ValueKind::Scalar(text.clone()),
            Kind::Sequence(items) => {
                ValueKind::Sequence(items.iter().map(|n| Self::from_node(n, origin)).collect())
            }
            Kind::Mapping(pairs) => {
                let pair = |(key, value): &(Arc<Node>, Arc<Node>)| {
                    (key.as_scalar().unwrap_or_default().to_owned(), Self::from_node(value, origin))
                };
                ValueKind::Mapping(pairs.iter().map(pair).collect())
            }
        };
        Self { origin: origin(node), kind }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.kind == ValueKind::Null
    }

    /// The text of a scalar.
    pub fn as_scalar(&self) -> Option<&str> {
        match &self.kind {
            ValueKind::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_sequence(&self) -> Option<&[Value]> {
        match &self.kind {
            ValueKind::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a mapping.
    pub fn as_mapping(&self) -> Option<&[(String, Value)]> {
        match &self.kind {
            ValueKind::Mapping(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_mapping()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Calls `visit` on every scalar.
    pub(crate) fn scalars_mut(&mut self, visit: &mut impl FnMut(&mut String, &Origin)) {
        match &mut self.kind {
            ValueKind::Null => {}
            ValueKind::Scalar(text) => visit(text, &self.origin),
            ValueKind::Sequence(items) => items.iter_mut().for_each(|v| v.scalars_mut(visit)),
            ValueKind::Mapping(pairs) => pairs.iter_mut().for_each(|(_, v)| v.scalars_mut(visit)),
        }
    }

    /// What kind of node it is, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            ValueKind::Null => "nothing",
            ValueKind::Scalar(_) => "a single value",
            ValueKind::Sequence(_) => "a list",
            ValueKind::Mapping(_) => "a mapping",
        }
    }

    /// As JSON with every scalar as text.
    pub fn to_json(&self) -> Json {
        self.json_with(&|text| Json::from(text))
    }

    /// As JSON in which a scalar is a number or a truth value if it can be one.
    pub fn to_typed_json(&self) -> Json {
        self.json_with(&|text| {
            if let Some(number) = scalar::read_int(text).and_then(|n| i64::try_from(n).ok()) {
                Json::from(number)
            } else if let Some(number) = scalar::read_f64(text) {
                Json::from(number)
            } else if let Some(truth) = scalar::read_bool(text) {
                Json::from(truth)
            } else {
                Json::from(text)
            }
        })
    }

    fn json_with(&self, scalar: &impl Fn(&str) -> Json) -> Json {
        match &self.kind {
            ValueKind::Null => Json::Null,
            ValueKind::Scalar(text) => scalar(text),
            ValueKind::Sequence(items) => {
                Json::Array(items.iter().map(|item| item.json_with(scalar)).collect())
            }
            ValueKind::Mapping(pairs) => {
                let mut object = serde_json::Map::new();
                for (key, value) in pairs {
                    object.entry(key.clone()).or_insert_with(|| value.json_with(scalar));
                }
                Json::Object(object)
            }
        }
    }
}
