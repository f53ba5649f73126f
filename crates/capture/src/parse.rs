//! Takes an event block's body apart.

use crate::block::BlockType;
use crate::error::Problem;
use crate::event::Span;
use peregrine_event::event::{EventFlags, FALCO_CODES};
use peregrine_event::{EventCode, EventDef, ParamType, ScapLayout, table::code};

/// Bytes of an event header without the parameter count.
const SHORT_HEADER: usize = 22;
/// Bytes of an event header.
const HEADER: usize = 26;

/// The header of an event.
#[derive(Clone, Copy)]
pub(crate) struct Parsed {
    pub(crate) cpu: u16,
    pub(crate) flags: u32,
    pub(crate) ts: u64,
    pub(crate) tid: u64,
    pub(crate) code: EventCode,
}

#[inline]
fn read<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    read(bytes, at).map(u32::from_le_bytes)
}

/// Takes the body of an event block of the host's byte order apart. `Ok(None)` for an event type
/// that the schema does not have.
///
/// Bytes behind the event, such as pcapng options with comments, are ignored.
#[inline]
pub(crate) fn event(
    body: &[u8],
    has_flags: bool,
    has_count: bool,
    spans: &mut Vec<Span>,
) -> Result<Option<Parsed>, Problem> {
    let frame = if has_flags { 6 } else { 2 };
    let available = body.len().saturating_sub(frame) as u32;
    let header = if has_count { HEADER } else { SHORT_HEADER };
    let short = Problem::EventLength { len: header as u32, available };
    let event = body.get(frame..).ok_or(short)?;
    let Some(head) = event.first_chunk::<SHORT_HEADER>() else { return Err(short) };
    let cpu = read(body, 0).map_or(0, u16::from_le_bytes);
    let flags = if has_flags { u32_at(body, 2).unwrap_or(0) } else { 0 };
    let ts = read(head, 0).map_or(0, u64::from_le_bytes);
    let tid = read(head, 8).map_or(0, u64::from_le_bytes);
    let len = u32_at(head, 16).unwrap_or(0);
    let number = read(head, 20).map_or(0, u16::from_le_bytes);
    if number >= FALCO_CODES {
        return Ok(None);
    }
    let code = EventCode(number);
    let Some(def) = code.def() else { return Ok(None) };
    let impossible = Problem::EventLength { len, available };
    if has_count {
        if (len as usize) < HEADER {
            return Err(impossible);
        }
        let event = event.get(..len as usize).ok_or(impossible)?;
        let count = u32_at(event, SHORT_HEADER).ok_or(impossible)?;
        locate(event, def, count, frame, spans)?;
    } else {
        // The first writers counted three bytes too many for these two.
        let excess =
            if matches!(code, code::NOTIFICATION_E | code::INFRASTRUCTURE_EVENT_E) { 3 } else { 0 };
        let len = (len as usize).checked_sub(excess).ok_or(impossible)?;
        let event = event.get(..len).ok_or(impossible)?;
        count_and_locate(event, def, frame, spans)?;
    }
    Ok(Some(Parsed { cpu, flags, ts, tid, code }))
}

/// Bytes of a block in front of the lengths: type, size, processor and header.
pub(crate) const PLAIN_HEAD: usize = 8 + 2 + HEADER;

/// An event that was looked at where it lies.
pub(crate) struct Plain {
    pub(crate) head: Parsed,
    pub(crate) layout: &'static ScapLayout,
    /// Bytes of the block.
    pub(crate) total: usize,
    /// Bytes of lengths and values.
    pub(crate) len: usize,
}

/// Looks at the block of what nearly all events are, at the start of `bytes`: whole, of this
/// machine's byte order, without flags, in the current version of its type, with parameters of
/// full size. `None` for anything else and for damage; [`event`] finds out which.
#[inline]
pub(crate) fn plain(bytes: &[u8], limit: u32) -> Option<Plain> {
    // Type, size, then what `event` describes.
    let head = bytes.first_chunk::<PLAIN_HEAD>()?;
    let block = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let total = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if block != BlockType::EVENT_V2.0 || total > limit {
        return None;
    }
    let total = total as usize;
    let len = u32::from_le_bytes([head[26], head[27], head[28], head[29]]) as usize;
    let code = EventCode(u16::from_le_bytes([head[30], head[31]]));
    let count = u32::from_le_bytes([head[32], head[33], head[34], head[35]]) as usize;
    // The event ends before the second copy of the size.
    let body = bytes.get(PLAIN_HEAD..total)?;
    let available = len.checked_sub(HEADER)?;
    if available + 4 > body.len() {
        return None;
    }
    let layout = ScapLayout::of(code)?;
    let len = layout.check(count, body, available)?;
    let head = Parsed {
        cpu: u16::from_le_bytes([head[8], head[9]]),
        flags: 0,
        ts: read(head, 10).map_or(0, u64::from_le_bytes),
        tid: read(head, 18).map_or(0, u64::from_le_bytes),
        code,
    };
    Some(Plain { head, layout, total, len })
}

/// Finds the parameters of an event that says how many there are. `base` is the event's offset in
/// the body, which the spans count from.
#[inline]
fn locate(
    event: &[u8],
    def: &EventDef,
    count: u32,
    base: usize,
    spans: &mut Vec<Span>,
) -> Result<(), Problem> {
    let wide = def.flags.has(EventFlags::LARGE_PAYLOAD);
    let width = if wide { 4u64 } else { 2 };
    let bad = Problem::Parameters(count);
    let mut at = HEADER as u64 + u64::from(count) * width;
    if at > event.len() as u64 {
        return Err(bad);
    }
    let lens = &event[HEADER..at as usize];
    spans.clear();
    spans.resize(count as usize, Span::default());
    let mut start = at as usize + base;
    // At most a quarter of 2^24 lengths of 32 bits: the sum cannot overflow.
    if wide {
        for (span, len) in spans.iter_mut().zip(lens.chunks_exact(4)) {
            let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]);
            *span = Span { start: start as u32, len };
            start += len as usize;
        }
    } else {
        for (span, len) in spans.iter_mut().zip(lens.chunks_exact(2)) {
            let len = u32::from(u16::from_le_bytes([len[0], len[1]]));
            *span = Span { start: start as u32, len };
            start += len as usize;
        }
    }
    at = (start - base) as u64;
    if at > event.len() as u64 { Err(bad) } else { Ok(()) }
}

/// Finds the parameters of an event of the first format, which does not say how many there are:
/// the largest number not above the schema's with which the lengths add up to the event's.
fn count_and_locate(
    event: &[u8],
    def: &EventDef,
    base: usize,
    spans: &mut Vec<Span>,
) -> Result<(), Problem> {
    let lens = event.get(SHORT_HEADER..).ok_or(Problem::ParameterCount)?;
    for count in (0..=def.falco_params).rev() {
        let Some(lens) = lens.get(..count * 2) else { continue };
        spans.clear();
        let mut at = SHORT_HEADER + count * 2;
        for len in lens.chunks_exact(2) {
            let len = u32::from(u16::from_le_bytes([len[0], len[1]]));
            spans.push(Span { start: (at + base) as u32, len });
            at += len as usize;
        }
        match at.cmp(&event.len()) {
            std::cmp::Ordering::Equal => return Ok(()),
            std::cmp::Ordering::Less => return Err(Problem::ParameterCount),
            std::cmp::Ordering::Greater => {}
        }
    }
    Err(Problem::ParameterCount)
}

/// Turns the header and the lengths of a big-endian event body around, so that [`event`] can read
/// it. Numbers that reach beyond the body are left alone; `event` will refuse them.
pub(crate) fn swap_frame(body: &mut [u8], has_flags: bool, has_count: bool) {
    fn swap(body: &mut [u8], at: usize, n: usize) {
        if let Some(field) = body.get_mut(at..at + n) {
            field.reverse();
        }
    }
    swap(body, 0, 2);
    let mut at = 2;
    if has_flags {
        swap(body, 2, 4);
        at = 6;
    }
    for n in [8, 8, 4, 2] {
        swap(body, at, n);
        at += n;
    }
    let number = read(body, at - 2).map_or(u16::MAX, u16::from_le_bytes);
    let Some(def) = EventCode(number).def() else { return };
    let width = if def.flags.has(EventFlags::LARGE_PAYLOAD) { 4 } else { 2 };
    let mut count = def.falco_params;
    if has_count {
        swap(body, at, 4);
        count = u32_at(body, at).unwrap_or(0) as usize;
        at += 4;
    }
    // An event of the first format may have fewer lengths than the schema; turning more two-byte
    // words than there are lengths would spoil its data, so the data is read with the lengths that
    // add up, found by trying as the little-endian path does.
    if !has_count {
        count = old_count_swapped(body, at, def).unwrap_or(0);
    }
    for _ in 0..count {
        if at + width > body.len() {
            break;
        }
        swap(body, at, width);
        at += width;
    }
}

/// Number of parameters of a big-endian event of the first format whose lengths start at `at`.
fn old_count_swapped(body: &[u8], at: usize, def: &EventDef) -> Option<usize> {
    let event_start = at.checked_sub(SHORT_HEADER)?;
    let end = event_start + u32_at(body, event_start + 16)? as usize;
    (0..=def.falco_params).rev().find(|count| {
        let Some(lens) = body.get(at..at + count * 2) else { return false };
        let sum: usize =
            lens.chunks_exact(2).map(|l| usize::from(u16::from_be_bytes([l[0], l[1]]))).sum();
        at + count * 2 + sum == end
    })
}

/// Turns the parameters of a big-endian event around, by type.
pub(crate) fn swap_params(body: &mut [u8], spans: &[Span], def: &EventDef) {
    for (span, param) in spans.iter().zip(def.params) {
        let start = span.start as usize;
        if let Some(bytes) = body.get_mut(start..start + span.len as usize) {
            swap_param(bytes, param.ty, param.variants);
        }
    }
}

fn swap_param(bytes: &mut [u8], ty: ParamType, variants: &[peregrine_event::flags::Variant]) {
    fn swap(bytes: &mut [u8], at: usize, n: usize) {
        if let Some(field) = bytes.get_mut(at..at + n) {
            field.reverse();
        }
    }
    const UNIX: u8 = 1;
    const INET: u8 = 2;
    const INET6: u8 = 10;
    use peregrine_event::types::Width;
    match (ty, ty.scap_width()) {
        // Addresses are in network order on every machine.
        (ParamType::Ipv4Addr, _) => {}
        (_, Width::Fixed(_)) => bytes.reverse(),
        (ParamType::SockAddr, _) => match bytes.first() {
            Some(&INET) => swap(bytes, 5, 2),
            Some(&INET6) => swap(bytes, 17, 2),
            _ => {}
        },
        (ParamType::SockTuple, _) => match bytes.first() {
            Some(&INET) => [5, 11].into_iter().for_each(|at| swap(bytes, at, 2)),
            Some(&INET6) => [17, 35].into_iter().for_each(|at| swap(bytes, at, 2)),
            Some(&UNIX) => [1, 9].into_iter().for_each(|at| swap(bytes, at, 8)),
            _ => {}
        },
        (ParamType::FdList, _) => {
            swap(bytes, 0, 2);
            if let Some(list) = bytes.get_mut(2..) {
                for entry in list.chunks_exact_mut(10) {
                    swap(entry, 0, 8);
                    swap(entry, 8, 2);
                }
            }
        }
        (ParamType::Dyn, _) => {
            let Some((index, value)) = bytes.split_first_mut() else { return };
            if let Some(variant) = variants.get(*index as usize)
                && variant.0 != ParamType::Dyn
            {
                swap_param(value, variant.0, &[]);
            }
        }
        _ => {}
    }
}
