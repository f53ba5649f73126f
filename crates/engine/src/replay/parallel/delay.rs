//! Random delays, for tests: whatever the order in which workers get on, results are the same.

/// Delays of one worker.
pub(super) struct Delay {
    state: u64,
}

impl Delay {
    pub fn new(seed: u64, worker: u64) -> Self {
        let state = (seed ^ worker.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(2) | 1;
        let mut delay = Self { state };
        (0..4).for_each(|_| _ = delay.next());
        delay
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 24
    }

    /// Now and then.
    pub fn before_task(&mut self) {
        if self.next().is_multiple_of(8) {
            self.give_way();
        }
    }

    /// Mostly.
    pub fn before_handover(&mut self) {
        if !self.next().is_multiple_of(4) {
            self.give_way();
        }
    }

    fn give_way(&mut self) {
        for _ in 0..self.next() % 8 {
            std::thread::yield_now();
        }
    }
}
