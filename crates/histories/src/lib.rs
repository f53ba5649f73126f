//! Histories that a kernel could make: made up from a seed, played, written as captures, shrunk.
//!
//! ```text
//! seed ─► History (acts) ─► Machine plays them ─► events ─► capture in memory
//!              │                     └────► records of a probe, births and fork markers included
//!              └ shrink: the fewest acts that still fail ─► printed as a story
//! ```
//! An act names who does it by a number, which the machine takes modulo those that are there. So
//! any list of acts is a history, and leaving some out gives another one.
#![forbid(unsafe_code)]

mod act;
mod events;
mod machine;
mod procfs;
mod random;
mod shrink;
mod tape;

pub use act::{Act, Call, History, Loss, Told};
pub use machine::{Played, PlayedLive, play, play_live};
pub use procfs::Procfs;
pub use random::Random;
pub use shrink::shrink;
pub use tape::LiveRecord;
