//! The syntax tree.
//!
//! Every node carries its [`Span`]. Comparison ignores spans: two trees are equal when they mean
//! the same text.

use super::operator::{Modifier, Operator, Transformer};
use super::position::{Position, Span};
use super::text::Text;

/// A boolean expression.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// Kinds of boolean expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// All hold; two or more.
    And(Vec<Expr>),
    /// At least one holds; two or more.
    Or(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// The name of a macro that has not been replaced.
    Macro(String),
    /// A comparison.
    Check(Box<Check>),
}

/// A comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// A field or a transformer call.
    pub left: Operand,
    /// Operator.
    pub op: Operator,
    /// `oneof`, `anyof` or `allof`; only after a string operator, and then `right` is a list or
    /// the name of one.
    pub modifier: Option<Modifier>,
    /// `None` for `exists`.
    pub right: Option<Operand>,
}

impl Check {
    /// The operator as Falco names it: with its modifier, as in `glob anyof`.
    pub fn operator_text(&self) -> String {
        match self.modifier {
            Some(modifier) => format!("{} {}", self.op, modifier),
            None => self.op.to_string(),
        }
    }
}

/// One side of a check, or an argument of a transformer.
#[derive(Debug, Clone)]
pub struct Operand {
    /// What it is.
    pub kind: OperandKind,
    /// Where it stands.
    pub span: Span,
}

/// Kinds of operands.
#[derive(Debug, Clone, PartialEq)]
pub enum OperandKind {
    /// A field.
    Field(Field),
    /// A call of a transformer.
    Transformer(TransformerCall),
    /// A value, or the name of a list after a list operator or a modifier.
    Value(Text),
    /// Values in parentheses.
    List(Vec<ListItem>),
    /// Operands in parentheses, as an argument of a transformer.
    Tuple(Vec<Operand>),
}

/// A field with its argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Name, as in `proc.aname`.
    pub name: String,
    /// What stands in brackets.
    pub arg: Option<Text>,
}

/// A call of a transformer.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformerCall {
    /// Which.
    pub transformer: Transformer,
    /// At least one.
    pub args: Vec<Operand>,
    /// What stands in brackets behind the call.
    pub arg: Option<Text>,
}

/// A value of a list.
#[derive(Debug, Clone)]
pub struct ListItem {
    /// The value.
    pub text: Text,
    /// Where it stands.
    pub span: Span,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Operand {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for ListItem {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Expr {
    /// A node at a place.
    pub fn new(kind: ExprKind, span: Span) -> Self {
        Self { kind, span }
    }

    /// Where it begins.
    pub fn position(&self) -> Position {
        self.span.start
    }

    /// Levels of `and`, `or` and `not` above the deepest check.
    ///
    /// The parser bounds it; whoever puts trees into trees (macros) must bound it too, since trees
    /// are walked by recursion. Counts without recursion, so any tree may be asked.
    pub fn depth(&self) -> usize {
        let mut deepest = 0;
        let mut stack = vec![(self, 0)];
        while let Some((expr, depth)) = stack.pop() {
            deepest = deepest.max(depth);
            match &expr.kind {
                ExprKind::And(children) | ExprKind::Or(children) => {
                    stack.extend(children.iter().map(|c| (c, depth + 1)));
                }
                ExprKind::Not(child) => stack.push((child, depth + 1)),
                ExprKind::Macro(_) | ExprKind::Check(_) => {}
            }
        }
        deepest
    }
}

impl Operand {
    /// A node at a place.
    pub fn new(kind: OperandKind, span: Span) -> Self {
        Self { kind, span }
    }

    /// Where it begins.
    pub fn position(&self) -> Position {
        self.span.start
    }
}
