//! Cases about single conditions.

use std::collections::{BTreeMap, BTreeSet};

use peregrine_filter::{Expr, parse};
use peregrine_rules::details::{Details, doubts};
use peregrine_rules::macros::expand;
use serde_json::Value;

use super::{same, strings};
use crate::case::text;

fn condition(value: &Value) -> Result<Expr, String> {
    let source = text(value);
    // The canonical text of `join(",", (a, b))` has lost the quotes.
    let source = source.replace("join(,,", "join(\",\",");
    parse(&source).map_err(|error| format!("{source}: {error}"))
}

/// Macros replaced in a condition.
pub fn check_macros(case: &Value) -> Result<(), String> {
    let mut macros = BTreeMap::new();
    for (name, body) in case["macros"].as_object().into_iter().flatten() {
        macros.insert(name.as_str(), condition(body)?);
    }
    let mut expr = condition(&case["before"])?;
    let done = expand(&mut expr, &|name| macros.get(name));
    let names = |list: &[(String, peregrine_filter::Span)]| -> BTreeSet<String> {
        list.iter().map(|(name, _)| name.clone()).collect()
    };
    same("after", expr.to_string(), condition(&case["after"])?.to_string())?;
    same("result", !done.resolved.is_empty(), case["result"] == true)?;
    same("resolved", names(&done.resolved), strings(&case["resolved"]))?;
    same("unknown", names(&done.unknown), strings(&case["unknown"]))?;
    same("errors", names(&done.cycles).len(), strings(&case["errors"]).len())
}

/// What a condition uses.
pub fn check_details(case: &Value) -> Result<(), String> {
    let expr = condition(&case["expr"])?;
    let macros = strings(&case["known_macros"]);
    let lists = strings(&case["known_lists"]);
    let details = Details::of(&expr, &|n| macros.contains(n), &|n| lists.contains(n));
    same("fields", details.fields, strings(&case["fields"]))?;
    same("macros", details.macros, strings(&case["macros"]))?;
    same("operators", details.operators, strings(&case["operators"]))?;
    same("lists", details.lists, strings(&case["lists"]))?;
    same("evtnames", details.event_names, strings(&case["evtnames"]))?;
    same("transformers", details.transformers, strings(&case["transformers"]))
}

/// What is doubtful about a condition.
pub fn check_warnings(case: &Value) -> Result<(), String> {
    let found = doubts(&condition(&case["expr"])?);
    let codes: BTreeSet<String> = found.iter().map(|d| d.code.code().to_owned()).collect();
    same("has_warnings", !codes.is_empty(), case["has_warnings"] == true)?;
    same("codes", codes, strings(&case["codes"]))
}
