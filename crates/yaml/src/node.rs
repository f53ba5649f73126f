//! The tree of a document.

use std::ops::Range;
use std::sync::Arc;

use super::scalar;

/// A place in a file; everything counts from zero, bytes not characters, as yaml-cpp does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Byte offset.
    pub offset: usize,
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|` or `>`
    Block,
}

/// A node of a document.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins.
    pub mark: Mark,
    /// Byte offset after its last byte.
    pub end: usize,
    /// What it is.
    pub kind: Kind,
}

/// Kinds of nodes. Children are shared, since an alias stands for the node of its anchor.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// A text, a number, a truth value: its reader decides.
    Scalar {
        /// Escapes resolved, lines folded.
        text: String,
        /// How it was written.
        style: Style,
    },
    /// A sequence.
    Sequence(Vec<Arc<Node>>),
    /// A mapping, in the order of the file; keys may repeat.
    Mapping(Vec<(Arc<Node>, Arc<Node>)>),
}

impl Node {
    /// The bytes of the file it stands for.
    pub fn range(&self) -> Range<usize> {
        self.mark.offset..self.end.max(self.mark.offset)
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The text of a scalar.
    pub fn as_scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The items of a sequence.
    pub fn as_sequence(&self) -> Option<&[Arc<Node>]> {
        match &self.kind {
            Kind::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a mapping.
    pub fn as_mapping(&self) -> Option<&[(Arc<Node>, Arc<Node>)]> {
        match &self.kind {
            Kind::Mapping(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The value of a key; of the first, if it repeats.
    pub fn get(&self, key: &str) -> Option<&Arc<Node>> {
        let pairs = self.as_mapping()?;
        pairs.iter().find(|(k, _)| k.as_scalar() == Some(key)).map(|(_, value)| value)
    }

    /// The node of a key itself.
    pub fn key(&self, key: &str) -> Option<&Arc<Node>> {
        let pairs = self.as_mapping()?;
        pairs.iter().find(|(k, _)| k.as_scalar() == Some(key)).map(|(key, _)| key)
    }

    /// A scalar as a truth value, quoted or not: `true`, `yes`, `on`, `y` and their opposites, in
    /// lower case, upper case or capitalised.
    pub fn as_bool(&self) -> Option<bool> {
        scalar::read_bool(self.as_scalar()?)
    }

    /// A scalar as a number of 32 bits: decimal, `0x…` or octal with a leading zero.
    pub fn as_u32(&self) -> Option<u32> {
        scalar::read_u32(self.as_scalar()?)
    }

    /// What kind of node it is, for messages.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Scalar { .. } => "a scalar",
            Kind::Sequence(_) => "a sequence",
            Kind::Mapping(_) => "a mapping",
        }
    }
}
