//! The same protocols on primitives that order less than they should.

pub mod sync;

#[path = "../../../src/progress.rs"]
#[allow(dead_code)]
pub mod progress;

#[path = "../../../src/swap.rs"]
#[allow(dead_code)]
pub mod swap;
