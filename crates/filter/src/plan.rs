//! What all rules of an event type become together: a [`Plan`].
//!
//! ```text
//!            all rules of the type           a bit each, 64 to a word
//!  memo      & not ruled out by the image    what earlier events of this image showed
//!            & not ruled out by the fd       likewise
//!  filters   & guards                        a check that several rules must pass, made once
//!            & covers                        one look at a value gives the few rules that want it
//!  rules     the rest of each condition      for the bits that are left
//! ```
//! Every step only takes rules away that cannot hold, so the order of steps is free: cheapest
//! first. What a step shows of an image or a descriptor goes to the memo, where later events find
//! it in one word.

use rustc_hash::FxHashMap;

use crate::lookup::LookupId;
use crate::program::{CheckId, MEMOS, NodeId};

/// Identifies the plan of an event type within its [`crate::Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanId(pub u32);

/// Rules by their position in the plan, a bit each.
pub(crate) type Mask = Box<[u64]>;

/// Number of filters: those on the image, on the descriptor, on the event.
pub(crate) const FILTERS: usize = MEMOS + 1;

#[derive(Debug)]
pub(crate) struct Plan {
    /// In the order in which they were given.
    pub rules: Box<[PlanRule]>,
    /// Nodes of the rules' rests, one after the other.
    pub rests: Box<[NodeId]>,
    /// A bit for every rule.
    pub all: Mask,
    pub filters: [Filter; FILTERS],
    /// Per memo: whether any rule depends on its scope, and where the plan's words are: those that
    /// cannot hold, then those that can.
    pub memo_words: [Option<usize>; MEMOS],
}

/// A rule of a plan. It holds if all its parts do.
#[derive(Debug)]
pub(crate) struct PlanRule {
    /// What the caller calls it.
    pub tag: u32,
    /// The part for each memo.
    pub parts: [Option<NodeId>; MEMOS],
    /// The rest, without guards, within [`Plan::rests`].
    pub rest: (u32, u32),
}

/// Steps that take away many rules at a time.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub guards: Vec<Guard>,
    pub covers: Vec<Cover>,
}

/// A node that several rules need.
#[derive(Debug)]
pub(crate) struct Guard {
    pub node: NodeId,
    pub rules: Mask,
}

/// Rules that each need one of some checks, all of which are answered by lookups.
#[derive(Debug)]
pub(crate) struct Cover {
    pub lookups: Box<[LookupId]>,
    pub rules: Mask,
    /// The rules that a check keeps.
    pub by_check: FxHashMap<CheckId, Mask>,
}

/// An empty mask for so many rules.
pub(crate) fn empty_mask(rules: usize) -> Mask {
    vec![0; rules.div_ceil(64)].into()
}

/// Puts a rule into a mask.
pub(crate) fn add(mask: &mut Mask, rule: usize) {
    mask[rule / 64] |= 1 << (rule % 64);
}
