//! Which events can satisfy a condition, judged from `evt.type`, `syscall.type` and `evt.num`.
//!
//! A condition is a set algebra over its checks: `and` intersects, `or` unites, `not` is pushed
//! down to the checks by De Morgan's laws. A check on the event's name gives the events of that
//! name; any other check may hold for every event, negated or not.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use peregrine_event::syscalls::{SYSCALL_NAMES, X86_64};
use peregrine_event::table::EVENTS;
use peregrine_event::{EventCode, ParamType, code};

use crate::diagnostic::CompileError;
use crate::literal::read_number;
use crate::syntax::{Check, Expr, ExprKind, Operand, OperandKind, Operator, Span, Text};

/// Portable syscall ids (Falco's `ppm_sc`), as in [`SYSCALL_NAMES`].
pub type SyscallIds = BTreeSet<u16>;

/// Event codes, Falco's and our own.
pub type EventCodes = BTreeSet<EventCode>;

/// The system calls that can satisfy a condition.
///
/// # Errors
/// `evt.type` stands inside a transformer or is compared with a field.
pub fn syscall_set(expr: &Expr) -> Result<SyscallIds, CompileError> {
    let all = all_syscalls();
    let set = possible(expr, false, &all, &|name| names_to_syscalls(&[name]))?;
    Ok(set.unwrap_or(all))
}

/// The event types that can satisfy a condition, old and unused ones too.
///
/// # Errors
/// `evt.type` stands inside a transformer or is compared with a field.
pub fn event_set(expr: &Expr) -> Result<EventCodes, CompileError> {
    let all = all_events();
    let set = possible(expr, false, &all, &|name| names_to_events(&[name]))?;
    Ok(set.unwrap_or(all))
}

/// Every system call.
pub fn all_syscalls() -> SyscallIds {
    let named = |id: &u16| !SYSCALL_NAMES[usize::from(*id)].is_empty();
    (1..SYSCALL_NAMES.len() as u16).filter(named).collect()
}

/// Every event type.
pub fn all_events() -> EventCodes {
    EVENTS.iter().map(|e| e.code).collect()
}

/// Whether a name is that of an event or of a system call.
pub fn is_event_name(name: &str) -> bool {
    !name.is_empty() && (EVENTS.iter().any(|e| e.name == name) || SYSCALL_NAMES.contains(&name))
}

/// The event types with these values of `evt.type`; a system call without events of its own is
/// among the generic ones.
pub fn names_to_events(names: &[&str]) -> EventCodes {
    let mut events = EventCodes::new();
    for name in names {
        let named = EVENTS.iter().filter(|e| e.name == *name && !is_generic(e.code));
        let before = events.len();
        events.extend(named.map(|e| e.code));
        if events.len() == before && !name.is_empty() && SYSCALL_NAMES.contains(name) {
            events.extend([code::GENERIC_E, code::GENERIC_X]);
        }
    }
    events
}

/// The system calls that can produce events with these values of `evt.type`.
pub fn names_to_syscalls(names: &[&str]) -> SyscallIds {
    static EVENTS_OF: OnceLock<Vec<Option<Vec<EventCode>>>> = OnceLock::new();
    let events_of = EVENTS_OF.get_or_init(|| {
        let names = SYSCALL_NAMES.iter().enumerate();
        names.map(|(id, name)| events_of(id as u16, name)).collect()
    });
    let events = names_to_events(names);
    let originals: Vec<String> = events.iter().filter_map(|e| original_name(*e)).collect();
    let mut ids = SyscallIds::new();
    for (id, syscall) in SYSCALL_NAMES.iter().enumerate().skip(1) {
        if syscall.is_empty() {
            continue;
        }
        let wanted = match &events_of[id] {
            Some(pair) => {
                pair.iter().any(|e| events.contains(e))
                    || originals.iter().any(|name| name == syscall)
            }
            None => names.contains(syscall),
        };
        if wanted {
            ids.insert(id as u16);
        }
    }
    ids
}

fn is_generic(code: EventCode) -> bool {
    code == code::GENERIC_E || code == code::GENERIC_X
}

/// The events a system call produces today; `None` for the generic ones.
///
/// For calls that x86-64 does not have, the events of the same name.
fn events_of(id: u16, name: &str) -> Option<Vec<EventCode>> {
    if let Some(syscall) = X86_64.iter().find(|s| s.id == id) {
        if is_generic(syscall.exit) {
            return None;
        }
        return Some(vec![EventCode(syscall.exit.0 & !1), syscall.exit]);
    }
    let live: Vec<EventCode> =
        EVENTS.iter().filter(|e| e.name == name && !is_generic(e.code)).map(|e| e.code).collect();
    (!live.is_empty()).then_some(live)
}

/// The system call that an event was made for, from its constant: `SOCKET_ACCEPT4_5_X` is of
/// `accept4` although `evt.type` says `accept`.
fn original_name(code: EventCode) -> Option<String> {
    let constant = code.def()?.constant;
    let rest = constant.strip_prefix("SYSCALL_").or_else(|| constant.strip_prefix("SOCKET_"))?;
    let base = rest.strip_suffix("_E").or_else(|| rest.strip_suffix("_X"))?;
    let base = match base.rsplit_once('_') {
        Some((name, version)) if version.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => base,
    };
    Some(base.to_ascii_lowercase())
}

/// What is known of a check.
enum Possible<T> {
    /// It may hold for these; its negation for all others.
    Exactly(T),
    /// It and its negation may hold for all.
    Unknown,
}

/// The set of a tree, negated or not; `None` for everything, which is what most checks give.
fn possible<T: Ord + Copy>(
    expr: &Expr,
    negated: bool,
    all: &BTreeSet<T>,
    named: &dyn Fn(&str) -> BTreeSet<T>,
) -> Result<Option<BTreeSet<T>>, CompileError> {
    let children = match &expr.kind {
        ExprKind::Not(child) => return possible(child, !negated, all, named),
        ExprKind::Macro(_) => return Ok(None),
        ExprKind::Check(check) => {
            return Ok(match (of_check(check, expr.span, all, named)?, negated) {
                (Possible::Unknown, _) => None,
                (Possible::Exactly(set), false) => Some(set),
                (Possible::Exactly(set), true) => Some(all - &set),
            });
        }
        ExprKind::And(children) | ExprKind::Or(children) => children,
    };
    let unite = matches!(&expr.kind, ExprKind::Or(_)) != negated;
    let mut set = if unite { Some(BTreeSet::new()) } else { None };
    for child in children {
        // All children are looked at, for the sake of their errors.
        let child = possible(child, negated, all, named)?;
        set = match (set, child) {
            (Some(set), Some(child)) if unite => Some(&set | &child),
            (Some(set), Some(child)) => Some(&set & &child),
            (set, None) | (None, set) => set.filter(|_| !unite),
        };
    }
    Ok(set)
}

fn of_check<T: Ord + Copy>(
    check: &Check,
    span: Span,
    all: &BTreeSet<T>,
    named: &dyn Fn(&str) -> BTreeSet<T>,
) -> Result<Possible<BTreeSet<T>>, CompileError> {
    if let Some(holds) = of_event_number(check) {
        return Ok(Possible::Exactly(if holds { all.clone() } else { BTreeSet::new() }));
    }
    let compares_names = check.op.is_equality() || matches!(check.op, Operator::Ne | Operator::In);
    if !compares_names && check.op != Operator::Exists {
        return Ok(Possible::Unknown);
    }
    if !is_event_type(&check.left, span)? || check.modifier.is_some() {
        return Ok(Possible::Unknown);
    }
    let names: Vec<&Text> = match check.right.as_ref().map(|right| &right.kind) {
        None => return Ok(Possible::Exactly(all.clone())),
        Some(OperandKind::Value(name)) => vec![name],
        Some(OperandKind::List(items)) => items.iter().map(|i| &i.text).collect(),
        Some(_) => {
            let message = "right-hand field comparisons on `evt.type`/`syscall.type` checks are \
                           not supported by event code search";
            return Err(CompileError { span, message: message.to_owned(), hint: None });
        }
    };
    if check.op == Operator::In && names.is_empty() {
        // Falco takes an empty list for a check that says nothing once it is negated.
        return Ok(Possible::Exactly(BTreeSet::new()));
    }
    let mut set = BTreeSet::new();
    for name in names {
        set.extend(name.as_str().map(named).unwrap_or_default());
    }
    Ok(Possible::Exactly(if check.op == Operator::Ne { all - &set } else { set }))
}

/// Whether the left-hand side is the event's name.
fn is_event_type(operand: &Operand, span: Span) -> Result<bool, CompileError> {
    match &operand.kind {
        OperandKind::Field(field) => {
            Ok(matches!(&*field.name, "evt.type" | "syscall.type") && field.arg.is_none())
        }
        OperandKind::Transformer(call) => {
            for arg in &call.args {
                if is_event_type(arg, span)? {
                    let message =
                        "event code search does not support `evt.type` checks with transformers";
                    return Err(CompileError { span, message: message.to_owned(), hint: None });
                }
            }
            Ok(false)
        }
        OperandKind::Tuple(operands) => {
            operands.iter().try_fold(false, |any, o| Ok(any | is_event_type(o, span)?))
        }
        OperandKind::Value(_) | OperandKind::List(_) => Ok(false),
    }
}

/// `evt.num` counts from one: whether a comparison with it always or never holds.
fn of_event_number(check: &Check) -> Option<bool> {
    let OperandKind::Field(field) = &check.left.kind else { return None };
    if field.name != "evt.num" || field.arg.is_some() || check.modifier.is_some() {
        return None;
    }
    let number = |text: &Text| text.as_str().and_then(|t| read_number(t, ParamType::Uint64).ok());
    match &check.right.as_ref()?.kind {
        OperandKind::List(items) if check.op == Operator::In => {
            items.iter().all(|i| number(&i.text) == Some(0)).then_some(false)
        }
        OperandKind::Value(value) => {
            let number = number(value)?;
            match check.op {
                Operator::Eq | Operator::EqEq | Operator::Le if number == 0 => Some(false),
                Operator::Lt if number <= 1 => Some(false),
                Operator::Ne | Operator::Gt if number == 0 => Some(true),
                Operator::Ge if number <= 1 => Some(true),
                _ => None,
            }
        }
        _ => None,
    }
}
