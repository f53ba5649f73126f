//! Conditions that cost more than they need to.

use peregrine_filter::syntax::Visitor;
use peregrine_filter::{Check, Expr, ExprKind, Field, OperandKind, Operator, Scope, Span, Text};

use super::{Finding, Subject};
use crate::compiler::MANY_EVENTS;
use crate::diagnostic::Severity;

pub(super) fn check(subject: Subject<'_>, findings: &mut Vec<Finding>) {
    let spans_all = subject.is_syscall && subject.events.len() > MANY_EVENTS;
    let is_guarded = !spans_all || is_guarded(subject);
    let mut checks = Checks { subject, is_guarded, findings };
    checks.visit_expr(subject.expr);
}

/// Whether something about the process or the file descriptor must hold: that is remembered, so
/// most events end there.
fn is_guarded(subject: Subject<'_>) -> bool {
    let mut open = vec![subject.expr];
    while let Some(expr) = open.pop() {
        if let ExprKind::And(children) = &expr.kind {
            open.extend(children);
        } else if is_remembered(subject, expr) {
            return true;
        }
    }
    false
}

fn is_remembered(subject: Subject<'_>, expr: &Expr) -> bool {
    struct Scopes<'a>(Subject<'a>, bool);
    impl<'a> Visitor<'a> for Scopes<'_> {
        fn visit_field(&mut self, field: &'a Field, _: Span) {
            self.1 &= scope(self.0, field) != Scope::Event;
        }
    }
    let mut scopes = Scopes(subject, true);
    scopes.visit_expr(expr);
    scopes.1
}

fn scope(subject: Subject<'_>, field: &Field) -> Scope {
    subject.catalog.field(&field.name).map_or(Scope::Event, |info| info.scope)
}

struct Checks<'s, 'f> {
    subject: Subject<'s>,
    is_guarded: bool,
    findings: &'f mut Vec<Finding>,
}

impl<'a> Visitor<'a> for Checks<'_, '_> {
    fn visit_check(&mut self, check: &'a Check, span: Span) {
        self.simpler(check, span);
        if !self.is_guarded
            && let Some(why) = expensive(self.subject, check)
        {
            let name = self.subject.name;
            let message = format!("rule '{name}' makes a costly check on every event");
            let mut finding = Finding::warning("LINT_EXPENSIVE", message, Some(span));
            if self.subject.wants_all_events {
                finding.severity = Severity::Note;
            }
            finding.note = Some(why.to_owned());
            finding.help = Some("add a check of evt.type, or of the process".to_owned());
            self.findings.push(finding);
        }
    }
}

/// Why a check is costly, if its result cannot be remembered from event to event.
fn expensive(subject: Subject<'_>, check: &Check) -> Option<&'static str> {
    struct First<'a>(Option<&'a Field>);
    impl<'a> Visitor<'a> for First<'a> {
        fn visit_field(&mut self, field: &'a Field, _: Span) {
            self.0.get_or_insert(field);
        }
    }
    let mut first = First(None);
    first.visit_operand(&check.left);
    let field = first.0?;
    if scope(subject, field) != Scope::Event {
        return None;
    }
    if matches!(&*field.name, "evt.args" | "evt.info") {
        return Some("all parameters are turned into text for it");
    }
    let info = subject.catalog.field(&field.name)?;
    if field.arg.is_none() && info.no_rhs && info.no_transformer && field.name.starts_with("proc.")
    {
        return Some("it goes through all ancestors of the process");
    }
    match check.op {
        Operator::Regex => Some("a regular expression"),
        Operator::Glob | Operator::Iglob => match &check.right.as_ref()?.kind {
            OperandKind::Value(pattern) if pattern.first() == Some(&b'*') => {
                Some("a pattern that begins with a star is tried at every place of the text")
            }
            _ => None,
        },
        _ => None,
    }
}

impl Checks<'_, '_> {
    fn simpler(&mut self, check: &Check, span: Span) {
        let pattern = match check.right.as_ref().map(|right| &right.kind) {
            Some(OperandKind::Value(pattern)) if check.modifier.is_none() => pattern,
            _ => return,
        };
        let Some((operator, text)) = simpler(check.op, pattern) else { return };
        let message = format!("'{} {pattern}' is '{operator} {text}'", check.op);
        let mut finding = Finding::warning("LINT_SIMPLER_OPERATOR", message, Some(span));
        finding.severity = Severity::Note;
        finding.note = Some("the simpler operator is faster".to_owned());
        self.findings.push(finding);
    }
}

/// What a pattern amounts to if its only stars are at its ends.
fn simpler(op: Operator, pattern: &Text) -> Option<(Operator, &str)> {
    let pattern = pattern.as_str()?;
    let fold = match op {
        Operator::Glob => false,
        Operator::Iglob => true,
        _ => return None,
    };
    let (front, text) = pattern.strip_prefix('*').map_or((false, pattern), |rest| (true, rest));
    let (back, text) = text.strip_suffix('*').map_or((false, text), |rest| (true, rest));
    if text.is_empty() || text.contains(['*', '?', '[', ']', '\\']) {
        return None;
    }
    let operator = match (front, back, fold) {
        (true, true, true) => Operator::Icontains,
        (_, _, true) => return None,
        (true, true, false) => Operator::Contains,
        (true, false, false) => Operator::Endswith,
        (false, true, false) => Operator::Startswith,
        (false, false, false) => Operator::Eq,
    };
    Some((operator, text))
}
