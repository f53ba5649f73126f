//! Captures that are split into files by size and time.

use crate::error::Error;
use crate::writer::{CaptureState, Writer, WriterOptions};
use peregrine_event::Record;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

/// When to go on to the next file: behind the event with which it passes a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotation {
    /// After so many bytes of events, before compression; the state it starts with does not count.
    pub max_bytes: Option<u64>,
    /// After so many nanoseconds of events.
    pub max_ns: Option<u64>,
    /// Keep so many files; older ones are deleted.
    pub keep: Option<usize>,
}

impl Rotation {
    /// Whether there is a limit, so that there may be more than one file.
    pub fn has_limit(&self) -> bool {
        self.max_bytes.is_some() || self.max_ns.is_some()
    }
}

/// Writes a capture, or a sequence of them if there are limits: `trace.scap` becomes
/// `trace.000001.scap`, `trace.000002.scap` and so on. Each is a whole capture and starts with the
/// state of its time.
pub struct RotatingWriter {
    path: PathBuf,
    options: WriterOptions,
    rotation: Rotation,
    writer: Writer<File>,
    files: VecDeque<PathBuf>,
    number: u64,
    first_ts: Option<u64>,
    last_ts: u64,
    /// Bytes of the state at the start of the file.
    head_bytes: u64,
    /// Bytes and events of files that are finished.
    finished: (u64, u64),
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
        let mut writer = Self::empty(path, options, rotation)?;
        writer.writer.state(state)?;
        Ok(writer)
    }

    /// Opens the first file, whose state is still to be written through [`Self::writer`].
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn empty(
        path: impl Into<PathBuf>,
        options: WriterOptions,
        rotation: Rotation,
    ) -> Result<Self, Error> {
        let path = path.into();
        let first = if rotation.has_limit() { numbered(&path, 1) } else { path.clone() };
        let writer = open(&first, options)?;
        let files = VecDeque::from([first]);
        Ok(Self {
            path,
            options,
            rotation,
            writer,
            files,
            number: 1,
            first_ts: None,
            last_ts: 0,
            head_bytes: 0,
            finished: (0, 0),
        })
    }

    /// The file being written, for what is no event.
    pub fn writer(&mut self) -> &mut Writer<File> {
        &mut self.writer
    }

    /// Writes a record.
    ///
    /// # Errors
    /// As [`Writer::record`].
    pub fn record(&mut self, record: &Record<'_>, flags: u32) -> Result<(), Error> {
        if self.first_ts.is_none() {
            self.first_ts = Some(record.ts());
            self.head_bytes = self.writer.bytes();
        }
        self.last_ts = self.last_ts.max(record.ts());
        self.writer.record(record, flags)
    }

    /// Whether the file has passed a limit: its writer should go on to the next one.
    pub fn is_full(&self) -> bool {
        let Some(first_ts) = self.first_ts else { return false };
        let age = self.last_ts.saturating_sub(first_ts);
        let bytes = self.writer.bytes() - self.head_bytes;
        self.rotation.max_bytes.is_some_and(|max| bytes >= max)
            || self.rotation.max_ns.is_some_and(|max| age >= max)
    }

    /// Goes on to the next file now.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn rotate(&mut self, state: &CaptureState) -> Result<(), Error> {
        self.number += 1;
        self.first_ts = None;
        // An event from far ahead, as a damaged one may seem, fills one file and not all that follow.
        self.last_ts = 0;
        let path = numbered(&self.path, self.number);
        let mut next = open(&path, self.options)?;
        next.state(state)?;
        let done = std::mem::replace(&mut self.writer, next);
        self.files.push_back(path);
        self.finished.0 += done.bytes();
        self.finished.1 += done.events();
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

    /// Bytes written to all files, before compression.
    pub fn bytes(&self) -> u64 {
        self.finished.0 + self.writer.bytes()
    }

    /// Events written to all files.
    pub fn events(&self) -> u64 {
        self.finished.1 + self.writer.events()
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

fn open(path: &Path, options: WriterOptions) -> Result<Writer<File>, Error> {
    let file =
        File::create(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
    Writer::new(file, options)
}

/// The name of the n-th file: the number comes before the extension, and before `.gz` too.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (name, gz) = match name.strip_suffix(".gz") {
        Some(name) => (name, ".gz"),
        None => (&*name, ""),
    };
    let numbered = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => {
            format!("{stem}.{number:06}.{extension}{gz}")
        }
        _ => format!("{name}.{number:06}{gz}"),
    };
    path.with_file_name(numbered)
}

#[cfg(test)]
mod tests {
    use peregrine_event::{Header, HeaderFlags, RecordBuilder, code};

    use super::*;

    #[test]
    fn one_time_far_ahead_fills_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let rotation = Rotation { max_ns: Some(1000), ..Rotation::default() };
        let (path, state) = (directory.path().join("x.scap"), CaptureState::default());
        let mut writer =
            RotatingWriter::create(path, WriterOptions::default(), rotation, &state).unwrap();
        let mut builder = RecordBuilder::new();
        let (flags, code) = (HeaderFlags::default(), code::SYSCALL_CLOSE_X);
        let mut rotations = 0;
        for ts in [1, u64::MAX / 2, 2, 3, 4] {
            if writer.is_full() {
                writer.rotate(&state).unwrap();
                assert!(!writer.is_full(), "nothing was written to it");
                rotations += 1;
            }
            let header = Header { ts, tid: 2, tgid: 2, len: 0, flags, code, cpu: 0 };
            let bytes = builder.build(header, &[]).unwrap();
            writer.record(&Record::parse(bytes).unwrap(), 0).unwrap();
        }
        assert_eq!(rotations, 1);
    }

    #[test]
    fn numbers_come_before_the_extensions() {
        for (path, expected) in [
            ("/a/trace.scap", "/a/trace.000007.scap"),
            ("trace.scap.gz", "trace.000007.scap.gz"),
            ("trace", "trace.000007"),
            (".hidden", ".hidden.000007"),
            ("x.gz", "x.000007.gz"),
        ] {
            assert_eq!(numbered(Path::new(path), 7), Path::new(expected));
        }
    }
}
