//! The streaming reader.

use crate::block::{BlockType, Content};
use crate::body::{Body, Stop};
use crate::entry::{FdEntry, Interface, MachineInfo, ThreadEntry, Users};
use crate::error::{Error, Problem};
use crate::event::{Params, RawEvent, Span};
use crate::parse::Plain;
use crate::stream::Stream;
use crate::{lists, parse};
use std::io::Read;
use std::path::Path;

/// Largest block of an ordinary event, as in Falco.
const EVENT_LIMIT: u32 = 64 * 1024 + 8;
/// Largest block of an event with a large payload; a record cannot hold more.
const LARGE_EVENT_LIMIT: u32 = 16 << 20;
/// Largest user or interface list: these are handed out whole.
const WHOLE_LIST_LIMIT: u32 = 16 << 20;
/// Entries of a process or fd list handed out at once.
const BATCH: usize = 1024;
/// Bytes of a process or fd list handed out at once; ordinary entries stay far below it.
const BATCH_BYTES: u64 = 8 << 20;

/// What a capture is made of, in the order of the file.
#[derive(Debug)]
pub enum Item<'a> {
    /// A section starts. The first has index 0. A later one, in a file that was put together from
    /// several, carries its own state: what is known of threads is to be forgotten.
    Section {
        /// Number of the section.
        index: u32,
    },
    /// The machine.
    MachineInfo(MachineInfo),
    /// Threads. A long list comes in several pieces.
    Threads(Vec<ThreadEntry>),
    /// Open files of a thread group. A long list comes in several pieces.
    Fds {
        /// Thread that the list was written for.
        tid: i64,
        /// Its file descriptors.
        fds: Vec<FdEntry>,
    },
    /// Users and groups; they replace earlier ones.
    Users(Users),
    /// Addresses of the network interfaces; they replace earlier ones.
    Interfaces(Vec<Interface>),
    /// An event.
    Event(RawEvent<'a>),
}

/// A block whose body is being read.
#[derive(Debug, Clone, Copy)]
struct Open {
    block: BlockType,
    offset: u64,
    total: u32,
    left: u64,
    /// Thread of an fd list.
    tid: i64,
}

/// What `advance` found; the item itself is made afterwards, when nothing is borrowed.
enum Found {
    End,
    Item(Item<'static>),
    Event(parse::Parsed, u64),
}

/// Reads a capture, plain or compressed with gzip, of any version and byte order.
///
/// A thread of its own reads and decompresses ahead. Memory does not depend on the size of the
/// file: events are borrowed from a buffer, lists come in pieces.
///
/// ```no_run
/// use peregrine_capture::{Item, Reader};
/// let mut reader = Reader::open("trace.scap")?;
/// while let Some(item) = reader.next()? {
///     if let Item::Event(event) = item {
///         println!("{} {}", event.ts, event.def().name);
///     }
/// }
/// # Ok::<(), peregrine_capture::Error>(())
/// ```
pub struct Reader {
    stream: Stream,
    /// Bytes of the event that was handed out last.
    consumed: usize,
    spans: Vec<Span>,
    /// The event that was handed out, if its bytes had to be turned around.
    swapped: Vec<u8>,
    is_swapped: bool,
    /// Nothing stands in the way of the fast path: no list is open, no error waits.
    is_plain: bool,
    open: Option<Open>,
    deferred: Option<Error>,
    sections: u32,
    is_done: bool,
    events: u64,
    unknown_events: u64,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Open`]. Whether it is a capture shows with the first [`Self::next`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let failed = |source| Error::Open { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(failed)?;
        Self::start(file).map_err(failed)
    }

    /// Reads from anything, such as standard input or bytes in memory.
    ///
    /// # Errors
    /// [`Error::Read`] if the reading thread cannot be started.
    pub fn new(source: impl Read + Send + 'static) -> Result<Self, Error> {
        Self::start(source).map_err(|source| Error::Read { offset: 0, source })
    }

    fn start(source: impl Read + Send + 'static) -> std::io::Result<Self> {
        Ok(Self {
            stream: Stream::new(source)?,
            consumed: 0,
            spans: Vec::new(),
            swapped: Vec::new(),
            is_swapped: false,
            is_plain: false,
            open: None,
            deferred: None,
            sections: 0,
            is_done: false,
            events: 0,
            unknown_events: 0,
        })
    }

    /// The next item; `None` at the end of the file.
    ///
    /// # Errors
    /// See [`Error`]. After an error that is not fatal the next call goes on behind the damage;
    /// after a fatal one it returns `None`.
    // Not an `Iterator`: an event borrows from the reader.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, Error> {
        match self.find_plain() {
            Some(plain) => Ok(Some(Item::Event(self.plain_event(&plain)))),
            None => self.next_slow(),
        }
    }

    /// The next item, if it is an event like nearly all: in the current version of its type, whole,
    /// without flags, and in the buffer already. `None` says nothing about what comes next: ask
    /// [`Self::next`]. A loop over many events asks this first.
    #[inline]
    pub fn next_plain(&mut self) -> Option<RawEvent<'_>> {
        self.find_plain().map(|plain| self.plain_event(&plain))
    }

    /// Steps over the event that was handed out last, and looks at the block behind it.
    #[inline]
    fn find_plain(&mut self) -> Option<Plain> {
        self.stream.advance(std::mem::take(&mut self.consumed));
        // No list is open, and no error waits. Anything but a plain event is left to the slow way,
        // which starts from the same byte.
        if !self.is_plain {
            return None;
        }
        let plain = parse::plain(self.stream.rest(), EVENT_LIMIT)?;
        self.consumed = plain.total;
        self.events += 1;
        Some(plain)
    }

    #[inline]
    fn plain_event(&self, plain: &Plain) -> RawEvent<'_> {
        let bytes = self.stream.rest().get(parse::PLAIN_HEAD..parse::PLAIN_HEAD + plain.len);
        let params = Params::Current(plain.layout.params(bytes.unwrap_or_default()));
        raw(plain.head, self.stream.offset(), params)
    }

    #[inline(never)]
    fn next_slow(&mut self) -> Result<Option<Item<'_>>, Error> {
        let found = self.advance();
        self.is_plain = !self.is_swapped
            && self.sections > 0
            && self.open.is_none()
            && self.deferred.is_none()
            && !self.is_done;
        match found {
            Ok(Found::Event(parsed, offset)) => {
                let data = if self.is_swapped {
                    &self.swapped[..]
                } else {
                    self.stream.peek(self.consumed).get(8..).unwrap_or_default()
                };
                Ok(Some(Item::Event(raw(parsed, offset, Params::Located(&self.spans, data)))))
            }
            Ok(Found::Item(item)) => Ok(Some(item)),
            Ok(Found::End) => Ok(None),
            Err(error) => {
                self.is_done |= error.is_fatal();
                self.is_plain &= !self.is_done;
                Err(error)
            }
        }
    }

    /// Events handed out so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Events that were skipped because the schema does not know their type.
    pub fn unknown_events(&self) -> u64 {
        self.unknown_events
    }

    /// Bytes of the uncompressed capture read so far.
    pub fn offset(&self) -> u64 {
        self.stream.offset()
    }

    #[inline]
    fn advance(&mut self) -> Result<Found, Error> {
        loop {
            if let Some(error) = self.deferred.take() {
                return Err(error);
            }
            if self.is_done {
                return Ok(Found::End);
            }
            if let Some(open) = self.open {
                match self.list(open)? {
                    Some(item) => return Ok(Found::Item(item)),
                    None => continue,
                }
            }
            let offset = self.stream.offset();
            if !self.stream.ensure(8) {
                return self.end(offset);
            }
            let head = self.stream.peek(8).first_chunk::<8>().copied().unwrap_or_default();
            let word = |at: usize| {
                let b = [head[at], head[at + 1], head[at + 2], head[at + 3]];
                if self.is_swapped { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) }
            };
            let (block, total) = (BlockType(word(0)), word(4));
            // The section header's type reads the same in both byte orders; its length does not.
            if block == BlockType::SECTION {
                let index = self.section(offset)?;
                return Ok(Found::Item(Item::Section { index }));
            }
            if self.sections == 0 {
                return Err(Error::NotACapture { word: block.0 });
            }
            if total < 12 {
                return Err(Error::Block { offset, block, problem: Problem::Short(total) });
            }
            match block.content() {
                Content::Event { has_flags, has_count, is_large } => {
                    let limit = if is_large { LARGE_EVENT_LIMIT } else { EVENT_LIMIT };
                    if total > limit {
                        self.skip_block(offset, block, total)?;
                        let problem = Problem::Large { len: total, limit };
                        return Err(Error::Block { offset, block, problem });
                    }
                    if let Some(parsed) = self.event(offset, block, total, has_flags, has_count)? {
                        self.events += 1;
                        return Ok(Found::Event(parsed, offset));
                    }
                    self.unknown_events += 1;
                    self.stream.advance(std::mem::take(&mut self.consumed));
                }
                Content::Section | Content::Unknown => self.skip_block(offset, block, total)?,
                _ => {
                    self.stream.advance(8);
                    let left = u64::from(total) - 12;
                    self.open = Some(Open { block, offset, total, left, tid: 0 });
                    if let Content::Fds { .. } = block.content() {
                        self.fd_list_head()?;
                    }
                }
            }
        }
    }

    /// The stream has ended between two blocks, or in the first bytes of one.
    #[cold]
    fn end(&mut self, offset: u64) -> Result<Found, Error> {
        self.is_done = true;
        if let Some(source) = self.stream.take_error() {
            let offset = offset + self.stream.available() as u64;
            return Err(Error::Read { offset, source });
        }
        let have = self.stream.available();
        if have > 0 {
            let block = self.stream.peek(4).first_chunk::<4>().copied().unwrap_or_default();
            let block = BlockType(u32::from_le_bytes(block));
            if self.sections == 0 {
                return Err(Error::NotACapture { word: block.0 });
            }
            return Err(Error::Truncated { offset, block, have: have as u64, need: 8 });
        }
        if self.events + self.unknown_events == 0 {
            return Err(Error::NoEvents);
        }
        Ok(Found::End)
    }

    /// The error for a stream that ended inside a block.
    #[cold]
    fn cut(&mut self, offset: u64, block: BlockType, need: u64) -> Error {
        self.is_done = true;
        let end = self.stream.offset() + self.stream.available() as u64;
        match self.stream.take_error() {
            Some(source) => Error::Read { offset: end, source },
            None => Error::Truncated { offset, block, have: end - offset, need },
        }
    }

    fn section(&mut self, offset: u64) -> Result<u32, Error> {
        const LITTLE: u32 = 0x1a2b_3c4d;
        const FRAME: u32 = 28;
        const MAJOR: u16 = 1;
        let block = BlockType::SECTION;
        if !self.stream.ensure(FRAME as usize) {
            return Err(self.cut(offset, block, u64::from(FRAME)));
        }
        let head = self.stream.peek(16).first_chunk::<16>().copied().unwrap_or_default();
        let word = [head[8], head[9], head[10], head[11]];
        let mark = u32::from_le_bytes(word);
        self.is_swapped = match mark {
            LITTLE => false,
            _ if mark.swap_bytes() == LITTLE => true,
            _ => {
                let problem = Problem::ByteOrder(mark);
                return Err(Error::Block { offset, block, problem });
            }
        };
        let total = [head[4], head[5], head[6], head[7]];
        let major = [head[12], head[13]];
        let (total, major) = if self.is_swapped {
            (u32::from_be_bytes(total), u16::from_be_bytes(major))
        } else {
            (u32::from_le_bytes(total), u16::from_le_bytes(major))
        };
        let fail = |problem| Err(Error::Block { offset, block, problem });
        if total < FRAME {
            return fail(Problem::Short(total));
        }
        if major > MAJOR {
            return fail(Problem::Version(major));
        }
        // Options of the section follow the header; none matters here.
        self.skip_block(offset, block, total)?;
        self.sections += 1;
        Ok(self.sections - 1)
    }

    fn skip_block(&mut self, offset: u64, block: BlockType, total: u32) -> Result<(), Error> {
        let total = u64::from(total);
        if self.stream.skip(total) < total {
            return Err(self.cut(offset, block, total));
        }
        Ok(())
    }

    /// Takes an event block apart; `None` for an unknown event type. On return `consumed` covers
    /// the block, whatever the result.
    #[inline]
    fn event(
        &mut self,
        offset: u64,
        block: BlockType,
        total: u32,
        has_flags: bool,
        has_count: bool,
    ) -> Result<Option<parse::Parsed>, Error> {
        let bytes = total as usize;
        if !self.stream.ensure(bytes) {
            return Err(self.cut(offset, block, u64::from(total)));
        }
        self.consumed = bytes;
        let body = self.stream.peek(bytes).get(8..bytes - 4).unwrap_or_default();
        let result = if self.is_swapped {
            self.swapped.clear();
            self.swapped.extend_from_slice(body);
            parse::swap_frame(&mut self.swapped, has_flags, has_count);
            let result = parse::event(&self.swapped, has_flags, has_count, &mut self.spans);
            if let Ok(Some(parsed)) = &result
                && let Some(def) = parsed.code.def()
            {
                parse::swap_params(&mut self.swapped, &self.spans, def);
            }
            result
        } else {
            parse::event(body, has_flags, has_count, &mut self.spans)
        };
        result.map_err(|problem| Error::Block { offset, block, problem })
    }

    fn fd_list_head(&mut self) -> Result<(), Error> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut body = Body::new(&mut self.stream, open.left, self.is_swapped);
        let result = body.i64();
        open.left = body.left();
        match result {
            Ok(tid) => {
                open.tid = tid;
                Ok(())
            }
            Err(stop) => {
                let open = *open;
                Err(self.abandon(open, stop))
            }
        }
    }

    /// Gives the rest of a damaged list up.
    #[cold]
    fn abandon(&mut self, open: Open, stop: Stop) -> Error {
        let Open { block, offset, total, left, .. } = open;
        self.open = None;
        let problem = match stop {
            Stop::End => return self.cut(offset, block, u64::from(total)),
            Stop::Overrun => Problem::Overrun,
            Stop::InterfaceType(kind) => Problem::InterfaceType(kind),
        };
        if self.stream.skip(left + 4) < left + 4 {
            return self.cut(offset, block, u64::from(total));
        }
        Error::Block { offset, block, problem }
    }

    /// Reads on in a list; `None` if the block is at its end and gave nothing more.
    fn list(&mut self, mut open: Open) -> Result<Option<Item<'static>>, Error> {
        let content = open.block.content();
        if matches!(content, Content::Users { .. } | Content::Interfaces { .. })
            && open.total > WHOLE_LIST_LIMIT
        {
            self.open = None;
            let Open { block, offset, total, left, .. } = open;
            if self.stream.skip(left + 4) < left + 4 {
                return Err(self.cut(offset, block, u64::from(total)));
            }
            let problem = Problem::Large { len: total, limit: WHOLE_LIST_LIMIT };
            return Err(Error::Block { offset, block, problem });
        }
        let mut body = Body::new(&mut self.stream, open.left, self.is_swapped);
        let mut stop = None;
        let item = match content {
            Content::Machine => match lists::machine(&mut body) {
                Ok(info) => {
                    let rest = body.left();
                    stop = body.skip(rest).err();
                    Some(Item::MachineInfo(info))
                }
                Err(e) => {
                    stop = Some(e);
                    None
                }
            },
            Content::Threads(version) => {
                let threads = entries(&mut body, &mut stop, BATCH, |b| lists::thread(b, version));
                (!threads.is_empty()).then_some(Item::Threads(threads))
            }
            Content::Fds { has_len } => {
                let tid = open.tid;
                let fds = entries(&mut body, &mut stop, BATCH, |b| lists::fd(b, has_len));
                (!fds.is_empty()).then_some(Item::Fds { tid, fds })
            }
            Content::Users { has_len } => {
                let mut users = Users::default();
                entries(&mut body, &mut stop, usize::MAX, |b| lists::user(b, has_len, &mut users));
                Some(Item::Users(users))
            }
            Content::Interfaces { has_len } => {
                let all =
                    entries(&mut body, &mut stop, usize::MAX, |b| lists::interface(b, has_len));
                Some(Item::Interfaces(all))
            }
            Content::Section | Content::Event { .. } | Content::Unknown => None,
        };
        open.left = body.left();
        self.open = Some(open);
        if let Some(stop) = stop {
            let error = self.abandon(open, stop);
            self.deferred = Some(error);
        } else if open.left < 4 {
            self.open = None;
            if let Err(error) = self.close(open) {
                self.deferred = Some(error);
            }
        }
        Ok(item)
    }

    /// Padding and the second copy of the length.
    fn close(&mut self, open: Open) -> Result<(), Error> {
        let Open { block, offset, total, left, .. } = open;
        self.stream.skip(left);
        if !self.stream.ensure(4) {
            return Err(self.cut(offset, block, u64::from(total)));
        }
        let bytes = self.stream.peek(4).first_chunk::<4>().copied().unwrap_or_default();
        let trailer =
            if self.is_swapped { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        self.stream.advance(4);
        if trailer != total {
            let problem = Problem::Trailer { header: total, trailer };
            return Err(Error::Block { offset, block, problem });
        }
        Ok(())
    }
}

#[inline]
fn raw(parsed: parse::Parsed, offset: u64, params: Params<'_>) -> RawEvent<'_> {
    let parse::Parsed { cpu, flags, ts, tid, code } = parsed;
    RawEvent { offset, cpu, flags, ts, tid, code, params }
}

/// Reads up to `limit` entries.
fn entries<T>(
    body: &mut Body<'_>,
    stop: &mut Option<Stop>,
    limit: usize,
    mut read: impl FnMut(&mut Body<'_>) -> Result<T, Stop>,
) -> Vec<T> {
    let mut all = Vec::new();
    let start = body.left();
    let most = if limit == usize::MAX { u64::MAX } else { BATCH_BYTES };
    while body.left() >= 4 && all.len() < limit && start - body.left() < most {
        match read(body) {
            Ok(entry) => all.push(entry),
            Err(e) => {
                *stop = Some(e);
                break;
            }
        }
    }
    all
}
