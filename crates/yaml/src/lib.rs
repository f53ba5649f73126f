//! YAML with positions, with the scalar rules of yaml-cpp where they decide what a file means.
//!
//! Rules files and configuration files are read with it; it knows neither.
#![forbid(unsafe_code)]

mod flow;
mod loader;
mod node;
pub mod scalar;

pub use loader::{Limits, YamlError, load};
pub use node::{Kind, Mark, Node, Style};
