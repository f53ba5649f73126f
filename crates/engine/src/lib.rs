//! Sources, partitions and workers.
#![forbid(unsafe_code)]

pub mod counters;
pub mod interest;
pub mod parking;
pub mod waiting;
