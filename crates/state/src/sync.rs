//! The primitives of `slots.rs`; see there.

pub(crate) use parking_lot::Mutex;
