//! Falco rules files: loading, diagnostics, compiled rule sets.
#![forbid(unsafe_code)]
