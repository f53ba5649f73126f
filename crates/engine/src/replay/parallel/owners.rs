//! Which worker owns which thread.
//!
//! Results do not depend on it, speed does: threads of one group always have one owner, and a new
//! process that stays with its parent's owner needs no handing over.

use std::sync::Arc;

use peregrine_state::Shard;
use peregrine_state::replica::Change;
use rustc_hash::FxHashMap;

use super::epoch::Handover;

/// A thread group that needs an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewProcess {
    /// Its id, or the tid of a thread of which nothing else is known.
    pub pid: i64,
    /// Owner of the process it takes after, if that is known.
    pub parent_owner: Option<usize>,
    /// Number of workers.
    pub workers: usize,
}

/// How thread groups are shared out.
#[derive(Clone, Default)]
pub enum Partitioning {
    /// By load: a new process stays with its parent unless that worker has more to do than others.
    #[default]
    Balanced,
    /// By a hash of the pid.
    Hash,
    /// By a function; its result is taken modulo the number of workers. For tests.
    By(Arc<dyn Fn(NewProcess) -> usize + Send + Sync>),
}

impl std::fmt::Debug for Partitioning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Balanced => "Balanced",
            Self::Hash => "Hash",
            Self::By(_) => "By",
        })
    }
}

/// Load by which a parent's worker may exceed the least busy one and still get the child, in
/// 1/16 of the least.
const SLACK_16THS: u64 = 1;
/// And in events.
const SLACK_EVENTS: u64 = 256;

/// Owners of all threads that the lead shard knows.
pub(super) struct Owners {
    partitioning: Partitioning,
    by_tid: FxHashMap<i64, u16>,
    /// Before the first event threads are not tied to their groups.
    listed: FxHashMap<i64, u16>,
    has_begun: bool,
    /// Recent work per worker.
    loads: Vec<u64>,
    changes: Vec<Change>,
    inherited: Vec<(i64, i64)>,
}

impl Owners {
    pub fn new(workers: usize, partitioning: Partitioning) -> Self {
        Self {
            partitioning,
            by_tid: FxHashMap::default(),
            listed: FxHashMap::default(),
            has_begun: false,
            loads: vec![0; workers],
            changes: Vec::new(),
            inherited: Vec::new(),
        }
    }

    /// Forgets all threads, as at the start of a section.
    pub fn start_section(&mut self) {
        self.by_tid.clear();
        self.listed.clear();
        self.has_begun = false;
    }

    /// The first event follows; gives the threads there are.
    pub fn begin(&mut self) -> Vec<(i64, u16)> {
        self.has_begun = true;
        self.listed.clear();
        self.by_tid.iter().map(|(tid, owner)| (*tid, *owner)).collect()
    }

    /// Owner of a thread that the lead shard knows.
    #[inline]
    pub fn get(&self, tid: i64) -> Option<u16> {
        self.by_tid.get(&tid).copied()
    }

    /// Who looks at the events of a thread that nobody knows, or of none.
    pub fn stray(&self, tid: i64) -> u16 {
        spread(tid, self.loads.len()) as u16
    }

    /// Counts work.
    #[inline]
    pub fn add_load(&mut self, owner: u16, amount: u64) {
        self.loads[usize::from(owner)] += amount;
    }

    /// Lets old work count less.
    pub fn fade(&mut self) {
        self.loads.iter_mut().for_each(|load| *load -= *load / 8);
    }

    /// Takes over what an event changed in the lead shard; adds what must be handed over.
    pub fn follow(&mut self, lead: &mut Shard, handovers: &mut Vec<Handover>) {
        let mut changes = std::mem::take(&mut self.changes);
        changes.clear();
        lead.take_changes(&mut changes);
        for change in &changes {
            match *change {
                Change::Removed(tid) => _ = self.by_tid.remove(&tid),
                Change::Inherited { child, parent } => self.inherited.push((child, parent)),
                Change::Added(tid) | Change::Related(tid) => {
                    if lead.find(tid).is_some() {
                        self.place(lead, tid, handovers);
                    }
                }
            }
        }
        self.changes = changes;
        self.inherited.clear();
    }

    /// Finds the owner of a thread that is new, or newly tied to its group.
    fn place(&mut self, lead: &Shard, tid: i64, handovers: &mut Vec<Handover>) {
        let current = self.get(tid);
        let of_group = || lead.group_tids(tid).filter(|t| *t != tid).find_map(|t| self.get(t));
        if let Some(from) = current {
            if let Some(to) = of_group()
                && to != from
            {
                self.by_tid.insert(tid, to);
                handovers.push(Handover::Own { tid, from, to });
            }
            return;
        }
        let Some(slot) = lead.find(tid) else { return };
        let thread = lead.thread(slot);
        let group = if thread.pid >= 0 { thread.pid } else { tid };
        // A new thread is added before it is tied to its group; its main thread is known then.
        let known = if self.has_begun {
            of_group().or_else(|| self.get(group).filter(|_| lead.find(group).is_some()))
        } else {
            self.listed.get(&group).copied()
        };
        let inherited = self.inherited.iter().find(|(child, _)| *child == tid);
        let parent = inherited.map(|(_, parent)| *parent);
        let parent_owner = parent.and_then(|parent| self.get(parent));
        let to = known.unwrap_or_else(|| self.choose(group, parent_owner));
        self.by_tid.insert(tid, to);
        if !self.has_begun {
            self.listed.insert(group, to);
        }
        if let (Some(parent), Some(from)) = (parent, parent_owner)
            && from != to
        {
            handovers.push(Handover::Files { parent, child: tid, from, to });
        }
    }

    fn choose(&mut self, pid: i64, parent_owner: Option<u16>) -> u16 {
        let workers = self.loads.len();
        let parent = parent_owner.map(usize::from);
        let chosen = match &self.partitioning {
            Partitioning::Hash => spread(pid, workers),
            Partitioning::By(function) => {
                function(NewProcess { pid, parent_owner: parent, workers }) % workers
            }
            Partitioning::Balanced => {
                let least = (0..workers).min_by_key(|w| self.loads[*w]).unwrap_or(0);
                let limit = self.loads[least] / 16 * (16 + SLACK_16THS) + SLACK_EVENTS;
                match parent {
                    Some(parent) if self.loads[parent] <= limit => parent,
                    _ => {
                        // So that a row of quiet processes is shared out too.
                        self.loads[least] += 1;
                        least
                    }
                }
            }
        };
        chosen as u16
    }
}

fn spread(id: i64, workers: usize) -> usize {
    let hash = (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    ((hash * workers as u64) >> 32) as usize
}
