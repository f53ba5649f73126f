//! What loading a file gave, in Falco's terms: codes, texts, and its two forms of output.

use serde_json::{Value, json};

use crate::context::Context;
use crate::diagnostic::Diagnostic;
use crate::source::Sources;

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $code:literal, $text:literal, $long:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum $name { $($variant),* }

        impl $name {
            /// All of them, in Falco's order.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The code.
            pub const fn code(self) -> &'static str {
                match self { $($name::$variant => $code),* }
            }

            /// What it means, in a few words.
            pub const fn text(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }

            /// What it means, in full.
            pub const fn description(self) -> &'static str {
                match self { $($name::$variant => $long),* }
            }
        }
    };
}

codes! {
    /// Why a file was refused.
    ErrorCode {
        FileRead = "LOAD_ERR_FILE_READ", "File read error",
            "The file cannot be read: it does not exist, or its permissions forbid it.";
        YamlParse = "LOAD_ERR_YAML_PARSE", "YAML parse error", "The file is not YAML.";
        YamlValidate = "LOAD_ERR_YAML_VALIDATE",
            "Error validating internal structure of YAML file",
            "The file is YAML, but not a sequence of items, or a key of an item is missing or has \
             a value of the wrong kind.";
        CompileCondition = "LOAD_ERR_COMPILE_CONDITION", "Error compiling condition",
            "A condition cannot be parsed, or its fields, operators and values do not fit.";
        CompileOutput = "LOAD_ERR_COMPILE_OUTPUT", "Error compiling output",
            "An output holds something that is no field.";
        Validate = "LOAD_ERR_VALIDATE", "Error validating rule/macro/list/exception objects",
            "The items of the file do not fit together: an undefined macro, an append to nothing, \
             a version that is not there, an exception whose fields and values differ in number.";
        Extension = "LOAD_ERR_EXTENSION", "Error in extension item",
            "An item of an extension is wrong.";
    }
}

codes! {
    /// What is doubtful about a file.
    WarningCode {
        UnknownSource = "LOAD_UNKNOWN_SOURCE", "Unknown event source",
            "A rule is for an event source that is not loaded; it is left out.";
        UnsafeNaCheck = "LOAD_UNSAFE_NA_CHECK", "Unsafe <NA> comparison in condition",
            "A field is compared with <NA>. Whether it has a value is asked with 'exists'.";
        NoEvttype = "LOAD_NO_EVTTYPE", "Condition has no event-type restriction",
            "A condition may hold for more than a hundred event types, so that it is evaluated \
             for nearly every event. Restrict it with evt.type.";
        UnknownFilter = "LOAD_UNKNOWN_FILTER",
            "Unknown field or event-type in condition or output",
            "A rule with skip-if-unknown-filter uses a field or an event type that does not \
             exist; it is left out.";
        UnusedMacro = "LOAD_UNUSED_MACRO", "Unused macro",
            "No rule and no macro uses this macro.";
        UnusedList = "LOAD_UNUSED_LIST", "Unused list",
            "No rule, no macro and no list uses this list.";
        UnknownItem = "LOAD_UNKNOWN_ITEM", "Unknown rules file item",
            "An item is neither a rule, nor a macro, nor a list, nor a requirement; it is \
             ignored.";
        DeprecatedItem = "LOAD_DEPRECATED_ITEM", "Used deprecated item",
            "A list, macro or rule uses something that will go away.";
        WarningExtension = "LOAD_WARNING_EXTENSION", "Warning in extension item",
            "An item of an extension is doubtful.";
        AppendNoValues = "LOAD_APPEND_NO_VALUES", "Overriding/appending with no values",
            "An exception is appended without values.";
        ExceptionNameNotUnique = "LOAD_EXCEPTION_NAME_NOT_UNIQUE",
            "Multiple exceptions defined with the same name",
            "A rule has two exceptions of one name.";
        InvalidMacroName = "LOAD_INVALID_MACRO_NAME", "Invalid macro name",
            "The name of a macro cannot be written in a condition.";
        InvalidListName = "LOAD_INVALID_LIST_NAME", "Invalid list name",
            "The name of a list cannot be written in a condition.";
        CompileCondition = "LOAD_COMPILE_CONDITION", "Warning in rule condition",
            "A condition compiles but looks like a mistake.";
        UnknownKey = "LOAD_UNKNOWN_KEY", "Unknown key in item definition",
            "An item has a key that means nothing there; it is ignored.";
    }
}

/// Deprecated fields, in Falco's order.
pub const DEPRECATED_FIELDS: [&str; 6] = [
    "evt.dir",
    "evt.latency",
    "evt.latency.s",
    "evt.latency.ns",
    "evt.latency.human",
    "evt.wait_latency",
];

/// Why a deprecated field should not stand in a condition.
pub(crate) fn deprecation(field: &str) -> &'static str {
    if field == "evt.dir" {
        "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = \
         >' always evaluates to false. The rule expression can be simplified by removing the \
         condition on 'evt.dir'"
    } else {
        "field is not available due to the drop of enter events."
    }
}

/// A reason why a file was refused.
#[derive(Debug, Clone)]
pub struct LoadError {
    /// Code.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub context: Context,
}

/// Something doubtful in a file.
#[derive(Debug, Clone)]
pub struct LoadWarning {
    /// Code.
    pub code: WarningCode,
    /// What is doubtful.
    pub message: String,
    /// Where.
    pub context: Context,
    /// The field, if it is about a deprecated one.
    pub deprecated_field: Option<&'static str>,
}

/// What loading a file gave.
///
/// `errors` and `warnings` are what Falco reports: it stops at the first error. `diagnostics` has
/// all errors and our own lints, with exact places.
#[derive(Debug, Clone)]
pub struct LoadResult {
    /// Name of the file.
    pub name: String,
    /// At most one.
    pub errors: Vec<LoadError>,
    /// Up to the first error.
    pub warnings: Vec<LoadWarning>,
    /// How the file differs from the schema of rules files; `None` if it has no documents.
    pub schema: Option<Vec<String>>,
    /// Everything that was found, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
}

/// Characters of a line that Falco's snippets show.
pub const SNIPPET_WIDTH: usize = 160;

impl LoadResult {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            errors: Vec::new(),
            warnings: Vec::new(),
            schema: None,
            diagnostics: Vec::new(),
        }
    }

    /// Whether the file was accepted.
    pub fn is_ok(&self) -> bool {
        self.errors.is_empty()
    }

    /// Falco's word for how the file fits the schema of rules files.
    pub fn schema_verdict(&self) -> &'static str {
        match &self.schema {
            None => "none",
            Some(problems) if problems.is_empty() => "ok",
            Some(_) => "failed",
        }
    }

    fn headline(&self) -> String {
        let verdict = match (self.is_ok(), self.warnings.is_empty()) {
            (true, true) => "Ok",
            (true, false) => "Ok, with warnings",
            (false, _) => "Invalid",
        };
        if self.name.is_empty() { verdict.to_owned() } else { format!("{}: {verdict}", self.name) }
    }

    fn schema_problems(&self) -> &[String] {
        self.schema.as_deref().unwrap_or_default()
    }

    /// Falco's short form.
    pub fn to_summary(&self) -> String {
        let mut text = self.headline();
        let problems = self.schema_problems();
        if !problems.is_empty() {
            let joined = problems.join(" ");
            text.push_str(&format!("\n {} schema warnings: [{joined}]", problems.len()));
        }
        if !self.errors.is_empty() {
            let all: Vec<String> = self
                .errors
                .iter()
                .map(|e| format!("{} ({})", e.code.code(), e.code.text()))
                .collect();
            text.push_str(&format!("\n {} errors: [{}]", all.len(), all.join(" ")));
        }
        if !self.warnings.is_empty() {
            let all: Vec<String> = self
                .warnings
                .iter()
                .map(|w| format!("{} ({})", w.code.code(), w.code.text()))
                .collect();
            text.push_str(&format!("\n {} warnings: [{}]", all.len(), all.join(" ")));
        }
        text
    }

    /// Falco's long form, as `-V` prints it.
    pub fn to_text(&self, sources: &Sources) -> String {
        let mut text = self.headline();
        let problems = self.schema_problems();
        if !problems.is_empty() {
            text.push_str(&format!("\n{} Schema warnings:\n", problems.len()));
            for problem in problems {
                text.push_str(&format!("------\n{problem}\n"));
            }
            text.push_str("------\n");
        }
        if !self.errors.is_empty() {
            text.push_str(&format!("\n{} Errors:\n", self.errors.len()));
        }
        for e in &self.errors {
            text.push_str(&entry(&e.context, sources, e.code.code(), e.code.text(), &e.message));
        }
        if !self.warnings.is_empty() {
            text.push_str(&format!("\n{} Warnings:\n", self.warnings.len()));
        }
        for w in &self.warnings {
            text.push_str(&entry(&w.context, sources, w.code.code(), w.code.text(), &w.message));
        }
        text
    }

    /// Falco's JSON form.
    ///
    /// For errors `codedesc` holds the short text, for warnings the long one, as in Falco.
    pub fn to_json(&self, sources: &Sources) -> Value {
        let context = |context: &Context| {
            let mut value = context.to_json();
            value["snippet"] = context.snippet(sources, SNIPPET_WIDTH).into();
            value
        };
        let errors: Vec<Value> = self
            .errors
            .iter()
            .map(|e| {
                json!({
                    "context": context(&e.context),
                    "code": e.code.code(),
                    "codedesc": e.code.text(),
                    "message": e.message,
                })
            })
            .collect();
        let warnings: Vec<Value> = self
            .warnings
            .iter()
            .map(|w| {
                let mut value = json!({
                    "context": context(&w.context),
                    "code": w.code.code(),
                    "codedesc": w.code.description(),
                    "message": w.message,
                });
                if let Some(field) = w.deprecated_field {
                    value["deprecated_field"] = field.into();
                }
                value
            })
            .collect();
        let mut value = json!({
            "name": self.name,
            "successful": self.is_ok(),
            "errors": errors,
            "warnings": warnings,
        });
        if let Some(problems) = &self.schema {
            value["schema_valid"] = problems.is_empty().into();
            value["schema_warnings"] = problems.clone().into();
        }
        value
    }
}

fn entry(context: &Context, sources: &Sources, code: &str, short: &str, message: &str) -> String {
    let place = context.to_text();
    let snippet = context.snippet(sources, SNIPPET_WIDTH);
    format!("{place}------\n{snippet}------\n{code} ({short}): {message}\n")
}
