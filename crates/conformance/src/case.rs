//! The notation of the cases: text, events, threads.

use peregrine_capture::{FdEntry, FdInfo, FdKind, OwnedEvent, ThreadEntry};
use peregrine_event::types::Width;
use peregrine_event::{EventDef, ParamType, table::EVENTS};
use serde_json::Value as Json;

/// Why a case did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It gives another result than Falco.
    Failed(String),
    /// It was not run.
    Skipped(String),
}

impl From<String> for Trouble {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

impl From<&str> for Trouble {
    fn from(text: &str) -> Self {
        Self::Failed(text.to_owned())
    }
}

/// Text: UTF-8, raw bytes as `{"hex": …}`, or `{"repeat": …, "count": …}`.
///
/// # Panics
/// If it is something else.
pub fn bytes(value: &Json) -> Vec<u8> {
    if let Some(text) = value.as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(hex) = value["hex"].as_str() {
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
        return (0..hex.len()).step_by(2).map(digits).collect();
    }
    let text = value["repeat"].as_str().expect("text, hex or repeat");
    text.repeat(value["count"].as_u64().expect("a count") as usize).into_bytes()
}

/// A number of up to 64 bits, signed or not.
///
/// # Panics
/// If it is none.
pub fn number(value: &Json) -> i64 {
    value.as_i64().or_else(|| value.as_u64().map(|v| v as i64)).expect("a number")
}

/// The items of a list; none if there is no list.
pub fn items(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The text of a value; empty if it is none.
pub fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

/// Fails with both sides unless they are equal.
///
/// # Errors
/// They differ.
pub fn expect_eq<T: PartialEq + std::fmt::Debug>(
    what: &str,
    got: T,
    expected: T,
) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}\n  got      {got:?}\n  expected {expected:?}"))
}

/// The declaration with Falco's constant name.
///
/// # Panics
/// If there is none.
pub fn event_def(constant: &str) -> &'static EventDef {
    let name = constant.strip_prefix("PPME_").unwrap_or(constant);
    EVENTS.iter().find(|def| def.constant == name).unwrap_or_else(|| panic!("no event {name}"))
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
        (Json::Array(parts), _) => {
            parts.iter().flat_map(|part| [bytes(part), vec![0]].concat()).collect()
        }
        (Json::String(_), _) => [bytes(value), vec![0]].concat(),
        _ => bytes(value),
    }
}

/// An event as a capture would hold it.
///
/// # Panics
/// If the case is not in the notation.
pub fn event(case: &Json) -> OwnedEvent {
    let def = event_def(text(&case["type"]));
    let mut event =
        OwnedEvent::new(number(&case["ts"]) as u64, number(&case["tid"]) as u64, def.code);
    event.cpu = case.get("cpu").and_then(Json::as_u64).unwrap_or(1) as u16;
    for entry in items(&case["params"]) {
        event.push(&param(text(&entry[1]), &entry[2]));
    }
    event
}

/// Whether a record can carry the events: thread ids have 32 bits, as the kernel's.
///
/// # Errors
/// [`Trouble::Skipped`] if not; `docs/differences.md` says why.
pub fn has_real_thread_ids(case: &Json) -> Result<(), Trouble> {
    let is_long = |event: &Json| u32::try_from(number(&event["tid"])).is_err();
    if items(&case["events"]).iter().any(is_long) {
        return Err(Trouble::Skipped("thread ids beyond 32 bits".into()));
    }
    Ok(())
}

const CAPABILITIES: i64 = (1 << 41) - 1;

/// A thread of the initial table, with its files.
///
/// # Panics
/// If the case is not in the notation.
pub fn thread(case: &Json) -> (ThreadEntry, Vec<FdEntry>) {
    let int = |key: &str, default: i64| case.get(key).map_or(default, number);
    let text = |key: &str| case.get(key).map(bytes).unwrap_or_default();
    let flag = |key: &str, default: bool| case.get(key).and_then(Json::as_bool).unwrap_or(default);
    let list = |key: &str| -> Vec<u8> {
        items(&case[key]).iter().flat_map(|item| [bytes(item), vec![0]].concat()).collect()
    };
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
    let file = |fd: &Json| {
        let int = |key: &str| fd.get(key).map_or(0, number);
        FdEntry {
            fd: int("fd"),
            ino: int("ino") as u64,
            kind: FdKind::from_number(int("type") as u8).expect("a known kind of file"),
            info: FdInfo::File {
                open_flags: int("open_flags") as u32,
                name: bytes(&fd["name"]),
                dev: int("dev") as u32,
            },
        }
    };
    (entry, items(&case["fds"]).iter().map(file).collect())
}
