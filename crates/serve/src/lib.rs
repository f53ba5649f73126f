//! What Peregrine says about itself: metrics, health, versions, the web page.
//!
//! ```text
//! engine, outputs ── Snapshot, once a second ──► Board ──► /metrics, /healthz, page, metrics rule
//!                                                 └ history of the last minutes, for charts
//! outputs ── alerts ──► Hub ──► page (server-sent events)
//! ```
//! Everything that is served is a copy made by whoever owns the numbers, so a reader, however slow
//! or hostile, costs the engine nothing. The crate knows nothing of the engine.
#![forbid(unsafe_code)]

pub mod board;
mod health;
pub mod metrics;
pub mod resources;
pub mod server;
pub mod snapshot;
pub mod snapshot_rule;
pub mod web;

pub use board::Board;
pub use server::{ServeError, ServeOptions, Server, is_fit_token};
pub use snapshot::{
    BusyProcess, DropCount, FileHash, Program, RingLevel, RuleCost, RuleText, Snapshot, WorkerLevel,
};
