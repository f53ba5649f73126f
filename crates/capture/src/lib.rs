//! .scap captures: read, convert, write.
#![forbid(unsafe_code)]
