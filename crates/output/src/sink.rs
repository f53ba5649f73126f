//! What a sink is, and how it is fed.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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

/// Why a batch was not delivered as a whole, and how far it got.
///
/// Lines that are neither delivered nor rejected are tried again, if the sink's [`Backoff`] says so.
/// An [`io::Error`] alone becomes a failure that delivered and rejected nothing.
#[derive(Debug)]
pub struct Failure {
    /// Lines at the front of the batch that were delivered.
    pub delivered: usize,
    /// Lines behind them that will never be taken, whatever the number of tries.
    pub rejected: usize,
    /// The least time to wait that the other side asked for.
    pub wait: Option<Duration>,
    /// What went wrong.
    pub error: io::Error,
}

impl Failure {
    /// A failure after `delivered` lines; the others may be tried again.
    pub fn after(delivered: usize, error: io::Error) -> Self {
        Self { delivered, rejected: 0, wait: None, error }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::after(0, error)
    }
}

/// A destination of lines, driven by a thread of its own.
pub trait Sink: Send + 'static {
    /// A short name, as in reports and metrics.
    fn name(&self) -> &str;

    /// Lines it wants at once, at most.
    fn batch_limit(&self) -> usize {
        256
    }

    /// Delivers lines, in order, before it returns. It may take as long as it needs.
    ///
    /// # Errors
    /// How far it got and what went wrong.
    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure>;

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

/// The time between two tries: doubled from one to the next, with jitter, so that many hosts that
/// lost one endpoint do not come back at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Before the second try.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The wait after a number of failures in a row: between half of the nominal time and all of
    /// it, by `random` in `0.0..1.0`.
    pub fn wait(&self, failures: u32, random: f64) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.longest).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
    }
}

/// Where lines go that a sink cannot take now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolOptions {
    /// A directory of its own, made if it is missing.
    pub directory: PathBuf,
    /// What it may occupy.
    pub max_bytes: u64,
}

/// How a sink is fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkOptions {
    /// Lines that may wait in memory. `None`: any number.
    pub capacity: Option<usize>,
    /// What happens to further ones.
    pub when_full: WhenFull,
    /// Whether lines that wait together are written together. A line never waits for a later one.
    pub batched: bool,
    /// How lines that were not delivered are tried again; `None`: they are lost and counted.
    pub retry: Option<Backoff>,
    /// Where they wait meanwhile, beyond what memory holds.
    pub spool: Option<SpoolOptions>,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self {
            capacity: Some(65_536),
            when_full: WhenFull::DropNewest,
            batched: true,
            retry: Some(Backoff::default()),
            spool: None,
        }
    }
}

impl SinkOptions {
    /// For a replay: producers wait for a full queue, so a sink that fails must not be waited for.
    pub fn lossless(capacity: usize) -> Self {
        Self {
            capacity: Some(capacity),
            when_full: WhenFull::Block,
            retry: None,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ_by_chance() {
        let backoff =
            Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };
        let most: Vec<u128> = (1..=6).map(|n| backoff.wait(n, 1.0).as_millis()).collect();
        assert_eq!(most, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff.wait(3, 0.0).as_millis(), 200);
        assert_eq!(backoff.wait(u32::MAX, 0.0).as_millis(), 500);
    }
}
