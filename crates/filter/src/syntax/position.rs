//! Places in the text of a condition.

use std::fmt;

/// A place in the text of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Byte offset, from zero.
    pub index: u32,
    /// Line, from one. A carriage return and a line feed each end a line, as in Falco.
    pub line: u32,
    /// Column in bytes, from one.
    pub column: u32,
}

impl Position {
    /// The first byte of a text.
    pub const START: Position = Position { index: 0, line: 1, column: 1 };

    /// Moves past one byte.
    pub(crate) fn advance(&mut self, byte: u8) {
        self.index += 1;
        self.column += 1;
        if byte == b'\r' || byte == b'\n' {
            self.column = 1;
            self.line += 1;
        }
    }
}

impl Default for Position {
    fn default() -> Self {
        Self::START
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "index {}, line {}, column {}", self.index, self.line, self.column)
    }
}

/// A stretch of the text of a condition: `start` belongs to it, `end` no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: Position,
    /// First byte after it.
    pub end: Position,
}

impl Span {
    /// Between two places.
    pub fn new(start: Position, end: Position) -> Self {
        Self { start, end }
    }

    /// As byte offsets.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start.index as usize..self.end.index as usize
    }
}
