//! Lists: one within another, and in conditions.
//!
//! In a condition the name of a list is replaced as text, before parsing, wherever it stands
//! between blanks, parentheses, commas or `=`. That is how Falco does it, and rules depend on it:
//! a name within a longer list, in an exception, next to other values.

use std::collections::BTreeSet;

use memchr::memmem;

use crate::items::{ListItem, Named, Word};
use crate::problem::{Outcome, Problem};
use crate::source::SourceSpan;
use crate::traced::Traced;

/// A list with the lists in it expanded.
#[derive(Debug, Clone)]
pub(crate) struct CompiledList {
    pub name: String,
    pub items: Vec<Word>,
    pub used: bool,
}

/// Words that a list may have once the lists in it are expanded.
const MAX_ITEMS: usize = 1 << 20;

/// Bytes that a condition may have once lists are replaced.
pub(crate) const MAX_CONDITION: usize = 1 << 24;

/// Expands lists in lists, one level deep, if the inner list is defined before the end of the
/// outer one. Deeper names are left to the replacement in conditions.
pub(crate) fn compile(lists: &Named<ListItem>) -> Outcome<Vec<CompiledList>> {
    let mut used = BTreeSet::new();
    let mut compiled = Vec::new();
    for list in lists.iter() {
        let mut items = Vec::with_capacity(list.items.len());
        for item in &list.items {
            match lists.get(&item.text) {
                Some(inner) if inner.head.index < list.head.visibility => {
                    used.insert(inner.head.name.as_str());
                    items.extend_from_slice(&inner.items);
                }
                _ => items.push(item.clone()),
            }
            if items.len() > MAX_ITEMS {
                let message = format!("list expands to more than {MAX_ITEMS} items");
                return Err(Problem::validate(message, &list.head.context, list.head.span));
            }
        }
        compiled.push(CompiledList { name: list.head.name.clone(), items, used: false });
    }
    for list in &mut compiled {
        list.used = used.contains(list.name.as_str());
    }
    Ok(compiled)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn is_delimiter(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'(' | b')' | b',' | b'=')
}

/// A text with a blank gets quotes, unless it has some.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains(' ') && !text.starts_with(['"', '\'']) {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    }
}

/// Replaces the names of all lists in a condition. `None` if it grows too long.
pub(crate) fn replace_all(mut condition: Traced, lists: &mut [CompiledList]) -> Option<Traced> {
    for list in lists {
        condition = replace(condition, list)?;
    }
    Some(condition)
}

fn replace(mut condition: Traced, list: &mut CompiledList) -> Option<Traced> {
    if list.name.is_empty() {
        return Some(condition);
    }
    let mut start = memmem::find(condition.as_str().as_bytes(), list.name.as_bytes());
    while let Some(at) = start {
        let bytes = condition.as_str().as_bytes();
        let mut from = at;
        let mut to = at + list.name.len();
        let bounded_left = from == 0 || is_delimiter(bytes[from - 1]);
        let bounded_right = to >= bytes.len() || is_delimiter(bytes[to]);
        let mut next = at + 1;
        if bounded_left && bounded_right {
            while from > 0 && is_blank(bytes[from - 1]) {
                from -= 1;
            }
            while to < bytes.len() && is_blank(bytes[to]) {
                to += 1;
            }
            let name_span = condition.span(at..at + list.name.len());
            let mut words = Traced::default();
            for word in &list.items {
                if !words.is_empty() {
                    words.push_glue(", ");
                }
                words.push_made(&quoted(&word.text), word.span);
                if condition.len() + words.len() > MAX_CONDITION {
                    return None;
                }
            }
            // An empty list takes a comma with it.
            if words.is_empty() {
                if from > 0 && bytes[from - 1] == b',' {
                    from -= 1;
                } else if to < bytes.len() && bytes[to] == b',' {
                    to += 1;
                }
            }
            let mut replaced = Traced::default();
            if from > 0 {
                replaced.push_slice(&condition, 0..from);
                replaced.push_glue(" ");
            }
            replaced.push(&words);
            glue(&mut replaced, name_span);
            if to <= condition.len() {
                replaced.push_slice(&condition, to..condition.len());
            }
            next = from + words.len() + 2;
            condition = replaced;
            list.used = true;
        }
        let bytes = condition.as_str().as_bytes();
        start = match bytes.get(next..) {
            Some(rest) => memmem::find(rest, list.name.as_bytes()).map(|found| found + next),
            None => None,
        };
    }
    Some(condition)
}

fn glue(text: &mut Traced, span: Option<SourceSpan>) {
    match span {
        Some(span) if text.is_empty() => text.push_made(" ", span),
        _ => text.push_glue(" "),
    }
}
