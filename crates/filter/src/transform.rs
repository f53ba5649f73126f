//! Transformers: what they take, what they give, and how.

use std::io::Write;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use peregrine_event::{ParamType, Value};

use crate::catalog::Values;
use crate::syntax::Transformer;

/// Type that a transformer of one argument gives for an argument of a type, and whether it is a
/// list; `None` if it cannot be applied to that type.
pub fn result_type(
    transformer: Transformer,
    ty: ParamType,
    is_list: bool,
) -> Option<(ParamType, bool)> {
    use ParamType::{ByteBuf, CharBuf, FsPath, FsRelPath, Uint64};
    let is_text = matches!(ty, CharBuf | FsPath | FsRelPath);
    match transformer {
        Transformer::Val => Some((ty, is_list)),
        Transformer::Tolower | Transformer::Toupper | Transformer::Basename => {
            is_text.then_some((ty, is_list))
        }
        Transformer::B64 => matches!(ty, CharBuf | ByteBuf).then_some((ty, is_list)),
        Transformer::Len => (is_list || is_text || ty == ByteBuf).then_some((Uint64, false)),
        Transformer::Join | Transformer::Concat | Transformer::Getopt => None,
    }
}

/// Applies a transformer of one argument to the values of its argument. `None`: no value.
///
/// `is_list` says whether the argument is a list; a value of a type that [`result_type`] refuses
/// gives no value.
pub fn apply(transformer: Transformer, is_list: bool, values: &[Value]) -> Option<Values<'static>> {
    if transformer == Transformer::Len {
        let len = if is_list { values.len() } else { values.first()?.as_bytes()?.len() };
        return Some(Values::from_iter([Value::Uint(len as u64)]));
    }
    values.iter().map(|value| transform(transformer, value)).collect()
}

fn transform(transformer: Transformer, value: &Value) -> Option<Value<'static>> {
    if transformer == Transformer::Val {
        return Some(value.clone().into_owned());
    }
    let bytes = value.as_bytes()?;
    // Buffers may carry the terminators of texts.
    let bytes = &bytes[..bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)];
    Some(Value::owned(match transformer {
        Transformer::Tolower => bytes.to_ascii_lowercase(),
        Transformer::Toupper => bytes.to_ascii_uppercase(),
        Transformer::Basename => {
            let start = memchr::memrchr(b'/', bytes).map_or(0, |slash| slash + 1);
            bytes[start..].to_vec()
        }
        Transformer::B64 => decode_base64(bytes)?,
        _ => return None,
    }))
}

/// Decodes base64 whose padding may be missing.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, NO_PAD);
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    ENGINE.decode(text).ok()
}

/// A value as text, for `join` and `concat`.
pub(crate) fn append_text(value: &Value, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = match value {
        Value::Bytes(bytes) => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        Value::Int(v) => write!(out, "{v}"),
        Value::Uint(v) => write!(out, "{v}"),
        Value::Bool(v) => write!(out, "{v}"),
        Value::Double(v) => write!(out, "{v:.1}"),
        Value::Ip(v) => write!(out, "{v}"),
        Value::Net(v) => write!(out, "{v}"),
    };
}

/// Values separated by a text.
pub(crate) fn join(separator: &Value, values: &[Value]) -> Value<'static> {
    let mut out = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            append_text(separator, &mut out);
        }
        append_text(value, &mut out);
    }
    Value::owned(out)
}

/// Reads command line arguments as `getopt(3)` does: short options only, in the order given, up to
/// the first argument that is no option. Long options are passed over.
///
/// Without a wanted option: every option and, behind it, its argument; an unknown option gives `?`,
/// a missing argument an empty text. With one: its last argument, or its own letter if it takes
/// none, or no value if it does not occur.
pub(crate) fn getopt(
    arguments: &[Value],
    options: &[u8],
    wanted: Option<u8>,
) -> Option<Values<'static>> {
    let options = options.strip_prefix(b":").unwrap_or(options);
    let mut found: Values<'static> = Values::new();
    let push =
        |found: &mut Values<'static>, option: u8, name: &[u8], value: Option<&[u8]>| match wanted {
            None => {
                found.push(Value::owned(name));
                found.extend(value.map(Value::owned));
            }
            Some(wanted) if wanted == option => {
                found.clear();
                found.push(Value::owned(value.unwrap_or(name)));
            }
            Some(_) => {}
        };
    let mut arguments = arguments.iter().map(|a| a.as_bytes().unwrap_or_default());
    while let Some(argument) = arguments.next() {
        let letters = match argument {
            b"--" => break,
            [b'-', b'-', ..] => continue,
            [b'-', letters @ ..] if !letters.is_empty() => letters,
            _ => break,
        };
        for (index, &letter) in letters.iter().enumerate() {
            let name = &letters[index..=index];
            match takes_argument(options, letter) {
                None if wanted.is_none() => push(&mut found, letter, b"?", None),
                None => {}
                Some(false) => push(&mut found, letter, name, None),
                Some(true) => {
                    let attached = &letters[index + 1..];
                    let value = match attached {
                        [] => arguments.next(),
                        _ => Some(attached),
                    };
                    match value {
                        Some(value) => push(&mut found, letter, name, Some(value)),
                        None => push(&mut found, letter, b"", None),
                    }
                    break;
                }
            }
        }
    }
    (wanted.is_none() || !found.is_empty()).then_some(found)
}

/// Whether an option takes an argument; `None` if there is no such option.
fn takes_argument(options: &[u8], letter: u8) -> Option<bool> {
    if letter == b':' {
        return None;
    }
    let mut places = options.iter().enumerate().filter(|(_, o)| **o == letter).peekable();
    places.peek()?;
    Some(places.any(|(index, _)| options.get(index + 1) == Some(&b':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&'static str]) -> Vec<Value<'static>> {
        values.iter().map(|v| Value::text(v)).collect()
    }

    fn options(arguments: &[&'static str], options: &str, wanted: Option<u8>) -> Vec<String> {
        let found = getopt(&texts(arguments), options.as_bytes(), wanted);
        let Some(found) = found else { return vec!["<none>".to_owned()] };
        let text = |v: &Value| String::from_utf8_lossy(v.as_bytes().unwrap()).into_owned();
        found.iter().map(text).collect()
    }

    #[test]
    fn options_are_found() {
        assert_eq!(options(&["-nt", "x", "-z", "y"], "nt:", None), ["n", "t", "x", "?"]);
        assert_eq!(options(&["-tx", "--long", "-n"], "nt:", None), ["t", "x", "n"]);
        assert_eq!(options(&["-n", "--", "-n"], "n", None), ["n"]);
        assert_eq!(options(&["-t"], "t:", None), ["t", ""][1..]);
        assert_eq!(options(&["-t", "a", "-tb"], "t:", Some(b't')), ["b"]);
        assert_eq!(options(&["-n"], "nt:", Some(b't')), ["<none>"]);
        assert_eq!(options(&["-", "-n"], "n", None), [""; 0]);
    }

    #[test]
    fn base64_may_lack_padding() {
        for (text, expected) in [
            ("aGk=", Some("hi")),
            ("aGk", Some("hi")),
            ("aGkh", Some("hi!")),
            ("", Some("")),
            ("a", None),
            ("aGl", None),
            ("a*==", None),
        ] {
            assert_eq!(decode_base64(text.as_bytes()).as_deref(), expected.map(str::as_bytes));
        }
    }
}
