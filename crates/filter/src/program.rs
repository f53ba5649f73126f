//! The compiled form of many conditions.
//!
//! ```text
//! conditions ──► nodes (and, or, not, check) ──► checks ──► values (fields, transformers)
//!                shared by all conditions        a test     extracted once
//! ```
//! Nodes form a graph without cycles in which nothing exists twice: a check that a hundred rules
//! make is one node, and so is a macro they all use. What conditions become for one type of event
//! is in [`crate::plan`].

use std::sync::Arc;

use peregrine_event::ParamType;

use crate::catalog::{FieldRef, Scope};
use crate::lookup::{Lookup, LookupId};
use crate::matching::Predicate;
use crate::plan::Plan;
use crate::syntax::{Expr, Operator, Text, Transformer};

/// Identifies a condition within its [`Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConditionId(pub u32);

/// Conditions, type checked and compiled together; immutable and shared by all workers.
#[derive(Debug, Default)]
pub struct Program {
    /// What all programs made from the same conditions share.
    pub(crate) base: Arc<Base>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) infos: Vec<NodeInfo>,
    /// Children of all nodes, one after the other.
    pub(crate) children: Vec<NodeId>,
    /// How many nodes of each remembered scope have a place; see [`memo_index`].
    pub(crate) memo_bits: [usize; MEMOS],
    pub(crate) plans: Vec<Plan>,
    /// Words that all plans together have in a row of each memo.
    pub(crate) plan_words: [usize; MEMOS],
}

/// Values, their tests, and the conditions as they were written.
#[derive(Debug, Default)]
pub(crate) struct Base {
    pub values: Vec<ValueNode>,
    pub checks: Vec<CheckNode>,
    pub lookups: Vec<Lookup>,
    pub conditions: Vec<Condition>,
}

/// Sizes of a [`Program`], for reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramSize {
    /// Conditions.
    pub conditions: usize,
    /// Checks written in all conditions together.
    pub written_checks: usize,
    /// Different checks.
    pub checks: usize,
    /// Different nodes: checks, `and`, `or`, `not`.
    pub nodes: usize,
    /// Different values: fields with their arguments, literals, transformer calls.
    pub values: usize,
    /// Different plans; see [`crate::Specialiser`].
    pub plans: usize,
    /// Values that are looked up in a table of all their constants.
    pub lookups: usize,
}

impl Program {
    /// Counts what is inside.
    pub fn size(&self) -> ProgramSize {
        ProgramSize {
            conditions: self.base.conditions.len(),
            written_checks: self.base.conditions.iter().map(|c| c.checks.len()).sum(),
            checks: self.base.checks.len(),
            nodes: self.nodes.len(),
            values: self.base.values.len(),
            plans: self.plans.len(),
            lookups: self.base.lookups.len(),
        }
    }

    /// The condition as it was added.
    ///
    /// # Panics
    /// If the id belongs to another program.
    pub fn source(&self, id: ConditionId) -> &Expr {
        &self.base.conditions[id.0 as usize].expr
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CheckId(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ValueId(pub u32);

/// What is extracted or computed for an event.
#[derive(Debug)]
pub(crate) struct ValueNode {
    pub kind: ValueKind,
    pub is_list: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ValueKind {
    Field(FieldRef),
    Literal(Text),
    /// The values of all arguments, as a list of texts.
    Tuple(Box<[ValueId]>),
    /// One argument, or two and more for `join`, `concat`, `getopt`.
    Call {
        transformer: Transformer,
        args: Box<[ValueId]>,
        option: Option<u8>,
    },
}

/// A test of a value.
#[derive(Debug)]
pub(crate) struct CheckNode {
    pub left: ValueId,
    pub test: Test,
    /// For a list: every element must pass, not just one. For a scalar of several values
    /// likewise.
    pub quantifier: Quantifier,
    /// The table that answers it as well.
    pub lookup: Option<LookupId>,
}

/// How many of several values must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// At least one.
    Any,
    /// Every one, of which there may be none: `in` on lists.
    All,
    /// Every one, and there is one: `!=` on the ends of a connection.
    AllOfSome,
}

#[derive(Debug)]
pub(crate) enum Test {
    /// The value exists.
    Exists,
    /// Compared with what is written in the condition.
    Literal(Predicate),
    /// Compared with another value.
    Value { op: Operator, right: ValueId },
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub kind: NodeKind,
    /// Where the result may be remembered across events, and under which bit.
    pub memo: Option<(u8, u32)>,
}

/// What a node depends on and costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeInfo {
    /// `None`: the same for all events.
    pub scope: Option<Scope>,
    pub cost: u32,
}

impl NodeInfo {
    /// The memo that its result may be kept in.
    pub fn memo(self) -> Option<u8> {
        self.scope.and_then(memo_index)
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum NodeKind {
    And { start: u32, len: u32 },
    Or { start: u32, len: u32 },
    Not(NodeId),
    Check(CheckId),
}

#[derive(Debug)]
pub(crate) struct Condition {
    pub root: NodeId,
    pub expr: Expr,
    /// Nodes of the checks of `expr`, from left to right.
    pub checks: Box<[NodeId]>,
}

/// Number of scopes under which results are remembered.
pub(crate) const MEMOS: usize = 2;

/// Index of a scope among the remembered ones.
pub(crate) fn memo_index(scope: Scope) -> Option<u8> {
    match scope {
        Scope::Event => None,
        Scope::Image => Some(0),
        Scope::Fd => Some(1),
    }
}

/// The scope with this index.
pub(crate) fn memo_scope(index: usize) -> Scope {
    if index == 0 { Scope::Image } else { Scope::Fd }
}

/// Types whose `!=` must hold for every value of a scalar that has several.
pub(crate) fn is_endpoint(ty: ParamType) -> bool {
    use ParamType::*;
    matches!(ty, Port | IpAddr | IpNet | Ipv4Addr | Ipv4Net | Ipv6Addr | Ipv6Net)
}
