//! Cases of the filter language.

mod catalog;
pub mod compile;
pub mod eval;
pub mod parse;
pub mod sets;

pub use catalog::Catalogue;
