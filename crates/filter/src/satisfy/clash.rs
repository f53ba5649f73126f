//! Checks of one value that cannot hold together.

use peregrine_event::{ParamType, Value};

use super::{Atom, Clash, Literal, Points, Reason, Search};
use crate::builder::ValueInfo;
use crate::catalog::Known;
use crate::check::{CheckKey, Right};
use crate::literal::{self, Class};
use crate::matching::Predicate;
use crate::program::{Test, ValueId};
use crate::syntax::{Operator, Text};

/// What the search must know of a check.
pub(super) fn atom(key: &CheckKey, info: &ValueInfo, test: Test) -> Atom {
    // Fields that stand for several values at once can neither be on the right nor transformed.
    let single = !(info.is_list || info.no_rhs && info.no_transformer);
    let written: &[Text] = match &key.right {
        Right::Literals(texts) => texts,
        Right::None | Right::Value(_) => &[],
    };
    let literals = || written.iter().filter_map(|text| literal::read(text, info.ty).ok());
    let is_equality = matches!(key.op, Operator::Eq | Operator::In | Operator::Intersects);
    let closed = match (is_equality, &key.right) {
        (true, Right::Literals(_)) => Points::Closed,
        _ => Points::Examples,
    };
    let (points, points_are) = match Class::of(info.ty) {
        Class::Number => (landmarks(literals(), info.ty), Points::Landmarks),
        Class::Bool => (vec![Value::Bool(false), Value::Bool(true)], Points::Landmarks),
        Class::Text | Class::Buffer | Class::Ip => {
            let point = |literal| match literal {
                literal::Literal::Bytes(text) => Some(Value::owned(text.into_vec())),
                literal::Literal::Ip(address) => Some(Value::Ip(address)),
                _ => None,
            };
            (literals().filter_map(point).collect(), closed)
        }
        Class::Double | Class::Net | Class::Opaque => (Vec::new(), Points::Examples),
    };
    Atom { value: key.left, single, is_list: info.is_list, test, points, points_are }
}

/// The numbers at and beside those written that the type can have.
fn landmarks(
    literals: impl Iterator<Item = literal::Literal>,
    ty: ParamType,
) -> Vec<Value<'static>> {
    let value = |number: i128| {
        if ty.is_signed() || ty == ParamType::RelTime && number < 0 {
            i64::try_from(number).ok().map(Value::Int)
        } else if ty == ParamType::Port {
            u16::try_from(number).ok().map(|port| Value::Uint(port.into()))
        } else {
            u64::try_from(number).ok().map(Value::Uint)
        }
    };
    let mut numbers: Vec<i128> = literals
        .filter_map(|literal| match literal {
            literal::Literal::Number(number) => Some(number),
            _ => None,
        })
        .flat_map(|number| [number - 1, number, number + 1])
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().filter_map(value).collect()
}

/// Checks of one value up to which pairs are tried, for a report that names just two.
const MAX_PAIRED: usize = 16;

impl Search<'_> {
    /// Whether what was added since then contradicts itself or what was there before.
    pub(super) fn clash_since(&mut self, before: usize) -> Option<Clash> {
        let mut values: Vec<ValueId> =
            self.together[before..].iter().map(|l| self.atom(l).value).collect();
        values.sort_unstable();
        values.dedup();
        values.into_iter().find_map(|value| {
            let of_value = |literal: &&Literal| self.atom(literal).value == value;
            let literals: Vec<Literal> = self.together.iter().filter(of_value).copied().collect();
            self.clash_of(value, &literals)
        })
    }

    fn atom(&self, literal: &Literal) -> &'_ Atom {
        &self.clauses.atoms[literal.atom]
    }

    /// Why some checks of one value cannot hold together.
    fn clash_of(&mut self, value: ValueId, literals: &[Literal]) -> Option<Clash> {
        let clash = |literals: &[Literal]| {
            let mut checks: Vec<_> = literals.iter().map(|literal| literal.span).collect();
            checks.dedup();
            Some(Clash { checks, reason: Reason::Values })
        };
        let asserted = literals.iter().find(|literal| !literal.negated);
        match &self.known[value.0 as usize] {
            Known::Unknown => {}
            Known::Missing => {
                return asserted.map(|l| Clash { checks: vec![l.span], reason: Reason::Missing });
            }
            Known::Value(known) => {
                let known = known.clone();
                let fails = |l: &&Literal| self.passes(l, &known) == Some(false);
                return literals.iter().find(fails).and_then(|l| clash(&[*l]));
            }
        }
        let asserted = asserted?;
        // An empty list of values is within an empty list.
        let is_never = |l: &&Literal| {
            let atom = self.atom(l);
            !l.negated && !atom.is_list && matches!(atom.test, Test::Literal(Predicate::Never))
        };
        if let Some(empty) = literals.iter().find(is_never) {
            return Some(Clash { checks: vec![empty.span], reason: Reason::EmptyList });
        }
        let opposite = |l: &Literal| {
            literals.iter().find(|other| l.atom == other.atom && other.negated && !l.negated)
        };
        if let Some((l, other)) = literals.iter().find_map(|l| Some((*l, *opposite(l)?))) {
            return clash(&[l, other]);
        }
        let denies_all = |l: &&Literal| l.negated && matches!(self.atom(l).test, Test::Exists);
        if let Some(denial) = literals.iter().find(denies_all) {
            let checks = vec![asserted.span, denial.span];
            return Some(Clash { checks, reason: Reason::Denied });
        }
        if !self.atom(asserted).single {
            return None;
        }
        if let Some(pair) = self.opposed_texts(literals) {
            return clash(&pair);
        }
        if self.is_possible(literals) {
            return None;
        }
        // Fewer checks say more, if fewer are enough.
        if literals.len() <= MAX_PAIRED {
            for (at, first) in literals.iter().enumerate() {
                if !self.is_possible(std::slice::from_ref(first)) {
                    return clash(&[*first]);
                }
                for second in &literals[at + 1..] {
                    if !self.is_possible(&[*first, *second]) {
                        return clash(&[*first, *second]);
                    }
                }
            }
        }
        clash(literals)
    }

    /// Whether some value passes all of these checks; `true` if that is not known.
    fn is_possible(&mut self, literals: &[Literal]) -> bool {
        if literals.iter().all(|literal| literal.negated) {
            // No value at all passes.
            return true;
        }
        let atoms = || literals.iter().map(|literal| &self.clauses.atoms[literal.atom]);
        let closed = literals
            .iter()
            .filter(|literal| !literal.negated)
            .map(|literal| &self.clauses.atoms[literal.atom])
            .filter(|atom| atom.points_are == Points::Closed)
            .min_by_key(|atom| atom.points.len());
        let points: Vec<&Value> = match closed {
            Some(atom) => atom.points.iter().collect(),
            None if atoms().any(|atom| atom.points_are == Points::Landmarks) => {
                atoms().flat_map(|atom| &atom.points).collect()
            }
            None => return true,
        };
        let no_landmarks = closed.is_none() && points.is_empty();
        let cost = u32::try_from(points.len() * literals.len()).unwrap_or(u32::MAX);
        if no_landmarks || cost > self.budget {
            return true;
        }
        self.budget -= cost;
        points
            .into_iter()
            .any(|point| literals.iter().all(|literal| self.passes(literal, point) != Some(false)))
    }

    /// Whether a value passes a check; `None` if that depends on another value.
    fn passes(&self, literal: &Literal, value: &Value) -> Option<bool> {
        let passed = match &self.atom(literal).test {
            Test::Exists => true,
            Test::Literal(predicate) => predicate.test(value, &mut self.caches.borrow_mut()),
            Test::Value { .. } => return None,
        };
        Some(passed != literal.negated)
    }

    /// Two checks of which one wants a part of a text that the other excludes.
    fn opposed_texts(&self, literals: &[Literal]) -> Option<[Literal; 2]> {
        let part = |literal: &Literal| part(&self.atom(literal).test);
        let wanted = literals.iter().filter(|literal| !literal.negated);
        wanted.filter_map(|l| Some((l, part(l)?))).find_map(|(wanted, sure)| {
            let clashes = |other: &&Literal| match part(other) {
                Some(part) if other.negated => sure.implies(&part),
                Some(part) => sure.excludes(&part),
                None => false,
            };
            literals.iter().find(clashes).map(|other| [*wanted, *other])
        })
    }
}

/// A text at a place of another.
enum Part<'t> {
    Start(&'t [u8]),
    End(&'t [u8]),
    Within(&'t [u8]),
}

fn part(test: &Test) -> Option<Part<'_>> {
    match test {
        Test::Literal(Predicate::StartsWith(text)) => Some(Part::Start(text)),
        Test::Literal(Predicate::EndsWith(text)) => Some(Part::End(text)),
        Test::Literal(Predicate::Contains(finder)) => Some(Part::Within(finder.needle())),
        _ => None,
    }
}

impl Part<'_> {
    /// Whether every text with this part has the other one.
    fn implies(&self, other: &Part<'_>) -> bool {
        match (self, other) {
            (Part::Start(own), Part::Start(other)) => own.starts_with(other),
            (Part::End(own), Part::End(other)) => own.ends_with(other),
            (Part::Start(own) | Part::End(own) | Part::Within(own), Part::Within(other)) => {
                memchr::memmem::find(own, other).is_some()
            }
            _ => false,
        }
    }

    /// Whether no text has both.
    fn excludes(&self, other: &Part<'_>) -> bool {
        match (self, other) {
            (Part::Start(a), Part::Start(b)) => !a.starts_with(b) && !b.starts_with(a),
            (Part::End(a), Part::End(b)) => !a.ends_with(b) && !b.ends_with(a),
            _ => false,
        }
    }
}
