//! Values that look like a mistake.

use crate::catalog::{ArgRule, Catalog};
use crate::diagnostic::Warning;
use crate::resolve;
use crate::syntax::{Field, Operator, Span, Text, Transformer};

/// Looks at one value on the right of an operator.
pub(crate) fn check_value(
    catalog: &dyn Catalog,
    op: Operator,
    value: &Text,
    span: Span,
    warnings: &mut Vec<Warning>,
) {
    let Some(text) = value.as_str() else { return };
    let mut warn = |message: String| warnings.push(Warning { span, message });
    if op == Operator::Regex && is_simple_regex(text.as_bytes()) {
        warn(format!(
            "regex check with '{text}' may be optimized with simpler operators such as '=', \
             'contains', 'startswith', 'endswith'"
        ));
    }
    // Blanks do not make a value less of a field.
    let dense: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if is_field(catalog, &dense) {
        warn(format!("'{text}' may be a valid field misused as a const string value"));
    }
    if Transformer::ALL.iter().any(|t| is_call(&dense, t.as_str())) {
        warn(format!("'{text}' may be a valid field transformer misused as a const string value"));
    }
}

/// `name(…)` with something in between.
fn is_call(text: &str, name: &str) -> bool {
    text.strip_prefix(name).is_some_and(|rest| rest.starts_with('(') && rest.ends_with(')'))
}

fn is_field(catalog: &dyn Catalog, text: &str) -> bool {
    let (name, arg) = match text.split_once('[') {
        Some((name, rest)) => match rest.strip_suffix(']') {
            Some(arg) => (name, Some(Text::from(arg))),
            None => return false,
        },
        None => (text, None),
    };
    let field = Field { name: name.to_owned(), arg };
    resolve::lookup(catalog, &field).is_some_and(|(info, arg)| match info.arg {
        ArgRule::None => arg.is_none(),
        ArgRule::Optional => true,
        ArgRule::Required => arg.is_some(),
    })
}

/// Whether an expression is a plain text but for anchors and a leading or trailing `.*`.
fn is_simple_regex(pattern: &[u8]) -> bool {
    const SPECIAL: &[u8] = b".+*?^$()[]{}|\\";
    let len = pattern.len();
    let mut at = 0;
    while at < len {
        let byte = pattern[at];
        let is_first = at == 0;
        let is_anchor = (is_first && byte == b'^') || (at + 1 == len && byte == b'$');
        let repeats = pattern.get(at + 1).is_some_and(|b| b"+*?".contains(b));
        let is_edge = (is_first && len > 1) || at + 2 == len;
        if is_edge && byte == b'.' && repeats {
            at += 1;
        } else if !is_anchor && SPECIAL.contains(&byte) {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_expressions_are_recognised() {
        for pattern in ["^syscall$", ".*syscall.*", ".?syscall", "syscall.+", "", "a"] {
            assert!(is_simple_regex(pattern.as_bytes()), "{pattern}");
        }
        for pattern in ["s.*l", "syscall.{1}", "syscal[l]?", "a|b", "a.", "a$b"] {
            assert!(!is_simple_regex(pattern.as_bytes()), "{pattern}");
        }
    }
}
