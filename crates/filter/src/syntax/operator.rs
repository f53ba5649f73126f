//! Operators, modifiers and transformers.

use std::fmt;

/// Declares an enum whose variants have one spelling each.
macro_rules! spelled {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant),* }

        impl $name {
            /// Every one, in the order they are tried and listed in messages.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// As written in a condition.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }

            /// The one with this spelling.
            pub fn from_spelling(text: &str) -> Option<Self> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

spelled! {
    /// An operator of a check.
    Operator {
        /// The field has a value.
        Exists = "exists",
        /// Less or equal.
        Le = "<=",
        /// Less.
        Lt = "<",
        /// Greater or equal.
        Ge = ">=",
        /// Greater.
        Gt = ">",
        /// Equal; the same as [`Operator::Eq`], kept apart so that printing gives back what was
        /// written.
        EqEq = "==",
        /// Equal.
        Eq = "=",
        /// Not equal.
        Ne = "!=",
        /// Matches a pattern of `*`, `?` and `[…]`.
        Glob = "glob",
        /// [`Operator::Glob`] without regard to case.
        Iglob = "iglob",
        /// Holds a substring.
        Contains = "contains",
        /// [`Operator::Contains`] without regard to case.
        Icontains = "icontains",
        /// Holds bytes given in hexadecimal.
        Bcontains = "bcontains",
        /// Begins with.
        Startswith = "startswith",
        /// Begins with bytes given in hexadecimal.
        Bstartswith = "bstartswith",
        /// Ends with.
        Endswith = "endswith",
        /// Matches a regular expression as a whole.
        Regex = "regex",
        /// Any of the values is in the list.
        Intersects = "intersects",
        /// All values are in the list.
        In = "in",
        /// A path below one of the paths of the list.
        Pmatch = "pmatch",
    }
}

impl Operator {
    /// Needs no right-hand side.
    pub const fn is_unary(self) -> bool {
        matches!(self, Operator::Exists)
    }

    /// `<`, `<=`, `>` and `>=`.
    pub const fn is_ordering(self) -> bool {
        matches!(self, Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge)
    }

    /// `=`, `==`, `contains` …: may carry a modifier.
    pub const fn is_string(self) -> bool {
        !self.is_unary() && !self.is_ordering() && !self.is_list()
    }

    /// `in`, `intersects` and `pmatch`.
    pub const fn is_list(self) -> bool {
        matches!(self, Operator::In | Operator::Intersects | Operator::Pmatch)
    }

    /// `=` or `==`.
    pub const fn is_equality(self) -> bool {
        matches!(self, Operator::Eq | Operator::EqEq)
    }
}

spelled! {
    /// Says how a string operator treats a list of values.
    Modifier {
        /// True for exactly one value of the list.
        Oneof = "oneof",
        /// True for at least one value of the list.
        Anyof = "anyof",
        /// True for every value of the list.
        Allof = "allof",
    }
}

spelled! {
    /// A function of the language.
    Transformer {
        /// The field itself; only on the right of an operator.
        Val = "val",
        /// ASCII lower case.
        Tolower = "tolower",
        /// ASCII upper case.
        Toupper = "toupper",
        /// Decodes base64.
        B64 = "b64",
        /// What follows the last slash.
        Basename = "basename",
        /// Length of a text, number of elements of a list.
        Len = "len",
        /// Joins a list with a separator.
        Join = "join",
        /// Joins its arguments.
        Concat = "concat",
        /// Picks options out of a list of arguments.
        Getopt = "getopt",
    }
}

/// `'a', 'b', 'c'`, for messages.
pub(crate) fn quoted_list(names: impl IntoIterator<Item = &'static str>) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push('\'');
        text.push_str(name);
        text.push('\'');
    }
    text
}
