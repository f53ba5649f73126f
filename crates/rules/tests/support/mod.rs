//! A loader with the fields of system call events.

use peregrine_fields::Fields;
use peregrine_rules::{CatalogOutput, EventSource, Loader};

/// Calls with a loader for system call rules.
pub fn with_loader<T>(call: impl FnOnce(&mut Loader<'_>) -> T) -> T {
    let catalog = Fields::syscall();
    let output = CatalogOutput(&catalog);
    let source = EventSource { name: "syscall", catalog: &catalog, output: &output };
    call(&mut Loader::new(vec![source]))
}
