//! The little JSON that alerts need, with the spelling of numbers that Falco's collectors see.

use crate::alert::FieldValue;

/// Appends a string with its quotes.
pub fn string(out: &mut String, text: &str) {
    out.push('"');
    escaped(out, text);
    out.push('"');
}

/// Appends a string's content: quotes, backslashes and control characters escaped, all else as is.
pub fn escaped(out: &mut String, text: &str) {
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            b'\t' => "\\t",
            b'\n' => "\\n",
            0x0c => "\\f",
            b'\r' => "\\r",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[plain_from..at]);
        plain_from = at + 1;
        if short.is_empty() {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.push_str("\\u00");
            out.push(HEX[usize::from(byte >> 4)] as char);
            out.push(HEX[usize::from(byte & 15)] as char);
        } else {
            out.push_str(short);
        }
    }
    out.push_str(&text[plain_from..]);
}

/// Appends a field's value.
pub fn value(out: &mut String, value: &FieldValue) {
    use std::fmt::Write;
    // Writing to a string cannot fail.
    let _ = match value {
        FieldValue::Null => out.write_str("null"),
        FieldValue::Bool(v) => write!(out, "{v}"),
        FieldValue::Int(v) => write!(out, "{v}"),
        FieldValue::Uint(v) => write!(out, "{v}"),
        FieldValue::Double(v) => {
            double(out, *v);
            Ok(())
        }
        FieldValue::Text(v) => {
            string(out, v);
            Ok(())
        }
        FieldValue::List(values) => {
            out.push('[');
            for (i, v) in values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                self::value(out, v);
            }
            out.push(']');
            Ok(())
        }
    };
}

/// Appends a number with the fewest digits that give it back: plain from 1e-4 to 1e15 (always with
/// a decimal point), else with an exponent of a sign and at least two digits.
fn double(out: &mut String, v: f64) {
    use std::fmt::Write;
    if !v.is_finite() {
        out.push_str("null");
        return;
    }
    if v == 0.0 {
        out.push_str(if v.is_sign_negative() { "-0.0" } else { "0.0" });
        return;
    }
    let scientific = format!("{v:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let _ = if (-4..15).contains(&exponent) {
        write!(out, "{v:?}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{mantissa}e{sign}{:02}", exponent.unsigned_abs())
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_little_as_possible() {
        let text = "a\"b\\c\n\t\r\u{8}\u{c}\u{1}\u{1f}\u{7f}é/\u{fffd}";
        let mut out = String::new();
        string(&mut out, text);
        assert_eq!(out, "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u001f\u{7f}é/\u{fffd}\"");
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }

    #[test]
    fn numbers_keep_their_type() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (123456789.125, "123456789.125"),
            (100000000000000.0, "100000000000000.0"),
            (1e15, "1e+15"),
            (1.5e300, "1.5e+300"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ];
        for (number, expected) in cases {
            let mut out = String::new();
            double(&mut out, number);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn lists_and_nulls() {
        let mut out = String::new();
        let list = [FieldValue::Null, FieldValue::Bool(true), FieldValue::Uint(u64::MAX)];
        value(&mut out, &FieldValue::List(list.to_vec()));
        assert_eq!(out, "[null,true,18446744073709551615]");
    }
}
