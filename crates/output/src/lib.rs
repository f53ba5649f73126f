//! Alerts: what they carry, their text and JSON lines, and the way to the sinks.
//!
//! ```text
//!  workers ── Alert ──► alert queue ──► dispatcher ── Line ──► queue ──► thread: stdout
//!  (AlertSender)        (bounded)       renders once      └──► queue ──► thread: file
//! ```
//!
//! Each sink has a queue and a thread of its own, so one that hangs delays no other; what happens
//! when a queue is full is a choice ([`WhenFull`]), and every alert lost is counted where it was
//! lost. The crate knows nothing of events or rules: the message and the fields of an alert come
//! in as values.
#![forbid(unsafe_code)]

pub mod alert;
mod clock;
pub mod file;
mod json;
pub mod line;
pub mod program;
pub mod queue;
pub mod sink;
pub mod syslog;

pub use alert::{Alert, FieldValue, RuleIdentity, StateQuality};
pub use file::{FileSink, StdoutSink};
pub use line::{Encoding, Line, LineFormat};
pub use peregrine_event::Priority;
pub use program::ProgramSink;
pub use queue::{AlertSender, OutputReport, OutputTotals, Outputs, OutputsBuilder, SinkTotals};
pub use sink::{OutputError, Sink, SinkOptions, WhenFull};
pub use syslog::SyslogSink;
