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
pub(crate) const MAX_CONDITION: usize = 1 << 22;

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

/// Goes through the condition once; the blanks and commas around a name go as well, as in Falco.
fn replace(condition: Traced, list: &mut CompiledList) -> Option<Traced> {
    let (bytes, name) = (condition.as_str().as_bytes(), list.name.as_bytes());
    let mut found = match name {
        [] => None,
        _ => memmem::find(bytes, name),
    };
    if found.is_none() {
        return Some(condition);
    }
    let mut words: Option<Traced> = None;
    let mut out = Traced::default();
    // Up to where the condition is in `out`.
    let mut done = 0;
    while let Some(at) = found {
        let mut to = at + name.len();
        let previous = if at > done { Some(bytes[at - 1]) } else { out.as_str().bytes().last() };
        let is_bounded = previous.is_none_or(is_delimiter)
            && bytes.get(to).is_none_or(|byte| is_delimiter(*byte));
        let mut next = at + 1;
        if is_bounded {
            out.push_slice(&condition, done..at);
            while out.as_str().bytes().last().is_some_and(is_blank) {
                out.truncate(out.len() - 1);
            }
            while bytes.get(to).is_some_and(|byte| is_blank(*byte)) {
                to += 1;
            }
            if words.is_none() {
                words = Some(join(&list.items)?);
            }
            let words = words.as_ref()?;
            // An empty list takes a comma with it.
            if words.is_empty() {
                if out.as_str().ends_with(',') {
                    out.truncate(out.len() - 1);
                } else if bytes.get(to) == Some(&b',') {
                    to += 1;
                }
            }
            // Falco looks one byte too far after a name at the very beginning.
            next = to + usize::from(out.is_empty());
            if !out.is_empty() {
                out.push_glue(" ");
            }
            out.push(words);
            glue(&mut out, condition.span(at..at + name.len()));
            done = to;
            list.used = true;
            if out.len() > MAX_CONDITION {
                return None;
            }
        }
        found = bytes.get(next..).and_then(|rest| memmem::find(rest, name)).map(|f| f + next);
    }
    if done == 0 && out.is_empty() {
        return Some(condition);
    }
    out.push_slice(&condition, done..condition.len());
    Some(out)
}

/// The items with commas between them; `None` if they are too long.
fn join(items: &[Word]) -> Option<Traced> {
    let mut words = Traced::default();
    for word in items {
        if !words.is_empty() {
            words.push_glue(", ");
        }
        words.push_made(&quoted(&word.text), word.span);
        if words.len() > MAX_CONDITION {
            return None;
        }
    }
    Some(words)
}

fn glue(text: &mut Traced, span: Option<SourceSpan>) {
    match span {
        Some(span) if text.is_empty() => text.push_made(" ", span),
        _ => text.push_glue(" "),
    }
}
