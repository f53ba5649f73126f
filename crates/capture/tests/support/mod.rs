//! Finds the conformance data.
#![allow(dead_code)]

pub mod events;

use std::io::Read;
use std::path::PathBuf;

/// The folder with shared data; `None`, with a word why, if it is not there.
pub fn shared() -> Option<PathBuf> {
    let path = match std::env::var_os("PEREGRINE_SHARED") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
    };
    if path.join("conformance").is_dir() {
        return Some(path);
    }
    eprintln!("skipped: no conformance data in {}; set PEREGRINE_SHARED", path.display());
    None
}

/// All captures, in the order of their names.
pub fn captures() -> Vec<PathBuf> {
    let Some(shared) = shared() else { return Vec::new() };
    let mut all: Vec<PathBuf> = std::fs::read_dir(shared.join("conformance/captures"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".scap.gz"))
        .collect();
    all.sort();
    all
}

/// The bytes of a file, decompressed if it is gzip.
pub fn unpacked(path: &std::path::Path) -> Vec<u8> {
    let packed = std::fs::read(path).unwrap();
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return packed;
    }
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(&packed[..]).read_to_end(&mut plain).unwrap();
    plain
}
