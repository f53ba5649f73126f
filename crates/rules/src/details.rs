//! Facts about a condition: what it uses, and what is doubtful about it.

use std::collections::BTreeSet;

use peregrine_filter::{Check, Expr, ExprKind, Field, Operand, OperandKind, Operator, Span};

use crate::result::{DEPRECATED_FIELDS, WarningCode};

/// What a condition uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Fields, with their arguments.
    pub fields: BTreeSet<String>,
    /// Macros.
    pub macros: BTreeSet<String>,
    /// Operators, with their modifiers.
    pub operators: BTreeSet<String>,
    /// Lists.
    pub lists: BTreeSet<String>,
    /// Event types.
    pub event_names: BTreeSet<String>,
    /// Transformers.
    pub transformers: BTreeSet<String>,
}

impl Details {
    /// Looks at a condition, given which names are macros and lists.
    pub fn of(
        expr: &Expr,
        is_macro: &dyn Fn(&str) -> bool,
        is_list: &dyn Fn(&str) -> bool,
    ) -> Self {
        let mut details = Details::default();
        details.add(expr, is_macro, is_list);
        details
    }

    fn add(
        &mut self,
        expr: &Expr,
        is_macro: &dyn Fn(&str) -> bool,
        is_list: &dyn Fn(&str) -> bool,
    ) {
        match &expr.kind {
            ExprKind::And(children) | ExprKind::Or(children) => {
                children.iter().for_each(|child| self.add(child, is_macro, is_list));
            }
            ExprKind::Not(child) => self.add(child, is_macro, is_list),
            ExprKind::Macro(name) => {
                if is_macro(name) {
                    self.macros.insert(name.clone());
                }
            }
            ExprKind::Check(check) => self.add_check(check, is_list),
        }
    }

    fn add_check(&mut self, check: &Check, is_list: &dyn Fn(&str) -> bool) {
        let mut last = String::new();
        self.add_operand(&check.left, &mut last);
        self.operators.insert(check.operator_text());
        let names_events = last == "evt.type" || last == "evt.asynctype";
        match check.right.as_ref().map(|right| (&right.kind, right)) {
            None => {}
            Some((OperandKind::Value(value), _)) => {
                self.event_names.extend(names_events.then(|| value.to_lossy().into_owned()));
            }
            Some((OperandKind::List(items), _)) => {
                for item in items {
                    let text = item.text.to_lossy().into_owned();
                    if is_list(&text) {
                        self.lists.insert(text);
                    } else if names_events {
                        self.event_names.insert(text);
                    }
                }
            }
            Some((_, right)) => self.add_operand(right, &mut String::new()),
        }
    }

    fn add_operand(&mut self, operand: &Operand, last: &mut String) {
        match &operand.kind {
            OperandKind::Field(field) => {
                *last = field_name(field);
                self.fields.insert(last.clone());
            }
            OperandKind::Transformer(call) => {
                self.transformers.insert(call.transformer.to_string());
                call.args.iter().for_each(|arg| self.add_operand(arg, last));
            }
            OperandKind::Tuple(operands) => {
                operands.iter().for_each(|operand| self.add_operand(operand, last));
            }
            OperandKind::Value(_) | OperandKind::List(_) => {}
        }
    }
}

fn field_name(field: &Field) -> String {
    match &field.arg {
        Some(arg) if !arg.is_empty() => format!("{}[{arg}]", field.name),
        _ => field.name.clone(),
    }
}

/// Something doubtful in a condition that compiles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// [`WarningCode::UnsafeNaCheck`] or [`WarningCode::DeprecatedItem`].
    pub code: WarningCode,
    /// The field, if it is a deprecated one.
    pub deprecated_field: Option<&'static str>,
    /// Where it stands first.
    pub span: Span,
}

/// Looks for comparisons with `<NA>` and deprecated fields. Each comes once, in Falco's order.
pub fn doubts(expr: &Expr) -> Vec<Doubt> {
    let mut found = Doubts::default();
    found.add(expr);
    let mut doubts = Vec::new();
    if let Some(span) = found.unsafe_na {
        let code = WarningCode::UnsafeNaCheck;
        doubts.push(Doubt { code, deprecated_field: None, span });
    }
    for (field, span) in DEPRECATED_FIELDS.into_iter().zip(found.deprecated) {
        if let Some(span) = span {
            let code = WarningCode::DeprecatedItem;
            doubts.push(Doubt { code, deprecated_field: Some(field), span });
        }
    }
    doubts
}

#[derive(Default)]
struct Doubts {
    unsafe_na: Option<Span>,
    deprecated: [Option<Span>; DEPRECATED_FIELDS.len()],
}

impl Doubts {
    fn add(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::And(children) | ExprKind::Or(children) => {
                children.iter().for_each(|child| self.add(child));
            }
            ExprKind::Not(child) => self.add(child),
            ExprKind::Macro(_) => {}
            ExprKind::Check(check) => {
                let last = self.add_operand(&check.left).unwrap_or_default();
                let is_unsafe = last.starts_with("ka.") || last.starts_with("jevt.");
                let is_equality = check.modifier.is_none()
                    && (check.op.is_equality() || check.op.is_list() || check.op == Operator::Ne);
                let Some(right) = &check.right else { return };
                if !is_unsafe || !is_equality {
                    return;
                }
                let is_na = match &right.kind {
                    OperandKind::Value(value) => *value == "<NA>",
                    OperandKind::List(items) => items.iter().any(|item| item.text == "<NA>"),
                    _ => {
                        self.add_operand(right);
                        false
                    }
                };
                if is_na {
                    self.unsafe_na.get_or_insert(right.span);
                }
            }
        }
    }

    /// Gives the last field.
    fn add_operand<'o>(&mut self, operand: &'o Operand) -> Option<&'o str> {
        match &operand.kind {
            OperandKind::Field(field) => {
                let known = DEPRECATED_FIELDS.iter().position(|name| *name == field.name);
                if let Some(index) = known {
                    self.deprecated[index].get_or_insert(operand.span);
                }
                Some(&field.name)
            }
            OperandKind::Transformer(call) => self.add_operands(&call.args),
            OperandKind::Tuple(operands) => self.add_operands(operands),
            OperandKind::Value(_) | OperandKind::List(_) => None,
        }
    }

    fn add_operands<'o>(&mut self, operands: &'o [Operand]) -> Option<&'o str> {
        let mut last = None;
        for operand in operands {
            last = self.add_operand(operand).or(last);
        }
        last
    }
}
