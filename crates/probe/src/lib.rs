//! The kernel side as user space sees it: what the kernel allows, the loader of the BPF probe, its
//! ring buffers and drop counters, and the initial state.
//!
//! The C is in `bpf/`. This crate talks to the kernel and holds no policy: which system calls are
//! wanted, how many rings there are and what is done with the records is decided above.

pub mod capabilities;
pub mod clock;
pub mod doctor;
pub mod drops;
mod error;
mod flag;
mod globals;
pub mod heap;
pub mod initial;
mod inner;
mod later;
mod links;
pub mod loader;
mod measure;
mod object;
pub mod procfs;
mod programs;
pub mod refusal;
pub mod ring;
pub mod route;
pub mod shares;
pub mod sleeping;
pub mod spread;
mod sync;
mod wrapper;

pub use capabilities::Capabilities;
pub use clock::RecordClock;
pub use drops::Drops;
pub use error::ProbeError;
pub use initial::InitialState;
pub use loader::{Class, Hook, Options, Probe};
pub use measure::{ProgramCost, ProgramSize};
pub use refusal::Refusal;
pub use ring::{Ring, RingGauge};
pub use route::route;
pub use sleeping::SleepFlags;
pub use spread::{Spread, Spreader};
