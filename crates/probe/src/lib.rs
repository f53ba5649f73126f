//! BPF probe, loader, ring consumer and iterators.

pub mod ring;
