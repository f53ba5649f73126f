//! Recording: what the workers apply becomes a capture.
//!
//! ```text
//! worker ─ Tap ─ batches ─┐
//! worker ─ Tap ─ batches ─┼─► recorder thread: Merge ─► Recording   one capture of everything
//! worker ─ Tap ─ batches ─┘                        └──► AlertCaptures  one around each alert
//! ```
//! A [`Tap`] copies each record behind the rules of its event, so what is written is what was
//! applied, in the same order for each process. The recorder merges the streams of all workers by
//! time ([`merge`]).
//!
//! A capture starts with the state of its time. The first state is the one the workers start with;
//! for later ones (the next file of a rotation, the ring before an alert) the recorder asks for a
//! *cut* at a time a little ahead. Each worker lists its state when it gets there, between two
//! records, and tags what follows with the next *generation*. When all have done so, everything of
//! the old generation is there, and the new one begins with the lists of all workers.
//!
//! A cut is exact for each worker. Across workers it is as sharp as their clocks: a child whose
//! birth one worker applies in the microseconds around a cut may find in the list of the other what
//! its parent was a moment later.

mod alerts;
mod file;
mod merge;
mod recorder;
mod state;
mod tap;

use std::path::PathBuf;
use std::time::Duration;

use peregrine_capture::{Rotation, WriterOptions};

use crate::host;

pub use alerts::AlertCaptures;
pub use file::Recording;
pub use recorder::{Recorder, RecorderError, RecordingSummary};
pub use state::{Listing, Surroundings, capture_state};
pub use tap::Tap;

/// What to record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordOptions {
    /// A capture of everything.
    pub file: Option<FileOptions>,
    /// Captures around alerts.
    pub alerts: Option<AlertCaptureOptions>,
    /// What happens when records come faster than they can be written.
    pub when_full: WhenFull,
}

/// A capture of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOptions {
    /// Its name.
    pub path: PathBuf,
    /// How it is written.
    pub writer: WriterOptions,
    /// When to go on to the next file.
    pub rotation: Rotation,
    /// Only events for which this condition holds, and what the state needs.
    pub filter: Option<String>,
}

/// Which alerts start a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CaptureMode {
    /// Those of rules with `capture: true`.
    #[default]
    Rules,
    /// All.
    AllRules,
}

/// Captures around alerts: the `capture` section of `falco.yaml`, and what Peregrine adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertCaptureOptions {
    /// Which alerts start a capture.
    pub mode: CaptureMode,
    /// Start of the names: time stamp and number of the event follow.
    pub path_prefix: PathBuf,
    /// How long a capture goes on after an alert whose rule does not say.
    pub default_duration: Duration,
    /// Size at which a capture ends before its time.
    pub max_file_bytes: Option<u64>,
    /// How much of the time before the alert a capture has, if it fits `before_bytes`.
    pub before: Duration,
    /// Most bytes of records kept for that.
    pub before_bytes: usize,
}

impl Default for AlertCaptureOptions {
    /// Falco's defaults; five seconds before the alert, in at most 64 MiB.
    fn default() -> Self {
        Self {
            mode: CaptureMode::Rules,
            path_prefix: PathBuf::from("/tmp/falco"),
            default_duration: Duration::from_secs(5),
            max_file_bytes: None,
            before: Duration::from_secs(5),
            before_bytes: 64 << 20,
        }
    }
}

impl AlertCaptureOptions {
    /// What the rules have to know of it.
    pub fn for_rules(&self) -> crate::ruleset::AlertCaptures {
        let default_duration = self.default_duration;
        crate::ruleset::AlertCaptures { mode: self.mode, default_duration }
    }
}

/// What happens when records come faster than they can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// Workers wait; the kernel side sheds what is worth least.
    Wait,
    /// Records are left out of the capture and counted; detection goes on.
    #[default]
    Lose,
}

/// An alert that starts a capture, or keeps one going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// Time of the event.
    pub ts: u64,
    /// Its `evt.num`.
    pub number: u64,
    /// How long the capture goes on, in nanoseconds.
    pub duration_ns: u64,
}

/// An event on its way into captures.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// What the condition of the capture of everything says.
    pub verdict: Verdict,
    /// The record's bytes.
    pub record: &'a [u8],
}

/// What the condition of a capture says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// It holds.
    Wanted = 0,
    /// It does not, but the state changes with this event.
    StateOnly = 1,
    /// It does not.
    Unwanted = 2,
}

impl Verdict {
    fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Wanted,
            1 => Self::StateOnly,
            _ => Self::Unwanted,
        }
    }
}

/// What a capture of this machine says of it.
pub fn surroundings() -> Surroundings {
    Surroundings {
        machine: host::machine(),
        interfaces: host::interface_list(),
        users: state::users(&host::HostFiles::read()),
    }
}
