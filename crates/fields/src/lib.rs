//! Field catalogue, extraction and output templates.
#![forbid(unsafe_code)]
