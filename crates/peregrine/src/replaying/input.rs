//! Opening what is replayed, and how far it has been read.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use peregrine_capture::Reader;

/// A capture, open.
pub struct Input {
    /// Reads it.
    pub reader: Reader,
    /// Bytes of the file read so far, as they are in the file.
    pub consumed: Arc<AtomicU64>,
    /// Bytes of the file, if it has an end that is known.
    pub bytes: Option<u64>,
}

struct Counting<R> {
    source: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(buffer)?;
        // Relaxed: shown to people, orders nothing.
        self.consumed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Opens a file, or standard input for `-`.
///
/// # Errors
/// It cannot be opened.
pub fn open(path: &Path) -> anyhow::Result<Input> {
    let consumed = Arc::new(AtomicU64::new(0));
    if path.as_os_str() == "-" {
        let source = Counting { source: std::io::stdin(), consumed: consumed.clone() };
        return Ok(Input { reader: Reader::new(source)?, consumed, bytes: None });
    }
    let name = || format!("cannot open {}", path.display());
    let file = File::open(path).with_context(name)?;
    let metadata = file.metadata().with_context(name)?;
    if metadata.is_dir() {
        anyhow::bail!("cannot open {}: it is a directory", path.display());
    }
    let bytes = metadata.is_file().then_some(metadata.len());
    let source = Counting { source: file, consumed: consumed.clone() };
    Ok(Input { reader: Reader::new(source)?, consumed, bytes })
}
