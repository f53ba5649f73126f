//! What `peregrine replay` does with events beside evaluating rules: printing and writing.

pub mod examine;
pub mod input;
pub mod print;
pub mod progress;
pub mod side_by_side;
pub mod write;
