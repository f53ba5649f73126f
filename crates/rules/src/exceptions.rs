//! Exceptions become text behind the condition: `(condition) and not (…) and not (…)`.

use std::collections::BTreeSet;

use peregrine_filter::Operator;

use crate::collector::is_modified_operator;
use crate::items::{Entry, Exception};
use crate::lists::quoted;
use crate::problem::{Outcome, Problem};
use crate::source::SourceSpan;
use crate::traced::Traced;

/// The condition with its exceptions, and the fields they use.
pub(crate) fn apply(
    condition: &Traced,
    exceptions: &[Exception],
) -> Outcome<(Traced, BTreeSet<String>)> {
    let mut fields = BTreeSet::new();
    if exceptions.is_empty() {
        return Ok((condition.clone(), fields));
    }
    let mut text = Traced::default();
    let start = condition.span(0..1).map(|s| SourceSpan { end: s.start, ..s });
    if let Some(start) = start {
        text.push_made("(", start);
    } else {
        text.push_glue("(");
    }
    text.push(condition);
    text.push_glue(")");
    for exception in exceptions {
        let part = match &exception.fields {
            Entry::Word(_) => one_field(exception)?,
            Entry::List(entries, _) => several_fields(exception, entries)?,
        };
        let Some(part) = part else { continue };
        match &exception.fields {
            Entry::Word(word) => {
                fields.insert(word.text.clone());
            }
            Entry::List(entries, _) => fields.extend(entries.iter().map(|e| e.word().to_owned())),
        }
        text.push_made(" and not ", exception.span);
        text.push(&part);
    }
    Ok((text, fields))
}

/// `(field in (a, b))`
fn one_field(exception: &Exception) -> Outcome<Option<Traced>> {
    let Exception { fields, comps, values, context, span, .. } = exception;
    let mut text = Traced::default();
    for value in values {
        let Entry::Word(value) = value else {
            let message = "Expected values array to contain a list of strings";
            return Err(Problem::validate(message, context, *span)
                .label(value.span(), "with one field every value is a single string"));
        };
        if text.is_empty() {
            text.push_made("(", *span);
            text.push_made(fields.word(), fields.span());
            text.push_glue(" ");
            text.push_made(comps.word(), comps.span());
            text.push_glue(" (");
        } else {
            text.push_glue(", ");
        }
        text.push_made(&quoted(&value.text), value.span);
    }
    if text.is_empty() {
        return Ok(None);
    }
    text.push_glue("))");
    Ok(Some(text))
}

/// `((a = 1 and b = 2) or (a = 3 and b = 4))`
fn several_fields(exception: &Exception, fields: &[Entry]) -> Outcome<Option<Traced>> {
    let Exception { comps, values, context, span, .. } = exception;
    let comps = match comps {
        Entry::List(comps, _) => comps.as_slice(),
        Entry::Word(_) => &[],
    };
    if values.is_empty() {
        return Ok(None);
    }
    let mut text = Traced::made("(", *span);
    for (index, tuple) in values.iter().enumerate() {
        let items = match tuple {
            Entry::List(items, _) => items.as_slice(),
            Entry::Word(_) => &[],
        };
        if items.len() != fields.len() {
            let message = "Fields and values lists must have equal length";
            let note = match tuple {
                Entry::List(..) => format!("{} values for {} fields", items.len(), fields.len()),
                Entry::Word(_) => format!("one value for a list of {} fields", fields.len()),
            };
            return Err(Problem::validate(message, context, *span).label(tuple.span(), note));
        }
        text.push_made(if index == 0 { "(" } else { " or (" }, tuple.span());
        for (k, (field, value)) in fields.iter().zip(items).enumerate() {
            if k > 0 {
                text.push_glue(" and ");
            }
            let comp = comps.get(k);
            let operator = comp.map_or("=", Entry::word);
            text.push_glue(" ");
            text.push_made(field.word(), field.span());
            text.push_glue(" ");
            text.push_made(operator, comp.map_or(field.span(), Entry::span));
            text.push_glue(" ");
            match value {
                Entry::List(words, list_span) => {
                    text.push_made("(", *list_span);
                    for (n, word) in words.iter().enumerate() {
                        if n > 0 {
                            text.push_glue(", ");
                        }
                        text.push_made(&quoted(word.word()), word.span());
                    }
                    text.push_glue(")");
                }
                Entry::Word(word) => {
                    let written = if !takes_list(operator) {
                        quoted(&word.text)
                    } else if word.text.starts_with('(') {
                        word.text.clone()
                    } else {
                        format!("({})", word.text)
                    };
                    text.push_made(&written, word.span);
                }
            }
        }
        text.push_glue(")");
    }
    text.push_glue(")");
    Ok(Some(text))
}

fn takes_list(operator: &str) -> bool {
    Operator::from_spelling(operator).is_some_and(Operator::is_list)
        || is_modified_operator(operator)
}
