//! From events of a capture to compact records.
//!
//! A record is an event that rules see. Three kinds of events never get that far: old enter events,
//! which the [`Converter`] folds into their exit events; event types that no longer exist; and the
//! enter events that today's Falco still records, to know what the caller asked for before another
//! thread could change it. Falco numbers the last kind (`evt.num` has gaps there), so they are
//! numbered here too.
//!
//! What the exit event of `open`, `openat`, `openat2`, `creat` and `connect` claims is overridden
//! by the remembered enter event, as in Falco, with one difference: there the override only reaches
//! the file descriptor, here it is in the record.

use crate::convert::{Converted, Converter, MAX_PARAMS};
use crate::error::Error;
use crate::event::{OwnedEvent, RawEvent};
use peregrine_event::record::Param;
use peregrine_event::types::Width;
use peregrine_event::{EventCode, Header, HeaderFlags, ParamType, RecordBuilder, arg, code};
use rustc_hash::FxHashMap;

/// Most threads whose enter event is kept.
const MAX_KEPT: usize = 1 << 18;
/// Flag of an event block: the event is only there for the state it carries.
const STATE_ONLY: u32 = 1;
/// Flags from this bit on are added by the kernel side at exit (`O_F_CREATED` and above).
const FIRST_ADDED_FLAG: i64 = 1 << 14;

/// What became of an event.
#[derive(Debug, Clone, Copy)]
pub enum Transcoded<'a> {
    /// Swallowed by the conversion; it has no number.
    Dropped,
    /// Counted, but only of use for a later event.
    Consumed {
        /// Its `evt.num`.
        number: u64,
    },
    /// An event for the state, and mostly for rules.
    Record {
        /// Its `evt.num`.
        number: u64,
        /// Rules see it. They do not see the users, groups and containers that a capture starts
        /// with, nor events whose flags say that they are only there for the state.
        is_for_rules: bool,
        /// Bytes of the record, see [`peregrine_event::Record::parse`].
        bytes: &'a [u8],
    },
}

/// Turns events of any version into records, and numbers them.
#[derive(Debug, Default)]
pub struct Transcoder {
    converter: Converter,
    builder: RecordBuilder,
    kept: FxHashMap<u64, OwnedEvent>,
    number: u64,
    /// Other events than those of the initial state were seen in this section.
    has_begun: bool,
}

/// Enter events that are kept for their exit event, and not delivered.
fn is_kept(code: EventCode) -> bool {
    matches!(
        code,
        code::SYSCALL_OPEN_E
            | code::SYSCALL_OPENAT_2_E
            | code::SYSCALL_OPENAT2_E
            | code::SYSCALL_CREAT_E
            | code::SOCKET_CONNECT_E
            | code::SYSCALL_EXECVE_19_E
            | code::SYSCALL_EXECVEAT_E
    )
}

/// Events that, at the start of a section, only tell what was there before.
fn is_initial_state(code: EventCode) -> bool {
    matches!(
        code,
        code::CONTAINER_JSON_2_E
            | code::USER_ADDED_E
            | code::USER_DELETED_E
            | code::GROUP_ADDED_E
            | code::GROUP_DELETED_E
            | code::ASYNCEVENT_E
    )
}

/// Exit events that an enter event may override.
fn is_overridable(code: EventCode) -> bool {
    matches!(
        code,
        code::SYSCALL_OPEN_X
            | code::SYSCALL_OPENAT_2_X
            | code::SYSCALL_OPENAT2_X
            | code::SYSCALL_CREAT_X
            | code::SOCKET_CONNECT_X
    )
}

impl Transcoder {
    /// A transcoder at the start of a capture; the first event gets number 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets remembered events, as at the start of a later section. Numbers go on.
    pub fn start_section(&mut self) {
        self.converter.clear();
        self.kept.clear();
        self.has_begun = false;
    }

    /// Number of the last event.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Transcodes one event. `tgid` goes into the record's header; 0 if the caller does not know
    /// the thread group.
    ///
    /// # Errors
    /// [`Error::Convert`] or [`Error::Record`], for an event that no writer has made. The event
    /// has no number then, and the next one can be transcoded.
    pub fn transcode(&mut self, raw: &RawEvent<'_>, tgid: u32) -> Result<Transcoded<'_>, Error> {
        let Some(event) = self.converter.convert(raw)? else {
            self.has_begun = true;
            return Ok(Transcoded::Dropped);
        };
        let code = event.code;
        self.has_begun |= !is_initial_state(code);
        let is_for_rules = self.has_begun && raw.flags & STATE_ONLY == 0;
        if code.is_enter() && code != code::SCHEDSWITCH_6_E {
            if is_kept(code) {
                self.number += 1;
                keep(&mut self.kept, raw, &event);
                return Ok(Transcoded::Consumed { number: self.number });
            }
            if !self.kept.is_empty() {
                self.kept.remove(&raw.tid);
            }
        }
        let header = Header {
            ts: raw.ts,
            tid: raw.tid as u32,
            tgid,
            len: 0,
            flags: HeaderFlags::default(),
            code,
            cpu: raw.cpu,
        };
        let mut params = [Param::Absent; MAX_PARAMS];
        let count = decode(&event, &mut params);
        let bytes = if is_overridable(code)
            && let Some(enter) = self.kept.get(&raw.tid)
            && enter.code.0 + 1 == code.0
        {
            let enter = enter.view();
            let tuple = connect_tuple(code, &params, &enter);
            apply_enter(code, &mut params, &enter);
            if let Some(tuple) = &tuple {
                params[arg::socket_connect_x::tuple] = Param::Bytes(tuple);
            }
            self.builder.build(header, &params[..count])?
        } else {
            self.builder.build(header, &params[..count])?
        };
        self.number += 1;
        Ok(Transcoded::Record { number: self.number, is_for_rules, bytes })
    }
}

fn keep(kept: &mut FxHashMap<u64, OwnedEvent>, raw: &RawEvent<'_>, event: &Converted<'_>) {
    if kept.len() >= MAX_KEPT && !kept.contains_key(&raw.tid) {
        kept.clear();
    }
    let slot = kept.entry(raw.tid).or_default();
    (slot.cpu, slot.flags, slot.ts, slot.tid) = (raw.cpu, raw.flags, raw.ts, raw.tid);
    slot.code = event.code;
    slot.clear();
    event.params().for_each(|param| slot.push(param));
}

/// Decodes all parameters by their types; returns how many there are.
#[inline]
fn decode<'a>(event: &'a Converted<'_>, out: &mut [Param<'a>; MAX_PARAMS]) -> usize {
    let def = event.def();
    let count = event.param_count().min(def.falco_params).min(MAX_PARAMS);
    for (index, (slot, param)) in out.iter_mut().zip(def.params).take(count).enumerate() {
        let bytes = event.param(index).unwrap_or_default();
        if bytes.is_empty() {
            continue;
        }
        *slot = match param.ty.scap_width() {
            Width::Fixed(width) => Param::Int(integer(bytes, width, param.ty)),
            Width::Variable => Param::Bytes(bytes),
        };
    }
    count
}

/// A number of the capture's width, extended as its type demands. Values of another length than
/// the type's, as some old writers made them, are taken for what they hold.
#[inline]
fn integer(bytes: &[u8], width: u8, ty: ParamType) -> i64 {
    let len = bytes.len().min(usize::from(width)).min(8);
    let mut value = [0u8; 8];
    value[..len].copy_from_slice(&bytes[..len]);
    let value = u64::from_le_bytes(value);
    if ty.is_signed() && len < 8 {
        let shift = 64 - 8 * len as u32;
        ((value << shift) as i64) >> shift
    } else {
        value as i64
    }
}

fn text_of<'a>(enter: &RawEvent<'a>, index: usize) -> Option<&'a [u8]> {
    let bytes = enter.param(index)?;
    (!bytes.is_empty() && bytes != b"<NA>\0").then_some(bytes)
}

fn int_of(enter: &RawEvent<'_>, index: usize) -> Option<i64> {
    let bytes = enter.param(index)?;
    let ty = enter.def().params.get(index)?.ty;
    let Width::Fixed(width) = ty.scap_width() else { return None };
    (!bytes.is_empty()).then(|| integer(bytes, width, ty))
}

/// Lets an enter event override what its exit event says the caller asked for.
fn apply_enter<'a>(code: EventCode, params: &mut [Param<'a>; MAX_PARAMS], enter: &RawEvent<'a>) {
    use arg::{syscall_open_e as open_e, syscall_open_x as open_x};
    use arg::{syscall_openat_2_e as openat_e, syscall_openat_2_x as openat_x};
    let succeeded = matches!(params[0], Param::Int(fd) if fd >= 0);
    let flags = |exit: Param<'_>, enter: i64| {
        let added = match exit {
            Param::Int(flags) => flags & -FIRST_ADDED_FLAG,
            _ => 0,
        };
        Param::Int(enter | added)
    };
    match code {
        code::SYSCALL_OPEN_X if succeeded => {
            if let Some(name) = text_of(enter, open_e::name) {
                params[open_x::name] = Param::Bytes(name);
                let asked = int_of(enter, open_e::flags).unwrap_or(0);
                params[open_x::flags] = flags(params[open_x::flags], asked);
            }
        }
        // The two agree on the place of dirfd, name and flags.
        code::SYSCALL_OPENAT_2_X | code::SYSCALL_OPENAT2_X if succeeded => {
            if let Some(name) = text_of(enter, openat_e::name) {
                params[openat_x::name] = Param::Bytes(name);
                let asked = int_of(enter, openat_e::flags).unwrap_or(0);
                params[openat_x::flags] = flags(params[openat_x::flags], asked);
                if let Some(dirfd) = int_of(enter, openat_e::dirfd) {
                    params[openat_x::dirfd] = Param::Int(dirfd);
                }
            }
        }
        code::SYSCALL_CREAT_X if succeeded => {
            if let Some(name) = text_of(enter, arg::syscall_creat_e::name) {
                params[arg::syscall_creat_x::name] = Param::Bytes(name);
            }
        }
        // Without a tuple, the address asked for is all there is.
        code::SOCKET_CONNECT_X => {
            let (tuple, addr) = (arg::socket_connect_x::tuple, arg::socket_connect_x::addr);
            if params[tuple] == Param::Absent
                && let Some(asked) = enter.param(arg::socket_connect_e::addr)
                && !asked.is_empty()
            {
                params[addr] = Param::Bytes(asked);
            }
        }
        _ => {}
    }
}

/// The tuple of a `connect` whose address was changed while the kernel looked at it: where the
/// destination in the tuple is the address that the exit event read again, it was read too late,
/// and the one from the entry takes its place. A destination that differs from what the exit event
/// read comes from the kernel's socket and is right. `None`: the tuple can stay.
fn connect_tuple(
    code: EventCode,
    params: &[Param<'_>; MAX_PARAMS],
    enter: &RawEvent<'_>,
) -> Option<Vec<u8>> {
    use arg::socket_connect_x as connect;
    const UNIX: u8 = 1;
    const INET: u8 = 2;
    const INET6: u8 = 10;
    if code != code::SOCKET_CONNECT_X {
        return None;
    }
    let (Param::Bytes(tuple), Param::Bytes(read)) = (params[connect::tuple], params[connect::addr])
    else {
        return None;
    };
    let asked = enter.param(arg::socket_connect_e::addr)?;
    let family = *tuple.first()?;
    let at = match family {
        INET => 7,
        INET6 => 19,
        UNIX => 17,
        _ => return None,
    };
    let same_family = read.first() == Some(&family) && asked.first() == Some(&family);
    let dest = tuple.get(at..)?;
    if !same_family || dest != &read[1..] || dest == &asked[1..] {
        return None;
    }
    if family != UNIX && asked.len() - 1 != dest.len() {
        return None;
    }
    Some([&tuple[..at], &asked[1..]].concat())
}
