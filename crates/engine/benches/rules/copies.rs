//! More rules than anybody has written: copies of rules with other constants.

use std::fmt::Write;

use peregrine_engine::ruleset::Detection;
use peregrine_filter::{Check, Expr, ExprKind, Operand, OperandKind};

/// Fields whose texts say which program, file or user a rule is about. What the others are
/// compared with (kinds of events, of descriptors, flags) is the same for every rule that a team
/// writes, and stays.
const NAMES: [&str; 7] =
    ["proc.", "fd.name", "fd.directory", "fd.filename", "container.image", "user.name", "evt.arg"];

/// A rules file with `copies - 1` copies of every rule.
pub fn of(detection: &Detection, copies: usize) -> String {
    let mut yaml = String::new();
    for copy in 1..copies {
        for rule in &detection.rules {
            let mut condition = detection.program.source(rule.condition).clone();
            change(&mut condition, copy);
            let name = format!("{} {copy}", rule.identity.name());
            // JSON text is YAML text.
            let quoted = |text: &str| serde_json::to_string(text).expect("text is JSON");
            let _ = write!(
                yaml,
                "- rule: {}\n  desc: copy\n  condition: {}\n  output: copy\n  priority: {}\n",
                quoted(&name),
                quoted(&condition.to_string()),
                rule.identity.priority(),
            );
        }
    }
    yaml
}

fn change(expr: &mut Expr, copy: usize) {
    match &mut expr.kind {
        ExprKind::And(children) | ExprKind::Or(children) => {
            children.iter_mut().for_each(|child| change(child, copy));
        }
        ExprKind::Not(child) => change(child, copy),
        ExprKind::Check(check) => change_check(check, copy),
        ExprKind::Macro(_) => {}
    }
}

fn change_check(check: &mut Check, copy: usize) {
    let is_name = |operand: &Operand| match &operand.kind {
        OperandKind::Field(field) => NAMES.iter().any(|name| field.name.starts_with(name)),
        _ => false,
    };
    if !is_name(&check.left) {
        return;
    }
    let changed = |text: &str| {
        let is_word = text.len() > 2 && text.bytes().any(|b| b.is_ascii_alphabetic());
        let is_truth = matches!(text, "true" | "false");
        (is_word && !is_truth).then(|| format!("{text}{copy}"))
    };
    let texts = match check.right.as_mut().map(|right| &mut right.kind) {
        Some(OperandKind::Value(text)) => vec![text],
        Some(OperandKind::List(items)) => items.iter_mut().map(|item| &mut item.text).collect(),
        _ => return,
    };
    for text in texts {
        if let Some(new) = text.as_str().and_then(changed) {
            *text = new.as_str().into();
        }
    }
}
