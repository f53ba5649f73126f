//! Every field of every event of the captures, against what Falco printed.
//!
//! Prints the share of equal cells for each capture and the fields that differ most.

mod replay;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use replay::{Replay, vectors};
use serde_json::Value as Json;

/// Cells of one field.
#[derive(Default)]
struct Tally {
    equal: u64,
    different: u64,
    examples: Vec<String>,
}

type Tallies = BTreeMap<Arc<str>, Tally>;

/// Share of equal cells that is reached, per capture; a fall is a mistake.
const REACHED: &[(&str, f64)] = &[
    ("cat_write", 0.9999),
    ("connect_localhost", 0.9999),
    ("empty", 1.0),
    ("libs-curl_google", 0.9998),
    ("libs-sample", 0.9999),
    ("libs-single_ipv6_conn", 0.9999),
    ("open-multiple-files", 0.9999),
    ("psp_run_as_user_0_container", 0.9995),
    ("psp_write_tmp_test", 1.0),
    ("vm-attack-a", 0.999),
    ("vm-container", 0.999),
];

/// Fields that differ on purpose; see docs/differences.md.
const INTENDED: &[&str] = &[
    // Computed twice per output there, so always 0.
    "evt.deltatime",
    "evt.deltatime.s",
    "evt.deltatime.ns",
    // No such form there.
    "evt.type.is[openat]",
    // The number of open files there, where the parent's start is unknown.
    "proc.ppid.duration",
    // Memory that was never written there.
    "proc.exe_ino.ctime_duration_proc_start",
    // The boot time is left out there.
    "proc.pidns_init_start_ts",
];

/// One row of many is compared in the large captures, to keep the test short.
const LARGE_STRIDE: usize = 16;

/// The cell of a template with one field.
fn cell(template: &Template, event: &peregrine_fields::view::EventView<'_>) -> Json {
    let (fields, _) = template.fields(event, true);
    fields.into_iter().next_back().map_or(Json::Null, |(_, value)| value)
}

fn same(ours: &Json, theirs: &Json) -> bool {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(a), Some(b)) if !ours.is_i64() || !theirs.is_i64() => (a - b).abs() < 1e-9,
        _ => ours == theirs,
    }
}

fn compare(name: &str, table: &str, stride: usize) -> (Tallies, u64, u64) {
    let dir = vectors::shared().unwrap().join("captures");
    let golden = std::fs::File::open(dir.join(format!("{name}.{table}.jsonl.gz"))).unwrap();
    let mut lines = BufReader::new(MultiGzDecoder::new(golden)).lines();
    let head: Json = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let columns: Vec<(Arc<str>, Option<Template>)> = head["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| {
            let name = name.as_str().unwrap();
            let template = Template::parse(&format!("*%{name}"), &Fields::syscall()).ok();
            // The longest name that exists may be a shorter one than this.
            (name.into(), template.filter(|t| t.names().any(|n| **n == *name)))
        })
        .collect();
    let mut tallies = Tallies::new();
    let (mut rows, mut missing) = (0u64, 0u64);
    let mut next: Option<Vec<Json>> = None;
    let mut row = 0usize;
    let mut read = || -> Option<Vec<Json>> {
        let line = lines.next()?.unwrap();
        row += 1;
        // Parsing is what takes the time: rows that are not compared are only numbered.
        if row.is_multiple_of(stride) {
            return serde_json::from_str(&line).ok();
        }
        let number: u64 = line[1..].split([',', ']']).next().unwrap().parse().unwrap();
        Some(vec![number.into()])
    };
    next = next.or_else(&mut read);
    let path = dir.join(format!("{name}.scap.gz"));
    Replay::capture(&path, table == "container", &mut |event, is_for_rules| {
        if !is_for_rules {
            return;
        }
        rows += 1;
        let Some(golden) = &next else {
            missing += 1;
            return;
        };
        let number = golden[0].as_u64().unwrap();
        if number != event.number {
            missing += 1;
            if missing < 10 {
                eprintln!("{name}: event {} here, {number} there", event.number);
            }
            if number > event.number {
                return;
            }
        }
        if golden.len() > 1 && number == event.number {
            for ((field, template), theirs) in columns.iter().zip(golden) {
                if INTENDED.contains(&&**field) {
                    continue;
                }
                let ours = template.as_ref().map_or(Json::Null, |t| cell(t, event));
                let tally = tallies.entry(field.clone()).or_default();
                if same(&ours, theirs) {
                    tally.equal += 1;
                    continue;
                }
                tally.different += 1;
                if tally.examples.len() < 4 {
                    let event_type = event.record.def().name;
                    tally.examples.push(format!("#{number} {event_type}: {ours} for {theirs}"));
                }
            }
        }
        next = read();
    });
    if next.is_some() {
        missing += 1;
    }
    (tallies, rows, missing)
}

/// Prints how a table compares; gives the share of equal cells.
fn report(name: &str, tallies: &Tallies, rows: u64, missing: u64) -> f64 {
    let (equal, all) = tallies.values().fold((0, 0), |(equal, all), tally| {
        (equal + tally.equal, all + tally.equal + tally.different)
    });
    let share = equal as f64 / (all as f64).max(1.0);
    println!("{name}: {rows} events, {missing} out of step, {equal} of {all} cells ({share:.6})");
    let mut worst: Vec<_> = tallies.iter().filter(|(_, t)| t.different > 0).collect();
    worst.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.different));
    for (field, tally) in worst {
        let of = tally.equal + tally.different;
        println!("  {field}: {} of {of} differ", tally.different);
        for example in &tally.examples {
            let cut: String = example.chars().take(300).collect();
            println!("      {cut}");
        }
    }
    share
}

#[test]
fn cells_are_those_of_falco() {
    let Some(shared) = vectors::shared() else { return };
    let only = std::env::var("GOLDEN_ONLY").ok();
    let stride = std::env::var("GOLDEN_STRIDE").ok().and_then(|s| s.parse().ok());
    let mut names: Vec<String> = std::fs::read_dir(shared.join("captures"))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".fields.jsonl.gz").map(str::to_owned)
        })
        .filter(|name| only.as_ref().is_none_or(|only| name == only))
        .collect();
    names.sort();
    let mut fell = Vec::new();
    for name in names {
        let is_large = name.starts_with("vm-");
        let stride = stride.unwrap_or(if is_large { LARGE_STRIDE } else { 1 });
        let (tallies, rows, missing) = compare(&name, "fields", stride);
        let share = report(&name, &tallies, rows, missing);
        let reached = REACHED.iter().find(|(n, _)| *n == name).map_or(0.0, |(_, share)| *share);
        if share < reached || missing > 0 {
            fell.push(name);
        }
    }
    assert!(fell.is_empty(), "below the level reached: {fell:?}");
}

/// Fields of the container plugin that need no container engine. Containers that were described
/// by an event of the capture have more fields there.
#[test]
fn containers_are_those_of_falco() {
    if vectors::shared().is_none() {
        return;
    }
    for (name, stride) in [("psp_run_as_user_0_container", 1), ("vm-container", LARGE_STRIDE)] {
        let (tallies, rows, missing) = compare(name, "container", stride);
        report(name, &tallies, rows, missing);
        let id = &tallies["container.id"];
        assert_eq!((id.different, missing), (0, 0), "{name}");
    }
}
