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

use crate::convert::{Converted, Converter, MAX_PARAMS, Need, is_current, need};
use crate::enters::{Enter, Enters};
use crate::error::Error;
use crate::event::{OwnedEvent, Params, RawEvent};
use crate::toctou::{self, is_overridable};
use peregrine_event::event::FALCO_CODES;
use peregrine_event::record::Param;
use peregrine_event::table::EVENTS;
use peregrine_event::{EventCode, EventDef, Header, HeaderFlags, Record, RecordBuilder, arg, code};

/// Flag of an event block: the event is only there for the state it carries.
const STATE_ONLY: u32 = 1;

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
        /// The record.
        record: Record<'a>,
    },
}

/// An event for the state, and mostly for rules, see [`Transcoded::Record`].
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Numbered<'a> {
    pub number: u64,
    pub is_for_rules: bool,
    pub record: Record<'a>,
}

/// Turns events of any version into records, and numbers them.
#[derive(Debug, Default)]
pub struct Transcoder {
    converter: Converter,
    builder: RecordBuilder,
    kept: Enters,
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

/// Enter events that the state keeps itself: what an exec was asked to run is needed together with
/// the directories of the process, where its exit event does not say it.
fn is_for_state(code: EventCode) -> bool {
    matches!(code, code::SYSCALL_EXECVE_19_E | code::SYSCALL_EXECVEAT_E)
}

/// Events that, at the start of a section, only tell what was there before.
const fn is_initial_state(code: EventCode) -> bool {
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

/// What is known of an event type before an event of it comes.
#[derive(Debug, Clone, Copy)]
struct Traits(u8);

impl Traits {
    /// With all its parameters it is an event of today, and delivered.
    const DIRECT: u8 = 1;
    const OVERRIDABLE: u8 = 2;
    /// Its thread does not come back to an enter event.
    const FORGETS: u8 = 4;
    const INITIAL: u8 = 8;

    #[inline]
    fn of(code: EventCode) -> Self {
        TRAITS.get(usize::from(code.0)).copied().unwrap_or(Self(0))
    }

    #[inline]
    const fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    const fn new(def: &EventDef) -> Self {
        let code = def.code;
        let mut bits = 0;
        if matches!(need(def, def.falco_params), Need::No) {
            bits |= Self::DIRECT;
        }
        if is_overridable(code) {
            bits |= Self::OVERRIDABLE;
        }
        if forgets(code) {
            bits |= Self::FORGETS;
        }
        if is_initial_state(code) {
            bits |= Self::INITIAL;
        }
        Self(bits)
    }
}

static TRAITS: [Traits; FALCO_CODES as usize] = {
    let mut all = [Traits(0); FALCO_CODES as usize];
    let mut i = 0;
    while i < all.len() {
        all[i] = Traits::new(&EVENTS[i]);
        i += 1;
    }
    all
};

/// A thread that does something else, or has ended, will not come back to its enter event.
const fn forgets(code: EventCode) -> bool {
    code.is_enter() && code.0 != code::SCHEDSWITCH_6_E.0
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

    /// The enter event of a thread that was counted and is kept for its exit event, in its current
    /// version.
    pub fn kept_enter(&self, tid: u64) -> Option<&OwnedEvent> {
        self.kept.get(tid).map(|enter| &enter.event)
    }

    /// Transcodes one event. `tgid` goes into the record's header; 0 if the caller does not know
    /// the thread group.
    ///
    /// # Errors
    /// [`Error::Convert`] or [`Error::Record`], for an event that no writer has made. The event
    /// has no number then, and the next one can be transcoded.
    #[inline]
    pub fn transcode<'a>(
        &'a mut self,
        raw: &RawEvent<'a>,
        tgid: u32,
    ) -> Result<Transcoded<'a>, Error> {
        match self.transcode_plain(raw, tgid) {
            Some(Numbered { number, is_for_rules, record }) => {
                Ok(Transcoded::Record { number, is_for_rules, record })
            }
            None => self.encode(raw, tgid),
        }
    }

    /// Transcodes an event that needs nothing but a number: one in its current version that no
    /// remembered event has anything to say about. `None` for all others, which have no number
    /// yet: [`Self::transcode`] takes them.
    #[inline]
    pub fn transcode_plain<'a>(&mut self, raw: &RawEvent<'a>, tgid: u32) -> Option<Numbered<'a>> {
        let Params::Current(params) = raw.params else { return None };
        let traits = Traits::of(raw.code);
        if traits.0 != Traits::DIRECT && !self.is_plain(raw, traits) {
            return None;
        }
        self.has_begun |= !traits.has(Traits::INITIAL);
        self.number += 1;
        Some(Numbered {
            number: self.number,
            is_for_rules: self.has_begun && raw.flags & STATE_ONLY == 0,
            record: Record::of_capture(header(raw, raw.code, tgid), params),
        })
    }

    /// For the types that have more than one trait.
    #[inline(never)]
    fn is_plain(&mut self, raw: &RawEvent<'_>, traits: Traits) -> bool {
        let is_overridden = traits.has(Traits::OVERRIDABLE) && self.enter_of(raw).is_some();
        if !traits.has(Traits::DIRECT) || is_overridden {
            return false;
        }
        if traits.has(Traits::FORGETS) {
            self.forget(raw.tid, raw.code);
        }
        true
    }

    /// Encodes an event that cannot be looked at where it lies.
    #[inline(never)]
    fn encode<'a>(&'a mut self, raw: &RawEvent<'a>, tgid: u32) -> Result<Transcoded<'a>, Error> {
        if is_current(raw) && !(is_overridable(raw.code) && self.enter_of(raw).is_some()) {
            self.forget(raw.tid, raw.code);
            let count = raw.param_count().min(raw.def().falco_params);
            let header = header(raw, raw.code, tgid);
            self.builder.build_wire(header, count, |index| raw.param(index).unwrap_or_default())?;
            return self.built(raw, raw.code);
        }
        let Some(event) = self.converter.convert(raw)? else {
            self.has_begun = true;
            return Ok(Transcoded::Dropped);
        };
        let code = event.code;
        if is_kept(code) && !is_for_state(code) {
            self.has_begun = true;
            self.number += 1;
            self.kept.put(raw, &event);
            return Ok(Transcoded::Consumed { number: self.number });
        }
        if forgets(code) {
            self.kept.remove(raw.tid);
        }
        let mut params = [Param::Absent; MAX_PARAMS];
        let count = decode(&event, &mut params);
        let mut tuple = None;
        if is_overridable(code)
            && let Some(enter) = self.kept.get(raw.tid)
            && enter.event.code.0 + 1 == code.0
        {
            enter.is_used.set(true);
            let asked = enter.event.view();
            tuple = toctou::connect_tuple(code, &params, &asked);
            toctou::apply(code, &mut params, &asked);
        }
        if let Some(tuple) = &tuple {
            params[arg::socket_connect_x::tuple] = Param::Bytes(tuple);
        }
        self.builder.build(header(raw, code, tgid), &params[..count])?;
        self.built(raw, code)
    }

    /// The record that was built last.
    fn built(&mut self, raw: &RawEvent<'_>, code: EventCode) -> Result<Transcoded<'_>, Error> {
        let record = Record::parse(self.builder.bytes())?;
        self.has_begun |= !is_initial_state(code);
        self.number += 1;
        let is_for_rules = self.has_begun && raw.flags & STATE_ONLY == 0 && !is_for_state(code);
        Ok(Transcoded::Record { number: self.number, is_for_rules, record })
    }

    /// The kept enter event of an exit event.
    fn enter_of(&self, exit: &RawEvent<'_>) -> Option<&Enter> {
        self.kept.get(exit.tid).filter(|enter| enter.event.code.0 + 1 == exit.code.0)
    }

    /// Forgets the enter event of a thread, if it will not come back to it.
    fn forget(&mut self, tid: u64, code: EventCode) {
        if forgets(code) {
            self.kept.remove(tid);
            if code == code::PROCEXIT_1_E {
                self.converter.forget(tid);
            }
        }
    }
}

#[inline]
fn header(raw: &RawEvent<'_>, code: EventCode, tgid: u32) -> Header {
    Header {
        ts: raw.ts,
        tid: raw.tid as u32,
        tgid,
        len: 0,
        flags: HeaderFlags::default(),
        code,
        cpu: raw.cpu,
    }
}

/// Decodes all parameters by their types; returns how many there are.
#[inline]
fn decode<'a>(event: &'a Converted<'_>, out: &mut [Param<'a>; MAX_PARAMS]) -> usize {
    let def = event.def();
    let count = event.param_count().min(def.falco_params).min(MAX_PARAMS);
    for (index, (slot, param)) in out.iter_mut().zip(def.params).take(count).enumerate() {
        *slot = Param::from_wire(event.param(index).unwrap_or_default(), param.ty);
    }
    count
}
