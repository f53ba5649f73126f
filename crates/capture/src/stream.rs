//! The bytes of a capture, read and decompressed ahead by a thread of their own.
//!
//! The thread fills chunks and sends them over a bounded channel; emptied chunks go back to it, so
//! a handful of buffers serve a file of any size. Each chunk leaves room in front: when the reader
//! crosses from one chunk to the next, the few bytes it has left of the old one are copied there,
//! and the rest of the data is never moved.

use crossbeam_channel::{Receiver, Sender, bounded};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufReader, Read};

/// Room in front of a chunk.
const HEADROOM: usize = 64 * 1024;
/// Data in a chunk.
const CHUNK: usize = 256 * 1024;
/// Chunks read ahead.
const AHEAD: usize = 4;

/// A buffer, with its data after the headroom.
struct Chunk {
    bytes: Vec<u8>,
    end: usize,
}

/// The reading end.
pub(crate) struct Stream {
    chunks: Receiver<io::Result<Chunk>>,
    emptied: Sender<Vec<u8>>,
    buffer: Vec<u8>,
    pos: usize,
    end: usize,
    offset: u64,
    error: Option<io::Error>,
    is_done: bool,
}

impl Stream {
    /// Starts reading.
    pub(crate) fn new(source: impl Read + Send + 'static) -> io::Result<Self> {
        let (send, chunks) = bounded(AHEAD);
        let (emptied, recycled) = bounded(AHEAD + 1);
        std::thread::Builder::new()
            .name("capture-read".into())
            .spawn(move || read_ahead(source, &send, &recycled))?;
        Ok(Self {
            chunks,
            emptied,
            buffer: Vec::new(),
            pos: 0,
            end: 0,
            offset: 0,
            error: None,
            is_done: false,
        })
    }

    /// Offset of the next byte in the uncompressed capture.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// What made the stream end early.
    pub(crate) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Bytes at hand without waiting.
    pub(crate) fn available(&self) -> usize {
        self.end - self.pos
    }

    /// Makes `n` bytes available in one piece; `false` if the stream ends before.
    ///
    /// Memory grows only by bytes that have arrived.
    #[inline]
    pub(crate) fn ensure(&mut self, n: usize) -> bool {
        self.available() >= n || self.refill(n)
    }

    #[cold]
    fn refill(&mut self, n: usize) -> bool {
        while self.available() < n {
            if self.is_done {
                return false;
            }
            match self.chunks.recv() {
                Ok(Ok(chunk)) => self.append(chunk),
                Ok(Err(error)) => {
                    self.error = Some(error);
                    self.is_done = true;
                }
                Err(_) => self.is_done = true,
            }
        }
        true
    }

    fn append(&mut self, mut chunk: Chunk) {
        let left = self.available();
        if left <= HEADROOM {
            let start = HEADROOM - left;
            chunk.bytes[start..HEADROOM].copy_from_slice(&self.buffer[self.pos..self.end]);
            let old = std::mem::replace(&mut self.buffer, chunk.bytes);
            self.pos = start;
            self.end = chunk.end;
            self.recycle(old);
        } else {
            // A block larger than the headroom: rare, so it may cost copies.
            self.buffer.copy_within(self.pos..self.end, 0);
            self.buffer.truncate(left);
            self.buffer.extend_from_slice(&chunk.bytes[HEADROOM..chunk.end]);
            self.pos = 0;
            self.end = self.buffer.len();
            self.recycle(chunk.bytes);
        }
    }

    fn recycle(&self, buffer: Vec<u8>) {
        if buffer.len() == HEADROOM + CHUNK {
            // When the channel is full or the thread has ended, the buffer is simply freed.
            let _ = self.emptied.try_send(buffer);
        }
    }

    /// The next `n` bytes, or fewer if they were not made available.
    #[inline]
    pub(crate) fn peek(&self, n: usize) -> &[u8] {
        &self.buffer[self.pos..self.end.min(self.pos + n)]
    }

    /// All bytes at hand.
    #[inline]
    pub(crate) fn rest(&self) -> &[u8] {
        self.buffer.get(self.pos..self.end).unwrap_or_default()
    }

    /// Steps over bytes that are available.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize) {
        let n = n.min(self.available());
        self.pos += n;
        self.offset += n as u64;
    }

    /// Steps over `n` bytes; returns how many there were.
    pub(crate) fn skip(&mut self, n: u64) -> u64 {
        let mut done = 0;
        while done < n {
            if !self.ensure(1) {
                break;
            }
            let step = (n - done).min(self.available() as u64);
            self.advance(step as usize);
            done += step;
        }
        done
    }
}

/// The thread: ends at the end of the source, on an error, or when the reader is gone.
fn read_ahead(
    mut source: impl Read,
    send: &Sender<io::Result<Chunk>>,
    recycled: &Receiver<Vec<u8>>,
) {
    let mut magic = [0; 2];
    let mut have = 0;
    while have < magic.len() {
        match source.read(&mut magic[have..]) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => {
                let _ = send.send(Err(e));
                return;
            }
        }
    }
    let head = io::Cursor::new(magic).take(have as u64);
    if magic == [0x1f, 0x8b] {
        let input = BufReader::with_capacity(CHUNK, head.chain(source));
        pump(MultiGzDecoder::new(input), send, recycled, true);
    } else {
        pump(head.chain(source), send, recycled, false);
    }
}

/// Fills chunks; a source that is not `steady` (a pipe) is passed on as it comes.
fn pump(
    mut source: impl Read,
    send: &Sender<io::Result<Chunk>>,
    recycled: &Receiver<Vec<u8>>,
    steady: bool,
) {
    loop {
        let mut bytes = recycled.try_recv().unwrap_or_else(|_| vec![0; HEADROOM + CHUNK]);
        let mut end = HEADROOM;
        let mut result = Ok(1);
        while end < bytes.len() {
            result = source.read(&mut bytes[end..]);
            match &result {
                Ok(0) => break,
                Ok(n) => {
                    end += n;
                    if !steady && *n < CHUNK / 2 {
                        break;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        if end > HEADROOM && send.send(Ok(Chunk { bytes, end })).is_err() {
            return;
        }
        match result {
            Ok(0) => return,
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => {
                let _ = send.send(Err(e));
                return;
            }
        }
    }
}
