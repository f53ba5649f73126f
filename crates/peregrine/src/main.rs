//! Command line of Peregrine.
#![forbid(unsafe_code)]

fn main() {}
