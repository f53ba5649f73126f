//! Looks at the rings of other workers: whether there is anything in them.

use peregrine_probe::RingGauge;

/// The gauges of all workers' rings; see rule 5 of [`crate::progress`].
#[derive(Debug, Default)]
pub struct Gauges(Vec<Vec<RingGauge>>);

impl Gauges {
    /// Gauges of each worker's rings, by worker.
    pub fn new(of_workers: Vec<Vec<RingGauge>>) -> Self {
        Self(of_workers)
    }

    /// Whether the worker has taken everything that was written to its rings so far.
    pub fn is_drained(&self, worker: usize) -> bool {
        self.0.get(worker).is_some_and(|rings| rings.iter().all(RingGauge::is_drained))
    }
}
