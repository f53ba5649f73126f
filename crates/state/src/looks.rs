//! Whose state fields read: an event whose rules look at other processes must find those as of the
//! event, so it is noted which.

use std::cell::RefCell;

use smallvec::SmallVec;

/// Most thread groups that are told apart.
const MOST: usize = 24;

/// The thread groups that were looked at beside the event's own, known or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks {
    pids: SmallVec<[i64; 8]>,
    is_many: bool,
}

impl Looks {
    /// A look at one thread group.
    pub fn of(pid: i64) -> Self {
        Self { pids: SmallVec::from_slice(&[pid]), is_many: false }
    }

    /// Nothing was looked at.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.pids.is_empty() && !self.is_many
    }

    /// The thread groups.
    pub fn pids(&self) -> &[i64] {
        &self.pids
    }

    /// There were too many to keep; any may have been looked at.
    pub fn is_many(&self) -> bool {
        self.is_many
    }

    /// Notes a look; says whether it is a new one.
    pub fn add(&mut self, pid: i64) -> bool {
        if self.is_many || self.pids.contains(&pid) {
            return false;
        }
        if self.pids.len() == MOST {
            self.is_many = true;
        } else {
            self.pids.push(pid);
        }
        true
    }

    /// Notes all looks of another.
    pub fn add_all(&mut self, other: &Self) {
        for pid in &other.pids {
            self.add(*pid);
        }
        self.is_many |= other.is_many;
    }
}

/// Where a shard notes looks while it is only read.
#[derive(Debug, Default)]
pub(crate) struct LooksCell(RefCell<Looks>);

impl LooksCell {
    pub(crate) fn add(&self, pid: i64) {
        self.0.borrow_mut().add(pid);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    #[inline]
    pub(crate) fn take(&self) -> Looks {
        let mut looks = self.0.borrow_mut();
        if looks.is_empty() { Looks::default() } else { std::mem::take(&mut *looks) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_noted_once_and_bounded() {
        let cell = LooksCell::default();
        cell.add(5);
        cell.add(7);
        cell.add(5);
        let looks = cell.take();
        assert_eq!((looks.pids(), looks.is_many()), (&[5, 7][..], false));
        assert!(cell.take().is_empty());
        let mut all = looks.clone();
        (0..100).for_each(|pid| _ = all.add(pid));
        assert!(all.is_many() && all.pids().len() == MOST);
        let mut sum = Looks::of(5);
        sum.add_all(&all);
        assert!(sum.is_many());
    }
}
