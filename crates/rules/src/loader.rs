//! Loading files one after the other.

use std::collections::BTreeSet;

use peregrine_event::Priority;
use peregrine_filter::Catalog;

use crate::collector::Collector;
use crate::compiler::{Compiled, Compiler};
use crate::context::{Context, ItemType};
use crate::describe::Description;
use crate::output::OutputChecker;
use crate::problem::{Problem, Report};
use crate::reader::Reader;
use crate::result::{ErrorCode, LoadResult};
use crate::ruleset::RuleSet;
use crate::schema;
use crate::source::{SourceSpan, Sources};
use crate::version::{PluginVersion, Version, check_plugins};
use peregrine_yaml::{self as yaml, Limits, Mark};

/// An event source that rules can be for.
#[derive(Clone, Copy)]
pub struct EventSource<'c> {
    /// Its name: `syscall`, or what a plugin calls it.
    pub name: &'c str,
    /// Its fields.
    pub catalog: &'c dyn Catalog,
    /// Checks the outputs of its rules.
    pub output: &'c dyn OutputChecker,
}

/// Which rules something of the configuration is for; what is empty matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleFilter {
    /// Event source.
    pub source: String,
    /// Tags that a rule must all have.
    pub tags: BTreeSet<String>,
    /// Name of the rule.
    pub rule: String,
}

impl RuleFilter {
    pub(crate) fn matches(&self, rule: &str, source: &str, tags: &BTreeSet<String>) -> bool {
        (self.source.is_empty() || self.source == source)
            && self.tags.is_subset(tags)
            && (self.rule.is_empty() || self.rule == rule)
    }
}

/// A field that the configuration adds to alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraField {
    /// Output format; for a raw field a `%` and its name.
    pub format: String,
    /// Whether the value keeps its type.
    pub is_raw: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Extras {
    pub outputs: Vec<ExtraOutput>,
    pub fields: Vec<NamedExtraField>,
}

#[derive(Debug, Clone)]
pub(crate) struct ExtraOutput {
    pub format: String,
    pub filter: RuleFilter,
}

#[derive(Debug, Clone)]
pub(crate) struct NamedExtraField {
    pub key: String,
    pub field: ExtraField,
    pub filter: RuleFilter,
}

/// Loads rules files. Later files may append to, override and redefine what earlier ones define.
///
/// ```text
/// load(a) ─► load(b) ─► … ─► rule_set()
/// ```
/// Every [`Loader::load`] compiles everything that was read so far, so that its result says
/// whether all files up to it make a rule set.
pub struct Loader<'c> {
    event_sources: Vec<EventSource<'c>>,
    extras: Extras,
    min_priority: Priority,
    files: Sources,
    collector: Collector,
    compiled: Compiled,
}

impl<'c> Loader<'c> {
    /// A loader of rules for these event sources.
    pub fn new(event_sources: Vec<EventSource<'c>>) -> Self {
        Self {
            event_sources,
            extras: Extras::default(),
            min_priority: Priority::Debug,
            files: Sources::default(),
            collector: Collector::default(),
            compiled: Compiled::default(),
        }
    }

    /// Rules of less urgency are checked but are not in the rule set.
    pub fn set_min_priority(&mut self, priority: Priority) {
        self.min_priority = priority;
    }

    /// Adds a text to the outputs of rules. Counts for what is loaded afterwards.
    pub fn append_output(&mut self, format: impl Into<String>, filter: RuleFilter) {
        self.extras.outputs.push(ExtraOutput { format: format.into(), filter });
    }

    /// Adds a field, formatted to text, to the output fields of alerts.
    pub fn append_field(
        &mut self,
        key: impl Into<String>,
        format: impl Into<String>,
        filter: RuleFilter,
    ) {
        let field = ExtraField { format: format.into(), is_raw: false };
        self.extras.fields.push(NamedExtraField { key: key.into(), field, filter });
    }

    /// Adds a field that keeps its type to the output fields of alerts.
    pub fn append_raw_field(&mut self, key: impl Into<String>, filter: RuleFilter) {
        let key = key.into();
        let field = ExtraField { format: format!("%{key}"), is_raw: true };
        self.extras.fields.push(NamedExtraField { key, field, filter });
    }

    /// Loads a file. `name` is how reports call it.
    pub fn load(&mut self, name: &str, content: &[u8]) -> LoadResult {
        let mut report = Report::new(name);
        let text = match std::str::from_utf8(content) {
            Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
            Err(error) => {
                let text = String::from_utf8_lossy(content);
                let file = self.files.add(name, &text);
                let at = error.valid_up_to();
                let context = Context::file(name).at(mark_of(&text, at), ItemType::ValueFor, "");
                let span = SourceSpan::new(file, at..at + 3);
                let message = "the file is not UTF-8";
                report.error(*Problem::new(ErrorCode::YamlParse, message, &context, span));
                return report.result;
            }
        };
        let file = self.files.add(name, text);
        let documents = match yaml::load(text, Limits::default()) {
            Ok(documents) => documents,
            Err(error) => {
                let context = Context::file(name).at(error.mark, ItemType::ValueFor, "");
                let span = SourceSpan::new(file, error.mark.offset..error.mark.offset + 1);
                let mut problem =
                    Problem::new(ErrorCode::YamlParse, error.to_string(), &context, span);
                if text.contains('\t') && error.message.contains("tab") {
                    problem = problem.help(Some("indent with blanks, not tabs".to_owned()));
                }
                report.error(*problem);
                return report.result;
            }
        };
        report.result.schema = documents.first().map(|document| schema::check(document));
        for document in &documents {
            let mut reader = Reader {
                file,
                text,
                sources: &self.event_sources,
                collector: &mut self.collector,
                report: &mut report,
            };
            reader.read_document(document);
        }
        // After errors in its structure a file is still compiled, for the sake of the errors in
        // its conditions; Falco's view of the result ends at the first one anyway.
        let compiler = Compiler::new(
            &self.event_sources,
            &self.collector,
            &self.extras,
            self.min_priority,
            &mut report,
        );
        let compiled = compiler.run();
        if report.result.is_ok() {
            self.compiled = compiled;
        }
        report.result
    }

    /// Reports a file that cannot be read.
    pub fn unreadable(&mut self, name: &str, message: impl Into<String>) -> LoadResult {
        let mut report = Report::new(name);
        let file = self.files.add(name, "");
        let span = SourceSpan::new(file, 0..0);
        let problem = Problem::new(ErrorCode::FileRead, message, &Context::file(name), span);
        report.error(*problem);
        report.result
    }

    /// The files that were read, for rendering results and diagnostics.
    pub fn files(&self) -> &Sources {
        &self.files
    }

    /// The highest engine version that a file requires.
    pub fn required_engine_version(&self) -> Version {
        self.collector.required_engine
    }

    /// The plugins that the files require: of each group one.
    pub fn required_plugins(&self) -> &[Vec<PluginVersion>] {
        &self.collector.required_plugins
    }

    /// Checks the plugins that are loaded.
    ///
    /// # Errors
    /// The first requirement that is not met, in Falco's words.
    pub fn check_plugins(&self, loaded: &[PluginVersion]) -> Result<(), String> {
        check_plugins(&self.collector.required_plugins, loaded)
    }

    /// What the last file that loaded well resulted in, for `-L`.
    pub fn describe(&self) -> Description {
        Description::new(&self.collector, &self.compiled, &self.event_sources)
    }

    /// The rules as of the last file that loaded well.
    pub fn rule_set(&self) -> RuleSet {
        RuleSet::new(&self.collector, &self.compiled, &self.event_sources, self.min_priority)
    }
}

fn mark_of(text: &str, offset: usize) -> Mark {
    let before = &text.as_bytes()[..offset.min(text.len())];
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let line = memchr::memchr_iter(b'\n', before).count();
    Mark { offset, line, column: before.len() - start }
}
