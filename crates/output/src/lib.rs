//! Alerts: what they carry, their text and JSON lines, and the way to the sinks.
//!
//! ```text
//!  workers ── Alert ──► alert queue ──► dispatcher ── Line ──► queue ──► thread: stdout
//!  (AlertSender)        (bounded)       renders once      └──► queue ──► thread: file
//! ```
//!
//! Each sink has a queue and a thread of its own, so one that hangs delays no other. What it cannot
//! deliver it tries again ([`Backoff`]), and what waits meanwhile can go to disk ([`SpoolOptions`]).
//! What happens when a queue is full is a choice ([`WhenFull`]), and every alert lost is counted
//! where it was lost. The crate knows nothing of events or rules: the message and the fields of an alert come
//! in as values.
#![forbid(unsafe_code)]

pub mod alert;
mod clock;
mod driver;
pub mod file;
pub mod http;
pub mod hub;
mod json;
mod keeper;
pub mod latency;
mod line;
pub mod order;
pub mod program;
pub mod queue;
pub mod remote_syslog;
pub mod sink;
pub mod spool;
pub mod stream;
pub mod syslog;
pub mod tls;
pub mod totals;

pub use alert::{Alert, Ancestor, FieldValue, RuleIdentity, StateQuality};
pub use file::{FileSink, Rotation, StdoutSink};
pub use http::{BatchForm, HttpBatch, HttpOptions, HttpSink};
pub use hub::{Hub, Interest, Published};
pub use latency::Latency;
pub use line::{Encoding, Line, LineFormat};
pub use order::{OrderOptions, OrderTotals, Watermark};
pub use peregrine_event::Priority;
pub use program::ProgramSink;
pub use queue::{AlertSender, Outputs, OutputsBuilder, Part, Prepared};
pub use remote_syslog::{RemoteSyslogOptions, RemoteSyslogSink, SyslogTransport};
pub use sink::{Backoff, Failure, OutputError, Sink, SinkOptions, SpoolOptions, WhenFull};
pub use stream::{StreamServer, bind_private};
pub use syslog::SyslogSink;
pub use tls::TlsOptions;
pub use totals::{OutputReport, OutputTotals, SinkTotals};
