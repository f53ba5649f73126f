//! Results remembered across events.
//!
//! A table of rows, one per key (a process image, a file descriptor):
//!
//! ```text
//! visited: a bit per plan │ per plan: rules that cannot hold, rules that can │ per node: known, result
//! ```
//! One word of a plan rules out 64 rules. The table has a fixed size; a new key takes the row of
//! the one that was not used last among two.

use rustc_hash::FxHasher;
use std::hash::Hasher;

/// Bytes a table may take; 64 rows are there at least, however large.
const BUDGET: usize = 1 << 20;

/// Results of one scope.
#[derive(Debug)]
pub(crate) struct Memo {
    plan_words: usize,
    visited_words: usize,
    /// Words of known bits for nodes; as many words of results follow.
    node_words: usize,
    /// Keys, two to a set; `None` is a free row.
    keys: Vec<Option<u64>>,
    /// Which row of each set was used last.
    last_used: Vec<u8>,
    /// The key that was asked for last: events of one process come in runs.
    last: Option<(u64, Row)>,
    bits: Vec<u64>,
}

/// A row of a [`Memo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Where it starts within the bits.
    start: usize,
}

impl Memo {
    /// A table for this many nodes and plans; the plans have `plan_words` words together.
    pub fn new(nodes: usize, plans: usize, plan_words: usize) -> Self {
        let mut memo = Self {
            plan_words,
            visited_words: if plan_words > 0 { plans.div_ceil(64) } else { 0 },
            node_words: nodes.div_ceil(64),
            keys: Vec::new(),
            last_used: Vec::new(),
            last: None,
            bits: Vec::new(),
        };
        if memo.row_words() > 0 {
            let rows = (BUDGET / (memo.row_words() * 8)).clamp(64, 4096);
            let rows = 1 << rows.ilog2();
            memo.keys = vec![None; rows];
            memo.last_used = vec![0; rows / 2];
            memo.bits = vec![0; rows * memo.row_words()];
        }
        memo
    }

    fn row_words(&self) -> usize {
        self.visited_words + self.plan_words + 2 * self.node_words
    }

    /// The row of a key, empty if it is new. `None` if there is nothing to remember.
    #[inline]
    pub fn row(&mut self, key: u64) -> Option<Row> {
        match self.last {
            Some((last, row)) if last == key => Some(row),
            _ => self.find(key),
        }
    }

    fn find(&mut self, key: u64) -> Option<Row> {
        if self.keys.is_empty() {
            return None;
        }
        let mut hasher = FxHasher::default();
        hasher.write_u64(key);
        let set = (hasher.finish() >> 32) as usize & (self.last_used.len() - 1);
        let words = self.row_words();
        let known = (0..2).find(|way| self.keys[set * 2 + way] == Some(key));
        let way = known.unwrap_or(1 - usize::from(self.last_used[set]));
        self.last_used[set] = way as u8;
        let place = set * 2 + way;
        let row = Row { start: place * words };
        if known.is_none() {
            self.keys[place] = Some(key);
            self.bits[row.start..row.start + words].fill(0);
        }
        self.last = Some((key, row));
        Some(row)
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
        let nodes = row.start + self.visited_words + self.plan_words;
        (nodes + bit as usize / 64, 1 << (bit % 64))
    }

    /// A word of a plan; `word` counts from the start of all plans.
    #[inline]
    pub fn plan_word(&self, row: Row, word: usize) -> u64 {
        self.bits[row.start + self.visited_words + word]
    }

    /// Sets bits in a word of a plan.
    #[inline]
    pub fn add_to_plan_word(&mut self, row: Row, word: usize, bits: u64) {
        self.bits[row.start + self.visited_words + word] |= bits;
    }

    /// Marks a plan as visited; says whether it was before.
    pub fn visit(&mut self, row: Row, plan: usize) -> bool {
        let (word, mask) = (row.start + plan / 64, 1 << (plan % 64));
        let before = self.bits[word] & mask != 0;
        self.bits[word] |= mask;
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_kept_per_key_and_forgotten_with_it() {
        let mut memo = Memo::new(100, 70, 140);
        let row = memo.row(7).unwrap();
        memo.set(row, 99, true);
        memo.set(row, 0, false);
        memo.add_to_plan_word(row, 139, 5);
        assert!(!memo.visit(row, 69));
        for key in [8, 7] {
            let row = memo.row(key).unwrap();
            let known = key == 7;
            assert_eq!(memo.get(row, 99), known.then_some(true));
            assert_eq!(memo.get(row, 0), known.then_some(false));
            assert_eq!(memo.get(row, 1), None);
            assert_eq!(memo.plan_word(row, 139), if known { 5 } else { 0 });
            assert_eq!(memo.plan_word(row, 138), 0);
            assert_eq!(memo.visit(row, 69), known);
            assert!(!memo.visit(row, 68));
        }
        for key in 1000..100_000 {
            let row = memo.row(key).unwrap();
            assert_eq!(memo.get(row, 99), None);
            memo.set(row, 99, true);
        }
        let row = memo.row(7).unwrap();
        assert_eq!(memo.get(row, 99), None);
        assert!(Memo::new(0, 3, 0).row(1).is_none());
    }
}
