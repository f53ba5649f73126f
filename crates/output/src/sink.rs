//! What a sink is, and how it is fed.

use std::io;
use std::sync::Arc;

use crate::line::Line;

/// Errors of the output.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A sink could not be opened. Correct its configuration.
    #[error("cannot open output '{sink}': {source}")]
    Open {
        /// Name of the sink.
        sink: String,
        /// What the system said.
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start the thread of output '{sink}': {source}")]
    Thread {
        /// Name of the sink.
        sink: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A destination of lines, driven by a thread of its own.
pub trait Sink: Send + 'static {
    /// A short name, as in reports and metrics.
    fn name(&self) -> &str;

    /// Lines it wants at once, at most. One, if it can fail in the middle of a batch.
    fn batch_limit(&self) -> usize {
        256
    }

    /// Delivers lines, in order, before it returns. It may take as long as it needs.
    ///
    /// # Errors
    /// What went wrong. The whole batch then counts as lost; the sink is asked again with the next.
    fn write(&mut self, lines: &[Arc<Line>]) -> io::Result<()>;

    /// Closes and opens again what may have been moved away (log rotation).
    ///
    /// # Errors
    /// What went wrong; the sink is used on regardless.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What happens to a line that finds a queue full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It is lost, and counted.
    #[default]
    DropNewest,
    /// Its producer waits: a sink that stands still then holds up all others behind it, and in the
    /// end the workers. For replay, where nothing may be lost and nothing is late.
    Block,
}

/// How a sink is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkOptions {
    /// Lines that may wait. `None`: any number.
    pub capacity: Option<usize>,
    /// What happens to further ones.
    pub when_full: WhenFull,
    /// Whether lines that wait together are written together. A line never waits for a later one.
    pub batched: bool,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self { capacity: Some(65_536), when_full: WhenFull::DropNewest, batched: true }
    }
}
