//! What a key is, and how one declaration becomes a field, a reader, a schema and a line of docs.
//!
//! `sections!` (used in `keys/`) declares structs. Each field is a key: its doc comment is the
//! documentation, its type says what is read, its expression is the value when the key is absent.
//! A closure behind the expression adds what else is to be said ([`Key::inert`],
//! [`Key::restart`] …).

use serde_json::Value as Json;

use crate::reader::Reader;
use crate::value::Value;

/// What a key accepts.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A truth value.
    Bool,
    /// A whole number within bounds.
    Integer {
        /// The smallest.
        min: i128,
        /// The largest.
        max: i128,
    },
    /// A number.
    Number,
    /// Text.
    Text,
    /// Text of a certain form, described in words.
    Form(&'static str),
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A list.
    List(Box<Shape>),
    /// A mapping with keys of the user's choice.
    Map(Box<Shape>),
    /// A mapping with these keys.
    Section(Vec<Key>),
    /// One or the other.
    Either(Box<Shape>, Box<Shape>),
    /// Nothing, or the other.
    Nullable(Box<Shape>),
    /// A mapping whose keys somebody else knows.
    Foreign,
}

/// What setting a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is obeyed.
    Applies,
    /// It is read and does nothing, for this reason.
    Inert(&'static str),
}

/// The declaration of a key.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its name within its section.
    pub name: &'static str,
    /// What it is for.
    pub doc: String,
    /// What it accepts.
    pub shape: Shape,
    /// Its value when it is absent; null for sections and for "nothing".
    pub default: Json,
    /// Its value in the falco.yaml that comes with Falco, if that is another.
    pub shipped: Option<&'static str>,
    /// What setting it does.
    pub effect: Effect,
    /// Whether a running instance takes over a change on reload.
    pub needs_restart: bool,
    /// Whether the section is wrong without it.
    pub is_required: bool,
    /// Whether it is only here because old files have it: Falco's schema does not know it.
    pub is_legacy: bool,
    /// Whether it may be a section without keys; to Falco's schema most may not.
    pub may_be_empty: bool,
    /// Whether it is a key of Peregrine, which Falco does not know.
    pub is_ours: bool,
}

impl Key {
    /// A key that is obeyed and needs no restart.
    pub fn new(name: &'static str, docs: &[&str], shape: Shape, default: Json) -> Self {
        let lines: Vec<&str> = docs.iter().map(|line| line.trim()).collect();
        Self {
            name: name.strip_prefix("r#").unwrap_or(name),
            doc: lines.join(" "),
            shape,
            default,
            shipped: None,
            effect: Effect::Applies,
            needs_restart: false,
            is_required: false,
            is_legacy: false,
            may_be_empty: false,
            is_ours: false,
        }
    }

    /// Says what Falco's own falco.yaml sets it to.
    pub fn shipped(mut self, value: &'static str) -> Self {
        self.shipped = Some(value);
        self
    }

    /// Says why it does nothing, as the end of a sentence.
    pub fn inert(mut self, reason: &'static str) -> Self {
        self.effect = Effect::Inert(reason);
        self
    }

    /// A change needs a restart.
    pub fn restart(mut self) -> Self {
        self.needs_restart = true;
        self
    }

    /// The section is wrong without it.
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Falco reads it and its schema does not know it.
    pub fn legacy(mut self) -> Self {
        self.is_legacy = true;
        self
    }

    /// Falco's schema accepts it without keys.
    pub fn empty(mut self) -> Self {
        self.may_be_empty = true;
        self
    }

    /// Peregrine's, not Falco's.
    pub fn ours(mut self) -> Self {
        self.is_ours = true;
        self
    }

    /// The keys within, if it is a section or a list of sections.
    pub fn children(&self) -> &[Key] {
        self.shape.keys()
    }
}

impl Shape {
    /// The keys of a section, or of the sections in a list.
    pub fn keys(&self) -> &[Key] {
        match self {
            Shape::Section(keys) => keys,
            Shape::List(inner) | Shape::Nullable(inner) => inner.keys(),
            Shape::Either(one, other) => match one.keys() {
                [] => other.keys(),
                keys => keys,
            },
            _ => &[],
        }
    }

    /// What is expected, for messages.
    pub fn expected(&self) -> String {
        match self {
            Shape::Bool => "true or false".into(),
            Shape::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Shape::Number => "a number".into(),
            Shape::Text => "text".into(),
            Shape::Form(form) => (*form).into(),
            Shape::Choice(words) => format!("one of {}", words.join(", ")),
            Shape::List(_) => "a list".into(),
            Shape::Map(_) | Shape::Section(_) | Shape::Foreign => "a mapping".into(),
            Shape::Either(one, other) => format!("{} or {}", one.expected(), other.expected()),
            Shape::Nullable(inner) => inner.expected(),
        }
    }
}

/// Why a value is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is of another type. Falco then takes the default, and says nothing.
    WrongType,
    /// It cannot mean anything. Falco refuses it too.
    Invalid(String),
}

/// A type of values.
pub trait Setting: Sized {
    /// What is accepted.
    fn shape() -> Shape;

    /// Reads a value that is not null.
    ///
    /// # Errors
    /// It is none of this type.
    fn read(value: &Value, reader: &mut Reader<'_>) -> Result<Self, Refusal>;

    /// The value as JSON.
    fn show(&self) -> Json;
}

/// Declares sections; see the module.
macro_rules! sections {
    ($(
        $(#[doc = $about:literal])*
        $section:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:ident : $type:ty = $default:expr
                $(, |$entry:ident| $more:expr)?
            );+ $(;)?
        }
    )+) => {$(
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $section {
            $( $(#[doc = $doc])+ pub $key: $type, )+
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $( $key: $default, )+ }
            }
        }

        impl $section {
            /// The keys of the section.
            pub fn keys() -> Vec<$crate::declare::Key> {
                vec![$({
                    let default: $type = $default;
                    let key = $crate::declare::Key::new(
                        stringify!($key),
                        &[$($doc),+],
                        <$type as $crate::declare::Setting>::shape(),
                        $crate::declare::Setting::show(&default),
                    );
                    $( let key = { let $entry = key; $more }; )?
                    key
                }),+]
            }
        }

        impl $crate::declare::Setting for $section {
            fn shape() -> $crate::declare::Shape {
                $crate::declare::Shape::Section(Self::keys())
            }

            fn read(
                value: &$crate::value::Value,
                reader: &mut $crate::reader::Reader<'_>,
            ) -> Result<Self, $crate::declare::Refusal> {
                reader.enter(value)?;
                Ok(Self {
                    $( $key: reader.field(value, stringify!($key), || $default), )+
                })
            }

            fn show(&self) -> ::serde_json::Value {
                let mut object = ::serde_json::Map::new();
                $(
                    let name = stringify!($key);
                    object.insert(
                        name.strip_prefix("r#").unwrap_or(name).to_owned(),
                        $crate::declare::Setting::show(&self.$key),
                    );
                )+
                ::serde_json::Value::Object(object)
            }
        }
    )+};
}
pub(crate) use sections;
