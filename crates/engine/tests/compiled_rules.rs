//! What rules become for each type of event must mean what they mean: over all recorded events.

use std::ops::ControlFlow;
use std::path::PathBuf;

use peregrine_capture::Reader;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::{Replay, Step};
use peregrine_engine::ruleset::{self, Detection, RuleOptions};
use peregrine_fields::view::{EventView, Session};
use peregrine_filter::Evaluator;

/// Events of each capture that are looked at: the largest has a million alike.
const MOST_EVENTS: u64 = 100_000;

/// The folder with captures and rules; says why there is none.
fn shared() -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("PEREGRINE_SHARED")
        .map_or_else(|| here.join("../../../shared"), PathBuf::from);
    if folder.join("conformance/captures").is_dir() {
        return Some(folder);
    }
    println!("skipped: no captures in {}", folder.display());
    None
}

fn each_event(mut look: impl FnMut(&EventView<'_>)) -> u64 {
    let Some(shared) = shared() else { return 0 };
    let mut total = 0;
    for file in std::fs::read_dir(shared.join("conformance/captures")).unwrap() {
        let path = file.unwrap().path();
        if !path.to_string_lossy().ends_with(".scap.gz") {
            continue;
        }
        let mut reader = Reader::open(&path).unwrap();
        let mut replay = Replay::new(Session::default(), HostFiles::default());
        let mut seen = 0;
        replay
            .run(&mut reader, |step| {
                if let Step::Event { view, is_for_rules: true } = step {
                    look(view);
                    seen += 1;
                }
                if seen < MOST_EVENTS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .unwrap();
        total += seen;
    }
    total
}

/// The rules found by the plans are those found by trying each condition as it was written.
#[test]
fn plans_find_what_the_conditions_find() {
    let Some(shared) = shared() else { return };
    let names = ["falco_rules", "falco-incubating_rules", "falco-sandbox_rules"];
    let paths = names.map(|name| shared.join(format!("falco-rules/{name}.yaml")));
    if !paths.iter().all(|path| path.exists()) {
        println!("skipped: no rules in {}", shared.display());
        return;
    }
    let options = RuleOptions { paths: paths.into(), ..RuleOptions::default() };
    let loaded = ruleset::load(&options).unwrap_or_else(|error| panic!("{error}"));
    let detection: Detection = loaded.detection;
    let mut one_by_one = Evaluator::new(detection.program.clone());
    let mut planned = Evaluator::new(detection.plans.program().clone());
    let mut found = 0;
    each_event(|view| {
        one_by_one.begin_event();
        let mut conditions = one_by_one.on(view);
        let wanted: Vec<u32> = detection
            .candidates(&view.record)
            .iter()
            .map(|index| index.0)
            .filter(|index| conditions.matches(detection.rules[*index as usize].condition))
            .collect();
        let (mut all, mut first) = (Vec::new(), None);
        if let Some(plan) = detection.plan(&view.record) {
            planned.examine(plan, view, |tag, holds| {
                all.extend(holds.then_some(tag));
                ControlFlow::Continue(())
            });
            planned.examine(plan, view, |tag, holds| {
                first = holds.then_some(tag);
                if holds { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        assert_eq!(all, wanted, "event {} {}", view.number, view.record.def().name);
        assert_eq!(first, wanted.first().copied());
        found += wanted.len();
    });
    assert!(found > 50, "{found} alerts");
}
