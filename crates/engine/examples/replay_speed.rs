//! How fast one worker replays a capture, part by part.
//!
//! `cargo run --release -p peregrine-engine --example replay_speed -- PART CAPTURE [ROUNDS [RULES]…]`
//!
//! Every part does what those before it do: `read` reads and takes blocks apart, `transcode` makes
//! records, `state` applies them, `rules` tries the rules (the built-in ones if none are given) and
//! counts alerts. Several rounds are for `scripts/instructions-replay.sh`, which takes the difference
//! between two numbers of rounds.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use peregrine_capture::{Item, Reader, Transcoded, Transcoder};
use peregrine_engine::detector::Detector;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::{Replay, Step};
use peregrine_engine::ruleset::{self, RuleOptions};
use peregrine_fields::view::Session;
use peregrine_output::StateQuality;

const USAGE: &str = "usage: replay_speed read|transcode|state|rules CAPTURE [ROUNDS [RULES]...]";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (part, path) = (args.next().ok_or(USAGE)?, args.next().ok_or(USAGE)?);
    let rounds: u32 = args.next().map_or(Ok(3), |n| n.parse())?;
    let rules: Vec<_> = args.map(Into::into).collect();
    let mut detector = None;
    if part == "rules" {
        let session = Session { containers: true, ..Session::default() };
        let loaded =
            ruleset::load(&RuleOptions { paths: rules, session, ..RuleOptions::default() })?;
        detector = Some(Detector::new(Arc::new(loaded.detection)));
    }
    for round in 1..=rounds {
        let mut reader = Reader::open(&path)?;
        let start = Instant::now();
        let alerts = match part.as_str() {
            "read" => read(&mut reader)?,
            "transcode" => transcode(&mut reader)?,
            "state" | "rules" => replay(&mut reader, detector.as_mut())?,
            _ => return Err(USAGE.into()),
        };
        report(&part, round, &reader, alerts, start.elapsed());
    }
    Ok(())
}

fn read(reader: &mut Reader) -> Result<u64, peregrine_capture::Error> {
    loop {
        if let Some(event) = reader.next_plain() {
            black_box(&event);
        } else if reader.next()?.is_none() {
            return Ok(0);
        }
    }
}

fn transcode(reader: &mut Reader) -> Result<u64, peregrine_capture::Error> {
    let mut transcoder = Transcoder::new();
    loop {
        if let Some(event) = reader.next_plain() {
            if let Some(numbered) = transcoder.transcode_plain(&event, 0) {
                black_box(&numbered);
            } else {
                black_box(transcoder.transcode(&event, 0)?);
            }
            continue;
        }
        match reader.next()? {
            Some(Item::Event(event)) => {
                black_box::<Transcoded<'_>>(transcoder.transcode(&event, 0)?);
            }
            Some(Item::Section { index: 1.. }) => transcoder.start_section(),
            Some(_) => {}
            None => return Ok(0),
        }
    }
}

fn replay(
    reader: &mut Reader,
    mut detector: Option<&mut Detector>,
) -> Result<u64, peregrine_capture::Error> {
    let session = Session { containers: true, ..Session::default() };
    let mut replay = Replay::new(session, HostFiles::default());
    let mut alerts = 0;
    replay.run(reader, |step| {
        if let Step::Event { view, is_for_rules: true } = step {
            match &mut detector {
                Some(detector) => {
                    detector.examine(view, view.number, StateQuality::Exact, |alert| {
                        black_box(alert);
                        alerts += 1;
                    });
                }
                None => _ = black_box(view),
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(alerts)
}

fn report(part: &str, round: u32, reader: &Reader, alerts: u64, time: Duration) {
    let (events, seconds) = (reader.events(), time.as_secs_f64());
    println!(
        "{part}, round {round}: {events} events, {:.2} M/s, {:.0} ns each, {:.0} MB/s, {alerts} alerts",
        events as f64 / seconds / 1e6,
        seconds * 1e9 / events.max(1) as f64,
        reader.offset() as f64 / seconds / 1e6,
    );
}
