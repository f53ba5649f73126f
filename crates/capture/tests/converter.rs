//! The conversion vectors, which come from Falco's own converter tests.

mod support;

use peregrine_capture::{Converter, Item, OwnedEvent, RawEvent, Reader};
use serde_json::Value;
use std::collections::HashMap;

fn vectors() -> Vec<Value> {
    let Some(shared) = support::shared() else { return Vec::new() };
    let path = shared.join("conformance/vectors/converter.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Converts to the end; the result owns its bytes.
fn convert(converter: &mut Converter, event: &OwnedEvent) -> Result<Option<OwnedEvent>, String> {
    let raw = event.view();
    let Some(new) = converter.convert(&raw).map_err(|e| e.to_string())? else { return Ok(None) };
    let mut owned = OwnedEvent::new(event.ts, event.tid, new.code);
    new.params().for_each(|param| owned.push(param));
    Ok(Some(owned))
}

fn same(a: &RawEvent<'_>, b: &RawEvent<'_>) -> bool {
    (a.ts, a.tid, a.code) == (b.ts, b.tid, b.code) && a.params().eq(b.params())
}

fn check(case: &Value) -> Result<(), String> {
    let mut converter = Converter::new();
    for (index, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let kind = step["step"].as_str().unwrap();
        let event = support::events::event(&step["event"]);
        let wrong = |what: String| Err(format!("step {index} ({kind}): {what}"));
        match kind {
            "drop" | "drop_stateless" => match convert(&mut converter, &event)? {
                None => {}
                Some(other) => return wrong(format!("became {other:?}")),
            },
            "pass" => match convert(&mut converter, &event)? {
                Some(new) if same(&new.view(), &event.view()) => {}
                other => return wrong(format!("became {other:?}")),
            },
            "convert_once" | "convert_full" => {
                let is_end = kind == "convert_full" || step["result"] == "completed";
                let got = convert(&mut converter, &event)?;
                if !is_end {
                    continue;
                }
                let expected = support::events::event(&step["expected"]);
                match got {
                    Some(new) if same(&new.view(), &expected.view()) => {}
                    other => return wrong(format!("{other:?}, expected {expected:?}")),
                }
            }
            "stored" | "not_stored" => {
                let stored = converter.stored(event.tid);
                let is_it = stored.is_some_and(|stored| same(&stored, &event.view()));
                if is_it != (kind == "stored") {
                    return wrong(format!("remembered: {stored:?}"));
                }
            }
            other => return wrong(format!("unknown step {other}")),
        }
    }
    Ok(())
}

#[test]
fn steps() {
    let (mut passed, mut failed) = (0, Vec::new());
    for case in vectors().iter().filter(|case| case["kind"] == "steps") {
        match check(case) {
            Ok(()) => passed += 1,
            Err(problem) => failed.push(format!("{} {}: {problem}", case["id"], case["src"])),
        }
    }
    eprintln!("steps: {passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Where the captures of the vectors are in the folder.
fn capture_of(name: &str) -> Option<std::path::PathBuf> {
    let stem = name.strip_suffix(".scap")?;
    let captures = support::captures();
    captures.into_iter().find(|path| {
        let file = path.file_name().unwrap().to_string_lossy();
        file == format!("{stem}.scap.gz") || file == format!("libs-{stem}.scap.gz")
    })
}

#[test]
fn captures() {
    let cases = vectors();
    let mut by_name: HashMap<&str, Vec<&Value>> = HashMap::new();
    for case in cases.iter().filter(|case| case["kind"] != "steps") {
        by_name.entry(case["capture"].as_str().unwrap()).or_default().push(case);
    }
    let (mut passed, mut absent) = (0, 0);
    for (name, cases) in by_name {
        let Some(path) = capture_of(name) else {
            absent += cases.len();
            continue;
        };
        let mut reader = Reader::open(&path).unwrap();
        let mut converter = Converter::new();
        let mut counts: HashMap<&str, u64> = HashMap::new();
        let mut found = vec![false; cases.len()];
        while let Some(item) = reader.next().unwrap() {
            let Item::Event(event) = item else { continue };
            let Some(new) = converter.convert(&event).unwrap() else { continue };
            *counts.entry(new.def().constant).or_default() += 1;
            let mut owned = OwnedEvent::new(event.ts, event.tid, new.code);
            new.params().for_each(|param| owned.push(param));
            for (case, found) in cases.iter().zip(&mut found) {
                if case["kind"] == "capture_event" {
                    let expected = support::events::event(&case["expected"]);
                    *found |= same(&expected.view(), &owned.view());
                }
            }
        }
        for (case, found) in cases.iter().zip(found) {
            if case["kind"] == "capture_event" {
                assert!(found, "{}: no such event", case["id"]);
            } else {
                for (kind, count) in case["counts"].as_object().unwrap() {
                    let kind = kind.strip_prefix("PPME_").unwrap();
                    let mine = counts.get(kind).copied().unwrap_or(0);
                    assert_eq!(Some(mine), count.as_u64(), "{}: {kind}", case["id"]);
                }
            }
            passed += 1;
        }
    }
    eprintln!("captures: {passed} passed, {absent} skipped: their captures are not at hand");
}
