//! Vectors of evaluation: `mock`, `transform`, `prefix_match`.

use std::sync::Arc;

use peregrine_event::{ParamType, Value};
use peregrine_filter::transform::{apply, result_type};
use peregrine_filter::{
    Catalog, Check, Evaluator, Expr, ExprKind, Field, FieldId, FieldRef, FieldSource, ListItem,
    Operand, OperandKind, Operator, ProgramBuilder, Scope, Span, Text, Transformer, Values, parse,
};
use serde_json::Value as Json;

use super::Catalogue;
use crate::case::{bytes, expect_eq};

/// Runs a case.
pub fn check(catalog: &Catalogue, vector: &Json) -> Result<(), String> {
    match vector["kind"].as_str() {
        Some("mock") => {
            let expr = parse(bytes(&vector["expr"])).map_err(|e| e.to_string())?;
            let result = evaluate(catalog, &expr, &Mock::new(catalog, Vec::new()))?;
            expect_eq("result", result, vector["result"] == true)
        }
        Some("prefix_match") => {
            let paths = vector["paths"].as_array().unwrap().iter().map(bytes);
            let expr = pmatch("fd.name", paths.collect());
            let source = Mock::new(catalog, bytes(&vector["path"]));
            expect_eq("result", evaluate(catalog, &expr, &source)?, vector["result"] == true)
        }
        Some("transform") => check_transform(vector),
        kind => Err(format!("unknown kind {kind:?}")),
    }
}

fn evaluate(catalog: &Catalogue, expr: &Expr, source: &Mock) -> Result<bool, String> {
    let mut builder = ProgramBuilder::new(catalog);
    let id = builder.add(expr).map_err(|e| e.to_string())?;
    let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
    evaluator.begin_event();
    let result = evaluator.matches(id, source);
    expect_eq("explained", evaluator.explain(id, source).result, result)?;
    Ok(result)
}

fn pmatch(field: &str, paths: Vec<Vec<u8>>) -> Expr {
    let span = Span::default();
    let field = Field { name: field.to_owned(), arg: None };
    let item = |path: Vec<u8>| ListItem { text: Text::from(path), span };
    let list = OperandKind::List(paths.into_iter().map(item).collect());
    let check = Check {
        left: Operand::new(OperandKind::Field(field), span),
        op: Operator::Pmatch,
        modifier: None,
        right: Some(Operand::new(list, span)),
    };
    Expr::new(ExprKind::Check(Box::new(check)), span)
}

/// Answers for the mock fields and for `fd.name`.
struct Mock {
    fd_name: Option<FieldId>,
    path: Vec<u8>,
}

impl Mock {
    fn new(catalog: &Catalogue, path: Vec<u8>) -> Self {
        Self { fd_name: catalog.field("fd.name").map(|info| info.id), path }
    }
}

impl FieldSource for Mock {
    fn extract<'s>(&'s self, field: &FieldRef, out: &mut Values<'s>) -> bool {
        out.push(match Catalogue::mock(field.id) {
            "c.true" => Value::text("1"),
            "c.false" | "c.buffer" => Value::text("0"),
            "c.doublequote" => Value::text("hello \"quoted\""),
            "c.singlequote" => Value::text("hello 'quoted'"),
            _ if Some(field.id) == self.fd_name => Value::bytes(&self.path),
            _ => return false,
        });
        true
    }

    fn scope_key(&self, _scope: Scope) -> Option<u64> {
        None
    }
}

fn check_transform(vector: &Json) -> Result<(), String> {
    let transformer = Transformer::from_spelling(vector["transformer"].as_str().unwrap())
        .ok_or("unknown transformer")?;
    let ty = |key: &str| ParamType::from_name(vector[key].as_str().unwrap()).unwrap();
    let is_list = vector["list"] == true;
    let values = |key: &str| -> Vec<Value<'static>> {
        let value = |v: &Json| match v.as_u64() {
            Some(number) => Value::Uint(number),
            None => Value::owned(bytes(v)),
        };
        vector[key].as_array().unwrap().iter().map(value).collect()
    };
    let (out_type, _) = result_type(transformer, ty("in_type"), is_list).ok_or("type refused")?;
    expect_eq("type", out_type, ty("out_type"))?;
    let got = apply(transformer, is_list, &values("in")).ok_or("no value")?;
    expect_eq("values", got.into_vec(), values("out"))
}
