//! A block's body, read field by field in the byte order of its section.

use crate::stream::Stream;

/// Why a field cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It would reach beyond the end of the block.
    Overrun,
    /// The file ends before.
    End,
    /// An interface of unknown type.
    InterfaceType(u16),
}

/// The rest of a body.
pub(crate) struct Body<'s> {
    stream: &'s mut Stream,
    left: u64,
    is_swapped: bool,
}

impl<'s> Body<'s> {
    pub(crate) fn new(stream: &'s mut Stream, left: u64, is_swapped: bool) -> Self {
        Self { stream, left, is_swapped }
    }

    /// Bytes of the body that were not read.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        if self.left < N as u64 {
            return Err(Stop::Overrun);
        }
        if !self.stream.ensure(N) {
            return Err(Stop::End);
        }
        let Some(bytes) = self.stream.peek(N).first_chunk::<N>().copied() else {
            return Err(Stop::End);
        };
        self.stream.advance(N);
        self.left -= N as u64;
        Ok(bytes)
    }

    /// Bytes whose order does not depend on the machine.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        self.take()
    }

    fn ordered<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut bytes = self.take()?;
        if self.is_swapped {
            bytes.reverse();
        }
        Ok(bytes)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Stop> {
        Ok(self.take::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Stop> {
        Ok(u16::from_le_bytes(self.ordered()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Stop> {
        Ok(u32::from_le_bytes(self.ordered()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Stop> {
        Ok(u64::from_le_bytes(self.ordered()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Stop> {
        Ok(i64::from_le_bytes(self.ordered()?))
    }

    /// Bytes behind a 16-bit length.
    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Stop> {
        let len = self.u16()?;
        self.exactly(len)
    }

    /// `len` bytes.
    pub(crate) fn exactly(&mut self, len: u16) -> Result<Vec<u8>, Stop> {
        if self.left < u64::from(len) {
            return Err(Stop::Overrun);
        }
        let n = usize::from(len);
        if !self.stream.ensure(n) {
            return Err(Stop::End);
        }
        let bytes = self.stream.peek(n).to_vec();
        self.stream.advance(n);
        self.left -= u64::from(len);
        Ok(bytes)
    }

    /// Text behind a 16-bit length; what follows a NUL is not part of it.
    pub(crate) fn text(&mut self) -> Result<Vec<u8>, Stop> {
        let mut bytes = self.bytes()?;
        if let Some(end) = memchr::memchr(0, &bytes) {
            bytes.truncate(end);
        }
        Ok(bytes)
    }

    /// NUL-terminated strings behind a 16-bit length; a missing last NUL is added.
    pub(crate) fn strings(&mut self) -> Result<Vec<u8>, Stop> {
        let mut bytes = self.bytes()?;
        if bytes.last().is_some_and(|b| *b != 0) {
            bytes.push(0);
        }
        Ok(bytes)
    }

    pub(crate) fn skip(&mut self, n: u64) -> Result<(), Stop> {
        if n > self.left {
            return Err(Stop::Overrun);
        }
        let done = self.stream.skip(n);
        self.left -= done;
        if done < n { Err(Stop::End) } else { Ok(()) }
    }

    /// Starts an entry that may tell its length.
    pub(crate) fn entry(&mut self, has_len: bool) -> Result<Entry, Stop> {
        let start = self.left;
        let len = if has_len { self.u32()? } else { 0 };
        Ok(Entry { start, len: u64::from(len) })
    }
}

/// An entry of a list: where it began, and how long it says it is (0: it does not say).
pub(crate) struct Entry {
    start: u64,
    len: u64,
}

impl Entry {
    fn used(&self, body: &Body<'_>) -> u64 {
        self.start - body.left()
    }

    /// Bytes that the stated length still covers; 0 if no length was stated.
    pub(crate) fn rest(&self, body: &Body<'_>) -> u64 {
        self.len.saturating_sub(self.used(body))
    }

    /// Whether the stated length covers `n` more bytes.
    pub(crate) fn covers(&self, body: &Body<'_>, n: u64) -> bool {
        self.rest(body) >= n
    }

    /// Steps over fields of a future version.
    pub(crate) fn finish(self, body: &mut Body<'_>) -> Result<(), Stop> {
        if self.len == 0 {
            return Ok(());
        }
        let used = self.used(body);
        if used > self.len {
            return Err(Stop::Overrun);
        }
        body.skip(self.len - used)
    }
}
