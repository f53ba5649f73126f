//! Quoting of values.

use std::fmt::Write;

/// Why a quoted string cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EscapeError {
    /// `\'` in a string quoted with `"`, or the reverse.
    #[error("invalid \\{escaped} escape in {quote}-quoted string")]
    WrongQuote {
        /// The escaped quote.
        escaped: char,
        /// The quote around the string.
        quote: char,
    },
    /// `\x` without two digits.
    #[error("truncated hex char escape sequence")]
    TruncatedHex,
    /// `\x` followed by something that is not a hexadecimal digit.
    #[error("invalid hex char escape sequence: {0}")]
    InvalidHex(String),
    /// A backslash in front of something else.
    #[error("unsupported string escape sequence: \\{0}")]
    Unsupported(String),
    /// There are no quotes around the text.
    #[error("not a quoted string")]
    NotQuoted,
}

/// Quotes a value if it holds blanks, `=`, quotes, backslashes or control characters, as Falco
/// does; other values come back unchanged.
pub fn escape(value: &[u8]) -> Vec<u8> {
    let special = |b: &u8| b" =\\\"'\0\x08\x0c\n\r\t".contains(b);
    if !value.iter().any(special) {
        return value.to_vec();
    }
    let mut out = Vec::with_capacity(value.len() + 2);
    out.push(b'"');
    for &byte in value {
        match short_escape(byte) {
            Some(letter) => out.extend([b'\\', letter]),
            None => out.push(byte),
        }
    }
    out.push(b'"');
    out
}

/// The letter that stands for a byte after a backslash, in a string quoted with `"`.
fn short_escape(byte: u8) -> Option<u8> {
    match byte {
        0x08 => Some(b'b'),
        0x0c => Some(b'f'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        b'\\' => Some(b'\\'),
        b'"' => Some(b'"'),
        _ => None,
    }
}

/// Appends a value in quotes such that the parser reads it back: what is no valid UTF-8, and NUL,
/// becomes `\xHH`, and so does a backslash at the end, behind which a quote would not close.
pub(crate) fn quote_into(value: &[u8], out: &mut String) {
    out.push('"');
    let (value, last) = match value {
        [value @ .., b'\\'] => (value, "\\x5c"),
        _ => (value, ""),
    };
    for chunk in value.utf8_chunks() {
        for ch in chunk.valid().chars() {
            match u8::try_from(ch).ok().and_then(short_escape) {
                Some(letter) => {
                    out.push('\\');
                    out.push(char::from(letter));
                }
                None if ch == '\0' => out.push_str("\\x00"),
                None => out.push(ch),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push_str(last);
    out.push('"');
}

/// Reads a quoted string, quotes included.
///
/// # Errors
/// An escape sequence that is not known, or no quotes.
pub fn unescape(quoted: &[u8]) -> Result<Vec<u8>, EscapeError> {
    let (quote, inner) = match quoted {
        [first @ (b'"' | b'\''), inner @ .., last] if first == last => (*first, inner),
        _ => return Err(EscapeError::NotQuoted),
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        // A lone backslash at the end cannot be: it would have escaped the closing quote.
        let Some((&letter, tail)) = rest.split_first() else { break };
        rest = tail;
        match letter {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            // Backslash and blank: an old mistake in published rules that Falco reads as a
            // backslash.
            b'\\' | b' ' => out.push(b'\\'),
            b'/' => out.push(b'/'),
            b'"' | b'\'' if letter == quote => out.push(letter),
            b'"' | b'\'' => {
                return Err(EscapeError::WrongQuote {
                    escaped: char::from(letter),
                    quote: char::from(quote),
                });
            }
            b'x' => {
                let Some((digits, tail)) = rest.split_at_checked(2) else {
                    return Err(EscapeError::TruncatedHex);
                };
                rest = tail;
                out.push(hex_byte(digits)?);
            }
            other => return Err(EscapeError::Unsupported(char::from(other).to_string())),
        }
    }
    Ok(out)
}

fn hex_byte(digits: &[u8]) -> Result<u8, EscapeError> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    match digits {
        [high, low] => value(*high).zip(value(*low)).map(|(high, low)| (high * 16 + low) as u8),
        _ => None,
    }
    .ok_or_else(|| EscapeError::InvalidHex(String::from_utf8_lossy(digits).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_reads_back() {
        for value in
            [&b"a b"[..], b"\xff\x00'\"\\", "ü=\n".as_bytes(), b"", b"\x0b", b"\\", b"a\\\\"]
        {
            let mut text = String::new();
            quote_into(value, &mut text);
            assert_eq!(unescape(text.as_bytes()).unwrap(), value);
        }
    }

    #[test]
    fn backslash_blank_is_a_backslash() {
        assert_eq!(unescape(br#""a\ b""#).unwrap(), br"a\b");
    }

    #[test]
    fn text_without_quotes_is_refused() {
        for text in [&b""[..], b"\"", b"abc", b"\"a'"] {
            assert_eq!(unescape(text), Err(EscapeError::NotQuoted));
        }
    }
}
