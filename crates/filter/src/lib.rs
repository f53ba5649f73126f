//! The filter language: syntax tree, types, compiled predicates.
//!
//! ```text
//! text ─► syntax::parse ─► Expr ─► ProgramBuilder (with a Catalog) ─► Program ─► Evaluator
//!                            └──► event_types: which events                └► Specialiser ─► plans
//!                                 can satisfy it
//! ```
//! The language is Falco's. This crate does not know what a process is: fields come from whoever
//! implements [`Catalog`] and [`FieldSource`].
//!
//! Where it differs from Falco on purpose: all errors of a condition are reported, with their
//! places; `fd.net in (a, b)` looks at every network; modifiers count on every field; a bad escape within a list is an error; `evt.type` may be matched
//! by part of a name; regular expressions may use Perl classes and flags.
#![forbid(unsafe_code)]

mod builder;
pub mod catalog;
mod check;
pub mod diagnostic;
pub mod evaluator;
pub mod event_types;
mod examine;
pub mod explain;
mod graph;
mod literal;
mod lookup;
mod matching;
mod memo;
pub mod operand;
mod plan;
pub mod program;
mod resolve;
pub mod satisfy;
mod services;
mod specialise;
pub mod syntax;
pub mod transform;
mod typing;
mod warnings;

pub use builder::{MAX_NESTING, ProgramBuilder, check};
pub use catalog::{
    ArgRule, Catalog, FieldArg, FieldId, FieldInfo, FieldRef, FieldSource, Known, Scope, Values,
};
pub use diagnostic::{CompileError, CompileErrors, Warning};
pub use evaluator::{Evaluator, EventEvaluator};
pub use explain::{Explanation, ExplanationKind};
pub use operand::CompiledOperand;
pub use plan::PlanId;
pub use program::{ConditionId, Program, ProgramSize};
pub use specialise::Specialiser;
pub use syntax::{
    Check, Expr, ExprKind, Field, ListItem, Modifier, Operand, OperandKind, Operator, ParseError,
    ParseOptions, Position, Span, Text, Transformer, TransformerCall, parse, parse_operand,
    parse_with,
};
