//! Vectors of the parser: `parse`, `escape`, `unescape`, `supported`, `text`.

use peregrine_filter::syntax::{escape, unescape};
use peregrine_filter::{
    Expr, ExprKind, Operand, OperandKind, Operator, ParseOptions, Position, Text, Transformer,
    parse, parse_with,
};
use serde_json::Value as Json;

use crate::case::{bytes, expect_eq};

/// Runs a case.
pub fn check(vector: &Json) -> Result<(), String> {
    match vector["kind"].as_str() {
        Some("parse") => check_parse(vector),
        Some("text") => check_text(vector),
        Some("escape") => {
            let got = escape(&bytes(&vector["in"]));
            expect_eq("escaped", got, bytes(&vector["out"]))
        }
        Some("unescape") => match unescape(&bytes(&vector["in"])) {
            Ok(_) if vector["error"] == true => Err("must be refused".to_owned()),
            Ok(got) => expect_eq("unescaped", got, bytes(&vector["out"])),
            Err(_) if vector["error"] == true => Ok(()),
            Err(error) => Err(error.to_string()),
        },
        Some("supported") => check_supported(vector),
        kind => Err(format!("unknown kind {kind:?}")),
    }
}

fn check_supported(vector: &Json) -> Result<(), String> {
    let transformers = Transformer::ALL.iter().map(|t| t.as_str());
    let operators = Operator::ALL.iter();
    let mut got: Vec<&str> = match vector["what"].as_str() {
        Some("operators") => operators.map(|o| o.as_str()).collect(),
        Some("list_operators") => operators.filter(|o| o.is_list()).map(|o| o.as_str()).collect(),
        Some("transformers") => transformers.filter(|t| *t != "val").collect(),
        Some("transformers_including_val") => transformers.collect(),
        what => return Err(format!("unknown set {what:?}")),
    };
    got.sort_unstable();
    let mut expected: Vec<&str> =
        vector["values"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    expected.sort_unstable();
    expect_eq("set", got, expected)
}

fn check_text(vector: &Json) -> Result<(), String> {
    let expr = parse(bytes(&vector["expr"])).map_err(|e| e.to_string())?;
    let text = expr.to_string();
    expect_eq("text", text.as_bytes(), &bytes(&vector["text"]))?;
    expect_eq("parsed again", parse(&text).map_err(|e| e.to_string())?, expr)
}

fn check_parse(vector: &Json) -> Result<(), String> {
    let expr = bytes(&vector["expr"]);
    if vector["whitespace_variants"] == true {
        let spaced = [b" ", &expr[..], b" "].concat();
        let with = |blank: u8| spaced.iter().map(|b| if *b == b' ' { blank } else { *b }).collect();
        for variant in [spaced.clone(), with(b'\n'), with(b'\t')] {
            check_verdict(vector, &variant)?;
        }
    }
    let Some((tree, end)) = check_verdict(vector, &expr)? else { return Ok(()) };
    let observed = &vector["observed"];
    for ast in [&vector["ast"], &observed["ast"]].into_iter().filter(|a| !a.is_null()) {
        expect_eq("tree", describe(&tree, has_positions(ast)), ast.clone())?;
    }
    if let Some(text) = vector["text"].as_str() {
        expect_eq("text", tree.to_string().as_str(), text)?;
    }
    if !vector["end_at"].is_null() {
        expect_eq("end", &position(end), &vector["end_at"])?;
    }
    let again = parse_with(tree.to_string(), &options(vector)).map_err(|e| e.to_string())?;
    expect_eq("printed and parsed again", again.expr, tree)
}

fn options(vector: &Json) -> ParseOptions {
    let mut options = ParseOptions::default();
    if let Some(depth) = vector["max_depth"].as_u64() {
        options.max_depth = depth as u32;
    }
    options.partial = vector["partial"] == true;
    options
}

/// Parses and compares the verdict; gives the tree if there is one.
fn check_verdict(vector: &Json, expr: &[u8]) -> Result<Option<(Expr, Position)>, String> {
    match (parse_with(expr, &options(vector)), vector["accept"] == true) {
        (Ok(parsed), true) => Ok(Some((parsed.expr, parsed.end))),
        (Ok(_), false) => Err("must be refused".to_owned()),
        (Err(error), true) => Err(error.to_string()),
        (Err(error), false) => {
            if let Some(text) = vector["error_text"].as_str()
                && !error.to_string().contains(text)
            {
                return Err(format!("error text: got {error}, expected {text}"));
            }
            // Falco's position for the expression as it stands, not for its variants.
            if expr == bytes(&vector["expr"]) {
                let observed = &vector["observed"];
                for at in [&vector["error_at"], &observed["error_at"]] {
                    if !at.is_null() {
                        expect_eq("error position", &position(error.position), at)?;
                    }
                }
                if let Some(text) = observed["error"].as_str() {
                    expect_eq("error text", error.message.as_str(), text)?;
                }
            }
            Ok(None)
        }
    }
}

fn has_positions(ast: &Json) -> bool {
    ast.to_string().contains("\"pos\"")
}

fn position(position: Position) -> Json {
    serde_json::json!([position.index, position.line, position.column])
}

/// The tree in the form of the vectors.
fn describe(expr: &Expr, with_positions: bool) -> Json {
    let mut json = match &expr.kind {
        ExprKind::And(children) => {
            serde_json::json!({"and": describe_all(children, with_positions)})
        }
        ExprKind::Or(children) => serde_json::json!({"or": describe_all(children, with_positions)}),
        ExprKind::Not(child) => serde_json::json!({"not": describe(child, with_positions)}),
        ExprKind::Macro(name) => serde_json::json!({"identifier": name}),
        ExprKind::Check(check) => {
            let mut json = serde_json::json!({
                "left": operand(&check.left, with_positions),
                "op": check.operator_text(),
            });
            if let Some(right) = &check.right {
                json["right"] = operand(right, with_positions);
            }
            serde_json::json!({"check": json})
        }
    };
    if with_positions {
        json["pos"] = position(expr.position());
    }
    json
}

fn describe_all(children: &[Expr], with_positions: bool) -> Vec<Json> {
    children.iter().map(|c| describe(c, with_positions)).collect()
}

fn text(text: &Text) -> Json {
    match text.as_str() {
        Some(text) => text.into(),
        None => {
            let hex: String = text.iter().map(|b| format!("{b:02x}")).collect();
            serde_json::json!({ "hex": hex })
        }
    }
}

fn operand(node: &Operand, with_positions: bool) -> Json {
    let all = |operands: &[Operand]| -> Vec<Json> {
        operands.iter().map(|o| operand(o, with_positions)).collect()
    };
    let mut json = match &node.kind {
        OperandKind::Field(field) => {
            let mut json = serde_json::json!({"field": field.name});
            if let Some(arg) = &field.arg {
                json["arg"] = text(arg);
            }
            json
        }
        OperandKind::Transformer(call) => {
            let name = call.transformer.as_str();
            let mut json = serde_json::json!({"transformer": name, "args": all(&call.args)});
            if let Some(arg) = &call.arg {
                json["arg"] = text(arg);
            }
            json
        }
        OperandKind::Value(value) => serde_json::json!({"value": text(value)}),
        OperandKind::List(items) => {
            let items: Vec<Json> = items.iter().map(|i| text(&i.text)).collect();
            serde_json::json!({ "list": items })
        }
        OperandKind::Tuple(operands) => serde_json::json!({"transformer_list": all(operands)}),
    };
    if with_positions {
        json["pos"] = position(node.position());
    }
    json
}
