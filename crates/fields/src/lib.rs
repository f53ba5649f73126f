//! Field catalogue, extraction and output templates.
//!
//! A field (`proc.name`, `fd.sip`, `evt.arg.flags` …) is declared once, in [`table`]. The
//! [`catalogue`] looks fields up and checks their arguments for the language; what depends on
//! the event at hand is answered elsewhere in this crate.
#![forbid(unsafe_code)]

pub mod buffer;
pub mod catalogue;
pub mod containers;
pub mod extract;
mod known;
pub mod listing;
pub mod names;
pub mod process;
mod render;
pub mod table;
pub mod template;
pub mod time;
pub mod value;
pub mod view;

pub use catalogue::{Class, Field, FieldDef, FieldFlags, Fields, SYSCALL_SOURCE, StaticFields};
pub use extract::evt::generic_id;
