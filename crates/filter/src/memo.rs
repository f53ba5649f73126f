//! Results remembered across events.
//!
//! A table of rows, one per key (a process image, a file descriptor); a row holds two bits per
//! node: is the result known, and what is it. The table has a fixed size; a new key takes the row
//! of the one that was not used last among two.

use rustc_hash::FxHasher;
use std::hash::Hasher;

/// Bytes a table may take.
const BUDGET: usize = 1 << 20;

/// Results of one scope.
#[derive(Debug)]
pub(crate) struct Memo {
    /// Words per row: first the known bits, then the results.
    half: usize,
    /// Keys, two to a set; `None` is a free row.
    keys: Vec<Option<u64>>,
    /// Which row of each set was used last.
    last_used: Vec<u8>,
    bits: Vec<u64>,
}

/// A row of a [`Memo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row(u32);

impl Memo {
    /// A table for this many nodes.
    pub fn new(nodes: usize) -> Self {
        let half = nodes.div_ceil(64);
        if half == 0 {
            return Self { half, keys: Vec::new(), last_used: Vec::new(), bits: Vec::new() };
        }
        let rows = (BUDGET / (half * 16)).clamp(64, 4096);
        let rows = 1 << rows.ilog2();
        Self {
            half,
            keys: vec![None; rows],
            last_used: vec![0; rows / 2],
            bits: vec![0; rows * half * 2],
        }
    }

    /// The row of a key, empty if it is new. `None` if there is nothing to remember.
    pub fn row(&mut self, key: u64) -> Option<Row> {
        if self.half == 0 {
            return None;
        }
        let mut hasher = FxHasher::default();
        hasher.write_u64(key);
        let set = (hasher.finish() >> 32) as usize & (self.last_used.len() - 1);
        for way in 0..2 {
            if self.keys[set * 2 + way] == Some(key) {
                self.last_used[set] = way as u8;
                return Some(Row((set * 2 + way) as u32));
            }
        }
        let way = 1 - usize::from(self.last_used[set]);
        self.last_used[set] = way as u8;
        let row = set * 2 + way;
        self.keys[row] = Some(key);
        let start = row * self.half * 2;
        self.bits[start..start + self.half * 2].fill(0);
        Some(Row(row as u32))
    }

    /// What is known of a node.
    pub fn get(&self, row: Row, bit: u32) -> Option<bool> {
        let (word, mask) = self.place(row, bit);
        (self.bits[word] & mask != 0).then(|| self.bits[word + self.half] & mask != 0)
    }

    /// Remembers a result.
    pub fn set(&mut self, row: Row, bit: u32, result: bool) {
        let (word, mask) = self.place(row, bit);
        self.bits[word] |= mask;
        if result {
            self.bits[word + self.half] |= mask;
        }
    }

    fn place(&self, row: Row, bit: u32) -> (usize, u64) {
        (row.0 as usize * self.half * 2 + bit as usize / 64, 1 << (bit % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_kept_per_key_and_forgotten_with_it() {
        let mut memo = Memo::new(100);
        let row = memo.row(7).unwrap();
        memo.set(row, 99, true);
        memo.set(row, 0, false);
        for key in [8, 7] {
            let row = memo.row(key).unwrap();
            let known = key == 7;
            assert_eq!(memo.get(row, 99), known.then_some(true));
            assert_eq!(memo.get(row, 0), known.then_some(false));
            assert_eq!(memo.get(row, 1), None);
        }
        for key in 1000..100_000 {
            let row = memo.row(key).unwrap();
            assert_eq!(memo.get(row, 99), None);
            memo.set(row, 99, true);
        }
        let row = memo.row(7).unwrap();
        assert_eq!(memo.get(row, 99), None);
        assert!(Memo::new(0).row(1).is_none());
    }
}
