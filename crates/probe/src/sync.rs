//! The primitives of `flag.rs`; see there.

pub(crate) use std::sync::atomic::{AtomicU32, Ordering, fence};
