//! Random trees.

use peregrine_event::ParamType;
use peregrine_filter::{
    Check, Expr, ExprKind, Field, ListItem, Modifier, Operand, OperandKind, Operator, Span, Text,
    Transformer, TransformerCall,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::event::{FIELDS, is_several};

/// Pieces of the language, to be put together at random.
pub const PIECES: &[&str] = &[
    "a",
    "a.b",
    "evt.arg[",
    "]",
    " and ",
    " or ",
    "or",
    "not ",
    "not(",
    "(",
    ")",
    " = ",
    "!=",
    "<=",
    " in ",
    " pmatch",
    " contains ",
    "startswith",
    " exists",
    "'",
    "\"",
    "\\",
    "\\x41",
    "\\q",
    "0x1",
    "-1.5e+3",
    ",",
    " ",
    "\n",
    "\t",
    "\x0b",
    "val(",
    "tolower(",
    "join(",
    "oneof ",
    " allof ",
    "ü",
    "\0",
    "[\"x\"]",
];

fn node(kind: ExprKind) -> Expr {
    Expr::new(kind, Span::default())
}

fn operand(kind: OperandKind) -> Operand {
    Operand::new(kind, Span::default())
}

fn value(text: Text) -> Operand {
    operand(OperandKind::Value(text))
}

fn list(texts: Vec<Text>) -> Operand {
    let item = |text| ListItem { text, span: Span::default() };
    operand(OperandKind::List(texts.into_iter().map(item).collect()))
}

fn check(left: Operand, op: Operator, modifier: Option<Modifier>, right: Option<Operand>) -> Expr {
    node(ExprKind::Check(Box::new(Check { left, op, modifier, right })))
}

fn combine(leaf: BoxedStrategy<Expr>) -> BoxedStrategy<Expr> {
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|c| node(ExprKind::And(c))),
            vec(inner.clone(), 2..4).prop_map(|c| node(ExprKind::Or(c))),
            inner.prop_map(|c| node(ExprKind::Not(Box::new(c)))),
        ]
    })
    .boxed()
}

// Trees that the parser can make, whatever they mean.

fn any_text() -> impl Strategy<Value = Text> {
    prop_oneof![
        vec(any::<u8>(), 0..6).prop_map(Text::from),
        select(&["", "a b", "oneof", "and", "x.y", "val(a.b)", "12", "\\", "ü=", "a\\\"b"][..])
            .prop_map(Text::from),
    ]
}

fn any_name() -> impl Strategy<Value = String> {
    select(&["a", "known_list", "B2", "orx", "inside", "notable"][..]).prop_map(str::to_owned)
}

fn any_field() -> impl Strategy<Value = Operand> {
    (select(&["a.b", "evt.arg.name", "x1.y_2"][..]), option::of(any_text()))
        .prop_map(|(name, arg)| operand(OperandKind::Field(Field { name: name.to_owned(), arg })))
}

fn any_call(with_val: bool) -> BoxedStrategy<Operand> {
    let call = |transformer, args, arg| {
        operand(OperandKind::Transformer(TransformerCall { transformer, args, arg }))
    };
    let leaf = prop_oneof![any_field(), any_text().prop_map(value)].boxed();
    let nested = leaf.prop_recursive(3, 12, 3, move |inner| {
        let tuple_item = prop_oneof![any_field(), any_text().prop_map(value)];
        let arg = prop_oneof![
            inner,
            vec(tuple_item, 0..3).prop_map(|items| operand(OperandKind::Tuple(items))),
        ];
        (select(&Transformer::ALL[1..]), vec(arg, 1..3), option::of(any_text()))
            .prop_map(move |(transformer, args, arg)| call(transformer, args, arg))
    });
    let outer = (select(&Transformer::ALL[1..]), vec(nested, 1..3), option::of(any_text()))
        .prop_map(move |(transformer, args, arg)| call(transformer, args, arg));
    if !with_val {
        return outer.boxed();
    }
    let val = any_field().prop_map(move |field| call(Transformer::Val, vec![field], None));
    prop_oneof![outer, val].boxed()
}

fn any_check() -> BoxedStrategy<Expr> {
    let left = || prop_oneof![3 => any_field(), 1 => any_call(false)];
    let numbers = select(&["12", "-1", "0x1F", "1.5e+3"][..]).prop_map(|n| value(Text::from(n)));
    let lists = || {
        prop_oneof![
            vec(any_text(), 0..4).prop_map(list),
            any_name().prop_map(|name| value(Text::from(name))),
        ]
    };
    let operators = |wanted: fn(Operator) -> bool| {
        select(Operator::ALL.iter().copied().filter(|o| wanted(*o)).collect::<Vec<_>>())
    };
    prop_oneof![
        left().prop_map(|l| check(l, Operator::Exists, None, None)),
        (left(), operators(Operator::is_ordering), prop_oneof![numbers, any_call(true)])
            .prop_map(|(l, op, r)| check(l, op, None, Some(r))),
        (
            left(),
            operators(Operator::is_string),
            prop_oneof![any_text().prop_map(value), any_call(true)]
        )
            .prop_map(|(l, op, r)| check(l, op, None, Some(r))),
        (left(), operators(Operator::is_string), select(Modifier::ALL), lists())
            .prop_map(|(l, op, modifier, r)| check(l, op, Some(modifier), Some(r))),
        (left(), operators(Operator::is_list), prop_oneof![lists(), any_call(true)])
            .prop_map(|(l, op, r)| check(l, op, None, Some(r))),
        any_name().prop_map(|name| node(ExprKind::Macro(name))),
    ]
    .boxed()
}

/// Any tree.
pub fn any_expr() -> BoxedStrategy<Expr> {
    combine(any_check())
}

// Trees that compile over the made-up fields.

fn literals(ty: ParamType) -> &'static [&'static str] {
    match ty {
        ParamType::CharBuf => &["", "a", "abc", "ABC", "b", "-n", "a*", "[a-c]bc", "*B*", "bc"],
        ParamType::FsPath => {
            &["/etc", "/usr/l?b", "/etc/passwd", "/", "/p\u{fffd}", "*ss*d", "/p?"]
        }
        ParamType::ByteBuf => &["", "a", "ab", "b"],
        ParamType::Bool => &["true", "false"],
        ParamType::IpAddr => &["10.1.2.3", "::1", "10.2.0.0"],
        ParamType::IpNet => &["10.0.0.0/8", "192.168.0.1/32", "fe80::/10", "::/0", "10.1.0.0/16"],
        ParamType::Port => &["22", "http", "443", "0"],
        _ => &["0", "1", "-1", "3", "300"],
    }
}

fn operators(ty: ParamType, is_list: bool) -> Vec<Operator> {
    use Operator::*;
    let mut ops = vec![In, Intersects];
    if is_list {
        return ops;
    }
    ops.extend([Eq, EqEq, Ne]);
    match ty {
        ParamType::CharBuf | ParamType::FsPath => {
            ops.extend([Contains, Icontains, Startswith, Endswith, Glob, Iglob, Regex, Pmatch]);
            ops.extend([Lt, Le, Gt, Ge]);
        }
        ParamType::ByteBuf => {
            ops.extend([Contains, Startswith, Endswith, Bcontains, Bstartswith]);
        }
        ParamType::Bool | ParamType::IpAddr | ParamType::IpNet => {}
        _ => ops.extend([Lt, Le, Gt, Ge]),
    }
    ops
}

fn pool(op: Operator, ty: ParamType) -> &'static [&'static str] {
    match op {
        Operator::Bcontains | Operator::Bstartswith => &["61", "6162", "00", "ff", ""],
        Operator::Regex => &["a.*", ".*b?c", "", "[a-z]+", "/.*/p[a-z]+", "/p.", "a|ab|abc"],
        _ => literals(ty),
    }
}

fn field(name: &str) -> Operand {
    operand(OperandKind::Field(Field { name: name.to_owned(), arg: None }))
}

fn call(transformer: Transformer, args: Vec<Operand>, arg: Option<Text>) -> Operand {
    operand(OperandKind::Transformer(TransformerCall { transformer, args, arg }))
}

/// A field, perhaps within one or two transformers, and the type that gives.
fn transformed() -> BoxedStrategy<(Operand, ParamType, bool)> {
    let transformers = option::weighted(0.3, select(&Transformer::ALL[1..6]));
    (select(&FIELDS[..]), transformers.clone(), transformers)
        .prop_map(|((name, ty, is_list, _), first, second)| {
            let mut left = (field(name), ty, is_list);
            if is_several(name) {
                return left;
            }
            for transformer in [first, second].into_iter().flatten() {
                let result = peregrine_filter::transform::result_type(transformer, left.1, left.2);
                if let Some((ty, is_list)) = result {
                    left = (call(transformer, vec![left.0], None), ty, is_list);
                }
            }
            left
        })
        .boxed()
}

/// A call of a transformer that takes several arguments, and the type that gives.
fn joined() -> BoxedStrategy<(Operand, ParamType, bool)> {
    let text = |text: &str| value(Text::from(text));
    let part = prop_oneof![
        Just(field("t.name")),
        select(&["", "a", "-n"][..]).prop_map(text),
        Just(call(Transformer::Toupper, vec![field("t.name")], None)),
    ];
    let tuple = vec(part.clone(), 0..3).prop_map(|parts| operand(OperandKind::Tuple(parts)));
    let list = prop_oneof![Just(field("t.args")), tuple];
    let letter = option::of(select(&["n", "a", "z"][..]));
    prop_oneof![
        (select(&["", "a"][..]), list)
            .prop_map(move |(by, list)| call(Transformer::Join, vec![text(by), list], None))
            .prop_map(|join| (join, ParamType::CharBuf, false)),
        vec(part, 2..4).prop_map(|parts| (
            call(Transformer::Concat, parts, None),
            ParamType::CharBuf,
            false
        )),
        (select(&["n", "n:", ":an:", "a"][..]), letter).prop_map(move |(options, letter)| {
            let args = vec![field("t.args"), text(options)];
            let is_list = letter.is_none();
            let call = call(Transformer::Getopt, args, letter.map(Text::from));
            (call, ParamType::CharBuf, is_list)
        }),
    ]
    .boxed()
}

/// What can stand on the left of a check, and its type.
fn typed_left() -> BoxedStrategy<(Operand, ParamType, bool)> {
    prop_oneof![5 => transformed(), 1 => joined()].boxed()
}

/// A check of a value against what is written.
fn literal_check(left: Operand, ty: ParamType, is_list: bool) -> BoxedStrategy<Expr> {
    (Just(left), select(operators(ty, is_list)))
        .prop_flat_map(move |(left, op)| {
            let texts = vec(select(pool(op, ty)).prop_map(Text::from), 0..4);
            let single = select(pool(op, ty)).prop_map(Text::from);
            let may_modify = op.is_string() && !is_list;
            let modifier = if may_modify {
                option::weighted(0.4, select(Modifier::ALL)).boxed()
            } else {
                Just(None).boxed()
            };
            (Just(left), Just(op), modifier, texts, single).prop_map(
                |(left, op, modifier, texts, single)| {
                    let takes_list = op.is_list() || modifier.is_some();
                    let right = if takes_list { list(texts) } else { value(single) };
                    check(left, op, modifier, Some(right))
                },
            )
        })
        .boxed()
}

/// Several checks of one value, some of them negated, joined by `and`.
pub fn checks_of_one_value() -> BoxedStrategy<Expr> {
    typed_left()
        .prop_flat_map(|(left, ty, is_list)| {
            let exists = check(left.clone(), Operator::Exists, None, None);
            let one = prop_oneof![6 => literal_check(left, ty, is_list), 1 => Just(exists)];
            let maybe_not = (one, any::<bool>()).prop_map(|(expr, negated)| match negated {
                true => node(ExprKind::Not(Box::new(expr))),
                false => expr,
            });
            vec(maybe_not, 2..5).prop_map(|all| node(ExprKind::And(all)))
        })
        .boxed()
}

fn typed_check() -> BoxedStrategy<Expr> {
    let literal =
        typed_left().prop_flat_map(|(left, ty, is_list)| literal_check(left, ty, is_list));
    let exists = typed_left().prop_map(|(l, _, _)| check(l, Operator::Exists, None, None));
    // Two fields of the same type.
    let pairs = [
        ("t.name", "t.name"),
        ("t.num", "t.num"),
        ("t.buf", "t.buf"),
        ("t.ip", "t.ip"),
        ("t.args", "t.args"),
        ("t.load", "t.load"),
    ];
    let fields = select(pairs.to_vec()).prop_flat_map(|(left, right)| {
        let (_, ty, is_list, _) = FIELDS.into_iter().find(|f| f.0 == left).unwrap();
        let mut ops = operators(ty, is_list);
        ops.retain(|op| !matches!(op, Operator::Regex | Operator::Pmatch));
        select(ops).prop_map(move |op| {
            let right = call(Transformer::Val, vec![field(right)], None);
            check(field(left), op, None, Some(right))
        })
    });
    prop_oneof![8 => literal, 1 => exists, 1 => fields].boxed()
}

/// A tree that compiles.
pub fn typed_expr() -> BoxedStrategy<Expr> {
    combine(typed_check())
}

/// Conditions on texts, with few operators and few constants: what is answered by tables.
pub fn expr_on_texts() -> BoxedStrategy<Expr> {
    const CONSTANTS: [&str; 14] = [
        "",
        "a",
        "ab",
        "abc",
        "b",
        "c",
        "/etc",
        "/etc/passwd",
        "passwd",
        "/usr",
        "lib",
        "x",
        "-n",
        "x y",
    ];
    let fields = select(&["t.name", "t.path", "t.buf", "t.above", "t.args"][..]);
    let leaf = (fields, 0..6, vec(select(&CONSTANTS[..]), 1..11)).prop_map(|(name, op, texts)| {
        let left = operand(OperandKind::Field(Field { name: name.into(), arg: None }));
        let many = || list(texts.iter().map(|text| (*text).into()).collect());
        let one = || value(texts[0].into());
        match op {
            _ if name == "t.args" => check(left, Operator::Intersects, None, Some(many())),
            0 => check(left, Operator::In, None, Some(many())),
            1 => check(left, Operator::Startswith, None, Some(one())),
            2 => check(left, Operator::Endswith, None, Some(one())),
            3 => check(left, Operator::Contains, None, Some(one())),
            4 => check(left, Operator::Ne, None, Some(one())),
            _ => check(left, Operator::Eq, None, Some(one())),
        }
    });
    combine(leaf.boxed())
}
