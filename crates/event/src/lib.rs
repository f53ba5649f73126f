//! Event schema, wire layout and decoding.
//!
//! An event (name, category, flags, parameters and their types) is declared once, in [`table`].
//! From it derive the compact record layout ([`layout`]), the C structs of the probe ([`codegen`])
//! and the zero-copy view of a record ([`Record`]); how events of old captures become today's is
//! declared in [`convert`]. [`Value`] is what a field of any kind
//! evaluates to; it lives here because the language and the field catalogue both speak it.
//!
//! No I/O, no threads, and no allocation per event.
#![forbid(unsafe_code)]

pub mod codegen;
pub mod convert;
pub mod event;
pub mod flags;
pub mod layout;
pub mod priority;
pub mod record;
pub mod scap;
pub mod syscalls;
pub mod table;
pub mod types;
pub mod value;

pub use event::{Category, EventCode, EventDef, EventFlags, ParamDef};
pub use priority::{Priority, UnknownPriority};
pub use record::{Header, HeaderFlags, Record, RecordBuilder, RecordError};
pub use scap::{ScapLayout, ScapParams};
pub use table::{arg, code};
pub use types::{Format, ParamType};
pub use value::Value;
