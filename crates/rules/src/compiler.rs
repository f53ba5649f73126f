//! From items to compiled rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use peregrine_event::Priority;
use peregrine_filter::event_types::{EventCodes, SyscallIds, event_set, syscall_set};
use peregrine_filter::{
    CompileError, ConditionId, Expr, ExprKind, ParseOptions, Program, ProgramBuilder, Span,
    parse_with,
};

use crate::collector::Collector;
use crate::context::Context;
use crate::details::doubts;
use crate::diagnostic::{Diagnostic, Label, Severity, did_you_mean};
use crate::exceptions;
use crate::items::{ListItem, RuleItem, SYSCALL_SOURCE};
use crate::lint::{self, Finding, Subject};
use crate::lists::{self, CompiledList, MAX_CONDITION};
use crate::loader::{EventSource, ExtraField, Extras};
use crate::macros::{self, Expansion};
use crate::problem::{Outcome, Problem, Report};
use crate::result::{DEPRECATED_FIELDS, ErrorCode, WarningCode, deprecation};
use crate::shift::Texts;
use crate::source::SourceSpan;
use crate::traced::Traced;

/// What Falco allows conditions of rules.
const MAX_DEPTH: u32 = 1000;

/// Event types a condition may hold for without a warning.
pub(crate) const MANY_EVENTS: usize = 100;

/// A macro with the macros in it expanded.
#[derive(Debug, Clone)]
pub(crate) struct CompiledMacro {
    pub name: String,
    pub expr: Arc<Expr>,
    pub used: bool,
}

/// A rule, compiled.
#[derive(Debug, Clone)]
pub(crate) struct CompiledRule {
    pub name: String,
    /// Index of its event source.
    pub source: usize,
    pub condition: ConditionId,
    pub output: String,
    pub output_fields: Vec<String>,
    pub extra_fields: BTreeMap<String, ExtraField>,
    pub exception_fields: BTreeSet<String>,
    pub events: EventCodes,
    pub syscalls: SyscallIds,
}

/// All items, compiled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Compiled {
    pub lists: Vec<CompiledList>,
    pub macros: Vec<CompiledMacro>,
    pub rules: Vec<CompiledRule>,
    /// One per event source.
    pub programs: Vec<Arc<Program>>,
}

pub(crate) struct Compiler<'r, 'c> {
    pub sources: &'r [EventSource<'c>],
    pub collector: &'r Collector,
    pub extras: &'r Extras,
    /// Rules below it are not used.
    pub min_priority: Priority,
    pub report: &'r mut Report,
    pub texts: Texts,
    lists: Vec<CompiledList>,
    /// Conditions of macros as parsed and as expanded; `None` if they are wrong.
    parsed: Vec<Option<Expr>>,
    expanded: Vec<Option<Expr>>,
    used: Vec<bool>,
    /// Reported only if nothing is wrong.
    lints: Vec<Diagnostic>,
}

/// A condition that was parsed and expanded.
struct Prepared {
    text: Traced,
    parsed: Expr,
    expr: Expr,
}

impl<'r, 'c> Compiler<'r, 'c> {
    pub fn new(
        sources: &'r [EventSource<'c>],
        collector: &'r Collector,
        extras: &'r Extras,
        min_priority: Priority,
        report: &'r mut Report,
    ) -> Self {
        Self {
            sources,
            collector,
            extras,
            min_priority,
            report,
            texts: Texts::default(),
            lists: Vec::new(),
            parsed: Vec::new(),
            expanded: Vec::new(),
            used: Vec::new(),
            lints: Vec::new(),
        }
    }

    /// Compiles everything and reports what is wrong; the result counts only if nothing is.
    pub fn run(mut self) -> Compiled {
        match lists::compile(&self.collector.lists) {
            Ok(lists) => self.lists = lists,
            Err(problem) => self.report.error(*problem),
        }
        self.compile_macros();
        let sources = self.sources;
        let mut builders: Vec<ProgramBuilder<'c>> =
            sources.iter().map(|s| ProgramBuilder::new(s.catalog)).collect();
        let mut rules = Vec::new();
        let collector = self.collector;
        for item in collector.rules.iter().filter(|item| !item.unknown_source) {
            match self.compile_rule(item, &mut builders) {
                Ok(Some(rule)) => rules.push(rule),
                Ok(None) => {}
                Err(problem) => self.report.error(*problem),
            }
        }
        let programs: Vec<Arc<Program>> =
            builders.into_iter().map(|b| Arc::new(b.finish())).collect();
        if !self.report.has_errors() {
            self.warn_unused();
            std::mem::take(&mut self.lints).into_iter().for_each(|lint| self.report.lint(lint));
            lint::check_shadows(collector, &rules, &programs, self.min_priority, self.report);
        }
        let macros = collector
            .macros
            .iter()
            .zip(self.expanded)
            .zip(self.used)
            .filter_map(|((item, expr), used)| {
                Some(CompiledMacro { name: item.head.name.clone(), expr: Arc::new(expr?), used })
            })
            .collect();
        Compiled { lists: self.lists, macros, rules, programs }
    }

    fn compile_macros(&mut self) {
        let collector = self.collector;
        for item in collector.macros.iter() {
            let head = &item.head;
            let parsed = self.parse(&item.condition, &item.condition_context, head.span);
            let expr = match parsed {
                Ok((text, mut expr)) => {
                    if self.texts.add(&head.name, text, &mut expr) {
                        Some(expr)
                    } else {
                        let message = "the conditions of all macros together are too long";
                        self.report.error(*Problem::validate(message, &head.context, head.span));
                        None
                    }
                }
                Err(problem) => {
                    self.report.error(*problem);
                    None
                }
            };
            if expr.is_none() {
                self.report.broken.insert(head.name.clone());
            }
            self.parsed.push(expr);
        }
        self.expanded = self.parsed.clone();
        self.used = vec![false; self.parsed.len()];
        for (index, item) in collector.macros.iter().enumerate() {
            let Some(mut expr) = self.expanded[index].take() else { continue };
            let done = self.expand(&mut expr, item.head.visibility);
            for (name, _) in &done.resolved {
                self.mark_used(name);
            }
            let (condition, head) = (&item.condition, &item.head);
            let own = condition.as_str();
            match self.check_macros(&done, own, condition, &head.context, head.span) {
                Ok(()) => self.expanded[index] = Some(expr),
                Err(problem) => {
                    if let Some(problem) = problem {
                        self.report.error(*problem);
                    }
                    self.report.broken.insert(item.head.name.clone());
                }
            }
        }
    }

    /// Replaces lists and parses. Gives the text that was parsed as well.
    fn parse(
        &mut self,
        condition: &Traced,
        context: &Context,
        fallback: SourceSpan,
    ) -> Outcome<(Traced, Expr)> {
        let replaced = lists::replace_all(condition.clone(), &mut self.lists);
        let Some(text) = replaced.filter(|text| text.len() <= MAX_CONDITION) else {
            let message = format!(
                "condition is longer than {MAX_CONDITION} bytes once its lists are replaced"
            );
            return Err(Problem::validate(message, context, fallback));
        };
        let options = ParseOptions { max_depth: MAX_DEPTH, ..ParseOptions::default() };
        match parse_with(text.as_str(), &options) {
            Ok(parsed) => Ok((text, parsed.expr)),
            Err(error) => {
                let context = context.expression(error.position, text.as_str());
                let span = text.span(error.span().range()).unwrap_or(fallback);
                let code = ErrorCode::CompileCondition;
                let mut problem = Problem::new(code, &*error.message, &context, span);
                if let Some(found) = &error.found {
                    problem = problem.note(format!("found '{found}'"));
                }
                if let Some(list) = self.list_at(span) {
                    // The mistake is where the list is used, not in the list.
                    problem
                        .labels
                        .push(Label { span, text: format!("in list '{}'", list.head.name) });
                    problem.span = fallback;
                    problem.note = Some("in its condition or exceptions".to_owned());
                    return Err(problem.help(Some(format!(
                        "list '{0}' stands where one value is expected; write 'in ({0})'",
                        list.head.name
                    ))));
                }
                Err(problem.help(lint::parse_help(&error, text.as_str())))
            }
        }
    }

    /// The list whose items a place is among.
    fn list_at(&self, place: SourceSpan) -> Option<&'r ListItem> {
        let holds = |span: SourceSpan| {
            span.file == place.file && span.start <= place.start && place.start <= span.end
        };
        self.collector.lists.iter().find(|list| list.items.iter().any(|item| holds(item.span)))
    }

    fn expand(&self, expr: &mut Expr, visibility: u32) -> Expansion {
        let collector = self.collector;
        let lookup = |name: &str| {
            let index = collector.macros.position(name)?;
            let item = collector.macros.get(name)?;
            let visible = item.head.index < visibility;
            // One that is being expanded itself counts, to be found as a cycle.
            let body = self.expanded[index].as_ref().or(self.parsed[index].as_ref());
            body.filter(|_| visible)
        };
        macros::expand(expr, &lookup)
    }

    /// Reports what went wrong with macros; `Err(None)` if everything is reported.
    fn check_macros(
        &mut self,
        done: &Expansion,
        condition: &str,
        own: &Traced,
        context: &Context,
        fallback: SourceSpan,
    ) -> Result<(), Option<Box<Problem>>> {
        let problem = |texts: &Texts, message: String, span: Span| {
            let context = context.expression(texts.own_position(span.start), condition);
            let place = texts.find(span, own).span.unwrap_or(fallback);
            Problem::validate(message, &context, place)
        };
        if let Some((name, span)) = done.cycles.first() {
            let message = format!("reference loop in macro '{name}'");
            return Err(Some(
                problem(&self.texts, message, *span).note("this macro comes back to itself"),
            ));
        }
        let unknown: Vec<&(String, Span)> =
            done.unknown.iter().filter(|(name, _)| !self.report.broken.contains(name)).collect();
        if let Some(((name, span), others)) = unknown.split_first() {
            let describe = |name: &str, span: Span| {
                let message = format!("Undefined macro '{name}' used in filter.");
                let known = self.collector.macros.names();
                let later = self.collector.macros.get(name).map(|item| item.head.span);
                let mut found = problem(&self.texts, message, span);
                if let Some(later) = later {
                    found = found
                        .label(later, "it is defined here, after its use")
                        .help(Some(format!("move macro '{name}' up")));
                } else if self.collector.lists.get(name).is_some() {
                    found = found.help(Some(format!(
                        "'{name}' is a list; compare a field with it: proc.name in ({name})"
                    )));
                } else {
                    found = found.help(did_you_mean(name, known));
                }
                found
            };
            let first = describe(name, *span);
            let others: Vec<_> = others.iter().map(|(name, span)| describe(name, *span)).collect();
            self.report.error(*first);
            others.into_iter().for_each(|other| self.report.error(*other));
            return Err(None);
        }
        if !done.unknown.is_empty() {
            return Err(None);
        }
        if let Some(span) = done.too_large {
            let message = "condition is too large or too deep once its macros are replaced";
            return Err(Some(problem(&self.texts, message.to_owned(), span)));
        }
        Ok(())
    }

    fn compile_rule(
        &mut self,
        item: &RuleItem,
        builders: &mut [ProgramBuilder<'c>],
    ) -> Outcome<Option<CompiledRule>> {
        let head = &item.head;
        let Some(source) = self.sources.iter().position(|s| s.name == item.source) else {
            let message = format!("Unknown source at compile-time{}", item.source);
            return Err(Problem::validate(message, &head.context, head.span));
        };
        let (condition, exception_fields) = exceptions::apply(&item.condition, &item.exceptions)?;
        let Some((output, output_fields, extra_fields)) = self.compile_output(item, source)? else {
            return Ok(None);
        };
        let Some(prepared) = self.prepare(item, &condition)? else { return Ok(None) };
        let Some(id) = self.check_condition(item, &condition, &prepared, &mut builders[source])
        else {
            return Ok(None);
        };
        let (events, syscalls) = self.event_sets(item, &condition, &prepared)?;
        if item.source == SYSCALL_SOURCE && events.len() > MANY_EVENTS && item.warn_evttypes {
            let message = "Rule matches too many evt.type values. This has a significant \
                           performance penalty.";
            self.report.warn(
                WarningCode::NoEvttype,
                message.to_owned(),
                &head.context,
                head.span,
                None,
                Some("add a check of evt.type, or warn_evttypes: false".to_owned()),
            );
        }
        if item.enabled {
            let subject = Subject {
                name: &head.name,
                catalog: self.sources[source].catalog,
                expr: &prepared.expr,
                is_syscall: item.source == SYSCALL_SOURCE,
                events: &events,
                wants_all_events: !item.warn_evttypes,
            };
            for finding in lint::check_condition(subject) {
                let lint = self.place(item, &prepared, finding);
                self.lints.push(lint);
            }
        }
        Ok(Some(CompiledRule {
            name: head.name.clone(),
            source,
            condition: id,
            output,
            output_fields,
            extra_fields,
            exception_fields,
            events,
            syscalls,
        }))
    }

    /// Parses and expands a condition; `None` if it cannot be and that is known already.
    fn prepare(&mut self, item: &RuleItem, condition: &Traced) -> Outcome<Option<Prepared>> {
        let head = &item.head;
        let (text, parsed) = self.parse(condition, &item.condition_context, head.span)?;
        let mut expr = parsed.clone();
        let done = self.expand(&mut expr, u32::MAX);
        let checked = self.check_macros(&done, condition.as_str(), &text, &head.context, head.span);
        for (name, _) in &done.resolved {
            self.mark_used(name);
        }
        match checked {
            Ok(()) => {}
            Err(Some(problem)) => return Err(problem),
            Err(None) => return Ok(None),
        }
        Ok(Some(Prepared { text, parsed, expr }))
    }

    fn mark_used(&mut self, name: &str) {
        if let Some(index) = self.collector.macros.position(name) {
            self.used[index] = true;
        }
    }

    /// Warns of what is doubtful and type checks. `None` after an error or if the rule is left
    /// out.
    fn check_condition(
        &mut self,
        item: &RuleItem,
        condition: &Traced,
        prepared: &Prepared,
        builder: &mut ProgramBuilder<'c>,
    ) -> Option<ConditionId> {
        let written = condition.as_str();
        let whole = item.condition_context.whole_expression(written);
        for doubt in doubts(&prepared.expr) {
            let (span, _) = self.locate(item, prepared, doubt.span);
            let message = doubt.deprecated_field.map_or("", deprecation).to_owned();
            self.report.warn(doubt.code, message, &whole, span, doubt.deprecated_field, None);
        }
        let id = match builder.add(&prepared.expr) {
            Ok(id) => id,
            Err(errors) => {
                self.report_errors(item, condition, prepared, errors.0);
                return None;
            }
        };
        for warning in builder.warnings() {
            let position = self.texts.own_position(warning.span.start);
            let context = item.condition_context.expression(position, written);
            let (span, _) = self.locate(item, prepared, warning.span);
            let code = WarningCode::CompileCondition;
            self.report.warn(code, warning.message.clone(), &context, span, None, None);
        }
        Some(id)
    }

    fn report_errors(
        &mut self,
        item: &RuleItem,
        condition: &Traced,
        prepared: &Prepared,
        errors: Vec<CompileError>,
    ) {
        let skip = item.skip_if_unknown_filter
            && errors.first().is_some_and(|error| is_about_unknown(&error.message));
        for error in errors {
            // Falco knows only which check was being compiled.
            let start = check_around(&prepared.expr, error.span).start;
            let position = self.texts.own_position(start);
            let context = item.condition_context.expression(position, condition.as_str());
            let (span, labels) = self.locate(item, prepared, error.span);
            let CompileError { message, hint, .. } = error;
            if skip {
                let code = WarningCode::UnknownFilter;
                self.report.warn(code, message, &context, span, None, hint);
                return;
            }
            let mut problem =
                Problem::new(ErrorCode::CompileCondition, message, &context, span).help(hint);
            problem.labels = labels;
            self.report.error(*problem);
        }
    }

    /// The place of a node in the file and, if it is in a macro, the places where that is used.
    fn locate(&self, item: &RuleItem, prepared: &Prepared, span: Span) -> (SourceSpan, Vec<Label>) {
        let place = self.texts.find(span, &prepared.text);
        let found = place.span.unwrap_or(item.head.span);
        let Some(name) = place.in_macro else { return (found, Vec::new()) };
        let lookup = |name: &str| {
            self.collector.macros.position(name).and_then(|index| self.parsed[index].as_ref())
        };
        let chain = macros::find_use(&prepared.parsed, name, &lookup).unwrap_or_default();
        let mut labels: Vec<Label> = chain
            .iter()
            .rev()
            .filter_map(|(name, span)| {
                let user = self.texts.find(*span, &prepared.text);
                let text = match user.in_macro {
                    Some(user) => format!("in macro '{name}', used by macro '{user}'"),
                    None => format!("in macro '{name}', used by rule '{}'", item.head.name),
                };
                Some(Label { span: user.span?, text })
            })
            .collect();
        labels.truncate(8);
        (found, labels)
    }

    /// A lint at its places in the files.
    fn place(&self, item: &RuleItem, prepared: &Prepared, finding: Finding) -> Diagnostic {
        let Finding { code, mut severity, message, span, note, others, help, .. } = finding;
        let (span, mut labels) = match span {
            Some(span) => self.locate(item, prepared, span),
            None => (item.head.span, Vec::new()),
        };
        for (other, text) in others {
            let (span, uses) = self.locate(item, prepared, other);
            if finding.is_placeholder && !uses.is_empty() {
                severity = Severity::Note;
            }
            labels.push(Label { span, text });
            labels.extend(uses);
        }
        labels.truncate(8);
        Diagnostic { severity, code, message, span, note, labels, help }
    }

    fn event_sets(
        &mut self,
        item: &RuleItem,
        condition: &Traced,
        prepared: &Prepared,
    ) -> Outcome<(EventCodes, SyscallIds)> {
        use peregrine_event::code;
        if item.source != SYSCALL_SOURCE {
            let events = [code::PLUGINEVENT_E, code::ASYNCEVENT_E].into_iter().collect();
            return Ok((events, SyscallIds::new()));
        }
        let sets =
            event_set(&prepared.expr).and_then(|events| Ok((events, syscall_set(&prepared.expr)?)));
        sets.map_err(|error| {
            let position = self.texts.own_position(error.span.start);
            let context = item.condition_context.expression(position, condition.as_str());
            let (span, labels) = self.locate(item, prepared, error.span);
            let mut problem =
                Problem::new(ErrorCode::CompileCondition, error.message, &context, span)
                    .help(error.hint);
            problem.labels = labels;
            problem
        })
    }

    /// The output with what the configuration adds; `None` if the rule is left out.
    #[allow(clippy::type_complexity)]
    fn compile_output(
        &mut self,
        item: &RuleItem,
        source: usize,
    ) -> Outcome<Option<(String, Vec<String>, BTreeMap<String, ExtraField>)>> {
        let mut output = item.output.as_str().to_owned();
        for extra in &self.extras.outputs {
            if extra.filter.matches(&item.head.name, &item.source, &item.tags) {
                output.push(' ');
                output.push_str(&extra.format);
            }
        }
        if output.contains("%container.info") {
            let message = "%container.info is deprecated and no more useful, and will be dropped \
                           by Falco 1.0.0. The container plugin will automatically add required \
                           fields to the output message.";
            let at = output.find("%container.info").unwrap_or(0);
            let span = item.output.span(at..at + "%container.info".len());
            let span = span.unwrap_or(item.head.span);
            let code = WarningCode::DeprecatedItem;
            self.report.warning(code, message, &item.head.context, span);
            output = output.replace("%container.info", "");
        }
        let mut extra_fields = BTreeMap::new();
        for extra in &self.extras.fields {
            if extra.filter.matches(&item.head.name, &item.source, &item.tags) {
                extra_fields.insert(extra.key.clone(), extra.field.clone());
            }
        }
        let checker = self.sources[source].output;
        let context = &item.output_context;
        let output_span =
            |range: std::ops::Range<usize>| item.output.span(range).unwrap_or(item.head.span);
        let output_fields = match checker.check(&output) {
            Ok(fields) => fields,
            Err(error) => {
                let span = output_span(error.start..error.end);
                let skip = item.skip_if_unknown_filter && is_about_unknown(&error.message);
                if skip {
                    let code = WarningCode::UnknownFilter;
                    self.report.warn(code, error.message, context, span, None, error.help);
                    return Ok(None);
                }
                let code = ErrorCode::CompileOutput;
                return Err(Problem::new(code, error.message, context, span).help(error.help));
            }
        };
        self.warn_deprecated_output(&output, item);
        self.lint_output(&output_fields, item, source);
        for (key, field) in &extra_fields {
            if let Err(error) = checker.check(&field.format) {
                let code = ErrorCode::CompileOutput;
                return Err(Problem::new(code, error.message, context, item.head.span)
                    .note(format!("in the extra field '{key}' of the configuration")));
            }
            self.warn_deprecated_output(&field.format, item);
        }
        Ok(Some((output, output_fields, extra_fields)))
    }

    /// Fields that only conditions have.
    fn lint_output(&mut self, fields: &[String], item: &RuleItem, source: usize) {
        let catalog = self.sources[source].catalog;
        for field in fields.iter().filter(|_| item.enabled) {
            let name = field.split('[').next().unwrap_or_default();
            if catalog.field(name).is_none_or(|info| !info.filter_only) {
                continue;
            }
            let at = item.output.as_str().find(&**field);
            let span = at.and_then(|at| item.output.span(at..at + field.len()));
            let message = format!("{field} never has a value in an output");
            let span = span.unwrap_or(item.head.span);
            let code = "LINT_FIELD_WITHOUT_VALUE";
            let mut lint = Diagnostic::new(Severity::Warning, code, message, span);
            lint.note = Some("only conditions have it".to_owned());
            self.lints.push(lint);
        }
    }

    fn warn_deprecated_output(&mut self, output: &str, item: &RuleItem) {
        for field in DEPRECATED_FIELDS {
            if let Some(at) = output.find(field) {
                let message = format!(
                    "usage of deprecated field '{field}' has been detected in the rule output"
                );
                let span = item.output.span(at..at + field.len()).unwrap_or(item.head.span);
                let code = WarningCode::DeprecatedItem;
                let context = &item.output_context;
                self.report.warn(code, message, context, span, Some(field), None);
            }
        }
    }

    fn warn_unused(&mut self) {
        for (item, used) in self.collector.macros.iter().zip(&self.used) {
            if !used {
                let message = "Macro not referred to by any other rule/macro";
                let code = WarningCode::UnusedMacro;
                self.report.warning(code, message, &item.head.context, item.head.span);
            }
        }
        for (item, list) in self.collector.lists.iter().zip(&self.lists) {
            if !list.used {
                let message = "List not referred to by any other rule/macro";
                let code = WarningCode::UnusedList;
                self.report.warning(code, message, &item.head.context, item.head.span);
            }
        }
    }
}

/// The check that a span lies in.
fn check_around(expr: &Expr, span: Span) -> Span {
    let mut stack = vec![expr];
    while let Some(expr) = stack.pop() {
        match &expr.kind {
            ExprKind::And(children) | ExprKind::Or(children) => stack.extend(children),
            ExprKind::Not(child) => stack.push(child),
            ExprKind::Macro(_) => {}
            ExprKind::Check(_) => {
                if expr.span.start <= span.start && span.start < expr.span.end {
                    return expr.span;
                }
            }
        }
    }
    span
}

/// Errors that `skip-if-unknown-filter` forgives.
fn is_about_unknown(message: &str) -> bool {
    ["nonexistent field", "invalid formatting token", "unknown event type", "unknown filter:"]
        .iter()
        .any(|part| message.contains(part))
}
