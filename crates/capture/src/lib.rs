//! .scap captures: read, convert, write.
//!
//! A capture is a sequence of blocks ([`block`]): what the machine looked like when it began
//! (users, interfaces, threads, open files: [`entry`]) and then events.
//!
//! ```text
//! file ─► Reader ─► RawEvent ─► Converter ─► today's event ─► Transcoder ─► Record
//!            └────► lists                                        Writer ◄────┘
//! ```
//!
//! [`Reader`] knows every version of the format; it does not know what an event means. What an old
//! event means is the business of the conversion table in `peregrine_event::convert`.
#![forbid(unsafe_code)]

pub mod block;
mod body;
pub mod convert;
mod encode;
mod enters;
pub mod entry;
pub mod error;
pub mod event;
pub mod file;
mod lists;
mod parse;
pub mod reader;
pub mod rotate;
mod stream;
mod toctou;
pub mod transcode;
pub mod writer;

pub use convert::{Converted, Converter};
pub use entry::{
    FdEntry, FdInfo, FdKind, Group, Interface, InterfaceAddress, MachineInfo, ThreadEntry, User,
    Users,
};
pub use error::{ConvertProblem, Error, Problem};
pub use event::{OwnedEvent, RawEvent, Span};
pub use file::{ConvertSummary, convert_file};
pub use reader::{Item, Reader};
pub use rotate::{RotatingWriter, Rotation};
pub use transcode::{Numbered, Transcoded, Transcoder};
pub use writer::{CaptureState, Writer, WriterOptions};
