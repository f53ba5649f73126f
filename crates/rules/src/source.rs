//! Files and places in them.

use std::ops::Range;
use std::sync::Arc;

/// Identifies a file among those a [`crate::Loader`] has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A stretch of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceSpan {
    /// File.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// First byte after it.
    pub end: usize,
}

impl SourceSpan {
    /// A stretch of a file.
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        Self { file, start: range.start, end: range.end.max(range.start) }
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Name as given to the loader.
    pub name: String,
    /// Content.
    pub text: Arc<str>,
    lines: Vec<usize>,
}

impl SourceFile {
    /// Line, counted from zero, and the bytes of that line without its end.
    pub fn line_at(&self, offset: usize) -> (usize, Range<usize>) {
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.lines[line];
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let text = &self.text.as_bytes()[start..end];
        let end = if text.last() == Some(&b'\r') { end - 1 } else { end };
        (line, start..end)
    }
}

/// All files that were read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, name: &str, text: &str) -> FileId {
        let mut lines = vec![0];
        lines.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
        let id = FileId(self.files.len() as u32);
        self.files.push(SourceFile { name: name.to_owned(), text: text.into(), lines });
        id
    }

    /// A file.
    ///
    /// # Panics
    /// If the id comes from elsewhere.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// The text of a file with this name; of the last, if several have it.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.files.iter().rev().find(|f| f.name == name).map(|f| &*f.text)
    }
}
