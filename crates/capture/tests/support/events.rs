//! Events of the conformance vectors.

use peregrine_capture::OwnedEvent;
use peregrine_event::{EventCode, ParamType, table::EVENTS, types::Width};
use serde_json::Value;

/// The code with this `PPME_` name.
pub fn code(name: &str) -> EventCode {
    let constant = name.strip_prefix("PPME_").unwrap_or(name);
    EVENTS.iter().find(|def| def.constant == constant).unwrap_or_else(|| panic!("{name}")).code
}

/// The bytes of a parameter, as the vectors' README says.
pub fn bytes(ty: &str, value: &Value) -> Vec<u8> {
    let ty = ParamType::from_name(ty).unwrap_or_else(|| panic!("type {ty}"));
    match value {
        Value::Null => Vec::new(),
        Value::Number(number) => {
            let number = number.as_i64().unwrap_or_else(|| number.as_u64().unwrap() as i64);
            let Width::Fixed(width) = ty.scap_width() else { panic!("number for {ty:?}") };
            number.to_le_bytes()[..width as usize].to_vec()
        }
        Value::String(text) => [text.as_bytes(), &[0]].concat(),
        Value::Array(texts) => texts
            .iter()
            .flat_map(|text| [text.as_str().unwrap().as_bytes(), &[0]].concat())
            .collect(),
        Value::Object(object) => hex(object["hex"].as_str().unwrap()),
        Value::Bool(_) => panic!("boolean for {ty:?}"),
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// An event of the vectors.
pub fn event(value: &Value) -> OwnedEvent {
    let number = |key: &str| value[key].as_u64().or(value[key].as_i64().map(|n| n as u64)).unwrap();
    let kind = code(value["type"].as_str().unwrap());
    let mut event = OwnedEvent::new(number("ts"), number("tid"), kind);
    for param in value["params"].as_array().unwrap() {
        event.push(&bytes(param[1].as_str().unwrap(), &param[2]));
    }
    event
}
