//! Captures that are split into files by size and time.

use crate::error::Error;
use crate::writer::{CaptureState, Writer, WriterOptions};
use peregrine_event::Record;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

/// When to go on to the next file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation {
    /// After so many bytes, before compression.
    pub max_bytes: Option<u64>,
    /// After so many nanoseconds of events.
    pub max_ns: Option<u64>,
    /// Keep so many files; older ones are deleted.
    pub keep: Option<usize>,
}

/// Writes records to a sequence of captures: `trace.scap` becomes `trace.000001.scap`,
/// `trace.000002.scap` and so on. Each is a whole capture and starts with the state of its time.
pub struct RotatingWriter {
    path: PathBuf,
    options: WriterOptions,
    rotation: Rotation,
    writer: Writer<File>,
    files: VecDeque<PathBuf>,
    number: u64,
    first_ts: Option<u64>,
}

impl RotatingWriter {
    /// Opens the first file and writes the state.
    ///
    /// # Errors
    /// [`Error::Open`] or [`Error::Write`].
    pub fn create(
        path: impl Into<PathBuf>,
        options: WriterOptions,
        rotation: Rotation,
        state: &CaptureState,
    ) -> Result<Self, Error> {
        let path = path.into();
        let first = numbered(&path, 1);
        let writer = open(&first, options, state)?;
        let files = VecDeque::from([first]);
        Ok(Self { path, options, rotation, writer, files, number: 1, first_ts: None })
    }

    /// Writes a record, to the next file if this one is full. `state` is asked for the state
    /// before this record when a new file needs it.
    ///
    /// # Errors
    /// As [`Writer::record`] and [`Self::create`].
    pub fn record(
        &mut self,
        record: &Record<'_>,
        flags: u32,
        state: impl FnOnce() -> CaptureState,
    ) -> Result<(), Error> {
        let first_ts = *self.first_ts.get_or_insert(record.ts());
        let age = record.ts().saturating_sub(first_ts);
        let is_full = self.rotation.max_bytes.is_some_and(|max| self.writer.bytes() >= max)
            || self.rotation.max_ns.is_some_and(|max| age >= max);
        if is_full && self.writer.events() > 0 {
            self.rotate(&state())?;
            self.first_ts = Some(record.ts());
        }
        self.writer.record(record, flags)
    }

    /// Goes on to the next file now.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn rotate(&mut self, state: &CaptureState) -> Result<(), Error> {
        self.number += 1;
        self.first_ts = None;
        let path = numbered(&self.path, self.number);
        let next = open(&path, self.options, state)?;
        let done = std::mem::replace(&mut self.writer, next);
        self.files.push_back(path);
        done.finish()?;
        if let Some(keep) = self.rotation.keep {
            while self.files.len() > keep.max(1) {
                if let Some(oldest) = self.files.pop_front() {
                    // A file that someone else has removed is no reason to stop capturing.
                    let _ = std::fs::remove_file(oldest);
                }
            }
        }
        Ok(())
    }

    /// The files there are, oldest first.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// Hands what was written so far to the operating system.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush()
    }

    /// Ends the last file.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<(), Error> {
        self.writer.finish().map(drop)
    }
}

fn open(path: &Path, options: WriterOptions, state: &CaptureState) -> Result<Writer<File>, Error> {
    let file =
        File::create(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
    let mut writer = Writer::new(file, options)?;
    writer.state(state)?;
    Ok(writer)
}

/// The name of the n-th file: the number comes before the extension.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}.{number:06}.{}", extension.to_string_lossy()),
        None => format!("{stem}.{number:06}"),
    };
    path.with_file_name(name)
}
