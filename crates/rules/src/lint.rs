//! Our own warnings about rules that load but will not do what their author thinks.

use std::collections::HashMap;
use std::sync::Arc;

use peregrine_event::EventCode;
use peregrine_filter::{
    Expr, ExprKind, Field, Operator, ParseError, Program, Span, syntax::Visitor,
};

use crate::collector::Collector;
use crate::compiler::CompiledRule;
use crate::diagnostic::{Diagnostic, Label, Severity, nearest};
use crate::items::{RuleItem, SYSCALL_SOURCE};
use crate::loader::EventSource;
use crate::problem::Report;

/// Rules up to which all pairs are compared.
const MAX_COMPARED: usize = 5_000;

/// Conjuncts up to which a condition is compared with others.
const MAX_CONJUNCTS: usize = 64;

pub(crate) fn run(
    collector: &Collector,
    rules: &[CompiledRule],
    programs: &[Arc<Program>],
    sources: &[EventSource<'_>],
    report: &mut Report,
) {
    let mut interned: HashMap<String, u32> = HashMap::new();
    let mut seen: Vec<(&RuleItem, &CompiledRule, Vec<u32>)> = Vec::new();
    for rule in rules {
        let Some(item) = collector.rules.get(&rule.name) else { continue };
        if !item.enabled {
            continue;
        }
        let expr = programs[rule.source].source(rule.condition);
        let is_syscall = sources[rule.source].name == SYSCALL_SOURCE;
        if is_syscall && rule.events.is_empty() {
            let message = format!("rule '{}' can never fire", rule.name);
            let mut lint =
                Diagnostic::new(Severity::Warning, "LINT_NEVER_FIRES", message, item.head.span);
            lint.note = Some("no event type satisfies its condition".to_owned());
            lint.help = Some("disable it with enabled: false if that is meant".to_owned());
            report.lint(lint);
            continue;
        }
        if is_syscall {
            missing_parameters(expr, &rule.events, item, report);
        }
        let mut conjuncts = conjuncts(expr, &mut interned);
        conjuncts.sort_unstable();
        conjuncts.dedup();
        if rules.len() <= MAX_COMPARED && conjuncts.len() <= MAX_CONJUNCTS {
            let shadow = seen.iter().find(|(_, earlier, theirs)| {
                earlier.source == rule.source && is_subset(theirs, &conjuncts)
            });
            if let Some((earlier, ..)) = shadow {
                report.lint(shadowed(item, earlier));
            }
            seen.push((item, rule, conjuncts));
        }
    }
}

fn shadowed(item: &RuleItem, earlier: &RuleItem) -> Diagnostic {
    let message = format!(
        "with 'rule_matching: first' rule '{}' never fires: rule '{}' comes first and matches \
         whenever it does",
        item.head.name, earlier.head.name
    );
    let mut lint = Diagnostic::new(Severity::Warning, "LINT_SHADOWED", message, item.head.span);
    lint.labels.push(Label { span: earlier.head.span, text: "this rule comes first".to_owned() });
    lint.help = Some("put the narrower rule first, or use 'rule_matching: all'".to_owned());
    lint
}

/// What must all hold, as numbers for texts: a condition whose set is part of another's is wider.
fn conjuncts(expr: &Expr, interned: &mut HashMap<String, u32>) -> Vec<u32> {
    let mut found = Vec::new();
    let mut stack = vec![expr];
    while let Some(expr) = stack.pop() {
        match &expr.kind {
            ExprKind::And(children) => stack.extend(children),
            _ => {
                let next = interned.len() as u32;
                found.push(*interned.entry(expr.to_string()).or_insert(next));
            }
        }
    }
    found
}

/// Both sorted.
fn is_subset(small: &[u32], large: &[u32]) -> bool {
    small.len() <= large.len() && small.iter().all(|item| large.binary_search(item).is_ok())
}

/// `evt.arg.x` where none of the rule's events has a parameter `x`.
fn missing_parameters(
    expr: &Expr,
    events: &std::collections::BTreeSet<EventCode>,
    item: &RuleItem,
    report: &mut Report,
) {
    struct Arguments(Vec<String>);
    impl<'a> Visitor<'a> for Arguments {
        fn visit_field(&mut self, field: &'a Field, _span: Span) {
            let dotted =
                ["evt.arg.", "evt.rawarg."].iter().find_map(|p| field.name.strip_prefix(p));
            let bracketed = matches!(&*field.name, "evt.arg" | "evt.rawarg")
                .then(|| field.arg.as_ref().and_then(|arg| arg.as_str()))
                .flatten();
            if let Some(name) = dotted.or(bracketed) {
                self.0.push(name.to_owned());
            }
        }
    }
    let mut arguments = Arguments(Vec::new());
    arguments.visit_expr(expr);
    arguments.0.sort_unstable();
    arguments.0.dedup();
    for name in arguments.0 {
        if name.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let defs = || events.iter().filter_map(|code| code.def());
        if defs().any(|def| def.params.iter().any(|param| param.name == name)) {
            continue;
        }
        let message = format!("evt.arg.{name} never has a value in rule '{}'", item.head.name);
        let mut lint =
            Diagnostic::new(Severity::Warning, "LINT_FIELD_WITHOUT_VALUE", message, item.head.span);
        lint.note = Some(format!("none of its event types has a parameter '{name}'"));
        let params = defs().flat_map(|def| def.params.iter().map(|param| param.name));
        lint.help = nearest(&name, params).map(|near| format!("did you mean 'evt.arg.{near}'?"));
        report.lint(lint);
    }
}

/// What may help with a condition that cannot be parsed.
pub(crate) fn parse_help(error: &ParseError, text: &str) -> Option<String> {
    let at = error.position.index as usize;
    let rest = text.get(at..).unwrap_or_default();
    let found = error.found.as_deref().unwrap_or_default();
    for (wrong, right) in
        [("&&", "and"), ("||", "or"), ("AND", "and"), ("OR", "or"), ("NOT", "not")]
    {
        if rest.starts_with(wrong) {
            return Some(format!("write '{right}' instead of '{wrong}'"));
        }
    }
    if rest.starts_with('!') && !rest.starts_with("!=") {
        return Some("write 'not' instead of '!'".to_owned());
    }
    if rest.starts_with("=~") {
        return Some("write 'regex' instead of '=~'".to_owned());
    }
    let operators = Operator::ALL.iter().map(|op| op.as_str());
    if error.message.contains("operator") && !found.is_empty() {
        return nearest(found, operators).map(|near| format!("did you mean '{near}'?"));
    }
    if error.message.starts_with("unexpected token") {
        match rest.as_bytes().first() {
            Some(b')') => return Some("there is no '(' for this ')'".to_owned()),
            Some(b',') => return Some("put the values in parentheses: (a, b)".to_owned()),
            Some(b'(') => {
                let before = text.get(..at).unwrap_or_default();
                let start = before.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |n| n + 1);
                let known = peregrine_filter::Transformer::ALL.iter().map(|t| t.as_str());
                let near = nearest(&before[start..], known);
                return near.map(|near| format!("did you mean '{near}'?"));
            }
            _ => {}
        }
        return nearest(found, ["and", "or"])
            .map(|near| format!("did you mean '{near}'?"))
            .or_else(|| Some("a text with blanks needs quotes".to_owned()));
    }
    let opened = text.matches('(').count();
    let closed = text.matches(')').count();
    if rest.is_empty() && opened > closed {
        return Some(format!("{} '(' but {} ')'", opened, closed));
    }
    None
}
