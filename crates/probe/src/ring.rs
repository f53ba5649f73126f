//! The consumer side of a BPF ring buffer (`BPF_MAP_TYPE_RINGBUF`), mapped into user space.
//!
//! The kernel lays a ring out as one page with the consumer position (ours to write), one page
//! with the producer position, then the data twice in a row, so that a record which wraps is
//! contiguous in memory (kernel/bpf/ringbuf.c). A record is an 8-byte header and its bytes, padded
//! to 8; the header's first word is the length with two flags on top.
//!
//! # Rules
//!
//! 1. Only the consumer stores the consumer position; only the kernel stores the rest.
//! 2. A record may be read once the producer position has passed it and its busy bit is clear.
//!    The kernel stores both with release semantics; both loads here are `Acquire`.
//! 3. The consumer position is stored with `Release` after the last read of the bytes it frees;
//!    the kernel loads it with acquire semantics before it reuses them.
//! 4. A busy record ends the batch: later records wait for it, so that order is kept.
//! 5. Positions only grow; their difference is at most the size of the ring.
//!
//! The walk is generic over the memory ([`RingMemory`]), so that the model check in
//! `tests/ring_model` runs the very code that runs on the kernel's pages.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Bytes of the kernel's record header.
pub const RECORD_HEADER_BYTES: u64 = 8;
/// The record is reserved and not yet submitted.
pub const BUSY: u32 = 1 << 31;
/// The record was discarded; skip it.
pub const DISCARD: u32 = 1 << 30;

/// The memory that kernel and consumer share.
pub trait RingMemory {
    /// Bytes of the data area, a power of two.
    fn size(&self) -> u64;
    /// The consumer position, as last stored by this consumer.
    fn consumer(&self) -> u64;
    /// Publishes the consumer position (rule 3).
    ///
    /// # Safety
    /// The position is the end of a record that rule 2 allows, and no bytes before it are looked at
    /// any more.
    // SAFETY: the caller's part is above.
    unsafe fn release(&self, position: u64);
    /// The producer position (rule 2).
    fn producer(&self) -> u64;
    /// The header word of the record at a position (rule 2).
    fn header(&self, position: u64) -> u32;
    /// The bytes of the record at a position.
    ///
    /// # Safety
    /// There is a record of this length at this position that rule 2 allows.
    // SAFETY: the caller's part is above.
    unsafe fn bytes(&self, position: u64, len: usize) -> &[u8];
}

/// What a batch did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Batch {
    /// Records handed over.
    pub records: usize,
    /// Bytes freed, headers and padding included.
    pub bytes: u64,
    /// A record that is reserved and not yet submitted held up the rest.
    pub is_held_up: bool,
    /// The positions contradict the protocol: more than the ring's size between them, or a record
    /// longer than what was produced. Nothing more can be read from this ring.
    pub is_corrupt: bool,
}

/// What a look at one position finds.
enum Found {
    /// The position has come to the end.
    End,
    /// A record that is not complete.
    Busy,
    /// A record or a discarded one: its length, and the position behind it.
    Whole { len: usize, next: u64, is_discarded: bool },
    /// A record that reaches beyond what was produced.
    Corrupt,
}

fn look<M: RingMemory>(memory: &M, position: u64, producer: u64) -> Found {
    if position >= producer {
        return Found::End;
    }
    let word = memory.header(position);
    if word & BUSY != 0 {
        return Found::Busy;
    }
    let len = u64::from(word & !(BUSY | DISCARD));
    let next = position + ((RECORD_HEADER_BYTES + len + 7) & !7);
    if next > producer {
        return Found::Corrupt;
    }
    Found::Whole { len: len as usize, next, is_discarded: word & DISCARD != 0 }
}

/// Hands records to `each`, in order, and frees them: up to `limit`, up to the position `end`, and
/// only as long as `wants` says yes to the next one.
///
/// Space is given back to the kernel every `RELEASE_BYTES` and at the end, not per record: the
/// position's cache line is shared with the producing CPUs.
pub fn drain<M: RingMemory>(
    memory: &mut M,
    limit: usize,
    end: u64,
    wants: impl Fn(&[u8]) -> bool,
    mut each: impl FnMut(&[u8]),
) -> Batch {
    const RELEASE_BYTES: u64 = 64 << 10;
    let memory = &*memory;
    let mut batch = Batch::default();
    let mut position = memory.consumer();
    let mut released = position;
    let start = position;
    let producer = memory.producer();
    if producer.wrapping_sub(position) > memory.size() {
        batch.is_corrupt = true;
        return batch;
    }
    let producer = producer.min(end);
    while batch.records < limit {
        let (len, next, is_discarded) = match look(memory, position, producer) {
            Found::End => break,
            Found::Busy => {
                batch.is_held_up = true;
                break;
            }
            Found::Corrupt => {
                batch.is_corrupt = true;
                break;
            }
            Found::Whole { len, next, is_discarded } => (len, next, is_discarded),
        };
        if !is_discarded {
            // SAFETY: `look` has found it complete and in front of the producer position.
            let bytes = unsafe { memory.bytes(position, len) };
            if !wants(bytes) {
                break;
            }
            each(bytes);
            batch.records += 1;
        }
        position = next;
        if position - released >= RELEASE_BYTES.min(memory.size() / 4) {
            // SAFETY: everything before was handed to `each`, which keeps nothing of it.
            unsafe { memory.release(position) };
            released = position;
        }
    }
    if position != released {
        // SAFETY: as above.
        unsafe { memory.release(position) };
    }
    batch.bytes = position - start;
    batch
}

/// What lies at the front of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front<'m> {
    /// Nothing.
    Empty,
    /// Something that is not complete yet: a matter of microseconds.
    Busy,
    /// A record.
    Record(&'m [u8]),
    /// What contradicts the protocol; see [`Batch::is_corrupt`].
    Corrupt,
}

/// The front of a ring. Discarded records before it are freed, so that a ring with nothing else in
/// it is empty for everybody.
pub fn front<M: RingMemory>(memory: &mut M) -> Front<'_> {
    let memory = &*memory;
    let start = memory.consumer();
    let producer = memory.producer();
    if producer.wrapping_sub(start) > memory.size() {
        return Front::Corrupt;
    }
    let mut position = start;
    let front = loop {
        match look(memory, position, producer) {
            Found::End => break Front::Empty,
            Found::Busy => break Front::Busy,
            Found::Corrupt => break Front::Corrupt,
            Found::Whole { next, is_discarded: true, .. } => position = next,
            Found::Whole { len, .. } => {
                // SAFETY: `look` has found it complete and in front of the producer position.
                break Front::Record(unsafe { memory.bytes(position, len) });
            }
        }
    };
    if position != start {
        // SAFETY: before it lie discarded records only, which nobody looks at.
        unsafe { memory.release(position) };
    }
    front
}

/// A mapped ring buffer. It has exactly one consumer: whoever owns this.
pub struct Ring {
    consumer_page: NonNull<u8>,
    producer_pages: NonNull<u8>,
    page_bytes: usize,
    size: u64,
}

// SAFETY: the mappings belong to this value alone and stay valid until it is dropped; nothing in
// them is tied to a thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps a ring buffer map of `size` data bytes.
    ///
    /// # Errors
    /// If `size` is not a power of two multiple of the page, or the kernel refuses the mapping.
    pub fn map(fd: BorrowedFd<'_>, size: u64) -> io::Result<Self> {
        // SAFETY: sysconf has no preconditions.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        if !size.is_power_of_two() || size < page_bytes as u64 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("ring size {size} is not a power of two of at least a page"),
            ));
        }
        let consumer_page = map(fd, page_bytes, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        let producer_bytes = page_bytes + 2 * size as usize;
        let producer_pages = match map(fd, producer_bytes, libc::PROT_READ, page_bytes) {
            Ok(pages) => pages,
            Err(error) => {
                unmap(consumer_page, page_bytes);
                return Err(error);
            }
        };
        Ok(Self { consumer_page, producer_pages, page_bytes, size })
    }

    /// Hands up to `limit` records to `each`; see [`drain`].
    pub fn drain(&mut self, limit: usize, each: impl FnMut(&[u8])) -> Batch {
        drain(self, limit, u64::MAX, |_| true, each)
    }

    /// Hands up to `limit` records to `each`, up to the position `end` ([`Ring::end`]) and as long as
    /// `wants` says yes; see [`drain`].
    pub fn drain_while(
        &mut self,
        limit: usize,
        end: u64,
        wants: impl Fn(&[u8]) -> bool,
        each: impl FnMut(&[u8]),
    ) -> Batch {
        drain(self, limit, end, wants, each)
    }

    /// What lies at its front, which stays where it is; see [`front`].
    pub fn front(&mut self) -> Front<'_> {
        front(self)
    }

    /// The position up to which records are reserved at this moment.
    pub fn end(&self) -> u64 {
        self.producer()
    }

    /// Bytes that wait to be consumed.
    pub fn pending(&self) -> u64 {
        self.producer().saturating_sub(self.consumer())
    }

    /// Bytes of the data area.
    pub fn capacity(&self) -> u64 {
        self.size
    }

    fn consumer_atomic(&self) -> &AtomicU64 {
        // SAFETY: the page is mapped for as long as self lives, aligned, and accessed only as an
        // atomic by us; the kernel only loads it (rule 1).
        unsafe { self.consumer_page.cast::<AtomicU64>().as_ref() }
    }

    fn producer_atomic(&self) -> &AtomicU64 {
        // SAFETY: as above; this page is mapped read-only and we only load.
        unsafe { self.producer_pages.cast::<AtomicU64>().as_ref() }
    }

    fn data(&self, position: u64) -> NonNull<u8> {
        let offset = self.page_bytes + (position & (self.size - 1)) as usize;
        // SAFETY: the offset is below page_bytes + size, inside the mapping.
        unsafe { self.producer_pages.add(offset) }
    }
}

impl RingMemory for Ring {
    #[inline]
    fn size(&self) -> u64 {
        self.size
    }

    #[inline]
    fn consumer(&self) -> u64 {
        // Relaxed: our own last store (rule 1).
        self.consumer_atomic().load(Ordering::Relaxed)
    }

    #[inline]
    // SAFETY: the caller has done with the bytes that the kernel may write from now on.
    unsafe fn release(&self, position: u64) {
        self.consumer_atomic().store(position, Ordering::Release);
    }

    #[inline]
    fn producer(&self) -> u64 {
        self.producer_atomic().load(Ordering::Acquire)
    }

    #[inline]
    fn header(&self, position: u64) -> u32 {
        // SAFETY: records start at multiples of 8 inside the mapping; the word is accessed as an
        // atomic only, and the kernel clears the busy bit with an atomic exchange.
        unsafe { self.data(position).cast::<AtomicU32>().as_ref() }.load(Ordering::Acquire)
    }

    #[inline]
    // SAFETY: the caller has seen the whole record.
    unsafe fn bytes(&self, position: u64, len: usize) -> &[u8] {
        let start = self.data(position + RECORD_HEADER_BYTES);
        // SAFETY: the caller says that the record ends at or before the producer position, which is
        // at most one ring size ahead; the data is mapped twice in a row, so the range is
        // contiguous. The kernel writes it no more until `release` passes it (rule 3).
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        unmap(self.consumer_page, self.page_bytes);
        unmap(self.producer_pages, self.page_bytes + 2 * self.size as usize);
    }
}

/// Looks at the positions of a ring that somebody else consumes.
pub struct RingGauge {
    consumer_page: NonNull<u8>,
    producer_page: NonNull<u8>,
    page_bytes: usize,
}

// SAFETY: the mappings belong to this value alone, are read-only, and their words are loaded as
// atomics only.
unsafe impl Send for RingGauge {}
// SAFETY: as above.
unsafe impl Sync for RingGauge {}

impl std::fmt::Debug for RingGauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RingGauge").field("is_drained", &self.is_drained()).finish()
    }
}

impl RingGauge {
    /// Maps the positions of a ring buffer map.
    ///
    /// # Errors
    /// The kernel refuses the mapping.
    pub fn map(fd: BorrowedFd<'_>) -> io::Result<Self> {
        // SAFETY: sysconf has no preconditions.
        let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let consumer_page = map(fd, page_bytes, libc::PROT_READ, 0)?;
        match map(fd, page_bytes, libc::PROT_READ, page_bytes) {
            Ok(producer_page) => Ok(Self { consumer_page, producer_page, page_bytes }),
            Err(error) => {
                unmap(consumer_page, page_bytes);
                Err(error)
            }
        }
    }

    /// Whether everything that was reserved before this call has been consumed. The consumer frees
    /// a record only after it has dealt with it, and this sees whatever it did before.
    pub fn is_drained(&self) -> bool {
        self.pending() == 0
    }

    /// Bytes that wait to be consumed.
    pub fn pending(&self) -> u64 {
        let load = |page: NonNull<u8>| {
            // SAFETY: the page is mapped for as long as self lives, and aligned.
            unsafe { page.cast::<AtomicU64>().as_ref() }.load(Ordering::Acquire)
        };
        // The producer first: what it writes after this look does not matter.
        let producer = load(self.producer_page);
        producer.saturating_sub(load(self.consumer_page))
    }
}

impl Drop for RingGauge {
    fn drop(&mut self) {
        unmap(self.consumer_page, self.page_bytes);
        unmap(self.producer_page, self.page_bytes);
    }
}

fn map(fd: BorrowedFd<'_>, bytes: usize, prot: i32, offset: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: a fresh shared mapping chosen by the kernel; it aliases no Rust object.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            prot,
            libc::MAP_SHARED,
            fd.as_raw_fd(),
            offset as libc::off_t,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(address.cast()).ok_or_else(|| io::Error::other("mmap returned address 0"))
}

fn unmap(address: NonNull<u8>, bytes: usize) {
    // SAFETY: exactly a range that `map` returned, unmapped once by its owner.
    unsafe { libc::munmap(address.as_ptr().cast(), bytes) };
}
