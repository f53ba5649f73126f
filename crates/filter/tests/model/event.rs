//! Events of a made-up source, with every kind of field.

use std::net::IpAddr;

use peregrine_event::{ParamType, Value};
use peregrine_filter::{
    ArgRule, Catalog, FieldArg, FieldId, FieldInfo, FieldRef, FieldSource, Known, Scope, Values,
};
use proptest::prelude::*;
use proptest::sample::select;

/// Name, type, whether it is a list, what it depends on.
pub const FIELDS: [(&str, ParamType, bool, Scope); 12] = [
    ("t.name", ParamType::CharBuf, false, Scope::Image),
    ("t.size", ParamType::Uint32, false, Scope::Image),
    ("t.path", ParamType::FsPath, false, Scope::Fd),
    ("t.ip", ParamType::IpAddr, false, Scope::Fd),
    ("t.num", ParamType::Int64, false, Scope::Event),
    ("t.flag", ParamType::Bool, false, Scope::Event),
    ("t.buf", ParamType::ByteBuf, false, Scope::Event),
    ("t.args", ParamType::CharBuf, true, Scope::Event),
    ("t.ports", ParamType::Port, false, Scope::Event),
    ("t.above", ParamType::CharBuf, false, Scope::Event),
    ("t.net", ParamType::IpNet, false, Scope::Event),
    ("t.load", ParamType::Double, false, Scope::Event),
];

/// Whether a scalar stands for several values. Such a field can neither be on the right of an
/// operator nor in a transformer.
pub fn is_several(name: &str) -> bool {
    matches!(name, "t.ports" | "t.above" | "t.net")
}

/// Process images: name and size.
pub const IMAGES: [(Option<&str>, u64); 4] =
    [(Some("a"), 0), (Some("abc"), 7), (None, 1), (Some(""), 300)];

/// File descriptors: path and address.
pub const FDS: [(Option<&[u8]>, Option<&str>); 4] = [
    (Some(b"/etc/passwd"), None),
    (Some(b"/usr//lib/x"), Some("10.1.2.3")),
    (None, Some("::1")),
    (Some(b"/p\xff"), Some("10.2.0.0")),
];

pub const TEXTS: [&str; 8] = ["", "a", "abc", "ABC", "b", "-n", "x y", "YWJj"];
pub const ADDRESSES: [&str; 4] = ["10.1.2.3", "192.168.0.1", "::1", "fe80::7"];

/// An event.
#[derive(Debug, Clone, Default)]
pub struct Event {
    pub image: usize,
    pub fd: usize,
    pub num: Option<i64>,
    pub flag: Option<bool>,
    pub buf: Option<Vec<u8>>,
    pub args: Option<Vec<&'static str>>,
    pub ports: Option<Vec<u16>>,
    pub above: Option<Vec<&'static str>>,
    pub net: Option<Vec<&'static str>>,
    pub load: Option<f64>,
}

impl Event {
    pub fn any() -> impl Strategy<Value = Event> {
        let texts = || proptest::option::of(proptest::collection::vec(select(&TEXTS[..]), 0..4));
        let buf = proptest::collection::vec(select(&b"ab\x00\xff"[..]), 0..4);
        let ports = proptest::collection::vec(select(&[0u16, 22, 80, 443][..]), 0..3);
        let net = proptest::collection::vec(select(&ADDRESSES[..]), 0..3);
        let option = proptest::option::of::<BoxedStrategy<_>>;
        (
            (0..IMAGES.len(), 0..FDS.len(), option((-3i64..5).boxed()), any::<Option<bool>>()),
            (proptest::option::of(buf), texts(), proptest::option::of(ports), texts()),
            proptest::option::of(net),
            proptest::option::of(select(&[-1.5, 0.0, 1.0, 2.5][..])),
        )
            .prop_map(|((image, fd, num, flag), (buf, args, ports, above), net, load)| {
                Event { image, fd, num, flag, buf, args, ports, above, net, load }
            })
    }

    /// The values of a field; `None` if it does not exist.
    pub fn values(&self, name: &str) -> Option<Vec<Value<'_>>> {
        let texts = |texts: &Option<Vec<&'static str>>| {
            Some(texts.as_ref()?.iter().map(|t| Value::text(t)).collect())
        };
        let address = |text: &&str| Value::Ip(text.parse::<IpAddr>().unwrap());
        let image = IMAGES[self.image];
        let fd = FDS[self.fd];
        match name {
            "t.name" => image.0.map(|v| vec![Value::text(v)]),
            "t.size" => Some(vec![Value::Uint(image.1)]),
            "t.path" => fd.0.map(|v| vec![Value::bytes(v)]),
            "t.ip" => fd.1.map(|v| vec![address(&v)]),
            "t.num" => self.num.map(|v| vec![Value::Int(v)]),
            "t.flag" => self.flag.map(|v| vec![Value::Bool(v)]),
            "t.buf" => self.buf.as_ref().map(|v| vec![Value::bytes(v)]),
            "t.args" => texts(&self.args),
            "t.ports" => {
                Some(self.ports.as_ref()?.iter().map(|p| Value::Uint((*p).into())).collect())
            }
            "t.above" => texts(&self.above),
            "t.net" => Some(self.net.as_ref()?.iter().map(address).collect()),
            "t.load" => self.load.map(|v| vec![Value::Double(v)]),
            _ => None,
        }
    }
}

impl Event {
    /// What could be known of a field if only such events existed.
    pub fn decided(&self, field: &FieldRef) -> Known {
        match self.values(FIELDS[usize::from(field.id.0)].0).as_deref() {
            None => Known::Missing,
            Some([only]) if !field.is_list => Known::Value(only.clone().into_owned()),
            Some(_) => Known::Unknown,
        }
    }
}

impl FieldSource for Event {
    fn extract<'s>(&'s self, field: &FieldRef, out: &mut Values<'s>) -> bool {
        match self.values(FIELDS[usize::from(field.id.0)].0) {
            Some(values) => {
                out.extend(values);
                true
            }
            None => false,
        }
    }

    fn scope_key(&self, scope: Scope) -> Option<u64> {
        match scope {
            Scope::Image => Some(self.image as u64),
            // One descriptor that must not be remembered.
            Scope::Fd => (self.fd != 3).then_some(self.fd as u64),
            Scope::Event => None,
        }
    }
}

/// Catalogue of [`FIELDS`].
pub struct Fields(Vec<FieldInfo>);

impl Fields {
    pub fn new() -> Self {
        let info = |(index, (name, ty, is_list, scope)): (usize, _)| FieldInfo {
            id: FieldId(index as u16),
            name,
            ty,
            is_list,
            arg: ArgRule::None,
            filter_only: false,
            print_only: false,
            no_rhs: is_several(name),
            no_transformer: is_several(name),
            deprecated: false,
            scope,
        };
        Self(FIELDS.into_iter().enumerate().map(info).collect())
    }
}

impl Catalog for Fields {
    fn field(&self, name: &str) -> Option<FieldInfo> {
        self.0.iter().find(|f| f.name == name).copied()
    }

    fn bind(&self, info: &FieldInfo, _arg: Option<&str>) -> Result<FieldRef, String> {
        Ok(FieldRef { id: info.id, arg: FieldArg::None, ty: info.ty, is_list: info.is_list })
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|f| f.name).collect()
    }
}
