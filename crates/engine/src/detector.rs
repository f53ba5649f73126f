//! One worker's evaluation of the rules: [`Detector`].

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use peregrine_fields::value::sanitize;
use peregrine_fields::view::EventView;
use peregrine_filter::Evaluator;
use peregrine_output::{Alert, FieldValue, StateQuality};
use peregrine_rules::RuleMatching;
use serde_json::Value as Json;

use crate::published::RuleTotals;
use crate::ruleset::{ActiveRule, Detection};

/// Evaluates the rules for the events of one worker. Holds the worker's scratch space.
pub struct Detector {
    detection: Arc<Detection>,
    evaluator: Evaluator,
    text: Vec<u8>,
    matches: Vec<u64>,
    costs: Vec<Cost>,
    /// Events until the next one whose evaluations are timed.
    until_timed: u32,
}

/// One event in so many has its evaluations timed: reading the clock costs as much as a condition.
const TIMED: u32 = 128;

/// What a rule cost so far.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    evaluations: u64,
    timed_ns: u64,
    /// What has been told of it.
    told: RuleTotals,
}

/// What an event cost and brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Examined {
    /// Conditions that had to be looked at one by one.
    pub evaluations: u64,
    /// Rules that matched.
    pub alerts: u64,
    /// How long they keep a capture going, in nanoseconds.
    pub capture_ns: Option<u64>,
}

impl Detector {
    /// A detector with its own scratch space.
    pub fn new(detection: Arc<Detection>) -> Self {
        let evaluator = Evaluator::new(detection.plans.program().clone());
        let matches = vec![0; detection.rules.len()];
        let costs = vec![Cost::default(); detection.rules.len()];
        Self { detection, evaluator, text: Vec::new(), matches, costs, until_timed: TIMED }
    }

    /// The rules.
    pub fn detection(&self) -> &Arc<Detection> {
        &self.detection
    }

    /// Matches per rule so far, by the rule's index.
    pub fn matches(&self) -> &[u64] {
        &self.matches
    }

    /// Tells what each rule did since the last call, by name.
    pub fn take_costs(&mut self, mut tell: impl FnMut(&str, RuleTotals)) {
        let counted = self.costs.iter_mut().zip(&self.matches);
        for (rule, (cost, matches)) in self.detection.rules.iter().zip(counted) {
            let now = RuleTotals {
                matches: *matches,
                evaluations: cost.evaluations,
                time_ns: cost.timed_ns * u64::from(TIMED),
            };
            if now != cost.told {
                let told = std::mem::replace(&mut cost.told, now);
                tell(
                    rule.identity.name(),
                    RuleTotals {
                        matches: now.matches - told.matches,
                        evaluations: now.evaluations - told.evaluations,
                        time_ns: now.time_ns - told.time_ns,
                    },
                );
            }
        }
    }

    /// Takes matches back whose alerts are given up because the event is tried again later.
    pub fn take_back(&mut self, alerts: &[Alert]) {
        for alert in alerts {
            let found = self
                .detection
                .rules
                .iter()
                .position(|rule| Arc::ptr_eq(&rule.identity, &alert.rule));
            if let Some(index) = found {
                self.matches[index] -= 1;
            }
        }
    }

    /// Tries an event with the rules its type can satisfy; hands each alert to `emit`.
    #[inline]
    pub fn examine(
        &mut self,
        event: &EventView<'_>,
        sequence: u64,
        state: StateQuality,
        mut emit: impl FnMut(Alert),
    ) -> Examined {
        let detection = &*self.detection;
        let Some(plan) = detection.plan(&event.record) else { return Examined::default() };
        self.until_timed -= 1;
        let mut began = None;
        if self.until_timed == 0 {
            self.until_timed = TIMED;
            began = Some(Instant::now());
        }
        let mut examined = Examined::default();
        examined.evaluations = self.evaluator.examine(plan, event, |index, holds| {
            let rule = &detection.rules[index as usize];
            let cost = &mut self.costs[index as usize];
            cost.evaluations += 1;
            // What all rules share counts for the first that is looked at.
            if let Some(began) = &mut began {
                let now = Instant::now();
                cost.timed_ns += (now - *began).as_nanos() as u64;
                *began = now;
            }
            if !holds {
                return ControlFlow::Continue(());
            }
            examined.alerts += 1;
            examined.capture_ns = examined.capture_ns.max(rule.capture_ns);
            self.matches[index as usize] += 1;
            let mut alert = alert(rule, event, sequence, state, &mut self.text);
            if let Some(lineage) = &detection.lineage {
                alert.lineage = lineage.of(event);
            }
            emit(alert);
            match detection.matching {
                RuleMatching::First => ControlFlow::Break(()),
                RuleMatching::All => ControlFlow::Continue(()),
            }
        });
        examined
    }
}

fn alert(
    rule: &ActiveRule,
    event: &EventView<'_>,
    sequence: u64,
    state: StateQuality,
    text: &mut Vec<u8>,
) -> Alert {
    text.clear();
    rule.output.write(event, text);
    let message = sanitize(std::mem::take(text));
    let (fields, _) = rule.output.fields(event, false);
    let mut fields: Vec<(Arc<str>, FieldValue)> =
        fields.into_iter().map(|(name, value)| (name, field_value(value))).collect();
    for (key, template, is_raw) in &rule.extra_fields {
        let value = if *is_raw {
            let (values, _) = template.fields(event, true);
            values.into_iter().last().map_or(FieldValue::Null, |(_, value)| field_value(value))
        } else {
            let mut formatted = Vec::new();
            template.write(event, &mut formatted);
            FieldValue::from_bytes(&formatted)
        };
        fields.push((key.clone(), value));
    }
    Alert {
        time_ns: event.time_ns(),
        sequence,
        rule: rule.identity.clone(),
        message,
        fields,
        state,
        lineage: Vec::new(),
    }
}

fn field_value(value: Json) -> FieldValue {
    match value {
        Json::Null => FieldValue::Null,
        Json::Bool(b) => FieldValue::Bool(b),
        Json::Number(n) => match (n.as_u64(), n.as_i64()) {
            (Some(unsigned), _) => FieldValue::Uint(unsigned),
            (None, Some(signed)) => FieldValue::Int(signed),
            _ => FieldValue::Double(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => FieldValue::Text(text),
        Json::Array(values) => FieldValue::List(values.into_iter().map(field_value).collect()),
        Json::Object(_) => FieldValue::Text(value.to_string()),
    }
}
