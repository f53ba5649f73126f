//! Evaluating conditions for one event after the other.
//!
//! Every worker has an [`Evaluator`]: the shared program and scratch space of its own. Within an
//! event no node is evaluated twice and no value extracted twice; nodes that depend only on the
//! process image or the file descriptor are looked up under the source's scope key before anything
//! is extracted. Slots are stamped with the number of the event, so nothing is cleared between
//! events, and the space for values is used again, so that nothing is allocated either unless a
//! source makes a text.

use std::ops::ControlFlow;
use std::sync::Arc;

use peregrine_event::Value;

use crate::catalog::{FieldSource, Values};
use crate::matching::{self, regex};
use crate::memo::{Memo, Row};
use crate::program::{
    CheckNode, ConditionId, ConditionSet, MEMOS, NodeId, NodeKind, Program, Quantifier, Test,
    ValueId, ValueKind, memo_scope,
};
use crate::syntax::Transformer;
use crate::transform;

/// Evaluates the conditions of a program; one per worker.
#[derive(Debug)]
pub struct Evaluator {
    program: Arc<Program>,
    scratch: Scratch,
}

#[derive(Debug)]
struct Scratch {
    /// Number of the event, above all stamps of earlier ones.
    event: u32,
    /// Per node: number of the event it was evaluated for, doubled, plus the result.
    nodes: Vec<u32>,
    memos: [Memo; MEMOS],
    /// Rows of this event, looked up on first use.
    rows: [RowState; MEMOS],
    caches: regex::Caches,
    /// Number of the [`EventEvaluator`] at work, for `places`.
    session: u32,
    /// Per value: the session that extracted it and where its values are.
    places: Vec<(u32, Place)>,
    /// Space for values between sessions; always empty.
    spare: Vec<Value<'static>>,
}

#[derive(Debug, Clone, Copy)]
enum RowState {
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
            memos: program.memo_bits.map(|nodes| Memo::new(nodes, program.conditions.len())),
            rows: [RowState::Unknown; MEMOS],
            caches: regex::Caches::default(),
            session: 0,
            places: vec![(0, MISSING); program.values.len()],
            spare: Vec::new(),
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
        }
        let values = std::mem::take(&mut scratch.spare);
        EventEvaluator { program: &self.program, scratch, source, values }
    }
}

/// Evaluates conditions for one event; values are extracted once. From [`Evaluator::on`].
#[derive(Debug)]
pub struct EventEvaluator<'e, S: FieldSource + ?Sized> {
    program: &'e Program,
    scratch: &'e mut Scratch,
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
        let rows = self.rows();
        self.condition(id, rows, [0; MEMOS])
    }

    /// The first condition of a set that holds, in the order in which they were added.
    ///
    /// # Panics
    /// If the set belongs to another program.
    pub fn first_match(&mut self, set: &ConditionSet) -> Option<ConditionId> {
        let mut first = None;
        self.for_each_match(set, |id| {
            first = Some(id);
            ControlFlow::Break(())
        });
        first
    }

    /// Shows the conditions of a set that hold, in the order in which they were added, until
    /// `found` breaks. What is remembered of the process image and the descriptor rules out 64
    /// conditions at a time.
    ///
    /// # Panics
    /// If the set belongs to another program.
    pub fn for_each_match(
        &mut self,
        set: &ConditionSet,
        mut found: impl FnMut(ConditionId) -> ControlFlow<()>,
    ) {
        let rows = self.rows();
        for (word, wanted) in set.words.iter().enumerate() {
            let mut open = *wanted;
            let mut known = [0; MEMOS];
            for (memo, row) in rows.iter().enumerate() {
                if let Some(row) = row {
                    let holds;
                    (known[memo], holds) = self.scratch.memos[memo].conditions(*row, word);
                    open &= !known[memo] | holds;
                }
            }
            while open != 0 {
                let bit = open.trailing_zeros();
                open &= open - 1;
                let id = ConditionId(word as u32 * 64 + bit);
                if self.condition(id, rows, known.map(|k| k >> bit & 1)) && found(id).is_break() {
                    return;
                }
            }
        }
    }

    /// Whether a condition holds. `known` is not zero for memos in which it is known to hold as
    /// far as their scope goes.
    fn condition(
        &mut self,
        id: ConditionId,
        rows: [Option<Row>; MEMOS],
        known: [u64; MEMOS],
    ) -> bool {
        let program = self.program;
        program.conditions[id.0 as usize].parts.iter().all(|(node, memo)| {
            let Some(memo) = memo.map(usize::from) else { return self.node(*node) };
            if known[memo] != 0 {
                return true;
            }
            let result = self.node(*node);
            if let Some(row) = rows[memo] {
                self.scratch.memos[memo].set_condition(row, id.0, result);
            }
            result
        })
    }

    fn rows(&mut self) -> [Option<Row>; MEMOS] {
        std::array::from_fn(|memo| self.row(memo as u8))
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
            NodeKind::Check(check) => self.check(&program.checks[check.0 as usize]),
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
    fn check(&mut self, check: &CheckNode) -> bool {
        let Some(left) = self.value(check.left) else { return false };
        let is_list = self.program.values[check.left.0 as usize].is_list;
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
        match &program.values[id.0 as usize].kind {
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
            let is_list = self.program.values[arg.0 as usize].is_list;
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
