//! Processes, threads, files and users.
#![forbid(unsafe_code)]
