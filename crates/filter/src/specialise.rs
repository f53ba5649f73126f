//! From conditions to the [`Plan`]s of event types.

use std::ops::ControlFlow;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::builder::{Map, NodeKey};
use crate::catalog::{FieldRef, Known};
use crate::lookup::LookupId;
use crate::matching::regex::Caches;
use crate::plan::{Cover, FILTERS, Filter, Guard, Plan, PlanId, PlanRule, add, empty_mask};
use crate::program::{
    CheckId, ConditionId, MEMOS, NodeId, NodeKind, Program, Test, ValueId, ValueKind,
};

/// Rules that must share a guard or a cover before it is worth a step of its own.
const WORTH_A_GUARD: usize = 2;
const WORTH_A_COVER: usize = 3;
/// Guards of one filter.
const MOST_GUARDS: usize = 8;
/// Checks in the cover of one rule.
const MOST_CHECKS: usize = 64;
/// A guard that costs more than this must save as many times.
const CHEAP: u32 = 16;

/// Makes a program of the conditions of another one, with a plan for each type of event.
pub struct Specialiser {
    program: Program,
    known: Map<NodeKey, NodeId>,
    plans: FxHashMap<Vec<(u32, Option<NodeId>)>, PlanId>,
}

/// A condition for one type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folded {
    Always,
    Never,
    Node(NodeId),
}

/// What a type of event decides.
struct Facts<'d> {
    decide: &'d dyn Fn(&FieldRef) -> Known,
    values: FxHashMap<ValueId, Known>,
    nodes: FxHashMap<NodeId, Folded>,
}

impl Specialiser {
    /// Starts with a program without plans.
    pub fn new(program: &Program) -> Self {
        let copy = Program {
            base: program.base.clone(),
            nodes: program.nodes.clone(),
            infos: program.infos.clone(),
            children: program.children.clone(),
            ..Program::default()
        };
        Self { known: copy.keys(), program: copy, plans: FxHashMap::default() }
    }

    /// The plan of a type of event: the conditions that are to be tried for it, in order, each with
    /// what [`crate::Evaluator::examine`] shall call it. `decide` says what the type of the event
    /// decides. `None` if none of the conditions can hold.
    ///
    /// # Panics
    /// If a condition belongs to another program.
    pub fn plan(
        &mut self,
        conditions: &[(ConditionId, u32)],
        decide: &dyn Fn(&FieldRef) -> Known,
    ) -> Option<PlanId> {
        let mut facts = Facts { decide, values: FxHashMap::default(), nodes: FxHashMap::default() };
        let mut rules: Vec<(u32, Option<NodeId>)> = Vec::new();
        for (condition, tag) in conditions {
            let root = self.program.base.conditions[condition.0 as usize].root;
            match self.fold(root, &mut facts) {
                Folded::Never => {}
                Folded::Always => rules.push((*tag, None)),
                Folded::Node(node) => rules.push((*tag, Some(node))),
            }
        }
        if rules.is_empty() {
            return None;
        }
        if let Some(id) = self.plans.get(&rules) {
            return Some(*id);
        }
        let id = PlanId(self.program.plans.len() as u32);
        let plan = self.make(&rules);
        self.program.plans.push(plan);
        self.plans.insert(rules, id);
        Some(id)
    }

    /// The program with its plans.
    pub fn finish(mut self) -> Program {
        self.program.order_children();
        let mut roots: Vec<NodeId> = Vec::new();
        for plan in &self.program.plans {
            let guards = plan.filters.iter().flat_map(|filter| &filter.guards);
            roots.extend(guards.map(|guard| guard.node));
            roots.extend(plan.rules.iter().flat_map(|rule| rule.parts.into_iter().flatten()));
            roots.extend_from_slice(&plan.rests);
        }
        self.program.remember(&roots);
        self.program
    }

    // ---- what the type of the event decides ----

    fn fold(&mut self, node: NodeId, facts: &mut Facts<'_>) -> Folded {
        if let Some(folded) = facts.nodes.get(&node) {
            return *folded;
        }
        let folded = match self.program.kind(node) {
            NodeKind::Check(check) => self.fold_check(node, check, facts),
            NodeKind::Not(child) => match self.fold(child, facts) {
                Folded::Always => Folded::Never,
                Folded::Never => Folded::Always,
                Folded::Node(child) => Folded::Node(self.program.negate(&mut self.known, child)),
            },
            NodeKind::And { start, len } => self.fold_all(start, len, facts, true),
            NodeKind::Or { start, len } => self.fold_all(start, len, facts, false),
        };
        facts.nodes.insert(node, folded);
        folded
    }

    fn fold_all(&mut self, start: u32, len: u32, facts: &mut Facts<'_>, is_and: bool) -> Folded {
        let (neutral, decisive) =
            if is_and { (Folded::Always, Folded::Never) } else { (Folded::Never, Folded::Always) };
        let mut left = Vec::new();
        for index in start..start + len {
            let child = self.program.children[index as usize];
            match self.fold(child, facts) {
                Folded::Node(node) => left.push(node),
                folded if folded == decisive => return decisive,
                _ => {}
            }
        }
        if left.is_empty() {
            return neutral;
        }
        Folded::Node(self.program.join(&mut self.known, left, is_and))
    }

    fn fold_check(&self, node: NodeId, check: CheckId, facts: &mut Facts<'_>) -> Folded {
        let check = &self.program.base.checks[check.0 as usize];
        let left = self.decided(check.left, facts);
        let right = match check.test {
            Test::Value { right, .. } => self.decided(right, facts),
            Test::Exists | Test::Literal(_) => Known::Unknown,
        };
        // A value that does not exist passes no check.
        if matches!(left, Known::Missing) || matches!(right, Known::Missing) {
            return Folded::Never;
        }
        match (left, &check.test) {
            (Known::Value(_), Test::Exists) => Folded::Always,
            (Known::Value(value), Test::Literal(predicate)) => {
                match predicate.test(&value, &mut Caches::default()) {
                    true => Folded::Always,
                    false => Folded::Never,
                }
            }
            _ => Folded::Node(node),
        }
    }

    fn decided(&self, value: ValueId, facts: &mut Facts<'_>) -> Known {
        if let Some(decided) = facts.values.get(&value) {
            return decided.clone();
        }
        let node = &self.program.base.values[value.0 as usize];
        let decided = match &node.kind {
            // A list is decided only if it does not exist.
            ValueKind::Field(field) => match (facts.decide)(field) {
                Known::Value(_) if node.is_list => Known::Unknown,
                decided => decided,
            },
            ValueKind::Literal(_) => Known::Unknown,
            ValueKind::Tuple(args) | ValueKind::Call { args, .. } => {
                let missing = |arg: &ValueId| matches!(self.decided(*arg, facts), Known::Missing);
                if args.iter().any(missing) { Known::Missing } else { Known::Unknown }
            }
        };
        facts.values.insert(value, decided.clone());
        decided
    }

    // ---- the plan ----

    fn make(&mut self, rules: &[(u32, Option<NodeId>)]) -> Plan {
        let mut conjuncts: Vec<[Vec<NodeId>; FILTERS]> = Vec::with_capacity(rules.len());
        for (_, root) in rules {
            let mut all = Vec::new();
            if let Some(root) = root {
                self.conjuncts(*root, &mut all);
            }
            all.sort_unstable();
            all.dedup();
            let mut by_scope: [Vec<NodeId>; FILTERS] = Default::default();
            for node in all {
                let memo = self.program.info(node).memo().map_or(MEMOS, usize::from);
                by_scope[memo].push(node);
            }
            conjuncts.push(by_scope);
        }
        let filters: [Filter; FILTERS] =
            std::array::from_fn(|scope| self.filter(conjuncts.iter().map(|c| &*c[scope])));
        let guards: FxHashSet<NodeId> = filters[MEMOS].guards.iter().map(|g| g.node).collect();
        let mut all = empty_mask(rules.len());
        let mut rests = Vec::new();
        let mut plan_rules = Vec::with_capacity(rules.len());
        for (index, ((tag, _), conjuncts)) in rules.iter().zip(conjuncts).enumerate() {
            add(&mut all, index);
            let [image, fd, mut rest] = conjuncts;
            rest.retain(|node| !guards.contains(node));
            rest.sort_by_key(|node| self.program.info(*node).cost);
            let start = rests.len() as u32;
            rests.extend_from_slice(&rest);
            let parts = [image, fd].map(|part| {
                (!part.is_empty()).then(|| self.program.join(&mut self.known, part, true))
            });
            plan_rules.push(PlanRule { tag: *tag, parts, rest: (start, rests.len() as u32) });
        }
        let memo_words = std::array::from_fn(|memo| {
            plan_rules.iter().any(|rule| rule.parts[memo].is_some()).then(|| {
                let at = self.program.plan_words[memo];
                self.program.plan_words[memo] += 2 * all.len();
                at
            })
        });
        Plan { rules: plan_rules.into(), rests: rests.into(), all, filters, memo_words }
    }

    /// Splits a condition into parts that must all hold.
    fn conjuncts(&mut self, node: NodeId, out: &mut Vec<NodeId>) {
        let negated_or = |program: &Program, child| match program.kind(child) {
            NodeKind::Or { start, len } => Some((start, len)),
            _ => None,
        };
        match self.program.kind(node) {
            NodeKind::And { start, len } => {
                for index in start..start + len {
                    self.conjuncts(self.program.children[index as usize], out);
                }
            }
            // Not any: none of them.
            NodeKind::Not(child) => match negated_or(&self.program, child) {
                Some((start, len)) => {
                    for index in start..start + len {
                        let child = self.program.children[index as usize];
                        let none = self.program.negate(&mut self.known, child);
                        self.conjuncts(none, out);
                    }
                }
                None => out.push(node),
            },
            _ => out.push(node),
        }
    }

    fn filter<'c>(&self, conjuncts: impl Iterator<Item = &'c [NodeId]> + Clone) -> Filter {
        let count = conjuncts.clone().count();
        Filter {
            guards: self.guards(conjuncts.clone(), count),
            covers: self.covers(conjuncts, count),
        }
    }

    fn guards<'c>(
        &self,
        conjuncts: impl Iterator<Item = &'c [NodeId]>,
        count: usize,
    ) -> Vec<Guard> {
        let mut order: Vec<NodeId> = Vec::new();
        let mut rules_of: FxHashMap<NodeId, Vec<usize>> = FxHashMap::default();
        for (rule, nodes) in conjuncts.enumerate() {
            for node in nodes {
                let rules = rules_of.entry(*node).or_default();
                if rules.is_empty() {
                    order.push(*node);
                }
                rules.push(rule);
            }
        }
        let price = |node: &NodeId| {
            let cost = self.program.info(*node).cost.max(1);
            // What must not be hardly ever is: it takes few rules away.
            let is_not = matches!(self.program.kind(*node), NodeKind::Not(_));
            u64::from(if is_not { cost.saturating_mul(8) } else { cost })
        };
        order.retain(|node| {
            let rules = rules_of[node].len();
            rules >= WORTH_A_GUARD && price(node) <= u64::from(CHEAP) * rules as u64
        });
        order.sort_by_key(|node| price(node) * 256 / rules_of[node].len() as u64);
        order.truncate(MOST_GUARDS);
        let guard = |node: NodeId| {
            let mut rules = empty_mask(count);
            rules_of[&node].iter().for_each(|rule| add(&mut rules, *rule));
            Guard { node, rules }
        };
        order.into_iter().map(guard).collect()
    }

    fn covers<'c>(
        &self,
        conjuncts: impl Iterator<Item = &'c [NodeId]>,
        count: usize,
    ) -> Vec<Cover> {
        let mut order: Vec<Vec<LookupId>> = Vec::new();
        let mut rules_of: FxHashMap<Vec<LookupId>, Vec<(usize, Vec<CheckId>)>> =
            FxHashMap::default();
        for (rule, nodes) in conjuncts.enumerate() {
            let covers = nodes.iter().filter_map(|node| {
                let mut checks = Vec::new();
                self.cover(*node, &mut checks).is_continue().then_some(checks)
            });
            let Some(mut checks) = covers.min_by_key(|checks| self.cover_cost(checks)) else {
                continue;
            };
            checks.sort_unstable();
            checks.dedup();
            let lookups = self.lookups_of(&checks);
            let rules = rules_of.entry(lookups.clone()).or_default();
            if rules.is_empty() {
                order.push(lookups);
            }
            rules.push((rule, checks));
        }
        order.retain(|lookups| rules_of[lookups].len() >= WORTH_A_COVER);
        order.sort_by_key(|lookups| {
            let cost = lookups.iter().map(|l| self.program.base.lookups[l.0 as usize].cost());
            u64::from(cost.sum::<u32>()) * 256 / rules_of[lookups].len() as u64
        });
        let cover = |lookups: Vec<LookupId>| {
            let mut rules = empty_mask(count);
            let mut by_check = FxHashMap::default();
            for (rule, checks) in &rules_of[&lookups] {
                add(&mut rules, *rule);
                for check in checks {
                    add(by_check.entry(*check).or_insert_with(|| empty_mask(count)), *rule);
                }
            }
            Cover { lookups: lookups.into(), rules, by_check }
        };
        order.into_iter().map(cover).collect()
    }

    fn lookups_of(&self, checks: &[CheckId]) -> Vec<LookupId> {
        let lookup = |check: &CheckId| self.program.base.checks[check.0 as usize].lookup;
        let mut lookups: Vec<LookupId> = checks.iter().filter_map(lookup).collect();
        lookups.sort_unstable();
        lookups.dedup();
        lookups
    }

    fn cover_cost(&self, checks: &[CheckId]) -> (u32, usize) {
        let lookups = self.lookups_of(checks);
        let cost = lookups.iter().map(|l| self.program.base.lookups[l.0 as usize].cost()).sum();
        (cost, checks.len())
    }

    /// Checks with lookups of which one must hold if the node holds; breaks if there are none.
    fn cover(&self, node: NodeId, out: &mut Vec<CheckId>) -> ControlFlow<()> {
        match self.program.kind(node) {
            NodeKind::Check(check) => {
                let has_lookup = self.program.base.checks[check.0 as usize].lookup.is_some();
                if !has_lookup || out.len() >= MOST_CHECKS {
                    return ControlFlow::Break(());
                }
                out.push(check);
                ControlFlow::Continue(())
            }
            NodeKind::Or { start, len } => self
                .program
                .children_of(start, len)
                .iter()
                .try_for_each(|child| self.cover(*child, out)),
            NodeKind::And { start, len } => {
                let covers = self.program.children_of(start, len).iter().filter_map(|child| {
                    let mut checks = Vec::new();
                    self.cover(*child, &mut checks).is_continue().then_some(checks)
                });
                match covers.min_by_key(|checks| self.cover_cost(checks)) {
                    Some(checks) if out.len() + checks.len() <= MOST_CHECKS => {
                        out.extend(checks);
                        ControlFlow::Continue(())
                    }
                    _ => ControlFlow::Break(()),
                }
            }
            NodeKind::Not(_) => ControlFlow::Break(()),
        }
    }
}
