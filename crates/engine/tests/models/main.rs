//! Model checks (loom) of the engine's hand-written synchronisation.
//!
//! Each protocol lies in a source file that takes its primitives from `super::sync`. Here the very
//! same files are compiled twice more: with loom's primitives in the place of `sync`, under which
//! every interleaving is tried, and with loom's primitives weakened, under which the model must
//! fail. So a model that could not find anything is found out itself.
//!
//! `make test` runs all of it; `make models` explores without the bound on preemptions.

#![allow(clippy::duplicate_mod, reason = "on purpose: once on sound primitives, once on weak ones")]

mod broken;
mod progress_model;
mod swap_model;

#[path = "../../src/progress.rs"]
#[allow(dead_code)]
mod progress;
#[path = "../../src/swap.rs"]
#[allow(dead_code)]
mod swap;
mod sync;

/// Explores a model: with few preemptions unless `LOOM_MAX_PREEMPTIONS` says otherwise.
pub fn explore(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    if builder.preemption_bound.is_none() && std::env::var_os("MODELS_UNBOUNDED").is_none() {
        builder.preemption_bound = Some(3);
    }
    builder.check(model);
}

/// The model must fail: it runs on primitives that are broken on purpose.
pub fn must_fail(model: impl Fn() + Sync + Send + 'static) {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| explore(model)));
    assert!(outcome.is_err(), "the seeded bug was not found: this model finds nothing");
}
