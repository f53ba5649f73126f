//! Where the nodes of a condition come from once macros stand in it.
//!
//! A span counts from the beginning of its own text. So that the spans of different texts do not
//! mix in one tree, those of a macro are moved into a stretch of numbers of its own; those of the
//! rule itself stay as they are, below [`FIRST_BASE`].

use peregrine_filter::{Expr, ExprKind, Operand, OperandKind, Position, Span};

use crate::lists::MAX_CONDITION;
use crate::source::SourceSpan;
use crate::traced::Traced;

/// Beginning of the first stretch.
const FIRST_BASE: u32 = MAX_CONDITION as u32 + 1;

/// The texts of all macros.
#[derive(Default)]
pub(crate) struct Texts {
    /// Beginning of the stretch, text, name.
    macros: Vec<(u32, Traced, String)>,
}

/// A place in a condition, found.
pub(crate) struct Place<'t> {
    /// In the file.
    pub span: Option<SourceSpan>,
    /// The macro it is in.
    pub in_macro: Option<&'t str>,
}

impl Texts {
    /// Adds the text of a macro and moves its tree. `false` if there is no room left.
    pub fn add(&mut self, name: &str, text: Traced, expr: &mut Expr) -> bool {
        let base = match self.macros.last() {
            None => Some(FIRST_BASE),
            Some((base, text, _)) => {
                u32::try_from(text.len() + 1).ok().and_then(|l| base.checked_add(l))
            }
        };
        let room =
            |base: &u32| u32::try_from(text.len()).is_ok_and(|l| base.checked_add(l).is_some());
        let Some(base) = base.filter(room) else { return false };
        shift_expr(expr, base);
        self.macros.push((base, text, name.to_owned()));
        true
    }

    fn owner(&self, index: u32) -> Option<&(u32, Traced, String)> {
        let at = self.macros.partition_point(|(base, ..)| *base <= index).checked_sub(1)?;
        Some(&self.macros[at])
    }

    /// The place relative to its own text, as Falco would give it.
    pub fn own_position(&self, position: Position) -> Position {
        match self.owner(position.index) {
            Some((base, ..)) => Position { index: position.index - base, ..position },
            None => position,
        }
    }

    /// Finds a place; `own` is the text of the rule.
    pub fn find<'t>(&'t self, span: Span, own: &Traced) -> Place<'t> {
        let range = span.range();
        match self.owner(span.start.index) {
            Some((base, text, name)) => {
                let base = *base as usize;
                let range = range.start - base..range.end.saturating_sub(base);
                Place { span: text.span(range), in_macro: Some(name) }
            }
            None => Place { span: own.span(range), in_macro: None },
        }
    }
}

fn shift_span(span: &mut Span, base: u32) {
    span.start.index = span.start.index.saturating_add(base);
    span.end.index = span.end.index.saturating_add(base);
}

fn shift_expr(expr: &mut Expr, base: u32) {
    shift_span(&mut expr.span, base);
    match &mut expr.kind {
        ExprKind::And(children) | ExprKind::Or(children) => {
            children.iter_mut().for_each(|child| shift_expr(child, base));
        }
        ExprKind::Not(child) => shift_expr(child, base),
        ExprKind::Macro(_) => {}
        ExprKind::Check(check) => {
            shift_operand(&mut check.left, base);
            if let Some(right) = &mut check.right {
                shift_operand(right, base);
            }
        }
    }
}

fn shift_operand(operand: &mut Operand, base: u32) {
    shift_span(&mut operand.span, base);
    match &mut operand.kind {
        OperandKind::Field(_) | OperandKind::Value(_) => {}
        OperandKind::Transformer(call) => {
            call.args.iter_mut().for_each(|arg| shift_operand(arg, base));
        }
        OperandKind::List(items) => {
            items.iter_mut().for_each(|item| shift_span(&mut item.span, base));
        }
        OperandKind::Tuple(operands) => {
            operands.iter_mut().for_each(|operand| shift_operand(operand, base));
        }
    }
}
