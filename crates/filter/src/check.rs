//! Compiling one check: both sides, the operator between them, and the test they give.

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;
use peregrine_event::ParamType;

use crate::builder::ProgramBuilder;
use crate::diagnostic::CompileError;
use crate::literal::{self, Class, Literal};
use crate::matching::network::NetSet;
use crate::matching::paths::PathSet;
use crate::matching::{BytesSet, NumberSet, Predicate, regex};
use crate::program::{Quantifier, Test, ValueId, is_endpoint};
use crate::resolve;
use crate::syntax::{Check, Modifier, Operand, OperandKind, Operator, Span, Text};
use crate::typing::check_operator;
use crate::warnings;

/// What makes two checks the same.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct CheckKey {
    pub left: ValueId,
    pub op: Operator,
    pub modifier: Option<Modifier>,
    pub right: Right,
}

/// The right-hand side of a check.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum Right {
    None,
    Literals(Vec<Text>),
    Value(ValueId),
}

/// A check ready to be put into the program.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub key: CheckKey,
    pub test: Test,
    pub quantifier: Quantifier,
}

impl Compiled {
    /// What the test costs once the values are there.
    pub fn cost(&self) -> u32 {
        match &self.test {
            Test::Exists => 0,
            Test::Literal(predicate) => predicate.cost(),
            Test::Value { .. } => 4,
        }
    }
}

/// A value of the condition and its place.
type Written<'a> = (&'a Text, Span);

impl ProgramBuilder<'_> {
    /// Compiles a check; `None` after an error.
    pub(crate) fn compile_check(&mut self, check: &Check, span: Span) -> Option<Compiled> {
        let op = if check.op == Operator::EqEq { Operator::Eq } else { check.op };
        let left = self.value(&check.left);
        let Some(right) = &check.right else {
            let key = CheckKey { left: left?, op, modifier: None, right: Right::None };
            return Some(Compiled { key, test: Test::Exists, quantifier: Quantifier::Any });
        };
        // Compiled even if the left side is wrong, for the sake of its own errors.
        let right_value = match &right.kind {
            OperandKind::Transformer(_) | OperandKind::Field(_) | OperandKind::Tuple(_) => {
                Some(self.value(right))
            }
            OperandKind::Value(_) | OperandKind::List(_) => None,
        };
        let left = left?;
        let info = self.info(left);
        let (ty, is_list) = (info.ty, info.is_list);
        if let Err(message) = check_operator(op, check.modifier, ty, is_list) {
            self.error(span, format!("filter error: {message}"));
            return None;
        }
        let quantifier = match op {
            Operator::In if is_list => Quantifier::All,
            Operator::Ne if is_endpoint(ty) => Quantifier::AllOfSome,
            _ => Quantifier::Any,
        };
        match right_value {
            Some(right) => self.compare_values(left, op, right?, span, quantifier),
            None => self.compare_literals(check, left, op, right, quantifier),
        }
    }

    fn compare_values(
        &mut self,
        left: ValueId,
        op: Operator,
        right: ValueId,
        span: Span,
        quantifier: Quantifier,
    ) -> Option<Compiled> {
        let (l, r) = (self.info(left), self.info(right));
        let type_name = |ty: ParamType, is_list: bool| {
            format!("{}{}", ty.name(), if is_list { " (list)" } else { "" })
        };
        let problem = if matches!(op, Operator::Pmatch | Operator::Regex) {
            let name = op.as_str().to_ascii_uppercase();
            Some(format!("operator '{name}' doesn't support right-hand side fields"))
        } else if Class::of(l.ty) == Class::Net {
            Some("field type 'IPNET' doesn't support right-hand side fields".to_owned())
        } else if l.no_rhs {
            Some(format!("field '{}' doesn't support right-hand side fields", l.name))
        } else if r.no_rhs {
            Some(format!("field '{}' can't be used as a right-hand side field", r.name))
        } else if (l.ty, l.is_list) != (r.ty, r.is_list) {
            Some(format!(
                "field '{}' has type '{}' while the right-hand side field '{}' has incompatible \
                 type '{}'",
                l.name,
                type_name(l.ty, l.is_list),
                r.name,
                type_name(r.ty, r.is_list)
            ))
        } else {
            None
        };
        if let Some(message) = problem {
            self.error(span, message);
            return None;
        }
        let key = CheckKey { left, op, modifier: None, right: Right::Value(right) };
        Some(Compiled { key, test: Test::Value { op, right }, quantifier })
    }

    fn compare_literals(
        &mut self,
        check: &Check,
        left: ValueId,
        op: Operator,
        right: &Operand,
        quantifier: Quantifier,
    ) -> Option<Compiled> {
        let written: Vec<Written> = match &right.kind {
            OperandKind::Value(text) => vec![(text, right.span)],
            OperandKind::List(items) => items.iter().map(|i| (&i.text, i.span)).collect(),
            _ => Vec::new(),
        };
        for (text, span) in &written {
            warnings::check_value(self.catalog, op, text, *span, &mut self.warnings);
        }
        let field = match &check.left.kind {
            OperandKind::Field(_) => self.info(left).name.clone(),
            _ => String::new(),
        };
        let is_plain = op == Operator::Eq && check.modifier.is_none();
        if field == "evt.around" && !is_plain {
            self.error(right.span, "evt.around supports only '=' comparison operator");
            return None;
        }
        if field == "evt.type" && (op.is_list() || op.is_equality() || op == Operator::Ne) {
            self.check_event_names(&written);
        }
        let ty = self.info(left).ty;
        let before = self.errors.len();
        let literals: Vec<Literal> =
            written.iter().filter_map(|w| self.read_literal(op, ty, *w)).collect();
        let mut predicate = self.predicate(op, check.modifier, literals, &written)?;
        if self.errors.len() > before {
            return None;
        }
        if let (true, Predicate::Number(op, milliseconds)) = (field == "evt.around", &mut predicate)
        {
            *op = Operator::Le;
            *milliseconds *= 1_000_000;
        }
        let mut texts: Vec<Text> = written.iter().map(|(text, _)| (*text).clone()).collect();
        // The order of a list matters to nobody, repeated values only to `oneof`.
        texts.sort_unstable();
        if check.modifier != Some(Modifier::Oneof) {
            texts.dedup();
        }
        let right = Right::Literals(texts);
        let key = CheckKey { left, op, modifier: check.modifier, right };
        Some(Compiled { key, test: Test::Literal(predicate), quantifier })
    }

    fn check_event_names(&mut self, written: &[Written]) {
        for (text, span) in written {
            let name = text.to_lossy();
            if self.catalog.is_event_name(&name) {
                continue;
            }
            let known = peregrine_event::table::EVENTS.iter().map(|e| e.name);
            let known = known.chain(peregrine_event::syscalls::SYSCALL_NAMES);
            let hint = resolve::suggestion(&name, known.filter(|n| !n.is_empty()));
            let message = format!("unknown event type {name}");
            self.errors.push(CompileError { span: *span, message, hint });
        }
    }

    fn read_literal(
        &mut self,
        op: Operator,
        ty: ParamType,
        (text, span): Written,
    ) -> Option<Literal> {
        let literal = match op {
            Operator::Bcontains | Operator::Bstartswith => {
                literal::read_hex(text).map(Literal::Bytes)
            }
            _ => literal::read(text, ty),
        };
        match literal {
            Ok(literal) => Some(literal),
            Err(message) => {
                let hint = literal_hint(&text.to_lossy(), ty);
                self.errors.push(CompileError { span, message, hint });
                None
            }
        }
    }

    /// The test of a value against what is written; `None` after an error.
    fn predicate(
        &mut self,
        op: Operator,
        modifier: Option<Modifier>,
        literals: Vec<Literal>,
        written: &[Written],
    ) -> Option<Predicate> {
        if literals.len() < written.len() {
            return None;
        }
        if literals.is_empty() {
            return Some(Predicate::Never);
        }
        match (modifier, op) {
            (None, Operator::In | Operator::Intersects) | (Some(Modifier::Anyof), Operator::Eq) => {
                return Some(set(literals));
            }
            (Some(Modifier::Allof), Operator::Ne) => {
                return Some(Predicate::Not(Box::new(set(literals))));
            }
            (None, Operator::Pmatch) => {
                let mut paths = PathSet::default();
                literals.iter().for_each(|l| paths.insert(text_of(l)));
                return Some(Predicate::Paths(Box::new(paths)));
            }
            (
                Some(Modifier::Anyof),
                Operator::Contains | Operator::Bcontains | Operator::Icontains,
            ) => {
                let texts: Vec<&[u8]> = literals.iter().map(text_of).collect();
                return self.contains_any(&texts, op == Operator::Icontains, written[0].1);
            }
            _ => {}
        }
        let tests: Vec<Option<Predicate>> = literals
            .into_iter()
            .zip(written)
            .map(|(literal, (_, span))| self.single(op, literal, *span))
            .collect();
        let mut tests: Vec<Predicate> = tests.into_iter().collect::<Option<_>>()?;
        Some(match modifier {
            None => tests.pop()?,
            Some(Modifier::Oneof) => Predicate::One(tests.into()),
            Some(Modifier::Anyof) => Predicate::Any(tests.into()),
            Some(Modifier::Allof) => Predicate::All(tests.into()),
        })
    }

    /// The test against one value with an operator that is not about lists.
    fn single(&mut self, op: Operator, literal: Literal, span: Span) -> Option<Predicate> {
        let text = match literal {
            Literal::Number(number) => return Some(Predicate::Number(op, number)),
            Literal::Bool(value) => return Some(Predicate::Bool(op, value)),
            Literal::Double(value) => return Some(Predicate::Double(op, value)),
            Literal::Ip(_) | Literal::Net(_) => {
                let same = set(vec![literal]);
                let is_not = op == Operator::Ne;
                return Some(if is_not { Predicate::Not(Box::new(same)) } else { same });
            }
            Literal::Bytes(text) => text,
        };
        Some(match op {
            Operator::Contains | Operator::Bcontains => {
                Predicate::Contains(Box::new(Finder::new(&*text).into_owned()))
            }
            Operator::Icontains => return self.contains_any(&[&text], true, span),
            Operator::Startswith | Operator::Bstartswith => Predicate::StartsWith(text),
            Operator::Endswith => Predicate::EndsWith(text),
            Operator::Glob => Predicate::Glob { pattern: text, fold: false },
            Operator::Iglob => Predicate::Glob { pattern: text, fold: true },
            Operator::Regex => match regex::Pattern::new(&text, self.regexes) {
                Ok(pattern) => {
                    self.regexes += 1;
                    Predicate::Regex(Box::new(pattern))
                }
                Err(message) => {
                    self.error(span, message);
                    return None;
                }
            },
            _ => Predicate::Bytes(op, text),
        })
    }

    fn contains_any(&mut self, texts: &[&[u8]], fold: bool, span: Span) -> Option<Predicate> {
        match AhoCorasick::builder().ascii_case_insensitive(fold).build(texts) {
            Ok(searcher) => Some(Predicate::ContainsAny(Box::new(searcher))),
            Err(error) => {
                self.error(span, format!("too many or too long values: {error}"));
                None
            }
        }
    }
}

/// What may help with a value that cannot be read as its field's type.
fn literal_hint(text: &str, ty: ParamType) -> Option<String> {
    match Class::of(ty) {
        Class::Bool => Some("write true or false".to_owned()),
        Class::Net if text.parse::<std::net::IpAddr>().is_ok() => {
            let bits = if text.contains(':') { 128 } else { 32 };
            Some(format!("a network has a number of bits: {text}/{bits}"))
        }
        Class::Number | Class::Double => {
            let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
            match (hex.map(|digits| u64::from_str_radix(digits, 16)), text.parse::<f64>()) {
                (Some(Ok(number)), _) => Some(format!("write it in decimal: {number}")),
                (None, Ok(_)) => Some("only whole numbers are compared".to_owned()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn text_of(literal: &Literal) -> &[u8] {
    match literal {
        Literal::Bytes(text) => text,
        _ => &[],
    }
}

/// Membership in a list of values, all of one type.
fn set(literals: Vec<Literal>) -> Predicate {
    let mut numbers = Vec::new();
    let mut texts = Vec::new();
    let mut addresses = Vec::new();
    let mut nets = Vec::new();
    let mut tests = Vec::new();
    for literal in literals {
        match literal {
            Literal::Number(number) => numbers.push(number),
            Literal::Bytes(text) => texts.push(text),
            Literal::Ip(address) => addresses.push(address),
            Literal::Net(net) => nets.push(net),
            Literal::Bool(value) => tests.push(Predicate::Bool(Operator::Eq, value)),
            Literal::Double(value) => tests.push(Predicate::Double(Operator::Eq, value)),
        }
    }
    if !numbers.is_empty() {
        tests.push(match *numbers {
            [only] => Predicate::Number(Operator::Eq, only),
            _ => Predicate::NumberSet(NumberSet::new(numbers)),
        });
    }
    if texts.len() == 1 {
        tests.extend(texts.pop().map(|only| Predicate::Bytes(Operator::Eq, only)));
    } else if !texts.is_empty() {
        tests.push(Predicate::BytesSet(BytesSet::new(texts)));
    }
    if !addresses.is_empty() {
        tests.push(Predicate::IpSet(addresses.into()));
    }
    if !nets.is_empty() {
        tests.push(Predicate::Nets(Box::new(NetSet::new(&nets))));
    }
    match tests.pop() {
        Some(only) if tests.is_empty() => only,
        Some(last) => {
            tests.push(last);
            Predicate::Any(tests.into())
        }
        None => Predicate::Never,
    }
}
