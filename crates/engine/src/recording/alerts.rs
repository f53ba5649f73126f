//! Captures around alerts.
//!
//! Records are kept in generations, each with the state it begins with. A generation spans the time
//! that shall be kept; with the one before it there is always that much before now:
//!
//! ```text
//!        ├── generation 3 ──┤├── generation 4 ──┤      now: `before` reaches into generation 3
//!        state, records      state, records
//! ```
//! An alert writes what is kept into a new capture, beginning with the state of the oldest
//! generation, and all that follows until its time is over. An alert while a capture runs makes it
//! run longer. When the records of a generation exceed their share of the bound, the next one is
//! asked for early; when that is not enough, the oldest goes before its time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use peregrine_capture::{Error, Writer, WriterOptions};
use peregrine_event::Header;

use super::file::record_of;
use super::state::Listing;
use super::{AlertCaptureOptions, Trigger};

/// Shortest generation: lists of the whole state are not free.
const SHORTEST_NS: u64 = 1_000_000_000;

/// The state at a time and the records since.
struct Generation {
    state: Listing,
    first_ts: Option<u64>,
    records: Vec<u8>,
    /// There were more records than may be kept.
    is_cut_off: bool,
}

/// A capture being written.
struct Running {
    writer: Writer<Counted>,
    path: PathBuf,
    until_ns: u64,
    bytes: Rc<Cell<u64>>,
}

/// A file that counts what is written to it.
struct Counted {
    file: File,
    bytes: Rc<Cell<u64>>,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes.set(self.bytes.get() + written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Captures around alerts.
pub struct AlertCaptures {
    options: AlertCaptureOptions,
    kept: VecDeque<Generation>,
    newest_ns: u64,
    running: Option<Running>,
    /// An alert that came while there was nothing to begin with.
    waiting: Option<Trigger>,
    files: Vec<PathBuf>,
    early_ends: u64,
}

impl AlertCaptures {
    /// Nothing captured yet; `state` is what there is at the beginning.
    pub fn new(options: AlertCaptureOptions, state: Listing) -> Self {
        let mut captures = Self {
            options,
            kept: VecDeque::new(),
            newest_ns: 0,
            running: None,
            waiting: None,
            files: Vec::new(),
            early_ends: 0,
        };
        captures.begin(state);
        captures
    }

    /// Takes a record, in order.
    ///
    /// # Errors
    /// A capture cannot be written; it has ended.
    pub fn event(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(header) = Header::peek(bytes) else { return Ok(()) };
        self.newest_ns = self.newest_ns.max(header.ts);
        let max = self.options.before_bytes;
        if let Some(newest) = self.kept.back_mut() {
            newest.first_ts.get_or_insert(header.ts);
            if newest.records.len() + bytes.len() > max {
                newest.is_cut_off = true;
                newest.records = Vec::new();
            }
            if !newest.is_cut_off {
                newest.records.extend_from_slice(bytes);
            }
        }
        while self.kept.len() > 1 && self.kept_bytes() > max {
            self.kept.pop_front();
        }
        let Some(running) = &mut self.running else { return Ok(()) };
        let result = match record_of(bytes) {
            Some(record) => running.writer.record(&record, 0),
            None => Ok(()),
        };
        let is_large = self.options.max_file_bytes.is_some_and(|max| running.bytes.get() >= max);
        // As in Falco, the event that ends it is in it.
        let is_over = header.ts >= running.until_ns;
        self.early_ends += u64::from(is_large && !is_over);
        match result {
            Err(error) if error.is_fatal() => self.abandon(error),
            _ if is_over || is_large => self.end(),
            _ => Ok(()),
        }
    }

    /// Takes an alert. Its event may have come already, or may still come.
    ///
    /// # Errors
    /// A capture cannot be created or written.
    pub fn trigger(&mut self, trigger: Trigger) -> Result<(), Error> {
        let until_ns = trigger.ts.saturating_add(trigger.duration_ns);
        if let Some(running) = &mut self.running {
            running.until_ns = running.until_ns.max(until_ns);
            return Ok(());
        }
        // What begins with a generation that was cut off would have a hole.
        while self.kept.front().is_some_and(|oldest| oldest.is_cut_off) {
            self.kept.pop_front();
        }
        if self.kept.is_empty() {
            self.waiting.get_or_insert(trigger);
            return Ok(());
        }
        let path = name(&self.options.path_prefix, trigger.ts, trigger.number);
        let file =
            File::create(&path).map_err(|source| Error::Open { path: path.clone(), source })?;
        let bytes = Rc::new(Cell::new(0));
        let file = Counted { file, bytes: bytes.clone() };
        let mut writer = Writer::new(file, WriterOptions { gzip: true })?;
        for (index, generation) in self.kept.iter().enumerate() {
            if index == 0 {
                writer.state(&generation.state.state())?;
            }
            let mut rest = &generation.records[..];
            while let Some(header) = Header::peek(rest) {
                let (record, others) = rest.split_at((header.len as usize).min(rest.len()));
                if let Some(record) = record_of(record) {
                    match writer.record(&record, 0) {
                        Err(error) if error.is_fatal() => return Err(error),
                        _ => {}
                    }
                }
                rest = others;
            }
        }
        self.files.push(path.clone());
        self.running = Some(Running { writer, path, until_ns, bytes });
        Ok(())
    }

    /// Whether the state of now is wanted.
    pub fn wants_cut(&self) -> bool {
        let Some(newest) = self.kept.back() else { return true };
        let span = (self.options.before.as_nanos() as u64).max(SHORTEST_NS);
        newest.is_cut_off
            || newest.records.len() > self.options.before_bytes / 2
            || newest.first_ts.is_some_and(|first| self.newest_ns.saturating_sub(first) >= span)
    }

    /// Gives the state as of now: a new generation.
    ///
    /// # Errors
    /// As [`Self::trigger`], for an alert that has waited for it.
    pub fn cut(&mut self, state: Listing) -> Result<(), Error> {
        self.begin(state);
        match self.waiting.take() {
            Some(trigger) => self.trigger(trigger),
            None => Ok(()),
        }
    }

    fn begin(&mut self, state: Listing) {
        if self.kept.back().is_some_and(|newest| newest.is_cut_off) {
            self.kept.clear();
        }
        // Of two, the older one is as long as what is wanted: no third is needed.
        while self.kept.len() > 1 {
            self.kept.pop_front();
        }
        let records = Vec::new();
        self.kept.push_back(Generation { state, first_ts: None, records, is_cut_off: false });
    }

    fn kept_bytes(&self) -> usize {
        self.kept.iter().map(|generation| generation.records.len()).sum()
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.running.take() {
            Some(running) => running.writer.finish().map(drop),
            None => Ok(()),
        }
    }

    fn abandon(&mut self, error: Error) -> Result<(), Error> {
        if let Some(running) = self.running.take() {
            self.files.retain(|path| *path != running.path);
        }
        Err(error)
    }

    /// Hands what was written so far to the operating system.
    ///
    /// # Errors
    /// The running capture cannot be written; it has ended.
    pub fn flush(&mut self) -> Result<(), Error> {
        match self.running.as_mut().map(|running| running.writer.flush()) {
            Some(Err(error)) => self.abandon(error),
            _ => Ok(()),
        }
    }

    /// The captures written, and how many of them ended before their time because of their size.
    pub fn files(&self) -> (&[PathBuf], u64) {
        (&self.files, self.early_ends)
    }

    /// Ends the capture that runs.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.end()
    }
}

/// The name of a capture, as Falco makes it.
fn name(prefix: &Path, ts: u64, number: u64) -> PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(format!("_{ts:020}_{number:020}.scap"));
    name.into()
}
