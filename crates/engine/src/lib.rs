//! Sources, partitions and workers: from records to alerts.
//!
//! ```text
//! Live ─ Probe ─ rings ─► worker threads: Worker (Shard + Detector + Parking) ─► AlertSender
//!   └ Detection (rules, compiled once, shared)
//!   └ Tap (a copy of what was applied) ─► Recorder ─► captures
//! Replay ─ captures ─► Partition (Shard) ─► whoever wants the events: Detector, printing, writing
//! ```
#![forbid(unsafe_code)]

pub mod activity;
pub mod additions;
pub mod counters;
mod degraded;
pub mod detector;
pub mod feed;
pub mod gauges;
pub mod homes;
pub mod host;
mod initial;
pub mod interest;
pub mod lineage;
pub mod live;
pub mod ordered;
pub mod parking;
pub mod progress;
#[cfg(test)]
mod progress_tests;
pub mod published;
pub mod recording;
pub mod replay;
pub mod resolver;
pub mod ruleset;
pub mod spread;
pub mod swap;
mod sync;
mod unseen;
mod waiting;
pub mod worker;

pub use live::{Live, LiveError, LiveOptions, Observation, Summary, Swapped};
pub use replay::Replay;
pub use ruleset::{Detection, RuleOptions, RulesError};
