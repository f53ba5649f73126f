//! An error on its way to the report, and the report that is being written.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::result::{ErrorCode, LoadError, LoadResult, LoadWarning, WarningCode};
use crate::source::SourceSpan;

/// An error with all that the reports need.
#[derive(Debug)]
pub(crate) struct Problem {
    pub code: ErrorCode,
    pub message: String,
    pub context: Context,
    pub span: SourceSpan,
    pub note: Option<String>,
    pub labels: Vec<Label>,
    pub help: Option<String>,
}

impl Problem {
    pub fn new(
        code: ErrorCode,
        message: impl Into<String>,
        context: &Context,
        span: SourceSpan,
    ) -> Box<Self> {
        Box::new(Self {
            code,
            message: message.into(),
            context: context.clone(),
            span,
            note: None,
            labels: Vec::new(),
            help: None,
        })
    }

    /// An error in the structure of the file.
    pub fn structure(message: impl Into<String>, context: &Context, span: SourceSpan) -> Box<Self> {
        Self::new(ErrorCode::YamlValidate, message, context, span)
    }

    /// An error in how items fit together.
    pub fn validate(message: impl Into<String>, context: &Context, span: SourceSpan) -> Box<Self> {
        Self::new(ErrorCode::Validate, message, context, span)
    }

    pub fn help(mut self: Box<Self>, help: Option<String>) -> Box<Self> {
        self.help = help;
        self
    }

    pub fn note(mut self: Box<Self>, note: impl Into<String>) -> Box<Self> {
        self.note = Some(note.into());
        self
    }

    pub fn label(mut self: Box<Self>, span: SourceSpan, text: impl Into<String>) -> Box<Self> {
        self.labels.push(Label { span, text: text.into() });
        self
    }
}

pub(crate) type Outcome<T> = Result<T, Box<Problem>>;

/// Fills a [`LoadResult`]: Falco's view ends at the first error, ours goes on.
pub(crate) struct Report {
    pub result: LoadResult,
    /// Names of items that could not be read: what refers to them is not reported as well.
    pub broken: BTreeSet<String>,
}

impl Report {
    pub fn new(name: &str) -> Self {
        Self { result: LoadResult::new(name), broken: BTreeSet::new() }
    }

    pub fn has_errors(&self) -> bool {
        !self.result.errors.is_empty()
    }

    pub fn error(&mut self, problem: Problem) {
        let Problem { code, message, context, span, note, labels, help } = problem;
        let mut diagnostic = Diagnostic::new(Severity::Error, code.code(), &*message, span);
        diagnostic.note = note;
        diagnostic.labels = labels;
        diagnostic.help = help;
        self.add(diagnostic);
        if self.result.errors.is_empty() {
            self.result.errors.push(LoadError { code, message, context });
        }
    }

    pub fn warning(
        &mut self,
        code: WarningCode,
        message: impl Into<String>,
        context: &Context,
        span: SourceSpan,
    ) -> &mut Self {
        self.warn(code, message.into(), context, span, None, None)
    }

    pub fn warn(
        &mut self,
        code: WarningCode,
        message: String,
        context: &Context,
        span: SourceSpan,
        deprecated_field: Option<&'static str>,
        help: Option<String>,
    ) -> &mut Self {
        let text = match deprecated_field {
            // Falco leaves the field to the reader.
            Some(field) if !message.contains(field) => format!("{field}: {message}"),
            _ if message.is_empty() => code.text().to_owned(),
            _ => message.clone(),
        };
        let mut diagnostic = Diagnostic::new(Severity::Warning, code.code(), text, span);
        diagnostic.help = help;
        self.add(diagnostic);
        if self.result.errors.is_empty() {
            let context = context.clone();
            self.result.warnings.push(LoadWarning { code, message, context, deprecated_field });
        }
        self
    }

    /// Something only we report.
    pub fn lint(&mut self, diagnostic: Diagnostic) {
        self.add(diagnostic);
    }

    /// The same error in a macro comes up in every rule that uses it: once is enough.
    fn add(&mut self, diagnostic: Diagnostic) {
        let known = self.result.diagnostics.iter().any(|d| {
            d.code == diagnostic.code
                && d.span == diagnostic.span
                && d.message == diagnostic.message
        });
        if !known {
            self.result.diagnostics.push(diagnostic);
        }
    }
}
