//! Captures replayed on several workers, against one: the small ones, and in an optimised build
//! (`make differential`) all of them, on 2, 3, 4, 8 and 16 workers.

mod rows;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use peregrine_capture::Reader;
use peregrine_engine::Detection;
use peregrine_engine::detector::Detector;
use peregrine_engine::replay::parallel::{Examiner, NewProcess, ParallelOptions, Partitioning};
use peregrine_engine::ruleset::{self, RuleOptions};
use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use peregrine_fields::view::{EventView, Session};
use peregrine_histories::Random;
use peregrine_output::{Encoding, LineFormat, StateQuality};

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
    paths.sort();
    if cfg!(debug_assertions) {
        // The large ones take too long; `make differential` has them.
        paths.retain(|path| std::fs::metadata(path).is_ok_and(|m| m.len() < 200_000));
    }
    if cfg!(tsan) {
        // Every memory access is watched.
        paths.retain(|path| std::fs::metadata(path).is_ok_and(|m| m.len() < 20_000));
        paths.truncate(2);
    }
    paths
}

/// Every field of the catalogue that an output may hold, those that need an argument with some, and
/// the alerts of the project's own rules: a row per event. Of most rows only a hash is kept.
struct Table {
    fields: Arc<Vec<(String, Template)>>,
    detection: Arc<Detection>,
    detector: Detector,
    format: LineFormat,
    /// The event whose row is wanted itself.
    shown: Option<u64>,
    row: Vec<u8>,
}

/// Arguments for fields that need one.
const ARGUMENTS: [&str; 10] =
    ["[0]", "[1]", "[2]", ".fd", ".name", ".flags", ".pid", ".res", ".cpu", "[PATH]"];

impl Table {
    fn new() -> Self {
        let known = Fields::syscall();
        let template = |name: &str| Template::parse(&format!("*%{name}"), &known).ok();
        let mut fields = Vec::new();
        for name in known.iter().map(|field| field.name) {
            let with = ARGUMENTS.iter().map(|argument| format!("{name}{argument}"));
            let names: Vec<String> =
                if template(name).is_some() { vec![name.to_owned()] } else { with.collect() };
            fields.extend(
                names.into_iter().filter_map(|name| Some((name.clone(), template(&name)?))),
            );
        }
        for name in ["aname", "aexe", "aexepath", "acmdline", "apid", "aenv"] {
            let names = (1..5).map(|level| format!("proc.{name}[{level}]"));
            fields.extend(names.filter_map(|name| Some((name.clone(), template(&name)?))));
        }
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules/peregrine_rules.yaml");
        let loaded = ruleset::load(&RuleOptions {
            paths: vec![rules.into()],
            session: session(),
            ..RuleOptions::default()
        });
        let detection = Arc::new(loaded.unwrap().detection);
        Self {
            fields: Arc::new(fields),
            detector: Detector::new(detection.clone()),
            detection,
            format: LineFormat::new(Encoding::json(), "golden"),
            shown: None,
            row: Vec::new(),
        }
    }

    /// The same, with nothing seen yet.
    fn again(&self, shown: Option<u64>) -> Self {
        let (fields, detection) = (self.fields.clone(), self.detection.clone());
        let detector = Detector::new(detection.clone());
        Self { fields, detection, detector, format: self.format.clone(), shown, row: Vec::new() }
    }
}

impl Examiner for Table {
    type Found = Vec<u8>;

    fn examine(&mut self, event: &EventView<'_>, is_for_rules: bool, found: &mut Vec<Vec<u8>>) {
        let Self { fields, detector, format, shown, row, .. } = self;
        row.clear();
        row.extend_from_slice(format!("{} {is_for_rules}", event.number).as_bytes());
        for (_, field) in fields.iter() {
            row.push(SEPARATOR);
            field.write(event, row);
        }
        row.push(SEPARATOR);
        if is_for_rules {
            detector.examine(event, event.number, StateQuality::Exact, |alert| {
                row.extend_from_slice(format.render(&alert).as_bytes());
            });
        }
        if *shown == Some(event.number) {
            found.push(row.clone());
        } else {
            let mut hash = DefaultHasher::new();
            row.hash(&mut hash);
            let number = event.number.to_le_bytes();
            found.push([hash.finish().to_le_bytes(), number].concat());
        }
    }
}

fn session() -> Session {
    Session { hostname: Some("golden".into()), containers: true, ..Session::default() }
}

/// Where two lists of hashed rows differ first.
fn event_that_differs(one: &[Vec<u8>], many: &[Vec<u8>]) -> Option<u64> {
    let (row, _) = one.iter().zip(many).find(|(a, b)| a != b)?;
    Some(u64::from_le_bytes(*row.last_chunk()?))
}

/// Breaks if what a field shows, or which alerts there are, depends on which worker looks at the
/// event, or when.
#[test]
fn every_field_of_every_event_is_that_of_one_worker() {
    // The worst: every process on another worker than its parent.
    let away = |p: NewProcess| p.parent_owner.map_or(p.pid as usize, |owner| owner + 1);
    let random = |p: NewProcess| Random::new(p.pid as u64).number() as usize;
    let mut setups = vec![
        (2, Partitioning::By(Arc::new(away))),
        (4, Partitioning::Hash),
        (3, Partitioning::Balanced),
    ];
    if !cfg!(debug_assertions) {
        setups.push((8, Partitioning::By(Arc::new(away))));
        setups.push((16, Partitioning::By(Arc::new(random))));
    }
    let table = Table::new();
    let (mut captures_seen, mut events, mut rows) = (0, 0, 0);
    for path in captures() {
        let reader = || Reader::open(&path).unwrap();
        let on_one = |shown| rows::on_one(&mut reader(), &session(), table.again(shown));
        let one = on_one(None);
        captures_seen += 1;
        events += one.len();
        for (workers, partitioning) in &setups {
            let what = format!("{}, {workers} workers, {partitioning:?}", path.display());
            let on_many = |shown| {
                let options = ParallelOptions {
                    partitioning: partitioning.clone(),
                    delay_seed: Some(1),
                    ..ParallelOptions::default()
                };
                let looks = (0..*workers).map(|_| table.again(shown)).collect();
                rows::on_many(&mut reader(), &session(), looks, &options)
            };
            let many = on_many(None);
            rows += many.len();
            if let Some(event) = event_that_differs(&one, &many) {
                let names = table.fields.iter().map(|(name, _)| &**name);
                let (one, many) = (on_one(Some(event)), on_many(Some(event)));
                panic!("{what}: {:?}", rows::difference(&one, &many, names));
            }
            assert_eq!(one.len(), many.len(), "{what}");
        }
    }
    let fields = table.fields.len();
    println!("{captures_seen} captures, {events} events, {fields} fields; {rows} rows compared");
}
