//! Checking the output of rules: every `%field` must exist.

use peregrine_filter::{Catalog, CompiledOperand, Operand, OperandKind, parse_operand};

/// Why an output cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputError {
    /// Byte offset in the output.
    pub start: usize,
    /// First byte after what is wrong.
    pub end: usize,
    /// What is wrong, in Falco's words.
    pub message: String,
    /// What may help.
    pub help: Option<String>,
}

/// Knows how outputs are written and which fields they may hold.
pub trait OutputChecker {
    /// Checks an output. Gives the names under which its fields appear among the output fields of
    /// an alert: for a transformed field both the field and the whole call.
    ///
    /// # Errors
    /// The first thing that is wrong.
    fn check(&self, output: &str) -> Result<Vec<String>, OutputError>;
}

/// Checks outputs with the fields of a catalogue.
pub struct CatalogOutput<'c>(pub &'c dyn Catalog);

/// Bytes behind a `%` that may belong to the field.
const MAX_TOKEN: usize = 4096;

impl OutputChecker for CatalogOutput<'_> {
    fn check(&self, output: &str) -> Result<Vec<String>, OutputError> {
        let fail = |start: usize, end: usize, message: &str, help: Option<String>| {
            Err(OutputError { start, end, message: message.to_owned(), help })
        };
        if output.is_empty() {
            return fail(0, 0, "empty formatting token", None);
        }
        let bytes = output.as_bytes();
        let mut names = Vec::new();
        let mut at = 0;
        while let Some(found) = memchr::memchr(b'%', &bytes[at..]) {
            let percent = at + found;
            let mut start = percent + 1;
            if start >= bytes.len() {
                let message = "invalid formatting syntax: formatting cannot end with a %";
                return fail(percent, start, message, None);
            }
            while bytes.get(start).is_some_and(u8::is_ascii_digit) {
                start += 1;
            }
            if start >= bytes.len() {
                let message = "invalid formatting syntax: formatting cannot end with a number";
                return fail(percent, start, message, None);
            }
            let mut limit = bytes.len().min(start + MAX_TOKEN);
            let mut first_error = None;
            let token = loop {
                if limit <= start {
                    break None;
                }
                let end = match parse_operand(&bytes[start..limit]) {
                    Ok((operand, position)) => {
                        let end = start + position.index as usize;
                        match CompiledOperand::new(self.0, &operand) {
                            Ok(_) => break Some((operand, end)),
                            Err(errors) => {
                                let error = errors.0.into_iter().next();
                                let error = error.map(|e| (e.message, e.hint));
                                first_error.get_or_insert((error.unwrap_or_default(), end));
                                end
                            }
                        }
                    }
                    Err(error) => {
                        let message = error.message;
                        first_error.get_or_insert(((message, None), token_end(bytes, start)));
                        limit.min(token_end(bytes, start) + 1)
                    }
                };
                // A field may be followed by more of the characters fields are made of.
                limit = end.min(limit) - 1;
            };
            let Some((operand, end)) = token else {
                let ((message, help), end) = first_error.unwrap_or_default();
                let end = end.max(percent + 1).min(bytes.len());
                return fail(percent, end, &format!("unknown filter: {message}"), help);
            };
            collect_names(&operand, &mut names);
            at = end;
        }
        Ok(names)
    }
}

/// Where a token that cannot be parsed seems to end: at a blank outside of parentheses.
fn token_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in bytes.iter().enumerate().skip(start).take(MAX_TOKEN) {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'%' => return at,
            b if b.is_ascii_whitespace() && depth == 0 => return at,
            _ => {}
        }
    }
    bytes.len().min(start + MAX_TOKEN)
}

fn collect_names(operand: &Operand, names: &mut Vec<String>) {
    match &operand.kind {
        OperandKind::Field(field) => names.push(field.to_string()),
        OperandKind::Transformer(call) => {
            for arg in &call.args {
                collect_names(arg, names);
            }
            names.push(operand.to_string());
        }
        OperandKind::Tuple(operands) => operands.iter().for_each(|o| collect_names(o, names)),
        OperandKind::Value(_) | OperandKind::List(_) => {}
    }
}
