//! Our own report of what is wrong with rules: place, line, expectation, suggestion.
//!
//! ```text
//! error[LOAD_ERR_COMPILE_CONDITION]: filter_check called with nonexistent field proc.nmae
//!   --> rules.yaml:3:31
//!    |
//!  3 |   condition: evt.type = open and proc.nmae = cat
//!    |                                  ^^^^^^^^^
//!    = help: did you mean 'proc.name'?
//! ```

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::source::{SourceSpan, Sources};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted, but something in it is likely to be a mistake.
    Warning,
    /// Worth knowing, and no mistake by itself. Shown on request.
    Note,
}

impl Severity {
    /// From the worst to the mildest.
    pub const ALL: [Severity; 3] = [Severity::Error, Severity::Warning, Severity::Note];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// Another place that belongs to a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Place.
    pub span: SourceSpan,
    /// What is there.
    pub text: String,
}

/// Something to tell the author of a rules file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A `LOAD_…` code of Falco's or a `LINT_…` of our own.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: SourceSpan,
    /// A few words under the underlined text.
    pub note: Option<String>,
    /// Other places: where a macro is used, where a name was defined.
    pub labels: Vec<Label>,
    /// What may help.
    pub help: Option<String>,
}

impl Diagnostic {
    /// One without notes.
    pub fn new(
        severity: Severity,
        code: &'static str,
        message: impl Into<String>,
        span: SourceSpan,
    ) -> Self {
        let message = message.into();
        Self { severity, code, message, span, note: None, labels: Vec::new(), help: None }
    }

    /// As JSON: places have a file, a line and a column, both from one, and an end.
    pub fn to_json(&self, sources: &Sources) -> Value {
        let labels: Vec<Value> = self
            .labels
            .iter()
            .map(|label| json!({ "place": place(label.span, sources), "text": label.text }))
            .collect();
        json!({
            "severity": self.severity.as_str(),
            "code": self.code,
            "message": self.message,
            "place": place(self.span, sources),
            "note": self.note,
            "labels": labels,
            "help": self.help,
        })
    }

    /// As text, several lines, with a line end at the end.
    pub fn render(&self, sources: &Sources) -> String {
        let mut text = format!("{}[{}]: {}\n", self.severity.as_str(), self.code, self.message);
        let last_line = self
            .labels
            .iter()
            .map(|l| l.span)
            .chain([self.span])
            .map(|span| sources.file(span.file).line_at(span.start).0 + 1)
            .max();
        let width = last_line.unwrap_or(1).to_string().len();
        excerpt(&mut text, sources, self.span, '^', self.note.as_deref(), width, "-->");
        for label in &self.labels {
            excerpt(&mut text, sources, label.span, '-', Some(&label.text), width, ":::");
        }
        if let Some(help) = &self.help {
            let _ = writeln!(text, "{:width$} = help: {help}", "");
        }
        text
    }
}

fn place(span: SourceSpan, sources: &Sources) -> Value {
    let file = sources.file(span.file);
    let at = |offset: usize| {
        let offset = floor(&file.text, offset);
        let (line, range) = file.line_at(offset);
        (line + 1, file.text[range.start.min(offset)..offset].chars().count() + 1)
    };
    let ((line, column), (end_line, end_column)) = (at(span.start), at(span.end));
    json!({
        "file": file.name, "line": line, "column": column,
        "end_line": end_line, "end_column": end_column,
    })
}

/// Bytes of a line shown before and after the place, so that a line of a megabyte stays readable.
const MARGIN: usize = 100;

fn excerpt(
    text: &mut String,
    sources: &Sources,
    span: SourceSpan,
    underline: char,
    note: Option<&str>,
    width: usize,
    arrow: &str,
) {
    let file = sources.file(span.file);
    let (line, range) = file.line_at(span.start);
    let content = &file.text;
    let start = floor(content, span.start.clamp(range.start, range.end));
    let end = floor(content, span.end.clamp(start, range.end)).max(start);
    let column = content[range.start..start].chars().count() + 1;
    let _ = writeln!(text, "{:width$}{arrow} {}:{}:{column}", "", file.name, line + 1);
    let left = floor(content, start.saturating_sub(MARGIN).max(range.start));
    let right = floor(content, end.saturating_add(MARGIN).min(range.end));
    let end = end.min(start + MARGIN);
    let end = floor(content, end).max(start);
    let cut = if left > range.start { "..." } else { "" };
    let cut_right = if right < range.end { "..." } else { "" };
    // Tabs have no fixed width; one blank each keeps the underline in place.
    let shown = |part: &str| part.replace('\t', " ").replace(|c: char| c.is_control(), "\u{fffd}");
    let line_text = shown(&content[left..right]);
    let _ = writeln!(text, "{:width$} |", "");
    let _ = writeln!(text, "{:>width$} | {cut}{line_text}{cut_right}", line + 1);
    let indent = cut.len() + content[left..start].chars().count();
    let marks = content[start..end].chars().count().max(1);
    let mut under = " ".repeat(indent);
    under.extend(std::iter::repeat_n(underline, marks));
    if let Some(note) = note {
        under.push(' ');
        under.push_str(note);
    }
    let _ = writeln!(text, "{:width$} | {under}", "");
}

/// The nearest character border at or below.
fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// All diagnostics as one text, with a count at the end.
pub fn render_all(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&diagnostic.render(sources));
        text.push('\n');
    }
    let counts: Vec<String> = Severity::ALL
        .into_iter()
        .map(|severity| (diagnostics.iter().filter(|d| d.severity == severity).count(), severity))
        .filter(|(count, _)| *count > 0)
        .map(|(n, severity)| format!("{n} {}{}", severity.as_str(), if n == 1 { "" } else { "s" }))
        .collect();
    if !counts.is_empty() {
        let _ = writeln!(text, "{}", counts.join(", "));
    }
    text
}

/// The nearest of some names, if one is near.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= most)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| (1..=most).contains(distance))
        .min()
        .map(|(_, candidate)| candidate)
}

/// "did you mean …" for the nearest of some names.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(name, known).map(|candidate| format!("did you mean '{candidate}'?"))
}
