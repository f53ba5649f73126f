//! Writes captures that Falco, sysdig and Wireshark read.
//!
//! The layout is the one current libscap writes: a section header, then the state (machine,
//! interfaces, users, threads, open files, in this order), then events in the second block
//! version. All numbers are little-endian.

use crate::block::BlockType;
use crate::convert::Converted;
use crate::encode;
use crate::entry::{FdEntry, Interface, MachineInfo, ThreadEntry, Users};
use crate::error::Error;
use crate::event::RawEvent;
use flate2::{Compression, write::GzEncoder};
use peregrine_event::event::{EventFlags, FALCO_CODES};
use peregrine_event::types::Width;
use peregrine_event::{EventCode, EventDef, Record};
use std::io::{BufWriter, Write};

/// Bytes of an event header.
const EVENT_HEADER: usize = 26;
/// Largest event in an ordinary block; readers refuse more.
const ORDINARY_EVENT: usize = 64 * 1024 - 16;
/// Largest state list in one block; longer ones are split, which readers add up again.
const LIST_BLOCK: usize = 16 << 20;

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterOptions {
    /// Compress with gzip.
    pub gzip: bool,
}

/// The state a capture starts with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaptureState {
    /// The machine.
    pub machine: MachineInfo,
    /// Addresses of network interfaces.
    pub interfaces: Vec<Interface>,
    /// Users and groups.
    pub users: Users,
    /// Threads.
    pub threads: Vec<ThreadEntry>,
    /// Open files by thread group.
    pub fds: Vec<(i64, Vec<FdEntry>)>,
}

enum Sink<W: Write> {
    Plain(BufWriter<W>),
    Gzip(Box<GzEncoder<BufWriter<W>>>),
}

impl<W: Write> Sink<W> {
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(w) => w.write_all(bytes),
            Self::Gzip(w) => w.write_all(bytes),
        }
    }
}

/// Writes one capture.
///
/// Everything written reaches the file with [`Self::flush`] or [`Self::finish`]; a capture that
/// was flushed can be read even if its writer dies.
pub struct Writer<W: Write> {
    sink: Sink<W>,
    /// The block that is being put together.
    block: Vec<u8>,
    bytes: u64,
    events: u64,
}

impl<W: Write> Writer<W> {
    /// Starts a capture with its section header.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn new(target: W, options: WriterOptions) -> Result<Self, Error> {
        let target = BufWriter::with_capacity(256 * 1024, target);
        let sink = if options.gzip {
            Sink::Gzip(Box::new(GzEncoder::new(target, Compression::fast())))
        } else {
            Sink::Plain(target)
        };
        let mut writer = Self { sink, block: Vec::new(), bytes: 0, events: 0 };
        writer.section()?;
        Ok(writer)
    }

    /// Bytes written so far, before compression.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Events written so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Starts another section: what readers know of threads is forgotten.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn section(&mut self) -> Result<(), Error> {
        self.begin(BlockType::SECTION);
        self.block.extend_from_slice(&0x1a2b_3c4du32.to_le_bytes());
        self.block.extend_from_slice(&1u16.to_le_bytes());
        self.block.extend_from_slice(&2u16.to_le_bytes());
        self.block.extend_from_slice(&u64::MAX.to_le_bytes());
        self.end()
    }

    /// Writes all of a state, in the order readers expect.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn state(&mut self, state: &CaptureState) -> Result<(), Error> {
        self.machine_info(&state.machine)?;
        self.interfaces(&state.interfaces)?;
        self.users(&state.users)?;
        self.threads(&state.threads)?;
        state.fds.iter().try_for_each(|(tid, fds)| self.fds(*tid, fds))
    }

    /// Writes the machine info block.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn machine_info(&mut self, info: &MachineInfo) -> Result<(), Error> {
        self.begin(BlockType::MACHINE);
        encode::machine(&mut self.block, info);
        self.end()
    }

    /// Writes the interface list.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn interfaces(&mut self, interfaces: &[Interface]) -> Result<(), Error> {
        self.begin(BlockType::INTERFACES_V2);
        interfaces.iter().for_each(|one| encode::interface(&mut self.block, one));
        self.end()
    }

    /// Writes the user list.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn users(&mut self, users: &Users) -> Result<(), Error> {
        self.begin(BlockType::USERS_V2);
        encode::users(&mut self.block, users);
        self.end()
    }

    /// Writes a process list; nothing if it is empty.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn threads(&mut self, threads: &[ThreadEntry]) -> Result<(), Error> {
        let mut rest = threads;
        while !rest.is_empty() {
            self.begin(BlockType::THREADS_V9);
            while let [first, others @ ..] = rest
                && self.block.len() < LIST_BLOCK
            {
                encode::thread(&mut self.block, first);
                rest = others;
            }
            self.end()?;
        }
        Ok(())
    }

    /// Writes the open files of a thread group. Entries of unknown kind are left out, as Falco
    /// does.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn fds(&mut self, tid: i64, fds: &[FdEntry]) -> Result<(), Error> {
        let mut rest = fds.iter().filter(|fd| encode::is_listable(fd)).peekable();
        // A list of nothing is no item to a reader: it is not written.
        while rest.peek().is_some() {
            self.begin(BlockType::FDS_V2);
            self.block.extend_from_slice(&tid.to_le_bytes());
            while self.block.len() < LIST_BLOCK
                && let Some(fd) = rest.next()
            {
                encode::fd(&mut self.block, fd);
            }
            self.end()?;
        }
        Ok(())
    }

    /// Writes an event as it was read, in the current block version.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Unwritable`] if a parameter is too long for its type of event.
    pub fn event(&mut self, event: &RawEvent<'_>) -> Result<(), Error> {
        let head = Head { cpu: event.cpu, flags: event.flags, ts: event.ts, tid: event.tid };
        self.params(head, event.code, event.param_count(), |index, out| {
            out.extend_from_slice(event.param(index).unwrap_or_default());
        })
    }

    /// Writes a converted event with the header of the one it was made from.
    ///
    /// # Errors
    /// As [`Self::event`].
    pub fn converted(&mut self, raw: &RawEvent<'_>, event: &Converted<'_>) -> Result<(), Error> {
        let head = Head { cpu: raw.cpu, flags: raw.flags, ts: raw.ts, tid: raw.tid };
        self.params(head, event.code, event.param_count(), |index, out| {
            out.extend_from_slice(event.param(index).unwrap_or_default());
        })
    }

    /// Writes a record, in Falco's widths. Peregrine's own parameters are left out, absent values
    /// have no length, and a value too long for the file format is cut. `flags` is 0 for ordinary
    /// events, 1 for one that only carries state.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Unwritable`] for Peregrine's own event types.
    pub fn record(&mut self, record: &Record<'_>, flags: u32) -> Result<(), Error> {
        let header = record.header();
        // Events of no thread have all ones, in 64 bits in the file.
        let tid = if header.tid == u32::MAX { u64::MAX } else { u64::from(header.tid) };
        let head = Head { cpu: header.cpu, flags, ts: header.ts, tid };
        let def = record.def();
        let is_large = def.flags.has(EventFlags::LARGE_PAYLOAD);
        self.params(head, header.code, def.falco_params, |index, out| {
            if !record.has(index) {
                return;
            }
            let ty = def.params[index].ty;
            match ty.scap_width() {
                Width::Fixed(width) => {
                    let value = record.int(index).unwrap_or(0).to_le_bytes();
                    out.extend_from_slice(&value[..usize::from(width)]);
                }
                Width::Variable => {
                    let bytes = record.bytes(index).unwrap_or_default();
                    let limit = usize::from(u16::MAX);
                    if is_large || bytes.len() <= limit {
                        out.extend_from_slice(bytes);
                    } else if ty.is_text() {
                        out.extend_from_slice(&bytes[..limit - 1]);
                        out.push(0);
                    } else {
                        out.extend_from_slice(&bytes[..limit]);
                    }
                }
            }
        })
    }

    /// Hands what was written so far to the operating system.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn flush(&mut self) -> Result<(), Error> {
        match &mut self.sink {
            Sink::Plain(w) => w.flush(),
            Sink::Gzip(w) => w.flush(),
        }
        .map_err(Error::Write)
    }

    /// Ends the capture and gives its target back.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<W, Error> {
        let buffered = match self.sink {
            Sink::Plain(w) => w,
            Sink::Gzip(w) => w.finish().map_err(Error::Write)?,
        };
        buffered.into_inner().map_err(|e| Error::Write(e.into_error()))
    }

    fn params(
        &mut self,
        head: Head,
        code: EventCode,
        count: usize,
        mut put: impl FnMut(usize, &mut Vec<u8>),
    ) -> Result<(), Error> {
        let Some(def) = code.def().filter(|_| code.0 < FALCO_CODES) else {
            let name = code.def().map_or("?", |def| def.constant);
            return Err(Error::Unwritable { name, problem: "it is not an event of Falco's" });
        };
        let is_large = def.flags.has(EventFlags::LARGE_PAYLOAD);
        // The type is put right when the size is known.
        self.begin(BlockType::EVENT_V2);
        self.block.extend_from_slice(&head.cpu.to_le_bytes());
        if head.flags != 0 {
            self.block.extend_from_slice(&head.flags.to_le_bytes());
        }
        let event = self.block.len();
        self.block.extend_from_slice(&head.ts.to_le_bytes());
        self.block.extend_from_slice(&head.tid.to_le_bytes());
        self.block.extend_from_slice(&[0; 4]);
        self.block.extend_from_slice(&code.0.to_le_bytes());
        self.block.extend_from_slice(&(count as u32).to_le_bytes());
        let width = if is_large { 4 } else { 2 };
        let lens = event + EVENT_HEADER;
        self.block.resize(lens + count * width, 0);
        for index in 0..count {
            let start = self.block.len();
            put(index, &mut self.block);
            let len = self.block.len() - start;
            if !is_large && len > usize::from(u16::MAX) {
                return Err(too_long(def));
            }
            let at = lens + index * width;
            self.block[at..at + width].copy_from_slice(&(len as u32).to_le_bytes()[..width]);
        }
        let len = self.block.len() - event;
        let Ok(len) = u32::try_from(len) else { return Err(too_long(def)) };
        self.block[event + 16..event + 20].copy_from_slice(&len.to_le_bytes());
        let block = match (head.flags != 0, is_large || len as usize > ORDINARY_EVENT) {
            (false, false) => BlockType::EVENT_V2,
            (true, false) => BlockType::EVENT_FLAGS_V2,
            (false, true) => BlockType::EVENT_V2_LARGE,
            (true, true) => BlockType::EVENT_FLAGS_V2_LARGE,
        };
        self.block[..4].copy_from_slice(&block.0.to_le_bytes());
        self.end()?;
        self.events += 1;
        Ok(())
    }

    fn begin(&mut self, block: BlockType) {
        self.block.clear();
        self.block.extend_from_slice(&block.0.to_le_bytes());
        self.block.extend_from_slice(&[0; 4]);
    }

    /// Pads the block, writes its length at both ends, and writes it out.
    fn end(&mut self) -> Result<(), Error> {
        let padded = self.block.len().next_multiple_of(4);
        self.block.resize(padded, 0);
        let total = ((padded + 4) as u32).to_le_bytes();
        self.block[4..8].copy_from_slice(&total);
        self.block.extend_from_slice(&total);
        self.sink.write_all(&self.block).map_err(Error::Write)?;
        self.bytes += self.block.len() as u64;
        Ok(())
    }
}

/// Header fields of an event that do not depend on its type.
#[derive(Clone, Copy)]
struct Head {
    cpu: u16,
    flags: u32,
    ts: u64,
    tid: u64,
}

fn too_long(def: &'static EventDef) -> Error {
    Error::Unwritable { name: def.constant, problem: "a parameter is too long for the format" }
}
