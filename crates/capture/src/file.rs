//! Rewrites a capture of any version as one of today.

use crate::convert::Converter;
use crate::error::Error;
use crate::reader::{Item, Reader};
use crate::writer::{Writer, WriterOptions};
use std::fs::File;
use std::path::Path;

/// What a conversion did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConvertSummary {
    /// Events read.
    pub read: u64,
    /// Events written.
    pub written: u64,
    /// Events that went into others or no longer exist.
    pub folded: u64,
    /// Events of types that the schema does not know.
    pub unknown: u64,
    /// Damaged blocks and events that were left out.
    pub damaged: u64,
}

/// Reads `input` and writes `output` with the same state and the same events in their current
/// versions. Falco numbers and reports the result as it does the original.
///
/// Damage that reading can go on behind is left out and counted; `report` is told of each. A file
/// that ends early gives an output with everything before its end, and the error.
///
/// # Errors
/// Any [`Error`]; what was read before it is in the output.
pub fn convert_file(
    input: impl AsRef<Path>,
    output: impl AsRef<Path>,
    options: WriterOptions,
    mut report: impl FnMut(&Error),
) -> Result<ConvertSummary, Error> {
    let (input, output) = (input.as_ref(), output.as_ref());
    let mut reader = Reader::open(input)?;
    // Creating the output would empty the input.
    if let (Ok(from), Ok(to)) = (input.canonicalize(), output.canonicalize())
        && from == to
    {
        let source = std::io::Error::other("it is the input too");
        return Err(Error::Open { path: output.to_owned(), source });
    }
    let file =
        File::create(output).map_err(|source| Error::Open { path: output.to_owned(), source })?;
    let mut writer = Writer::new(file, options)?;
    let mut converter = Converter::new();
    let mut summary = ConvertSummary::default();
    let end = loop {
        let item = match reader.next() {
            Ok(Some(item)) => item,
            Ok(None) => break Ok(()),
            Err(error) if error.is_fatal() => break Err(error),
            Err(error) => {
                summary.damaged += 1;
                report(&error);
                continue;
            }
        };
        match item {
            Item::Section { index: 0 } => {}
            Item::Section { .. } => {
                converter.clear();
                writer.section()?;
            }
            Item::MachineInfo(info) => writer.machine_info(&info)?,
            Item::Threads(threads) => writer.threads(&threads)?,
            Item::Fds { tid, fds } => writer.fds(tid, &fds)?,
            Item::Users(users) => writer.users(&users)?,
            Item::Interfaces(interfaces) => writer.interfaces(&interfaces)?,
            Item::Event(event) => {
                summary.read += 1;
                let written = match converter.convert(&event) {
                    Ok(Some(converted)) => writer.converted(&event, &converted),
                    Ok(None) => {
                        summary.folded += 1;
                        continue;
                    }
                    Err(error) => Err(error),
                };
                match written {
                    Ok(()) => summary.written += 1,
                    Err(error) if error.is_fatal() => return Err(error),
                    Err(error) => {
                        summary.damaged += 1;
                        report(&error);
                    }
                }
            }
        }
    };
    summary.unknown = reader.unknown_events();
    writer.finish()?;
    end.map(|()| summary)
}
