//! Captures replayed on several workers, against one.

mod rows;

use std::path::PathBuf;
use std::sync::Arc;

use peregrine_capture::Reader;
use peregrine_engine::replay::parallel::{Examiner, NewProcess, ParallelOptions, Partitioning};
use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use peregrine_fields::view::{EventView, Session};

use rows::SEPARATOR;

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
    if cfg!(tsan) {
        // Every memory access is watched.
        paths.retain(|path| std::fs::metadata(path).is_ok_and(|m| m.len() < 20_000));
        paths.truncate(4);
    }
    paths.sort();
    paths
}

/// Every field that takes no argument, and some that do: a row per event.
#[derive(Clone)]
struct Table {
    fields: Arc<Vec<(String, Template)>>,
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
        Self { fields: Arc::new(fields.collect()) }
    }

    fn row(&self, event: &EventView<'_>, is_for_rules: bool) -> Vec<u8> {
        let mut row = format!("{} {is_for_rules}", event.number).into_bytes();
        for (_, field) in self.fields.iter() {
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

/// Breaks if what a field shows depends on which worker looks at the event, or when.
#[test]
fn every_field_of_every_event_is_that_of_one_worker() {
    let table = Table::new();
    for path in captures() {
        let reader = || Reader::open(&path).unwrap();
        let one = rows::on_one(&mut reader(), &session(), table.clone());
        // The worst: every process on another worker than its parent.
        let away = |p: NewProcess| p.parent_owner.map_or(p.pid as usize, |owner| owner + 1);
        for (workers, partitioning) in [
            (2, Partitioning::By(Arc::new(away))),
            (4, Partitioning::Hash),
            (3, Partitioning::Balanced),
        ] {
            let what = format!("{}, {workers} workers, {partitioning:?}", path.display());
            let options =
                ParallelOptions { partitioning, delay_seed: Some(1), ..ParallelOptions::default() };
            let looks = vec![table.clone(); workers];
            let many = rows::on_many(&mut reader(), &session(), looks, &options);
            let names = table.fields.iter().map(|(name, _)| &**name);
            assert_eq!(rows::difference(&one, &many, names), None, "{what}");
        }
    }
}
