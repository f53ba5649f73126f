//! From a configuration to a running engine: what `peregrine run` and Falco's command line share.
//!
//! ```text
//! Settings ─► rules.rs   ─► RuleOptions ─► Detection ─┐
//!          ─► engine.rs  ─► LiveOptions ──────────────┼─► Live ─┐
//!          ─► outputs.rs ─► Outputs ──────────────────┘         ├─► running.rs: one loop that
//! signals, watch.rs (files), control.rs (`peregrine reload`) ───┘   ticks, reloads, stops
//! ```
//! `log.rs` takes messages about the engine, `drops.rs` decides what is done about lost events,
//! `privileges.rs` gives up what is not needed once the probe is attached.

pub mod control;
pub mod drops;
pub mod engine;
pub mod log;
pub mod metrics;
pub mod outputs;
pub mod plugins;
pub mod privileges;
pub mod reload;
pub mod rules;
pub mod running;
pub mod servers;
pub mod watch;
