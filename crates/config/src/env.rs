//! `${NAME}` in values.
//!
//! As in Falco: `${NAME}` becomes the value of the variable, nothing if it is not set; `$${x}`
//! becomes `${x}`; what a variable brings is looked at again; a `$` before anything else ends the
//! search in that value. Unlike Falco, a variable that brings itself is an error and not an
//! endless loop.

/// Replacements in one value.
const MAX_REPLACEMENTS: usize = 1000;
/// Bytes of one value.
const MAX_BYTES: usize = 1 << 20;

/// Why a value cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    /// Replacing does not end.
    #[error("${{{0}}}: replacing variables does not end; one brings itself")]
    Endless(String),
    /// The value becomes too long.
    #[error("${{{0}}}: the value becomes longer than a megabyte")]
    TooLong(String),
}

/// Replaces the variables in a value.
///
/// # Errors
/// Replacing does not end, or makes the value too long.
pub fn expand(
    value: &mut String,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(), EnvError> {
    let mut at = 0;
    let mut replacements = 0;
    while let Some(found) = value[at..].find('$') {
        let start = at + found;
        let rest = &value[start..];
        let is_literal = rest.starts_with("$${");
        if !is_literal && !rest.starts_with("${") {
            return Ok(());
        }
        let Some(end) = rest.find('}') else { return Ok(()) };
        if is_literal {
            value.remove(start);
            at = start + 1;
            continue;
        }
        let name = rest[2..end].to_owned();
        replacements += 1;
        if replacements > MAX_REPLACEMENTS {
            return Err(EnvError::Endless(name));
        }
        let replacement = variable(&name).unwrap_or_default();
        if value.len() + replacement.len() > MAX_BYTES {
            return Err(EnvError::TooLong(name));
        }
        value.replace_range(start..start + end + 1, &replacement);
        at = start;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, EnvError> {
        let mut value = text.to_owned();
        let variable = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "NESTED" => Some("${A}".to_owned()),
            "SELF" => Some("${SELF}".to_owned()),
            "GROWS" => Some("x${GROWS}${GROWS}".to_owned()),
            "LONG" => Some("x".repeat(2 << 20)),
            _ => None,
        };
        expand(&mut value, &variable).map(|()| value)
    }

    #[test]
    fn variables_are_replaced_as_in_falco() {
        for (text, expected) in [
            ("${A}/é/${A}", "a/é/a"),
            ("$${A}${A}", "${A}a"),
            ("$${${A}}", "${a}"),
            ("${NESTED}", "a"),
            ("${NONE}x", "x"),
            ("$A/${A}", "$A/${A}"),
            ("${A", "${A"),
            ("$${A", "$${A"),
            ("", ""),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_variable_that_brings_itself_is_an_error() {
        assert_eq!(expanded("${SELF}"), Err(EnvError::Endless("SELF".into())));
        assert_eq!(expanded("${GROWS}"), Err(EnvError::Endless("GROWS".into())));
        assert_eq!(expanded("${LONG}"), Err(EnvError::TooLong("LONG".into())));
    }
}
