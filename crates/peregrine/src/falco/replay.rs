//! `engine.kind: replay`: a capture instead of this machine.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use peregrine_engine::Replay;
use peregrine_engine::detector::Detector;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::Step;
use peregrine_engine::ruleset::Detection;
use peregrine_output::StateQuality;

use super::{Falco, drop_statistics, rules};
use crate::print;
use crate::replaying::input::{self, Input};
use crate::service::drops::{DropMonitor, Figures};
use crate::service::outputs::{self, Delivery};

/// How often lost events are looked at.
const SECOND_NS: u64 = 1_000_000_000;

impl Falco<'_> {
    /// Replays the capture that the configuration names.
    pub fn replay(&self, detection: Arc<Detection>) -> anyhow::Result<ExitCode> {
        let settings = &self.config.settings;
        let path = &settings.engine.replay.capture_file;
        let Input { mut reader, .. } = input::open(Path::new(path))?;
        self.log.info("Loaded event sources: syscall");
        self.log.info(format!("Reading events from file: {path}"));
        let hostname = super::support::hostname();
        let outputs =
            outputs::start(settings, &hostname, "falco", Delivery::Lossless, false)?.outputs;
        let sender = outputs.sender();
        let mut detector = Detector::new(detection);
        let session = detector.detection().session.clone();
        let mut replay = Replay::new(session, HostFiles::read());
        let end = (self.options.seconds > 0)
            .then(|| Instant::now() + Duration::from_secs(self.options.seconds));
        let mut events = 0u64;
        let mut drops = DropMonitor::new(settings.syscall_event_drops.clone(), 0);
        let mut next_look_ns = 0;
        let mut is_given_up = false;
        let result = replay.run(&mut reader, |step| {
            match step {
                Step::Event { view, is_for_rules: true } => {
                    events += 1;
                    let time_ns = view.record.ts();
                    if next_look_ns == 0 {
                        next_look_ns = time_ns + SECOND_NS;
                    } else if next_look_ns < time_ns {
                        next_look_ns = time_ns + SECOND_NS;
                        if let Some(reaction) = drops.look(Figures { events, drops: 0 }, time_ns) {
                            is_given_up |= reaction.act(&self.log, &sender, time_ns, &[]);
                        }
                    }
                    detector.examine(view, view.number, StateQuality::Exact, |alert| {
                        sender.send(alert);
                    });
                }
                Step::Damage(error) => self.log.warning(error.to_string()),
                _ => {}
            }
            // The clock is not asked for every event.
            let is_over =
                events.is_multiple_of(1024) && end.is_some_and(|end| Instant::now() >= end);
            if is_over || is_given_up { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        drop(sender);
        let report = outputs.shutdown(None);
        for sink in report.totals.sinks.iter().filter(|sink| sink.lost() > 0) {
            let reason = sink.last_error.as_deref().unwrap_or("no reason given");
            self.log.error(format!("{} alerts did not reach {}: {reason}", sink.lost(), sink.name));
        }
        eprint!("{}", drop_statistics(drops.occurrences, drops.actions_taken));
        let all = &detector.detection().rules;
        let counted: Vec<(String, u64)> = all
            .iter()
            .zip(detector.matches())
            .map(|(rule, count)| (rule.identity.name().to_owned(), *count))
            .collect();
        print(&rules::statistics(&counted, &|name| {
            all.iter()
                .find(|rule| rule.identity.name() == name)
                .map(|rule| rule.identity.priority())
        }))?;
        result?;
        if is_given_up {
            bail!("events were lost, and syscall_event_drops.actions says to exit");
        }
        Ok(ExitCode::SUCCESS)
    }
}
