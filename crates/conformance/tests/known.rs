//! What is said of fields by the type of an event alone is true for every event of the captures.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use peregrine_capture::Reader;
use peregrine_engine::Replay;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::Step;
use peregrine_fields::Fields;
use peregrine_fields::view::Session;
use peregrine_filter::catalog::Values;
use peregrine_filter::{Catalog, FieldRef, FieldSource, Known};

/// Events of a capture that are looked at.
const MOST: usize = 3_000;

fn captures() -> Vec<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("PEREGRINE_SHARED").map_or_else(|| beside.into(), PathBuf::from);
    let folder = shared.join("conformance/captures");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: {} is missing", folder.display());
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.to_string_lossy().ends_with(".scap.gz")).collect()
}

/// Every field, with an argument where it needs one.
fn fields(catalog: &Fields<'_>) -> Vec<FieldRef> {
    let mut fields = Vec::new();
    for name in catalog.names() {
        let info = catalog.field(name).expect("listed");
        for arg in [None, Some("0"), Some("1"), Some("5"), Some("fd"), Some("res"), Some("flags")] {
            let arg = arg.filter(|_| info.arg != peregrine_filter::ArgRule::None);
            if let Ok(field) = catalog.bind(&info, arg)
                && !fields.contains(&field)
            {
                fields.push(field);
            }
        }
    }
    fields
}

#[test]
fn what_is_known_of_fields_is_true() {
    let catalog = Fields::syscall();
    let fields = fields(&catalog);
    let mut told = BTreeSet::new();
    for path in captures() {
        let mut replay = Replay::new(Session::default(), HostFiles::read());
        let mut reader = Reader::open(&path).expect("a capture");
        let mut seen = 0;
        let end = replay.run(&mut reader, |step| {
            let Step::Event { view, .. } = step else { return ControlFlow::Continue(()) };
            let event = view.record.code();
            for field in &fields {
                let mut values = Values::new();
                let exists = view.extract(field, &mut values);
                let told_of = match catalog.known(field, event) {
                    Known::Unknown => continue,
                    Known::Missing => !exists,
                    Known::Value(value) => exists && *values == [value],
                };
                let name = view.record.def().name;
                assert!(told_of, "{}: {field:?} of {name}: {values:?}", path.display());
                told.insert((field.id, event));
            }
            seen += 1;
            if seen < MOST { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        end.expect("readable");
    }
    if !captures().is_empty() {
        assert!(told.len() > 1_000, "{} fields of events were compared", told.len());
    }
}
