//! Replaying a capture with rules.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use peregrine_capture::Reader;
use peregrine_engine::detector::Detector;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::{Replay, Step};
use peregrine_engine::ruleset::{self, Detection, RuleOptions};
use peregrine_fields::view::{EventView, Session};
use peregrine_output::StateQuality;

use crate::copies;

/// The largest capture, below the shared folder.
pub const LARGEST: &str = "conformance/captures/vm-load.scap.gz";

/// Falco's rules files, the stable ones first.
const RULES: [&str; 3] = [
    "falco-rules/falco_rules.yaml",
    "falco-rules/falco-incubating_rules.yaml",
    "falco-rules/falco-sandbox_rules.yaml",
];

/// A capture.
pub struct Captured {
    path: PathBuf,
    events: u64,
}

impl Captured {
    /// Looks at a capture and counts its events.
    pub fn read(path: &Path) -> Self {
        let mut captured = Self::unread(path);
        captured.events = replay(&captured, |_, _| ControlFlow::Continue(()));
        captured
    }

    /// A capture whose events are not counted.
    pub fn unread(path: &Path) -> Self {
        Self { path: path.to_owned(), events: 0 }
    }

    /// Events that rules see.
    pub fn events(&self) -> u64 {
        self.events
    }
}

/// Rules to try.
pub struct Chosen(Option<Arc<Detection>>);

impl Chosen {
    /// Loads the first so many of Falco's rules files; with more than one copy, each further one
    /// has other names and other constants.
    pub fn load(shared: &Path, files: usize, copies: usize) -> Self {
        let paths: Vec<PathBuf> = RULES[..files].iter().map(|name| shared.join(name)).collect();
        if paths.is_empty() {
            return Self(None);
        }
        Self(Some(Arc::new(load(&paths, copies))))
    }

    /// How many they are.
    pub fn rules(&self) -> usize {
        self.0.as_ref().map_or(0, |detection| detection.enabled())
    }

    /// A detector for them; `None` for no rules.
    pub fn detector(&self) -> Option<Detector> {
        self.0.clone().map(Detector::new)
    }
}

fn load(paths: &[PathBuf], copies: usize) -> Detection {
    let mut options = RuleOptions { paths: paths.to_vec(), ..RuleOptions::default() };
    let loaded = ruleset::load(&options).expect("Falco's rules load");
    if copies <= 1 {
        return loaded.detection;
    }
    let directory = std::env::temp_dir();
    let path = directory.join(format!("peregrine-copies-{}.yaml", std::process::id()));
    std::fs::write(&path, copies::of(&loaded.detection, copies)).expect("the copies are written");
    options.paths.push(path.clone());
    let loaded = ruleset::load(&options);
    std::fs::remove_file(&path).expect("the copies were written");
    loaded.unwrap_or_else(|error| panic!("{error}")).detection
}

/// Replays a capture; gives the number of events that rules see.
pub fn replay(
    captured: &Captured,
    mut each: impl FnMut(&EventView<'_>, u64) -> ControlFlow<()>,
) -> u64 {
    let mut reader = Reader::open(&captured.path).expect("the capture opens");
    let session = Session { hostname: Some("host".into()), ..Session::default() };
    let mut replay = Replay::new(session, HostFiles::default());
    let mut seen = 0;
    let result = replay.run(&mut reader, |step| match step {
        Step::Event { view, is_for_rules: true } => {
            seen += 1;
            each(view, seen)
        }
        _ => ControlFlow::Continue(()),
    });
    result.expect("the capture is whole");
    seen
}

/// What the engine does with an event; kept apart so that its instructions can be counted.
#[inline(never)]
pub fn examine(detector: Option<&mut Detector>, view: &EventView<'_>) -> (u64, u64) {
    let Some(detector) = detector else { return (0, 0) };
    let examined = detector.examine(view, view.number, StateQuality::Exact, |_| {});
    (examined.evaluations, examined.alerts)
}
