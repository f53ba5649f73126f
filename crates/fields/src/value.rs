//! Values as text and as JSON.

use std::io::Write;
use std::net::{IpAddr, Ipv6Addr};

use peregrine_event::{Format, ParamType, Value};
use serde_json::Number;

use crate::buffer::BufferFormat;

/// How a value is to be shown: its type, its print format, and how buffers look.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Type.
    pub ty: ParamType,
    /// Print format of a number.
    pub format: Format,
    /// Form of raw bytes.
    pub buffer: BufferFormat,
}

/// Bits of a number of this type; 64 for what is not a narrower number.
const fn bits(ty: ParamType) -> u32 {
    match ty.scap_width() {
        peregrine_event::types::Width::Fixed(bytes) => bytes as u32 * 8,
        peregrine_event::types::Width::Variable => 64,
    }
}

/// Appends a value as text. Text is appended as it is; see [`sanitize`].
pub fn write_text(value: &Value<'_>, shape: Shape, out: &mut Vec<u8>) {
    // Writing to a `Vec` does not fail.
    let _ = match value {
        Value::Bool(v) => write!(out, "{v}"),
        Value::Double(v) => write!(out, "{v:.1}"),
        // Falco has no text for what is compared with networks.
        Value::Ip(_) if shape.ty == ParamType::IpNet => write!(out, "<IPNET>"),
        Value::Ip(ip) => {
            write_ip(*ip, out);
            Ok(())
        }
        Value::Net(net) => write!(out, "{net}"),
        Value::Bytes(bytes) if shape.ty == ParamType::ByteBuf => {
            shape.buffer.write(bytes, out);
            Ok(())
        }
        Value::Bytes(bytes) => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        Value::Int(v) if shape.ty == ParamType::Bool => write!(out, "{}", *v != 0),
        Value::Uint(v) if shape.ty == ParamType::Bool => write!(out, "{}", *v != 0),
        Value::Int(v) => write_number(*v, true, shape, out),
        Value::Uint(v) => write_number(*v as i64, false, shape, out),
    };
}

fn write_number(v: i64, signed: bool, shape: Shape, out: &mut Vec<u8>) -> std::io::Result<()> {
    let raw = (v as u64) & (u64::MAX >> (64 - bits(shape.ty)));
    match shape.format {
        Format::Oct => write!(out, "{raw:o}"),
        Format::Hex => write!(out, "{raw:X}"),
        Format::PaddedDec if signed => write!(out, "{v:09}"),
        Format::PaddedDec => write!(out, "{:09}", v as u64),
        _ if signed => write!(out, "{v}"),
        _ => write!(out, "{}", v as u64),
    }
}

/// A value as JSON. A number is one if its print format is decimal; other formats make a string.
pub fn to_json(value: &Value<'_>, shape: Shape) -> serde_json::Value {
    use serde_json::Value as Json;
    let decimal = matches!(shape.format, Format::Dec | Format::Id);
    match value {
        Value::Bool(v) => Json::Bool(*v),
        Value::Int(v) if shape.ty == ParamType::Bool => Json::Bool(*v != 0),
        Value::Uint(v) if shape.ty == ParamType::Bool => Json::Bool(*v != 0),
        Value::Double(v) if shape.format == Format::Dec => Json::Number((*v as i64).into()),
        Value::Double(v) => Number::from_f64(*v).map_or(Json::Null, Json::Number),
        Value::Int(v) if decimal => Json::Number((*v).into()),
        Value::Uint(v) if decimal => Json::Number((*v).into()),
        _ => {
            let mut out = Vec::new();
            write_text(value, shape, &mut out);
            Json::String(sanitize(out))
        }
    }
}

/// Appends an address the way `inet_ntop` does.
pub fn write_ip(ip: IpAddr, out: &mut Vec<u8>) {
    let _ = match ip {
        IpAddr::V6(v6) if is_v4_compatible(v6) => {
            let [.., a, b, c, d] = v6.octets();
            write!(out, "::{a}.{b}.{c}.{d}")
        }
        _ => write!(out, "{ip}"),
    };
}

/// `::1.2.3.4`, which the standard library prints as a number.
fn is_v4_compatible(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    s[..6] == [0; 6] && s[6] != 0
}

/// Bytes as UTF-8; what is not, becomes U+FFFD.
pub fn sanitize(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: Value<'_>, ty: ParamType, format: Format) -> String {
        let mut out = Vec::new();
        write_text(&value, Shape { ty, format, buffer: BufferFormat::Printable }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_follow_their_format() {
        assert_eq!(text(Value::Int(-1), ParamType::Int32, Format::Hex), "FFFFFFFF");
        assert_eq!(text(Value::Int(-2), ParamType::Errno, Format::Dec), "-2");
        assert_eq!(text(Value::Uint(42), ParamType::AbsTime, Format::PaddedDec), "000000042");
        assert_eq!(text(Value::Uint(8), ParamType::Uint32, Format::Oct), "10");
        assert_eq!(text(Value::Double(12.34), ParamType::Double, Format::Na), "12.3");
        assert_eq!(text(Value::Bool(true), ParamType::Bool, Format::Na), "true");
    }

    #[test]
    fn addresses_are_those_of_inet_ntop() {
        let ip = |s: &str| text(Value::Ip(s.parse().unwrap()), ParamType::IpAddr, Format::Na);
        for same in ["::1", "::", "fe80::1", "::ffff:1.2.3.4", "10.0.0.1", "::1.2.3.4"] {
            assert_eq!(ip(same), same);
        }
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        assert_eq!(sanitize(b"a\xffb".to_vec()), "a\u{fffd}b");
    }
}
