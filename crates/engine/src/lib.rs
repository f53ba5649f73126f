//! Sources, partitions and workers.
#![forbid(unsafe_code)]
