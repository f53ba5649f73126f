//! Tests of a single value, prepared for speed when a condition is compiled.

pub(crate) mod glob;
pub(crate) mod network;
pub(crate) mod paths;
pub(crate) mod regex;

use std::cmp::Ordering;
use std::net::IpAddr;

use aho_corasick::AhoCorasick;
use hashbrown::HashSet;
use memchr::memmem::Finder;
use peregrine_event::Value;
use rustc_hash::FxBuildHasher;

use crate::syntax::Operator;
use network::NetSet;
use paths::PathSet;

/// A test of one value. A value of another type than expected fails every test.
#[derive(Debug)]
pub(crate) enum Predicate {
    /// `=`, `!=` and the orderings on numbers.
    Number(Operator, i128),
    NumberSet(NumberSet),
    Bool(Operator, bool),
    Double(Operator, f64),
    /// `=`, `!=` and the orderings on bytes.
    Bytes(Operator, Box<[u8]>),
    BytesSet(BytesSet),
    StartsWith(Box<[u8]>),
    EndsWith(Box<[u8]>),
    Contains(Box<Finder<'static>>),
    /// Any of several substrings, perhaps of either case.
    ContainsAny(Box<AhoCorasick>),
    Glob {
        pattern: Box<[u8]>,
        fold: bool,
    },
    Paths(Box<PathSet>),
    Regex(Box<regex::Pattern>),
    IpSet(Box<[IpAddr]>),
    Nets(Box<NetSet>),
    /// The value exists and the inner test fails.
    Not(Box<Predicate>),
    Any(Box<[Predicate]>),
    All(Box<[Predicate]>),
    One(Box<[Predicate]>),
    /// Fails for every value.
    Never,
}

impl Predicate {
    /// Tests a value.
    pub fn test(&self, value: &Value, caches: &mut regex::Caches) -> bool {
        match self {
            Predicate::Number(op, literal) => {
                number(value).is_some_and(|v| ordered(*op, Some(v.cmp(literal))))
            }
            Predicate::NumberSet(set) => number(value).is_some_and(|v| set.contains(v)),
            Predicate::Bool(op, literal) => {
                truth(value).is_some_and(|v| ordered(*op, Some(v.cmp(literal))))
            }
            Predicate::Double(op, literal) => {
                double(value).is_some_and(|v| ordered(*op, v.partial_cmp(literal)))
            }
            Predicate::IpSet(set) => address(value).is_some_and(|v| set.contains(&v)),
            Predicate::Nets(set) => address(value).is_some_and(|v| set.contains(v)),
            Predicate::Not(inner) => !inner.test(value, caches),
            Predicate::Any(tests) => tests.iter().any(|t| t.test(value, caches)),
            Predicate::All(tests) => tests.iter().all(|t| t.test(value, caches)),
            Predicate::One(tests) => {
                let mut passed = tests.iter().filter(|t| t.test(value, caches));
                passed.next().is_some() && passed.next().is_none()
            }
            Predicate::Never => false,
            _ => value.as_bytes().is_some_and(|v| self.test_bytes(v, caches)),
        }
    }

    fn test_bytes(&self, value: &[u8], caches: &mut regex::Caches) -> bool {
        match self {
            Predicate::Bytes(Operator::Eq, literal) => value == &**literal,
            Predicate::Bytes(Operator::Ne, literal) => value != &**literal,
            Predicate::Bytes(op, literal) => ordered(*op, Some(value.cmp(literal))),
            Predicate::BytesSet(set) => set.contains(value),
            Predicate::StartsWith(literal) => value.starts_with(literal),
            Predicate::EndsWith(literal) => value.ends_with(literal),
            Predicate::Contains(finder) => finder.find(value).is_some(),
            Predicate::ContainsAny(searcher) => searcher.is_match(value),
            Predicate::Glob { pattern, fold } => glob::matches(pattern, value, *fold),
            Predicate::Paths(set) => set.contains(value),
            Predicate::Regex(pattern) => pattern.is_match(value, caches),
            _ => false,
        }
    }

    /// What a test costs, in comparisons with a short text.
    pub fn cost(&self) -> u32 {
        let sum = |tests: &[Predicate]| tests.iter().map(Predicate::cost).sum();
        match self {
            Predicate::Never => 0,
            Predicate::Number(..) | Predicate::Bool(..) | Predicate::Double(..) => 1,
            Predicate::Bytes(..) | Predicate::StartsWith(_) | Predicate::EndsWith(_) => 1,
            Predicate::NumberSet(_) | Predicate::BytesSet(_) => 2,
            Predicate::IpSet(_) | Predicate::Nets(_) => 3,
            Predicate::Contains(_) => 6,
            Predicate::ContainsAny(_) => 12,
            Predicate::Glob { .. } | Predicate::Paths(_) => 16,
            Predicate::Regex(_) => 60,
            Predicate::Not(inner) => inner.cost(),
            Predicate::Any(tests) | Predicate::All(tests) | Predicate::One(tests) => sum(tests),
        }
    }
}

/// Whether an operator holds for two values that compare as `ordering`; `None` is a comparison
/// with what is not a number.
pub(crate) fn ordered(op: Operator, ordering: Option<Ordering>) -> bool {
    let Some(ordering) = ordering else { return op == Operator::Ne };
    match op {
        Operator::Eq | Operator::EqEq | Operator::In | Operator::Intersects => ordering.is_eq(),
        Operator::Ne => ordering.is_ne(),
        Operator::Lt => ordering.is_lt(),
        Operator::Le => ordering.is_le(),
        Operator::Gt => ordering.is_gt(),
        Operator::Ge => ordering.is_ge(),
        _ => false,
    }
}

/// Compares two values of the same type; for field-to-field comparison.
pub(crate) fn compare(op: Operator, left: &Value, right: &Value) -> bool {
    if let (Some(left), Some(right)) = (left.as_bytes(), right.as_bytes()) {
        return match op {
            Operator::Contains | Operator::Bcontains => memchr::memmem::find(left, right).is_some(),
            Operator::Icontains => {
                let (left, right) = (left.to_ascii_lowercase(), right.to_ascii_lowercase());
                memchr::memmem::find(&left, &right).is_some()
            }
            Operator::Startswith | Operator::Bstartswith => left.starts_with(right),
            Operator::Endswith => left.ends_with(right),
            Operator::Glob => glob::matches(right, left, false),
            Operator::Iglob => glob::matches(right, left, true),
            _ => ordered(op, Some(left.cmp(right))),
        };
    }
    if let (Value::Double(left), Some(right)) = (left, double(right)) {
        return ordered(op, left.partial_cmp(&right));
    }
    if let (Some(left), Some(right)) = (address(left), address(right)) {
        return ordered(op, Some(left.cmp(&right)));
    }
    match (number(left), number(right)) {
        (Some(left), Some(right)) => ordered(op, Some(left.cmp(&right))),
        _ => false,
    }
}

fn number(value: &Value) -> Option<i128> {
    match value {
        Value::Int(v) => Some((*v).into()),
        Value::Uint(v) => Some((*v).into()),
        Value::Bool(v) => Some((*v).into()),
        _ => None,
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(v) => Some(*v),
        Value::Int(v) => Some(*v != 0),
        Value::Uint(v) => Some(*v != 0),
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Double(v) => Some(*v),
        Value::Int(v) => Some(*v as f64),
        Value::Uint(v) => Some(*v as f64),
        _ => None,
    }
}

/// The address of a value; a network field may give the address as a network of its own.
fn address(value: &Value) -> Option<IpAddr> {
    match value {
        Value::Ip(v) => Some(*v),
        Value::Net(v) => Some(v.addr()),
        _ => None,
    }
}

/// Sets up to this size are searched one by one.
const SMALL: usize = 8;

/// A set of numbers.
#[derive(Debug)]
pub(crate) struct NumberSet(Box<[i128]>);

impl NumberSet {
    pub fn new(mut numbers: Vec<i128>) -> Self {
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers.into())
    }

    fn contains(&self, number: i128) -> bool {
        if self.0.len() <= SMALL {
            return self.0.contains(&number);
        }
        self.0.binary_search(&number).is_ok()
    }
}

/// A set of texts.
#[derive(Debug)]
pub(crate) enum BytesSet {
    /// Searched one by one.
    Few(Box<[Box<[u8]>]>),
    Many {
        shortest: usize,
        longest: usize,
        texts: HashSet<Box<[u8]>, FxBuildHasher>,
    },
}

impl BytesSet {
    pub fn new(texts: impl IntoIterator<Item = Box<[u8]>>) -> Self {
        let texts: HashSet<_, _> = texts.into_iter().collect();
        if texts.len() <= SMALL {
            return Self::Few(texts.into_iter().collect());
        }
        Self::Many {
            shortest: texts.iter().map(|t| t.len()).min().unwrap_or(usize::MAX),
            longest: texts.iter().map(|t| t.len()).max().unwrap_or(0),
            texts,
        }
    }

    fn contains(&self, text: &[u8]) -> bool {
        match self {
            Self::Few(texts) => texts.iter().any(|t| **t == *text),
            Self::Many { shortest, longest, texts } => {
                (*shortest..=*longest).contains(&text.len()) && texts.contains(text)
            }
        }
    }
}
