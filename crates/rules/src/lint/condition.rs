//! Conditions that cannot hold, and fields that have nothing to say.

use std::collections::BTreeSet;

use peregrine_event::{EventCode, EventDef};
use peregrine_filter::satisfy::{Clash, Clauses, Reason};
use peregrine_filter::syntax::Visitor;
use peregrine_filter::{Field, FieldRef, Known, Operand, OperandKind, Span};

use super::{Finding, Subject, cost};
use crate::diagnostic::{Severity, nearest};

/// Looks at the condition of a rule that compiles.
pub(crate) fn check(subject: Subject<'_>) -> Vec<Finding> {
    let mut findings = satisfiable(subject);
    if findings.is_empty() {
        cost::check(subject, &mut findings);
    }
    findings
}

fn satisfiable(subject: Subject<'_>) -> Vec<Finding> {
    // It has compiled before.
    let Ok(clauses) = Clauses::new(subject.catalog, subject.expr) else { return Vec::new() };
    if let Some(clash) = clauses.clash(&|_| Known::Unknown) {
        return vec![contradiction(subject, clash)];
    }
    if !subject.is_syscall {
        return Vec::new();
    }
    let never = |note: String| {
        let message = format!("rule '{}' can never fire", subject.name);
        let mut finding = Finding::warning("LINT_NEVER_FIRES", message, None);
        finding.note = Some(note);
        finding.help = Some("disable it with enabled: false if that is meant".to_owned());
        finding
    };
    if subject.events.is_empty() {
        return vec![never("no event type satisfies its condition".to_owned())];
    }
    let live: Vec<&EventDef> =
        subject.events.iter().filter_map(|code| code.def()).filter(|def| is_made(def)).collect();
    if live.is_empty() {
        return vec![never("events of its types are not made any more".to_owned())];
    }
    let mut findings = fields_without_value(subject, &live);
    if !findings.is_empty() {
        return findings;
    }
    let mut reasons: Vec<Clash> = Vec::new();
    for def in &live {
        match clauses.clash(&|field| subject.catalog.known(field, def.code)) {
            Some(clash) => reasons.push(clash),
            None => return findings,
        }
    }
    let mut finding = never(format!("its condition fails for every {}", types(&live)));
    if let Some(clash) = reasons.into_iter().next() {
        finding.others = clash
            .checks
            .into_iter()
            .map(|span| {
                let text = match clash.reason {
                    Reason::Missing => "this has no value there",
                    _ => "this is false there",
                };
                (span, text.to_owned())
            })
            .collect();
    }
    findings.push(finding);
    findings
}

/// Whether events of a type are made today: the exits of system calls, and what is no call.
fn is_made(def: &EventDef) -> bool {
    use peregrine_event::event::Category;
    def.is_live() && (!def.category.has(Category::SYSCALL) || def.is_syscall_exit())
}

fn contradiction(subject: Subject<'_>, clash: Clash) -> Finding {
    if clash.reason == Reason::EmptyList {
        let message = format!("rule '{}' can never fire while a list is empty", subject.name);
        let span = clash.checks.first().copied();
        let mut finding = Finding::warning("LINT_EMPTY_LIST", message, span);
        // Lists to be filled by others are a habit of rules files.
        finding.severity = Severity::Note;
        finding.note = Some("nothing is in an empty list".to_owned());
        return finding;
    }
    let is_placeholder = clash.reason == Reason::Denied;
    let mut spans = clash.checks.into_iter();
    let first = spans.next();
    let rest: Vec<Span> = spans.collect();
    let (message, note) = if rest.is_empty() {
        (format!("rule '{}' can never fire: nothing passes this check", subject.name), None)
    } else {
        let message =
            format!("rule '{}' can never fire: its checks exclude each other", subject.name);
        (message, Some("this".to_owned()))
    };
    let mut finding = Finding::warning("LINT_CONTRADICTION", message, first);
    finding.note = note;
    finding.is_placeholder = is_placeholder;
    finding.others = rest.into_iter().map(|span| (span, "and this".to_owned())).collect();
    finding
}

/// Names of event types, for a sentence.
fn types(defs: &[&EventDef]) -> String {
    let names: BTreeSet<&str> = defs.iter().map(|def| def.name).collect();
    match names.len() {
        1..=4 => Vec::from_iter(names).join(", "),
        count => format!("one of its {count} event types"),
    }
}

/// Fields that have no value for any event of the rule.
fn fields_without_value(subject: Subject<'_>, live: &[&EventDef]) -> Vec<Finding> {
    let mut uses = Uses { subject, found: Vec::new() };
    uses.visit_expr(subject.expr);
    let mut findings = Vec::new();
    let mut seen: Vec<FieldRef> = Vec::new();
    for (field, bound, span) in uses.found {
        let missing = |code: EventCode| subject.catalog.known(&bound, code) == Known::Missing;
        if seen.contains(&bound) || !live.iter().all(|def| missing(def.code)) {
            continue;
        }
        let message = format!("{field} never has a value in rule '{}'", subject.name);
        let mut finding = Finding::warning("LINT_FIELD_WITHOUT_VALUE", message, Some(span));
        match parameter(&field) {
            Some(name) => {
                finding.note = Some(format!("none of its event types has a parameter '{name}'"));
                let params = live.iter().flat_map(|def| def.params.iter().map(|param| param.name));
                finding.help =
                    nearest(&name, params).map(|near| format!("did you mean 'evt.arg.{near}'?"));
            }
            None => finding.note = Some(format!("there is none for {}", types(live))),
        }
        findings.push(finding);
        seen.push(bound);
    }
    findings
}

struct Uses<'a> {
    subject: Subject<'a>,
    found: Vec<(Field, FieldRef, Span)>,
}

impl<'a> Visitor<'a> for Uses<'a> {
    fn visit_field(&mut self, field: &'a Field, span: Span) {
        let operand = Operand::new(OperandKind::Field(field.clone()), span);
        let compiled = peregrine_filter::CompiledOperand::new(self.subject.catalog, &operand);
        if let Ok(Some(bound)) = compiled.map(|compiled| compiled.field().cloned()) {
            self.found.push((field.clone(), bound, span));
        }
    }
}

/// The parameter that an `evt.arg` or `evt.rawarg` names.
fn parameter(field: &Field) -> Option<String> {
    let dotted = ["evt.arg.", "evt.rawarg."].iter().find_map(|p| field.name.strip_prefix(p));
    let bracketed = || field.arg.as_ref().and_then(|arg| arg.as_str());
    match &*field.name {
        "evt.arg" | "evt.rawarg" => bracketed().map(str::to_owned),
        _ => dotted.map(str::to_owned),
    }
}
