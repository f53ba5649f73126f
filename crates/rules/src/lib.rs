//! Falco rules files: loading, diagnostics, compiled rule sets.
//!
//! ```text
//! bytes ─► yaml ─► reader ─► collector ─► compiler ─► RuleSet ─► EventIndex ─► EventPlans
//!                  items      merged       lists, exceptions, macros replaced; type checked
//! ```
//! [`Loader`] takes files in order; each gives a [`LoadResult`] with two views of what is wrong:
//! Falco's (one error, its codes, contexts and snippets) and ours (all errors, exact places,
//! suggestions, lints; see [`Diagnostic`]).
#![forbid(unsafe_code)]

mod collector;
mod compiler;
pub mod context;
pub mod describe;
pub mod details;
pub mod diagnostic;
mod exceptions;
mod items;
mod lint;
mod lists;
mod loader;
pub mod macros;
pub mod output;
mod plans;
mod problem;
mod reader;
pub mod result;
pub mod ruleset;
mod schema;
mod shift;
pub mod source;
mod traced;
pub mod version;

pub use context::{Context, ItemType, Location};
pub use describe::Description;
pub use diagnostic::{Diagnostic, Label, Severity, render_all};
pub use items::SYSCALL_SOURCE;
pub use loader::{EventSource, ExtraField, Loader, RuleFilter};
pub use output::{CatalogOutput, OutputChecker, OutputError};
pub use peregrine_yaml as yaml;
pub use plans::EventPlans;
pub use result::{ErrorCode, LoadError, LoadResult, LoadWarning, WarningCode};
pub use ruleset::{
    DEFAULT_RULESET, EventIndex, NameMatch, Rule, RuleIndex, RuleMatching, RuleSet, SourceRules,
};
pub use schema::rules_schema;
pub use source::{FileId, SourceFile, SourceSpan, Sources};
pub use version::{ENGINE_VERSION, PluginVersion, Version, check_plugins};
