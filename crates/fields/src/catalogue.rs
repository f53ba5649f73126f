//! Lookup, argument rules and listing of fields; the fields themselves are in [`crate::table`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use peregrine_event::event::FALCO_CODES;
use peregrine_event::table::EVENTS;
use peregrine_event::{EventCode, EventDef, Format, ParamDef, ParamType};
use peregrine_filter::catalog::{
    ArgRule, Catalog, FieldArg, FieldId, FieldInfo, FieldRef, Known, Scope,
};
use rustc_hash::FxHashMap;

use crate::extract::container::mount_pattern;
pub use crate::table::{FIELDS, Field};

/// Properties of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldFlags(pub u16);

#[allow(missing_docs)]
impl FieldFlags {
    /// Any number of values.
    pub const LIST: u16 = 1;
    /// For filters only.
    pub const FILTER_ONLY: u16 = 2;
    /// For outputs only.
    pub const PRINT_ONLY: u16 = 4;
    /// Left out of listings.
    pub const HIDDEN: u16 = 8;
    pub const DEPRECATED: u16 = 16;
    /// May not stand on the right of an operator.
    pub const NO_RHS: u16 = 32;
    pub const NO_TRANSFORMER: u16 = 64;
    /// Falco reuses the memory of the value, so it may not be compared with itself there. Values
    /// here are owned or borrow from the event; the mark is for listings only.
    pub const UNSTABLE: u16 = 128;
    /// Added to outputs when suggested fields are asked for.
    pub const SUGGESTED: u16 = 256;

    /// Whether any of the given bits is set.
    pub const fn has(self, bits: u16) -> bool {
        self.0 & bits != 0
    }
}

/// What may follow the name of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgForm {
    /// Nothing.
    None,
    /// A position, or nothing.
    OptionalIndex,
    /// A position, a name, or nothing.
    OptionalIndexOrKey,
    /// A position in brackets, or a dot and the name of an event parameter.
    Param,
    /// A dot and the name of an event parameter.
    RawParam,
    /// A time in nanoseconds since the epoch.
    Time,
    /// A dot and the name or the code of an event.
    EventType,
    /// `.src`, `.dst`, or nothing.
    PathChoice,
    /// A dot and the name of a cgroup subsystem.
    Subsystem,
    /// A name.
    Key,
    /// A position or a name.
    IndexOrKey,
    /// A dot and a name that the configuration defines.
    Configured,
}

impl ArgForm {
    /// Whether an argument must, may or may not be given.
    pub const fn rule(self) -> ArgRule {
        match self {
            Self::None => ArgRule::None,
            Self::OptionalIndex | Self::OptionalIndexOrKey | Self::PathChoice => ArgRule::Optional,
            _ => ArgRule::Required,
        }
    }

    /// Whether the argument follows a dot (`evt.arg.name`); in brackets otherwise.
    const fn is_dotted(self) -> bool {
        matches!(
            self,
            Self::Param
                | Self::RawParam
                | Self::EventType
                | Self::PathChoice
                | Self::Subsystem
                | Self::Configured
        )
    }
}

/// A group of fields that belong together and exist for the same sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Class {
    Generic,
    Syscall,
    Process,
    User,
    Group,
    Fd,
    FsPath,
    FdList,
    Util,
    Static,
    Container,
}

impl Class {
    /// All classes, in the order of listings.
    pub const ALL: [Class; 11] = [
        Self::Generic,
        Self::Syscall,
        Self::Process,
        Self::User,
        Self::Group,
        Self::Fd,
        Self::FsPath,
        Self::FdList,
        Self::Util,
        Self::Static,
        Self::Container,
    ];

    /// Name, as in the heading of a listing.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic | Self::Syscall => "evt",
            Self::Process => "process",
            Self::User => "user",
            Self::Group => "group",
            Self::Fd => "fd",
            Self::FsPath => "fs.path",
            Self::FdList => "fdlist",
            Self::Util => "util",
            Self::Static => "static",
            Self::Container => "container",
        }
    }

    /// One sentence on what the fields are about.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Generic => "The event itself, whatever its source.",
            Self::Syscall => "The system call event: its type, arguments, result and data.",
            Self::Process => "The process and the thread that caused the event.",
            Self::User => "The user the process runs as.",
            Self::Group => "The group the process runs as.",
            Self::Fd => "The file descriptor the event is about.",
            Self::FsPath => "The paths a file system call works on.",
            Self::FdList => "The file descriptors of a poll.",
            Self::Util => "Aids for tests and tools.",
            Self::Static => "Texts that the configuration sets under static_fields.",
            Self::Container => "The container the process runs in, and its pod.",
        }
    }

    /// Whether events of a source have these fields.
    pub fn exists_for(self, source: &str) -> bool {
        matches!(self, Self::Generic | Self::Static) || source == SYSCALL_SOURCE
    }
}

/// Name of the source of system call events.
pub const SYSCALL_SOURCE: &str = "syscall";

/// The declaration of a field.
#[derive(Debug, Clone, Copy)]
pub struct FieldDef {
    /// Identity; also the position in [`FIELDS`].
    pub field: Field,
    /// Full name, as in `proc.name`.
    pub name: &'static str,
    /// Type of the value or, for a list, of each value.
    pub ty: ParamType,
    /// How a number is printed.
    pub format: Format,
    /// Properties.
    pub flags: FieldFlags,
    /// Argument.
    pub arg: ArgForm,
    /// What the value depends on.
    pub scope: Scope,
    /// Group.
    pub class: Class,
    /// One sentence for people.
    pub description: &'static str,
}

impl FieldDef {
    /// The field as the type checker sees it.
    pub fn info(&self) -> FieldInfo {
        FieldInfo {
            id: self.field.id(),
            name: self.name,
            ty: self.ty,
            is_list: self.flags.has(FieldFlags::LIST),
            arg: self.arg.rule(),
            filter_only: self.flags.has(FieldFlags::FILTER_ONLY),
            print_only: self.flags.has(FieldFlags::PRINT_ONLY),
            no_rhs: self.flags.has(FieldFlags::NO_RHS),
            no_transformer: self.flags.has(FieldFlags::NO_TRANSFORMER),
            deprecated: self.flags.has(FieldFlags::DEPRECATED),
            scope: self.scope,
        }
    }
}

impl Field {
    /// The identity the language uses.
    pub const fn id(self) -> FieldId {
        FieldId(self as u16)
    }

    /// The declaration.
    pub fn def(self) -> &'static FieldDef {
        &FIELDS[self as usize]
    }

    /// The field with this identity.
    pub fn from_id(id: FieldId) -> Option<Self> {
        FIELDS.get(id.0 as usize).map(|def| def.field)
    }

    /// The field with this full name.
    pub fn from_name(name: &str) -> Option<Self> {
        by_name().get(name).copied()
    }
}

/// Declares the field table; see [`crate::table`] for the form of an entry.
macro_rules! fields {
    ($($class:ident { $(
        $variant:ident $name:literal $ty:ident $format:ident [$($flag:ident)*] $arg:ident $scope:ident
            $description:literal;
    )* })*) => {
        /// Every field, by name in camel case.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        #[allow(missing_docs)]
        pub enum Field { $($($variant,)*)* }

        /// Every field, in the order of [`Field`].
        pub static FIELDS: &[$crate::catalogue::FieldDef] = &[$($($crate::catalogue::FieldDef {
            field: Field::$variant,
            name: $name,
            ty: peregrine_event::ParamType::$ty,
            format: peregrine_event::Format::$format,
            flags: $crate::catalogue::FieldFlags(0 $(| $crate::catalogue::FieldFlags::$flag)*),
            arg: $crate::catalogue::ArgForm::$arg,
            scope: peregrine_filter::catalog::Scope::$scope,
            class: $crate::catalogue::Class::$class,
            description: $description,
        },)*)*];
    };
}
pub(crate) use fields;

fn by_name() -> &'static FxHashMap<&'static str, Field> {
    static MAP: OnceLock<FxHashMap<&'static str, Field>> = OnceLock::new();
    MAP.get_or_init(|| FIELDS.iter().map(|def| (def.name, def.field)).collect())
}

/// The event parameters Falco knows, by name.
pub(crate) struct ParamNames {
    /// Number of a name and the parameter that gives `evt.rawarg` its type: that of the first
    /// event in the table that has one of this name.
    by_name: FxHashMap<&'static str, (u16, &'static ParamDef)>,
    /// For each event of Falco's, the numbers of its parameter names.
    by_event: Vec<Box<[u16]>>,
}

impl ParamNames {
    pub(crate) fn get() -> &'static Self {
        static NAMES: OnceLock<ParamNames> = OnceLock::new();
        NAMES.get_or_init(|| {
            let mut by_name = FxHashMap::default();
            let mut by_event = Vec::with_capacity(FALCO_CODES as usize);
            for def in &EVENTS[..FALCO_CODES as usize] {
                let numbers = def.falco().iter().map(|param| {
                    let next = by_name.len() as u16;
                    by_name.entry(param.name).or_insert((next, param)).0
                });
                by_event.push(numbers.collect());
            }
            Self { by_name, by_event }
        })
    }

    /// Position of the parameter with this number in an event.
    #[inline]
    pub(crate) fn position(&self, def: &EventDef, number: u16) -> Option<usize> {
        self.by_event.get(def.code.0 as usize)?.iter().position(|n| *n == number)
    }
}

/// Marks a parameter that is named, not counted, in the [`FieldArg::Index`] of `evt.arg` and
/// `evt.rawarg`: comparing numbers is cheaper than comparing names.
pub(crate) const NAMED_PARAM: u64 = 1 << 32;

/// Texts that the configuration sets: `NAME` is the field `static.NAME`.
pub type StaticFields = BTreeMap<String, String>;

/// The fields of an event source, as the language sees them.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'s> {
    source: &'s str,
    statics: Option<&'s StaticFields>,
}

impl Default for Fields<'static> {
    fn default() -> Self {
        Self::syscall()
    }
}

impl Fields<'static> {
    /// The fields of system call events.
    pub const fn syscall() -> Self {
        Fields { source: SYSCALL_SOURCE, statics: None }
    }
}

impl<'s> Fields<'s> {
    /// The fields of a source; one that is not `syscall` has the generic ones.
    pub const fn of_source(source: &'s str) -> Self {
        Self { source, statics: None }
    }

    /// The same with the fields `static.NAME` that a configuration defines. A [`FieldRef`] to one
    /// holds its text: what was bound before keeps it when the configuration changes.
    #[must_use]
    pub const fn with_statics(self, statics: &'s StaticFields) -> Self {
        Self { statics: Some(statics), ..self }
    }

    /// The declarations of all fields of this source, hidden ones included.
    pub fn iter(&self) -> impl Iterator<Item = &'static FieldDef> + use<'s> {
        let source = self.source;
        FIELDS.iter().filter(move |def| def.class.exists_for(source))
    }

    /// Names of the fields that are suggested for outputs, in the order in which Falco adds them.
    pub fn suggested(&self) -> impl Iterator<Item = Cow<'static, str>> {
        self.iter().filter(|def| def.flags.has(FieldFlags::SUGGESTED)).flat_map(|def| {
            let statics = self.statics.filter(|_| def.arg == ArgForm::Configured);
            let own = (def.arg != ArgForm::Configured).then_some(Cow::Borrowed(def.name));
            let configured = statics.into_iter().flat_map(StaticFields::keys);
            own.into_iter().chain(configured.map(|name| format!("{}.{name}", def.name).into()))
        })
    }

    fn static_text(&self, name: &str) -> Option<&'s str> {
        self.statics?.get(name).map(String::as_str)
    }

    /// The declaration a name refers to, and the argument after a dot, if the name holds one:
    /// `evt.arg.flags` is `evt.arg` with the argument `flags`.
    pub fn resolve<'n>(&self, name: &'n str) -> Option<(&'static FieldDef, Option<&'n str>)> {
        if let Some(field) = by_name().get(name) {
            let def = field.def();
            let is_field = def.arg != ArgForm::Configured;
            return (is_field && def.class.exists_for(self.source)).then_some((def, None));
        }
        for (dot, _) in name.match_indices('.') {
            if let Some(field) = by_name().get(&name[..dot]) {
                let def = field.def();
                let arg = &name[dot + 1..];
                let is_open = def.arg != ArgForm::Configured || self.static_text(arg).is_some();
                if def.arg.is_dotted() && is_open && def.class.exists_for(self.source) {
                    return Some((def, Some(arg)));
                }
            }
        }
        None
    }
}

impl Catalog for Fields<'_> {
    fn field(&self, name: &str) -> Option<FieldInfo> {
        self.resolve(name).map(|(def, _)| def.info())
    }

    fn bind(&self, info: &FieldInfo, arg: Option<&str>) -> Result<FieldRef, String> {
        let field = Field::from_id(info.id).ok_or_else(|| format!("no field '{}'", info.name))?;
        let def = field.def();
        if let (ArgForm::Configured, Some(name)) = (def.arg, arg) {
            let text = self.static_text(name);
            let text = text.ok_or_else(|| format!("static_fields does not define '{name}'"))?;
            let arg = FieldArg::Key(text.into());
            return Ok(FieldRef { id: def.field.id(), arg, ty: def.ty, is_list: false });
        }
        bind(def, arg)
    }

    fn known(&self, field: &FieldRef, event: EventCode) -> Known {
        crate::known::known(field, event)
    }

    fn names(&self) -> Vec<&'static str> {
        self.iter().filter(|def| !def.flags.has(FieldFlags::HIDDEN)).map(|def| def.name).collect()
    }
}

/// Checks the argument of a field.
fn bind(def: &FieldDef, arg: Option<&str>) -> Result<FieldRef, String> {
    let mut ty = def.ty;
    let name = def.name;
    let is_list = def.flags.has(FieldFlags::LIST);
    let bound = match (def.arg, arg) {
        (ArgForm::None, None) => FieldArg::None,
        (ArgForm::None, Some(_)) => return Err(format!("field '{name}' takes no argument")),
        (form, None) if form.rule() == ArgRule::Optional => FieldArg::None,
        (_, None) => return Err(format!("field '{name}' requires an argument")),
        (ArgForm::OptionalIndex, Some(text)) => optional_index(name, text)?,
        (ArgForm::OptionalIndexOrKey, Some("")) => FieldArg::None,
        (ArgForm::OptionalIndexOrKey | ArgForm::IndexOrKey, Some(text)) => {
            if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
                FieldArg::Index(index(name, text)?)
            } else {
                if def.arg == ArgForm::IndexOrKey && mount_pattern(text).is_err() {
                    return Err(format!("'{text}' in '{name}' is no regular expression"));
                }
                FieldArg::Key(text.into())
            }
        }
        (ArgForm::Param, Some(text)) if text.starts_with(|c: char| c.is_ascii_digit()) => {
            FieldArg::Index(index(name, text)?)
        }
        (ArgForm::Param | ArgForm::RawParam, Some(text)) => {
            let Some((number, param)) = ParamNames::get().by_name.get(text) else {
                return Err(format!("unknown event argument '{text}'"));
            };
            if def.arg == ArgForm::RawParam {
                ty = param.ty;
            }
            FieldArg::Index(NAMED_PARAM | u64::from(*number))
        }
        (ArgForm::Time, Some(text)) => match text.parse() {
            Ok(time) => FieldArg::Index(time),
            Err(_) => return Err(format!("argument '{text}' of field '{name}' is not a time")),
        },
        (ArgForm::EventType, Some(text)) => {
            let by_name = EVENTS.iter().find(|event| event.name == text);
            match (text.parse(), by_name) {
                (Ok(code), _) => FieldArg::Index(code),
                (Err(_), Some(_)) => FieldArg::Key(text.into()),
                (Err(_), None) => return Err(format!("unknown event type '{text}'")),
            }
        }
        (ArgForm::PathChoice, Some("src")) => FieldArg::Index(1),
        (ArgForm::PathChoice, Some("dst")) => FieldArg::Index(2),
        (ArgForm::PathChoice, Some(text)) => {
            return Err(format!("field '{name}' has 'src' and 'dst', not '{text}'"));
        }
        (ArgForm::Subsystem, Some(text)) => {
            if text.is_empty() || !text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') {
                return Err(format!("'{text}' is not the name of a cgroup subsystem"));
            }
            FieldArg::Key(text.into())
        }
        (ArgForm::Key | ArgForm::Configured, Some(text)) => FieldArg::Key(text.into()),
    };
    Ok(FieldRef { id: def.field.id(), arg: bound, ty, is_list })
}

fn index(name: &str, text: &str) -> Result<u64, String> {
    match text.parse::<i32>() {
        Ok(n) if n >= 0 => Ok(n as u64),
        _ => Err(format!("argument '{text}' of field '{name}' is not a position")),
    }
}

fn optional_index(name: &str, text: &str) -> Result<FieldArg, String> {
    // Falco numbers "no position given" with -1, and accepts it from the user as well.
    if text == "-1" { Ok(FieldArg::None) } else { Ok(FieldArg::Index(index(name, text)?)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_positions_are_identities() {
        assert_eq!(by_name().len(), FIELDS.len());
        for (position, def) in FIELDS.iter().enumerate() {
            assert_eq!(def.field as usize, position);
            assert_eq!(Field::from_id(def.field.id()), Some(def.field));
            assert!(def.description.ends_with('.'), "{}", def.name);
        }
        assert_eq!(Field::from_id(FieldId(u16::MAX)), None);
    }

    #[test]
    fn dotted_arguments_are_split_from_the_name() {
        let fields = Fields::syscall();
        let split = |name| fields.resolve(name).map(|(def, arg)| (def.name, arg));
        assert_eq!(split("evt.arg.flags"), Some(("evt.arg", Some("flags"))));
        assert_eq!(split("evt.rawarg.res"), Some(("evt.rawarg", Some("res"))));
        assert_eq!(split("evt.abspath"), Some(("evt.abspath", None)));
        assert_eq!(split("evt.abspath.src"), Some(("evt.abspath", Some("src"))));
        assert_eq!(split("thread.cgroup.cpuset"), Some(("thread.cgroup", Some("cpuset"))));
        assert_eq!(split("thread.cgroups"), Some(("thread.cgroups", None)));
        assert_eq!(split("proc.name.x"), None);
        assert_eq!(split("evt.args"), Some(("evt.args", None)));
    }

    #[test]
    fn arguments_are_checked() {
        let fields = Fields::syscall();
        let bind = |name: &str, arg: Option<&str>| {
            fields.bind(&fields.field(name).unwrap(), arg).map(|r| (r.arg, r.ty))
        };
        assert_eq!(
            bind("proc.aname", Some("2")).unwrap(),
            (FieldArg::Index(2), ParamType::CharBuf)
        );
        assert_eq!(bind("proc.aname", None).unwrap().0, FieldArg::None);
        assert!(bind("proc.aname", Some("x")).is_err());
        assert!(bind("proc.name", Some("1")).is_err());
        assert!(bind("evt.arg", None).is_err());
        assert!(bind("evt.arg", Some("nosuchthing")).is_err());
        assert_eq!(bind("evt.rawarg", Some("res")).unwrap().1, ParamType::Errno);
        assert_eq!(bind("proc.env", Some("HOME")).unwrap().0, FieldArg::Key("HOME".into()));
        assert!(bind("evt.around", Some("1404996934793590564")).is_ok());
        assert!(bind("container.mount", Some("/data/.*")).is_ok());
        assert!(bind("container.mount", Some("0")).is_ok());
        let broken = bind("container.mount.source", Some("/data(")).unwrap_err();
        assert!(broken.contains("/data("), "{broken}");
    }

    #[test]
    fn other_sources_have_the_generic_fields() {
        let fields = Fields::of_source("k8s_audit");
        assert!(fields.field("evt.num").is_some());
        assert!(fields.field("proc.name").is_none());
        assert!(fields.field("evt.arg.flags").is_none());
        assert_eq!(fields.names().len(), 19);
    }

    #[test]
    fn fields_of_the_configuration_have_its_text() {
        let statics = StaticFields::from([
            ("cluster".to_owned(), "north".to_owned()),
            ("rack.row".to_owned(), "7".to_owned()),
        ]);
        for fields in [Fields::syscall(), Fields::of_source("k8s_audit")] {
            assert!(fields.field("static.cluster").is_none());
            let fields = fields.with_statics(&statics);
            let bound = |name: &str| {
                let info = fields.field(name)?;
                let (_, arg) = fields.resolve(name)?;
                Some(fields.bind(&info, arg).unwrap().arg)
            };
            assert_eq!(bound("static.cluster"), Some(FieldArg::Key("north".into())));
            assert_eq!(bound("static.rack.row"), Some(FieldArg::Key("7".into())));
            for unknown in ["static", "static.", "static.rack", "static.clusters", "static.row"] {
                assert_eq!(bound(unknown), None, "{unknown}");
            }
        }
        let fields = Fields::syscall();
        let all: Vec<_> = fields.with_statics(&statics).suggested().collect();
        assert_eq!(all[..3], ["static.cluster", "static.rack.row", "container.id"]);
        assert_eq!(fields.suggested().collect::<Vec<_>>(), all[2..]);
    }
}
