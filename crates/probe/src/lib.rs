//! BPF probe, loader, ring consumer and iterators.
