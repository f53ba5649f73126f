//! How captures are written: options that all commands share.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use clap::{Args, ValueEnum};
use peregrine_capture::{Rotation, WriterOptions};
use peregrine_engine::recording::{AlertCaptureOptions, CaptureMode};

use crate::outputs::parse_bytes;

/// How a capture is written.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Writing captures")]
pub struct WriteArgs {
    /// Compress the capture with gzip; also done if its name ends in .gz
    #[arg(long)]
    pub gzip: bool,
    /// Go on to the next file after so many bytes of events before compression, as in 100M
    #[arg(long, value_name = "SIZE", value_parser = parse_some_bytes)]
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

/// Which alerts start a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CaptureChoice {
    /// Those of rules with `capture: true`
    Rules,
    /// All
    AllRules,
}

/// Captures around alerts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Captures around alerts")]
pub struct CaptureArgs {
    /// Write a capture of what happens around alerts
    #[arg(long, value_enum, value_name = "WHICH")]
    capture: Option<CaptureChoice>,
    /// Start of the names of captures; time stamp and number of the event follow
    #[arg(long, value_name = "PATH", default_value = "/tmp/falco", requires = "capture")]
    capture_prefix: PathBuf,
    /// How long a capture goes on after an alert whose rule has no capture_duration, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000, requires = "capture")]
    capture_duration: u32,
    /// How much of the time before the alert a capture has, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 5000, requires = "capture")]
    capture_before: u32,
    /// Most bytes kept for that
    #[arg(long, value_name = "SIZE", default_value = "64M", requires = "capture",
          value_parser = parse_some_bytes)]
    capture_before_size: u64,
    /// Size at which a capture ends before its time
    #[arg(long, value_name = "SIZE", requires = "capture", value_parser = parse_some_bytes)]
    capture_max_size: Option<u64>,
}

impl CaptureArgs {
    /// What was asked for; `None`: no captures.
    pub fn options(&self) -> Option<AlertCaptureOptions> {
        let millis = |ms: u32| Duration::from_millis(u64::from(ms));
        Some(AlertCaptureOptions {
            mode: match self.capture? {
                CaptureChoice::Rules => CaptureMode::Rules,
                CaptureChoice::AllRules => CaptureMode::AllRules,
            },
            path_prefix: self.capture_prefix.clone(),
            default_duration: millis(self.capture_duration),
            max_file_bytes: self.capture_max_size,
            before: millis(self.capture_before),
            before_bytes: usize::try_from(self.capture_before_size).unwrap_or(usize::MAX),
        })
    }
}

/// Whether a name asks for compression.
pub fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// Bytes of a file or a buffer: at least one.
fn parse_some_bytes(text: &str) -> Result<u64, String> {
    match parse_bytes(text)? {
        0 => Err("nothing fits into 0 bytes".into()),
        bytes => Ok(bytes),
    }
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
    fn options_without_a_target_are_refused() {
        let gzip = WriteArgs { gzip: true, ..WriteArgs::default() };
        assert!(gzip.check(("--write", false)).is_err());
        assert!(gzip.check(("--write", true)).is_ok());
        let files = WriteArgs { rotate_files: Some(3), ..WriteArgs::default() };
        assert!(files.check(("--write", true)).is_err());
        assert!(WriteArgs::default().check(("--write", false)).is_ok());
    }
}
