//! Events of a capture, looked at where they lie.
//!
//! A capture has the parameters of an event behind their lengths:
//!
//! ```text
//! u16 length of each parameter | the bytes of each parameter, both in declaration order
//! ```
//!
//! Where the type is in its current version and every fixed-size parameter has its full size, a
//! [`Record`](crate::Record) can look at these bytes as they are: the lengths of the fixed-size
//! parameters are compared with what they must be, eight bytes at a time, and nothing is copied.
//! [`ScapLayout::check`] refuses everything else, for [`RecordBuilder`](crate::RecordBuilder) to
//! encode.

use crate::event::{EventCode, EventDef, EventFlags, FALCO_CODES};
use crate::layout::{Layout, MAX_VARIABLE, Slot, Variable};
use crate::record::NO_TEXT;
use crate::types::Width;

/// Words that the lengths of the most parameters take, eight bytes each.
const WORDS: usize = 8;

/// How events of a type lie in a capture. Offsets count from the first length.
#[derive(Debug, Clone, Copy)]
pub struct ScapLayout {
    pub(crate) layout: Layout,
    /// What the lengths of the fixed-size parameters must be; those of the others are masked.
    expected: [u64; WORDS],
    mask: [u64; WORDS],
    words: u8,
}

/// Where the parameters of an event begin and end is known, and that none is missing.
#[derive(Debug, Clone, Copy)]
pub struct ScapParams<'a> {
    pub(crate) layout: &'static ScapLayout,
    pub(crate) bytes: &'a [u8],
}

impl ScapLayout {
    const fn new(def: &'static EventDef) -> Self {
        let mut layout = Layout::empty(def, def.falco_params);
        let mut offset = 2 * def.falco_params as u16;
        let (mut expected, mut mask) = ([0; WORDS], [0; WORDS]);
        let mut count = 0;
        let mut i = 0;
        while i < def.falco_params {
            let ordinal = count as u8;
            let ty = def.params[i].ty;
            let length_at = 2 * i as u16;
            match ty.scap_width() {
                Width::Fixed(width) => {
                    layout.slots[i] = Slot { offset, width, ordinal, is_signed: ty.is_signed() };
                    offset += width as u16;
                    expected[i / 4] |= (width as u64) << (i % 4 * 16);
                    mask[i / 4] |= 0xffff << (i % 4 * 16);
                }
                Width::Variable => {
                    let is_signed = false;
                    layout.slots[i] = Slot { offset: length_at, width: 0, ordinal, is_signed };
                    layout.variables[count] =
                        Variable { length_at, start: offset, is_text: ty.is_text() };
                    count += 1;
                }
            }
            i += 1;
        }
        layout.variable_count = count as u8;
        layout.fixed_bytes = offset;
        let words = def.falco_params.div_ceil(4) as u8;
        Self { layout, expected, mask, words }
    }

    /// The layout of an event type; `None` for one that captures do not have, or whose lengths
    /// take more than 16 bits.
    #[inline]
    pub fn of(code: EventCode) -> Option<&'static Self> {
        let layout = SCAP.get(code.0 as usize)?;
        (!layout.layout.def.flags.has(EventFlags::LARGE_PAYLOAD)).then_some(layout)
    }

    /// The declaration of the event type.
    #[inline]
    pub fn def(&self) -> &'static EventDef {
        self.layout.def
    }

    /// Whether `count` parameters, the first length of which is at the start of `bytes`, can be
    /// looked at as they lie there. Gives how many bytes lengths and values take, at most
    /// `available`; `bytes` may be longer.
    #[inline]
    pub fn check(&self, count: usize, bytes: &[u8], available: usize) -> Option<usize> {
        if count != usize::from(self.layout.count) {
            return None;
        }
        let mut at = 0;
        while at < usize::from(self.words).min(WORDS) {
            let word = match bytes.get(at * 8..).and_then(|rest| rest.first_chunk::<8>()) {
                Some(word) => u64::from_le_bytes(*word),
                None => last_word(bytes, at * 8),
            };
            if word & self.mask[at] != self.expected[at] {
                return None;
            }
            at += 1;
        }
        let mut end = usize::from(self.layout.fixed_bytes);
        let mut ordinal = 0;
        let mut before = 0;
        while ordinal < usize::from(self.layout.variable_count).min(MAX_VARIABLE) {
            let variable = &self.layout.variables[ordinal];
            let len = length(bytes, variable.length_at);
            if variable.is_text && len == NO_TEXT.len() {
                let start = usize::from(variable.start) + before;
                if bytes.get(start..).is_some_and(|text| text.starts_with(NO_TEXT)) {
                    return None;
                }
            }
            before += len;
            ordinal += 1;
        }
        end += before;
        (end <= available && end <= bytes.len()).then_some(end)
    }

    /// The parameters in `bytes`, which [`Self::check`] said to be as long as they are. Bytes that
    /// it was not asked about give wrong values, or none.
    #[inline]
    pub fn params<'a>(&'static self, bytes: &'a [u8]) -> ScapParams<'a> {
        ScapParams { layout: self, bytes }
    }
}

/// A word at the end of the bytes, as if zeroes followed.
#[cold]
fn last_word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    let rest = bytes.get(at..).unwrap_or_default();
    word[..rest.len().min(8)].copy_from_slice(&rest[..rest.len().min(8)]);
    u64::from_le_bytes(word)
}

#[inline]
fn length(bytes: &[u8], at: u16) -> usize {
    let len = bytes.get(usize::from(at)..).and_then(|rest| rest.first_chunk::<2>());
    len.map_or(0, |len| usize::from(u16::from_le_bytes(*len)))
}

impl<'a> ScapParams<'a> {
    /// Number of parameters.
    #[inline]
    pub fn count(&self) -> usize {
        usize::from(self.layout.layout.count)
    }

    /// The declaration of the event type.
    #[inline]
    pub fn def(&self) -> &'static EventDef {
        self.layout.layout.def
    }

    /// The bytes of a parameter; `None` beyond the last one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let layout = &self.layout.layout;
        if index >= self.count() {
            return None;
        }
        let slot = layout.slots[index];
        let before = layout.variables.iter().take(usize::from(slot.ordinal));
        let before: usize = before.map(|variable| length(self.bytes, variable.length_at)).sum();
        let (start, len) = match slot.width {
            0 => {
                let variable = layout.variables.get(usize::from(slot.ordinal))?;
                (variable.start, length(self.bytes, variable.length_at))
            }
            width => (slot.offset, usize::from(width)),
        };
        let start = usize::from(start) + before;
        self.bytes.get(start..start + len)
    }
}

const COUNT: usize = FALCO_CODES as usize;

static SCAP: [ScapLayout; COUNT] = {
    let mut all = [ScapLayout::new(&crate::table::EVENTS[0]); COUNT];
    let mut i = 0;
    while i < COUNT {
        all[i] = ScapLayout::new(&crate::table::EVENTS[i]);
        i += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::MAX_PARAMS;
    use crate::record::{Header, HeaderFlags, Record, RecordBuilder};
    use crate::table::{EVENTS, arg, code};

    fn header(code: EventCode) -> Header {
        let flags = HeaderFlags::default();
        Header { ts: 7, tid: 12, tgid: 0, len: 0, flags, code, cpu: 3 }
    }

    fn lay(params: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for param in params {
            bytes.extend_from_slice(&(param.len() as u16).to_le_bytes());
        }
        params.iter().for_each(|param| bytes.extend_from_slice(param));
        bytes
    }

    /// Values of the full size for every parameter of a type.
    fn values(def: &EventDef) -> Vec<Vec<u8>> {
        let value = |(index, param): (usize, &crate::ParamDef)| match param.ty.scap_width() {
            Width::Fixed(width) => vec![(index as u8) | 0x80; usize::from(width)],
            Width::Variable => format!("text {index}").repeat(index % 3).into_bytes(),
        };
        def.falco().iter().enumerate().map(value).collect()
    }

    fn looked_at<'a>(code: EventCode, count: usize, bytes: &'a [u8]) -> Option<Record<'a>> {
        let layout = ScapLayout::of(code)?;
        let len = layout.check(count, bytes, bytes.len())?;
        Some(Record::of_capture(header(code), layout.params(&bytes[..len])))
    }

    fn assert_same(seen: &Record<'_>, built: &Record<'_>) {
        let name = seen.def().constant;
        assert_eq!((seen.code(), seen.tid(), seen.ts()), (built.code(), built.tid(), built.ts()));
        for index in 0..MAX_PARAMS {
            assert_eq!(seen.has(index), built.has(index), "{name} {index}");
            assert_eq!(seen.int(index), built.int(index), "{name} {index}");
            assert_eq!(seen.bytes(index), built.bytes(index), "{name} {index}");
            assert_eq!(seen.text(index), built.text(index), "{name} {index}");
        }
    }

    /// Every type looks the same in a capture, in a record made of it, and in a copy.
    #[test]
    fn a_look_and_an_encoded_record_agree() {
        let mut seen_types = 0;
        for def in &EVENTS[..COUNT] {
            let values = values(def);
            let params: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            let bytes = lay(&params);
            let Some(seen) = looked_at(def.code, params.len(), &bytes) else { continue };
            let mut builder = RecordBuilder::new();
            let built = builder.build_wire(header(def.code), params.len(), |i| params[i]).unwrap();
            assert_same(&seen, &Record::parse(built).unwrap());
            let mut copy = Vec::new();
            seen.write_to(&mut copy);
            assert_same(&seen, &Record::parse(&copy).unwrap());
            let look = ScapLayout::of(def.code).unwrap().params(&bytes);
            for (index, param) in params.iter().enumerate() {
                assert_eq!(look.get(index), Some(*param), "{}", def.constant);
            }
            assert_eq!(look.get(params.len()), None);
            seen_types += 1;
        }
        assert!(seen_types > 400, "{seen_types}");
    }

    /// What is not whole is not looked at, whatever is wrong with it.
    #[test]
    fn what_is_missing_is_seen() {
        let (eight, four) = ([1u8; 8], [2u8; 4]);
        let openat: [&[u8]; 8] =
            [&eight, &eight, b"/etc/passwd\0", &four, &four, &four, &eight, &eight];
        let code = code::SYSCALL_OPENAT_2_X;
        let count = code.def().unwrap().falco_params;
        let params = &openat[..count];
        let bytes = lay(params);
        assert!(looked_at(code, count, &bytes).is_some());
        assert!(looked_at(code, count - 1, &bytes).is_none());
        assert!(looked_at(code, count + 1, &bytes).is_none());
        for cut in 0..bytes.len() {
            assert!(looked_at(code, count, &bytes[..cut]).is_none(), "{cut}");
        }
        for index in 0..count {
            let mut other = params.to_vec();
            other[index] = b"(NULL)\0";
            // As long as no number is, and no text that is there.
            assert!(looked_at(code, count, &lay(&other)).is_none(), "{index}");
            other[index] = &[];
            let is_name = index == arg::syscall_openat_2_x::name;
            assert_eq!(looked_at(code, count, &lay(&other)).is_some(), is_name, "{index}");
        }
    }

    /// A copy that was tampered with is refused or read, never more.
    #[test]
    fn copies_are_checked() {
        let code = code::SYSCALL_READ_X;
        let (eight, four) = ([1u8; 8], [2u8; 4]);
        let bytes = lay(&[&eight, b"some data", &eight, &four]);
        let mut copy = Vec::new();
        looked_at(code, 4, &bytes).unwrap().write_to(&mut copy);
        for cut in 0..copy.len() {
            let mut short = copy[..cut].to_vec();
            if cut >= 24 {
                short[16..19].copy_from_slice(&(cut as u32).to_le_bytes()[..3]);
            }
            assert!(Record::parse(&short).is_err(), "{cut}");
        }
        for at in 0..copy.len() {
            for bit in 0..8 {
                let mut other = copy.clone();
                other[at] ^= 1 << bit;
                if let Ok(record) = Record::parse(&other) {
                    for index in 0..MAX_PARAMS {
                        let _ = (record.has(index), record.int(index), record.text(index));
                    }
                }
            }
        }
    }
}
