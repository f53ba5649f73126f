//! `peregrine run`: live detection.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use peregrine_engine::host;
use peregrine_engine::live::{Live, LiveOptions};
use peregrine_engine::parking::Bounds;
use peregrine_engine::recording::{FileOptions, RecordOptions, WhenFull};
use peregrine_engine::ruleset::{self, RuleOptions};
use peregrine_event::Priority;
use peregrine_fields::view::Session;
use peregrine_output::{Encoding, LineFormat, Outputs};
use peregrine_probe::{Capabilities, Hook as ProbeHook};
use peregrine_rules::RuleMatching;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::outputs::{OutputArgs, SHUTDOWN_PATIENCE, Started, parse_bytes};
use crate::report;
use crate::serving::{ServeArgs, Serving};
use crate::writing::{CaptureArgs, WriteArgs};

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
    /// Record everything that is watched as a capture, too
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    #[command(flatten)]
    writing: WriteArgs,
    #[command(flatten)]
    captures: CaptureArgs,
    /// Times in text as ISO 8601 in UTC instead of the local time of day
    #[arg(long)]
    iso_time: bool,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    serve: ServeArgs,
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

/// Runs until a signal, the duration, or a failure.
///
/// # Errors
/// Rules that do not load, a kernel that refuses the probe, an output that cannot be opened.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    args.writing.check(("--record", args.record.is_some()))?;
    // Rules first: with bad ones nothing may be attached.
    let options = args.rule_options()?;
    let loaded = ruleset::load(&options)?;
    if !loaded.warnings.is_empty() && !args.rules.is_empty() {
        eprintln!("{}", loaded.warnings.trim_end());
    }
    let detection = Arc::new(loaded.detection);
    Capabilities::detect().check()?;
    // Before the workers start, so that no signal finds the default action.
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1])?;

    let started = args.outputs()?;
    let outputs = &started.outputs;
    let servers = args.serve.servers()?;
    let mut serving = match servers.is_empty() {
        true => None,
        false => Some(Serving::start(&servers, started.hub.clone())?),
    };
    if let Some(serving) = &mut serving {
        serving.set_files(&args.rules, &[]);
    }
    let live = Live::start(&args.live_options(), detection.clone(), &outputs.sender())?;
    let (hook, reason) = live.hook();
    let (found, took) = live.initial_state();
    if let Some(reason) = &found.fallback {
        eprintln!("peregrine: the initial state was read from /proc: {reason}");
    }
    eprintln!(
        "peregrine: ready: {} rules, {} workers, hook {} ({reason}); found {} threads and {} files in {} ms",
        detection.enabled(),
        live.worker_count(),
        hook.name(),
        found.tasks,
        found.files,
        took.as_millis(),
    );
    if let Some(serving) = &mut serving {
        for address in serving.addresses() {
            eprintln!("peregrine: serving on {address}");
        }
        serving.tick(&live, outputs.totals())?;
    }
    let end = args.duration.map(|duration| Instant::now() + duration);
    wait(&live, outputs, serving.as_mut(), &mut signals, end)?;

    let summary = live.stop()?;
    let delivered = started.outputs.shutdown(Some(SHUTDOWN_PATIENCE));
    eprint!("{}", report::text(&summary, &delivered, args.stats));
    Ok(ExitCode::SUCCESS)
}

/// Does the housekeeping until it is time to stop.
fn wait(
    live: &Live,
    outputs: &Outputs,
    mut serving: Option<&mut Serving>,
    signals: &mut Signals,
    end: Option<Instant>,
) -> anyhow::Result<()> {
    const TICK: Duration = Duration::from_secs(1);
    const LOOK: Duration = Duration::from_millis(50);
    let mut next_tick = Instant::now() + TICK;
    loop {
        for signal in signals.pending() {
            match signal {
                SIGUSR1 => outputs.reopen(),
                SIGHUP => eprintln!("peregrine: reload on SIGHUP is not supported; restart it"),
                _ => return Ok(()),
            }
        }
        let now = Instant::now();
        if end.is_some_and(|end| now >= end) || live.has_failed() {
            return Ok(());
        }
        if now >= next_tick {
            live.tick()?;
            if let Some(serving) = &mut serving {
                serving.tick(live, outputs.totals())?;
            }
            next_tick = now + TICK;
        }
        let until = end.map_or(next_tick, |end| end.min(next_tick));
        std::thread::sleep(until.saturating_duration_since(now).min(LOOK));
    }
}

impl RunArgs {
    fn rule_options(&self) -> anyhow::Result<RuleOptions> {
        let min_priority = self
            .priority
            .parse::<Priority>()
            .map_err(|error| anyhow::anyhow!("--priority {}: {error}", self.priority))?;
        Ok(RuleOptions {
            paths: self.rules.clone(),
            min_priority,
            matching: match self.rule_matching {
                Matching::First => RuleMatching::First,
                Matching::All => RuleMatching::All,
            },
            session: Session { hostname: Some(host::hostname().into()), ..Session::default() },
            lineage: self.serve.has_page(),
            capture: self.captures.options().map(|options| options.for_rules()),
            ..RuleOptions::default()
        })
    }

    fn live_options(&self) -> LiveOptions {
        let mut options = LiveOptions::default();
        if let Some(workers) = self.workers {
            options.workers = u32::from(workers);
            options.probe.rings = options.probe.rings.max(options.workers);
        }
        if let Some(rings) = self.rings {
            options.probe.rings = u32::from(rings);
        }
        options.pin = self.pin;
        options.recording = self.recording();
        options.all_syscalls = self.all_syscalls;
        options.bounds =
            Bounds { time: Duration::from_millis(self.parking_ms), ..Bounds::default() };
        options.probe.ring_bytes = self.ring_size;
        options.probe.snaplen = self.snaplen;
        options.probe.args_max = self.args_max;
        options.probe.measure = self.stats;
        options.probe.hook = match self.hook {
            Hook::Auto => None,
            Hook::Fexit => Some(ProbeHook::Fexit),
            Hook::SysExit => Some(ProbeHook::SysExit),
        };
        options
    }

    /// Detection goes on whatever becomes of the disk.
    fn recording(&self) -> Option<RecordOptions> {
        let file = self.record.as_ref().map(|path| FileOptions {
            path: path.clone(),
            writer: self.writing.writer(path),
            rotation: self.writing.rotation(),
            filter: None,
        });
        let alerts = self.captures.options();
        let is_any = file.is_some() || alerts.is_some();
        is_any.then_some(RecordOptions { file, alerts, when_full: WhenFull::Lose })
    }

    fn outputs(&self) -> anyhow::Result<Started> {
        let encoding = if self.json { Encoding::json() } else { Encoding::Text };
        let hostname = host::hostname();
        let format = LineFormat::new(encoding, hostname.as_str()).iso_8601(self.iso_time);
        self.output.start(format, &hostname, self.json, self.serve.has_page())
    }
}

/// Bytes from `4096`, `512K`, `8M`.
pub(super) fn parse_size(text: &str) -> Result<u32, String> {
    let bytes = parse_bytes(text)?;
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
