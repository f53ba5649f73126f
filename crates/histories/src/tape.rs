//! What a machine writes: the events of a capture, or the records of a probe.

use peregrine_capture::OwnedEvent;
use peregrine_event::record::Param;
use peregrine_event::{EventCode, Header, HeaderFlags, RecordBuilder};

use crate::events::{Value, event};

/// A record as the probe writes it, its time stamp already one of the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveRecord {
    /// Its thread group, whose ring it is in.
    pub tgid: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Events in order.
pub(crate) enum Tape {
    Capture(Vec<OwnedEvent>),
    Live { builder: Box<RecordBuilder>, records: Vec<LiveRecord> },
}

impl Tape {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Capture(events) => events.len(),
            Self::Live { records, .. } => records.len(),
        }
    }

    /// Appends an event with the values of its first parameters.
    pub(crate) fn push(
        &mut self,
        ts: u64,
        (tid, tgid): (i64, i64),
        flags: HeaderFlags,
        code: EventCode,
        values: &[Value],
    ) {
        match self {
            Self::Capture(events) => events.push(event(ts, tid, code, values)),
            Self::Live { builder, records } => {
                let tgid = tgid as u32;
                let header = Header { ts, tid: tid as u32, tgid, len: 0, flags, code, cpu: 0 };
                let texts: Vec<Option<Vec<u8>>> = values.iter().map(Value::bytes).collect();
                let count = code.def().map_or(0, |def| def.params.len());
                let mut params = vec![Param::Absent; count];
                for ((param, value), text) in params.iter_mut().zip(values).zip(&texts) {
                    *param = match (value, text) {
                        (Value::Int(number), _) => Param::Int(*number),
                        (_, Some(bytes)) => Param::Bytes(bytes),
                        _ => Param::Absent,
                    };
                }
                let bytes = builder.build(header, &params);
                let bytes = bytes.expect("what the machine makes fits a record").to_vec();
                records.push(LiveRecord { tgid, bytes });
            }
        }
    }
}
