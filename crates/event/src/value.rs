//! The value of a field.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;

/// One value, as a filter compares it and an output prints it.
///
/// The type that goes with it ([`crate::ParamType`]) says how it is printed; `Bytes` holds text and
/// raw bytes alike, since the kernel promises no encoding.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A signed number: `Int*`, `Errno`, `Fd`, `Pid`.
    Int(i64),
    /// An unsigned number: `Uint*`, flags, times, ports, ids.
    Uint(u64),
    /// A truth value.
    Bool(bool),
    /// A floating point number.
    Double(f64),
    /// Text (without its NUL) or raw bytes.
    Bytes(Cow<'a, [u8]>),
    /// An address.
    Ip(IpAddr),
    /// A network.
    Net(IpNet),
}

impl<'a> Value<'a> {
    /// Borrowed bytes.
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Value::Bytes(Cow::Borrowed(bytes))
    }

    /// Borrowed text.
    pub fn text(text: &'a str) -> Self {
        Value::Bytes(Cow::Borrowed(text.as_bytes()))
    }

    /// Owned bytes.
    pub fn owned(bytes: impl Into<Vec<u8>>) -> Self {
        Value::Bytes(Cow::Owned(bytes.into()))
    }

    /// The bytes of a `Bytes` value.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(b) => Some(b),
            _ => None,
        }
    }

    /// A value that borrows nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Int(v) => Value::Int(v),
            Value::Uint(v) => Value::Uint(v),
            Value::Bool(v) => Value::Bool(v),
            Value::Double(v) => Value::Double(v),
            Value::Bytes(v) => Value::Bytes(Cow::Owned(v.into_owned())),
            Value::Ip(v) => Value::Ip(v),
            Value::Net(v) => Value::Net(v),
        }
    }
}
