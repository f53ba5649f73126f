//! The compact record layout: where each parameter lies.
//!
//! ```text
//! header (24 bytes)
//!   u64 time stamp (ns) | u32 tid | u32 tgid | u24 length, u8 flags | u16 code | u16 cpu
//! fixed part
//!   fixed-size parameters, widest first (8, 4, 2, 1 bytes), each group in declaration order
//!   u16 length of each variable-size parameter, in declaration order
//! variable part
//!   the bytes of each variable-size parameter, in declaration order, no padding
//! u64 absent mask, only if the header says so: bit n = parameter n has no value
//! ```
//!
//! All numbers are little-endian. The length counts the whole record, header included.
//!
//! A third layout, of events that are looked at where they lie in a capture, is in [`crate::scap`].
//!
//! Two layouts exist per event. The *natural* one (design D1) is what the probe writes. The *wide*
//! one keeps Falco's widths (64-bit results, fds and pids) and 32-bit lengths; a transcoder falls
//! back to it for a record whose values do not fit the natural one, such as a fd of a hand-made
//! capture beyond 32 bits or a plugin payload of a megabyte.

use crate::event::{EventDef, MAX_PARAMS};
use crate::types::Width;

/// Bytes of the record header.
pub const HEADER_BYTES: usize = 24;

/// Most variable-size parameters of an event.
pub const MAX_VARIABLE: usize = 16;

/// Where one parameter lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Offset from the start of the record: of the value, or of its length if it is variable.
    pub offset: u16,
    /// Width of a fixed-size value in bytes; 0 for a variable-size one.
    pub width: u8,
    /// Number of variable-size parameters whose bytes lie before; `offset` of a fixed-size value
    /// does not count them. For a variable-size parameter, its position among those.
    pub ordinal: u8,
    /// A fixed-size value is a signed number.
    pub is_signed: bool,
}

impl Slot {
    /// A fixed-size value at the start of `bytes`, sign- or zero-extended to 64 bits.
    #[inline]
    pub(crate) fn read(self, bytes: &[u8]) -> Option<i64> {
        let is_signed = self.is_signed;
        Some(match self.width {
            8 => i64::from_le_bytes(*bytes.first_chunk::<8>()?),
            4 => {
                let value = u32::from_le_bytes(*bytes.first_chunk::<4>()?);
                if is_signed { i64::from(value as i32) } else { i64::from(value) }
            }
            2 => {
                let value = u16::from_le_bytes(*bytes.first_chunk::<2>()?);
                if is_signed { i64::from(value as i16) } else { i64::from(value) }
            }
            1 => {
                let value = *bytes.first()?;
                if is_signed { i64::from(value as i8) } else { i64::from(value) }
            }
            _ => return None,
        })
    }
}

/// Where a variable-size parameter lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Offset of its length.
    pub length_at: u16,
    /// Offset of its bytes, not counting those of earlier variable-size parameters.
    pub start: u16,
    /// It is text.
    pub is_text: bool,
}

/// The layout of one event type.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The event type.
    pub def: &'static EventDef,
    /// One slot per parameter.
    pub slots: [Slot; MAX_PARAMS],
    /// The variable-size parameters, in declaration order.
    pub variables: [Variable; MAX_VARIABLE],
    /// Bytes up to the end of the fixed part, header included.
    pub fixed_bytes: u16,
    /// Offset of the first variable-size parameter's length.
    pub lengths_offset: u16,
    /// Number of variable-size parameters.
    pub variable_count: u8,
    /// Number of parameters.
    pub count: u8,
}

impl Layout {
    pub(crate) const fn empty(def: &'static EventDef, count: usize) -> Self {
        Self {
            def,
            slots: [Slot { offset: 0, width: 0, ordinal: 0, is_signed: false }; MAX_PARAMS],
            variables: [Variable { length_at: 0, start: 0, is_text: false }; MAX_VARIABLE],
            fixed_bytes: 0,
            lengths_offset: 0,
            variable_count: 0,
            count: count as u8,
        }
    }

    /// Computes the layout of an event.
    pub const fn of(def: &'static EventDef, wide: bool) -> Self {
        let mut layout = Self::empty(def, def.params.len());
        let mut offset = HEADER_BYTES as u16;
        let widths = [8u8, 4, 2, 1];
        let mut w = 0;
        while w < widths.len() {
            let mut i = 0;
            while i < def.params.len() {
                if let Width::Fixed(bytes) = def.params[i].width(wide)
                    && bytes == widths[w]
                {
                    let is_signed = def.params[i].ty.is_signed();
                    layout.slots[i] = Slot { offset, width: bytes, ordinal: 0, is_signed };
                    offset += bytes as u16;
                }
                i += 1;
            }
            w += 1;
        }
        layout.lengths_offset = offset;
        let mut count = 0;
        let mut i = 0;
        while i < def.params.len() {
            if let Width::Variable = def.params[i].width(wide) {
                let ordinal = count as u8;
                layout.slots[i] = Slot { offset, width: 0, ordinal, is_signed: false };
                let is_text = def.params[i].ty.is_text();
                layout.variables[count] = Variable { length_at: offset, start: 0, is_text };
                count += 1;
                offset += length_bytes(wide) as u16;
            }
            i += 1;
        }
        let mut i = 0;
        while i < count {
            layout.variables[i].start = offset;
            i += 1;
        }
        layout.variable_count = count as u8;
        layout.fixed_bytes = offset;
        layout
    }

    /// The layout of an event, computed at compile time.
    #[inline]
    pub fn get(index: usize, wide: bool) -> &'static Layout {
        if wide { &WIDE[index] } else { &NATURAL[index] }
    }
}

/// Bytes of a variable-size parameter's length.
pub const fn length_bytes(wide: bool) -> usize {
    if wide { 4 } else { 2 }
}

const COUNT: usize = crate::table::EVENTS.len();

const fn layouts(wide: bool) -> [Layout; COUNT] {
    let mut all = [Layout::empty(&crate::table::EVENTS[0], 0); COUNT];
    let mut i = 0;
    while i < COUNT {
        all[i] = Layout::of(&crate::table::EVENTS[i], wide);
        i += 1;
    }
    all
}

static NATURAL: [Layout; COUNT] = layouts(false);
static WIDE: [Layout; COUNT] = layouts(true);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::code;

    fn fixed(code: crate::EventCode) -> usize {
        Layout::of(code.def().unwrap(), false).fixed_bytes as usize
    }

    #[test]
    fn sizes_meet_the_design() {
        assert!(fixed(code::SYSCALL_OPENAT_2_X) <= 56, "openat");
        assert!(fixed(code::SYSCALL_CLOSE_X) <= 32, "close");
    }

    #[test]
    fn slots_never_overlap() {
        for (index, def) in crate::table::EVENTS.iter().enumerate() {
            for wide in [false, true] {
                let layout = Layout::get(index, wide);
                let mut used = vec![false; layout.fixed_bytes as usize];
                for slot in &layout.slots[..def.params.len()] {
                    let bytes =
                        if slot.width == 0 { length_bytes(wide) } else { slot.width as usize };
                    for b in &mut used[slot.offset as usize..slot.offset as usize + bytes] {
                        assert!(!*b, "{}", def.constant);
                        *b = true;
                    }
                }
                assert!(used[HEADER_BYTES..].iter().all(|b| *b), "{} has a hole", def.constant);
            }
        }
    }
}
