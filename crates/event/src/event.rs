//! What is known of an event type, and the macro that declares it.

use crate::flags::{FlagName, Variant};
use crate::types::{Format, ParamType, Width};

/// Number of Falco's event codes (schema 4.5).
pub const FALCO_CODES: u16 = 454;

/// The first code of Peregrine's own events; Falco's codes stay below.
pub const FIRST_OWN_CODE: u16 = 900;

/// Most parameters an event may have, Falco's 32 and our own ones together.
pub const MAX_PARAMS: usize = 40;

/// Code of an event type. Values below [`FALCO_CODES`] are Falco's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventCode(pub u16);

impl EventCode {
    /// The declaration of this event; `None` for a code nobody declared.
    #[inline]
    pub fn def(self) -> Option<&'static EventDef> {
        crate::table::EVENTS.get(self.index())
    }

    /// Place of this event among all declared ones; beyond the last one if nobody declared it.
    #[inline]
    pub const fn index(self) -> usize {
        if self.0 >= FIRST_OWN_CODE {
            (self.0 - FIRST_OWN_CODE + FALCO_CODES) as usize
        } else if self.0 < FALCO_CODES {
            self.0 as usize
        } else {
            usize::MAX
        }
    }

    /// Whether Falco codes this as the entry into a system call (or an event without a pair).
    pub const fn is_enter(self) -> bool {
        self.0 & 1 == 0
    }
}

/// Category of an event: one subject in the low bits, markers above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Category(pub u16);

#[allow(missing_docs)]
impl Category {
    pub const UNKNOWN: u16 = 0;
    pub const OTHER: u16 = 1;
    pub const FILE: u16 = 2;
    pub const NET: u16 = 3;
    pub const IPC: u16 = 4;
    pub const MEMORY: u16 = 5;
    pub const PROCESS: u16 = 6;
    pub const SLEEP: u16 = 7;
    pub const SYSTEM: u16 = 8;
    pub const SIGNAL: u16 = 9;
    pub const USER: u16 = 10;
    pub const TIME: u16 = 11;
    pub const PROCESSING: u16 = 12;
    pub const IO_READ: u16 = 32;
    pub const IO_WRITE: u16 = 33;
    pub const IO_OTHER: u16 = 34;
    pub const WAIT: u16 = 64;
    pub const SCHEDULER: u16 = 128;
    pub const INTERNAL: u16 = 256;
    pub const SYSCALL: u16 = 512;
    pub const TRACEPOINT: u16 = 1024;
    pub const PLUGIN: u16 = 2048;
    pub const META: u16 = 4096;
    pub const ITER: u16 = 8192;

    /// The subject, one of `OTHER` … `IO_OTHER`.
    pub const fn subject(self) -> u16 {
        self.0 & 0x3f
    }

    /// Whether a marker (`WAIT`, `SYSCALL`, …) is set.
    pub const fn has(self, marker: u16) -> bool {
        self.0 & marker != 0
    }
}

/// Properties of an event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFlags(pub u16);

#[allow(missing_docs)]
impl EventFlags {
    pub const CREATES_FD: u16 = 1;
    pub const DESTROYS_FD: u16 = 2;
    pub const USES_FD: u16 = 4;
    pub const READS_FROM_FD: u16 = 8;
    pub const WRITES_TO_FD: u16 = 16;
    pub const MODIFIES_STATE: u16 = 32;
    pub const UNUSED: u16 = 64;
    pub const WAITS: u16 = 128;
    pub const SKIP_PARSE_RESET: u16 = 256;
    pub const OLD_VERSION: u16 = 512;
    pub const LARGE_PAYLOAD: u16 = 2048;
    pub const CONVERTER_MANAGED: u16 = 4096;

    /// Whether any of the given bits is set.
    pub const fn has(self, bits: u16) -> bool {
        self.0 & bits != 0
    }
}

/// One parameter of an event.
#[derive(Debug, Clone, Copy)]
pub struct ParamDef {
    /// Falco's name, as in `evt.arg.<name>`.
    pub name: &'static str,
    /// Type.
    pub ty: ParamType,
    /// How a number is printed.
    pub format: Format,
    /// Names of bits or values; empty where there are none.
    pub names: &'static [FlagName],
    /// Types a `Dyn` value may take; empty for other types.
    pub variants: &'static [Variant],
    /// Index of the directory fd a path is relative to.
    pub dirfd: Option<u8>,
    /// The compact layout keeps 64 bits although the type is usually narrower.
    pub is_wide: bool,
}

impl ParamDef {
    /// A parameter without modifiers.
    pub const fn new(name: &'static str, ty: ParamType, format: Format) -> Self {
        Self { name, ty, format, names: &[], variants: &[], dirfd: None, is_wide: false }
    }

    /// See [`ParamDef::is_wide`].
    pub const fn wide(mut self) -> Self {
        self.is_wide = true;
        self
    }

    /// See [`ParamDef::dirfd`].
    pub const fn relative_to(mut self, dirfd: u8) -> Self {
        self.dirfd = Some(dirfd);
        self
    }

    /// See [`ParamDef::names`].
    pub const fn names(mut self, names: &'static [FlagName]) -> Self {
        self.names = names;
        self
    }

    /// See [`ParamDef::variants`].
    pub const fn variants(mut self, variants: &'static [Variant]) -> Self {
        self.variants = variants;
        self
    }

    /// Width in a record; `wide` selects the layout that keeps Falco's widths.
    pub const fn width(&self, wide: bool) -> Width {
        if wide || self.is_wide { self.ty.scap_width() } else { self.ty.natural_width() }
    }
}

/// The declaration of an event type.
#[derive(Debug, Clone, Copy)]
pub struct EventDef {
    /// Code.
    pub code: EventCode,
    /// The constant's name, as in `SYSCALL_OPENAT_2_X`; `PPME_` in front of it gives Falco's.
    pub constant: &'static str,
    /// Name, as in `evt.type`.
    pub name: &'static str,
    /// Category.
    pub category: Category,
    /// Flags.
    pub flags: EventFlags,
    /// All parameters: Falco's, then our own.
    pub params: &'static [ParamDef],
    /// How many of `params` are Falco's.
    pub falco_params: usize,
}

impl EventDef {
    /// The parameters that Falco knows too.
    pub fn falco(&self) -> &'static [ParamDef] {
        &self.params[..self.falco_params]
    }

    /// Whether events of this type are produced today (neither unused nor an old version).
    pub const fn is_live(&self) -> bool {
        !self.flags.has(EventFlags::UNUSED | EventFlags::OLD_VERSION)
    }

    /// Whether this is the exit of a system call.
    pub const fn is_syscall_exit(&self) -> bool {
        self.category.has(Category::SYSCALL) && !self.code.is_enter()
    }

    /// Index of the parameter with this name.
    pub fn param_index(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|p| p.name == name)
    }
}

/// Removes the `r#` of a raw identifier.
pub(crate) const fn plain(name: &'static str) -> &'static str {
    let bytes = name.as_bytes();
    if bytes.len() > 2 && bytes[0] == b'r' && bytes[1] == b'#' { name.split_at(2).1 } else { name }
}

/// Declares the event table; see [`crate::table`] for the form of an entry.
macro_rules! events {
    (@count) => { 0usize };
    (@count $head:ident $($tail:ident)*) => { 1usize + events!(@count $($tail)*) };
    ($(
        $code:literal $constant:ident $module:ident $name:literal
        [$($cat:ident)*] [$($flag:ident)*]
        { $($param:ident: $ty:ident $fmt:ident $(.$modifier:ident($($value:tt)*))*);* $(;)? }
        $(+ { $($own:ident: $own_ty:ident $own_fmt:ident $(.$own_mod:ident($($own_value:tt)*))*);* $(;)? })?
        ;
    )*) => {
        /// Every event type: Falco's codes in order, then Peregrine's own.
        pub static EVENTS: &[$crate::EventDef] = &[$($crate::EventDef {
            code: $crate::EventCode($code),
            constant: stringify!($constant),
            name: $name,
            category: $crate::Category(0 $(| $crate::Category::$cat)*),
            flags: $crate::EventFlags(0 $(| $crate::EventFlags::$flag)*),
            params: &[
                $($crate::ParamDef::new(
                    $crate::event::plain(stringify!($param)),
                    $crate::ParamType::$ty,
                    $crate::Format::$fmt,
                )$(.$modifier($($value)*))*,)*
                $($($crate::ParamDef::new(
                    $crate::event::plain(stringify!($own)),
                    $crate::ParamType::$own_ty,
                    $crate::Format::$own_fmt,
                )$(.$own_mod($($own_value)*))*,)*)?
            ],
            falco_params: events!(@count $($param)*),
        }),*];

        /// Event codes by name; `PPME_` in front gives Falco's name.
        #[allow(missing_docs)]
        pub mod code {
            use crate::EventCode;
            $(pub const $constant: EventCode = EventCode($code);)*
        }

        /// Parameter indexes: `arg::syscall_openat_2_x::name`.
        #[allow(missing_docs, non_upper_case_globals, non_camel_case_types, dead_code, non_snake_case)]
        pub mod arg {
            $(pub mod $module {
                #[repr(usize)]
                enum Index { $($param,)* $($($own,)*)? End }
                $(pub const $param: usize = Index::$param as usize;)*
                $($(pub const $own: usize = Index::$own as usize;)*)?
                /// Number of parameters.
                pub const COUNT: usize = Index::End as usize;
            })*
        }
    };
}
pub(crate) use events;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::EVENTS;

    #[test]
    fn codes_are_in_order_and_reachable() {
        for (index, def) in EVENTS.iter().enumerate() {
            if index < FALCO_CODES as usize {
                assert_eq!(def.code.0 as usize, index);
            }
            assert!(std::ptr::eq(def.code.def().unwrap(), def), "{}", def.constant);
            assert!(def.params.len() <= MAX_PARAMS);
        }
        assert!(EventCode(454).def().is_none());
        assert!(EventCode(u16::MAX).def().is_none());
    }

    #[test]
    fn numbers_are_those_of_falco_schema() {
        let falco = &EVENTS[..FALCO_CODES as usize];
        assert_eq!(falco.iter().filter(|e| e.is_live()).count(), 196);
        let exits = falco.iter().filter(|e| e.is_live() && e.is_syscall_exit()).count();
        assert_eq!(exits, 163);
    }

    #[test]
    fn paths_name_the_directory_fd_they_are_relative_to() {
        for def in EVENTS.iter().filter(|e| e.is_live()) {
            for param in def.params {
                if let Some(dirfd) = param.dirfd {
                    let dir = &def.params[dirfd as usize];
                    assert_eq!(dir.ty, ParamType::Fd, "{}.{}", def.constant, param.name);
                }
            }
        }
    }
}
