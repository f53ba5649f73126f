//! Printing a tree as a condition. What is printed parses to an equal tree.

use std::fmt::{self, Display};

use super::ast::{Check, Expr, ExprKind, Field, Operand, OperandKind, TransformerCall};
use super::escape::quote_into;
use super::scanner::{is_number, is_posix_space};
use super::text::Text;

impl Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::And(children) => logical(f, " and ", children),
            ExprKind::Or(children) => logical(f, " or ", children),
            // Without the parentheses two negations would read back as none.
            ExprKind::Not(child) if matches!(child.kind, ExprKind::Not(_)) => {
                write!(f, "not ({child})")
            }
            ExprKind::Not(child) => write!(f, "not {child}"),
            ExprKind::Macro(name) => f.write_str(name),
            ExprKind::Check(check) => check.fmt(f),
        }
    }
}

fn logical(f: &mut fmt::Formatter<'_>, word: &str, children: &[Expr]) -> fmt::Result {
    f.write_str("(")?;
    for (index, child) in children.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        child.fmt(f)?;
    }
    f.write_str(")")
}

impl Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.op)?;
        if let Some(modifier) = self.modifier {
            write!(f, " {modifier}")?;
        }
        if let Some(right) = &self.right {
            write!(f, " {right}")?;
        }
        Ok(())
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            OperandKind::Field(field) => field.fmt(f),
            OperandKind::Transformer(call) => call.fmt(f),
            OperandKind::Value(value) => value_text(f, value),
            OperandKind::List(items) => {
                f.write_str("(")?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    value_text(f, &item.text)?;
                }
                f.write_str(")")
            }
            OperandKind::Tuple(operands) => arguments(f, operands),
        }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        bracketed(f, self.arg.as_ref())
    }
}

impl Display for TransformerCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.transformer)?;
        arguments(f, &self.args)?;
        bracketed(f, self.arg.as_ref())
    }
}

/// `(a,b)`. A value that is not a number has to be quoted here.
fn arguments(f: &mut fmt::Formatter<'_>, operands: &[Operand]) -> fmt::Result {
    f.write_str("(")?;
    for (index, operand) in operands.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        match &operand.kind {
            OperandKind::Value(value) if !is_number(value) => quoted(f, value)?,
            _ => operand.fmt(f)?,
        }
    }
    f.write_str(")")
}

fn bracketed(f: &mut fmt::Formatter<'_>, arg: Option<&Text>) -> fmt::Result {
    let Some(arg) = arg else { return Ok(()) };
    f.write_str("[")?;
    match arg.as_str() {
        Some(text) if is_bare(text, b"[]\"'\\=") => f.write_str(text)?,
        _ => quoted(f, arg)?,
    }
    f.write_str("]")
}

fn value_text(f: &mut fmt::Formatter<'_>, value: &Text) -> fmt::Result {
    match value.as_str() {
        Some(text) if is_bare(text, b"()\"'=,\\") => f.write_str(text),
        _ => quoted(f, value),
    }
}

/// Whether a text can stand without quotes.
fn is_bare(text: &str, special: &[u8]) -> bool {
    let is_special = |b: u8| special.contains(&b) || is_posix_space(b) || b == 0x08 || b == 0;
    !text.is_empty() && !text.bytes().any(is_special)
}

fn quoted(f: &mut fmt::Formatter<'_>, value: &[u8]) -> fmt::Result {
    let mut text = String::with_capacity(value.len() + 2);
    quote_into(value, &mut text);
    f.write_str(&text)
}
