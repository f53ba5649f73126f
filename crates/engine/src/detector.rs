//! One worker's evaluation of the rules: [`Detector`].

use std::sync::Arc;

use peregrine_fields::value::sanitize;
use peregrine_fields::view::EventView;
use peregrine_filter::Evaluator;
use peregrine_output::{Alert, FieldValue, StateQuality};
use peregrine_rules::RuleMatching;
use serde_json::Value as Json;

use crate::ruleset::{ActiveRule, Detection};

/// Evaluates the rules for the events of one worker. Holds the worker's scratch space.
pub struct Detector {
    detection: Arc<Detection>,
    evaluator: Evaluator,
    text: Vec<u8>,
    matches: Vec<u64>,
}

/// What an event cost and brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Examined {
    /// Conditions evaluated.
    pub evaluations: u64,
    /// Rules that matched.
    pub alerts: u64,
    /// How long they keep a capture going, in nanoseconds.
    pub capture_ns: Option<u64>,
}

impl Detector {
    /// A detector with its own scratch space.
    pub fn new(detection: Arc<Detection>) -> Self {
        let evaluator = Evaluator::new(detection.program.clone());
        let matches = vec![0; detection.rules.len()];
        Self { detection, evaluator, text: Vec::new(), matches }
    }

    /// The rules.
    pub fn detection(&self) -> &Arc<Detection> {
        &self.detection
    }

    /// Matches per rule so far, by the rule's index.
    pub fn matches(&self) -> &[u64] {
        &self.matches
    }

    /// Tries an event with the rules its type can satisfy; hands each alert to `emit`.
    pub fn examine(
        &mut self,
        event: &EventView<'_>,
        sequence: u64,
        state: StateQuality,
        mut emit: impl FnMut(Alert),
    ) -> Examined {
        let mut examined = Examined::default();
        let detection = &*self.detection;
        let candidates = detection.candidates(&event.record);
        if candidates.is_empty() {
            return examined;
        }
        self.evaluator.begin_event();
        let mut evaluation = self.evaluator.on(event);
        for index in candidates {
            let rule = &detection.rules[index.0 as usize];
            examined.evaluations += 1;
            if evaluation.matches(rule.condition) {
                examined.alerts += 1;
                examined.capture_ns = examined.capture_ns.max(rule.capture_ns);
                self.matches[index.0 as usize] += 1;
                emit(alert(rule, event, sequence, state, &mut self.text));
                if detection.matching == RuleMatching::First {
                    break;
                }
            }
        }
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
        time_ns: event.record.ts(),
        sequence,
        rule: rule.identity.clone(),
        message,
        fields,
        state,
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
