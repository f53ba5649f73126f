//! The shared vectors, as far as they are about the state.

mod support;

use std::collections::BTreeMap;

use peregrine_event::Record;
use peregrine_state::{Applied, ChildRule, Config, EventContext, Shard, Slot, Subject, path};
use serde_json::{Value, json};
use support::{add_threads, bytes, int, record, vectors};

#[test]
fn paths_join_as_in_falco() {
    let Some(cases) = vectors("paths.json") else { return };
    let mut count = 0;
    for case in cases.iter().filter(|c| c["kind"] == "concat") {
        let joined = path::join(&bytes(&case["dir"]), &bytes(&case["path"]));
        assert_eq!(joined, bytes(&case["result"]), "{}", case["id"]);
        count += 1;
    }
    eprintln!("{count} paths");
    assert!(count > 0);
}

fn shard(case: &Value) -> Shard {
    let config = Config { child_rule: ChildRule::CloneExits, ..Config::default() };
    let mut shard = Shard::new(config, None);
    add_threads(&mut shard, &case["threads"]);
    shard
}

fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({"hex": bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()}),
    }
}

/// Whether a record can carry the case: its tids have 32 bits, as the kernel's.
fn is_real(case: &Value) -> bool {
    let events = case["events"].as_array().unwrap();
    events.iter().all(|event| u32::try_from(int(&event["tid"])).is_ok())
}

/// The thread table in the form of `final_state`, by tid.
fn table(shard: &Shard) -> BTreeMap<i64, Value> {
    shard.iter().map(|t| (t.tid, row(shard, shard.find(t.tid).unwrap()))).collect()
}

fn row(shard: &Shard, slot: Slot) -> Value {
    let t = shard.thread(slot);
    let mut row = json!({
        "tid": t.tid, "pid": t.pid, "ptid": t.ptid, "vtid": t.vtid, "vpid": t.vpid,
        "comm": text(&t.image.comm), "exe": text(&t.image.exe), "exepath": text(&t.image.exepath),
        "args": t.image.args.iter().map(text).collect::<Vec<_>>(),
    });
    let mut set = |key: &str, value: bool| {
        if value {
            row[key] = json!(true);
        }
    };
    set("main_thread", t.is_main_thread());
    set("dead", t.is_dead());
    set("invalid", t.is_invalid());
    set("reaper", shard.is_reaper(slot));
    let fds = shard.fd_table(slot);
    if let Some(fds) = fds {
        row["fds"] = fds
            .iter()
            .map(|(n, fd)| {
                json!({"fd": n, "type": (fd.kind.letter() as char).to_string(),
                    "name": text(fd.name())})
            })
            .collect();
    }
    if !t.is_invalid() {
        row["alive_threads"] = json!(shard.alive_threads(slot));
    }
    row
}

fn normal(mut row: Value) -> Value {
    if let Some(fds) = row.get_mut("fds").and_then(Value::as_array_mut) {
        fds.sort_by_key(|fd| int(&fd["fd"]));
    }
    let object = row.as_object_mut().unwrap();
    // The vectors call it an implementation detail, and one test sets it by hand.
    object.remove("children_alive");
    object.retain(|_, value| *value != json!(false));
    if object.get("invalid") == Some(&json!(true)) {
        object.remove("alive_threads");
    }
    row
}

/// Differences between what is expected and what is.
fn differences(expected: &Value, shard: &Shard) -> Vec<String> {
    let mut actual = table(shard);
    let mut out = Vec::new();
    for row in expected.as_array().into_iter().flatten() {
        let tid = int(&row["tid"]);
        let Some(found) = actual.remove(&tid) else {
            out.push(format!("tid {tid}: missing"));
            continue;
        };
        let (row, found) = (normal(row.clone()), normal(found));
        let keys = row.as_object().unwrap().keys().chain(found.as_object().unwrap().keys());
        let keys: std::collections::BTreeSet<_> = keys.collect();
        for key in keys {
            if row[key] != found[key] {
                out.push(format!("tid {tid} {key}: {} expected, is {}", row[key], found[key]));
            }
        }
    }
    out.extend(actual.keys().map(|tid| format!("tid {tid}: unexpected")));
    out
}

#[test]
fn event_sequences_end_in_falcos_thread_table() {
    let Some(cases) = vectors("event_fields.json") else { return };
    let mut failed = Vec::new();
    for case in cases.iter().filter(|case| is_real(case)) {
        let mut shard = shard(case);
        for (index, event) in case["events"].as_array().unwrap().iter().enumerate() {
            let bytes = record(event);
            let record = Record::parse(&bytes).expect("a record");
            shard.apply(&EventContext { record, num: index as u64 + 1 });
        }
        let differences = differences(&case["final_state"], &shard);
        if !differences.is_empty() {
            failed.push(format!("{} {}: {differences:#?}", case["id"], case["src"]));
        }
    }
    let real = cases.iter().filter(|case| is_real(case)).count();
    eprintln!(
        "{} of {real} sequences; {} with tids beyond 32 bits left out",
        real - failed.len(),
        cases.len() - real
    );
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A few fields that come from the state alone, as observed after each event.
fn observed(shard: &Shard, subject: &Subject) -> BTreeMap<&'static str, Value> {
    let mut out = BTreeMap::new();
    let Some(slot) = subject.thread else { return out };
    let t = shard.thread(slot);
    let number = |n: i64| json!(n.to_string());
    out.insert("thread.tid", number(t.tid));
    out.insert("proc.pid", number(t.pid));
    out.insert("proc.name", text(&t.image.comm));
    out.insert("proc.exe", text(&t.image.exe));
    out.insert("proc.exepath", text(&t.image.exepath));
    out.insert("proc.args", text(t.image.args_line()));
    out.insert("proc.cmdline", text(t.image.cmdline()));
    out.insert("proc.cwd", text(shard.cwd(slot)));
    out.insert("proc.sid", number(t.sid));
    if t.vpid >= 0 {
        out.insert("proc.vpid", number(t.vpid));
    }
    out.insert("proc.vpgid", number(t.vpgid));
    out.insert("proc.pgid", number(t.pgid));
    out.insert("proc.tty", number(i64::from(t.tty)));
    out.insert("proc.nchilds", number(shard.other_threads(slot) as i64));
    out.insert("proc.nthreads", number(shard.alive_threads(slot) as i64));
    out.insert("proc.fdopencount", number(shard.fd_count(slot) as i64));
    out.insert("proc.is_exe_writable", json!(t.image.is_exe_writable().to_string()));
    out.insert("user.uid", number(i64::from(t.uid)));
    out.insert("group.gid", number(i64::from(t.gid)));
    if let Some(fd) = shard.subject_fd(subject) {
        out.insert("fd.num", number(subject.fd_number));
        out.insert("fd.typechar", json!((fd.kind.letter() as char).to_string()));
        out.insert("fd.name", text(fd.name()));
        out.insert("fd.ino", number(fd.ino as i64));
        out.insert("fd.dev", number(i64::from(fd.dev)));
    }
    out
}

#[test]
fn fields_of_the_state_are_those_observed() {
    let Some(cases) = vectors("event_fields.json") else { return };
    let (mut compared, mut failed) = (0, Vec::new());
    for case in cases.iter().filter(|case| is_real(case)) {
        let mut shard = shard(case);
        let expected: BTreeMap<i64, &Value> = case["observed"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|o| (int(&o["after_event"]), &o["fields"]))
            .collect();
        for (index, event) in case["events"].as_array().unwrap().iter().enumerate() {
            let bytes = record(event);
            let record = Record::parse(&bytes).expect("a record");
            let applied = shard.apply(&EventContext { record, num: index as u64 + 1 });
            let (Some(expected), Applied::Done(subject)) = (expected.get(&(index as i64)), applied)
            else {
                continue;
            };
            for (field, value) in observed(&shard, &subject) {
                // Empty text and a field without a value are told apart by the fields crate.
                let wanted = expected.get(field).cloned().unwrap_or_else(|| json!(""));
                let is_fd = field.starts_with("fd.");
                if is_fd && expected.get("fd.num").is_none() {
                    continue;
                }
                compared += 1;
                if wanted != value {
                    failed.push(format!(
                        "{} {} event {index} {}: {field} {wanted} expected, is {value}",
                        case["id"], case["src"], event["type"]
                    ));
                }
            }
        }
    }
    eprintln!("{compared} values, {} differ", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
