//! A capture of everything, in one file or several.

use std::path::{Path, PathBuf};

use peregrine_capture::{CaptureState, Error, RotatingWriter};
use peregrine_event::Record;
use peregrine_event::event::FALCO_CODES;

use super::{Event, FileOptions, Verdict};

/// A capture of everything.
pub struct Recording {
    writer: RotatingWriter,
    /// What the next file begins with, once it has an event.
    next: Option<CaptureState>,
}

impl Recording {
    /// Creates the first file and writes the state.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(options: &FileOptions, state: &CaptureState) -> Result<Self, Error> {
        let FileOptions { path, writer, rotation, .. } = options;
        let writer = RotatingWriter::create(path, *writer, *rotation, state)?;
        Ok(Self { writer, next: None })
    }

    /// Writes an event.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn event(&mut self, event: Event<'_>) -> Result<(), Error> {
        let Some((record, flags)) = writable(event) else { return Ok(()) };
        if let Some(state) = self.next.take() {
            self.writer.rotate(&state)?;
        }
        self.writer.record(&record, flags)
    }

    /// Whether the file has passed a limit, so that a new state is wanted.
    pub fn is_full(&self) -> bool {
        self.next.is_none() && self.writer.is_full()
    }

    /// Gives the state as of now. Without a limit that was passed nothing comes of it.
    pub fn cut(&mut self, state: impl FnOnce() -> CaptureState) {
        if self.is_full() {
            self.next = Some(state());
        }
    }

    /// Hands what was written so far to the operating system.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush()
    }

    /// Bytes before compression, and events, of all files.
    pub fn written(&self) -> (u64, u64) {
        (self.writer.bytes(), self.writer.events())
    }

    /// The files there are, oldest first.
    pub fn files(&self) -> Vec<PathBuf> {
        self.writer.files().map(Path::to_owned).collect()
    }

    /// Ends the last file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self) -> Result<(), Error> {
        self.writer.finish()
    }
}

/// The record of an event and its flags in the file; `None` for what does not go into it.
fn writable(event: Event<'_>) -> Option<(Record<'_>, u32)> {
    let flags = match event.verdict {
        Verdict::Wanted => 0,
        Verdict::StateOnly => 1,
        Verdict::Unwanted => return None,
    };
    record_of(event.record).map(|record| (record, flags))
}

/// A record that a capture can hold.
pub(super) fn record_of(bytes: &[u8]) -> Option<Record<'_>> {
    let record = Record::parse(bytes).ok()?;
    (record.code().0 < FALCO_CODES).then_some(record)
}
