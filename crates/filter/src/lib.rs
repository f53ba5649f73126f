//! The filter language: syntax tree, types, compiled predicates.
#![forbid(unsafe_code)]

pub mod catalog;

pub use catalog::{
    ArgRule, Catalog, FieldArg, FieldId, FieldInfo, FieldRef, FieldSource, Scope, Values,
};
