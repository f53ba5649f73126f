//! What the rules become for each type of event.

use std::sync::Arc;

use peregrine_event::syscalls::SYSCALL_NAMES;
use peregrine_event::{EventCode, Value, code};
use peregrine_filter::{Catalog, Known, PlanId, Program, Specialiser};

use crate::ruleset::{EventIndex, RuleIndex, SourceRules};

/// No rule can hold for such events.
const NONE: u32 = u32::MAX;

/// A plan for each type of event: its rules, compiled for events of this type only. The tags of a
/// plan are the indexes of rules ([`RuleIndex`]).
#[derive(Debug, Clone)]
pub struct EventPlans {
    program: Arc<Program>,
    by_event: Vec<u32>,
    /// By portable syscall id, for the generic event.
    by_syscall: Vec<u32>,
}

impl EventPlans {
    /// Compiles the rules that an index gives for each type of event. The catalogue is that of the
    /// rules' event source.
    pub fn new(source: &SourceRules, index: &EventIndex, catalog: &dyn Catalog) -> Self {
        let types = ["evt.type", "syscall.type"].map(|name| catalog.field(name).map(|f| f.id));
        let mut specialiser = Specialiser::new(source.program());
        let mut plan = |rules: &[RuleIndex], event: EventCode, syscall: u16| {
            let conditions: Vec<_> =
                rules.iter().map(|rule| (source.rule(*rule).condition, rule.0)).collect();
            let plan = specialiser.plan(&conditions, &|field| match catalog.known(field, event) {
                Known::Unknown if syscall != 0 && types.contains(&Some(field.id)) => {
                    name_of(syscall)
                }
                known => known,
            });
            plan.map_or(NONE, |plan| plan.0)
        };
        let events = index.events().last().map_or(0, |code| code.0 + 1);
        let by_event = (0..events)
            .map(EventCode)
            .map(|event| plan(index.candidates(event, 0), event, 0))
            .collect();
        let syscalls = index.syscalls().last().map_or(0, |id| id + 1);
        let generic = code::GENERIC_X;
        let mut by_syscall: Vec<u32> =
            (0..syscalls).map(|id| plan(index.candidates(generic, id), generic, id)).collect();
        // Then the id need not be looked for in the event.
        if by_syscall.iter().all(|plan| *plan == NONE) {
            by_syscall.clear();
        }
        Self { program: Arc::new(specialiser.finish()), by_event, by_syscall }
    }

    /// The program that the plans belong to.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The plan for an event; `None` if no rule can hold. `syscall` gives the portable id that the
    /// generic event carries; it is not asked for other events.
    #[inline]
    pub fn plan(&self, event: EventCode, syscall: impl FnOnce() -> u16) -> Option<PlanId> {
        let plan = match event {
            code::GENERIC_X if self.by_syscall.is_empty() => None,
            code::GENERIC_X => self.by_syscall.get(usize::from(syscall())),
            _ => self.by_event.get(usize::from(event.0)),
        };
        plan.filter(|plan| **plan != NONE).map(|plan| PlanId(*plan))
    }
}

/// The type of a generic event that reports a call.
fn name_of(syscall: u16) -> Known {
    match SYSCALL_NAMES.get(usize::from(syscall)) {
        Some(name) => Known::Value(Value::text(name)),
        None => Known::Unknown,
    }
}
