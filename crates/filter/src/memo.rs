//! Results remembered across events.
//!
//! A table of rows, one per key (a process image, a file descriptor); a row holds two bits per
//! node, is the result known and what is it, and two bits per condition for all its parts of this
//! scope together, so that one word rules out 64 conditions. The table has a fixed size; a new key takes the row
//! of the one that was not used last among two.

use rustc_hash::FxHasher;
use std::hash::Hasher;

/// Bytes a table may take.
const BUDGET: usize = 1 << 20;

/// Results of one scope.
#[derive(Debug)]
pub(crate) struct Memo {
    /// Words of known bits for conditions and for nodes; as many words of results follow each.
    condition_words: usize,
    node_words: usize,
    /// Keys, two to a set; `None` is a free row.
    keys: Vec<Option<u64>>,
    /// Which row of each set was used last.
    last_used: Vec<u8>,
    bits: Vec<u64>,
}

/// A row of a [`Memo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Where it starts within the bits.
    start: usize,
}

impl Memo {
    /// A table for this many nodes and conditions.
    pub fn new(nodes: usize, conditions: usize) -> Self {
        let mut memo = Self {
            condition_words: conditions.div_ceil(64),
            node_words: nodes.div_ceil(64),
            keys: Vec::new(),
            last_used: Vec::new(),
            bits: Vec::new(),
        };
        if nodes > 0 {
            let rows = (BUDGET / (memo.row_words() * 8)).clamp(64, 4096);
            let rows = 1 << rows.ilog2();
            memo.keys = vec![None; rows];
            memo.last_used = vec![0; rows / 2];
            memo.bits = vec![0; rows * memo.row_words()];
        }
        memo
    }

    fn row_words(&self) -> usize {
        2 * (self.condition_words + self.node_words)
    }

    /// The row of a key, empty if it is new. `None` if there is nothing to remember.
    pub fn row(&mut self, key: u64) -> Option<Row> {
        if self.keys.is_empty() {
            return None;
        }
        let mut hasher = FxHasher::default();
        hasher.write_u64(key);
        let set = (hasher.finish() >> 32) as usize & (self.last_used.len() - 1);
        let words = self.row_words();
        for way in 0..2 {
            if self.keys[set * 2 + way] == Some(key) {
                self.last_used[set] = way as u8;
                return Some(Row { start: (set * 2 + way) * words });
            }
        }
        let way = 1 - usize::from(self.last_used[set]);
        self.last_used[set] = way as u8;
        let row = set * 2 + way;
        self.keys[row] = Some(key);
        let start = row * words;
        self.bits[start..start + words].fill(0);
        Some(Row { start })
    }

    /// What is known of a node.
    pub fn get(&self, row: Row, bit: u32) -> Option<bool> {
        let (word, mask) = self.node_place(row, bit);
        (self.bits[word] & mask != 0).then(|| self.bits[word + self.node_words] & mask != 0)
    }

    /// Remembers the result of a node.
    pub fn set(&mut self, row: Row, bit: u32, result: bool) {
        let (word, mask) = self.node_place(row, bit);
        self.bits[word] |= mask;
        if result {
            self.bits[word + self.node_words] |= mask;
        }
    }

    fn node_place(&self, row: Row, bit: u32) -> (usize, u64) {
        (row.start + 2 * self.condition_words + bit as usize / 64, 1 << (bit % 64))
    }

    /// What is known of 64 conditions: which are known, and those that hold as far as this scope
    /// goes.
    pub fn conditions(&self, row: Row, word: usize) -> (u64, u64) {
        let known = row.start + word;
        (self.bits[known], self.bits[known + self.condition_words])
    }

    /// Remembers whether a condition holds as far as this scope goes.
    pub fn set_condition(&mut self, row: Row, condition: u32, result: bool) {
        let (word, mask) = (row.start + condition as usize / 64, 1 << (condition % 64));
        self.bits[word] |= mask;
        if result {
            self.bits[word + self.condition_words] |= mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_kept_per_key_and_forgotten_with_it() {
        let mut memo = Memo::new(100, 70);
        let row = memo.row(7).unwrap();
        memo.set(row, 99, true);
        memo.set(row, 0, false);
        memo.set_condition(row, 69, true);
        memo.set_condition(row, 0, false);
        for key in [8, 7] {
            let row = memo.row(key).unwrap();
            let known = key == 7;
            assert_eq!(memo.get(row, 99), known.then_some(true));
            assert_eq!(memo.get(row, 0), known.then_some(false));
            assert_eq!(memo.get(row, 1), None);
            assert_eq!(memo.conditions(row, 0), (u64::from(known), 0));
            let bit = if known { 1 << 5 } else { 0 };
            assert_eq!(memo.conditions(row, 1), (bit, bit));
        }
        for key in 1000..100_000 {
            let row = memo.row(key).unwrap();
            assert_eq!(memo.get(row, 99), None);
            memo.set(row, 99, true);
        }
        let row = memo.row(7).unwrap();
        assert_eq!(memo.get(row, 99), None);
        assert!(Memo::new(0, 3).row(1).is_none());
    }
}
