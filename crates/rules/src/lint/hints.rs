//! What may help with a condition that cannot be parsed.

use peregrine_filter::{Operator, ParseError};

use crate::diagnostic::nearest;

/// What may help with a condition that cannot be parsed.
pub(crate) fn parse_help(error: &ParseError, text: &str) -> Option<String> {
    let at = error.position.index as usize;
    let rest = text.get(at..).unwrap_or_default();
    let found = error.found.as_deref().unwrap_or_default();
    for (wrong, right) in
        [("&&", "and"), ("||", "or"), ("AND", "and"), ("OR", "or"), ("NOT", "not")]
    {
        if rest.starts_with(wrong) {
            return Some(format!("write '{right}' instead of '{wrong}'"));
        }
    }
    if rest.starts_with('!') && !rest.starts_with("!=") {
        return Some("write 'not' instead of '!'".to_owned());
    }
    if rest.starts_with("=~") {
        return Some("write 'regex' instead of '=~'".to_owned());
    }
    let operators = Operator::ALL.iter().map(|op| op.as_str());
    if error.message.contains("operator") && !found.is_empty() {
        return nearest(found, operators).map(|near| format!("did you mean '{near}'?"));
    }
    if error.message.starts_with("unexpected token") {
        match rest.as_bytes().first() {
            Some(b')') => return Some("there is no '(' for this ')'".to_owned()),
            Some(b',') => return Some("put the values in parentheses: (a, b)".to_owned()),
            Some(b'(') => {
                let before = text.get(..at).unwrap_or_default();
                let start = before.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |n| n + 1);
                let known = peregrine_filter::Transformer::ALL.iter().map(|t| t.as_str());
                let near = nearest(&before[start..], known);
                return near.map(|near| format!("did you mean '{near}'?"));
            }
            _ => {}
        }
        return nearest(found, ["and", "or"])
            .map(|near| format!("did you mean '{near}'?"))
            .or_else(|| Some("a text with blanks needs quotes".to_owned()));
    }
    let opened = text.matches('(').count();
    let closed = text.matches(')').count();
    if rest.is_empty() && opened > closed {
        return Some(format!("{} '(' but {} ')'", opened, closed));
    }
    None
}
