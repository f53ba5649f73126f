//! A record: the header, the zero-copy view, and the builder of the user-space side.

use crate::event::{EventCode, EventDef};
use crate::layout::{HEADER_BYTES, Layout, length_bytes};
use crate::scap::{ScapLayout, ScapParams};
use crate::types::{ParamType, Width};

/// Flag bits of a record header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeaderFlags(pub u8);

impl HeaderFlags {
    /// The first record of a new thread, written by its parent at `sched_process_fork`; its event
    /// is the child's return from `clone`, `fork`, `vfork` or `clone3`.
    pub const BIRTH: u8 = 1;
    /// An absent mask ends the record.
    pub const ABSENT: u8 = 2;
    /// The wide layout; see [`crate::layout`].
    pub const WIDE: u8 = 4;
    /// The call was made through the 32-bit (ia32) entry.
    pub const COMPAT32: u8 = 8;
    /// Records that carry state of this thread group were lost before this one.
    pub const STATE_LOST: u8 = 16;
    /// A parameter was cut at a configured or kernel limit.
    pub const TRUNCATED: u8 = 32;
    /// The parameters lie behind the header as they do in a capture; see [`crate::scap`].
    pub const SCAP: u8 = 64;

    /// Whether any of the given bits is set.
    pub const fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

/// The record header, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Time of the event: nanoseconds since the epoch in captures and after the loader's
    /// conversion, since boot as the probe writes it.
    pub ts: u64,
    /// Thread.
    pub tid: u32,
    /// Thread group (process); 0 if the source does not know it.
    pub tgid: u32,
    /// Bytes of the record, header included. At most 2^24 - 1.
    pub len: u32,
    /// Flags.
    pub flags: HeaderFlags,
    /// Event type.
    pub code: EventCode,
    /// CPU.
    pub cpu: u16,
}

impl Header {
    /// Largest record.
    pub const MAX_LEN: u32 = (1 << 24) - 1;

    /// The header at the start of these bytes, for those who only pass records on; nothing is
    /// checked. `None` if there are too few.
    #[inline]
    pub fn peek(bytes: &[u8]) -> Option<Self> {
        bytes.first_chunk::<HEADER_BYTES>().map(Self::parse)
    }

    fn parse(b: &[u8; HEADER_BYTES]) -> Self {
        let word = u32::from_le_bytes([b[16], b[17], b[18], b[19]]);
        Self {
            ts: u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
            tid: u32::from_le_bytes([b[8], b[9], b[10], b[11]]),
            tgid: u32::from_le_bytes([b[12], b[13], b[14], b[15]]),
            len: word & Self::MAX_LEN,
            flags: HeaderFlags((word >> 24) as u8),
            code: EventCode(u16::from_le_bytes([b[20], b[21]])),
            cpu: u16::from_le_bytes([b[22], b[23]]),
        }
    }

    fn write(&self, out: &mut [u8]) {
        out[0..8].copy_from_slice(&self.ts.to_le_bytes());
        out[8..12].copy_from_slice(&self.tid.to_le_bytes());
        out[12..16].copy_from_slice(&self.tgid.to_le_bytes());
        let word = (self.len & Self::MAX_LEN) | u32::from(self.flags.0) << 24;
        out[16..20].copy_from_slice(&word.to_le_bytes());
        out[20..22].copy_from_slice(&self.code.0.to_le_bytes());
        out[22..24].copy_from_slice(&self.cpu.to_le_bytes());
    }
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordError {
    /// Fewer bytes than the header or the fixed part of the event takes.
    Short {
        /// Bytes that were needed.
        needed: usize,
        /// Bytes there were.
        have: usize,
    },
    /// The length in the header is not the number of bytes given.
    Length {
        /// What the header says.
        header: usize,
        /// Bytes there were.
        have: usize,
    },
    /// No event has this code.
    Code(u16),
    /// The variable-size parameters reach beyond the record.
    Overrun(u16),
    /// The parameters do not lie as the header says.
    Layout(u16),
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Short { needed, have } => write!(f, "record of {have} bytes, {needed} needed"),
            Self::Length { header, have } => {
                write!(f, "record of {have} bytes claims to have {header}")
            }
            Self::Code(code) => write!(f, "unknown event code {code}"),
            Self::Overrun(code) => write!(f, "parameters of event {code} overrun the record"),
            Self::Layout(code) => write!(f, "parameters of event {code} are laid out otherwise"),
        }
    }
}

impl std::error::Error for RecordError {}

/// A validated view of a record. Copying it copies a few words.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    header: Header,
    layout: &'static Layout,
    /// What the offsets of the layout count in: the whole record, or what follows its header if
    /// the parameters lie as in a capture.
    bytes: &'a [u8],
    absent: u64,
}

impl<'a> Record<'a> {
    /// Checks and views the bytes of one record.
    ///
    /// # Errors
    /// If the bytes are not a whole record of a declared event. After this check no accessor can
    /// read outside the record.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        let Some(head) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(RecordError::Short { needed: HEADER_BYTES, have: bytes.len() });
        };
        let header = Header::parse(head);
        if header.len as usize != bytes.len() {
            return Err(RecordError::Length { header: header.len as usize, have: bytes.len() });
        }
        let Some(def) = header.code.def() else { return Err(RecordError::Code(header.code.0)) };
        if header.flags.has(HeaderFlags::SCAP) {
            return Self::parse_capture(header, &bytes[HEADER_BYTES..]);
        }
        let layout = Layout::get(def.code.index(), header.flags.has(HeaderFlags::WIDE));
        let mut end = layout.fixed_bytes as usize;
        let mut absent = 0;
        let mut limit = bytes.len();
        if header.flags.has(HeaderFlags::ABSENT) {
            let Some(mask) = bytes.last_chunk::<8>() else { unreachable!("the header is longer") };
            absent = u64::from_le_bytes(*mask);
            limit -= 8;
        }
        if end > limit {
            return Err(RecordError::Short { needed: end, have: limit });
        }
        let record = Self { header, layout, bytes, absent };
        for ordinal in 0..layout.variable_count {
            end += record.length_at(ordinal);
        }
        if end > limit {
            return Err(RecordError::Overrun(header.code.0));
        }
        Ok(record)
    }

    /// A record of which only the header was made anew.
    fn parse_capture(header: Header, bytes: &'a [u8]) -> Result<Self, RecordError> {
        let error = Err(RecordError::Layout(header.code.0));
        let Some(layout) = ScapLayout::of(header.code) else { return error };
        let whole = layout.check(usize::from(layout.layout.count), bytes, bytes.len());
        if whole != Some(bytes.len()) || header.flags.has(HeaderFlags::ABSENT | HeaderFlags::WIDE) {
            return error;
        }
        Ok(Self { header, layout: &layout.layout, bytes, absent: 0 })
    }

    /// A record of an event that lies in a capture. `header.len` is computed, and its flags say how
    /// the parameters lie.
    #[inline]
    pub fn of_capture(mut header: Header, params: ScapParams<'a>) -> Self {
        header.flags.0 &= !(HeaderFlags::ABSENT | HeaderFlags::WIDE);
        header.flags.0 |= HeaderFlags::SCAP;
        header.len = (HEADER_BYTES + params.bytes.len()) as u32;
        Self { header, layout: &params.layout.layout, bytes: params.bytes, absent: 0 }
    }

    /// The header.
    #[inline]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Event type.
    #[inline]
    pub fn code(&self) -> EventCode {
        self.header.code
    }

    /// The declaration of the event type.
    #[inline]
    pub fn def(&self) -> &'static EventDef {
        self.layout.def
    }

    /// Thread.
    #[inline]
    pub fn tid(&self) -> u32 {
        self.header.tid
    }

    /// Time stamp; see [`Header::ts`].
    #[inline]
    pub fn ts(&self) -> u64 {
        self.header.ts
    }

    /// Appends the whole record, for [`Self::parse`].
    pub fn write_to(&self, out: &mut Vec<u8>) {
        if self.header.flags.has(HeaderFlags::SCAP) {
            let mut header = [0; HEADER_BYTES];
            self.header.write(&mut header);
            out.extend_from_slice(&header);
        }
        out.extend_from_slice(self.bytes);
    }

    #[inline]
    fn lacks(&self, index: usize) -> bool {
        index >= usize::from(self.layout.count) || self.absent >> index & 1 != 0
    }

    /// Whether parameter `index` exists in the event type and has a value. An empty
    /// variable-size parameter has none.
    #[inline]
    pub fn has(&self, index: usize) -> bool {
        if self.lacks(index) {
            return false;
        }
        let slot = self.layout.slots[index];
        slot.width != 0 || self.length_at(slot.ordinal) != 0
    }

    /// A fixed-size parameter, sign- or zero-extended to 64 bits as its type demands.
    /// `None` if it is absent, of variable size, or not declared.
    #[inline]
    pub fn int(&self, index: usize) -> Option<i64> {
        let slot = *self.layout.slots.get(index)?;
        // Slots behind the last parameter have no width.
        if self.absent >> index & 1 != 0 {
            return None;
        }
        let mut at = usize::from(slot.offset);
        if slot.ordinal != 0 {
            at += self.lengths_before(slot.ordinal);
        }
        slot.read(self.bytes.get(at..)?)
    }

    /// A fixed-size parameter as an unsigned number.
    #[inline]
    pub fn uint(&self, index: usize) -> Option<u64> {
        self.int(index).map(|v| v as u64)
    }

    /// The bytes of a variable-size parameter, with the NUL of text. `None` if it is empty,
    /// absent, of fixed size, or not declared.
    #[inline]
    pub fn bytes(&self, index: usize) -> Option<&'a [u8]> {
        if self.lacks(index) {
            return None;
        }
        let slot = self.layout.slots[index];
        if slot.width != 0 {
            return None;
        }
        let len = self.length_at(slot.ordinal);
        if len == 0 {
            return None;
        }
        let start = usize::from(self.layout.variables.get(usize::from(slot.ordinal))?.start);
        let before = if slot.ordinal == 0 { 0 } else { self.lengths_before(slot.ordinal) };
        self.bytes.get(start + before..start + before + len)
    }

    /// Text of a variable-size parameter, up to its first NUL. `None` as for [`Self::bytes`].
    #[inline]
    pub fn text(&self, index: usize) -> Option<&'a [u8]> {
        let bytes = self.bytes(index)?;
        let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
        Some(&bytes[..end])
    }

    /// Bytes of the variable-size parameters before this one.
    fn lengths_before(&self, ordinal: u8) -> usize {
        let mut sum = 0;
        for ordinal in 0..ordinal {
            sum += self.length_at(ordinal);
        }
        sum
    }

    #[inline]
    fn length_at(&self, ordinal: u8) -> usize {
        let Some(variable) = self.layout.variables.get(usize::from(ordinal)) else { return 0 };
        let tail = self.bytes.get(usize::from(variable.length_at)..).unwrap_or_default();
        if self.header.flags.has(HeaderFlags::WIDE) {
            tail.first_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b) as usize)
        } else {
            tail.first_chunk::<2>().map_or(0, |b| u16::from_le_bytes(*b) as usize)
        }
    }
}

/// A parameter value handed to [`RecordBuilder`], in Falco's wire encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Param<'a> {
    /// No value.
    Absent,
    /// A fixed-size value; the low bytes count.
    Int(i64),
    /// A variable-size value; text includes its NUL.
    Bytes(&'a [u8]),
}

impl<'a> Param<'a> {
    /// A parameter of a capture, by its type; empty bytes and [`NO_TEXT`] are no value. A number of another length
    /// than its type's is taken for what it holds.
    #[inline]
    pub fn from_wire(bytes: &'a [u8], ty: ParamType) -> Self {
        if is_no_value(bytes, ty) {
            return Self::Absent;
        }
        let Width::Fixed(width) = ty.scap_width() else { return Self::Bytes(bytes) };
        let len = bytes.len().min(usize::from(width)).min(8);
        let mut value = [0u8; 8];
        value[..len].copy_from_slice(&bytes[..len]);
        let value = u64::from_le_bytes(value);
        if !ty.is_signed() || len == 8 {
            return Self::Int(value as i64);
        }
        let shift = 64 - 8 * len as u32;
        Self::Int(((value << shift) as i64) >> shift)
    }
}

/// What old probes wrote where a text could not be read.
pub const NO_TEXT: &[u8] = b"(NULL)\0";

#[inline]
fn is_no_value(bytes: &[u8], ty: ParamType) -> bool {
    bytes.is_empty() || (bytes == NO_TEXT && ty.is_text())
}

/// Builds records in user space: transcoded captures, iterator results, tests.
///
/// The buffer is reused: one allocation serves many records.
#[derive(Debug, Default)]
pub struct RecordBuilder {
    buffer: Vec<u8>,
}

impl RecordBuilder {
    /// A builder with an empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// The record that was built last; after an error it is none.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Encodes a record; `header.len` is computed, `ABSENT` and `WIDE` are set as needed.
    /// Parameters missing at the end are absent, as in captures of an older schema.
    ///
    /// # Errors
    /// [`RecordError::Code`] for an undeclared event; [`RecordError::Overrun`] if there are more
    /// parameters than declared or the record would exceed [`Header::MAX_LEN`].
    pub fn build(&mut self, header: Header, params: &[Param<'_>]) -> Result<&[u8], RecordError> {
        self.build_with(header, params.len(), |index| {
            params.get(index).copied().unwrap_or(Param::Absent)
        })
    }

    /// As [`Self::build`], with `count` parameters that are asked for one by one, in order; a
    /// transcoder saves a list of them. If a value does not fit the natural layout, all are asked
    /// for a second time.
    ///
    /// # Errors
    /// As [`Self::build`].
    #[inline]
    pub fn build_with<'p>(
        &mut self,
        header: Header,
        count: usize,
        param: impl Fn(usize) -> Param<'p>,
    ) -> Result<&[u8], RecordError> {
        let Some(def) = header.code.def() else { return Err(RecordError::Code(header.code.0)) };
        if count > def.params.len() {
            return Err(RecordError::Overrun(header.code.0));
        }
        if !self.encode(header, def, count, &param, false)? {
            self.encode(header, def, count, &param, true)?;
        }
        Ok(&self.buffer)
    }

    /// Encodes an event whose parameters are in Falco's wire encoding, empty where there is no
    /// value: what [`Self::build_with`] does for a capture, without looking at each number.
    ///
    /// # Errors
    /// As [`Self::build`].
    #[inline]
    pub fn build_wire<'p>(
        &mut self,
        header: Header,
        count: usize,
        param: impl Fn(usize) -> &'p [u8],
    ) -> Result<&[u8], RecordError> {
        let Some(def) = header.code.def() else { return Err(RecordError::Code(header.code.0)) };
        if count > def.params.len() {
            return Err(RecordError::Overrun(header.code.0));
        }
        let layout = Layout::get(def.code.index(), false);
        let mut absent = 0u64;
        self.buffer.clear();
        self.buffer.resize(layout.fixed_bytes as usize, 0);
        let mut fits = true;
        for (index, (slot, declared)) in layout.slots.iter().zip(def.params).enumerate() {
            let bytes = if index < count { param(index) } else { &[] };
            let at = slot.offset as usize;
            // Most are numbers; only text can say that it is not there.
            match (slot.width, bytes.len()) {
                (8, 8) => self.put(at, bytes.first_chunk::<8>().copied().unwrap_or_default()),
                (4, 8) => {
                    let value = bytes.first_chunk::<8>().copied().unwrap_or_default();
                    let value = i64::from_le_bytes(value);
                    // The upper half must be the sign of the lower one.
                    fits &= value == i64::from(value as i32);
                    self.put(at, (value as i32).to_le_bytes());
                }
                (4, 4) => self.put(at, bytes.first_chunk::<4>().copied().unwrap_or_default()),
                (0, 0) => {}
                (0, len) => {
                    if is_no_value(bytes, declared.ty) {
                        continue;
                    }
                    fits &= len <= u16::MAX as usize;
                    self.put(at, (len as u16).to_le_bytes());
                    self.buffer.extend_from_slice(bytes);
                }
                (_, 0) => absent |= 1 << index,
                (2, 2) => self.put(at, bytes.first_chunk::<2>().copied().unwrap_or_default()),
                (1, 1) => self.put(at, [bytes[0]]),
                // A value of another length than its type's: let the careful way decide.
                _ => fits = false,
            }
        }
        if !fits {
            return self.build_with(header, count, |index| {
                Param::from_wire(param(index), def.params[index].ty)
            });
        }
        self.finish(header, absent, false)?;
        Ok(&self.buffer)
    }

    #[inline]
    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        if let Some(slot) = self.buffer.get_mut(at..at + N) {
            slot.copy_from_slice(&bytes);
        }
    }

    /// Encodes in one layout; `Ok(false)` if a value does not fit the natural one.
    #[inline]
    fn encode<'p>(
        &mut self,
        header: Header,
        def: &'static EventDef,
        count: usize,
        param: &impl Fn(usize) -> Param<'p>,
        wide: bool,
    ) -> Result<bool, RecordError> {
        let layout = Layout::get(def.code.index(), wide);
        let mut absent = 0u64;
        self.buffer.clear();
        self.buffer.resize(layout.fixed_bytes as usize, 0);
        for (index, slot) in layout.slots[..def.params.len()].iter().enumerate() {
            let at = slot.offset as usize;
            let value = if index < count { param(index) } else { Param::Absent };
            match (value, slot.width) {
                (Param::Int(v), 8) => self.buffer[at..at + 8].copy_from_slice(&v.to_le_bytes()),
                (Param::Int(v), 4) => {
                    if !wide
                        && i32::try_from(v).is_err()
                        && def.params[index].ty.scap_width() == Width::Fixed(8)
                    {
                        return Ok(false);
                    }
                    self.buffer[at..at + 4].copy_from_slice(&v.to_le_bytes()[..4]);
                }
                (Param::Int(v), n @ 1..) => {
                    let n = n as usize;
                    self.buffer[at..at + n].copy_from_slice(&v.to_le_bytes()[..n]);
                }
                (Param::Bytes(b), 0) => {
                    if !wide && b.len() > u16::MAX as usize {
                        return Ok(false);
                    }
                    let n = length_bytes(wide);
                    let len = (b.len() as u32).to_le_bytes();
                    self.buffer[at..at + n].copy_from_slice(&len[..n]);
                    self.buffer.extend_from_slice(b);
                }
                (_, 0) => {}
                _ => absent |= 1 << index,
            }
        }
        self.finish(header, absent, wide)?;
        Ok(true)
    }

    /// Appends the absent mask and writes the header.
    #[inline]
    fn finish(&mut self, mut header: Header, absent: u64, wide: bool) -> Result<(), RecordError> {
        header.flags.0 &= !(HeaderFlags::ABSENT | HeaderFlags::WIDE | HeaderFlags::SCAP);
        if wide {
            header.flags.0 |= HeaderFlags::WIDE;
        }
        if absent != 0 {
            header.flags.0 |= HeaderFlags::ABSENT;
            self.buffer.extend_from_slice(&absent.to_le_bytes());
        }
        if self.buffer.len() > Header::MAX_LEN as usize {
            return Err(RecordError::Overrun(header.code.0));
        }
        header.len = self.buffer.len() as u32;
        header.write(&mut self.buffer);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{arg, code};

    fn header(code: EventCode) -> Header {
        let flags = HeaderFlags::default();
        Header { ts: 7, tid: 12, tgid: 11, len: 0, flags, code, cpu: 3 }
    }

    #[test]
    fn openat_round_trip() {
        use arg::syscall_openat_2_x as a;
        let mut builder = RecordBuilder::new();
        let params = [
            Param::Int(5),
            Param::Int(-100),
            Param::Bytes(b"/etc/passwd\0"),
            Param::Int(1),
            Param::Int(0o644),
        ];
        let bytes = builder.build(header(code::SYSCALL_OPENAT_2_X), &params).unwrap();
        let record = Record::parse(bytes).unwrap();
        assert_eq!(record.int(a::fd), Some(5));
        assert_eq!(record.int(a::dirfd), Some(-100));
        assert_eq!(record.text(a::name), Some(&b"/etc/passwd"[..]));
        assert_eq!(record.int(a::mode), Some(0o644));
        assert_eq!(record.int(a::ino), None);
        assert!(!record.has(a::dev) && record.has(a::name) && !record.has(99));
        assert_eq!((record.tid(), record.header().tgid, record.ts()), (12, 11, 7));
    }

    #[test]
    fn values_that_do_not_fit_take_the_wide_layout() {
        use arg::syscall_close_x as a;
        let mut builder = RecordBuilder::new();
        let big = 1 << 40;
        let bytes = builder
            .build(header(code::SYSCALL_CLOSE_X), &[Param::Int(0), Param::Int(big)])
            .unwrap();
        let record = Record::parse(bytes).unwrap();
        assert!(record.header().flags.has(HeaderFlags::WIDE));
        assert_eq!(record.int(a::fd), Some(big));
        let payload = vec![b'x'; 70_000];
        let params = [Param::Int(70_000), Param::Bytes(&payload)];
        let bytes = builder.build(header(code::SYSCALL_READ_X), &params).unwrap();
        assert_eq!(Record::parse(bytes).unwrap().bytes(1).unwrap().len(), 70_000);
    }

    /// An absent mask may name a variable-size parameter too, although the builder never does so.
    #[test]
    fn absent_bytes_are_absent_for_every_accessor() {
        let mut builder = RecordBuilder::new();
        let params = [Param::Int(3), Param::Bytes(b"abc"), Param::Int(4), Param::Absent];
        let mut bytes = builder.build(header(code::SYSCALL_READ_X), &params).unwrap().to_vec();
        let mask = bytes.len() - 8;
        assert_eq!(bytes[mask], 1 << 3);
        assert!(Record::parse(&bytes).unwrap().bytes(1).is_some());
        bytes[mask] |= 1 << 1;
        let record = Record::parse(&bytes).unwrap();
        assert_eq!((record.has(1), record.bytes(1), record.text(1)), (false, None, None));
    }

    /// The fast way and the careful way make the same record of the same values.
    #[test]
    fn wire_and_values_agree() {
        let big = (1i64 << 40).to_le_bytes();
        let long = vec![b'x'; 70_000];
        let minus = (-2i64).to_le_bytes();
        let seven = 7u32.to_le_bytes();
        let cases: &[(EventCode, &[&[u8]])] = &[
            (code::SYSCALL_CLOSE_X, &[&minus, &[3, 0, 0, 0, 0, 0, 0, 0]]),
            (code::SYSCALL_CLOSE_X, &[&minus, &big]),
            (code::SYSCALL_CLOSE_X, &[&[5, 0], &[]]),
            (code::SYSCALL_CLOSE_X, &[&[0xfe, 0xff], &seven]),
            (code::SYSCALL_CLOSE_X, &[]),
            (code::SYSCALL_READ_X, &[&big, b"abc", &minus, &seven]),
            (code::SYSCALL_READ_X, &[&big, &long, &minus, &seven]),
            (code::SYSCALL_OPENAT_2_X, &[&minus, &minus, b"/etc/passwd\0", &seven, &[]]),
            (code::SOCKET_SHUTDOWN_X, &[&minus, &minus, &[1]]),
        ];
        for (code, params) in cases {
            let (mut fast, mut careful) = (RecordBuilder::new(), RecordBuilder::new());
            let fast = fast.build_wire(header(*code), params.len(), |i| params[i]).unwrap();
            let def = code.def().unwrap();
            let values: Vec<Param<'_>> =
                params.iter().zip(def.params).map(|(p, d)| Param::from_wire(p, d.ty)).collect();
            assert_eq!(fast, careful.build(header(*code), &values).unwrap(), "{}", def.constant);
        }
    }

    #[test]
    fn every_cut_and_every_lie_is_refused() {
        let mut builder = RecordBuilder::new();
        let params = [Param::Int(3), Param::Bytes(b"abc"), Param::Int(4)];
        let good = builder.build(header(code::SYSCALL_READ_X), &params).unwrap().to_vec();
        for cut in 0..good.len() {
            assert!(Record::parse(&good[..cut]).is_err());
            let mut lie = good[..cut].to_vec();
            if cut >= HEADER_BYTES {
                lie[16..19].copy_from_slice(&(cut as u32).to_le_bytes()[..3]);
                assert!(Record::parse(&lie).is_err());
            }
        }
    }
}
