//! `peregrine convert`: a capture of any version as one of today.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use peregrine_capture::{WriterOptions, convert_file};

use super::replay::INCOMPLETE;
use crate::writing::is_gzip;

/// Options of `peregrine convert`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Capture to read; `-` is standard input
    input: PathBuf,
    /// Capture to write; compressed with gzip if its name ends in .gz
    output: PathBuf,
    /// Compress with gzip, whatever the name
    #[arg(long)]
    gzip: bool,
}

/// Converts.
///
/// # Errors
/// The input cannot be opened or is no capture, or the output cannot be written.
pub fn run(args: &ConvertArgs) -> anyhow::Result<ExitCode> {
    let stdin = PathBuf::from("/dev/stdin");
    let input = if args.input.as_os_str() == "-" { &stdin } else { &args.input };
    let options = WriterOptions { gzip: args.gzip || is_gzip(&args.output) };
    let name = args.input.display();
    if input.is_dir() {
        bail!("cannot open {name}: it is a directory");
    }
    let mut damage = 0u64;
    let result = convert_file(input, &args.output, options, |error| {
        damage += 1;
        eprintln!("peregrine: {name}: {error}");
    });
    let summary = match result {
        Ok(summary) => summary,
        Err(
            error @ (peregrine_capture::Error::Truncated { .. }
            | peregrine_capture::Error::Read { .. }
            | peregrine_capture::Error::Block { .. }),
        ) => {
            eprintln!("peregrine: {name}: {error}; what came before is in the output");
            return Ok(ExitCode::from(INCOMPLETE));
        }
        Err(error) => return Err(error).with_context(|| name.to_string()),
    };
    eprintln!(
        "peregrine: {} events read, {} written, {} folded into others, {} of unknown types",
        summary.read, summary.written, summary.folded, summary.unknown
    );
    Ok(if damage > 0 { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
}
