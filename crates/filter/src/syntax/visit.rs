//! Walking a tree.

use super::ast::{Check, Expr, ExprKind, Field, Operand, OperandKind, TransformerCall};
use super::position::Span;
use super::text::Text;

/// Sees the nodes of a tree from left to right. Every method does nothing but go on to the
/// children; override those of interest and call the `walk_…` function to go on.
pub trait Visitor<'a> {
    /// Any boolean expression.
    fn visit_expr(&mut self, expr: &'a Expr) {
        walk_expr(self, expr);
    }
    /// The name of a macro.
    fn visit_macro(&mut self, _name: &'a str, _span: Span) {}
    /// A comparison.
    fn visit_check(&mut self, check: &'a Check, _span: Span) {
        walk_check(self, check);
    }
    /// Any operand.
    fn visit_operand(&mut self, operand: &'a Operand) {
        walk_operand(self, operand);
    }
    /// A field, wherever it stands.
    fn visit_field(&mut self, _field: &'a Field, _span: Span) {}
    /// A call of a transformer.
    fn visit_transformer(&mut self, call: &'a TransformerCall, _span: Span) {
        walk_transformer(self, call);
    }
    /// A value, alone or in a list.
    fn visit_value(&mut self, _value: &'a Text, _span: Span) {}
}

/// Goes on to the children of an expression.
pub fn walk_expr<'a, V: Visitor<'a> + ?Sized>(visitor: &mut V, expr: &'a Expr) {
    match &expr.kind {
        ExprKind::And(children) | ExprKind::Or(children) => {
            for child in children {
                visitor.visit_expr(child);
            }
        }
        ExprKind::Not(child) => visitor.visit_expr(child),
        ExprKind::Macro(name) => visitor.visit_macro(name, expr.span),
        ExprKind::Check(check) => visitor.visit_check(check, expr.span),
    }
}

/// Goes on to both sides of a check.
pub fn walk_check<'a, V: Visitor<'a> + ?Sized>(visitor: &mut V, check: &'a Check) {
    visitor.visit_operand(&check.left);
    if let Some(right) = &check.right {
        visitor.visit_operand(right);
    }
}

/// Goes on into an operand.
pub fn walk_operand<'a, V: Visitor<'a> + ?Sized>(visitor: &mut V, operand: &'a Operand) {
    match &operand.kind {
        OperandKind::Field(field) => visitor.visit_field(field, operand.span),
        OperandKind::Transformer(call) => visitor.visit_transformer(call, operand.span),
        OperandKind::Value(value) => visitor.visit_value(value, operand.span),
        OperandKind::List(items) => {
            for item in items {
                visitor.visit_value(&item.text, item.span);
            }
        }
        OperandKind::Tuple(operands) => {
            for operand in operands {
                visitor.visit_operand(operand);
            }
        }
    }
}

/// Goes on to the arguments of a transformer.
pub fn walk_transformer<'a, V: Visitor<'a> + ?Sized>(visitor: &mut V, call: &'a TransformerCall) {
    for arg in &call.args {
        visitor.visit_operand(arg);
    }
}

impl Expr {
    /// Shows every boolean expression of the tree to `edit`, which may change it in place; parents
    /// come first. What `edit` puts in place of a node is not shown again if it returns `false`.
    pub fn edit(&mut self, edit: &mut impl FnMut(&mut Expr) -> bool) {
        if !edit(self) {
            return;
        }
        match &mut self.kind {
            ExprKind::And(children) | ExprKind::Or(children) => {
                for child in children {
                    child.edit(edit);
                }
            }
            ExprKind::Not(child) => child.edit(edit),
            ExprKind::Macro(_) | ExprKind::Check(_) => {}
        }
    }
}
