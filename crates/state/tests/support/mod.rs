//! Reads the shared vectors: threads and events as JSON.
#![allow(dead_code)]

use std::path::PathBuf;

use peregrine_event::record::Param;
use peregrine_event::table::EVENTS;
use peregrine_event::types::Width;
use peregrine_event::{Header, HeaderFlags, ParamType, RecordBuilder};
use peregrine_state::image::Cgroups;
use peregrine_state::{Fd, FdKind, Image, Shard, Strings, Thread, flags};
use serde_json::Value;

/// A path under the shared data; `None`, with a note, if it is not here.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PEREGRINE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = root.join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not here", path.display());
        return None;
    }
    Some(path)
}

/// The vectors of a file; `None`, with a note, if they are not here.
pub fn vectors(name: &str) -> Option<Vec<Value>> {
    let bytes = std::fs::read(shared("conformance/vectors")?.join(name)).expect("vectors");
    Some(serde_json::from_slice(&bytes).expect("vectors are JSON"))
}

/// Text or `{"hex": …}`.
pub fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Object(object) => {
            let hex = object["hex"].as_str().expect("hex text");
            (0..hex.len() / 2)
                .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex digits"))
                .collect()
        }
        other => panic!("no text: {other}"),
    }
}

pub fn int(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_u64().map(|v| v as i64)).expect("a number")
}

fn list(value: &Value) -> Vec<Vec<u8>> {
    value.as_array().map(|a| a.iter().map(bytes).collect()).unwrap_or_default()
}

/// The bytes of an event as a record.
pub fn record(event: &Value) -> Vec<u8> {
    let constant = event["type"].as_str().expect("a type");
    let constant = constant.strip_prefix("PPME_").unwrap_or(constant);
    let def = EVENTS.iter().find(|d| d.constant == constant).expect("a known event");
    let params = event["params"].as_array().expect("parameters");
    let owned: Vec<Option<Vec<u8>>> = params
        .iter()
        .zip(def.params)
        .map(|(p, d)| match &p[2] {
            Value::Null | Value::Number(_) => None,
            Value::Array(parts) => {
                Some(parts.iter().flat_map(|part| [bytes(part), vec![0]].concat()).collect())
            }
            text @ Value::String(_) => {
                let mut text = bytes(text);
                text.push(0);
                Some(text)
            }
            raw => {
                let mut raw = bytes(raw);
                if d.ty.is_text() && raw.last() != Some(&0) {
                    raw.push(0);
                }
                Some(raw)
            }
        })
        .collect();
    let values: Vec<Param<'_>> = params
        .iter()
        .zip(&owned)
        .zip(def.params)
        .map(|((p, owned), d)| match (owned, &p[2]) {
            (Some(b), _) => match d.ty.scap_width() {
                Width::Variable => Param::Bytes(b),
                Width::Fixed(_) => Param::Int(little_endian(b, d.ty)),
            },
            (None, Value::Number(_)) => Param::Int(int(&p[2])),
            _ => Param::Absent,
        })
        .collect();
    let header = Header {
        ts: int(&event["ts"]) as u64,
        tid: int(&event["tid"]) as u32,
        tgid: 0,
        len: 0,
        flags: HeaderFlags::default(),
        code: def.code,
        cpu: 0,
    };
    RecordBuilder::new().build(header, &values).expect("a record").to_vec()
}

fn little_endian(bytes: &[u8], ty: ParamType) -> i64 {
    let mut value = [0; 8];
    let n = bytes.len().min(8);
    value[..n].copy_from_slice(&bytes[..n]);
    let value = i64::from_le_bytes(value);
    if ty.is_signed() && n < 8 { value << (64 - 8 * n) >> (64 - 8 * n) } else { value }
}

/// Fills the initial thread table.
pub fn add_threads(shard: &mut Shard, threads: &Value) {
    let threads = threads.as_array().map(Vec::as_slice).unwrap_or_default();
    for t in threads {
        shard.insert_unrelated(thread(t)).expect("room");
        for f in t["fds"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let kind = FdKind::from_number(int(&f["type"]) as i8).expect("a kind");
            let mut fd = Fd::new(kind);
            fd.set_name(&bytes(&f["name"]));
            let number = |key: &str| f.get(key).map_or(0, int);
            fd.ino = number("ino") as u64;
            fd.open_flags = number("open_flags") as u32;
            fd.mount_id = number("mount_id") as u32;
            fd.dev = number("dev") as u32;
            assert!(shard.add_listed_fd(int(&t["tid"]), int(&f["fd"]), fd));
        }
    }
    shard.relate_all();
}

fn thread(t: &Value) -> Box<Thread> {
    let number = |key: &str, default: i64| t.get(key).map_or(default, int);
    let flag = |key: &str, default: bool| t.get(key).map_or(default, |v| v == true);
    let mut thread = Box::new(Thread::new());
    thread.tid = number("tid", -1);
    thread.pid = number("pid", -1);
    thread.ptid = number("ptid", -1);
    thread.vtid = number("vtid", -1);
    thread.vpid = number("vpid", -1);
    thread.sid = number("sid", 0);
    thread.vpgid = number("vpgid", 0);
    thread.pgid = number("pgid", 0);
    thread.uid = number("uid", 0) as u32;
    thread.gid = number("gid", 0) as u32;
    thread.loginuid = number("loginuid", 0xffff_ffff) as u32;
    thread.fdlimit = number("fdlimit", 1_048_576);
    thread.tty = number("tty", 0) as u32;
    thread.clone_ts = number("clone_ts", 0) as u64;
    thread.cap_permitted = number("cap_permitted", (1 << 41) - 1) as u64;
    thread.cap_effective = number("cap_effective", (1 << 41) - 1) as u64;
    thread.cap_inheritable = number("cap_inheritable", 0) as u64;
    thread.pidns_init_start_ts = number("pidns_init_start_ts", 0) as u64;
    thread.root = t.get("root").map_or(b"/".to_vec(), bytes).into();
    let mut image = Image::default();
    image.comm = bytes(&t["comm"]).into();
    image.exe = bytes(&t["exe"]).into();
    image.args = Strings::from_parts(&list(&t["args"]));
    image.cgroups = Cgroups::from_wire(&list(&t["cgroups"]).join(&0));
    for (key, bit, default) in [
        ("exe_writable", flags::exe::WRITABLE, true),
        ("exe_upper_layer", flags::exe::UPPER_LAYER, false),
        ("exe_lower_layer", flags::exe::LOWER_LAYER, false),
        ("exe_from_memfd", flags::exe::FROM_MEMFD, false),
    ] {
        if flag(key, default) {
            image.exe_flags |= bit;
        }
    }
    image.exe_ino = number("exe_ino", 0) as u64;
    image.exe_ino_ctime = number("exe_ino_ctime", 0) as u64;
    image.exe_ino_mtime = number("exe_ino_mtime", 0) as u64;
    image.set_exepath(&bytes(&t["exepath"]));
    if thread.is_main_thread() {
        image.env = Strings::from_parts(&list(&t["env"]));
    }
    thread.image = image.into();
    thread.set_listed_flags(number("flags", 0) as u32);
    thread.set_listed_cwd(&bytes(&t["cwd"]));
    thread
}
