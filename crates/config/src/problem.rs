//! What there is to say about a configuration.

use std::fmt::Write;

use crate::value::Origin;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration is used, perhaps not as it was meant.
    Warning,
    /// The configuration is not used.
    Error,
}

/// Something about a configuration, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub origin: Origin,
    /// What.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    pub(crate) fn new(severity: Severity, origin: &Origin, message: impl Into<String>) -> Self {
        Self { severity, origin: origin.clone(), message: message.into(), help: None }
    }

    pub(crate) fn warning(origin: &Origin, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, origin, message)
    }

    pub(crate) fn error(origin: &Origin, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, origin, message)
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the configuration cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// As text: place, what is wrong, the line with a mark under the place if `text_of` knows the
    /// file, what to do.
    ///
    /// ```text
    /// falco.yaml:3:9: error: engine.kind must be one of kmod, modern_ebpf, replay, nodriver
    ///    3 |   kind: ebpf
    ///      |         ^
    /// ```
    pub fn render(&self, text_of: &dyn Fn(&str) -> Option<String>) -> String {
        let word = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let mut out = match &self.origin {
            Origin::Default => format!("{word}: {}\n", self.message),
            origin => format!("{origin}: {word}: {}\n", self.message),
        };
        if let Origin::File { name, line, column } = &self.origin
            && let Some(text) = text_of(name)
            && let Some(source) = text.lines().nth(line.saturating_sub(1))
        {
            let before: String = source
                .char_indices()
                .take_while(|(at, _)| *at + 1 < *column)
                .map(|(_, c)| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let _ = writeln!(out, "{line:>5} | {source}\n      | {before}^");
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "      = help: {help}");
        }
        out
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.render(&|_| None).trim_end())
    }
}
