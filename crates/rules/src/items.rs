//! The items of rules files, as read, before anything is resolved.

use std::collections::{BTreeSet, HashMap};

use peregrine_event::Priority;

use crate::context::Context;
use crate::source::SourceSpan;
use crate::traced::Traced;

/// The source of rules that name none.
pub const SYSCALL_SOURCE: &str = "syscall";

/// An item of a list, or a value of an exception.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub text: String,
    pub span: SourceSpan,
}

/// What lists, macros and rules have in common.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub name: String,
    pub context: Context,
    /// The name in the file.
    pub span: SourceSpan,
    /// Position of the first definition among all items.
    pub index: u32,
    /// Position of the last definition or append.
    pub visibility: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct ListItem {
    pub head: Head,
    pub items: Vec<Word>,
}

#[derive(Debug, Clone)]
pub(crate) struct MacroItem {
    pub head: Head,
    pub condition: Traced,
    pub condition_context: Context,
}

#[derive(Debug, Clone)]
pub(crate) struct RuleItem {
    pub head: Head,
    pub condition: Traced,
    pub condition_context: Context,
    pub output: Traced,
    pub output_context: Context,
    pub description: String,
    pub priority: Priority,
    pub source: String,
    pub tags: BTreeSet<String>,
    pub exceptions: Vec<Exception>,
    pub enabled: bool,
    pub capture: bool,
    pub capture_duration: u32,
    pub warn_evttypes: bool,
    pub skip_if_unknown_filter: bool,
    pub unknown_source: bool,
}

/// What an item changes of a rule that exists.
#[derive(Debug, Clone)]
pub(crate) struct RuleUpdate {
    pub name: String,
    pub context: Context,
    pub span: SourceSpan,
    pub source: String,
    pub condition: Option<Traced>,
    pub output: Option<Traced>,
    pub description: Option<String>,
    pub tags: Option<BTreeSet<String>>,
    pub exceptions: Option<Vec<Exception>>,
    pub priority: Option<Priority>,
    pub enabled: Option<bool>,
    pub capture: Option<bool>,
    pub capture_duration: Option<u32>,
    pub warn_evttypes: Option<bool>,
    pub skip_if_unknown_filter: Option<bool>,
}

impl RuleUpdate {
    pub fn new(name: String, context: Context, span: SourceSpan) -> Self {
        Self {
            name,
            context,
            span,
            source: String::new(),
            condition: None,
            output: None,
            description: None,
            tags: None,
            exceptions: None,
            priority: None,
            enabled: None,
            capture: None,
            capture_duration: None,
            warn_evttypes: None,
            skip_if_unknown_filter: None,
        }
    }

    pub fn has_any_value(&self) -> bool {
        self.condition.is_some()
            || self.output.is_some()
            || self.description.is_some()
            || self.tags.is_some()
            || self.exceptions.is_some()
            || self.priority.is_some()
            || self.enabled.is_some()
            || self.capture.is_some()
            || self.capture_duration.is_some()
            || self.warn_evttypes.is_some()
            || self.skip_if_unknown_filter.is_some()
    }
}

/// An exception of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Exception {
    pub name: String,
    pub context: Context,
    pub span: SourceSpan,
    pub fields: Entry,
    pub comps: Entry,
    pub values: Vec<Entry>,
}

/// A part of an exception: a word, or several entries.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Word(Word),
    List(Vec<Entry>, SourceSpan),
}

impl Entry {
    /// Nothing: what a missing key gives.
    pub fn none(span: SourceSpan) -> Self {
        Entry::Word(Word { text: String::new(), span })
    }

    /// Whether there is anything in it.
    pub fn is_some(&self) -> bool {
        match self {
            Entry::Word(word) => !word.text.is_empty(),
            Entry::List(entries, _) => !entries.is_empty(),
        }
    }

    /// The word; of a list none.
    pub fn word(&self) -> &str {
        match self {
            Entry::Word(word) => &word.text,
            Entry::List(..) => "",
        }
    }

    pub fn span(&self) -> SourceSpan {
        match self {
            Entry::Word(word) => word.span,
            Entry::List(_, span) => *span,
        }
    }
}

/// Items by name, in the order in which they were first defined.
#[derive(Debug, Clone)]
pub(crate) struct Named<T> {
    items: Vec<T>,
    by_name: HashMap<String, usize>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { items: Vec::new(), by_name: HashMap::new() }
    }
}

impl<T> Named<T> {
    pub fn get(&self, name: &str) -> Option<&T> {
        self.by_name.get(name).map(|at| &self.items[*at])
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.by_name.get(name).map(|at| &mut self.items[*at])
    }

    pub fn push(&mut self, name: &str, item: T) {
        self.by_name.insert(name.to_owned(), self.items.len());
        self.items.push(item);
    }

    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
}
