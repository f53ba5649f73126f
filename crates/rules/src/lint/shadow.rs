//! Rules behind rules that match whenever they do.

use std::collections::HashMap;
use std::sync::Arc;

use peregrine_event::Priority;
use peregrine_filter::{Expr, ExprKind, Program};

use crate::collector::Collector;
use crate::compiler::CompiledRule;
use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::items::RuleItem;
use crate::problem::Report;

/// Rules up to which all pairs are compared.
const MAX_COMPARED: usize = 5_000;

/// Conjuncts up to which a condition is compared with others.
const MAX_CONJUNCTS: usize = 64;

/// Reports rules that never fire under `rule_matching: first`.
pub(crate) fn check(
    collector: &Collector,
    rules: &[CompiledRule],
    programs: &[Arc<Program>],
    min_priority: Priority,
    report: &mut Report,
) {
    if rules.len() > MAX_COMPARED {
        return;
    }
    let mut interned: HashMap<String, u32> = HashMap::new();
    let mut seen: Vec<(&RuleItem, usize, Vec<u32>)> = Vec::new();
    for rule in rules {
        let Some(item) = collector
            .rules
            .get(&rule.name)
            .filter(|item| item.enabled && item.priority.is_at_least(min_priority))
        else {
            continue;
        };
        let expr = programs[rule.source].source(rule.condition);
        let mut conjuncts = conjuncts(expr, &mut interned);
        conjuncts.sort_unstable();
        conjuncts.dedup();
        if conjuncts.len() > MAX_CONJUNCTS {
            continue;
        }
        let shadow = seen
            .iter()
            .find(|(_, source, theirs)| *source == rule.source && is_subset(theirs, &conjuncts));
        if let Some((earlier, ..)) = shadow {
            report.lint(shadowed(item, earlier));
        }
        seen.push((item, rule.source, conjuncts));
    }
}

/// Within a file the order is its author's mistake. Files that come together are another matter:
/// each may be right, the same rules may be meant for `rule_matching: all`, and who combines them
/// may not change them. Then it is good to know, and no more.
fn shadowed(item: &RuleItem, earlier: &RuleItem) -> Diagnostic {
    let message = format!(
        "with 'rule_matching: first' rule '{}' never fires: rule '{}' comes first and matches \
         whenever it does",
        item.head.name, earlier.head.name
    );
    let is_one_file = item.head.span.file == earlier.head.span.file;
    let severity = if is_one_file { Severity::Warning } else { Severity::Note };
    let mut lint = Diagnostic::new(severity, "LINT_SHADOWED", message, item.head.span);
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
