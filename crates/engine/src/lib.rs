//! Sources, partitions and workers: from records to alerts.
//!
//! ```text
//! Live ─ Probe ─ rings ─► worker threads: Worker (Shard + Detector + Parking) ─► AlertSender
//!   └ Detection (rules, compiled once, shared)
//! ```
#![forbid(unsafe_code)]

pub mod counters;
pub mod detector;
pub mod host;
mod initial;
pub mod interest;
pub mod live;
pub mod parking;
pub mod progress;
pub mod ruleset;
pub mod waiting;
pub mod worker;

pub use live::{Live, LiveError, LiveOptions, Summary};
pub use ruleset::{Detection, RuleOptions, RulesError};
