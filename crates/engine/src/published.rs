//! What workers tell about once a second, for reports: costs per rule, sizes of the state,
//! what keeps them busy.
//!
//! A worker counts for itself and adds up here, so nothing is shared per event. Rules are known by
//! name: their numbers go on when the rule set is replaced.

use std::sync::Arc;

use parking_lot::Mutex;
use peregrine_state::Counters;
use rustc_hash::FxHashMap;

use crate::activity::Activities;
use crate::detector::Detector;

/// What a rule did and cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleTotals {
    /// Times it matched.
    pub matches: u64,
    /// Times its condition was evaluated.
    pub evaluations: u64,
    /// Nanoseconds of these evaluations, extrapolated from a sample of the events.
    pub time_ns: u64,
}

/// The latest numbers of all workers.
#[derive(Debug)]
pub struct Published {
    rules: Mutex<FxHashMap<String, RuleTotals>>,
    state: Vec<Mutex<Counters>>,
    activities: Arc<Activities>,
}

impl Published {
    /// Nothing yet, for a number of workers.
    pub fn new(workers: usize) -> Self {
        let state = (0..workers).map(|_| Mutex::default()).collect();
        let activities = Arc::new(Activities::new(workers));
        Self { rules: Mutex::default(), state, activities }
    }

    /// What keeps the workers busy.
    pub fn activities(&self) -> &Arc<Activities> {
        &self.activities
    }

    /// Adds what a worker's detector counted since it was asked last.
    pub fn add_rules(&self, detector: &mut Detector) {
        let mut rules = self.rules.lock();
        detector.take_costs(|name, cost| {
            let total = match rules.get_mut(name) {
                Some(total) => total,
                None => rules.entry(name.to_owned()).or_default(),
            };
            total.matches += cost.matches;
            total.evaluations += cost.evaluations;
            total.time_ns += cost.time_ns;
        });
    }

    /// Replaces the sizes and counters of a worker's state.
    pub fn set_state(&self, worker: usize, counters: Counters) {
        if let Some(state) = self.state.get(worker) {
            *state.lock() = counters;
        }
    }

    /// The numbers of a rule.
    pub fn rule(&self, name: &str) -> RuleTotals {
        self.rules.lock().get(name).copied().unwrap_or_default()
    }

    /// The state of all workers together.
    pub fn state(&self) -> Counters {
        let mut sum = Counters::default();
        self.state.iter().for_each(|state| sum.add(&state.lock()));
        sum
    }
}
