//! Names of values within a configuration, as `-o` takes them.
//!
//! ```text
//! path  = part ('.' part)*
//! part  = name ('[' number? ']')*        name: \ before one of . [ ] \ makes it literal
//! ```
//! `rules[]` stands for a new item at the end of a list.

use std::sync::Arc;

use crate::value::{Origin, Value, ValueKind};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Item(usize),
    NewItem,
}

/// A parsed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPath(Vec<Step>);

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("key \"{path}\": {message}")]
pub struct PathError {
    /// The path.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl KeyPath {
    /// Reads a path.
    ///
    /// # Errors
    /// It does not follow the grammar.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        let fail = |message: String| PathError { path: path.to_owned(), message };
        let mut steps = Vec::new();
        let mut name = String::new();
        let mut chars = path.char_indices().peekable();
        // Behind a `]` there is a dot, a bracket or the end.
        let mut is_closed = false;
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, next @ ('.' | '[' | ']' | '\\'))) if !is_closed => name.push(next),
                    Some((_, '.' | '[' | ']' | '\\')) => {
                        return Err(fail(format!("a dot is missing at position {}", at + 1)));
                    }
                    Some((_, next)) => {
                        return Err(fail(format!(
                            "'\\{next}' is no escape; only \\. \\[ \\] \\\\ are"
                        )));
                    }
                    None => return Err(fail("a backslash ends it".into())),
                },
                '.' if is_closed => is_closed = false,
                '.' if name.is_empty() => {
                    return Err(fail(format!("a name is missing at position {}", at + 1)));
                }
                '.' => steps.push(Step::Key(std::mem::take(&mut name))),
                '[' => {
                    if !name.is_empty() {
                        steps.push(Step::Key(std::mem::take(&mut name)));
                    } else if !is_closed {
                        return Err(fail(format!("a name is missing at position {}", at + 1)));
                    }
                    let mut index = String::new();
                    loop {
                        match chars.next() {
                            Some((_, ']')) => break,
                            Some((_, digit)) => index.push(digit),
                            None => return Err(fail("a ']' is missing".into())),
                        }
                    }
                    steps.push(match index.parse() {
                        _ if index.is_empty() => Step::NewItem,
                        Ok(index) => Step::Item(index),
                        Err(_) => {
                            return Err(fail(format!("'{index}' is not the number of an item")));
                        }
                    });
                    is_closed = true;
                }
                _ if is_closed => {
                    return Err(fail(format!("a dot is missing at position {}", at + 1)));
                }
                c => name.push(c),
            }
        }
        if !name.is_empty() {
            steps.push(Step::Key(name));
        }
        Ok(Self(steps))
    }

    /// The first key of the path.
    pub fn first(&self) -> Option<&str> {
        match self.0.first()? {
            Step::Key(name) => Some(name),
            _ => None,
        }
    }

    /// The value at the path, if there is one.
    ///
    /// # Errors
    /// Something on the way is a single value, or the path stands for a new item.
    pub fn get<'v>(&self, root: &'v Value) -> Result<Option<&'v Value>, PathError> {
        let mut value = root;
        for step in &self.0 {
            let next = match (step, &value.kind) {
                (Step::NewItem, _) => return Err(self.fail("only what is set can be a new item")),
                (_, ValueKind::Scalar(_)) => {
                    return Err(self.fail("leads into a single value"));
                }
                (Step::Key(name), _) => value.get(name),
                (Step::Item(index), ValueKind::Sequence(items)) => items.get(*index),
                (Step::Item(index), _) => value.get(&index.to_string()),
            };
            match next {
                Some(next) => value = next,
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }

    /// Puts a value at the path, with all that is missing on the way.
    ///
    /// # Errors
    /// Something on the way is neither missing nor of the kind that the path needs.
    pub fn set(&self, root: &mut Value, new: Value, option: &Arc<str>) -> Result<(), PathError> {
        let mut place = root;
        for step in &self.0 {
            if place.is_null() {
                place.origin = Origin::CommandLine(option.clone());
                place.kind = match step {
                    Step::Key(_) => ValueKind::Mapping(Vec::new()),
                    _ => ValueKind::Sequence(Vec::new()),
                };
            }
            // As in yaml-cpp a name within a list makes it a mapping: what sets
            // `append_output.suggested_output` thereby takes back all that is appended.
            if let (Step::Key(_), ValueKind::Sequence(items)) = (step, &mut place.kind) {
                let items = std::mem::take(items).into_iter().enumerate();
                let pairs = items.map(|(index, item)| (index.to_string(), item)).collect();
                place.kind = ValueKind::Mapping(pairs);
            }
            let kind = place.kind_name();
            let within = &mut place.kind;
            place = match (step, within) {
                (Step::Key(name), ValueKind::Mapping(pairs)) => {
                    let at = pairs.iter().position(|(key, _)| key == name);
                    let at = at.unwrap_or_else(|| {
                        pairs.push((name.clone(), Value::option(option, ValueKind::Null)));
                        pairs.len() - 1
                    });
                    &mut pairs[at].1
                }
                (Step::Item(index), ValueKind::Sequence(items)) => {
                    let len = items.len();
                    if *index > len {
                        return Err(
                            self.fail(&format!("there is no item {index}; the list has {len}"))
                        );
                    }
                    if *index == len {
                        items.push(Value::option(option, ValueKind::Null));
                    }
                    &mut items[*index]
                }
                (Step::NewItem, ValueKind::Sequence(items)) => {
                    items.push(Value::option(option, ValueKind::Null));
                    let last = items.len() - 1;
                    &mut items[last]
                }
                (Step::Key(name), _) => {
                    return Err(self.fail(&format!("'{name}' would be within {kind}")));
                }
                (Step::Item(_) | Step::NewItem, _) => {
                    return Err(self.fail(&format!("an item would be within {kind}")));
                }
            };
        }
        *place = new;
        Ok(())
    }

    fn fail(&self, message: &str) -> PathError {
        PathError { path: self.to_string(), message: message.to_owned() }
    }
}

impl std::fmt::Display for KeyPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(name) => {
                    if index > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(&escape(name))?;
                }
                Step::Item(number) => write!(f, "[{number}]")?,
                Step::NewItem => f.write_str("[]")?,
            }
        }
        Ok(())
    }
}

/// A name as it stands in a path.
pub fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '.' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option() -> Arc<str> {
        Arc::from("-o test")
    }

    fn set(root: &mut Value, path: &str, text: &str) -> Result<(), PathError> {
        let new = Value::option(&option(), ValueKind::Scalar(text.into()));
        KeyPath::parse(path)?.set(root, new, &option())
    }

    #[test]
    fn paths_make_what_is_missing() {
        let mut root = Value::default();
        set(&mut root, "a.b", "1").unwrap();
        set(&mut root, "rules[].disable.tag", "x").unwrap();
        set(&mut root, "rules[].enable.rule", "y.z").unwrap();
        set(&mut root, "rules[0].disable.tag", "w").unwrap();
        set(&mut root, "m[0][0]", "2").unwrap();
        set(&mut root, r"k\.8\[s\]\\.x", "3").unwrap();
        let expected = serde_json::json!({
            "a": {"b": "1"},
            "rules": [{"disable": {"tag": "w"}}, {"enable": {"rule": "y.z"}}],
            "m": [["2"]],
            "k.8[s]\\": {"x": "3"},
        });
        assert_eq!(root.to_json(), expected);
        let path = KeyPath::parse(r"k\.8\[s\]\\.x").unwrap();
        assert_eq!(path.get(&root).unwrap().unwrap().as_scalar(), Some("3"));
        assert_eq!(path.to_string(), r"k\.8\[s\]\\.x");
        assert_eq!(KeyPath::parse("rules[7]").unwrap().get(&root).unwrap(), None);
        assert_eq!(KeyPath::parse("rules[1].disable").unwrap().get(&root).unwrap(), None);
        assert!(KeyPath::parse("a.b.c").unwrap().get(&root).is_err());
        assert!(KeyPath::parse("rules[]").unwrap().get(&root).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in ["a\\", "a\\x", ".a", "a..b", "[0]", "a[", "a[x]", "a[-1]", "a[0]b", "a[0]\\.b"]
        {
            assert!(KeyPath::parse(bad).is_err(), "{bad}");
        }
        let mut root = Value::default();
        set(&mut root, "a", "1").unwrap();
        set(&mut root, "l[]", "1").unwrap();
        for bad in ["a.b", "a[]", "l[3]"] {
            assert!(set(&mut root, bad, "2").is_err(), "{bad}");
        }
        set(&mut root, "l.x", "2").unwrap();
        assert_eq!(root.to_json(), serde_json::json!({"a": "1", "l": {"0": "1", "x": "2"}}));
    }
}
