//! `peregrine run`: live detection.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// Options of `peregrine run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Rules file, or directory of them; may be given several times. Without it the rules built
    /// into Peregrine are used
    #[arg(short, long = "rules", value_name = "RULES")]
    rules: Vec<PathBuf>,
    /// Worker threads; the default is one per two CPUs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Ring buffers; the default is one per CPU, at least one per worker
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    rings: Option<u16>,
    /// Size of each ring buffer, as in 512K, 8M; a power of two
    #[arg(long, value_name = "SIZE", default_value = "8M", value_parser = parse_size)]
    ring_size: u32,
    /// Pin each worker to a CPU
    #[arg(long)]
    pin: bool,
    /// Stop after this many seconds
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    duration: Option<Duration>,
    /// Print alerts as JSON lines
    #[arg(long)]
    json: bool,
    /// Print a full report at the end, with the cost of each kernel program
    #[arg(long)]
    stats: bool,
    /// Which of several matching rules fire
    #[arg(long, value_enum, default_value_t = Matching::First)]
    rule_matching: Matching,
    /// Only rules of at least this priority
    #[arg(long, value_name = "PRIORITY", default_value = "debug")]
    priority: String,
    /// Bytes of data kept of each read, write, send and receive
    #[arg(long, value_name = "BYTES", default_value_t = 80, value_parser = clap::value_parser!(u32).range(0..=16384))]
    snaplen: u32,
    /// Bytes kept of the arguments and of the environment of a program
    #[arg(long, value_name = "BYTES", default_value_t = 16384, value_parser = clap::value_parser!(u32).range(64..=32768))]
    args_max: u32,
    /// How the kernel side is attached
    #[arg(long, value_enum, default_value_t = Hook::Auto)]
    hook: Hook,
    /// Report every system call, also those that no rule names
    #[arg(long)]
    all_syscalls: bool,
    /// Longest wait of a process for what it inherits from its parent, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 250)]
    parking_ms: u64,
    /// Append alerts to this file as well
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Times in text as ISO 8601 in UTC instead of the local time of day
    #[arg(long)]
    iso_time: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Matching {
    First,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Hook {
    Auto,
    Fexit,
    SysExit,
}

/// Bytes from `4096`, `512K`, `8M`.
fn parse_size(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.trim_end_matches(['k', 'K', 'm', 'M']) {
        digits if digits.len() + 1 >= text.len() => (digits, &text[digits.len()..]),
        _ => return Err(format!("'{text}' is not a size; write 4096, 512K or 8M")),
    };
    let number: u64 =
        digits.parse().map_err(|_| format!("'{text}' is not a size; write 4096, 512K or 8M"))?;
    let bytes = number
        << match unit {
            "k" | "K" => 10,
            "m" | "M" => 20,
            _ => 0,
        };
    if !bytes.is_power_of_two() || !(16 << 10..=1 << 30).contains(&bytes) {
        return Err(format!("{bytes} bytes: a ring has a power of two between 16K and 1024M"));
    }
    Ok(bytes as u32)
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("'{text}' is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("'{text}' is not a time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("8M"), Ok(8 << 20));
        assert_eq!(parse_size("512k"), Ok(512 << 10));
        assert_eq!(parse_size("65536"), Ok(65536));
        for bad in ["", "M", "3M", "8MM", "8G", "-1", "1K", "4096M"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn seconds() {
        assert_eq!(parse_seconds("1.5"), Ok(Duration::from_millis(1500)));
        for bad in ["", "x", "-1", "inf", "NaN"] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
    }
}
