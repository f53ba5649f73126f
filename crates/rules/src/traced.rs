//! Text that remembers where each of its bytes comes from.
//!
//! A condition is glued together from scalars of several files, items of lists and values of
//! exceptions. Errors in it must point to the file, so every stretch keeps its origin.

use std::ops::Range;

use crate::source::{FileId, SourceSpan};
use peregrine_yaml::{Kind, Node, Style};

/// Text with origins.
#[derive(Debug, Clone, Default)]
pub struct Traced {
    text: String,
    runs: Vec<Run>,
}

/// A stretch of one origin. Runs follow one another without gaps.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Where it begins in the text.
    at: usize,
    origin: Origin,
}

#[derive(Debug, Clone, Copy)]
enum Origin {
    /// Byte for byte the file from here.
    Copied(FileId, usize),
    /// All of it stands for this.
    Whole(SourceSpan),
}

impl Traced {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text of a scalar. `source` is the text of the file.
    pub fn scalar(file: FileId, source: &str, node: &Node) -> Self {
        let Kind::Scalar { text, style } = &node.kind else { return Self::default() };
        let mut traced = Traced { text: text.clone(), runs: Vec::new() };
        let range = node.mark.offset.min(source.len())..node.end.min(source.len());
        let raw = source.as_bytes().get(range.clone()).unwrap_or_default();
        let mut at = match style {
            Style::Block => memchr::memchr(b'\n', raw).map_or(raw.len(), |n| n + 1),
            Style::Plain => 0,
            Style::SingleQuoted | Style::DoubleQuoted => 1,
        };
        // Blanks may have been folded; everything else stands in the file in the same order.
        for (index, char) in text.char_indices() {
            let first = text.as_bytes()[index];
            let is_blank = char.is_ascii_whitespace();
            if *style == Style::DoubleQuoted {
                at = skip_line_joins(raw, at, is_blank);
                if raw.get(at) == Some(&b'\\') {
                    traced.push_run(index, Origin::Copied(file, range.start + at));
                    at += escape_len(raw.get(at + 1).copied());
                    continue;
                }
            }
            if !is_blank {
                while at < raw.len() && raw[at] != first {
                    at += 1;
                }
            }
            traced.push_run(index, Origin::Copied(file, range.start + at.min(raw.len())));
            let folded = is_blank && raw.get(at).is_some_and(|b| !b.is_ascii_whitespace());
            if !folded {
                at += char.len_utf8();
            }
            if *style == Style::SingleQuoted && char == '\'' {
                at += 1;
            }
        }
        traced
    }

    /// Text that stands for a stretch of a file without being a copy of it.
    pub fn made(text: &str, span: SourceSpan) -> Self {
        let mut traced = Self::default();
        traced.push_made(text, span);
        traced
    }

    /// Appends text that stands for a stretch of a file.
    pub fn push_made(&mut self, text: &str, span: SourceSpan) {
        if !text.is_empty() {
            self.push_run(self.text.len(), Origin::Whole(span));
            self.text.push_str(text);
        }
    }

    /// Appends text of the origin of what stands before it.
    pub fn push_glue(&mut self, text: &str) {
        match self.text.len().checked_sub(1).and_then(|last| self.span(last..last + 1)) {
            Some(span) => self.push_made(text, SourceSpan { start: span.end, ..span }),
            None => self.text.push_str(text),
        }
    }

    /// Cuts the end off.
    ///
    /// # Panics
    /// If the cut goes through a character.
    pub fn truncate(&mut self, len: usize) {
        self.text.truncate(len);
        while self.runs.last().is_some_and(|run| run.at >= len) {
            self.runs.pop();
        }
    }

    /// Appends other text.
    pub fn push(&mut self, other: &Traced) {
        self.push_slice(other, 0..other.len());
    }

    /// Appends a part of other text.
    ///
    /// # Panics
    /// If the range does not lie within the text or cuts a character.
    pub fn push_slice(&mut self, other: &Traced, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let base = self.text.len();
        let first = other.runs.partition_point(|run| run.at <= range.start).saturating_sub(1);
        for run in other.runs.get(first..).unwrap_or_default() {
            if run.at >= range.end {
                break;
            }
            let skipped = range.start.saturating_sub(run.at);
            let origin = match run.origin {
                Origin::Copied(file, offset) => Origin::Copied(file, offset + skipped),
                whole => whole,
            };
            self.push_run(base + run.at.max(range.start) - range.start, origin);
        }
        self.text.push_str(&other.text[range]);
    }

    /// Where a stretch comes from: from the origin of its first byte to that of its last, if both
    /// are of one file.
    pub fn span(&self, range: Range<usize>) -> Option<SourceSpan> {
        if self.runs.is_empty() {
            return None;
        }
        let last = self.text.len().saturating_sub(1);
        let start = self.origin(range.start.min(last))?;
        if range.end <= range.start {
            let past = usize::from(range.start > last);
            let at = (start.start + past).min(start.end);
            return Some(SourceSpan { start: at, end: at, ..start });
        }
        let end = self.origin((range.end - 1).min(last))?;
        if start.file == end.file && end.end >= start.start {
            Some(SourceSpan { end: end.end, ..start })
        } else {
            Some(start)
        }
    }

    fn origin(&self, at: usize) -> Option<SourceSpan> {
        let index = self.runs.partition_point(|run| run.at <= at).checked_sub(1)?;
        let run = self.runs[index];
        Some(match run.origin {
            Origin::Copied(file, offset) => {
                let start = offset + at - run.at;
                SourceSpan { file, start, end: start + 1 }
            }
            Origin::Whole(span) => span,
        })
    }

    /// Starts a run unless the last one goes on.
    fn push_run(&mut self, at: usize, origin: Origin) {
        if let Some(last) = self.runs.last() {
            match (last.origin, origin) {
                (Origin::Copied(f1, o1), Origin::Copied(f2, o2))
                    if f1 == f2 && o1 + (at - last.at) == o2 =>
                {
                    return;
                }
                (Origin::Whole(a), Origin::Whole(b)) if a == b => return,
                _ => {}
            }
        }
        self.runs.push(Run { at, origin });
    }
}

/// Bytes of an escape, by the character behind the backslash.
fn escape_len(kind: Option<u8>) -> usize {
    match kind {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 2,
    }
}

/// Skips what makes no character in double quotes: an escaped end of line with the indentation
/// behind it and, unless a blank is looked for, the ends of folded lines.
fn skip_line_joins(raw: &[u8], mut at: usize, keep_blanks: bool) -> usize {
    loop {
        match raw.get(at) {
            Some(b'\\') if matches!(raw.get(at + 1), Some(b'\n' | b'\r')) => {
                at += 2;
                while raw.get(at).is_some_and(u8::is_ascii_whitespace) {
                    at += 1;
                }
            }
            Some(byte) if byte.is_ascii_whitespace() && !keep_blanks => at += 1,
            _ => return at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peregrine_yaml::{Limits, load};

    fn traced(yaml: &str) -> Traced {
        let root = load(yaml, Limits::default()).unwrap().remove(0);
        Traced::scalar(FileId(0), yaml, root.get("a").unwrap())
    }

    fn origin<'y>(yaml: &'y str, traced: &Traced, word: &str) -> &'y str {
        let at = traced.as_str().find(word).unwrap();
        let span = traced.span(at..at + word.len()).unwrap();
        &yaml[span.start..span.end]
    }

    #[test]
    fn every_style_is_traced() {
        for yaml in [
            "a: one two three",
            "a: one\n  two\n  three\nb: c",
            "a: 'one two three'",
            "a: \"one\\ttwo\\n three\"",
            "a: \"one \\\n  two\n  three\"",
            "a: \"\\u00e9 one \\\"two\\\" three\"",
            "a: 'it''s one two three'",
            "a: >\n  one\n  two\n\n  three\n",
            "a: >- # comment with one\n  one\n  two\n  three\n",
            "a: |\n    one\n      two\n    three\n",
        ] {
            let text = traced(yaml);
            for word in ["one", "two", "three"] {
                assert_eq!(origin(yaml, &text, word), word, "{yaml:?} {text:?}");
            }
        }
    }

    #[test]
    fn slices_keep_their_origin() {
        let yaml = "a: one two three";
        let text = traced(yaml);
        let mut other = Traced::made("x", SourceSpan::new(FileId(0), 0..1));
        other.push_slice(&text, 4..9);
        other.push_glue(")");
        assert_eq!(other.as_str(), "xtwo t)");
        assert_eq!(origin(yaml, &other, "two"), "two");
        assert_eq!(origin(yaml, &other, "x"), "a");
    }
}
