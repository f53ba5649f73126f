//! Evaluating conditions for one event after the other.
//!
//! Every worker has an [`Evaluator`]: the shared program and scratch space of its own. Within an
//! event no node is evaluated twice and no value extracted twice; nodes that depend only on the
//! process image or the file descriptor are looked up under the source's scope key before anything
//! is extracted. Slots are stamped with the number of the event, so nothing is cleared between
//! events, and the space for values is used again, so that nothing is allocated either unless a
//! source makes a text.

use std::ops::Range;
use std::sync::Arc;

use peregrine_event::Value;

use crate::catalog::{FieldSource, Values};
use crate::lookup::LookupId;
use crate::matching::{self, regex};
use crate::memo::{Memo, Row};
use crate::program::{
    CheckId, ConditionId, MEMOS, NodeId, NodeKind, Program, Quantifier, Test, ValueId, ValueKind,
    memo_scope,
};
use crate::syntax::Transformer;
use crate::transform;

/// Evaluates the conditions of a program; one per worker.
#[derive(Debug)]
pub struct Evaluator {
    pub(crate) program: Arc<Program>,
    pub(crate) scratch: Scratch,
}

#[derive(Debug)]
pub(crate) struct Scratch {
    /// Number of the event, above all stamps of earlier ones.
    event: u32,
    /// Per node: number of the event it was evaluated for, doubled, plus the result.
    nodes: Vec<u32>,
    pub memos: [Memo; MEMOS],
    /// Rows of this event, looked up on first use.
    pub rows: [RowState; MEMOS],
    caches: regex::Caches,
    /// Number of the [`EventEvaluator`] at work, for `places`.
    session: u32,
    /// Per value: the session that extracted it and where its values are.
    places: Vec<(u32, Place)>,
    /// Space for values between sessions; always empty.
    spare: Vec<Value<'static>>,
    /// Per lookup: the session that looked, and which checks it found in `hits`.
    looks: Vec<(u32, u32, u32)>,
    pub hits: Vec<CheckId>,
    /// Rules of the plan at work that may still hold.
    pub open: Vec<u64>,
    /// Space for the rules that a cover rules out.
    pub closed: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum RowState {
    Unknown,
    None,
    Row(Row),
}

/// Where the values of a field are within [`EventEvaluator::values`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    start: u32,
    /// [`MISSING`] if the field does not exist for the event.
    len: u32,
}

const MISSING: Place = Place { start: 0, len: u32::MAX };

/// The last event number that fits beside the result.
const LAST_EVENT: u32 = u32::MAX >> 1;

impl Evaluator {
    /// Scratch space for a program.
    pub fn new(program: Arc<Program>) -> Self {
        let scratch = Scratch {
            event: 1,
            nodes: vec![0; program.nodes.len()],
            memos: std::array::from_fn(|memo| {
                Memo::new(program.memo_bits[memo], program.plans.len(), program.plan_words[memo])
            }),
            rows: [RowState::Unknown; MEMOS],
            caches: regex::Caches::default(),
            session: 0,
            places: vec![(0, MISSING); program.base.values.len()],
            spare: Vec::new(),
            looks: vec![(0, 0, 0); program.base.lookups.len()],
            hits: Vec::new(),
            open: Vec::new(),
            closed: Vec::new(),
        };
        Self { program, scratch }
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Forgets the results of the event before. To be called before the first condition of each
    /// event.
    pub fn begin_event(&mut self) {
        let scratch = &mut self.scratch;
        scratch.rows = [RowState::Unknown; MEMOS];
        scratch.event += 1;
        if scratch.event > LAST_EVENT {
            scratch.event = 1;
            scratch.nodes.fill(0);
        }
    }

    /// Whether a condition holds for the event at hand. `source` must answer for the same event
    /// since [`Self::begin_event`].
    ///
    /// To evaluate several conditions, [`Self::on`] saves extracting values again.
    ///
    /// # Panics
    /// If the id belongs to another program.
    pub fn matches<S: FieldSource + ?Sized>(&mut self, id: ConditionId, source: &S) -> bool {
        self.on(source).matches(id)
    }

    /// An evaluator for several conditions on the event at hand. `source` must answer for the same
    /// event since [`Self::begin_event`].
    pub fn on<'e, S: FieldSource + ?Sized>(&'e mut self, source: &'e S) -> EventEvaluator<'e, S> {
        let scratch = &mut self.scratch;
        scratch.session = scratch.session.wrapping_add(1);
        if scratch.session == 0 {
            scratch.session = 1;
            scratch.places.fill((0, MISSING));
            scratch.looks.fill((0, 0, 0));
        }
        scratch.hits.clear();
        let values = std::mem::take(&mut scratch.spare);
        EventEvaluator { program: &self.program, scratch, source, values }
    }
}

/// Evaluates conditions for one event; values are extracted once. From [`Evaluator::on`].
#[derive(Debug)]
pub struct EventEvaluator<'e, S: FieldSource + ?Sized> {
    program: &'e Program,
    pub(crate) scratch: &'e mut Scratch,
    source: &'e S,
    values: Vec<Value<'e>>,
}

impl<S: FieldSource + ?Sized> Drop for EventEvaluator<'_, S> {
    fn drop(&mut self) {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        // Collecting an emptied vector in place keeps its allocation, and its lifetime ends here.
        self.scratch.spare = values.into_iter().map(|_| Value::Bool(false)).collect();
    }
}

impl<'e, S: FieldSource + ?Sized> EventEvaluator<'e, S> {
    /// Whether a condition holds.
    ///
    /// # Panics
    /// If the id belongs to another program.
    pub fn matches(&mut self, id: ConditionId) -> bool {
        self.node(self.program.base.conditions[id.0 as usize].root)
    }

    pub(crate) fn program(&self) -> &'e Program {
        self.program
    }

    /// The result of a node; most are known already, so the call is kept out of the way.
    #[inline(always)]
    pub(crate) fn node(&mut self, id: NodeId) -> bool {
        let slot = self.scratch.nodes[id.0 as usize];
        if slot >> 1 == self.scratch.event {
            return slot & 1 == 1;
        }
        self.node_unknown(id)
    }

    #[inline(never)]
    fn node_unknown(&mut self, id: NodeId) -> bool {
        let node = &self.program.nodes[id.0 as usize];
        let place = node.memo.and_then(|(memo, bit)| Some((memo, self.row(memo)?, bit)));
        let known =
            place.and_then(|(memo, row, bit)| self.scratch.memos[usize::from(memo)].get(row, bit));
        let result = match known {
            Some(known) => known,
            None => {
                let result = self.node_kind(node.kind);
                if let Some((memo, row, bit)) = place {
                    self.scratch.memos[usize::from(memo)].set(row, bit, result);
                }
                result
            }
        };
        self.scratch.nodes[id.0 as usize] = self.scratch.event << 1 | u32::from(result);
        result
    }

    fn node_kind(&mut self, kind: NodeKind) -> bool {
        let program = self.program;
        let children =
            |start: u32, len: u32| &program.children[start as usize..(start + len) as usize];
        match kind {
            NodeKind::And { start, len } => children(start, len).iter().all(|c| self.node(*c)),
            NodeKind::Or { start, len } => children(start, len).iter().any(|c| self.node(*c)),
            NodeKind::Not(child) => !self.node(child),
            NodeKind::Check(check) => self.check(check),
        }
    }

    /// The row under which results of this event are remembered.
    #[inline]
    fn row(&mut self, memo: u8) -> Option<Row> {
        let index = usize::from(memo);
        match self.scratch.rows[index] {
            RowState::Row(row) => Some(row),
            RowState::None => None,
            RowState::Unknown => {
                let key = self.source.scope_key(memo_scope(index));
                let row = key.and_then(|key| self.scratch.memos[index].row(key));
                self.scratch.rows[index] = row.map_or(RowState::None, RowState::Row);
                row
            }
        }
    }

    #[inline(never)]
    fn check(&mut self, id: CheckId) -> bool {
        let check = &self.program.base.checks[id.0 as usize];
        if let Some(lookup) = check.lookup
            && let Some(hits) = self.known_hits(lookup)
        {
            return self.scratch.hits[hits].contains(&id);
        }
        let Some(left) = self.value(check.left) else { return false };
        let is_list = self.program.base.values[check.left.0 as usize].is_list;
        match &check.test {
            Test::Exists => true,
            Test::Literal(predicate) => {
                let range = left.start as usize..(left.start + left.len) as usize;
                let caches = &mut self.scratch.caches;
                quantified(&self.values[range], check.quantifier, |v| predicate.test(v, caches))
            }
            Test::Value { op, right } => {
                let Some(right) = self.value(*right) else { return false };
                let (left, right) = (self.at(left), self.at(right));
                let is_membership =
                    is_list || matches!(op, crate::Operator::In | crate::Operator::Intersects);
                quantified(left, check.quantifier, |l| match right.first() {
                    _ if is_membership => {
                        right.iter().any(|r| matching::compare(crate::Operator::Eq, l, r))
                    }
                    Some(r) => matching::compare(*op, l, r),
                    None => false,
                })
            }
        }
    }

    /// What a lookup says, if it was made or should be for the sake of one check.
    #[inline]
    fn known_hits(&mut self, lookup: LookupId) -> Option<Range<usize>> {
        let is_made = self.scratch.looks[lookup.0 as usize].0 == self.scratch.session;
        let is_long = self.program.base.lookups[lookup.0 as usize].is_long();
        (is_made || !is_long).then(|| self.hits(lookup))
    }

    /// The checks of a lookup that hold for the event, as a range of the scratch space's hits.
    pub(crate) fn hits(&mut self, id: LookupId) -> Range<usize> {
        let (session, start, end) = self.scratch.looks[id.0 as usize];
        if session == self.scratch.session {
            return start as usize..end as usize;
        }
        let lookup = &self.program.base.lookups[id.0 as usize];
        let start = self.scratch.hits.len();
        if let Some(place) = self.value(lookup.value) {
            let values = place.start as usize..(place.start + place.len) as usize;
            for text in self.values[values].iter().filter_map(Value::as_bytes) {
                lookup.find(text, &mut self.scratch.hits);
            }
        }
        let end = self.scratch.hits.len();
        self.scratch.looks[id.0 as usize] = (self.scratch.session, start as u32, end as u32);
        start..end
    }

    /// Where the values of a field or call are; `None` if it does not exist for this event.
    pub(crate) fn value(&mut self, id: ValueId) -> Option<Place> {
        let (session, place) = self.scratch.places[id.0 as usize];
        let place = if session == self.scratch.session {
            place
        } else {
            let place = self.extract(id).unwrap_or(MISSING);
            self.scratch.places[id.0 as usize] = (self.scratch.session, place);
            place
        };
        (place.len != MISSING.len).then_some(place)
    }

    /// The values at a place.
    pub(crate) fn at(&self, place: Place) -> &[Value<'e>] {
        &self.values[place.start as usize..(place.start + place.len) as usize]
    }

    fn push<'v: 'e>(&mut self, values: impl IntoIterator<Item = Value<'v>>) -> Place {
        let start = self.values.len();
        for value in values {
            self.values.push(value);
        }
        Place { start: start as u32, len: (self.values.len() - start) as u32 }
    }

    fn extract(&mut self, id: ValueId) -> Option<Place> {
        let program = self.program;
        match &program.base.values[id.0 as usize].kind {
            ValueKind::Field(field) => {
                let mut values = Values::new();
                if !self.source.extract(field, &mut values) {
                    return None;
                }
                let place = Place { start: self.values.len() as u32, len: values.len() as u32 };
                match values.len() {
                    // Nearly all; spares the general way its bookkeeping.
                    1 => self.values.extend(values.pop()),
                    _ => self.values.extend(values.drain(..)),
                }
                Some(place)
            }
            ValueKind::Literal(text) => Some(self.push([Value::bytes(text)])),
            ValueKind::Tuple(args) => {
                let mut all = Vec::new();
                for arg in args {
                    let place = self.value(*arg)?;
                    all.extend_from_slice(self.at(place));
                }
                Some(self.push(all))
            }
            ValueKind::Call { transformer, args, option } => {
                let values = self.call(*transformer, args, *option)?;
                Some(self.push(values))
            }
        }
    }

    fn call(
        &mut self,
        transformer: Transformer,
        args: &[ValueId],
        option: Option<u8>,
    ) -> Option<Values<'static>> {
        if let [arg] = args {
            let is_list = self.program.base.values[arg.0 as usize].is_list;
            let place = self.value(*arg)?;
            return transform::apply(transformer, is_list, self.at(place));
        }
        if transformer == Transformer::Concat {
            let mut text = Vec::new();
            for arg in args {
                let place = self.value(*arg)?;
                transform::append_text(self.at(place).first()?, &mut text);
            }
            return Some(Values::from_iter([Value::owned(text)]));
        }
        let [first, second] = args else { return None };
        let first = self.value(*first)?;
        let second = self.value(*second)?;
        let (first, second) = (self.at(first), self.at(second));
        match transformer {
            Transformer::Join => Some(Values::from_iter([transform::join(first.first()?, second)])),
            Transformer::Getopt => transform::getopt(first, second.first()?.as_bytes()?, option),
            _ => None,
        }
    }
}

fn quantified<'v>(
    values: &[Value<'v>],
    quantifier: Quantifier,
    mut test: impl FnMut(&Value<'v>) -> bool,
) -> bool {
    match (values, quantifier) {
        ([only], _) => test(only),
        (_, Quantifier::Any) => values.iter().any(test),
        (_, Quantifier::All) => values.iter().all(test),
        (_, Quantifier::AllOfSome) => !values.is_empty() && values.iter().all(test),
    }
}
