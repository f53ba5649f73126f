//! The file descriptors of a process: a table in chunks, shared by a fork until one side writes.
//!
//! Kernels hand out the lowest free number, so tables are dense: a number is two array lookups
//! away. A fork shares the chunks ([`FdTable::share`] costs one pointer copy per sixteen fds); a
//! side that writes copies the one chunk it writes to. A chunk that no fork has seen is owned, so
//! opening and closing files takes neither a lock nor an atomic operation.

use std::sync::Arc;

use crate::fd::Fd;

const CHUNK: usize = 16;
/// Numbers from here on, and negative ones, are kept aside; only made-up captures have them.
const DENSE: i64 = 1 << 16;

type Entries = [Option<Fd>; CHUNK];

#[derive(Debug, Clone)]
enum Chunk {
    Owned(Box<Entries>),
    Shared(Arc<Entries>),
}

impl Chunk {
    fn new() -> Self {
        Chunk::Owned(Box::default())
    }

    #[inline]
    fn entries(&self) -> &Entries {
        match self {
            Chunk::Owned(entries) => entries,
            Chunk::Shared(entries) => entries,
        }
    }

    #[inline]
    fn entries_mut(&mut self) -> &mut Entries {
        if let Chunk::Shared(entries) = self {
            let own = std::mem::take(entries);
            *self = Chunk::Owned(Box::new(Arc::unwrap_or_clone(own)));
        }
        match self {
            Chunk::Owned(entries) => entries,
            Chunk::Shared(_) => unreachable!("made owned above"),
        }
    }
}

/// Descriptors up to which a table keeps what it has.
const SPACIOUS: usize = 256;

/// File descriptors by number.
#[derive(Debug, Clone, Default)]
pub struct FdTable {
    chunks: Vec<Option<Chunk>>,
    aside: Vec<(i64, Fd)>,
    len: usize,
    /// The largest `len` since empty chunks were given up.
    peak: usize,
}

impl FdTable {
    /// Number of file descriptors.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    fn place(fd: i64) -> Option<(usize, usize)> {
        (0..DENSE).contains(&fd).then_some((fd as usize / CHUNK, fd as usize % CHUNK))
    }

    /// The fd with this number.
    #[inline]
    pub fn get(&self, fd: i64) -> Option<&Fd> {
        match Self::place(fd) {
            Some((chunk, at)) => self.chunks.get(chunk)?.as_ref()?.entries()[at].as_ref(),
            None => self.aside.iter().find(|(n, _)| *n == fd).map(|(_, f)| f),
        }
    }

    /// The fd with this number, to change it.
    #[inline]
    pub fn get_mut(&mut self, fd: i64) -> Option<&mut Fd> {
        match Self::place(fd) {
            Some((chunk, at)) => {
                let chunk = self.chunks.get_mut(chunk)?.as_mut()?;
                chunk.entries()[at].as_ref()?;
                chunk.entries_mut()[at].as_mut()
            }
            None => self.aside.iter_mut().find(|(n, _)| *n == fd).map(|(_, f)| f),
        }
    }

    /// Puts an fd at a number; returns whether the number was free.
    pub fn insert(&mut self, number: i64, fd: Fd) -> bool {
        let was_free = match Self::place(number) {
            Some((chunk, at)) => {
                if chunk >= self.chunks.len() {
                    self.chunks.resize_with(chunk + 1, || None);
                }
                let chunk = self.chunks[chunk].get_or_insert_with(Chunk::new);
                chunk.entries_mut()[at].replace(fd).is_none()
            }
            None => match self.aside.iter_mut().find(|(n, _)| *n == number) {
                Some((_, old)) => {
                    *old = fd;
                    false
                }
                None => {
                    self.aside.push((number, fd));
                    true
                }
            },
        };
        self.len += usize::from(was_free);
        self.peak = self.peak.max(self.len);
        was_free
    }

    /// Removes the fd with this number; says whether there was one.
    pub fn remove(&mut self, fd: i64) -> bool {
        let found = match Self::place(fd) {
            Some((chunk, at)) => match self.chunks.get_mut(chunk) {
                Some(Some(chunk)) if chunk.entries()[at].is_some() => {
                    chunk.entries_mut()[at].take().is_some()
                }
                _ => false,
            },
            None => match self.aside.iter().position(|(n, _)| *n == fd) {
                Some(at) => {
                    self.aside.swap_remove(at);
                    true
                }
                None => false,
            },
        };
        self.len -= usize::from(found);
        if self.peak > SPACIOUS && self.len < self.peak / 4 {
            self.shrink();
        }
        found
    }

    /// Gives up chunks without any fd. One by one they stay, since their numbers are used again.
    #[cold]
    fn shrink(&mut self) {
        for slot in &mut self.chunks {
            let is_empty = |chunk: &Chunk| chunk.entries().iter().all(Option::is_none);
            if slot.as_ref().is_some_and(is_empty) {
                *slot = None;
            }
        }
        let used = self.chunks.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        self.chunks.truncate(used);
        self.chunks.shrink_to_fit();
        self.aside.shrink_to_fit();
        self.peak = self.len;
    }

    /// Removes the fds that `keep` does not want; returns how many. Chunks without any such fd
    /// stay shared.
    pub fn retain(&mut self, mut keep: impl FnMut(i64, &Fd) -> bool) -> usize {
        let before = self.len;
        for (index, slot) in self.chunks.iter_mut().enumerate() {
            let Some(chunk) = slot else { continue };
            let mut gone = 0u32;
            for (at, fd) in chunk.entries().iter().enumerate() {
                let number = (index * CHUNK + at) as i64;
                if fd.as_ref().is_some_and(|fd| !keep(number, fd)) {
                    gone |= 1 << at;
                }
            }
            if gone == 0 {
                continue;
            }
            self.len -= gone.count_ones() as usize;
            let entries = chunk.entries_mut();
            for (at, fd) in entries.iter_mut().enumerate() {
                if gone >> at & 1 != 0 {
                    *fd = None;
                }
            }
            if entries.iter().all(Option::is_none) {
                *slot = None;
            }
        }
        self.aside.retain(|(number, fd)| {
            let stays = keep(*number, fd);
            self.len -= usize::from(!stays);
            stays
        });
        before - self.len
    }

    /// Numbers and fds, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Fd)> {
        let dense =
            self.chunks.iter().enumerate().flat_map(|(index, chunk)| {
                chunk.iter().flat_map(move |chunk| {
                    chunk.entries().iter().enumerate().filter_map(move |(at, fd)| {
                        Some(((index * CHUNK + at) as i64, fd.as_ref()?))
                    })
                })
            });
        dense.chain(self.aside.iter().map(|(number, fd)| (*number, fd)))
    }

    /// A copy that shares what is there; both sides copy what they change from now on.
    pub fn share(&mut self) -> FdTable {
        for chunk in self.chunks.iter_mut().flatten() {
            if let Chunk::Owned(entries) = chunk {
                *chunk = Chunk::Shared(Arc::new(std::mem::take(&mut **entries)));
            }
        }
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fd::FdKind;

    fn named(name: &[u8]) -> Fd {
        let mut fd = Fd::new(FdKind::FileV2);
        fd.set_name(name);
        fd
    }

    #[test]
    fn sides_of_a_fork_change_apart() {
        let mut parent = FdTable::default();
        for n in [-1, 0, 1, 15, 16, 500, 1 << 40] {
            assert!(parent.insert(n, named(n.to_string().as_bytes())));
        }
        let mut child = parent.share();
        assert!(child.remove(1));
        assert!(!child.insert(0, named(b"other")));
        parent.get_mut(16).unwrap().set_name(b"mine");
        assert_eq!(parent.get(0).unwrap().name(), b"0");
        assert_eq!(parent.get(1).unwrap().name(), b"1");
        assert_eq!(child.get(16).unwrap().name(), b"16");
        assert_eq!((parent.len(), child.len()), (7, 6));
        assert_eq!(child.retain(|n, _| n < 100), 2);
        let left: Vec<i64> = child.iter().map(|(n, _)| n).collect();
        assert_eq!(left, [0, 15, 16, -1]);
        assert_eq!(child.len(), left.len());
        assert!(!child.remove(12345));
    }

    #[test]
    fn a_table_that_was_large_gives_up_its_chunks() {
        let mut table = FdTable::default();
        (0..5000).for_each(|n| assert!(table.insert(n, named(b"x"))));
        (8..5000).rev().for_each(|n| assert!(table.remove(n)));
        // What is small enough stays as it is.
        assert!(table.chunks.len() <= SPACIOUS / CHUNK + 1, "{}", table.chunks.len());
        assert_eq!((table.len(), table.iter().count()), (8, 8));
        assert!(table.get(7).is_some() && table.get(8).is_none());
        assert!(table.insert(4000, named(b"y")));
        assert_eq!(table.get(4000).unwrap().name(), b"y");
    }
}
