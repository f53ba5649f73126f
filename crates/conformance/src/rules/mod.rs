//! Cases of rules files.

pub mod conditions;
pub mod load;

use std::collections::BTreeSet;

use peregrine_fields::Fields;
use peregrine_rules::{CatalogOutput, EventSource, Loader};
use serde_json::Value;

use crate::case::{expect_eq, text};

/// Calls with a loader for system call rules.
pub fn with_loader<T>(call: impl FnOnce(&mut Loader) -> T) -> T {
    let catalog = Fields::syscall();
    let output = CatalogOutput(&catalog);
    let source = EventSource { name: "syscall", catalog: &catalog, output: &output };
    call(&mut Loader::new(vec![source]))
}

/// The texts of a list.
pub fn strings(value: &Value) -> BTreeSet<String> {
    let items = value.as_array().into_iter().flatten();
    items.map(|item| text(item).to_owned()).collect()
}

/// Compares, giving what differs.
///
/// # Errors
/// They differ.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), String> {
    expect_eq(what, found, wanted)
}
