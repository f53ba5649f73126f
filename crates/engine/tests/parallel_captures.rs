//! Captures replayed on several workers, against one.

use std::ops::ControlFlow;
use std::path::PathBuf;

use peregrine_capture::Reader;
use peregrine_engine::Replay;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::Step;
use peregrine_engine::replay::parallel::{
    self, Examiner, NewProcess, Outcome, ParallelOptions, Partitioning,
};
use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use peregrine_fields::view::{EventView, Session};

fn captures() -> Vec<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("PEREGRINE_SHARED").map_or_else(|| default.into(), PathBuf::from);
    let folder = shared.join("conformance/captures");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|p| p.to_string_lossy().ends_with(".scap.gz")).collect();
    if paths.is_empty() {
        eprintln!("skipped: no captures in {}", folder.display());
    }
    if cfg!(debug_assertions) {
        // The large ones take too long; `make differential` has them.
        paths.retain(|path| std::fs::metadata(path).is_ok_and(|m| m.len() < 200_000));
    }
    paths.sort();
    paths
}

const SEPARATOR: u8 = 0x1f;

/// Every field that takes no argument, and some that do: a row per event.
struct Table {
    fields: Vec<(String, Template)>,
}

impl Table {
    fn new() -> Self {
        let known = Fields::syscall();
        let mut names: Vec<String> = known.iter().map(|field| field.name.to_owned()).collect();
        let of_ancestors = ["aname", "aexe", "aexepath", "acmdline", "apid", "aenv"];
        for level in 1..5 {
            names.extend(of_ancestors.iter().map(|name| format!("proc.{name}[{level}]")));
        }
        let template = |name: &String| Template::parse(&format!("*%{name}"), &known).ok();
        let fields = names.iter().filter_map(|name| Some((name.clone(), template(name)?)));
        Self { fields: fields.collect() }
    }

    fn row(&self, event: &EventView<'_>, is_for_rules: bool) -> Vec<u8> {
        let mut row = format!("{} {is_for_rules}", event.number).into_bytes();
        for (_, field) in &self.fields {
            row.push(SEPARATOR);
            field.write(event, &mut row);
        }
        row
    }
}

impl Examiner for Table {
    type Found = Vec<u8>;

    fn examine(&mut self, event: &EventView<'_>, is_for_rules: bool, found: &mut Vec<Vec<u8>>) {
        found.push(self.row(event, is_for_rules));
    }
}

fn session() -> Session {
    Session { hostname: Some("golden".into()), containers: true, ..Session::default() }
}

fn on_one(path: &PathBuf, table: &Table) -> Vec<Vec<u8>> {
    let mut replay = Replay::new(session(), HostFiles::default());
    let mut rows = Vec::new();
    let end = replay.run(&mut Reader::open(path).unwrap(), |step| {
        if let Step::Event { view, is_for_rules } = step {
            rows.push(table.row(view, is_for_rules));
        }
        ControlFlow::Continue(())
    });
    end.unwrap();
    rows
}

fn on_many(path: &PathBuf, workers: usize, options: &ParallelOptions) -> Vec<Vec<u8>> {
    let examiners = (0..workers).map(|_| Table::new()).collect();
    let mut rows = Vec::new();
    let files = HostFiles::default();
    let run = parallel::replay(
        &mut Reader::open(path).unwrap(),
        (&session(), &files),
        examiners,
        options,
        |outcome| {
            if let Outcome::Found(row) = outcome {
                rows.push(row);
            }
            ControlFlow::Continue(())
        },
    );
    run.end.unwrap();
    rows
}

/// Fails with the first event and field that differ.
fn assert_same(table: &Table, one: &[Vec<u8>], many: &[Vec<u8>], what: &str) {
    if let Some((row, other)) = one.iter().zip(many).find(|(row, other)| row != other) {
        let cells = |row: &[u8]| -> Vec<String> {
            row.split(|b| *b == SEPARATOR)
                .map(|cell| String::from_utf8_lossy(cell).into_owned())
                .collect()
        };
        let (row, other) = (cells(row), cells(other));
        let at = (0..row.len()).find(|at| row[*at] != other[*at]).unwrap_or(0);
        let name = if at == 0 { "event" } else { &table.fields[at - 1].0 };
        panic!("{what}: event {}: {name} is {} for {}", row[0], other[at], row[at]);
    }
    assert_eq!(one.len(), many.len(), "{what}");
}

/// Breaks if what a field shows depends on which worker looks at the event, or when.
#[test]
fn every_field_of_every_event_is_that_of_one_worker() {
    let table = Table::new();
    for path in captures() {
        let one = on_one(&path, &table);
        // The worst: every process on another worker than its parent.
        let away = |p: NewProcess| p.parent_owner.map_or(p.pid as usize, |owner| owner + 1);
        for (workers, partitioning) in [
            (2, Partitioning::By(std::sync::Arc::new(away))),
            (4, Partitioning::Hash),
            (3, Partitioning::Balanced),
        ] {
            let what = format!("{}, {workers} workers, {partitioning:?}", path.display());
            let options =
                ParallelOptions { partitioning, delay_seed: Some(1), ..ParallelOptions::default() };
            assert_same(&table, &one, &on_many(&path, workers, &options), &what);
        }
    }
}
