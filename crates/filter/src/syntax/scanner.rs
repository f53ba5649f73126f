//! The tokens of the language, read one by one as the parser asks for them.
//!
//! There is no token stream: what a word means depends on where it stands (`in` may be an
//! operator, a macro or a value), so the parser asks "is there a field name here?".

use super::position::Position;

/// Reads tokens from the text of a condition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanner<'a> {
    input: &'a [u8],
    position: Position,
}

impl<'a> Scanner<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, position: Position::START }
    }

    pub fn position(&self) -> Position {
        self.position
    }

    pub fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        &self.input[self.position.index as usize..]
    }

    /// Moves on by `count` bytes of the rest, which are returned.
    fn take(&mut self, count: usize) -> &'a [u8] {
        let token = &self.rest()[..count];
        for &byte in token {
            self.position.advance(byte);
        }
        token
    }

    fn take_some(&mut self, count: usize) -> Option<&'a [u8]> {
        (count > 0).then(|| self.take(count))
    }

    /// Skips blanks; returns whether there were any. The set is Falco's: with backspace, without
    /// vertical tab and form feed.
    pub fn blanks(&mut self) -> bool {
        let is_blank = |b: u8| matches!(b, b' ' | b'\t' | 0x08 | b'\r' | b'\n');
        let count = self.rest().iter().take_while(|&&b| is_blank(b)).count();
        self.take(count);
        count > 0
    }

    /// Exactly this text; what follows does not matter.
    pub fn exact(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text.as_bytes());
        if found {
            self.take(text.len());
        }
        found
    }

    /// This word and the blanks after it, of which there must be at least one.
    pub fn word_and_blank(&mut self, word: &str) -> bool {
        let before = *self;
        if self.exact(word) && self.blanks() {
            return true;
        }
        *self = before;
        false
    }

    /// `not` and the white space after it.
    pub fn not_and_space(&mut self) -> bool {
        let Some(after) = self.rest().strip_prefix(b"not") else { return false };
        let spaces = after.iter().take_while(|&&b| is_posix_space(b)).count();
        if spaces > 0 {
            self.take(3 + spaces);
        }
        spaces > 0
    }

    /// A name of a macro or list.
    pub fn identifier(&mut self) -> Option<&'a [u8]> {
        self.take_some(identifier_len(self.rest()))
    }

    /// A name of a field: identifiers joined by dots, at least two.
    pub fn field_name(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let mut len = identifier_len(rest);
        let mut segments = usize::from(len > 0);
        while segments > 0 && rest.get(len) == Some(&b'.') {
            let more = identifier_len(&rest[len + 1..]);
            if more == 0 {
                break;
            }
            len += 1 + more;
            segments += 1;
        }
        if segments < 2 {
            return None;
        }
        self.take_some(len)
    }

    /// A number: decimal with fraction and exponent, or `0x…`.
    pub fn number(&mut self) -> Option<&'a [u8]> {
        self.take_some(number_len(self.rest()))
    }

    /// A value without quotes.
    pub fn bare_value(&mut self) -> Option<&'a [u8]> {
        self.until(|b| b"()\"'=,".contains(&b) || is_posix_space(b))
    }

    /// A field's argument without quotes.
    pub fn bare_argument(&mut self) -> Option<&'a [u8]> {
        self.until(|b| b"[]\"'".contains(&b) || is_posix_space(b))
    }

    fn until(&mut self, ends: impl Fn(u8) -> bool) -> Option<&'a [u8]> {
        let count = self.rest().iter().take_while(|&&b| !ends(b)).count();
        self.take_some(count)
    }

    /// A quoted string, quotes included and escapes not resolved. `None` if there is no quote
    /// here, or none that closes it before the end or a NUL.
    ///
    /// A quote behind a backslash never closes, not even behind an escaped backslash: rules with
    /// `"\\"quoted\\""` exist and load in Falco.
    pub fn quoted(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let quote = *rest.first().filter(|b| matches!(b, b'"' | b'\''))?;
        let mut previous = quote;
        for (index, &byte) in rest.iter().enumerate().skip(1) {
            match byte {
                0 => return None,
                _ if byte == quote && previous != b'\\' => return Some(self.take(index + 1)),
                _ => previous = byte,
            }
        }
        None
    }
}

/// White space in the sense of POSIX `[[:space:]]`.
pub(crate) fn is_posix_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Whether a text as a whole is a number of the language.
pub(crate) fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && number_len(text) == text.len()
}

fn identifier_len(rest: &[u8]) -> usize {
    if !rest.first().is_some_and(u8::is_ascii_alphabetic) {
        return 0;
    }
    rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count()
}

fn digits_len(rest: &[u8]) -> usize {
    rest.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn number_len(rest: &[u8]) -> usize {
    if let [b'0', b'x' | b'X', digits @ ..] = rest {
        let count = digits.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        if count > 0 {
            return 2 + count;
        }
    }
    let mut len = usize::from(matches!(rest.first(), Some(b'+' | b'-')));
    let digits = digits_len(&rest[len..]);
    if digits == 0 {
        return 0;
    }
    len += digits;
    if rest.get(len) == Some(&b'.') {
        len += 1;
        len += digits_len(&rest[len..]);
    }
    // The sign of an exponent is not optional, as in Falco.
    if let [b'e' | b'E', b'+' | b'-', exponent @ ..] = &rest[len..] {
        let digits = digits_len(exponent);
        if digits > 0 {
            len += 2 + digits;
        }
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_measured() {
        for (text, len) in [
            ("0x1fz", 4),
            ("0x", 1),
            ("-12.50e+3 ", 9),
            ("1.", 2),
            ("1e5", 1),
            ("+", 0),
            ("", 0),
            (".5", 0),
        ] {
            assert_eq!(number_len(text.as_bytes()), len, "{text}");
        }
    }

    #[test]
    fn field_names_end_before_a_lone_dot() {
        for (text, name) in [("a.b.c.", "a.b.c"), ("a1_.b2", "a1_.b2"), ("evt.arg.0", "evt.arg")] {
            assert_eq!(Scanner::new(text.as_bytes()).field_name(), Some(name.as_bytes()));
        }
        for text in ["a", "a.", ".a", "1.a", ""] {
            assert_eq!(Scanner::new(text.as_bytes()).field_name(), None);
        }
    }
}
