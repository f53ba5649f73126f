//! The text of conditions: operators, syntax tree, parser, printer, escaping.
//!
//! ```text
//! Expr        := Or
//! Or          := And { "or" And }
//! And         := Not { "and" Not }
//! Not         := { "not" } Check
//! Check       := Left "exists" | Left operator Right | macro name | "(" Expr ")"
//! Left        := field | transformer "(" arguments ")"
//! Right       := value | "(" values ")" | list name | transformer "(" … ")" | "val(" field ")"
//! ```
//! This module knows nothing of fields and types: `a.b = c` is as good as `proc.name = cat`.

pub mod ast;
pub mod escape;
mod operands;
pub mod operator;
pub mod parser;
pub mod position;
mod print;
mod scanner;
pub mod text;
pub mod visit;

pub use ast::{Check, Expr, ExprKind, Field, ListItem, Operand, OperandKind, TransformerCall};
pub use escape::{EscapeError, escape, unescape};
pub use operator::{Modifier, Operator, Transformer};
pub use parser::{
    DEFAULT_MAX_DEPTH, ParseError, ParseOptions, Parsed, parse, parse_operand, parse_with,
};
pub use position::{Position, Span};
pub use text::Text;
pub use visit::Visitor;
