//! Values of fields: one file per group, one `match` per file.
//!
//! A scalar is an `Option<Value>`; text borrows from the record or from the process image wherever
//! it exists there in one piece.

pub(crate) mod container;
pub(crate) mod evt;
pub(crate) mod fd;
mod fdlist;
pub(crate) mod fspath;
mod proc;
mod user;

use peregrine_event::Value;
use peregrine_filter::catalog::{FieldArg, FieldRef, FieldSource, Scope, Values};

use crate::catalogue::{Class, Field};
use crate::view::{EventView, Use};

/// Appends a value if there is one; says whether there is.
fn push<'s>(out: &mut Values<'s>, value: Option<Value<'s>>) -> bool {
    match value {
        Some(value) => {
            out.push(value);
            true
        }
        None => false,
    }
}

impl EventView<'_> {
    /// Appends the values of a field; see [`FieldSource::extract`]. `how` says what for: output
    /// shows buffers as text and all ancestors in one.
    pub fn extract_for<'s>(&'s self, field: &FieldRef, how: Use, out: &mut Values<'s>) -> bool {
        let Some(name) = Field::from_id(field.id) else { return false };
        match name.def().class {
            Class::Generic | Class::Syscall => push(out, self.evt_value(name, &field.arg, how)),
            Class::Process => self.extract_proc(name, &field.arg, how, out),
            Class::User | Class::Group => push(out, self.user_value(name)),
            Class::Fd => self.extract_fd(name, &field.arg, how, out),
            Class::FsPath => push(out, self.fspath_value(name)),
            Class::FdList => push(out, self.fdlist_value(name)),
            Class::Util => push(out, Some(Value::Uint(self.number))),
            // Bound to its text: see `Fields::with_statics`. Copied for outputs only: conditions on
            // it are decided when they are compiled.
            Class::Static => match &field.arg {
                FieldArg::Key(text) => push(out, Some(Value::owned(text.as_bytes()))),
                _ => false,
            },
            Class::Container => push(out, self.container_value(name, &field.arg)),
        }
    }

    /// One value of a field without an argument; for tools and tests.
    pub fn value(&self, field: Field, how: Use) -> Option<Value<'_>> {
        let def = field.def();
        let arg = FieldArg::None;
        let field = FieldRef { id: field.id(), arg, ty: def.ty, is_list: false };
        let mut out = Values::new();
        if self.extract_for(&field, how, &mut out) { out.into_iter().next() } else { None }
    }
}

impl FieldSource for EventView<'_> {
    #[inline]
    fn extract<'s>(&'s self, field: &FieldRef, out: &mut Values<'s>) -> bool {
        self.extract_for(field, Use::Compare, out)
    }

    fn scope_key(&self, scope: Scope) -> Option<u64> {
        self.memo_key(scope)
    }
}

/// The same event, asked for output instead of comparison.
#[derive(Debug, Clone, Copy)]
pub struct ForOutput<'v, 'a>(pub &'v EventView<'a>);

impl FieldSource for ForOutput<'_, '_> {
    fn extract<'s>(&'s self, field: &FieldRef, out: &mut Values<'s>) -> bool {
        self.0.extract_for(field, Use::Output, out)
    }

    fn scope_key(&self, _: Scope) -> Option<u64> {
        None
    }
}
