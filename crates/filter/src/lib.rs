//! The filter language: syntax tree, types, compiled predicates.
#![forbid(unsafe_code)]

pub mod catalog;
pub mod syntax;

pub use catalog::{
    ArgRule, Catalog, FieldArg, FieldId, FieldInfo, FieldRef, FieldSource, Scope, Values,
};
pub use syntax::{
    Check, Expr, ExprKind, Field, ListItem, Modifier, Operand, OperandKind, Operator, ParseError,
    ParseOptions, Position, Span, Text, Transformer, TransformerCall, parse, parse_with,
};
