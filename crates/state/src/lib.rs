//! Processes, threads, file descriptors, users and groups, and how each event changes them.
//!
//! ```text
//!  record ──► Shard::apply ──► Applied { thread, fd, … }      one shard per worker, owned by it
//!                │   ▲
//!        publish │   │ inheritance of a child, parents of other shards
//!                ▼   │
//!             Directory                                       shared, touched by births, execs,
//!                                                             changes and exits only
//! ```
//!
//! A [`Shard`] holds everything mutable of the thread groups of one partition in plain structures:
//! opening, reading and closing files takes no lock. What an event does follows libsinsp's parsers,
//! so that fields have the values Falco would print. The [`Directory`] is the published side that
//! other shards read.
//!
//! This crate does not know which thread owns a shard, reads no file and never asks `/proc`; a
//! [`Resolver`] may be given that does.
#![forbid(unsafe_code)]

mod apply;
pub mod containers;
pub mod counters;
pub mod directory;
pub mod fd;
pub mod fdtable;
pub mod flags;
pub mod group;
pub mod image;
pub mod inventory;
pub mod looks;
pub mod memo;
mod network;
pub mod path;
pub mod pending;
mod publish;
pub mod relatives;
mod repair;
pub mod replica;
pub mod shard;
mod slots;
#[cfg(test)]
mod slots_tests;
pub mod socket;
mod sync;
mod table;
pub mod thread;
pub mod unseen;
pub mod users;

pub use apply::plan::changes_state;
pub use apply::{Applied, EventContext, Subject};
pub use containers::{Container, Containers};
pub use counters::Counters;
pub use directory::{Directory, ProcessKey, Published, Snapshot};
pub use fd::{Fd, FdKind};
pub use fdtable::FdTable;
pub use group::Hosted;
pub use image::{Image, Strings};
pub use inventory::{Inventory, Listed};
pub use looks::Looks;
pub use memo::Memo;
pub use network::Interfaces;
pub use relatives::Relative;
pub use shard::{ChildRule, Config, Resolver, Shard, Slot};
pub use socket::Socket;
pub use thread::{Facts, Thread, Usage};
pub use users::{Group, User, Users};
