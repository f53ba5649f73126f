//! Raw bytes as text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How a buffer (`evt.buffer`, `evt.arg.data`) is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BufferFormat {
    /// Printable ASCII, a dot for every other byte.
    #[default]
    Printable,
    /// Base64, with padding.
    Base64,
}

impl BufferFormat {
    /// Appends `bytes` as text.
    pub fn write(self, bytes: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Printable => {
                out.extend(bytes.iter().map(|b| if is_printable(*b) { *b } else { b'.' }));
            }
            Self::Base64 => out.extend_from_slice(STANDARD.encode(bytes).as_bytes()),
        }
    }
}

fn is_printable(byte: u8) -> bool {
    byte == b' ' || byte.is_ascii_graphic()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text() {
        let text = |format: BufferFormat, bytes: &[u8]| {
            let mut out = Vec::new();
            format.write(bytes, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(BufferFormat::Printable, b"GET /\r\n\x00\xff "), "GET /.... ");
        assert_eq!(text(BufferFormat::Base64, b"hi"), "aGk=");
    }
}
