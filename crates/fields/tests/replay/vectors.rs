//! Events and threads of the conformance vectors.

use std::path::PathBuf;

use peregrine_capture::{FdEntry, FdInfo, FdKind, OwnedEvent, ThreadEntry};
use peregrine_event::types::Width;
use peregrine_event::{EventDef, ParamType, table::EVENTS};
use serde_json::Value as Json;

/// The shared folder, or `None` after saying that the test is skipped.
pub fn shared() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let path = std::env::var_os("PEREGRINE_SHARED").map_or_else(|| default.into(), PathBuf::from);
    if path.join("conformance").is_dir() {
        return Some(path.join("conformance"));
    }
    eprintln!("skipped: no conformance data at {}", path.display());
    None
}

/// The cases of a vector file.
pub fn cases(name: &str) -> Option<Vec<Json>> {
    let text = std::fs::read(shared()?.join("vectors").join(name)).unwrap();
    Some(serde_json::from_slice(&text).unwrap())
}

/// Text: UTF-8, or raw bytes as `{"hex": …}`.
pub fn bytes(value: &Json) -> Vec<u8> {
    match value {
        Json::String(text) => text.clone().into_bytes(),
        Json::Object(map) => {
            let hex = map["hex"].as_str().unwrap();
            (0..hex.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
                .collect()
        }
        other => panic!("no text: {other}"),
    }
}

/// The declaration with Falco's constant name.
pub fn event_def(constant: &str) -> &'static EventDef {
    let name = constant.strip_prefix("PPME_").unwrap_or(constant);
    EVENTS.iter().find(|def| def.constant == name).unwrap_or_else(|| panic!("no event {name}"))
}

fn number(value: &Json) -> i64 {
    value.as_i64().or_else(|| value.as_u64().map(|v| v as i64)).unwrap()
}

/// The bytes of a parameter as they lie in a capture.
fn param(ty: &str, value: &Json) -> Vec<u8> {
    let width = ParamType::from_name(ty).map(ParamType::scap_width);
    match (value, width) {
        (Json::Null, _) => Vec::new(),
        (Json::Number(_), Some(Width::Fixed(width))) => {
            number(value).to_le_bytes()[..usize::from(width)].to_vec()
        }
        (Json::Number(_), _) => panic!("a number of type {ty}"),
        (Json::Array(items), _) => {
            items.iter().flat_map(|item| [bytes(item), vec![0]].concat()).collect()
        }
        (Json::String(_), _) => [bytes(value), vec![0]].concat(),
        (Json::Object(_), _) => bytes(value),
        other => panic!("a parameter {other:?}"),
    }
}

/// An event as a capture would hold it.
pub fn event(case: &Json) -> OwnedEvent {
    let def = event_def(case["type"].as_str().unwrap());
    let ts = case["ts"].as_u64().unwrap();
    let tid = number(&case["tid"]) as u64;
    let mut event = OwnedEvent::new(ts, tid, def.code);
    event.cpu = case.get("cpu").and_then(Json::as_u64).unwrap_or(1) as u16;
    for entry in case["params"].as_array().unwrap() {
        event.push(&param(entry[1].as_str().unwrap(), &entry[2]));
    }
    event
}

/// A thread of the initial table, with its files.
pub fn thread(case: &Json) -> (ThreadEntry, Vec<FdEntry>) {
    let int = |key: &str, default: i64| case.get(key).map_or(default, number);
    let text = |key: &str| case.get(key).map(bytes).unwrap_or_default();
    let flag = |key: &str, default: bool| case.get(key).and_then(Json::as_bool).unwrap_or(default);
    let list = |key: &str| -> Vec<u8> {
        let items = case.get(key).and_then(Json::as_array).into_iter().flatten();
        items.flat_map(|item| [bytes(item), vec![0]].concat()).collect()
    };
    const CAPABILITIES: i64 = 2_199_023_255_551;
    let entry = ThreadEntry {
        tid: int("tid", 0),
        pid: int("pid", 0),
        ptid: int("ptid", 0),
        sid: int("sid", 0),
        vpgid: int("vpgid", 0),
        pgid: int("pgid", 0),
        comm: text("comm"),
        exe: text("exe"),
        exepath: text("exepath"),
        args: list("args"),
        cwd: text("cwd"),
        fdlimit: int("fdlimit", 1_048_576),
        flags: int("flags", 0) as u32,
        uid: int("uid", 0) as u32,
        gid: int("gid", 0) as u32,
        vmsize_kb: int("vmsize_kb", 10_000) as u32,
        vmrss_kb: int("vmrss_kb", 100) as u32,
        vmswap_kb: int("vmswap_kb", 0) as u32,
        pfmajor: int("pfmajor", 222) as u64,
        pfminor: int("pfminor", 22) as u64,
        env: list("env"),
        vtid: int("vtid", 0),
        vpid: int("vpid", 0),
        cgroups: list("cgroups"),
        root: case.get("root").map_or_else(|| b"/".to_vec(), bytes),
        pidns_init_start_ts: int("pidns_init_start_ts", 0) as u64,
        tty: int("tty", 0) as u32,
        loginuid: int("loginuid", i64::from(u32::MAX)) as u32,
        exe_writable: flag("exe_writable", true),
        cap_inheritable: int("cap_inheritable", 0) as u64,
        cap_permitted: int("cap_permitted", CAPABILITIES) as u64,
        cap_effective: int("cap_effective", CAPABILITIES) as u64,
        exe_upper_layer: flag("exe_upper_layer", false),
        exe_ino: int("exe_ino", 0) as u64,
        exe_ino_ctime: int("exe_ino_ctime", 0) as u64,
        exe_ino_mtime: int("exe_ino_mtime", 0) as u64,
        exe_from_memfd: flag("exe_from_memfd", false),
        exe_lower_layer: flag("exe_lower_layer", false),
    };
    let fds = case.get("fds").and_then(Json::as_array).into_iter().flatten();
    let fds = fds.map(|fd| {
        let int = |key: &str| fd.get(key).map_or(0, number);
        FdEntry {
            fd: int("fd"),
            ino: int("ino") as u64,
            kind: FdKind::from_number(int("type") as u8).unwrap(),
            info: FdInfo::File {
                open_flags: int("open_flags") as u32,
                name: bytes(&fd["name"]),
                dev: int("dev") as u32,
            },
        }
    });
    (entry, fds.collect())
}
