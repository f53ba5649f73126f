//! YAML with positions, with the scalar rules of yaml-cpp where they decide what a file means.

mod flow;
mod loader;
mod node;
mod scalar;

pub use loader::{Limits, YamlError, load};
pub use node::{Kind, Mark, Node, Style};
