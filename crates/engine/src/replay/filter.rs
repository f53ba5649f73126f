//! A condition that decides which events of a replay are looked at.

use std::sync::Arc;

use peregrine_fields::Fields;
use peregrine_fields::view::EventView;
use peregrine_filter::event_types::{event_set, syscall_set};
use peregrine_filter::{ConditionId, Evaluator, ProgramBuilder, Span, parse};

use crate::interest::Wanted;

/// A compiled condition, with the scratch space of one worker.
pub struct EventFilter {
    evaluator: Evaluator,
    condition: ConditionId,
    wanted: Wanted,
}

/// Why a condition is none: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .errors.join("\n"))]
pub struct FilterError {
    /// One text per mistake, with line and column.
    pub errors: Vec<String>,
}

impl EventFilter {
    /// Compiles a condition on the fields of system call events.
    ///
    /// # Errors
    /// All mistakes in it.
    pub fn new(text: &str) -> Result<Self, FilterError> {
        let at = |span: Span, error: &dyn std::fmt::Display| {
            format!("{}:{}: {error}", span.start.line, span.start.column)
        };
        let expr = parse(text)
            .map_err(|error| FilterError { errors: vec![at(error.span(), &error.message)] })?;
        let fields = Fields::syscall();
        let mut builder = ProgramBuilder::new(&fields);
        let condition = builder.add(&expr).map_err(|errors| FilterError {
            errors: errors.0.iter().map(|error| at(error.span, error)).collect(),
        })?;
        // The condition compiled, so it can be judged.
        let events = event_set(&expr).unwrap_or_default();
        let syscalls = syscall_set(&expr).unwrap_or_default();
        let mut wanted = Wanted::default();
        wanted.add(&events, &syscalls);
        let evaluator = Evaluator::new(Arc::new(builder.finish()));
        Ok(Self { evaluator, condition, wanted })
    }

    /// What the kernel has to report for this condition.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Whether the condition holds for an event.
    pub fn matches(&mut self, event: &EventView<'_>) -> bool {
        self.evaluator.begin_event();
        self.evaluator.matches(self.condition, event)
    }
}
