//! Reads values into settings, and keeps what there is to say about them.

use std::collections::BTreeMap;

use crate::declare::{Effect, Key, Refusal, Setting, Shape};
use crate::problem::{Problem, Severity};
use crate::value::{Origin, Value, ValueKind};

/// Where values are read from and what was found.
pub struct Reader<'k> {
    /// The keys of the level that is being read, and of those above.
    levels: Vec<&'k [Key]>,
    path: Vec<String>,
    /// Where each value came from, by its path.
    pub origins: BTreeMap<String, Origin>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl<'k> Reader<'k> {
    /// A reader for a document with these keys.
    pub fn new(keys: &'k [Key]) -> Self {
        Self {
            levels: vec![keys],
            path: Vec::new(),
            origins: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    /// The path of what is being read.
    pub fn path(&self) -> String {
        path_text(&self.path)
    }

    /// Looks at a section before its fields: it must be a mapping, and its keys known.
    ///
    /// # Errors
    /// It is no mapping.
    pub fn enter(&mut self, value: &Value) -> Result<(), Refusal> {
        let pairs = match &value.kind {
            ValueKind::Mapping(pairs) => pairs,
            ValueKind::Null => return Ok(()),
            _ => {
                let what = if self.path.is_empty() { "the document".into() } else { self.path() };
                return Err(Refusal::Invalid(format!(
                    "{what} must be a mapping, and is {}",
                    value.kind_name()
                )));
            }
        };
        let keys = *self.levels.last().unwrap_or(&&[][..]);
        for (at, (name, value)) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
                let problem = Problem::warning(
                    &value.origin,
                    format!("{} is set twice; the first counts", self.path_of(name)),
                );
                self.problems.push(problem);
            } else if !keys.iter().any(|key| key.name == name) {
                let near = keys
                    .iter()
                    .map(|key| (strsim::jaro_winkler(key.name, name), key.name))
                    .filter(|(score, _)| *score > 0.85)
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                let problem = Problem::warning(
                    &value.origin,
                    format!("{} is not a known key; it is ignored", self.path_of(name)),
                );
                self.problems.push(match near {
                    Some((_, near)) => problem.help(format!("did you mean '{near}'?")),
                    None => problem,
                });
            }
        }
        Ok(())
    }

    fn path_of(&self, name: &str) -> String {
        let mut path = self.path.clone();
        path.push(crate::path::escape(name));
        path_text(&path)
    }

    /// Reads a field of a section.
    pub fn field<T: Setting>(
        &mut self,
        section: &Value,
        name: &str,
        default: impl FnOnce() -> T,
    ) -> T {
        let name = name.strip_prefix("r#").unwrap_or(name);
        let keys = *self.levels.last().unwrap_or(&&[][..]);
        let Some(value) = section.get(name).filter(|value| !value.is_null()) else {
            return default();
        };
        self.path.push(name.to_owned());
        let key = keys.iter().find(|key| key.name == name);
        self.levels.push(key.map_or(&[], |key| key.shape.keys()));
        self.origins.insert(self.path(), value.origin.clone());
        let result = T::read(value, self);
        self.levels.pop();
        let read = match result {
            Ok(read) => {
                if let Some(key) = key {
                    self.say_inert(key, value, &read.show());
                }
                read
            }
            Err(refusal) => {
                let default = default();
                self.refused(key, value, refusal, &default.show());
                default
            }
        };
        self.path.pop();
        read
    }

    /// Reads the items of a list. A single value counts as a list of one, as in Falco.
    pub fn items<T: Setting>(&mut self, value: &Value) -> Result<Vec<T>, Refusal> {
        let items = match &value.kind {
            ValueKind::Sequence(items) => items.as_slice(),
            ValueKind::Scalar(_) => std::slice::from_ref(value),
            _ => return Err(Refusal::WrongType),
        };
        let mut read = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            self.path.push(format!("[{index}]"));
            self.origins.insert(self.path(), item.origin.clone());
            match T::read(item, self) {
                Ok(item) => read.push(item),
                Err(refusal) => {
                    let message = match refusal {
                        Refusal::Invalid(message) => message,
                        Refusal::WrongType => format!(
                            "{} must be {}, and is {}",
                            self.path(),
                            T::shape().expected(),
                            item.kind_name()
                        ),
                    };
                    self.problems.push(Problem::error(&item.origin, message));
                }
            }
            self.path.pop();
        }
        Ok(read)
    }

    fn refused(
        &mut self,
        key: Option<&Key>,
        value: &Value,
        refusal: Refusal,
        default: &serde_json::Value,
    ) {
        let path = self.path();
        let problem = match refusal {
            Refusal::Invalid(message) => Problem::error(&value.origin, message),
            Refusal::WrongType => {
                let expected = key.map_or_else(String::new, |key| key.shape.expected());
                let found = match value.as_scalar() {
                    Some(text) => format!("'{text}'"),
                    None => value.kind_name().to_owned(),
                };
                // Falco takes the default and goes on; of our keys nobody expects that.
                let is_ours = self.path.first().is_some_and(|first| first == OURS);
                if is_ours {
                    let message = format!("{path} must be {expected}, and is {found}");
                    Problem::error(&value.origin, message)
                } else {
                    let message = format!(
                        "{path} must be {expected}, and is {found}; the default {default} is used"
                    );
                    Problem::warning(&value.origin, message)
                }
            }
        };
        self.problems.push(problem);
    }

    /// Says that a key does nothing, unless it says what is so anyway.
    fn say_inert(&mut self, key: &Key, value: &Value, read: &serde_json::Value) {
        let Effect::Inert(reason) = key.effect else { return };
        if matches!(key.shape, Shape::Section(_)) {
            return;
        }
        let is_shipped = match (key.shipped, value.as_scalar()) {
            (Some(shipped), Some(text)) => shipped == text,
            _ => false,
        };
        if *read == key.default || is_shipped {
            return;
        }
        let message = format!("{} has no effect: {reason}", self.path());
        self.problems.push(Problem::new(Severity::Warning, &value.origin, message));
    }
}

/// The section that Falco does not know.
pub const OURS: &str = "peregrine";

fn path_text(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        if !text.is_empty() && !part.starts_with('[') {
            text.push('.');
        }
        text.push_str(part);
    }
    text
}
