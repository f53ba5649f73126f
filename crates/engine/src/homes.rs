//! Which worker is home of which thread group.

use peregrine_probe::route;

/// Rings and workers: a thread group has a ring, a ring has a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Homes {
    /// Rings.
    pub rings: u32,
    /// Workers; at least one.
    pub workers: u32,
}

impl Homes {
    /// The worker that drains a ring.
    #[inline]
    pub fn of_ring(self, ring: u32) -> usize {
        (ring % self.workers) as usize
    }

    /// The worker that has the state of a thread group.
    #[inline]
    pub fn of(self, tgid: u32) -> usize {
        self.of_ring(route(tgid, self.rings))
    }
}
