//! What the rules cost per event of a recorded capture: `cargo bench -p peregrine-engine`.
//!
//! `--count` is for `scripts/instructions.sh`, which counts instructions with callgrind instead of
//! measuring time.

mod copies;
mod count;
mod pass;

use std::ops::ControlFlow;
use std::path::PathBuf;

use divan::counter::ItemsCount;
use pass::{Captured, Chosen};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == "--count") {
        return count::run(&args[1..]);
    }
    match shared() {
        Ok(_) => divan::main(),
        Err(why) => println!("skipped: {why}"),
    }
}

/// The folder with captures and rules.
fn shared() -> Result<PathBuf, String> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("PEREGRINE_SHARED")
        .map_or_else(|| here.join("../../../shared"), PathBuf::from);
    let capture = folder.join(pass::LARGEST);
    if capture.exists() { Ok(folder) } else { Err(format!("{} is missing", capture.display())) }
}

/// A capture of processes that open, read and close files, with no rule, the stable rules, all
/// rules and ten times all rules.
#[divan::bench(args = [(0, 0), (1, 1), (3, 1), (3, 10)], sample_count = 5, sample_size = 1)]
fn recorded_events(bencher: divan::Bencher, (files, copies): (usize, usize)) {
    let Ok(shared) = shared() else { return };
    let captured = Captured::read(&shared.join(pass::LARGEST));
    let chosen = Chosen::load(&shared, files, copies);
    bencher.counter(ItemsCount::new(captured.events())).bench_local(|| {
        let mut detector = chosen.detector();
        pass::replay(&captured, |view, _| {
            pass::examine(detector.as_mut(), view);
            ControlFlow::Continue(())
        })
    });
}
