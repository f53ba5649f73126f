//! One look at a value that answers all checks of a kind on it.
//!
//! ```text
//! proc.name = a      ┐
//! proc.name in (a, b)├──► table: a → both, b → the second
//! ```
//! Rules ask of the same few fields whether they are one of many names. A [`Lookup`] holds the
//! constants of all checks of one kind (equal, starts with, ends with, contains) on one value, and
//! gives those that hold: a hundred rules more make the table larger, not the look at it slower.

use aho_corasick::AhoCorasick;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::matching::{BytesSet, Predicate};
use crate::program::{CheckId, CheckNode, Quantifier, Test, ValueId};
use crate::syntax::Operator;

type Map<K, V> = HashMap<K, V, FxBuildHasher>;

/// Checks on a value from which on a table is worth its while.
const WORTH_A_TABLE: usize = 6;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LookupId(pub u32);

/// All checks of one kind on a value.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub value: ValueId,
    index: Index,
}

#[derive(Debug)]
enum Index {
    Equal {
        /// A bit for each length, the last one for it and all above.
        lengths: u64,
        texts: Map<Box<[u8]>, Vec<CheckId>>,
    },
    Prefix(Trie),
    Suffix(Trie),
    Contains {
        searcher: AhoCorasick,
        /// By number of the pattern.
        checks: Vec<Vec<CheckId>>,
    },
}

/// Kinds of checks that have tables, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Equal,
    Prefix,
    Suffix,
    Contains,
}

impl Lookup {
    /// Whether a look is so long that a single check is better made by itself.
    pub fn is_long(&self) -> bool {
        matches!(self.index, Index::Contains { .. })
    }

    /// What a look costs, to be compared with others.
    pub fn cost(&self) -> u32 {
        match self.index {
            Index::Equal { .. } => 1,
            Index::Prefix(_) | Index::Suffix(_) => 2,
            Index::Contains { .. } => 20,
        }
    }

    /// Appends the checks that hold for a text; one may come several times.
    pub fn find(&self, text: &[u8], out: &mut Vec<CheckId>) {
        match &self.index {
            Index::Equal { lengths, texts } => {
                if lengths >> text.len().min(63) & 1 != 0
                    && let Some(checks) = texts.get(text)
                {
                    out.extend_from_slice(checks);
                }
            }
            Index::Prefix(trie) => trie.find(text.iter(), out),
            Index::Suffix(trie) => trie.find(text.iter().rev(), out),
            Index::Contains { searcher, checks } => {
                for found in searcher.find_overlapping_iter(text) {
                    out.extend_from_slice(&checks[found.pattern().as_usize()]);
                }
            }
        }
    }
}

/// Texts by their first bytes, then the next, and so on.
#[derive(Debug, Default)]
struct Trie {
    nodes: Vec<TrieNode>,
}

#[derive(Debug, Default)]
struct TrieNode {
    /// Sorted by byte.
    children: Vec<(u8, u32)>,
    /// Checks whose text ends here.
    checks: Vec<CheckId>,
}

impl Trie {
    fn insert<'t>(&mut self, text: impl Iterator<Item = &'t u8>, check: CheckId) {
        if self.nodes.is_empty() {
            self.nodes.push(TrieNode::default());
        }
        let mut at = 0;
        for byte in text {
            let new = self.nodes.len() as u32;
            let children = &mut self.nodes[at].children;
            at = match children.binary_search_by_key(byte, |child| child.0) {
                Ok(place) => children[place].1 as usize,
                Err(place) => {
                    children.insert(place, (*byte, new));
                    self.nodes.push(TrieNode::default());
                    new as usize
                }
            };
        }
        self.nodes[at].checks.push(check);
    }

    fn find<'t>(&self, text: impl Iterator<Item = &'t u8>, out: &mut Vec<CheckId>) {
        let Some(mut node) = self.nodes.first() else { return };
        for byte in text {
            let found = match &*node.children {
                [only] if only.0 == *byte => only.1,
                [_] | [] => return,
                many => match many.binary_search_by_key(byte, |child| child.0) {
                    Ok(place) => many[place].1,
                    Err(_) => return,
                },
            };
            node = &self.nodes[found as usize];
            out.extend_from_slice(&node.checks);
        }
    }
}

/// The kind of a check and its constants, if it may be in a table. The empty text is in none but
/// the table of equal texts: the others would find it everywhere.
fn constants(check: &CheckNode) -> Option<(Kind, Vec<&[u8]>)> {
    let Test::Literal(predicate) = &check.test else { return None };
    if check.quantifier != Quantifier::Any {
        return None;
    }
    let (kind, texts) = match predicate {
        Predicate::Bytes(Operator::Eq, text) => return Some((Kind::Equal, vec![&**text])),
        Predicate::BytesSet(BytesSet::Few(texts)) => {
            return Some((Kind::Equal, texts.iter().map(|t| &**t).collect()));
        }
        Predicate::BytesSet(BytesSet::Many { texts, .. }) => {
            return Some((Kind::Equal, texts.iter().map(|t| &**t).collect()));
        }
        Predicate::StartsWith(text) => (Kind::Prefix, &**text),
        Predicate::EndsWith(text) => (Kind::Suffix, &**text),
        Predicate::Contains(finder) => (Kind::Contains, finder.needle()),
        _ => return None,
    };
    (!texts.is_empty()).then(|| (kind, vec![texts]))
}

/// Makes the tables that are worth their while and tells the checks.
pub(crate) fn build(checks: &mut [CheckNode]) -> Vec<Lookup> {
    let mut wanted: Vec<(ValueId, Kind, Vec<CheckId>)> = Vec::new();
    let mut places: Map<(ValueId, Kind), usize> = Map::default();
    for (check, id) in checks.iter().zip((0..).map(CheckId)) {
        let Some((kind, _)) = constants(check) else { continue };
        let place = *places.entry((check.left, kind)).or_insert_with(|| {
            wanted.push((check.left, kind, Vec::new()));
            wanted.len() - 1
        });
        wanted[place].2.push(id);
    }
    let mut lookups = Vec::new();
    for (value, kind, ids) in wanted {
        if ids.len() < WORTH_A_TABLE {
            continue;
        }
        let texts = ids.iter().flat_map(|id| {
            let constants = constants(&checks[id.0 as usize]);
            let texts = constants.map(|(_, texts)| texts).unwrap_or_default();
            texts.into_iter().map(|text| (text, *id))
        });
        let Some(index) = index(kind, texts) else { continue };
        let lookup = LookupId(lookups.len() as u32);
        lookups.push(Lookup { value, index });
        for id in ids {
            checks[id.0 as usize].lookup = Some(lookup);
        }
    }
    lookups
}

fn index<'t>(kind: Kind, texts: impl Iterator<Item = (&'t [u8], CheckId)>) -> Option<Index> {
    Some(match kind {
        Kind::Equal => {
            let mut lengths = 0;
            let mut by_text: Map<Box<[u8]>, Vec<CheckId>> = Map::default();
            for (text, check) in texts {
                lengths |= 1 << text.len().min(63);
                by_text.entry(text.into()).or_default().push(check);
            }
            Index::Equal { lengths, texts: by_text }
        }
        Kind::Prefix | Kind::Suffix => {
            let mut trie = Trie::default();
            for (text, check) in texts {
                if kind == Kind::Prefix {
                    trie.insert(text.iter(), check);
                } else {
                    trie.insert(text.iter().rev(), check);
                }
            }
            if kind == Kind::Prefix { Index::Prefix(trie) } else { Index::Suffix(trie) }
        }
        Kind::Contains => {
            let mut numbers: Map<&[u8], usize> = Map::default();
            let mut patterns: Vec<&[u8]> = Vec::new();
            let mut checks: Vec<Vec<CheckId>> = Vec::new();
            for (text, check) in texts {
                let number = *numbers.entry(text).or_insert_with(|| {
                    patterns.push(text);
                    checks.push(Vec::new());
                    patterns.len() - 1
                });
                checks[number].push(check);
            }
            // Too much for one automaton: each check is made by itself, as without a table.
            let searcher = AhoCorasick::new(&patterns).ok()?;
            Index::Contains { searcher, checks }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(kind: Kind, constants: &[&str], text: &str) -> Vec<u32> {
        let texts = constants.iter().map(|c| c.as_bytes()).zip((0..).map(CheckId));
        let index = index(kind, texts).unwrap();
        let mut out = Vec::new();
        Lookup { value: ValueId(0), index }.find(text.as_bytes(), &mut out);
        let mut out: Vec<u32> = out.into_iter().map(|id| id.0).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    #[test]
    fn a_look_gives_what_the_checks_give() {
        let constants =
            ["/etc", "/etc/", "/et", "etc", "/usr", "/etc/passwd", "passwd", "s", "/etc"];
        for text in ["", "/", "/etc", "/etc/passwd", "passwd", "/usr/etc/passwds", "/e", "s"] {
            for (kind, holds) in [
                (Kind::Equal, (|t, c| t == c) as fn(&str, &str) -> bool),
                (Kind::Prefix, |t, c| t.starts_with(c)),
                (Kind::Suffix, |t, c| t.ends_with(c)),
                (Kind::Contains, |t, c| t.contains(c)),
            ] {
                let wanted: Vec<u32> = (0..constants.len() as u32)
                    .filter(|n| holds(text, constants[*n as usize]))
                    .collect();
                assert_eq!(find(kind, &constants, text), wanted, "{kind:?} {text}");
            }
        }
    }
}
