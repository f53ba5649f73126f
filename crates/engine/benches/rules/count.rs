//! One pass over a capture, for callgrind.

use std::ops::ControlFlow;
use std::path::Path;

use crate::pass::{self, Captured, Chosen};

/// `--count CAPTURE FILES COPIES [EVENTS]`: replays the capture, or its first events, with the
/// first so many rules files; prints how many events there were and what the rules found.
pub fn run(args: &[String]) {
    let number = |at: usize| args.get(at).map(|n| n.parse::<u64>().expect("a number"));
    let shared = crate::shared().expect("rules and captures");
    let capture = args.first().expect("a capture");
    let captured = Captured::unread(Path::new(capture));
    let (files, copies) = (number(1).unwrap_or(0), number(2).unwrap_or(1));
    let chosen = Chosen::load(&shared, files as usize, copies as usize);
    let rules = chosen.rules();
    let most = number(3).unwrap_or(u64::MAX);
    let (events, evaluations, alerts) = counted(&captured, &chosen, most);
    println!("rules={rules} events={events} evaluations={evaluations} alerts={alerts}");
}

/// The part whose instructions are counted.
#[inline(never)]
fn counted(captured: &Captured, chosen: &Chosen, most: u64) -> (u64, u64, u64) {
    let mut detector = chosen.detector();
    let (mut evaluations, mut alerts) = (0, 0);
    let events = pass::replay(captured, |view, seen| {
        let found = pass::examine(detector.as_mut(), view);
        evaluations += found.0;
        alerts += found.1;
        if seen < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    (events, evaluations, alerts)
}
