//! Writing what is replayed: a part of it as a capture, and captures around alerts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use peregrine_capture::{CaptureState, Error, Item, OwnedEvent, RotatingWriter};
use peregrine_engine::recording::{
    AlertCaptureOptions, AlertCaptures, Listing, Surroundings, Trigger, capture_state,
};
use peregrine_event::EventFlags;
use peregrine_fields::view::EventView;

use crate::writing::WriteArgs;

/// Flag of an event that is only there for the state it carries.
const STATE_ONLY: u32 = 1;

/// What captures tell of the machine, beside its threads.
fn remember(surroundings: &mut Surroundings, item: &Item<'_>) {
    match item {
        Item::MachineInfo(info) => surroundings.machine = info.clone(),
        Item::Users(users) => surroundings.users = users.clone(),
        Item::Interfaces(interfaces) => surroundings.interfaces = interfaces.clone(),
        _ => {}
    }
}

/// A capture being written.
pub struct Output {
    writer: RotatingWriter,
    path: PathBuf,
    is_filtered: bool,
    /// The file's first section is there from the beginning.
    needs_section: bool,
    surroundings: Surroundings,
}

impl Output {
    /// Creates a file. With `is_filtered`, only some events are going to be wanted.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path, is_filtered: bool, how: &WriteArgs) -> anyhow::Result<Self> {
        let writer = RotatingWriter::empty(path, how.writer(path), how.rotation());
        let writer = writer.map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Self {
            writer,
            path: path.to_owned(),
            is_filtered,
            needs_section: false,
            surroundings: Surroundings::default(),
        })
    }

    /// Writes what a capture tells of the machine.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn state(&mut self, item: &Item<'_>) -> Result<(), Error> {
        remember(&mut self.surroundings, item);
        let writer = self.writer.writer();
        match item {
            Item::Section { .. } => {
                if std::mem::replace(&mut self.needs_section, true) {
                    writer.section()?;
                }
                Ok(())
            }
            Item::MachineInfo(info) => writer.machine_info(info),
            Item::Threads(threads) => writer.threads(threads),
            Item::Fds { tid, fds } => writer.fds(*tid, fds),
            Item::Users(users) => writer.users(users),
            Item::Interfaces(interfaces) => writer.interfaces(interfaces),
            Item::Event(_) => Ok(()),
        }
    }

    /// Writes an enter event. A filtered capture goes without: what they say is in their exit
    /// events, which may have been left out.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn entered(&mut self, event: &OwnedEvent) -> Result<(), Error> {
        if self.is_filtered {
            return Ok(());
        }
        self.writer.writer().event(&event.view())
    }

    /// Writes an event. One that is not wanted is kept, for the state only, if it changes the
    /// state.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn event(&mut self, view: &EventView<'_>, is_wanted: bool) -> Result<(), Error> {
        let record = &view.record;
        if is_wanted {
            self.writer.record(record, 0)?;
        } else if record.def().flags.has(EventFlags::MODIFIES_STATE) || !self.is_filtered {
            self.writer.record(record, STATE_ONLY)?;
        }
        if self.writer.is_full() {
            let inventory = view.shard().inventory();
            self.writer.rotate(&capture_state(&self.surroundings, &[inventory]))?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(self) -> anyhow::Result<()> {
        let name = || format!("cannot write {}", self.path.display());
        self.writer.finish().with_context(name)
    }
}

/// Captures around the alerts of a replay.
pub struct Captures {
    options: AlertCaptureOptions,
    /// The lists of the capture that is replayed, until its first event.
    lists: CaptureState,
    surroundings: Surroundings,
    running: Option<AlertCaptures>,
    files: Vec<PathBuf>,
    /// The record at hand; kept for its room.
    bytes: Vec<u8>,
}

impl Captures {
    /// Nothing captured yet.
    pub fn new(options: AlertCaptureOptions) -> Self {
        Self {
            options,
            lists: CaptureState::default(),
            surroundings: Surroundings::default(),
            running: None,
            files: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Takes over what a capture tells of the machine. A section ends what runs.
    ///
    /// # Errors
    /// A capture cannot be written.
    pub fn state(&mut self, item: &Item<'_>) -> Result<(), Error> {
        remember(&mut self.surroundings, item);
        match item {
            Item::Section { .. } => {
                self.end()?;
                self.lists = CaptureState::default();
            }
            Item::Threads(threads) => self.lists.threads.extend_from_slice(threads),
            Item::Fds { tid, fds } => self.lists.fds.push((*tid, fds.clone())),
            _ => {}
        }
        Ok(())
    }

    /// Takes an event that was applied, and how long it keeps a capture going, if it does.
    ///
    /// # Errors
    /// A capture cannot be written.
    pub fn event(&mut self, view: &EventView<'_>, capture_ns: Option<u64>) -> Result<(), Error> {
        let captures = match &mut self.running {
            Some(running) => running,
            None => {
                let mut given = Box::new(std::mem::take(&mut self.lists));
                given.machine = self.surroundings.machine.clone();
                given.users = self.surroundings.users.clone();
                given.interfaces = self.surroundings.interfaces.clone();
                let listing = Listing { given: Some(given), ..Listing::default() };
                self.running.insert(AlertCaptures::new(self.options.clone(), listing))
            }
        };
        if let Some(duration_ns) = capture_ns {
            let (ts, number) = (view.record.ts(), view.number);
            captures.trigger(Trigger { ts, number, duration_ns })?;
        }
        self.bytes.clear();
        view.record.write_to(&mut self.bytes);
        captures.event(&self.bytes)?;
        if captures.wants_cut() {
            let inventories = vec![view.shard().inventory()];
            let surroundings = Arc::new(self.surroundings.clone());
            captures.cut(Listing { surroundings, inventories, given: None })?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        if let Some(mut running) = self.running.take() {
            running.finish()?;
            self.files.extend_from_slice(running.files().0);
        }
        Ok(())
    }

    /// Ends the capture that runs; gives the names of all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> Result<Vec<PathBuf>, Error> {
        self.end()?;
        Ok(self.files)
    }
}
