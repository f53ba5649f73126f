//! Scalars as yaml-cpp reads them.

/// Whether a plain scalar is null.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// All lower case, all upper case, or only the first letter upper case.
fn is_flexible_case(text: &str) -> bool {
    let lower = |t: &str| t.bytes().all(|b| !b.is_ascii_uppercase());
    let upper = |t: &str| t.bytes().all(|b| !b.is_ascii_lowercase());
    let first_upper = text.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
    lower(text) || upper(text) || (first_upper && lower(&text[1..]))
}

pub(super) fn read_bool(text: &str) -> Option<bool> {
    if !text.is_ascii() || !is_flexible_case(text) {
        return None;
    }
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "on" => Some(true),
        "n" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

pub(super) fn read_u32(text: &str) -> Option<u32> {
    let text = text.trim_end_matches([' ', '\t', '\n', '\r']);
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // `from_str_radix` would take a second sign.
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_values_have_many_spellings() {
        for text in ["true", "True", "TRUE", "yes", "Y", "on", "On"] {
            assert_eq!(read_bool(text), Some(true), "{text}");
        }
        for text in ["false", "No", "OFF", "n"] {
            assert_eq!(read_bool(text), Some(false), "{text}");
        }
        for text in ["tRUE", "1", "", "truee", "ÿes"] {
            assert_eq!(read_bool(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_decimal_hexadecimal_or_octal() {
        assert_eq!(read_u32("17"), Some(17));
        assert_eq!(read_u32("0x11"), Some(17));
        assert_eq!(read_u32("021"), Some(17));
        assert_eq!(read_u32("0"), Some(0));
        for text in ["", "-1", "1.0", "4294967296", "0x", "+-1", "seven"] {
            assert_eq!(read_u32(text), None, "{text}");
        }
    }
}
