//! Vectors of the type checker: `compile`.

use peregrine_filter::{check as check_types, parse};
use serde_json::Value as Json;

use super::Catalogue;
use crate::case::{bytes, expect_eq};

/// Runs a case.
pub fn check(catalog: &Catalogue, vector: &Json) -> Result<(), String> {
    let parsed = parse(bytes(&vector["expr"])).map_err(|e| e.to_string());
    let compiled = parsed.and_then(|e| check_types(catalog, &e).map_err(|e| e.to_string()));
    let observed = &vector["observed"];
    match (compiled, vector["must_fail"] == true) {
        (Err(error), false) => Err(error),
        (Ok(_), true) => Err("must be refused".to_owned()),
        (Err(error), true) => match vector["error_text"].as_str() {
            Some(text) if !error.contains(text) => Err(format!("text {error:?}")),
            _ => Ok(()),
        },
        (Ok(warnings), false) => {
            if let Some(count) = vector["warnings"].as_u64() {
                expect_eq("warnings", warnings.len() as u64, count)?;
            }
            let Some(expected) = observed["warnings"].as_array() else { return Ok(()) };
            for (got, expected) in warnings.iter().zip(expected) {
                let at = got.span.start;
                expect_eq("warning", got.message.as_str(), expected["text"].as_str().unwrap())?;
                let at = serde_json::json!([at.index, at.line, at.column]);
                expect_eq("warning position", &at, &expected["at"])?;
            }
            Ok(())
        }
    }
}
