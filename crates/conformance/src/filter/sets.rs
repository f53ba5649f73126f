//! Vectors of the inference of event types: `syscall_set`, `event_set`.

use std::collections::BTreeSet;

use peregrine_event::syscalls::SYSCALL_NAMES;
use peregrine_event::table::EVENTS;
use peregrine_filter::event_types::{all_events, all_syscalls, event_set, syscall_set};
use peregrine_filter::parse;
use serde_json::Value as Json;

use crate::case::{bytes, expect_eq};

/// Runs a case.
pub fn check(vector: &Json) -> Result<(), String> {
    let expr = parse(bytes(&vector["expr"])).map_err(|e| e.to_string())?;
    if vector["kind"] == "syscall_set" {
        let name = |id: &u16| SYSCALL_NAMES[usize::from(*id)].to_owned();
        let got = syscall_set(&expr).map(|set| set.iter().map(name).collect());
        return compare(vector, got.map_err(|e| e.to_string()), &|| {
            all_syscalls().iter().map(name).collect()
        });
    }
    // Our own events are not in the vectors.
    let falco = |set: BTreeSet<peregrine_event::EventCode>| {
        let own = |e: &&peregrine_event::EventDef| e.code.0 < 900 && set.contains(&e.code);
        EVENTS.iter().filter(own).map(|e| format!("PPME_{}", e.constant)).collect()
    };
    compare(vector, event_set(&expr).map(falco).map_err(|e| e.to_string()), &|| falco(all_events()))
}

fn compare(
    vector: &Json,
    got: Result<BTreeSet<String>, String>,
    all: &dyn Fn() -> BTreeSet<String>,
) -> Result<(), String> {
    let names = |list: &Json| -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned()).collect()
    };
    let expected = match &vector["set"] {
        Json::String(text) if text == "all" => all(),
        set @ Json::Array(_) => names(set),
        set if set["all_except"].is_array() => &all() - &names(&set["all_except"]),
        _ if got.is_err() => return Ok(()),
        other => return Err(format!("unknown set {other}")),
    };
    let got = got?;
    let missing: Vec<_> = expected.difference(&got).collect();
    let extra: Vec<_> = got.difference(&expected).collect();
    expect_eq("missing and extra", (missing, extra), (Vec::new(), Vec::new()))
}
