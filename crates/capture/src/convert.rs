//! Runs the conversion table: old event in, today's event out.
//!
//! Old captures hold the arguments of a call in its enter event; today's schema has them in the
//! exit event. So enter events are remembered, one per thread, until the exit event takes what it
//! needs of them. No bytes are copied on the way: a converted event is a list of slices into the
//! old event, the remembered one, or constants.

use crate::enters::{Enter, Enters};
use crate::error::{ConvertProblem, Error};
use crate::event::RawEvent;
use peregrine_event::convert::{Action, Source, conversion};
use peregrine_event::event::EventFlags;
use peregrine_event::types::Width;
use peregrine_event::{EventCode, EventDef, ParamDef, ParamType, code};
use std::borrow::Cow;

/// Most parameters of an event of Falco's schema.
pub const MAX_PARAMS: usize = 32;
/// Most steps a conversion takes.
const MAX_STEPS: usize = 50;

/// An event in its current version.
#[derive(Debug, Clone)]
pub struct Converted<'a> {
    /// Event type.
    pub code: EventCode,
    params: [&'a [u8]; MAX_PARAMS],
    count: usize,
    /// A parameter that exists nowhere else.
    made: Option<(usize, Vec<u8>)>,
}

impl<'a> Converted<'a> {
    fn new(code: EventCode) -> Self {
        Self { code, params: [&[]; MAX_PARAMS], count: 0, made: None }
    }

    #[inline]
    pub(crate) fn of(event: &RawEvent<'a>) -> Self {
        let mut all = Self::new(event.code);
        for param in event.params().take(MAX_PARAMS) {
            all.params[all.count] = param;
            all.count += 1;
        }
        all
    }

    fn push(&mut self, bytes: &'a [u8]) {
        if let Some(slot) = self.params.get_mut(self.count) {
            *slot = bytes;
            self.count += 1;
        }
    }

    /// The declaration of the event type.
    pub fn def(&self) -> &'static EventDef {
        self.code.def().unwrap_or(&peregrine_event::table::EVENTS[0])
    }

    /// Number of parameters.
    pub fn param_count(&self) -> usize {
        self.count
    }

    /// A parameter; empty means no value. `None` if there are fewer.
    #[inline]
    pub fn param(&self, index: usize) -> Option<&[u8]> {
        if let Some((made, bytes)) = &self.made
            && *made == index
        {
            return Some(bytes);
        }
        self.params[..self.count].get(index).copied()
    }

    /// All parameters.
    pub fn params(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.count).map(|index| self.param(index).unwrap_or_default())
    }
}

/// Converts events of any version; remembers enter events per thread.
#[derive(Debug, Default)]
pub struct Converter {
    stored: Enters,
}

/// Whether an event has to be converted.
pub(crate) enum Need {
    No,
    Yes,
    Drop,
}

/// Whether an event is in its current version.
#[inline]
pub(crate) fn is_current(event: &RawEvent<'_>) -> bool {
    matches!(need(event.def(), event.param_count()), Need::No)
}

#[inline]
pub(crate) const fn need(def: &EventDef, params: usize) -> Need {
    let flags = def.flags;
    let is_old = flags.has(EventFlags::OLD_VERSION);
    if flags.has(EventFlags::UNUSED) {
        return Need::Drop;
    }
    if !flags.has(EventFlags::CONVERTER_MANAGED) {
        // Old exit events are all managed; old enter events that are not carry nothing.
        return if is_old { Need::Drop } else { Need::No };
    }
    if def.code.is_enter() {
        return Need::Yes;
    }
    // More parameters than the schema has come from a writer of the future. Falco refuses such a
    // capture; what is known of the event is better than nothing.
    if is_old || params < def.falco_params { Need::Yes } else { Need::No }
}

impl Converter {
    /// A converter that remembers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all enter events, as at the start of a section.
    pub fn clear(&mut self) {
        self.stored.clear();
    }

    /// The enter event that is remembered for a thread.
    pub fn stored(&self, tid: u64) -> Option<RawEvent<'_>> {
        self.stored.get(tid).map(|enter| enter.event.view())
    }

    /// Brings an event to its current version. `None`: the event is swallowed, because it is an
    /// enter event that is remembered, or one that no longer exists.
    ///
    /// # Errors
    /// [`Error::Convert`] for an event that no writer has made.
    #[inline]
    pub fn convert<'a>(&'a mut self, event: &RawEvent<'a>) -> Result<Option<Converted<'a>>, Error> {
        let fail = |problem| Err(failure(event.def(), event.param_count(), problem));
        match need(event.def(), event.param_count()) {
            Need::No => {
                if event.code == code::PROCEXIT_1_E {
                    self.stored.remove(event.tid);
                }
                let mut same = Converted::of(event);
                same.count = same.count.min(event.def().falco_params);
                Ok(Some(same))
            }
            Need::Drop => Ok(None),
            Need::Yes if event.param_count() > MAX_PARAMS => {
                fail(ConvertProblem::TooMany(MAX_PARAMS))
            }
            Need::Yes if event.code.is_enter() => self.convert_enter(event),
            Need::Yes => {
                let stored = self.stored.get(event.tid);
                convert_exit(Converted::of(event), stored).map(Some)
            }
        }
    }

    /// Events with even codes: they may be stored, but never look at a stored one.
    fn convert_enter<'a>(&mut self, raw: &RawEvent<'a>) -> Result<Option<Converted<'a>>, Error> {
        let mut event = Converted::of(raw);
        for _ in 0..MAX_STEPS {
            let action = row(&event)?;
            match action {
                Action::Pass => return Ok(Some(event)),
                Action::Store => {
                    self.stored.put(raw, &event);
                    return Ok(None);
                }
                Action::StoreAndPass => {
                    self.stored.put(raw, &event);
                    return Ok(Some(event));
                }
                Action::Add(_) | Action::Change(..) => event = step(event, action, None)?,
            }
            match need(event.def(), event.count) {
                Need::No => {
                    if event.code == code::PROCEXIT_1_E {
                        self.stored.remove(raw.tid);
                    }
                    return Ok(Some(event));
                }
                Need::Drop => return Ok(None),
                _ => {}
            }
        }
        Err(failure(event.def(), event.count, ConvertProblem::Endless))
    }

    /// Forgets a thread that has ended.
    #[inline]
    pub(crate) fn forget(&mut self, tid: u64) {
        self.stored.remove(tid);
    }
}

fn failure(def: &'static EventDef, params: usize, problem: ConvertProblem) -> Error {
    Error::Convert { name: def.constant, params, problem }
}

fn row(event: &Converted<'_>) -> Result<Action, Error> {
    match conversion(event.code, event.count) {
        Some(row) => Ok(row.action),
        None => Err(failure(event.def(), event.count, ConvertProblem::Unknown)),
    }
}

fn convert_exit<'a>(
    mut event: Converted<'a>,
    stored: Option<&'a Enter>,
) -> Result<Converted<'a>, Error> {
    for _ in 0..MAX_STEPS {
        let action = row(&event)?;
        event = match action {
            Action::Add(_) | Action::Change(..) => step(event, action, stored)?,
            Action::Pass | Action::Store | Action::StoreAndPass => return Ok(event),
        };
        match need(event.def(), event.count) {
            Need::Yes => {}
            _ => return Ok(event),
        }
    }
    Err(failure(event.def(), event.count, ConvertProblem::Endless))
}

/// One step. A stored event that a step has used is gone for the next one.
fn step<'a>(
    old: Converted<'a>,
    action: Action,
    stored: Option<&'a Enter>,
) -> Result<Converted<'a>, Error> {
    let (mut new, sources) = match action {
        Action::Add(sources) => (old.clone(), sources),
        Action::Change(to, sources) => (Converted::new(to), sources),
        _ => return Ok(old),
    };
    // The enter event of another call is there when the right one was lost. Falco refuses the rest
    // of such a capture; here the event goes on as if there were none.
    let stored =
        stored.filter(|stored| !stored.is_used.get() && stored.event.code.0 + 1 == old.code.0);
    let def = new.def();
    let mut has_used_enter = false;
    for source in sources {
        match *source {
            Source::Old(first, count) => {
                for index in usize::from(first)..usize::from(first) + usize::from(count) {
                    let bytes = old.params[index.min(MAX_PARAMS - 1)];
                    if let Some((made, text)) = &old.made
                        && *made == index
                    {
                        new.made = Some((new.count, text.clone()));
                    }
                    new.push(capped(def, new.count, bytes));
                }
            }
            Source::Empty(count) => (0..count).for_each(|_| new.push(&[])),
            Source::Default => new.push(default_value(def.params.get(new.count))),
            Source::ContainerJson => {
                let text = container_json(&old);
                new.made = Some((new.count, text));
                new.push(&[]);
            }
            Source::Enter(index) | Source::EnterOrEmpty(index) => {
                let bytes = stored.and_then(|enter| enter.event.view().param(usize::from(index)));
                let Some(bytes) = bytes else {
                    let is_empty = matches!(source, Source::EnterOrEmpty(_));
                    let param = def.params.get(new.count);
                    new.push(if is_empty { &[] } else { default_value(param) });
                    continue;
                };
                has_used_enter = true;
                new.push(capped(def, new.count, bytes));
            }
        }
    }
    if has_used_enter && let Some(stored) = stored {
        stored.is_used.set(true);
    }
    Ok(new)
}

/// Cuts a value to the width of the parameter it becomes.
fn capped<'a>(def: &EventDef, index: usize, bytes: &'a [u8]) -> &'a [u8] {
    match def.params.get(index).map(|param| param.ty.scap_width()) {
        Some(Width::Fixed(width)) => &bytes[..bytes.len().min(usize::from(width))],
        _ => bytes,
    }
}

fn default_value(param: Option<&ParamDef>) -> &'static [u8] {
    let Some(param) = param else { return &[] };
    match (param.ty, param.ty.scap_width()) {
        (ParamType::Uid | ParamType::Gid, _) => &[0xff; 4],
        (ParamType::Ipv6Addr, _) => &[0; 16],
        (_, Width::Fixed(width)) => &[0; 8][..usize::from(width)],
        (_, Width::Variable) => &[],
    }
}

/// The description of a container that the first container event had in four parameters.
fn container_json(old: &Converted<'_>) -> Vec<u8> {
    let text = |index: usize| -> Cow<'_, str> {
        let bytes = old.params.get(index).copied().unwrap_or_default();
        let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end])
    };
    let kind = old.params[1].first_chunk::<4>().map_or(0, |b| u32::from_le_bytes(*b));
    let (id, name, image) = (text(0), text(2), text(3));
    let json =
        format!("{{\"id\":\"{id}\",\"type\":{kind},\"name\":\"{name}\",\"image\":\"{image}\"}}\0");
    json.into_bytes()
}
