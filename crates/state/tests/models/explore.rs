//! How deep a model is explored; shared by the models of all crates.
//!
//! `make test` explores with few preemptions per execution, `make models` as deep as ends within
//! minutes. `LOOM_MAX_PREEMPTIONS=4` or `MODELS_UNBOUNDED=1` set another depth for all models,
//! `LOOM_MAX_DURATION=600` (seconds) ends what takes longer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use loom::model::Builder;

/// Preemptions per execution in `make test`.
const USUAL: usize = 3;

/// Explores a model and prints what was explored. `deep` is the bound on preemptions of
/// `make models`, `None` for no bound.
pub fn explore(deep: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    if std::env::var_os("MODELS_UNBOUNDED").is_some() {
        builder.preemption_bound = None;
    } else if builder.preemption_bound.is_none() {
        let is_deep = std::env::var_os("MODELS_DEEP").is_some();
        builder.preemption_bound = if is_deep { deep } else { Some(USUAL) };
    }
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = executions.clone();
    let start = Instant::now();
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let (executions, took) = (executions.load(Ordering::Relaxed), start.elapsed());
    let depth = match builder.preemption_bound {
        Some(bound) => format!("at most {bound} preemptions"),
        None => "any number of preemptions".to_owned(),
    };
    let is_cut = builder.max_duration.is_some_and(|most| took >= most);
    let end = if is_cut { ", CUT SHORT" } else { "" };
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: {executions} executions, {depth}, {:.1} s{end}", took.as_secs_f64());
    assert!(executions > 5, "only {executions} interleavings were explored");
}

/// The model must fail: it runs on primitives that are broken on purpose, or does a step in two.
pub fn must_fail(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(USUAL);
    let outcome = catch_unwind(AssertUnwindSafe(|| builder.check(model)));
    assert!(outcome.is_err(), "the seeded bug was not found: this model finds nothing");
}
