//! Model checks (loom) of the engine's hand-written synchronisation.
//!
//! Each protocol lies in a source file that takes its primitives from `super::sync`. Here the very
//! same files are compiled twice more: with loom's primitives in the place of `sync`, under which
//! every interleaving is tried, and with loom's primitives weakened, under which the model must
//! fail. So a model that could not find anything is found out itself.
//!
//! `make test` runs all of it; `make models` explores deeper (`explore.rs`).

#![allow(clippy::duplicate_mod, reason = "on purpose: once on sound primitives, once on weak ones")]

mod broken;
mod order_model;
mod progress_model;
mod swap_model;

#[path = "../../src/progress.rs"]
#[allow(dead_code)]
mod progress;
#[path = "../../src/swap.rs"]
#[allow(dead_code)]
mod swap;
mod sync;

#[path = "../../../state/tests/models/explore.rs"]
mod explore;
use explore::{explore, must_fail};
