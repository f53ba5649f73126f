//! An alert, before it is a line.

use std::borrow::Cow;
use std::sync::Arc;

use peregrine_event::Priority;
use serde::{Deserialize, Serialize};

/// What all alerts of one rule have in common; made once when rules are loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleIdentity {
    name: String,
    #[serde(with = "priority_name")]
    priority: Priority,
    source: String,
    tags: Vec<String>,
    internal: bool,
}

impl RuleIdentity {
    /// The identity of a rule. Tags are a set: order and repetition are not kept.
    pub fn new(
        name: impl Into<String>,
        priority: Priority,
        source: impl Into<String>,
        tags: impl IntoIterator<Item = impl Into<String>>,
    ) -> Arc<Self> {
        let mut tags: Vec<String> = tags.into_iter().map(Into::into).collect();
        tags.sort_unstable();
        tags.dedup();
        Arc::new(Self { name: name.into(), priority, source: source.into(), tags, internal: false })
    }

    /// The identity of an alert about the engine itself, as "syscall event drop". Its source is
    /// `internal` and it has no tags.
    pub fn internal(name: impl Into<String>, priority: Priority) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            priority,
            source: "internal".to_owned(),
            tags: Vec::new(),
            internal: true,
        })
    }

    /// Name of the rule.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Priority of the rule.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Event source the rule belongs to.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Tags, sorted.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Whether alerts of this rule are about the engine itself.
    pub fn is_internal(&self) -> bool {
        self.internal
    }
}

/// A priority by its name.
mod priority_name {
    use peregrine_event::Priority;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(value: &Priority, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(value.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Priority, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// The value of an output field, typed as in JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// The event has no such value; `<NA>` in text.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed number.
    Int(i64),
    /// An unsigned number.
    Uint(u64),
    /// A floating point number; JSON has no infinities, they become null.
    Double(f64),
    /// Text.
    Text(String),
    /// The values of a list field.
    List(Vec<FieldValue>),
}

impl FieldValue {
    /// Text from bytes of unknown encoding: each part that is not UTF-8 becomes U+FFFD.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        FieldValue::Text(sanitize(bytes).into_owned())
    }
}

/// Text from bytes of unknown encoding: each part that is not UTF-8 becomes U+FFFD.
pub fn sanitize(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Whether the state an alert rests on was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StateQuality {
    /// All records before the event had been applied.
    #[default]
    Exact,
    /// Another partition was behind for longer than may be waited; its last known state was used.
    Late,
    /// Records of the process had been lost.
    Incomplete,
}

impl StateQuality {
    /// The word that alerts show, none when there is nothing to say.
    pub fn note(self) -> Option<&'static str> {
        match self {
            StateQuality::Exact => None,
            StateQuality::Late => Some("late"),
            StateQuality::Incomplete => Some("incomplete"),
        }
    }
}

/// One alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Time of the event, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// Position of the event in its source: the event number of a capture, else the time.
    pub sequence: u64,
    /// The rule that matched.
    pub rule: Arc<RuleIdentity>,
    /// The rule's output with its fields filled in, without time and priority.
    pub message: String,
    /// The fields of the output, in any order. Of two with one name the later counts.
    pub fields: Vec<(Arc<str>, FieldValue)>,
    /// Whether the state behind the alert was complete.
    pub state: StateQuality,
    /// The process and its ancestors, nearest first, for those who show alerts to people. No line
    /// has it; empty unless somebody asked for it.
    pub lineage: Vec<Ancestor>,
}

/// A process above an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ancestor {
    /// Its process id.
    pub pid: u64,
    /// Its name.
    pub name: String,
    /// Path of its program.
    pub exe: String,
    /// Its command line.
    pub command: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_a_set() {
        let rule = RuleIdentity::new("r", Priority::Notice, "syscall", ["host", "T1059", "host"]);
        assert_eq!(rule.tags(), ["T1059", "host"]);
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced_part_by_part() {
        assert_eq!(sanitize(b"a\xff\xc3(\xe2\x82b"), "a\u{fffd}\u{fffd}(\u{fffd}b");
    }
}
