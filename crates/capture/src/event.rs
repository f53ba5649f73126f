//! An event as it lies in a capture: header, and a slice per parameter.

use peregrine_event::{EventCode, EventDef, ScapParams};

/// Where a parameter lies in the event's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Bytes.
    pub len: u32,
}

/// Where the parameters of an event are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Params<'a> {
    /// One span per parameter, into the data.
    Located(&'a [Span], &'a [u8]),
    /// As the current version of the type has them.
    Current(ScapParams<'a>),
}

/// An event of a capture. It borrows from the reader and lives until the next call.
#[derive(Debug, Clone, Copy)]
pub struct RawEvent<'a> {
    /// Offset of the event's block in the uncompressed capture.
    pub offset: u64,
    /// Processor.
    pub cpu: u16,
    /// Flags of the block; 0 in most captures, 1 marks an event that is only there for its state.
    pub flags: u32,
    /// Nanoseconds since the epoch.
    pub ts: u64,
    /// Thread; all ones for events of no thread.
    pub tid: u64,
    /// Event type; always one of the schema's.
    pub code: EventCode,
    pub(crate) params: Params<'a>,
}

impl<'a> RawEvent<'a> {
    /// The declaration of the event type.
    #[inline]
    pub fn def(&self) -> &'static EventDef {
        match self.params {
            Params::Current(params) => params.def(),
            Params::Located(..) => self.code.def().unwrap_or(&peregrine_event::table::EVENTS[0]),
        }
    }

    /// Number of parameters, as recorded: old versions have fewer than the schema.
    #[inline]
    pub fn param_count(&self) -> usize {
        match self.params {
            Params::Current(params) => params.count(),
            Params::Located(spans, _) => spans.len(),
        }
    }

    /// The bytes of a parameter; empty means no value. `None` beyond the recorded ones.
    #[inline]
    pub fn param(&self, index: usize) -> Option<&'a [u8]> {
        match self.params {
            Params::Current(params) => params.get(index),
            Params::Located(spans, data) => {
                let span = spans.get(index)?;
                let start = span.start as usize;
                data.get(start..start + span.len as usize)
            }
        }
    }

    /// All parameters, in order.
    pub fn params(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let this = *self;
        (0..this.param_count()).map(move |index| this.param(index).unwrap_or_default())
    }

    /// A copy that owns its bytes.
    pub fn to_owned(&self) -> OwnedEvent {
        let mut owned = OwnedEvent::default();
        owned.assign(self);
        owned
    }
}

/// An event that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEvent {
    /// See [`RawEvent::cpu`].
    pub cpu: u16,
    /// See [`RawEvent::flags`].
    pub flags: u32,
    /// See [`RawEvent::ts`].
    pub ts: u64,
    /// See [`RawEvent::tid`].
    pub tid: u64,
    /// See [`RawEvent::code`].
    pub code: EventCode,
    spans: Vec<Span>,
    data: Vec<u8>,
}

impl Default for OwnedEvent {
    fn default() -> Self {
        Self {
            cpu: 0,
            flags: 0,
            ts: 0,
            tid: 0,
            code: EventCode(0),
            spans: Vec::new(),
            data: Vec::new(),
        }
    }
}

impl OwnedEvent {
    /// An event without parameters.
    pub fn new(ts: u64, tid: u64, code: EventCode) -> Self {
        Self { ts, tid, code, ..Self::default() }
    }

    /// Appends a parameter.
    pub fn push(&mut self, bytes: &[u8]) {
        let start = self.data.len() as u32;
        self.data.extend_from_slice(bytes);
        self.spans.push(Span { start, len: bytes.len() as u32 });
    }

    /// Bytes of memory its buffers take.
    pub(crate) fn footprint(&self) -> usize {
        self.data.capacity() + self.spans.capacity() * size_of::<Span>()
    }

    /// Removes all parameters; the buffers stay.
    pub fn clear(&mut self) {
        self.spans.clear();
        self.data.clear();
    }

    /// Becomes a copy of another event, reusing the buffers.
    pub fn assign(&mut self, event: &RawEvent<'_>) {
        self.cpu = event.cpu;
        self.flags = event.flags;
        self.ts = event.ts;
        self.tid = event.tid;
        self.code = event.code;
        self.clear();
        for param in event.params() {
            self.push(param);
        }
    }

    /// The event as the reader would give it.
    pub fn view(&self) -> RawEvent<'_> {
        RawEvent {
            offset: 0,
            cpu: self.cpu,
            flags: self.flags,
            ts: self.ts,
            tid: self.tid,
            code: self.code,
            params: Params::Located(&self.spans, &self.data),
        }
    }
}
