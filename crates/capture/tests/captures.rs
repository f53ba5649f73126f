//! Reads every capture and compares with what Falco made of it.

mod support;

use peregrine_capture::{Item, Reader, Transcoded, Transcoder};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// `evt.num` and `evt.type` of every event that Falco delivered; `None` without golden results.
fn golden(capture: &Path) -> Option<Vec<(u64, Option<String>)>> {
    let path = capture.to_string_lossy().replace(".scap.gz", ".fields.jsonl.gz");
    let file = std::fs::File::open(path).ok()?;
    let mut lines = BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines();
    let head: serde_json::Value = serde_json::from_str(&lines.next()?.ok()?).ok()?;
    let fields: Vec<&str> =
        head["fields"].as_array()?.iter().filter_map(|field| field.as_str()).collect();
    assert_eq!(fields[0], "evt.num");
    let kind = fields.iter().position(|field| *field == "evt.type")?;
    // Rows have hundreds of values; of most only the first is looked at.
    let row = |(index, line): (usize, std::io::Result<String>)| {
        let line = line.unwrap();
        let number = line[1..].split(',').next().unwrap().parse().unwrap();
        let name = (index < 2000 || index % 50 == 0).then(|| {
            let row: serde_json::Value = serde_json::from_str(&line).unwrap();
            row[kind].as_str().unwrap_or_default().to_owned()
        });
        (number, name)
    };
    Some(lines.enumerate().map(row).collect())
}

#[test]
fn numbers_are_those_of_falco() {
    for path in support::captures() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("vm-load") && cfg!(debug_assertions) {
            continue;
        }
        let mut reader = Reader::open(&path).unwrap();
        let mut transcoder = Transcoder::new();
        let mut mine = Vec::new();
        let mut dropped = 0;
        let (mut threads, mut fds) = (0, 0);
        while let Some(item) = reader.next().unwrap_or_else(|e| panic!("{name}: {e}")) {
            match item {
                Item::Threads(list) => threads += list.len(),
                Item::Fds { fds: list, .. } => fds += list.len(),
                Item::Event(event) => match transcoder.transcode(&event, 0) {
                    Ok(Transcoded::Record { number, is_for_rules, record }) => {
                        if !is_for_rules {
                            continue;
                        }
                        mine.push((number, record.def().name.to_owned()));
                    }
                    Ok(Transcoded::Consumed { .. }) => {}
                    Ok(Transcoded::Dropped) => dropped += 1,
                    Err(error) => panic!("{name}: {error}"),
                },
                _ => {}
            }
        }
        let last = mine.last().map_or(0, |(number, _)| *number);
        eprintln!(
            "{name}: {} events, {} delivered, {dropped} dropped, last number {last}, \
             {threads} threads, {fds} fds",
            reader.events(),
            mine.len()
        );
        assert!(threads > 0 && !mine.is_empty(), "{name}");
        let Some(golden) = golden(&path) else { continue };
        let ours: Vec<u64> = mine.iter().map(|e| e.0).collect();
        let theirs: Vec<u64> = golden.iter().map(|e| e.0).collect();
        let first = ours.iter().zip(&theirs).position(|(a, b)| a != b);
        assert_eq!(first, None, "{name}: first difference");
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (ours, theirs) in mine.iter().zip(&golden) {
            // A generic event has the name of its system call in Falco, and a plugin's event may
            // be named by the plugin.
            if ours.1 != "syscall"
                && let Some(kind) = &theirs.1
            {
                assert_eq!((ours.0, &ours.1), (theirs.0, kind), "{name}");
            }
        }
    }
}
