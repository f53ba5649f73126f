//! Cases of the converter, which come from Falco's own tests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use peregrine_capture::{Converter, Item, OwnedEvent, RawEvent, Reader};
use serde_json::Value;

use crate::case::{Trouble, event, items, text};

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

/// Events one after the other, through one converter.
pub fn check_steps(case: &Value) -> Result<(), Trouble> {
    let mut converter = Converter::new();
    for (index, step) in items(&case["steps"]).iter().enumerate() {
        let kind = text(&step["step"]);
        let given = event(&step["event"]);
        let wrong = |what: String| Err(Trouble::Failed(format!("step {index} ({kind}): {what}")));
        match kind {
            "drop" | "drop_stateless" => match convert(&mut converter, &given)? {
                None => {}
                Some(other) => return wrong(format!("became {other:?}")),
            },
            "pass" => match convert(&mut converter, &given)? {
                Some(new) if same(&new.view(), &given.view()) => {}
                other => return wrong(format!("became {other:?}")),
            },
            "convert_once" | "convert_full" => {
                let is_end = kind == "convert_full" || step["result"] == "completed";
                let got = convert(&mut converter, &given)?;
                if !is_end {
                    continue;
                }
                let expected = event(&step["expected"]);
                match got {
                    Some(new) if same(&new.view(), &expected.view()) => {}
                    other => return wrong(format!("{other:?}, expected {expected:?}")),
                }
            }
            "stored" | "not_stored" => {
                let stored = converter.stored(given.tid);
                let is_it = stored.is_some_and(|stored| same(&stored, &given.view()));
                if is_it != (kind == "stored") {
                    return wrong(format!("remembered: {stored:?}"));
                }
            }
            other => return wrong(format!("unknown step {other}")),
        }
    }
    Ok(())
}

/// A capture of the cases in a folder.
///
/// # Errors
/// It is not there.
pub fn find_capture(folder: &Path, name: &str) -> Result<PathBuf, Trouble> {
    let stem = name.strip_suffix(".scap").unwrap_or(name);
    let names = ["", "libs-"].map(|prefix| folder.join(format!("{prefix}{stem}.scap.gz")));
    let plain = folder.join(format!("{stem}.scap"));
    let missing = || Trouble::Skipped(format!("{name} is not in the folder"));
    names.into_iter().chain([plain]).find(|path| path.exists()).ok_or_else(missing)
}

/// What a capture holds after conversion.
pub fn check_capture(case: &Value, folder: &Path) -> Result<(), Trouble> {
    let path = find_capture(folder, text(&case["capture"]))?;
    let wrong = |error: peregrine_capture::Error| Trouble::Failed(error.to_string());
    let mut reader = Reader::open(&path).map_err(wrong)?;
    let mut converter = Converter::new();
    let mut counts: HashMap<&str, u64> = HashMap::new();
    let expected = (case["kind"] == "capture_event").then(|| event(&case["expected"]));
    let mut is_found = false;
    while let Some(item) = reader.next().map_err(wrong)? {
        let Item::Event(raw) = item else { continue };
        let Some(new) = converter.convert(&raw).map_err(wrong)? else { continue };
        *counts.entry(new.def().constant).or_default() += 1;
        if let Some(expected) = &expected
            && (raw.ts, raw.tid, new.code) == (expected.ts, expected.tid, expected.view().code)
        {
            is_found |= new.params().eq(expected.view().params());
        }
    }
    if expected.is_some() {
        return if is_found { Ok(()) } else { Err("there is no such event".into()) };
    }
    for (kind, count) in case["counts"].as_object().into_iter().flatten() {
        let mine = counts.get(kind.trim_start_matches("PPME_")).copied().unwrap_or(0);
        crate::case::expect_eq(kind, Some(mine), count.as_u64())?;
    }
    Ok(())
}
