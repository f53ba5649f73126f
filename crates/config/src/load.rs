//! From files and options to settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use peregrine_yaml::{Limits, YamlError};

use crate::checks;
use crate::declare::Setting;
use crate::env;
use crate::keys::{ConfigFile, Settings};
use crate::path::KeyPath;
use crate::problem::Problem;
use crate::reader::Reader;
use crate::types::Strategy;
use crate::value::{Origin, Value, ValueKind};
use crate::verdict::{Verdict, verdict};

/// The key that names files to merge.
const INCLUDES: &str = "config_files";
/// Bounds of a configuration file.
const LIMITS: Limits = Limits { depth: 64, nodes: 200_000 };

/// Something that was set on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionValue {
    /// Path and value, `key=value`.
    pub text: String,
    /// The option as it was written, for messages.
    pub shown: Arc<str>,
}

impl OptionValue {
    /// What `-o` was given.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), shown: format!("-o {text}").into() }
    }

    /// Another option that sets a key.
    pub fn flag(shown: &str, key: &str, value: impl std::fmt::Display) -> Self {
        Self { text: format!("{key}={value}"), shown: shown.into() }
    }
}

/// Where a configuration is looked for, and what it may use.
pub struct Surroundings<'e> {
    /// The value of an environment variable.
    pub variable: &'e dyn Fn(&str) -> Option<String>,
    /// What relative paths are relative to; empty: the working directory.
    pub directory: PathBuf,
}

impl Surroundings<'_> {
    /// The environment and the working directory of this process.
    pub fn process() -> Self {
        Surroundings { variable: &|name| std::env::var(name).ok(), directory: PathBuf::new() }
    }
}

/// What a configuration starts from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'s> {
    /// Nothing but defaults and options.
    None,
    /// A document.
    Text {
        /// Its name in messages.
        name: &'s str,
        /// The document.
        text: &'s str,
    },
    /// A file.
    File(&'s str),
}

/// What a configuration starts from when nobody names a file.
pub const BUILT_IN: Source<'static> = Source::Text {
    name: "built-in configuration",
    text: "stdout_output: {enabled: true}\nappend_output: [{suggested_output: true}]\nlog_stderr: true\nlog_syslog: false\noutputs_queue: {capacity: 65536}\nwebserver: {enabled: false}\n",
};

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedFile {
    /// Its name, as it was given.
    pub name: String,
    /// What Falco's schema says of it.
    pub verdict: Verdict,
    /// Its text.
    pub text: Arc<str>,
}

/// A configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The values, typed.
    pub settings: Settings,
    /// The values as they were written, merged.
    pub document: Value,
    /// Files that were read, in order.
    pub files: Vec<LoadedFile>,
    /// Directories that were read.
    pub directories: Vec<String>,
    /// Where each value came from, by its path.
    pub origins: std::collections::BTreeMap<String, Origin>,
    /// Warnings.
    pub warnings: Vec<Problem>,
}

/// Why there is no configuration.
#[derive(Debug, Clone)]
pub struct ConfigError {
    /// Everything that is wrong, and warnings; at least one is an error.
    pub problems: Vec<Problem>,
    /// Files that were read.
    pub files: Vec<LoadedFile>,
}

impl ConfigError {
    /// All problems with the lines they are about.
    pub fn render(&self) -> String {
        render(&self.problems, &self.files)
    }
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.render().trim_end())
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// The warnings with the lines they are about.
    pub fn render_warnings(&self) -> String {
        render(&self.warnings, &self.files)
    }
}

fn render(problems: &[Problem], files: &[LoadedFile]) -> String {
    let text_of =
        |name: &str| files.iter().find(|file| file.name == name).map(|file| file.text.to_string());
    problems.iter().map(|problem| problem.render(&text_of)).collect()
}

/// Loads a configuration: the main document, the files it includes, the options.
///
/// # Errors
/// Something cannot be read, or cannot be meant; every problem has its place.
pub fn load(
    source: Source<'_>,
    options: &[OptionValue],
    surroundings: &Surroundings<'_>,
) -> Result<Config, ConfigError> {
    let mut loading = Loading::new(surroundings);
    match loading.run(source, options) {
        Ok(()) => loading.finish(),
        Err(problem) => Err(loading.fail(*problem)),
    }
}

/// Reads a document with its variables replaced, without a meaning.
///
/// # Errors
/// It is no YAML, or its variables do not end.
pub fn document(
    name: &str,
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Value, Problem> {
    let surroundings = Surroundings { variable, directory: PathBuf::new() };
    Loading::new(&surroundings).parse(name, text).map_err(|problem| *problem)
}

type Step<T> = Result<T, Box<Problem>>;

struct Loading<'e> {
    surroundings: &'e Surroundings<'e>,
    keys: Vec<crate::declare::Key>,
    document: Value,
    files: Vec<LoadedFile>,
    directories: Vec<String>,
    problems: Vec<Problem>,
}

impl<'e> Loading<'e> {
    fn new(surroundings: &'e Surroundings<'e>) -> Self {
        Self {
            surroundings,
            keys: Settings::keys(),
            document: Value::default(),
            files: Vec::new(),
            directories: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn run(&mut self, source: Source<'_>, options: &[OptionValue]) -> Step<()> {
        match source {
            Source::None => {}
            Source::Text { name, text } => self.document = self.parse(name, text)?,
            Source::File(name) => {
                self.document = self.read(name)?;
                // Options may name files to include; all others override those.
                for option in options.iter().filter(|option| option.text.starts_with(INCLUDES)) {
                    self.set(option)?;
                }
                self.include(name)?;
            }
        }
        options.iter().try_for_each(|option| self.set(option))
    }

    fn finish(mut self) -> Result<Config, ConfigError> {
        let mut reader = Reader::new(&self.keys);
        let settings = match Settings::read(&self.document, &mut reader) {
            Ok(settings) => Some(settings),
            Err(refusal) => {
                let message = match refusal {
                    crate::declare::Refusal::Invalid(message) => message,
                    crate::declare::Refusal::WrongType => "the document must be a mapping".into(),
                };
                reader.problems.push(Problem::error(&self.document.origin, message));
                None
            }
        };
        if let Some(settings) = &settings {
            checks::check(settings, &mut reader);
        }
        let Reader { origins, problems, .. } = reader;
        self.problems.extend(problems);
        let has_errors = self.problems.iter().any(Problem::is_error);
        match settings {
            Some(settings) if !has_errors => Ok(Config {
                settings,
                document: self.document,
                files: self.files,
                directories: self.directories,
                origins,
                warnings: self.problems,
            }),
            _ => Err(ConfigError { problems: self.problems, files: self.files }),
        }
    }

    fn fail(mut self, problem: Problem) -> ConfigError {
        self.problems.push(problem);
        ConfigError { problems: self.problems, files: self.files }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.surroundings.directory.join(name)
    }

    fn read(&mut self, name: &str) -> Step<Value> {
        let text = std::fs::read(self.path(name)).map_err(|error| {
            Box::new(Problem::error(
                &Origin::Default,
                format!("cannot read configuration file {name}: {error}"),
            ))
        })?;
        let text = String::from_utf8(text).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let before = &error.as_bytes()[..at];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let column = at - before.iter().rposition(|b| *b == b'\n').map_or(0, |nl| nl + 1) + 1;
            let origin = Origin::File { name: name.into(), line, column };
            Box::new(Problem::error(&origin, "the file is not UTF-8"))
        })?;
        self.parse(name, &text)
    }

    /// Reads a document and replaces the variables in it.
    fn parse(&mut self, name: &str, text: &str) -> Step<Value> {
        let file: Arc<str> = name.into();
        let mut loaded =
            LoadedFile { name: name.to_owned(), verdict: Verdict::Ok, text: text.into() };
        let documents = match peregrine_yaml::load(text, LIMITS) {
            Ok(documents) => documents,
            Err(YamlError { mark, message }) => {
                self.files.push(loaded);
                let origin =
                    Origin::File { name: file, line: mark.line + 1, column: mark.column + 1 };
                return Err(Box::new(Problem::error(&origin, message)));
            }
        };
        let mut document = match documents.first() {
            Some(root) => Value::from_yaml(root, &file),
            None => Value {
                origin: Origin::File { name: file, line: 1, column: 1 },
                ..Value::default()
            },
        };
        let mut failure = None;
        document.scalars_mut(&mut |scalar, origin| {
            if let Err(error) = env::expand(scalar, self.surroundings.variable) {
                failure.get_or_insert(Problem::error(origin, error.to_string()));
            }
        });
        loaded.verdict = verdict(&document, &self.keys);
        self.files.push(loaded);
        if let Some(other) = documents.get(1) {
            let origin = Value::from_yaml(other, &name.into()).origin;
            let message = "only the first document of a configuration file is read";
            self.problems.push(Problem::warning(&origin, message));
        }
        match failure {
            Some(problem) => Err(Box::new(problem)),
            None => Ok(document),
        }
    }

    /// Merges what `config_files` names.
    fn include(&mut self, main: &str) -> Step<()> {
        let Some(value) = self.document.get(INCLUDES).filter(|v| !v.is_null()).cloned() else {
            return Ok(());
        };
        // Values of a wrong type are reported when everything is read.
        let includes =
            Vec::<ConfigFile>::read(&value, &mut Reader::new(&self.keys)).unwrap_or_default();
        for ConfigFile { path: name, strategy } in includes {
            let refuse = |message| Box::new(Problem::error(&value.origin, message));
            if Path::new(&name) == Path::new(main) {
                return Err(refuse(format!("{INCLUDES}: {name} would include itself")));
            }
            let path = self.path(&name);
            let Ok(metadata) = std::fs::metadata(&path) else { continue };
            if metadata.is_file() {
                self.merge(&name, strategy)?;
            } else if metadata.is_dir() {
                let entries = std::fs::read_dir(&path)
                    .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                    .map_err(|error| refuse(format!("cannot read directory {name}: {error}")))?;
                self.directories.push(name.clone());
                let mut files: Vec<String> = entries
                    .into_iter()
                    .filter(|entry| entry.path().is_file())
                    .map(|entry| {
                        Path::new(&name).join(entry.file_name()).to_string_lossy().into_owned()
                    })
                    .collect();
                files.sort();
                files.iter().try_for_each(|file| self.merge(file, strategy))?;
            }
        }
        Ok(())
    }

    /// Merges a file, key by key of the top level, as Falco does.
    fn merge(&mut self, name: &str, strategy: Strategy) -> Step<()> {
        let included = self.read(name)?;
        let pairs = match included.kind {
            ValueKind::Mapping(pairs) => pairs,
            ValueKind::Null => return Ok(()),
            _ => {
                let message = format!("{name} must be a mapping of keys");
                return Err(Box::new(Problem::error(&included.origin, message)));
            }
        };
        if self.document.is_null() {
            self.document.kind = ValueKind::Mapping(Vec::new());
        }
        for (key, value) in pairs {
            if key == INCLUDES {
                let message =
                    format!("{INCLUDES}: {name} is included itself, and cannot include others");
                return Err(Box::new(Problem::error(&value.origin, message)));
            }
            let ValueKind::Mapping(document) = &mut self.document.kind else {
                let message = "the document must be a mapping";
                return Err(Box::new(Problem::error(&self.document.origin, message)));
            };
            let known = document.iter_mut().find(|(name, _)| *name == key).map(|(_, v)| v);
            match (known, strategy) {
                (None, _) => document.push((key, value)),
                (Some(_), Strategy::AddOnly) => {}
                (Some(known), Strategy::Append) => match (&mut known.kind, value.kind) {
                    (ValueKind::Sequence(items), ValueKind::Sequence(more)) => items.extend(more),
                    (_, kind) => *known = Value { origin: value.origin, kind },
                },
                (Some(known), Strategy::Override) => *known = value,
            }
        }
        Ok(())
    }

    /// Sets what an option says.
    fn set(&mut self, option: &OptionValue) -> Step<()> {
        let origin = Origin::CommandLine(option.shown.clone());
        let refuse = |message: String| Box::new(Problem::error(&origin, message));
        let Some((path, text)) = option.text.split_once('=') else {
            return Err(refuse(format!(
                "Error parsing config option \"{}\": must be of the form key=val or \
                 key.subkey=val",
                option.text
            )));
        };
        let value = if text.starts_with('{') && text.ends_with('}') {
            let documents = peregrine_yaml::load(text, LIMITS)
                .map_err(|error| refuse(format!("the value is no object: {}", error.message)))?;
            let root = documents.first().ok_or_else(|| refuse("the value is empty".into()))?;
            Value::from_node(root, &|_| origin.clone())
        } else {
            Value { origin: origin.clone(), kind: ValueKind::Scalar(text.to_owned()) }
        };
        KeyPath::parse(path)
            .and_then(|path| path.set(&mut self.document, value, &option.shown))
            .map_err(|error| refuse(error.to_string()))
    }
}
