//! From rules files to what a worker evaluates: [`Detection`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use peregrine_event::{Priority, Record, code};
use peregrine_fields::template::Template;
use peregrine_fields::view::Session;
use peregrine_fields::{Fields, StaticFields};
use peregrine_filter::{ConditionId, PlanId, Program};
use peregrine_output::RuleIdentity;
use peregrine_rules::{
    CatalogOutput, DEFAULT_RULESET, EventIndex, EventPlans, EventSource, LoadResult, Loader, Rule,
    RuleIndex, RuleMatching, SYSCALL_SOURCE, Severity, SourceRules, render_all,
};

use crate::additions::{self, Addition, Switch};
use crate::interest::Wanted;
use crate::lineage::Lineage;
use crate::recording::CaptureMode;

/// A rule, ready to run.
#[derive(Debug)]
pub struct ActiveRule {
    /// Name, priority, source and tags, shared by all its alerts.
    pub identity: Arc<RuleIdentity>,
    /// Its condition.
    pub condition: ConditionId,
    /// Its output.
    pub output: Template,
    /// Fields the configuration adds, with their keys; raw ones keep their type.
    pub extra_fields: Vec<(Arc<str>, Template, bool)>,
    /// How long an alert keeps a capture going, in nanoseconds; `None`: it starts none.
    pub capture_ns: Option<u64>,
}

/// All enabled rules of the system call source, compiled. Immutable; workers share it.
#[derive(Debug)]
pub struct Detection {
    /// The conditions of all rules, compiled together.
    pub program: Arc<Program>,
    /// Rules by their index.
    pub rules: Vec<ActiveRule>,
    /// Which rules an event must be tried with.
    pub index: EventIndex,
    /// The conditions of all rules, compiled for each type of event.
    pub plans: EventPlans,
    /// Whether one match ends the search.
    pub matching: RuleMatching,
    /// What is the same for all events.
    pub session: Session,
    /// How alerts get their process tree; `None`: they get none.
    pub lineage: Option<Lineage>,
    /// Enabled rules as they were written; only kept along with [`Self::lineage`].
    pub texts: Vec<RuleText>,
    enabled: usize,
    wanted: Wanted,
}

/// What to load, and how.
#[derive(Debug, Clone)]
pub struct RuleOptions {
    /// Files and directories, in order. Empty: the built-in rules.
    pub paths: Vec<PathBuf>,
    /// Rules of less urgency are checked and not used.
    pub min_priority: Priority,
    /// Whether one match ends the search.
    pub matching: RuleMatching,
    /// Add the fields that are suggested for outputs to every output, as Falco does by default.
    pub suggested_output: bool,
    /// Fields `static.NAME` that rules and outputs may use.
    pub statics: StaticFields,
    /// What the configuration adds to their output.
    pub additions: Vec<Addition>,
    /// Which of them the configuration switches on and off.
    pub switches: Vec<Switch>,
    /// What is the same for all events.
    pub session: Session,
    /// Which alerts start a capture; `None`: none.
    pub capture: Option<AlertCaptures>,
    /// Whether alerts carry their process tree and rules their texts, for those who show them to
    /// people.
    pub lineage: bool,
}

/// A rule as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Its condition, macros and lists not replaced.
    pub condition: String,
    /// Its output.
    pub output: String,
}

/// Which alerts start a capture, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertCaptures {
    /// Which.
    pub mode: CaptureMode,
    /// For rules that do not say.
    pub default_duration: Duration,
}

impl AlertCaptures {
    fn duration_ns(self, rule: &Rule) -> Option<u64> {
        if self.mode == CaptureMode::Rules && !rule.capture {
            return None;
        }
        let own = u64::from(rule.capture_duration) * 1_000_000;
        Some(if own > 0 { own } else { self.default_duration.as_nanos() as u64 })
    }
}

impl Default for RuleOptions {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            min_priority: Priority::Debug,
            matching: RuleMatching::First,
            suggested_output: true,
            statics: StaticFields::new(),
            additions: Vec::new(),
            switches: Vec::new(),
            session: Session::default(),
            capture: None,
            lineage: false,
        }
    }
}

/// Why there is no rule set.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// A file or directory cannot be read.
    #[error("cannot read rules from {}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Files are wrong; the text names file, line, column and reason of every error.
    #[error("{0}")]
    Invalid(String),
}

/// A rule set and what there is to say about its files.
pub struct Loaded {
    /// The rules.
    pub detection: Detection,
    /// Warnings and lints, rendered; empty if there are none. Notes are left to `rules check`.
    pub warnings: String,
}

/// The rules that are part of Peregrine.
pub const BUILT_IN_RULES: &str = include_str!("../../../rules/peregrine_rules.yaml");

/// Files in a list of files and directories: the `*.yaml` and `*.yml` of a directory, by name.
///
/// # Errors
/// Something cannot be read.
pub fn rules_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, RulesError> {
    let mut files = Vec::new();
    for path in paths {
        let fail = |error| RulesError::Read { path: path.clone(), error };
        if !std::fs::metadata(path).map_err(fail)?.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(fail)? {
            let file = entry.map_err(fail)?.path();
            let is_rules = file.extension().is_some_and(|e| e == "yaml" || e == "yml");
            if is_rules && file.is_file() {
                found.push(file);
            }
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// Reads files, or takes the built-in rules if there are none: names and contents.
///
/// # Errors
/// Something cannot be read.
pub fn read_rules(paths: &[PathBuf]) -> Result<Vec<(String, Vec<u8>)>, RulesError> {
    if paths.is_empty() {
        return Ok(vec![("built-in rules".into(), BUILT_IN_RULES.as_bytes().to_vec())]);
    }
    let read = |path: PathBuf| {
        let content = std::fs::read(&path);
        content
            .map(|content| (display(&path), content))
            .map_err(|error| RulesError::Read { path, error })
    };
    rules_files(paths)?.into_iter().map(read).collect()
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

/// Loads everything, with the loader itself and one result per file, for those who want to show
/// more than success or failure.
pub fn load_files<R>(
    files: &[(String, Vec<u8>)],
    options: &RuleOptions,
    then: impl FnOnce(&Loader<'_>, &[LoadResult]) -> R,
) -> R {
    let fields = Fields::syscall().with_statics(&options.statics);
    let output = CatalogOutput(&fields);
    let source = EventSource { name: SYSCALL_SOURCE, catalog: &fields, output: &output };
    let mut loader = Loader::new(vec![source]);
    loader.set_min_priority(options.min_priority);
    if options.suggested_output {
        let suggested = Addition { suggested: true, ..Addition::default() };
        additions::add(&mut loader, &fields, &[suggested]);
    }
    additions::add(&mut loader, &fields, &options.additions);
    let results: Vec<_> = files.iter().map(|(name, content)| loader.load(name, content)).collect();
    then(&loader, &results)
}

/// Loads and compiles rules.
///
/// # Errors
/// [`RulesError`] with everything that is wrong.
pub fn load(options: &RuleOptions) -> Result<Loaded, RulesError> {
    compile(&read_rules(&options.paths)?, options)
}

/// The same for files that were read already: names and contents.
///
/// # Errors
/// [`RulesError::Invalid`] with everything that is wrong.
pub fn compile(files: &[(String, Vec<u8>)], options: &RuleOptions) -> Result<Loaded, RulesError> {
    load_files(files, options, |loader, results| {
        let render = |result: &LoadResult| {
            let wanted = result.diagnostics.iter().filter(|d| d.severity != Severity::Note);
            render_all(&wanted.cloned().collect::<Vec<_>>(), loader.files())
        };
        let rendered: String = results.iter().map(render).collect();
        if results.iter().any(|result| !result.is_ok()) {
            return Err(RulesError::Invalid(rendered.trim_end().to_owned()));
        }
        let detection = Detection::new(loader, options).map_err(RulesError::Invalid)?;
        Ok(Loaded { detection, warnings: rendered })
    })
}

/// Enabled rules of the system call source as they were written.
fn texts(loader: &Loader<'_>) -> Vec<RuleText> {
    let rules = loader.describe().rules.into_iter();
    rules
        .filter(|rule| rule.enabled && rule.source == SYSCALL_SOURCE)
        .map(|rule| RuleText {
            name: rule.name,
            description: rule.description,
            condition: rule.condition,
            output: rule.output,
        })
        .collect()
}

impl Detection {
    /// No rules: events are applied, and nothing is asked of them.
    pub fn none(session: Session) -> Self {
        let options = RuleOptions { session, ..RuleOptions::default() };
        load_files(&[], &options, |loader, _| {
            Self::new(loader, &options).expect("an empty list of rules is well-formed")
        })
    }

    fn new(loader: &Loader<'_>, options: &RuleOptions) -> Result<Self, String> {
        let mut set = loader.rule_set();
        additions::switch(&mut set, &options.switches);
        let index = set.index(SYSCALL_SOURCE, DEFAULT_RULESET);
        let source = set.source(SYSCALL_SOURCE).ok_or("no rules for system calls")?;
        let fields = Fields::syscall().with_statics(&options.statics);
        let parse = |text: &str| Template::parse(text, &fields).map_err(|e| e.to_string());
        let texts = if options.lineage { texts(loader) } else { Vec::new() };
        let mut rules = Vec::with_capacity(source.rules().len());
        for rule in source.rules() {
            let tags = rule.tags.iter().map(String::as_str);
            let mut extra_fields = Vec::new();
            for (key, field) in &rule.extra_fields {
                let format = parse(&format!("*{}", field.format))?;
                extra_fields.push((Arc::from(key.as_str()), format, field.is_raw));
            }
            rules.push(ActiveRule {
                identity: RuleIdentity::new(&rule.name, rule.priority, SYSCALL_SOURCE, tags),
                condition: rule.condition,
                // Fields without a value are printed, as Falco does.
                output: parse(&format!("*{}", rule.output))?,
                extra_fields,
                capture_ns: options.capture.and_then(|captures| captures.duration_ns(rule)),
            });
        }
        Ok(Self {
            program: source.program().clone(),
            rules,
            plans: EventPlans::new(source, &index, &fields),
            index,
            matching: options.matching,
            session: options.session.clone(),
            lineage: options.lineage.then(Lineage::new),
            texts,
            enabled: set.count(DEFAULT_RULESET),
            wanted: wanted(source, &set.enabled(SYSCALL_SOURCE, DEFAULT_RULESET)),
        })
    }

    /// The rules that an event must be tried with, in order.
    pub fn candidates(&self, record: &Record<'_>) -> &[RuleIndex] {
        let syscall = match record.code() {
            code::GENERIC_X => peregrine_fields::generic_id(record),
            _ => 0,
        };
        self.index.candidates(record.code(), syscall)
    }

    /// The same rules, compiled for the type of the event; `None` if none can hold.
    #[inline]
    pub fn plan(&self, record: &Record<'_>) -> Option<PlanId> {
        self.plans.plan(record.code(), || peregrine_fields::generic_id(record))
    }

    /// Rules that are enabled.
    pub fn enabled(&self) -> usize {
        self.enabled
    }

    /// What the rules need the kernel to report.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }
}

fn wanted(source: &SourceRules, enabled: &[RuleIndex]) -> Wanted {
    let mut wanted = Wanted::default();
    for rule in enabled.iter().map(|index| source.rule(*index)) {
        wanted.add(&rule.events, &rule.syscalls);
    }
    wanted
}
