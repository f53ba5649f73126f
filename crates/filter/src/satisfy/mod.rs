//! Conditions that cannot hold, whatever happens.
//!
//! A condition is brought into a form without `not` above its checks. Where checks must hold
//! together, those of one value are compared with each other: a value that they leave possible is
//! looked for among the few that matter (the numbers next to those written, the texts of an
//! equality, a known value). An `or` is impossible if each of its branches is, given what must
//! hold beside it.
//!
//! The answer "impossible" is always right; "possible" may be wrong, since alternatives are not
//! combined with each other and patterns are not compared with patterns.

mod clash;

use std::cell::RefCell;
use std::collections::HashMap;

use peregrine_event::Value;

use crate::builder::{MAX_NESTING, ProgramBuilder};
use crate::catalog::{Catalog, FieldRef, Known};
use crate::check::CheckKey;
use crate::diagnostic::{CompileError, CompileErrors};
use crate::matching::regex;
use crate::program::{Test, ValueId, ValueKind};
use crate::syntax::{Expr, ExprKind, Span};

/// Why a condition cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    /// The checks that cannot hold together, or the one that cannot hold at all.
    pub checks: Vec<Span>,
    /// What is behind it.
    pub reason: Reason,
}

/// What makes a [`Clash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The checks exclude each other, or one excludes everything.
    Values,
    /// A field has no value.
    Missing,
    /// One check says that there is no value, which another one needs.
    Denied,
    /// A list is empty.
    EmptyList,
}

/// A condition, prepared for [`Clauses::clash`].
#[derive(Debug)]
pub struct Clauses {
    atoms: Vec<Atom>,
    root: Clause,
    /// The field of each value that is one.
    fields: Vec<Option<FieldRef>>,
}

/// A check, whatever number of times it stands in the condition.
#[derive(Debug)]
struct Atom {
    value: ValueId,
    /// Whether the value is one at most.
    single: bool,
    is_list: bool,
    test: Test,
    /// Values that matter to it.
    points: Vec<Value<'static>>,
    /// How these stand for all others.
    points_are: Points,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Points {
    /// Between the points of all checks of a value nothing else happens.
    Landmarks,
    /// Whoever passes the check is among its points.
    Closed,
    /// They say nothing of other values.
    Examples,
}

#[derive(Debug)]
enum Clause {
    All(Vec<Clause>),
    Any(Vec<Clause>),
    Check(Literal),
    /// Nothing is known of it.
    Unknown,
}

/// A check at a place, negated or not.
#[derive(Debug, Clone, Copy)]
struct Literal {
    atom: usize,
    negated: bool,
    span: Span,
}

/// Tests of values until the search is given up.
const BUDGET: u32 = 200_000;

impl Clauses {
    /// Prepares a condition whose macros are replaced.
    ///
    /// # Errors
    /// It does not compile.
    pub fn new(catalog: &dyn Catalog, expr: &Expr) -> Result<Self, CompileErrors> {
        if expr.depth() > MAX_NESTING {
            let message = "condition is nested too deep".to_owned();
            return Err(CompileErrors(vec![CompileError { span: expr.span, message, hint: None }]));
        }
        let mut preparation = Preparation {
            builder: ProgramBuilder::new(catalog),
            atoms: Vec::new(),
            known: HashMap::new(),
        };
        let root = preparation.clause(expr, false);
        let Preparation { mut builder, atoms, .. } = preparation;
        let errors = std::mem::take(&mut builder.errors);
        if !errors.is_empty() {
            return Err(CompileErrors(errors));
        }
        let program = builder.finish();
        let fields = program.base.values.iter().map(|value| match &value.kind {
            ValueKind::Field(field) => Some(field.clone()),
            _ => None,
        });
        Ok(Self { atoms, root, fields: fields.collect() })
    }

    /// Why the condition cannot hold, given what is known of fields; `None` if it may.
    pub fn clash(&self, known: &dyn Fn(&FieldRef) -> Known) -> Option<Clash> {
        let known = self.fields.iter().map(|f| f.as_ref().map_or(Known::Unknown, known)).collect();
        let mut search = Search {
            clauses: self,
            known,
            together: Vec::new(),
            caches: RefCell::default(),
            budget: BUDGET,
        };
        search.clause(&self.root)
    }
}

struct Preparation<'c> {
    builder: ProgramBuilder<'c>,
    atoms: Vec<Atom>,
    known: HashMap<CheckKey, usize>,
}

impl Preparation<'_> {
    fn clause(&mut self, expr: &Expr, negated: bool) -> Clause {
        match &expr.kind {
            ExprKind::Not(child) => self.clause(child, !negated),
            ExprKind::Macro(_) => Clause::Unknown,
            ExprKind::And(children) | ExprKind::Or(children) => {
                let children = children.iter().map(|child| self.clause(child, negated)).collect();
                if matches!(expr.kind, ExprKind::And(_)) != negated {
                    Clause::All(children)
                } else {
                    Clause::Any(children)
                }
            }
            ExprKind::Check(check) => match self.builder.compile_check(check, expr.span) {
                Some(compiled) => {
                    let key = compiled.key;
                    let atom = match self.known.get(&key) {
                        Some(atom) => *atom,
                        None => {
                            let info = self.builder.info(key.left);
                            self.atoms.push(clash::atom(&key, info, compiled.test));
                            self.known.insert(key, self.atoms.len() - 1);
                            self.atoms.len() - 1
                        }
                    };
                    Clause::Check(Literal { atom, negated, span: expr.span })
                }
                None => Clause::Unknown,
            },
        }
    }
}

struct Search<'a> {
    clauses: &'a Clauses,
    known: Vec<Known>,
    /// What must hold together on the way down to the clause at hand.
    together: Vec<Literal>,
    caches: RefCell<regex::Caches>,
    budget: u32,
}

impl Search<'_> {
    fn clause(&mut self, clause: &Clause) -> Option<Clash> {
        let before = self.together.len();
        let mut alternatives = Vec::new();
        self.gather(clause, &mut alternatives);
        let found = self
            .clash_since(before)
            .or_else(|| alternatives.into_iter().find_map(|branches| self.any(branches)));
        self.together.truncate(before);
        found
    }

    fn gather<'c>(&mut self, clause: &'c Clause, alternatives: &mut Vec<&'c [Clause]>) {
        match clause {
            Clause::All(children) => {
                children.iter().for_each(|child| self.gather(child, alternatives));
            }
            Clause::Any(branches) => alternatives.push(branches),
            Clause::Check(literal) => self.together.push(*literal),
            Clause::Unknown => {}
        }
    }

    /// Why none of some branches can hold.
    fn any(&mut self, branches: &[Clause]) -> Option<Clash> {
        let mut all: Option<Clash> = None;
        for branch in branches {
            let clash = self.clause(branch)?;
            match &mut all {
                None => all = Some(clash),
                Some(all) => {
                    if all.reason != clash.reason {
                        all.reason = Reason::Values;
                    }
                    for span in clash.checks {
                        if !all.checks.contains(&span) {
                            all.checks.push(span);
                        }
                    }
                }
            }
        }
        all
    }
}
