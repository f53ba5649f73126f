//! Scalars as yaml-cpp reads them. How a scalar was quoted does not matter.

/// Whether a plain scalar is null.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// All lower case, all upper case, or only the first letter upper case.
fn is_flexible_case(text: &str) -> bool {
    let lower = |t: &str| t.bytes().all(|b| !b.is_ascii_uppercase());
    let upper = |t: &str| t.bytes().all(|b| !b.is_ascii_lowercase());
    let first_upper = text.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
    lower(text) || upper(text) || (first_upper && lower(&text[1..]))
}

/// A truth value: `true`, `yes`, `on`, `y` and their opposites, in lower case, upper case or
/// capitalised.
pub fn read_bool(text: &str) -> Option<bool> {
    if !text.is_ascii() || !is_flexible_case(text) {
        return None;
    }
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "on" => Some(true),
        "n" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// A whole number: decimal, `0x…` or octal with a leading zero.
pub fn read_int(text: &str) -> Option<i128> {
    let text = text.trim_end_matches([' ', '\t', '\n', '\r']);
    let (is_negative, text) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // `from_str_radix` would take a second sign. More digits than this fit no type.
    if digits.is_empty() || digits.len() > 30 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    Some(if is_negative { -value } else { value })
}

/// A number of 32 bits without a sign.
pub fn read_u32(text: &str) -> Option<u32> {
    u32::try_from(read_int(text)?).ok()
}

/// A floating point number, `.inf` and `.nan` among them.
pub fn read_f64(text: &str) -> Option<f64> {
    let text = text.trim_end_matches([' ', '\t', '\n', '\r']);
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    let is_numeric = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-' | b'e' | b'E');
    if text.is_empty() || !text.bytes().all(is_numeric) {
        return None;
    }
    text.parse().ok()
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
        assert_eq!(read_int("-0x10"), Some(-16));
        assert_eq!(read_int("18446744073709551615"), Some(u64::MAX.into()));
        for text in ["--1", "", "-", "99999999999999999999999999999999999999999"] {
            assert_eq!(read_int(text), None, "{text}");
        }
    }

    #[test]
    fn fractions_may_lack_their_zero() {
        assert_eq!(read_f64(".03333"), Some(0.03333));
        assert_eq!(read_f64("-1"), Some(-1.0));
        assert_eq!(read_f64("1e3"), Some(1000.0));
        assert_eq!(read_f64(".inf"), Some(f64::INFINITY));
        for text in ["", "inf", "nan", "1x", "."] {
            assert_eq!(read_f64(text), None, "{text}");
        }
    }
}
