//! Peregrine's own fields, and the mock fields of the cases.

use peregrine_event::ParamType;
use peregrine_fields::Fields;
use peregrine_filter::{Catalog, FieldArg, FieldId, FieldInfo, FieldRef};

const MOCKS: [(&str, ParamType); 5] = [
    ("c.true", ParamType::CharBuf),
    ("c.false", ParamType::CharBuf),
    ("c.doublequote", ParamType::CharBuf),
    ("c.singlequote", ParamType::CharBuf),
    ("c.buffer", ParamType::ByteBuf),
];

/// Ids of mock fields; far above those of real ones.
const FIRST_MOCK: u16 = 60_000;

/// The fields of system call events with the mock fields.
pub struct Catalogue(Fields<'static>);

impl Default for Catalogue {
    fn default() -> Self {
        Self(Fields::syscall())
    }
}

impl Catalogue {
    /// Name of a mock field; empty for other fields.
    pub fn mock(id: FieldId) -> &'static str {
        let index = id.0.checked_sub(FIRST_MOCK).map(usize::from);
        index.and_then(|index| MOCKS.get(index)).map_or("", |(name, _)| name)
    }
}

impl Catalog for Catalogue {
    fn field(&self, name: &str) -> Option<FieldInfo> {
        let mock = MOCKS.iter().position(|(mock, _)| *mock == name);
        let Some(index) = mock else { return self.0.field(name) };
        let (name, ty) = MOCKS[index];
        Some(FieldInfo::plain(FieldId(FIRST_MOCK + index as u16), name, ty))
    }

    fn bind(&self, info: &FieldInfo, arg: Option<&str>) -> Result<FieldRef, String> {
        if info.id.0 < FIRST_MOCK {
            return self.0.bind(info, arg);
        }
        Ok(FieldRef { id: info.id, arg: FieldArg::None, ty: info.ty, is_list: false })
    }

    fn is_event_name(&self, name: &str) -> bool {
        self.0.is_event_name(name)
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.names()
    }
}
