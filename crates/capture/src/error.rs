//! What can go wrong with a capture, and what the caller can still do.

use crate::block::BlockType;
use std::path::PathBuf;

/// An error of this crate.
///
/// Offsets count bytes of the uncompressed capture from its start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open {path}: {source}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Reading or decompressing failed. All events before it were delivered; nothing follows.
    #[error("cannot read on at offset {offset}: {source}")]
    Read {
        /// Where.
        offset: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The first bytes are not those of a capture. Nothing follows.
    #[error("not a capture: it starts with {word:#010x}, not with a section header")]
    NotACapture {
        /// The first four bytes, little-endian.
        word: u32,
    },
    /// The file ends inside a block, as after a crash of its writer. Everything before this block
    /// was delivered; nothing follows.
    #[error("the file ends inside the {block} at offset {offset}, after {have} of {need} bytes")]
    Truncated {
        /// Start of the block.
        offset: u64,
        /// What it is.
        block: BlockType,
        /// Bytes of it there are.
        have: u64,
        /// Bytes of it there should be.
        need: u64,
    },
    /// A block is damaged. Unless [`Error::is_fatal`], reading can go on behind it.
    #[error("{block} at offset {offset}: {problem}")]
    Block {
        /// Start of the block.
        offset: u64,
        /// What it is.
        block: BlockType,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The file holds no event. Reported at its end.
    #[error("no events in the capture")]
    NoEvents,
    /// An event of an old version cannot be converted. Reading can go on behind it.
    #[error("event {name} with {params} parameters: {problem}")]
    Convert {
        /// Constant of the event type.
        name: &'static str,
        /// Parameters it has.
        params: usize,
        /// Why.
        problem: ConvertProblem,
    },
    /// The event does not fit a record.
    #[error("cannot transcode event: {0}")]
    Record(#[from] peregrine_event::RecordError),
    /// Writing failed. What was written before the last flush is whole.
    #[error("cannot write the capture: {0}")]
    Write(#[source] std::io::Error),
    /// An event is too large for its block type, or is not one of Falco's.
    #[error("event {name} cannot be written: {problem}")]
    Unwritable {
        /// Constant of the event type.
        name: &'static str,
        /// Why.
        problem: &'static str,
    },
}

impl Error {
    /// Whether reading cannot go on after this error: the next call returns `None`.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Block { problem, .. } => problem.loses_framing(),
            Self::Convert { .. } | Self::Record(_) | Self::Unwritable { .. } => false,
            _ => true,
        }
    }
}

/// What is wrong with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The block's length does not even hold its frame.
    #[error("its length {0} is too short")]
    Short(u32),
    /// The block is larger than anything a writer makes.
    #[error("its length {len} exceeds the limit of {limit} bytes")]
    Large {
        /// What the block says.
        len: u32,
        /// Largest accepted.
        limit: u32,
    },
    /// The two copies of the length differ.
    #[error("its length is {header} at its start and {trailer} at its end")]
    Trailer {
        /// At the start.
        header: u32,
        /// At the end.
        trailer: u32,
    },
    /// The byte order mark of a section is neither little- nor big-endian.
    #[error("its byte order mark is {0:#010x}")]
    ByteOrder(u32),
    /// The section follows a format of the future.
    #[error("its format version {0} is not supported")]
    Version(u16),
    /// An entry reaches beyond the end of the block or of its own length.
    #[error("an entry reaches beyond its end")]
    Overrun,
    /// An interface entry is neither IPv4 nor IPv6.
    #[error("unknown interface type {0}")]
    InterfaceType(u16),
    /// The event's length field is impossible.
    #[error("the event's length {len} does not fit the {available} bytes there are")]
    EventLength {
        /// What the event says.
        len: u32,
        /// Bytes in the block.
        available: u32,
    },
    /// The event's parameters do not fit its length.
    #[error("the event's {0} parameters do not fit its length")]
    Parameters(u32),
    /// An event of the first format, whose parameters cannot be counted.
    #[error("the number of the event's parameters cannot be found out")]
    ParameterCount,
}

impl Problem {
    /// Whether the start of the next block is unknown.
    const fn loses_framing(self) -> bool {
        matches!(
            self,
            Self::Short(_) | Self::Trailer { .. } | Self::ByteOrder(_) | Self::Version(_)
        )
    }
}

/// Why an event cannot be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConvertProblem {
    /// The table has no row for it.
    #[error("no conversion is known")]
    Unknown,
    /// It has more parameters than the schema.
    #[error("there are more parameters than the {0} of the schema")]
    TooMany(usize),
    /// The rows lead nowhere.
    #[error("the conversion does not end")]
    Endless,
}
