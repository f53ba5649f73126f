//! `peregrine fields`: the field catalogue.

use clap::{Args, ValueEnum};
use peregrine_fields::listing::{ListFormat, list};
use peregrine_fields::{Fields, SYSCALL_SOURCE};

/// Options of `peregrine fields`.
#[derive(Debug, Args)]
pub struct FieldsArgs {
    /// Event source whose fields are listed
    #[arg(long, default_value = SYSCALL_SOURCE)]
    source: String,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// List hidden fields too
    #[arg(long)]
    hidden: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Markdown,
    Json,
}

/// The list.
pub fn text(args: &FieldsArgs) -> String {
    let format = match args.format {
        Format::Text => ListFormat::Text,
        Format::Markdown => ListFormat::Markdown,
        Format::Json => ListFormat::Json,
    };
    list(&Fields::of_source(&args.source), format, args.hidden)
}
