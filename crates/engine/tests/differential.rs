//! Made-up histories replayed on several workers, against one.
//!
//! `PEREGRINE_SEEDS=5000` tries more seeds (`make differential`), `PEREGRINE_SEED=17` that one.

mod names;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use peregrine_capture::Reader;
use peregrine_engine::Detection;
use peregrine_engine::detector::Detector;
use peregrine_engine::replay::parallel::{Examiner, NewProcess, ParallelOptions, Partitioning};
use peregrine_engine::ruleset::{self, RuleOptions};
use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use peregrine_fields::view::{EventView, Session};
use peregrine_histories::{History, Random, play, shrink};
use peregrine_output::{Encoding, LineFormat, StateQuality};
use peregrine_rules::RuleMatching;

use rows::SEPARATOR;

const RULES: &str = r#"
- list: shells
  items: [bash, sh]
- rule: opens
  desc: d
  condition: evt.type = openat and proc.pname in (shells) and fd.name startswith /
  output: "%evt.num %proc.name %proc.pname %proc.aname[2] %fd.name %proc.cwd %user.name"
  priority: NOTICE
- rule: runs
  desc: d
  condition: evt.type in (execve, execveat) and proc.aname in (sshd, nginx)
  output: "%evt.num %proc.exepath %proc.pexepath %proc.aexepath[2] %proc.sname %proc.pcmdline"
  priority: WARNING
- rule: reads
  desc: d
  condition: evt.type in (read, write) and (fd.name contains a or proc.args contains now)
  output: "%evt.num %fd.name %fd.types[1] %proc.cmdline %proc.vpid %container.id"
  priority: INFO
- rule: ends
  desc: d
  condition: evt.type = procexit and proc.ppid > 1
  output: "%evt.num %proc.ppid %proc.apid[2] %proc.nthreads %proc.pgid.name %thread.tid"
  priority: DEBUG
- rule: clones
  desc: d
  condition: evt.type in (clone, fork, vfork, clone3)
  output: "%evt.num %evt.args %proc.name %proc.pid %proc.ppid %proc.vpgid.exe"
  priority: DEBUG
"#;

/// What is compared: all fields that look beyond the event, per event, and the alerts.
struct Look {
    fields: Arc<Vec<(String, Template)>>,
    detector: Detector,
    format: LineFormat,
}

impl Look {
    fn row(&mut self, event: &EventView<'_>, is_for_rules: bool) -> Vec<u8> {
        let mut row =
            format!("{} {} {is_for_rules}", event.number, event.record.def().name).into_bytes();
        for (_, field) in self.fields.iter() {
            row.push(SEPARATOR);
            field.write(event, &mut row);
        }
        row.push(SEPARATOR);
        if is_for_rules {
            let Self { detector, format, .. } = self;
            detector.examine(event, event.number, StateQuality::Exact, |alert| {
                row.extend_from_slice(format.render(&alert).as_bytes());
            });
        }
        row
    }
}

impl Examiner for Look {
    type Found = Vec<u8>;

    fn examine(&mut self, event: &EventView<'_>, is_for_rules: bool, found: &mut Vec<Vec<u8>>) {
        found.push(self.row(event, is_for_rules));
    }
}

/// What all looks share.
struct Tools {
    fields: Arc<Vec<(String, Template)>>,
    detection: Arc<Detection>,
    session: Session,
}

impl Tools {
    fn new() -> Self {
        let session =
            Session { hostname: Some("made-up".into()), containers: true, ..Session::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        std::fs::write(&path, RULES).unwrap();
        let loaded = ruleset::load(&RuleOptions {
            paths: vec![path],
            matching: RuleMatching::All,
            session: session.clone(),
            ..RuleOptions::default()
        });
        let detection = Arc::new(loaded.unwrap().detection);
        let known = Fields::syscall();
        let names = names::of_what_looks_beyond();
        let template = |name: &String| Template::parse(&format!("*%{name}"), &known).ok();
        let fields = names.iter().filter_map(|name| Some((name.clone(), template(name)?)));
        Self { fields: Arc::new(fields.collect()), detection, session }
    }

    fn look(&self) -> Look {
        Look {
            fields: self.fields.clone(),
            detector: Detector::new(self.detection.clone()),
            format: LineFormat::new(Encoding::json(), "made-up"),
        }
    }

    fn on_one(&self, capture: &[u8]) -> Vec<Vec<u8>> {
        rows::on_one(&mut reader(capture), &self.session, self.look())
    }

    fn on_many(&self, capture: &[u8], setup: &Setup) -> Vec<Vec<u8>> {
        let looks = (0..setup.workers).map(|_| self.look()).collect();
        rows::on_many(&mut reader(capture), &self.session, looks, &setup.options())
    }

    fn difference(&self, one: &[Vec<u8>], many: &[Vec<u8>]) -> Option<String> {
        rows::difference(one, many, self.fields.iter().map(|(name, _)| &**name))
    }
}

fn reader(capture: &[u8]) -> Reader {
    Reader::new(std::io::Cursor::new(capture.to_vec())).unwrap()
}

/// How a history is replayed, made from its seed.
#[derive(Debug, Clone, Copy)]
struct Setup {
    seed: u64,
    workers: usize,
    epoch_events: usize,
    partition: u64,
}

impl Setup {
    fn of_seed(seed: u64, workers: usize) -> Self {
        let mut random = Random::new(seed ^ ((workers as u64) << 48));
        let magnitude = random.below(8);
        let epoch_events = 1 + random.below(1 << magnitude) as usize;
        Self { seed, workers, epoch_events, partition: random.below(5) }
    }

    fn options(&self) -> ParallelOptions {
        let seed = self.seed;
        let partitioning = match self.partition {
            0 => Partitioning::Balanced,
            1 => Partitioning::Hash,
            // The worst: every process on another worker than its parent.
            2 | 3 => Partitioning::By(Arc::new(|new: NewProcess| {
                new.parent_owner.map_or(new.pid as usize, |owner| owner + 1)
            })),
            _ => Partitioning::By(Arc::new(move |new: NewProcess| {
                Random::new(seed ^ new.pid as u64).number() as usize
            })),
        };
        ParallelOptions {
            partitioning,
            epoch_events: self.epoch_events.try_into().unwrap(),
            queued_epochs: 1 + (seed % 4) as usize,
            delay_seed: Some(seed),
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Breaks if what is seen of any event depends on the number of workers, on who owns which
/// process, on the size of epochs, or on the order in which workers get on.
#[test]
fn histories_look_the_same_to_any_number_of_workers() {
    let tools = Tools::new();
    let only = number("PEREGRINE_SEED");
    let seeds = match only {
        Some(seed) => seed..seed + 1,
        None => 0..number("PEREGRINE_SEEDS").unwrap_or(200),
    };
    let (mut rows, mut replays, mut by_kind) = (0, 0, BTreeMap::new());
    for seed in seeds {
        let acts = [12, 30, 60, 120][(seed % 4) as usize];
        let history = History::of_seed(seed, acts);
        let capture = play(&history).capture().unwrap();
        let one = tools.on_one(&capture);
        for row in &one {
            let kind = row.split(|b| *b == b' ').nth(1).unwrap_or_default();
            *by_kind.entry(String::from_utf8_lossy(kind).into_owned()).or_insert(0u64) += 1;
        }
        // In turn, so that a few seeds have them all.
        let counts: &[usize] = match seed % 3 {
            0 => &[2, 4],
            1 => &[3, 8],
            _ => &[2, 16],
        };
        for workers in counts {
            let setup = Setup::of_seed(seed, *workers);
            replays += 1;
            rows += one.len();
            if let Some(text) = tools.difference(&one, &tools.on_many(&capture, &setup)) {
                fail(&tools, &history, &setup, &text);
            }
        }
    }
    println!("{replays} replays, {rows} rows; events of the histories: {by_kind:?}");
    assert!(only.is_some() || by_kind.len() > 20);
}

fn fail(tools: &Tools, history: &History, setup: &Setup, text: &str) -> ! {
    let differs = |history: &History| {
        let capture = play(history).capture().unwrap();
        let one = tools.on_one(&capture);
        // What depends on the order of threads may take a few tries to show.
        (0..3).find_map(|_| tools.difference(&one, &tools.on_many(&capture, setup)))
    };
    let least = shrink(history, |history| differs(history).is_some());
    let story = play(&least).story;
    let now = differs(&least);
    panic!("{text}\n{setup:?}\nshrunk to {} acts: {now:?}\n{story}", least.acts.len());
}
