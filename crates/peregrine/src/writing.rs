//! How captures are written: options that all commands share.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use peregrine_capture::{Rotation, WriterOptions};

/// How a capture is written.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Writing captures")]
pub struct WriteArgs {
    /// Compress the capture with gzip; also done if its name ends in .gz
    #[arg(long)]
    pub gzip: bool,
    /// Go on to the next file after so many bytes before compression, as in 100M; files are numbered
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub rotate_size: Option<u64>,
    /// Go on to the next file after so many seconds of events
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub rotate_seconds: Option<Duration>,
    /// Keep only the newest files
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rotate_files: Option<u32>,
}

impl WriteArgs {
    /// Whether any of the options was given.
    fn is_used(&self) -> bool {
        self.gzip
            || self.rotate_size.is_some()
            || self.rotate_seconds.is_some()
            || self.rotate_files.is_some()
    }

    /// Refuses options that have nothing to act on. `target` is the option that names the capture,
    /// and whether it was given.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn check(&self, (target, is_given): (&str, bool)) -> anyhow::Result<()> {
        if self.is_used() && !is_given {
            bail!("--gzip and --rotate-… need {target}: nothing is written without it");
        }
        if self.rotate_files.is_some() && !self.rotation().has_limit() {
            bail!("--rotate-files needs --rotate-size or --rotate-seconds");
        }
        Ok(())
    }

    /// How to write a file of this name.
    pub fn writer(&self, path: &Path) -> WriterOptions {
        WriterOptions { gzip: self.gzip || is_gzip(path) }
    }

    /// When to go on to the next file.
    pub fn rotation(&self) -> Rotation {
        Rotation {
            max_bytes: self.rotate_size,
            max_ns: self.rotate_seconds.map(|time| time.as_nanos() as u64),
            keep: self.rotate_files.map(|files| files as usize),
        }
    }
}

/// Whether a name asks for compression.
pub fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// Bytes from `4096`, `512K`, `100M`, `2G`; at least one.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let fail = || format!("'{text}' is not a size; write 4096, 512K, 100M or 2G");
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| fail())?;
    number.checked_shl(shift).filter(|b| *b > 0 && *b >> shift == number).ok_or_else(fail)
}

/// A time from a number of seconds, longer than none.
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("'{text}' is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| format!("'{text}' is not a time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_bytes("100M"), Ok(100 << 20));
        assert_eq!(parse_bytes("2g"), Ok(2 << 30));
        assert_eq!(parse_bytes("7"), Ok(7));
        for bad in ["", "M", "0", "0K", "-1", "1.5M", "99999999999G", "5T"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_without_a_target_are_refused() {
        let gzip = WriteArgs { gzip: true, ..WriteArgs::default() };
        assert!(gzip.check(("--write", false)).is_err());
        assert!(gzip.check(("--write", true)).is_ok());
        let files = WriteArgs { rotate_files: Some(3), ..WriteArgs::default() };
        assert!(files.check(("--write", true)).is_err());
        assert!(WriteArgs::default().check(("--write", false)).is_ok());
    }
}
