//! Why a condition holds or not.

use std::fmt;

use peregrine_event::Value;

use crate::catalog::FieldSource;
use crate::evaluator::{Evaluator, EventEvaluator};
use crate::program::{ConditionId, NodeId, NodeKind, Test};
use crate::syntax::escape::quote_into;
use crate::syntax::{Expr, ExprKind, Span};

/// A part of a condition and what became of it. The tree has the shape of the condition as it was
/// written, and every part of it is evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What the part is.
    pub kind: ExplanationKind,
    /// Where it stands in the condition.
    pub span: Span,
    /// Whether it holds.
    pub result: bool,
    /// Parts of an `and`, `or` or `not`.
    pub children: Vec<Explanation>,
}

/// Kinds of parts.
#[derive(Debug, Clone, PartialEq)]
pub enum ExplanationKind {
    /// All children must hold.
    And,
    /// A child must hold.
    Or,
    /// The child must not hold.
    Not,
    /// A comparison.
    Check {
        /// As a condition.
        text: String,
        /// Values of the left side; `None` if it does not exist for the event.
        left: Option<Vec<Value<'static>>>,
        /// Values of the right side if it is a field or transformer, likewise.
        right: Option<Option<Vec<Value<'static>>>>,
    },
}

/// An indented tree, one part a line: the verdict, the part, and the values it saw.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

impl Explanation {
    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let verdict = if self.result { "true " } else { "false" };
        write!(f, "{verdict} {:indent$}", "", indent = depth * 2)?;
        match &self.kind {
            ExplanationKind::And => f.write_str("and")?,
            ExplanationKind::Or => f.write_str("or")?,
            ExplanationKind::Not => f.write_str("not")?,
            ExplanationKind::Check { text, left, right } => {
                write!(f, "{text}  <- ")?;
                write_values(f, left.as_deref())?;
                if let Some(right) = right {
                    f.write_str(" against ")?;
                    write_values(f, right.as_deref())?;
                }
            }
        }
        f.write_str("\n")?;
        self.children.iter().try_for_each(|child| child.write(f, depth + 1))
    }
}

fn write_values(f: &mut fmt::Formatter<'_>, values: Option<&[Value<'_>]>) -> fmt::Result {
    let Some(values) = values else { return f.write_str("no value") };
    if values.is_empty() {
        return f.write_str("empty list");
    }
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        match value {
            Value::Bytes(bytes) => {
                let mut text = String::new();
                quote_into(bytes, &mut text);
                f.write_str(&text)?;
            }
            Value::Int(v) => write!(f, "{v}")?,
            Value::Uint(v) => write!(f, "{v}")?,
            Value::Bool(v) => write!(f, "{v}")?,
            Value::Double(v) => write!(f, "{v}")?,
            Value::Ip(v) => write!(f, "{v}")?,
            Value::Net(v) => write!(f, "{v}")?,
        }
    }
    Ok(())
}

impl Evaluator {
    /// Evaluates every part of a condition for the event at hand. For people: it allocates freely.
    ///
    /// # Panics
    /// If the id belongs to another program.
    pub fn explain<S: FieldSource + ?Sized>(&mut self, id: ConditionId, source: &S) -> Explanation {
        let mut event = self.on(source);
        let condition = &event.program().base.conditions[id.0 as usize];
        explain(&mut event, &condition.expr, &mut condition.checks.iter().copied())
    }
}

fn explain<S: FieldSource + ?Sized>(
    event: &mut EventEvaluator<'_, S>,
    expr: &Expr,
    checks: &mut impl Iterator<Item = NodeId>,
) -> Explanation {
    let mut all = |children: &[Expr]| -> Vec<Explanation> {
        children.iter().map(|c| explain(event, c, checks)).collect()
    };
    let (kind, children, result) = match &expr.kind {
        ExprKind::And(children) => {
            let children = all(children);
            let result = children.iter().all(|c| c.result);
            (ExplanationKind::And, children, result)
        }
        ExprKind::Or(children) => {
            let children = all(children);
            let result = children.iter().any(|c| c.result);
            (ExplanationKind::Or, children, result)
        }
        ExprKind::Not(child) => {
            let children = all(std::slice::from_ref(child));
            let result = !children[0].result;
            (ExplanationKind::Not, children, result)
        }
        // A compiled condition has no macros, and a node for each of its checks.
        ExprKind::Macro(_) | ExprKind::Check(_) => {
            let (kind, result) = explain_check(event, expr, checks.next());
            (kind, Vec::new(), result)
        }
    };
    Explanation { kind, span: expr.span, result, children }
}

fn explain_check<S: FieldSource + ?Sized>(
    event: &mut EventEvaluator<'_, S>,
    expr: &Expr,
    node: Option<NodeId>,
) -> (ExplanationKind, bool) {
    let text = expr.to_string();
    let program = event.program();
    let check = node.and_then(|node| match program.nodes[node.0 as usize].kind {
        NodeKind::Check(check) => Some((node, &program.base.checks[check.0 as usize])),
        _ => None,
    });
    let Some((node, check)) = check else {
        return (ExplanationKind::Check { text, left: None, right: None }, false);
    };
    let mut values = |id| {
        let place = event.value(id)?;
        let owned = |v: &Value<'_>| v.clone().into_owned();
        Some(event.at(place).iter().map(owned).collect::<Vec<_>>())
    };
    let left = values(check.left);
    let right = match check.test {
        Test::Value { right, .. } => Some(values(right)),
        Test::Exists | Test::Literal(_) => None,
    };
    let result = event.node(node);
    (ExplanationKind::Check { text, left, right }, result)
}
