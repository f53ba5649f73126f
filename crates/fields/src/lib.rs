//! Field catalogue, extraction and output templates.
//!
//! A field (`proc.name`, `fd.sip`, `evt.arg.flags` …) is declared once, in [`table`]. The
//! [`catalogue`] looks fields up and checks their arguments for the language; what depends on
//! the event at hand is answered elsewhere in this crate.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod listing;
pub mod table;

pub use catalogue::{Class, Field, FieldDef, FieldFlags, Fields, SYSCALL_SOURCE};
