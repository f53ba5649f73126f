//! Looks at the rings of other workers: whether there is anything in them.

use peregrine_probe::RingGauge;

use crate::homes::Homes;

/// The gauges of all workers' rings; see rule 5 of [`crate::progress`].
#[derive(Debug, Default)]
pub struct Gauges(Vec<Vec<RingGauge>>);

impl Gauges {
    /// Gauges of each worker's rings, by worker, each in the order of the rings.
    pub fn new(of_workers: Vec<Vec<RingGauge>>) -> Self {
        Self(of_workers)
    }

    /// Whether the worker has taken everything that was written to its rings so far.
    pub fn is_drained(&self, worker: usize) -> bool {
        self.0.get(worker).is_some_and(|rings| rings.iter().all(RingGauge::is_drained))
    }

    /// The worker of each ring, and the bytes that wait there.
    pub fn levels(&self, homes: Homes) -> impl Iterator<Item = (u32, u64)> {
        (0..homes.rings).map(move |ring| {
            let worker = homes.of_ring(ring);
            let gauge =
                self.0.get(worker).and_then(|rings| rings.get((ring / homes.workers) as usize));
            (worker as u32, gauge.map_or(0, RingGauge::pending))
        })
    }
}
