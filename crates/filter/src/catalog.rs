//! What the language must know of fields, and how it asks for their values.
//!
//! `filter` does not know what a process is: whoever owns the fields implements [`Catalog`] for
//! type checking and [`FieldSource`] for evaluation.

use peregrine_event::{EventCode, ParamType, Value};
use smallvec::SmallVec;

/// Identifies a field within its catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u16);

/// Whether a field takes an argument in brackets (or after a dot, as `evt.arg.name`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgRule {
    /// No argument.
    None,
    /// May have one.
    Optional,
    /// Must have one.
    Required,
}

/// What a field's value depends on; decides where a predicate's result may be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Anything about the event.
    Event,
    /// Only the image of the process that caused the event (until its next exec or change).
    Image,
    /// Only the name and type of the file descriptor the event is about.
    Fd,
}

/// A field as the type checker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldInfo {
    /// Identity.
    pub id: FieldId,
    /// Full name, as in `proc.name`.
    pub name: &'static str,
    /// Type of its value or, for a list, of each value.
    pub ty: ParamType,
    /// Whether it has any number of values.
    pub is_list: bool,
    /// Its argument.
    pub arg: ArgRule,
    /// Only for filters, not for output.
    pub filter_only: bool,
    /// Only for output, not for filters.
    pub print_only: bool,
    /// May not stand on the right of an operator.
    pub no_rhs: bool,
    /// May not stand inside a transformer.
    pub no_transformer: bool,
    /// Using it gives a warning.
    pub deprecated: bool,
    /// See [`Scope`].
    pub scope: Scope,
}

impl FieldInfo {
    /// A field with one value, no argument and no restriction, of the event.
    pub fn plain(id: FieldId, name: &'static str, ty: ParamType) -> Self {
        Self {
            id,
            name,
            ty,
            is_list: false,
            arg: ArgRule::None,
            filter_only: false,
            print_only: false,
            no_rhs: false,
            no_transformer: false,
            deprecated: false,
            scope: Scope::Event,
        }
    }
}

/// A field's argument, checked and brought into the form its field wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FieldArg {
    /// None given.
    None,
    /// A position: `proc.aname[2]`, `evt.arg[0]`.
    Index(u64),
    /// A name: `proc.env[HOME]`, `evt.arg.name`.
    Key(Box<str>),
}

/// A field with its argument, ready to be extracted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldRef {
    /// Field.
    pub id: FieldId,
    /// Argument.
    pub arg: FieldArg,
    /// Type; for a field whose type follows from the argument (`evt.rawarg`) the type of this use.
    pub ty: ParamType,
    /// Whether it has any number of values.
    pub is_list: bool,
}

/// What can be said of a field for all events of a type, without looking at any of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// Nothing.
    Unknown,
    /// It never has a value.
    Missing,
    /// It always has this one.
    Value(Value<'static>),
}

/// The fields that exist.
pub trait Catalog {
    /// Looks a field up by its full name. A name may hold the argument of a field that takes one
    /// after a dot: the field of `evt.arg.flags` is `evt.arg`. Then [`FieldInfo::name`] is shorter
    /// than `name`, and what follows it and its dot is the argument to give to [`Self::bind`].
    fn field(&self, name: &str) -> Option<FieldInfo>;

    /// Checks the argument of a field. The rule ([`ArgRule`]) is checked by the caller.
    ///
    /// # Errors
    /// A sentence that says why the argument does not fit.
    fn bind(&self, info: &FieldInfo, arg: Option<&str>) -> Result<FieldRef, String>;

    /// All names, for suggestions.
    fn names(&self) -> Vec<&'static str>;

    /// Whether `evt.type` can have this value; anything else in a comparison with it is an error.
    ///
    /// By default every event and every system call. A catalogue with plugins adds the names of
    /// their asynchronous events.
    fn is_event_name(&self, name: &str) -> bool {
        crate::event_types::is_event_name(name)
    }

    /// What is known of a field for all events of a type. Nothing, by default.
    fn known(&self, _field: &FieldRef, _event: EventCode) -> Known {
        Known::Unknown
    }
}

/// Values of one extraction.
pub type Values<'a> = SmallVec<[Value<'a>; 4]>;

/// Answers for the event at hand.
pub trait FieldSource {
    /// Appends the values of a field to `out`. Returns whether the field exists for this event: a
    /// list may exist and be empty, a scalar that exists has appended exactly one value.
    ///
    /// A scalar that stands for several things (`fd.ip`: both ends; `proc.aname`: every ancestor)
    /// appends one value for each. A comparison then holds if it holds for any of them, except
    /// that `!=` on addresses, networks and ports must hold for all. Such fields cannot stand on
    /// the right of an operator.
    ///
    /// `evt.around[T]` is the distance of the event's time from `T`, in nanoseconds; its `=` asks
    /// whether it is at most the given number of milliseconds.
    fn extract<'s>(&'s self, field: &FieldRef, out: &mut Values<'s>) -> bool;

    /// A number that changes whenever values of this scope may change; predicates of that scope
    /// may be remembered under it. `None`: nothing may be remembered.
    fn scope_key(&self, scope: Scope) -> Option<u64>;
}
