//! Values in conditions, read as the type of the field they are compared with.
//!
//! Numbers are read as Falco's scanners read them: decimal only, cut to the width of the type
//! without a word, and a negative number for an unsigned type wraps around.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use peregrine_event::ParamType;

use crate::services;

/// A value of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Number(i128),
    Bool(bool),
    Double(f64),
    Bytes(Box<[u8]>),
    Ip(IpAddr),
    Net(IpNet),
}

/// How values of a type are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Number,
    Bool,
    Double,
    Text,
    Buffer,
    Ip,
    Net,
    /// Only `exists`.
    Opaque,
}

impl Class {
    pub fn of(ty: ParamType) -> Self {
        use ParamType::*;
        match ty {
            Int8 | Int16 | Int32 | Int64 | Uint8 | Uint16 | Uint32 | Uint64 | Errno | Fd | Pid
            | SyscallId | SigType | RelTime | AbsTime | Port | Flags8 | Flags16 | Flags32
            | Mode | EnumFlags8 | EnumFlags16 | EnumFlags32 => Class::Number,
            Double => Class::Double,
            Bool => Class::Bool,
            CharBuf | FsPath | FsRelPath => Class::Text,
            ByteBuf => Class::Buffer,
            Ipv4Addr | Ipv6Addr | IpAddr => Class::Ip,
            Ipv4Net | Ipv6Net | IpNet => Class::Net,
            _ => Class::Opaque,
        }
    }
}

/// Reads a value as a type.
///
/// # Errors
/// A sentence in Falco's words.
pub(crate) fn read(value: &[u8], ty: ParamType) -> Result<Literal, String> {
    let class = Class::of(ty);
    if class == Class::Buffer {
        return Ok(Literal::Bytes(value.into()));
    }
    if value.contains(&0) {
        return Err("filter error: filter value cannot contain a NUL byte (\\x00)".to_owned());
    }
    if class == Class::Text {
        return Ok(Literal::Bytes(value.into()));
    }
    // What is no UTF-8 is none of these either, and the message needs text.
    let text = &*String::from_utf8_lossy(value);
    match class {
        Class::Number if ty == ParamType::Port => read_port(text),
        Class::Number => read_number(text, ty).map(Literal::Number),
        Class::Double => {
            let number = read_number(text, ParamType::Int32)?;
            Ok(Literal::Double(number as f64))
        }
        Class::Bool => match text {
            "true" => Ok(Literal::Bool(true)),
            "false" => Ok(Literal::Bool(false)),
            _ => Err(format!("filter error: unrecognized boolean value {text}")),
        },
        Class::Ip => read_ip(text).map(Literal::Ip),
        Class::Net => read_net(text).map(Literal::Net),
        Class::Text | Class::Buffer | Class::Opaque => {
            Err(format!("wrong parameter type {}", ty.name()))
        }
    }
}

/// Reads a decimal number as `sscanf("%d")` and `sscanf("%u")` do on a 64-bit machine: saturated
/// at 64 bits, then cut to the width of the type.
pub(crate) fn read_number(text: &str, ty: ParamType) -> Result<i128, String> {
    let invalid = || format!("{text} is not a valid number");
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid());
    }
    // Too long for i128 is far beyond saturation.
    let magnitude = digits.parse::<i128>().unwrap_or(i128::MAX);
    let value = if negative { -magnitude } else { magnitude };
    use ParamType::*;
    Ok(match ty {
        Int8 | Int16 | Int32 | Int64 | Errno | Fd | Pid => {
            let wide = value.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
            match ty {
                Int8 => (wide as i8).into(),
                Int16 => (wide as i16).into(),
                Int32 => (wide as i32).into(),
                _ => wide.into(),
            }
        }
        _ => {
            let limit = i128::from(u64::MAX);
            let wide =
                if magnitude > limit { u64::MAX } else { value.rem_euclid(limit + 1) as u64 };
            match ty {
                Uint8 | Flags8 | EnumFlags8 | SigType => (wide as u8).into(),
                Uint16 | Flags16 | EnumFlags16 | SyscallId | Port => (wide as u16).into(),
                Uint32 | Flags32 | EnumFlags32 | Mode => (wide as u32).into(),
                _ => wide.into(),
            }
        }
    })
}

fn read_port(text: &str) -> Result<Literal, String> {
    if text.is_empty() {
        return Ok(Literal::Number(0));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Literal::Number(read_number(text, ParamType::Port)?));
    }
    match services::port(text) {
        Some(port) => Ok(Literal::Number(port.into())),
        None => Err(format!("unrecognized protocol {text}")),
    }
}

/// An address with a dot and no colon is IPv4.
fn read_ip(text: &str) -> Result<IpAddr, String> {
    if text.contains('.') && !text.contains(':') {
        let address = text.parse::<Ipv4Addr>();
        return address.map(IpAddr::V4).map_err(|_| format!("unrecognized IPv4 address {text}"));
    }
    let address = text.parse::<Ipv6Addr>();
    address.map(IpAddr::V6).map_err(|_| format!("unrecognized IPv6 address {text}"))
}

fn read_net(text: &str) -> Result<IpNet, String> {
    let Some((ip, mask)) = text.split_once('/') else {
        return Err(format!("unrecognized IP network {text}"));
    };
    let address = read_ip(ip).map_err(|_| format!("unrecognized IP address {text}"))?;
    let invalid = |_| format!("invalid netmask {mask}");
    let bits = read_number(mask, ParamType::Uint64)
        .and_then(|bits| u8::try_from(bits).map_err(|_| format!("invalid netmask {mask}")))?;
    match address {
        IpAddr::V4(address) => Ipv4Net::new(address, bits).map(IpNet::V4).map_err(invalid),
        IpAddr::V6(address) => Ipv6Net::new(address, bits).map(IpNet::V6).map_err(invalid),
    }
}

/// Bytes written in hexadecimal, for `bcontains` and `bstartswith`.
pub(crate) fn read_hex(text: &[u8]) -> Result<Box<[u8]>, String> {
    let error = "filter error: bcontains and bstartswith operator support hex strings only";
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if !text.len().is_multiple_of(2) {
        return Err(error.to_owned());
    }
    text.chunks_exact(2)
        .map(|pair| digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| (high * 16 + low) as u8))
        .collect::<Option<_>>()
        .ok_or_else(|| error.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_and_saturate_as_in_falco() {
        for (text, ty, expected) in [
            ("12", ParamType::Int64, 12),
            ("-1", ParamType::Uint64, u64::MAX.into()),
            ("-1", ParamType::Uint32, u32::MAX.into()),
            ("300", ParamType::Uint8, 44),
            ("200", ParamType::Int8, -56),
            ("99999999999999999999999", ParamType::Int64, i64::MAX.into()),
            ("99999999999999999999999", ParamType::Uint64, u64::MAX.into()),
            (" +7", ParamType::Int32, 7),
        ] {
            assert_eq!(read_number(text, ty), Ok(expected), "{text}");
        }
        for text in ["0x10", "1.0", "1 ", "", "-", "a", "1e5", "--1", "+-1"] {
            assert!(read_number(text, ParamType::Int64).is_err(), "{text}");
        }
    }

    #[test]
    fn ports_may_be_names() {
        let port = |text: &str| read(text.as_bytes(), ParamType::Port);
        assert_eq!(port("https"), Ok(Literal::Number(443)));
        assert_eq!(port("65537"), Ok(Literal::Number(1)));
        assert_eq!(port("nonsense"), Err("unrecognized protocol nonsense".to_owned()));
    }

    #[test]
    fn networks_need_a_mask() {
        let net = |text: &str| read(text.as_bytes(), ParamType::IpNet);
        assert!(net("10.0.0.0/8").is_ok());
        assert!(net("2001::0/16").is_ok());
        assert_eq!(net("10.0.0.0/33"), Err("invalid netmask 33".to_owned()));
        assert!(net("10.0.0.1").is_err());
        assert!(net("::/129").is_err());
    }
}
