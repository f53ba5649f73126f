//! Events in the form of a capture.

use peregrine_capture::OwnedEvent;
use peregrine_event::EventCode;
use peregrine_event::types::Width;

/// The value of a parameter.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    /// No value.
    None,
}

impl Value {
    /// Text with its end, or bytes; none of a number.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(format!("{text}\0").into_bytes()),
            Self::Bytes(bytes) => Some(bytes.clone()),
            Self::Int(_) | Self::None => None,
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// An event with the values of its first parameters, in the widths that captures have.
pub(crate) fn event(ts: u64, tid: i64, code: EventCode, values: &[Value]) -> OwnedEvent {
    let mut event = OwnedEvent::new(ts, tid as u64, code);
    let params = code.def().map_or(&[][..], |def| def.params);
    for (value, param) in values.iter().zip(params) {
        match (value, param.ty.scap_width()) {
            (Value::Int(number), Width::Fixed(width)) => {
                event.push(&number.to_le_bytes()[..usize::from(width)]);
            }
            (Value::Int(number), Width::Variable) => event.push(&number.to_le_bytes()),
            (value, _) => event.push(&value.bytes().unwrap_or_default()),
        }
    }
    event
}
