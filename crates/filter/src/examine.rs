//! Trying all rules of an event type at once; [`crate::plan`] has the picture.

use std::ops::ControlFlow;

use crate::catalog::FieldSource;
use crate::evaluator::{Evaluator, EventEvaluator, RowState};
use crate::memo::Row;
use crate::plan::{FILTERS, Filter, Plan, PlanId, PlanRule};
use crate::program::{MEMOS, memo_scope};

type Rows = [Option<Row>; MEMOS];

impl Evaluator {
    /// Tries the conditions of a plan on an event. `seen` gets those that had to be looked at one
    /// by one, by what the plan calls them and in its order, and whether they hold, until it
    /// breaks; conditions it does not get do not hold. Gives the number of conditions it got.
    ///
    /// What was found of the event before is forgotten: [`Self::begin_event`] need not be called.
    ///
    /// # Panics
    /// If the plan belongs to another program.
    #[inline]
    pub fn examine<S: FieldSource + ?Sized>(
        &mut self,
        plan: PlanId,
        source: &S,
        seen: impl FnMut(u32, bool) -> ControlFlow<()>,
    ) -> u64 {
        let program = &*self.program;
        let scratch = &mut self.scratch;
        let shape = &program.plans[plan.0 as usize];
        let mut rows: Rows = [None; MEMOS];
        for (memo, row) in rows.iter_mut().enumerate() {
            if shape.memo_words[memo].is_some() {
                let key = source.scope_key(memo_scope(memo));
                *row = key.and_then(|key| scratch.memos[memo].row(key));
            }
        }
        scratch.open.clear();
        let mut any = 0;
        for (word, all) in shape.all.iter().enumerate() {
            let mut open = *all;
            for (memo, row) in rows.iter().enumerate() {
                if let (Some(row), Some(at)) = (row, shape.memo_words[memo]) {
                    open &= !scratch.memos[memo].plan_word(*row, at + word);
                }
            }
            scratch.open.push(open);
            any |= open;
        }
        if any == 0 {
            return 0;
        }
        self.examine_open(plan, rows, source, seen)
    }

    #[inline(never)]
    fn examine_open<S: FieldSource + ?Sized>(
        &mut self,
        plan: PlanId,
        rows: Rows,
        source: &S,
        seen: impl FnMut(u32, bool) -> ControlFlow<()>,
    ) -> u64 {
        self.begin_event();
        for (memo, row) in rows.iter().enumerate() {
            if self.program.plans[plan.0 as usize].memo_words[memo].is_some() {
                self.scratch.rows[memo] = row.map_or(RowState::None, RowState::Row);
            }
        }
        self.on(source).examine_open(plan, rows, seen)
    }
}

impl<S: FieldSource + ?Sized> EventEvaluator<'_, S> {
    fn examine_open(
        &mut self,
        plan: PlanId,
        rows: Rows,
        mut seen: impl FnMut(u32, bool) -> ControlFlow<()>,
    ) -> u64 {
        let program = self.program();
        let shape = &program.plans[plan.0 as usize];
        for index in 0..FILTERS {
            let filter = &shape.filters[index];
            match rows.get(index).copied().flatten() {
                // Within its scope a filter says the same for all events of an image or descriptor.
                Some(row) => {
                    if !self.scratch.memos[index].visit(row, plan.0 as usize) {
                        self.apply(filter, Some((index, row, shape)));
                    }
                }
                None => self.apply(filter, None),
            }
        }
        let mut tried = 0;
        for word in 0..shape.all.len() {
            let mut open = self.scratch.open[word];
            while open != 0 {
                let bit = open.trailing_zeros() as usize;
                open &= open - 1;
                tried += 1;
                let rule = &shape.rules[word * 64 + bit];
                let holds = self.rule_holds(shape, rule, word * 64 + bit, rows);
                if seen(rule.tag, holds).is_break() {
                    return tried;
                }
            }
        }
        tried
    }

    /// Takes away the rules that a filter rules out, and remembers them if there is a row.
    fn apply(&mut self, filter: &Filter, memo: Option<(usize, Row, &Plan)>) {
        for guard in &filter.guards {
            if self.is_open(&guard.rules) && !self.node(guard.node) {
                self.close(&guard.rules, memo);
            }
        }
        for cover in &filter.covers {
            if !self.is_open(&cover.rules) {
                continue;
            }
            let mut closed = std::mem::take(&mut self.scratch.closed);
            closed.clear();
            closed.extend_from_slice(&cover.rules);
            for lookup in &cover.lookups {
                for hit in self.hits(*lookup) {
                    if let Some(kept) = cover.by_check.get(&self.scratch.hits[hit]) {
                        closed.iter_mut().zip(kept).for_each(|(closed, kept)| *closed &= !kept);
                    }
                }
            }
            self.close(&closed, memo);
            self.scratch.closed = closed;
        }
    }

    fn is_open(&self, rules: &[u64]) -> bool {
        self.scratch.open.iter().zip(rules).any(|(open, rules)| open & rules != 0)
    }

    fn close(&mut self, rules: &[u64], memo: Option<(usize, Row, &Plan)>) {
        let scratch = &mut *self.scratch;
        scratch.open.iter_mut().zip(rules).for_each(|(open, rules)| *open &= !rules);
        if let Some((memo, row, plan)) = memo
            && let Some(at) = plan.memo_words[memo]
        {
            for (word, rules) in rules.iter().enumerate() {
                scratch.memos[memo].add_to_plan_word(row, at + word, *rules);
            }
        }
    }

    fn rule_holds(&mut self, plan: &Plan, rule: &PlanRule, index: usize, rows: Rows) -> bool {
        for (memo, (part, row)) in rule.parts.iter().zip(rows).enumerate() {
            let Some(node) = *part else { continue };
            let place = match (row, plan.memo_words[memo]) {
                (Some(row), Some(at)) => Some((row, at + index / 64)),
                _ => None,
            };
            let mask = 1 << (index % 64);
            let words = plan.all.len();
            if let Some((row, word)) = place
                && self.scratch.memos[memo].plan_word(row, word + words) & mask != 0
            {
                continue;
            }
            let holds = self.node(node);
            if let Some((row, word)) = place {
                let word = if holds { word + words } else { word };
                self.scratch.memos[memo].add_to_plan_word(row, word, mask);
            }
            if !holds {
                return false;
            }
        }
        let (start, end) = rule.rest;
        plan.rests[start as usize..end as usize].iter().all(|node| self.node(*node))
    }
}
