//! What the type checker has to say.

use std::fmt;

use crate::syntax::Span;

/// Why a condition cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// The part of the condition that is wrong.
    pub span: Span,
    /// What is wrong, in Falco's words.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// All errors of a condition, in the order of its text; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CompileErrors(pub Vec<CompileError>);

impl fmt::Display for CompileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

/// What may be a mistake although it compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The value it is about.
    pub span: Span,
    /// A sentence, in Falco's words.
    pub message: String,
}
