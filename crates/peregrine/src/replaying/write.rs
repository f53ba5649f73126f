//! Writing a part of what is replayed as a capture.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use peregrine_capture::{Item, OwnedEvent, Writer, WriterOptions};
use peregrine_event::EventFlags;
use peregrine_fields::view::EventView;

use crate::writing::is_gzip;

/// Flag of an event that is only there for the state it carries.
const STATE_ONLY: u32 = 1;

/// A capture being written.
pub struct Output {
    writer: Writer<File>,
    path: PathBuf,
    is_filtered: bool,
    /// The file's first section is there from the beginning.
    needs_section: bool,
}

impl Output {
    /// Creates a file; compressed if its name ends in `.gz`. With `is_filtered`, only some events
    /// are going to be wanted.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path, is_filtered: bool) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let options = WriterOptions { gzip: is_gzip(path) };
        let writer = Writer::new(file, options)?;
        Ok(Self { writer, path: path.to_owned(), is_filtered, needs_section: false })
    }

    /// Writes what a capture tells of the machine.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn state(&mut self, item: &Item<'_>) -> Result<(), peregrine_capture::Error> {
        match item {
            Item::Section { .. } => {
                if std::mem::replace(&mut self.needs_section, true) {
                    self.writer.section()?;
                }
                Ok(())
            }
            Item::MachineInfo(info) => self.writer.machine_info(info),
            Item::Threads(threads) => self.writer.threads(threads),
            Item::Fds { tid, fds } => self.writer.fds(*tid, fds),
            Item::Users(users) => self.writer.users(users),
            Item::Interfaces(interfaces) => self.writer.interfaces(interfaces),
            Item::Event(_) => Ok(()),
        }
    }

    /// Writes an enter event. A filtered capture goes without: what they say is in their exit
    /// events, which may have been left out.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn entered(&mut self, event: &OwnedEvent) -> Result<(), peregrine_capture::Error> {
        if self.is_filtered {
            return Ok(());
        }
        self.writer.event(&event.view())
    }

    /// Writes an event. One that is not wanted is kept, for the state only, if it changes the
    /// state.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn event(
        &mut self,
        view: &EventView<'_>,
        is_wanted: bool,
    ) -> Result<(), peregrine_capture::Error> {
        let record = &view.record;
        if is_wanted {
            return self.writer.record(record, 0);
        }
        if record.def().flags.has(EventFlags::MODIFIES_STATE) || !self.is_filtered {
            return self.writer.record(record, STATE_ONLY);
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        let name = || format!("cannot write {}", self.path.display());
        self.writer.finish().map(drop).with_context(name)
    }
}
