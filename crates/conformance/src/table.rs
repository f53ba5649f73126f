//! The thread table in the form of the cases, to compare it.

use std::collections::{BTreeMap, BTreeSet};

use peregrine_state::{Shard, Slot};
use serde_json::{Value as Json, json};

use crate::case::{items, number};

fn text(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({"hex": bytes.iter().map(|b| format!("{b:02x}")).collect::<String>()}),
    }
}

fn row(shard: &Shard, slot: Slot) -> Json {
    let t = shard.thread(slot);
    let mut row = json!({
        "tid": t.tid, "pid": t.pid, "ptid": t.ptid, "vtid": t.vtid, "vpid": t.vpid,
        "comm": text(&t.image.comm), "exe": text(&t.image.exe), "exepath": text(&t.image.exepath),
        "args": t.image.args.iter().map(text).collect::<Vec<_>>(),
    });
    for (key, is_set) in [
        ("main_thread", t.is_main_thread()),
        ("dead", t.is_dead()),
        ("invalid", t.is_invalid()),
        ("reaper", shard.is_reaper(slot)),
    ] {
        row[key] = json!(is_set);
    }
    if let Some(fds) = shard.fd_table(slot) {
        let file = |(number, fd): (i64, &peregrine_state::Fd)| {
            let letter = (fd.kind.letter() as char).to_string();
            json!({"fd": number, "type": letter, "name": text(fd.name())})
        };
        row["fds"] = fds.iter().map(file).collect();
    }
    if !t.is_invalid() {
        row["alive_threads"] = json!(shard.alive_threads(slot));
    }
    row
}

fn normal(mut row: Json) -> Json {
    if let Some(fds) = row.get_mut("fds").and_then(Json::as_array_mut) {
        fds.sort_by_key(|fd| number(&fd["fd"]));
    }
    if let Some(object) = row.as_object_mut() {
        // An implementation detail, which one upstream test sets by hand.
        object.remove("children_alive");
        object.retain(|_, value| *value != json!(false));
        if object.get("invalid") == Some(&json!(true)) {
            object.remove("alive_threads");
        }
    }
    row
}

/// What differs between the table that is expected and the one there is.
pub fn differences(expected: &Json, shard: &Shard) -> Vec<String> {
    let slots = shard.iter().filter_map(|t| Some((t.tid, shard.find(t.tid)?)));
    let mut actual: BTreeMap<i64, Json> =
        slots.map(|(tid, slot)| (tid, row(shard, slot))).collect();
    let mut out = Vec::new();
    for row in items(expected) {
        let tid = number(&row["tid"]);
        let Some(found) = actual.remove(&tid) else {
            out.push(format!("tid {tid}: missing"));
            continue;
        };
        let (row, found) = (normal(row.clone()), normal(found));
        let keys: BTreeSet<&String> =
            [&row, &found].iter().flat_map(|row| row.as_object()).flat_map(|o| o.keys()).collect();
        for key in keys.into_iter().filter(|key| row[*key] != found[*key]) {
            out.push(format!("tid {tid} {key}: {} expected, is {}", row[key], found[key]));
        }
    }
    out.extend(actual.keys().map(|tid| format!("tid {tid}: unexpected")));
    out
}
