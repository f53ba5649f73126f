//! Our own warnings about rules that load but will not do what their author thinks.
//!
//! | code | what |
//! |---|---|
//! | `LINT_NEVER_FIRES` | no event can satisfy the condition |
//! | `LINT_CONTRADICTION` | checks of the condition exclude each other |
//! | `LINT_EMPTY_LIST` | a check against an empty list that must hold |
//! | `LINT_FIELD_WITHOUT_VALUE` | a field that has no value for the events of the rule |
//! | `LINT_SHADOWED` | an earlier rule matches whenever this one does |
//! | `LINT_EXPENSIVE` | a costly check on every event |
//! | `LINT_SIMPLER_OPERATOR` | a glob that is a simpler operator in disguise |
//!
//! The codes are stable; `docs/lints.md` explains each to users. A lint must not be wrong: it
//! stays silent where it cannot tell.

mod condition;
mod cost;
mod hints;
mod shadow;

use peregrine_filter::{Catalog, Expr, Span};

pub(crate) use condition::check as check_condition;
pub(crate) use hints::parse_help;
pub(crate) use shadow::check as check_shadows;

use crate::diagnostic::Severity;
use peregrine_filter::event_types::EventCodes;

/// A rule to look at.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub name: &'a str,
    pub catalog: &'a dyn Catalog,
    /// Its condition without macros.
    pub expr: &'a Expr,
    pub is_syscall: bool,
    /// Event types that can satisfy it.
    pub events: &'a EventCodes,
    /// Whether it is meant to be tried with every event.
    pub wants_all_events: bool,
}

/// A lint before its places in the files are known.
#[derive(Debug)]
pub(crate) struct Finding {
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    /// `None`: the rule as a whole.
    pub span: Option<Span>,
    pub note: Option<String>,
    pub others: Vec<(Span, String)>,
    pub help: Option<String>,
    /// Only a note if it comes from a macro: `container.id exists` and the like stand there for
    /// others to put something in their place.
    pub is_placeholder: bool,
}

impl Finding {
    fn warning(code: &'static str, message: String, span: Option<Span>) -> Self {
        let severity = Severity::Warning;
        let (note, help, others) = (None, None, Vec::new());
        Self { code, severity, message, span, note, others, help, is_placeholder: false }
    }
}
