//! The meaning of a condition, spelled out: no sharing, no preparation, no memory.

use std::net::IpAddr;

use ipnet::IpNet;
use peregrine_event::{ParamType, Value};
use peregrine_filter::{
    Check, Expr, ExprKind, Modifier, Operand, OperandKind, Operator, Transformer,
};

use super::event::{Event, FIELDS};

/// Whether a condition holds.
pub fn holds(expr: &Expr, event: &Event) -> bool {
    match &expr.kind {
        ExprKind::And(children) => children.iter().all(|c| holds(c, event)),
        ExprKind::Or(children) => children.iter().any(|c| holds(c, event)),
        ExprKind::Not(child) => !holds(child, event),
        ExprKind::Check(check) => check_holds(check, event),
        ExprKind::Macro(name) => panic!("macro {name}"),
    }
}

struct Side<'a> {
    values: Vec<Value<'a>>,
    ty: ParamType,
    is_list: bool,
}

fn side<'a>(operand: &Operand, event: &'a Event) -> (ParamType, bool, Option<Vec<Value<'a>>>) {
    match &operand.kind {
        OperandKind::Field(field) => {
            let (_, ty, is_list, _) = FIELDS.into_iter().find(|f| f.0 == field.name).unwrap();
            (ty, is_list, event.values(&field.name))
        }
        OperandKind::Value(text) => {
            (ParamType::CharBuf, false, Some(vec![Value::owned(text.to_vec())]))
        }
        OperandKind::Tuple(operands) => {
            let parts: Option<Vec<_>> = operands.iter().map(|o| side(o, event).2).collect();
            (ParamType::CharBuf, true, parts.map(|parts| parts.concat()))
        }
        OperandKind::Transformer(call) if call.args.len() > 1 || is_joining(call.transformer) => {
            let args: Option<Vec<_>> = call.args.iter().map(|o| side(o, event).2).collect();
            let option = call.arg.as_ref().map(|arg| arg[0]);
            let is_list = call.transformer == Transformer::Getopt && option.is_none();
            let values = args.and_then(|args| join(call.transformer, &args, option));
            let values = values.map(|v| v.into_iter().map(Value::owned).collect());
            (ParamType::CharBuf, is_list, values)
        }
        OperandKind::Transformer(call) => {
            let (ty, is_list, values) = side(&call.args[0], event);
            if call.transformer == Transformer::Len {
                let len = values.map(|values| match is_list {
                    true => values.len(),
                    false => values[0].as_bytes().unwrap().len(),
                });
                return (ParamType::Uint64, false, len.map(|l| vec![Value::Uint(l as u64)]));
            }
            let values =
                values.and_then(|v| v.iter().map(|v| transform(call.transformer, v)).collect());
            (ty, is_list, values)
        }
        _ => panic!("not a side: {operand}"),
    }
}

fn is_joining(transformer: Transformer) -> bool {
    matches!(transformer, Transformer::Join | Transformer::Concat | Transformer::Getopt)
}

fn join(transformer: Transformer, args: &[Vec<Value>], wanted: Option<u8>) -> Option<Vec<Vec<u8>>> {
    let texts = |values: &[Value]| -> Vec<Vec<u8>> {
        values.iter().map(|v| v.as_bytes().unwrap().to_vec()).collect()
    };
    match transformer {
        Transformer::Join => Some(vec![texts(&args[1]).join(args[0][0].as_bytes().unwrap())]),
        Transformer::Concat => Some(vec![
            args.iter().map(|arg| texts(&arg[..1]).concat()).collect::<Vec<_>>().concat(),
        ]),
        _ => {
            let all = options(&texts(&args[0]), args[1][0].as_bytes().unwrap());
            match wanted {
                None => {
                    let flat = all.into_iter().flat_map(|(_, name, value)| [Some(name), value]);
                    Some(flat.flatten().collect())
                }
                Some(wanted) => {
                    let of = |(letter, ..): &&(u8, Vec<u8>, Option<Vec<u8>>)| *letter == wanted;
                    // An option that is not among those asked for is not found.
                    let known = |(_, name, _): &&(u8, Vec<u8>, Option<Vec<u8>>)| name != b"?";
                    let (_, name, value) = all.iter().filter(of).rfind(known)?;
                    Some(vec![value.clone().unwrap_or_else(|| name.clone())])
                }
            }
        }
    }
}

/// Short options: letter, name as it is shown, argument.
fn options(args: &[Vec<u8>], wanted: &[u8]) -> Vec<(u8, Vec<u8>, Option<Vec<u8>>)> {
    let wanted = wanted.strip_prefix(b":").unwrap_or(wanted);
    let mut found = Vec::new();
    let mut at = 0;
    while at < args.len() && args[at].len() > 1 && args[at][0] == b'-' && args[at] != b"--" {
        let arg = &args[at];
        at += 1;
        if arg.starts_with(b"--") {
            continue;
        }
        let mut index = 1;
        while index < arg.len() {
            let letter = arg[index];
            index += 1;
            match wanted.iter().position(|w| *w == letter) {
                None => found.push((letter, b"?".to_vec(), None)),
                Some(place) if wanted.get(place + 1) == Some(&b':') => {
                    if index < arg.len() {
                        found.push((letter, vec![letter], Some(arg[index..].to_vec())));
                    } else if at < args.len() {
                        found.push((letter, vec![letter], Some(args[at].clone())));
                        at += 1;
                    } else {
                        found.push((letter, Vec::new(), None));
                    }
                    break;
                }
                Some(_) => found.push((letter, vec![letter], None)),
            }
        }
    }
    found
}

fn transform<'a>(transformer: Transformer, value: &Value<'a>) -> Option<Value<'a>> {
    let Value::Bytes(bytes) = value else { return Some(value.clone()) };
    let mut bytes = bytes.to_vec();
    if transformer == Transformer::Val {
        return Some(Value::owned(bytes));
    }
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    Some(Value::owned(match transformer {
        Transformer::Tolower => bytes.to_ascii_lowercase(),
        Transformer::Toupper => bytes.to_ascii_uppercase(),
        Transformer::Basename => bytes.rsplit(|b| *b == b'/').next().unwrap().to_vec(),
        Transformer::B64 => base64(&bytes)?,
        _ => panic!("transformer {transformer}"),
    }))
}

fn base64(text: &[u8]) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = String::from_utf8(text.to_vec()).ok()?;
    let text = text.strip_suffix("==").or(text.strip_suffix('=')).unwrap_or(&text);
    let mut bits = String::new();
    for byte in text.bytes() {
        bits.push_str(&format!("{:06b}", DIGITS.iter().position(|d| *d == byte)?));
    }
    let whole = bits.len() / 8 * 8;
    if bits.len() - whole >= 6 || bits[whole..].contains('1') {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&bits[at..at + 8], 2).unwrap();
    Some((0..whole).step_by(8).map(byte).collect())
}

fn check_holds(check: &Check, event: &Event) -> bool {
    let (ty, is_list, values) = side(&check.left, event);
    let Some(values) = values else { return false };
    let left = Side { values, ty, is_list };
    let Some(right) = &check.right else { return true };
    match &right.kind {
        OperandKind::Value(text) => against(&left, check, |v| written(check.op, ty, v, text)),
        OperandKind::List(items) => against(&left, check, |v| {
            let mut passed = items.iter().map(|i| written(check.op, ty, v, &i.text));
            match check.modifier {
                None | Some(Modifier::Anyof) => passed.any(|p| p),
                Some(Modifier::Allof) => !items.is_empty() && passed.all(|p| p),
                Some(Modifier::Oneof) => passed.filter(|p| *p).count() == 1,
            }
        }),
        _ => {
            let (_, _, Some(right)) = side(right, event) else { return false };
            against(&left, check, |v| {
                if is_list || check.op.is_list() {
                    return right.iter().any(|r| two(Operator::Eq, v, r));
                }
                right.first().is_some_and(|r| two(check.op, v, r))
            })
        }
    }
}

/// How the values of the left side count together.
fn against(left: &Side, check: &Check, test: impl Fn(&Value) -> bool) -> bool {
    let mut values = left.values.iter();
    let endpoints = matches!(left.ty, ParamType::Port | ParamType::IpAddr | ParamType::IpNet);
    match check.op {
        Operator::In if left.is_list => values.all(test),
        Operator::Ne if endpoints => !left.values.is_empty() && values.all(test),
        _ => values.any(test),
    }
}

/// A value against a text of the condition.
fn written(op: Operator, ty: ParamType, value: &Value, text: &[u8]) -> bool {
    let text_str = std::str::from_utf8(text).unwrap();
    match ty {
        ParamType::IpNet => {
            let net: IpNet = text_str.parse().unwrap();
            let Value::Ip(address) = value else { return false };
            net.contains(address) != (op == Operator::Ne)
        }
        ParamType::IpAddr => two(op, value, &Value::Ip(text_str.parse::<IpAddr>().unwrap())),
        ParamType::Bool => two(op, value, &Value::Bool(text_str == "true")),
        ParamType::Double => two(op, value, &Value::Double(text_str.parse().unwrap())),
        ParamType::Port => {
            let port = if text_str == "http" { 80 } else { text_str.parse().unwrap() };
            two(op, value, &Value::Uint(port))
        }
        ParamType::Uint32 => {
            let number: i64 = text_str.parse().unwrap();
            two(op, value, &Value::Uint(u64::from(number as u32)))
        }
        ParamType::Uint64 => {
            let number: i64 = text_str.parse().unwrap();
            two(op, value, &Value::Uint(number as u64))
        }
        ParamType::Int64 => two(op, value, &Value::Int(text_str.parse().unwrap())),
        _ => {
            let value = value.as_bytes().unwrap();
            match op {
                Operator::Regex => {
                    let regex = regex::Regex::new(&format!("^(?:{text_str})$")).unwrap();
                    regex.is_match(&String::from_utf8_lossy(value))
                }
                Operator::Pmatch => below(value, text),
                Operator::Bcontains | Operator::Bstartswith => {
                    let digits = |at: usize| u8::from_str_radix(&text_str[at..at + 2], 16).unwrap();
                    let bytes: Vec<u8> = (0..text.len()).step_by(2).map(digits).collect();
                    two(op, &Value::bytes(value), &Value::owned(bytes))
                }
                _ => two(op, &Value::bytes(value), &Value::bytes(text)),
            }
        }
    }
}

fn below(path: &[u8], top: &[u8]) -> bool {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|b| *b == b'/').filter(|p| !p.is_empty()).map(<[u8]>::to_vec).collect()
    };
    let (path, top) = (parts(path), parts(top));
    path.len() >= top.len() && top.iter().zip(&path).all(|(t, p)| glob(t, p))
}

/// Two values of the same type.
fn two(op: Operator, left: &Value, right: &Value) -> bool {
    use std::cmp::Ordering;
    let ordering = match (left, right) {
        (Value::Bytes(l), Value::Bytes(r)) => {
            let (lower_l, lower_r) = (l.to_ascii_lowercase(), r.to_ascii_lowercase());
            let within =
                |l: &[u8], r: &[u8]| r.is_empty() || l.windows(r.len()).any(|window| window == r);
            match op {
                Operator::Contains | Operator::Bcontains => return within(l, r),
                Operator::Icontains => return within(&lower_l, &lower_r),
                Operator::Startswith | Operator::Bstartswith => return l.starts_with(r),
                Operator::Endswith => return l.ends_with(r),
                Operator::Glob => return glob(r, l),
                Operator::Iglob => return glob(&lower_r, &lower_l),
                _ => Some(l.cmp(r)),
            }
        }
        (Value::Double(l), Value::Double(r)) => l.partial_cmp(r),
        (Value::Ip(l), Value::Ip(r)) => Some(l.cmp(r)),
        (Value::Bool(l), Value::Bool(r)) => Some(l.cmp(r)),
        (Value::Int(l), Value::Int(r)) => Some(l.cmp(r)),
        (Value::Uint(l), Value::Uint(r)) => Some(l.cmp(r)),
        _ => return false,
    };
    match op {
        Operator::Ne => ordering != Some(Ordering::Equal),
        Operator::Lt => ordering == Some(Ordering::Less),
        Operator::Gt => ordering == Some(Ordering::Greater),
        Operator::Le => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Operator::Ge => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        _ => ordering == Some(Ordering::Equal),
    }
}

/// Patterns of `*`, `?` and `[x-y]` only.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => {
            glob(rest, text) || (!text.is_empty() && glob(pattern, &text[1..]))
        }
        ([b'?', rest @ ..], [_, more @ ..]) => glob(rest, more),
        ([b'[', low, b'-', high, b']', rest @ ..], [byte, more @ ..]) => {
            (low..=high).contains(&byte) && glob(rest, more)
        }
        ([same, rest @ ..], [byte, more @ ..]) => same == byte && glob(rest, more),
        _ => false,
    }
}
