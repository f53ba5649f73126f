//! What is done when events are lost: `syscall_event_drops`.
//!
//! Live, they are looked at once a second of wall time, so that a kernel side that delivers nothing
//! any more is noticed, too; in a replay the time is that of the events.

use std::sync::Arc;

use peregrine_config::keys::DropHandling;
use peregrine_config::types::DropAction;
use peregrine_event::Priority;
use peregrine_output::{Alert, AlertSender, FieldValue, RuleIdentity, StateQuality};

use crate::service::log::Log;

/// Name of the alert.
pub const RULE: &str = "Falco internal: syscall event drop";

/// Figures since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Events that the kernel side saw, lost ones among them.
    pub events: u64,
    /// Events that found no room.
    pub drops: u64,
}

/// What shall be done now.
#[derive(Debug, Clone, PartialEq)]
pub struct Reaction {
    /// What happened.
    pub message: String,
    /// What to do about it, in order.
    pub actions: Vec<DropAction>,
    /// What an alert says.
    pub figures: Figures,
}

/// Watches the figures.
pub struct DropMonitor {
    handling: DropHandling,
    last: Figures,
    tokens: f64,
    /// When tokens were last counted, in nanoseconds.
    refilled_ns: u64,
    /// Seconds with too many drops.
    pub occurrences: u64,
    /// How often something was done.
    pub actions_taken: u64,
}

impl DropMonitor {
    /// A monitor.
    pub fn new(handling: DropHandling, now_ns: u64) -> Self {
        Self {
            tokens: handling.max_burst,
            handling,
            last: Figures::default(),
            refilled_ns: now_ns,
            occurrences: 0,
            actions_taken: 0,
        }
    }

    /// Other settings; what was counted stays.
    pub fn set(&mut self, handling: DropHandling) {
        self.tokens = self.tokens.min(handling.max_burst);
        self.handling = handling;
    }

    /// Looks at the figures; to be called about once a second, with the time in nanoseconds.
    pub fn look(&mut self, figures: Figures, now_ns: u64) -> Option<Reaction> {
        let simulated = self.handling.simulate_drops;
        let mut new = Figures {
            events: figures.events.saturating_sub(self.last.events),
            drops: figures.drops.saturating_sub(self.last.drops),
        };
        self.last = figures;
        if simulated {
            new.drops += 1;
        }
        if new.drops == 0 {
            return None;
        }
        let share = new.drops as f64 / new.events.max(1) as f64;
        if !simulated && share <= self.handling.threshold {
            return None;
        }
        self.occurrences += 1;
        let seconds = now_ns.saturating_sub(self.refilled_ns) as f64 / 1e9;
        let earned = seconds * self.handling.rate;
        self.refilled_ns = now_ns;
        self.tokens = (self.tokens + earned).min(self.handling.max_burst);
        if self.tokens < 1.0 {
            return None;
        }
        self.tokens -= 1.0;
        self.actions_taken += 1;
        Some(Reaction {
            message: format!("{RULE}. {} system calls dropped in last second.", new.drops),
            actions: self.handling.actions.clone(),
            figures: new,
        })
    }
}

impl Reaction {
    /// Does what is to be done; true if that is to stop.
    pub fn act(
        &self,
        log: &Log,
        sender: &AlertSender,
        time_ns: u64,
        by_class: &[(String, u64)],
    ) -> bool {
        let mut is_over = false;
        for action in &self.actions {
            match action {
                DropAction::Ignore => {}
                DropAction::Log => log.debug(&self.message),
                DropAction::Alert => _ = sender.send(self.alert(time_ns, by_class)),
                DropAction::Exit => {
                    log.say(Priority::Critical, &self.message);
                    log.say(Priority::Critical, "Exiting.");
                    is_over = true;
                }
            }
        }
        is_over
    }

    /// The alert.
    pub fn alert(&self, time_ns: u64, by_class: &[(String, u64)]) -> Alert {
        let text = |number: u64| FieldValue::Text(number.to_string());
        let mut fields: Vec<(Arc<str>, FieldValue)> = vec![
            ("n_evts".into(), text(self.figures.events)),
            ("n_drops".into(), text(self.figures.drops)),
            ("n_drops_buffer_total".into(), text(self.figures.drops)),
            ("ebpf_enabled".into(), FieldValue::Text("1".into())),
        ];
        fields.extend(by_class.iter().map(|(name, count)| (name.as_str().into(), text(*count))));
        Alert {
            time_ns,
            sequence: time_ns,
            rule: RuleIdentity::internal(RULE, Priority::Debug),
            message: self.message.clone(),
            fields,
            state: StateQuality::Exact,
            lineage: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handling(threshold: f64) -> DropHandling {
        DropHandling { threshold, actions: vec![DropAction::Alert], ..DropHandling::default() }
    }

    #[test]
    fn only_a_share_above_the_threshold_counts_and_the_bucket_limits() {
        let second = |n: u64| n * 1_000_000_000;
        let mut monitor = DropMonitor::new(handling(0.1), 0);
        let figures = |events, drops| Figures { events, drops };
        assert_eq!(monitor.look(figures(100, 0), second(1)), None);
        assert_eq!(monitor.look(figures(200, 10), second(2)), None, "not above the threshold");
        let reaction = monitor.look(figures(300, 30), second(3)).unwrap();
        assert_eq!(reaction.figures, figures(100, 20));
        assert!(reaction.message.ends_with("20 system calls dropped in last second."));
        assert_eq!(monitor.look(figures(400, 60), second(4)), None, "the bucket is empty");
        assert!(monitor.look(figures(500, 90), second(40)).is_some(), "30 s earn a token");
        assert_eq!((monitor.occurrences, monitor.actions_taken), (3, 2));
    }

    #[test]
    fn drops_can_be_simulated() {
        let handling = DropHandling { simulate_drops: true, ..handling(1.0) };
        let mut monitor = DropMonitor::new(handling, 0);
        let reaction = monitor.look(Figures::default(), 0).unwrap();
        assert_eq!(reaction.figures.drops, 1);
        let alert = reaction.alert(7, &[("n_drops_class_other".into(), 1)]);
        assert_eq!(alert.rule.name(), RULE);
    }
}
