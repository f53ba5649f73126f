//! The protocol of sleeping, without the barrier between announcing and looking.

pub mod sync {
    pub use loom::sync::atomic::{AtomicU32, Ordering};

    pub fn fence(_: Ordering) {}
}

#[path = "../../../src/flag.rs"]
#[allow(dead_code)]
pub mod flag;
