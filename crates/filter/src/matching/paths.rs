//! `pmatch`: is a path below one of a set of paths?
//!
//! A trie over path components. Empty components do not count, so `//usr/` is `usr`; a component
//! with `?`, `*` or `[` is a pattern for one component.

use rustc_hash::FxHashMap;

use super::glob;

/// A set of paths and everything below them.
#[derive(Debug, Default)]
pub(crate) struct PathSet {
    /// A path of the set ends here; what is below does not matter.
    ends: bool,
    names: FxHashMap<Box<[u8]>, PathSet>,
    patterns: Vec<(Box<[u8]>, PathSet)>,
}

impl PathSet {
    pub fn insert(&mut self, path: &[u8]) {
        let mut node = self;
        for component in components(path) {
            if node.ends {
                return;
            }
            node = if glob::is_pattern(component) {
                let index = node.patterns.iter().position(|(p, _)| **p == *component);
                let index = index.unwrap_or_else(|| {
                    node.patterns.push((component.into(), PathSet::default()));
                    node.patterns.len() - 1
                });
                &mut node.patterns[index].1
            } else {
                node.names.entry(component.into()).or_default()
            };
        }
        *node = PathSet { ends: true, ..PathSet::default() };
    }

    /// Whether a path is in the set or below a path of the set.
    pub fn contains(&self, path: &[u8]) -> bool {
        if self.ends {
            return true;
        }
        let start = path.iter().position(|b| *b != b'/').unwrap_or(path.len());
        let path = &path[start..];
        if path.is_empty() {
            return false;
        }
        let end = memchr::memchr(b'/', path).unwrap_or(path.len());
        let (component, rest) = path.split_at(end);
        self.names.get(component).is_some_and(|below| below.contains(rest))
            || self.patterns.iter().any(|(pattern, below)| {
                glob::matches(pattern, component, false) && below.contains(rest)
            })
    }
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|b| *b == b'/').filter(|c| !c.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(paths: &[&str]) -> PathSet {
        let mut set = PathSet::default();
        for path in paths {
            set.insert(path.as_bytes());
        }
        set
    }

    #[test]
    fn every_sibling_pattern_is_tried() {
        let set = set(&["/a/*x/1", "/a/y*/2", "/a/yx/3"]);
        for path in ["/a/yx/1", "/a/yx/2", "/a/yx/3/4"] {
            assert!(set.contains(path.as_bytes()), "{path}");
        }
        assert!(!set.contains(b"/a/yx/4"));
        assert!(!set.contains(b"/a/yx"));
    }

    #[test]
    fn a_shorter_path_takes_over_a_longer_one() {
        for paths in [["/usr", "/usr/lib"], ["/usr/lib", "/usr"]] {
            assert!(set(&paths).contains(b"//usr//bin"));
        }
        assert!(set(&["/"]).contains(b""));
        assert!(!set(&["/usr"]).contains(b""));
        assert!(!set(&[]).contains(b"/"));
    }
}
