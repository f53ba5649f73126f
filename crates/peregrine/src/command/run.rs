//! `peregrine run`: live detection.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use peregrine_config::types::{ByteSize, EngineKind};
use peregrine_config::{BUILT_IN, OptionValue, Source, Surroundings};
use peregrine_engine::recording::FileOptions;
use peregrine_engine::{Live, host};

use crate::outputs::OutputArgs;
use crate::report;
use crate::service::log::{Log, Style};
use crate::service::privileges::PrivilegeArgs;
use crate::service::running::{self, Plan};
use crate::service::{outputs, plugins};
use crate::serving::ServeArgs;
use crate::writing::{CaptureArgs, WriteArgs};

/// Options of `peregrine run`. What they set can also stand in a configuration file; they win.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Configuration file: falco.yaml. Without it alerts go to standard output, and all keys have
    /// their defaults
    #[arg(short, long, value_name = "FILE")]
    config: Option<String>,
    /// Set a key of the configuration, as in -o json_output=true; may be given several times
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// Rules file, or directory of them; may be given several times. Without it those of the
    /// configuration are used, or else the rules built into Peregrine
    #[arg(short, long = "rules", value_name = "RULES")]
    rules: Vec<PathBuf>,
    /// Worker threads; the default is one per two CPUs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Ring buffers; the default is one per CPU, at least one per worker
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    rings: Option<u16>,
    /// Size of each ring buffer, as in 512K, 8M; a power of two [default: 8M]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    ring_size: Option<u32>,
    /// Pin each worker to a CPU
    #[arg(long)]
    pin: bool,
    /// Stop after this many seconds
    #[arg(long, value_name = "S", value_parser = crate::writing::parse_seconds)]
    duration: Option<Duration>,
    /// Print alerts as JSON lines
    #[arg(long)]
    json: bool,
    /// Print a full report at the end, with the cost of each kernel program
    #[arg(long)]
    stats: bool,
    /// Which of several matching rules fire
    #[arg(long, value_parser = ["first", "all"])]
    rule_matching: Option<String>,
    /// Only rules of at least this priority
    #[arg(long, value_name = "PRIORITY")]
    priority: Option<String>,
    /// Bytes of data kept of each read, write, send and receive [default: 80]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=16384))]
    snaplen: Option<u32>,
    /// Bytes kept of the arguments and of the environment of a program [default: 16384]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(64..=32768))]
    args_max: Option<u32>,
    /// How the kernel side is attached
    #[arg(long, value_parser = ["auto", "fexit", "sys-exit"])]
    hook: Option<String>,
    /// Whose records that change no state go to all workers: of processes that are too much for
    /// one (auto), nobody's (off), everybody's by thread (tid) or by CPU (cpu) [default: auto]
    #[arg(long, value_parser = ["auto", "off", "tid", "cpu"])]
    spread: Option<String>,
    /// Report every system call, also those that no rule names
    #[arg(long)]
    all_syscalls: bool,
    /// Longest wait of a process for what it inherits from its parent, in milliseconds
    /// [default: 250]
    #[arg(long, value_name = "MS")]
    parking_ms: Option<u64>,
    #[command(flatten)]
    privileges: PrivilegeArgs,
    /// Put the alerts of all workers in the order of their events, keeping each back for at most
    /// half a second
    #[arg(long)]
    ordered: bool,
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

/// Runs until a signal, the duration, or a failure.
///
/// # Errors
/// A configuration or rules that do not load, a kernel that refuses the probe, an output that
/// cannot be opened.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    args.writing.check(("--record", args.record.is_some()))?;
    let options = args.options();
    let load = || {
        let source = args.config.as_deref().map_or(BUILT_IN, Source::File);
        peregrine_config::load(source, &options, &Surroundings::process())
    };
    let config = load()?;
    eprint!("{}", config.render_warnings());
    if matches!(config.settings.engine.kind, EngineKind::Replay | EngineKind::NoDriver)
        && config.origins.contains_key("engine.kind")
    {
        let kind = config.settings.engine.kind.word();
        bail!(
            "engine.kind is '{kind}': `peregrine run` watches this machine; see `peregrine replay` and `peregrine falco`"
        );
    }
    if !outputs::is_any(&config.settings) {
        bail!(
            "no output is enabled, so nobody would see an alert; enable one, as in stdout_output"
        );
    }
    let log = Log::new(&config.settings, "peregrine", Style::Plain);
    for plugin in plugins::missing(&config.settings) {
        log.warning(format!(
            "plugin '{}' is not loaded: plugins are not supported in this version; what it would \
             bring (events, fields) is missing",
            plugin.name
        ));
    }
    let plan = Plan {
        load: &load,
        rules: args.rules.clone(),
        name: "peregrine",
        hostname: host::hostname(),
        duration: args.duration,
        measure: args.stats,
        has_built_in_rules: true,
        recording: args.record.as_ref().map(|path| FileOptions {
            path: path.clone(),
            writer: args.writing.writer(path),
            rotation: args.writing.rotation(),
            filter: None,
        }),
        alert_captures: args.captures.options(),
        servers: args.serve.servers()?,
        has_page: args.serve.has_page(),
        ready: &ready,
    };
    let finished = running::run(&plan, config, &log)?;
    eprint!("{}", report::text(&finished.summary, &finished.delivered, args.stats));
    if let Some(recording) = &finished.summary.recording {
        if let Some(error) = &recording.error {
            bail!("the recording is not whole: {error}");
        }
        // As `peregrine record` says it.
        if recording.lost > 0 || finished.summary.drops.total() > 0 {
            return Ok(ExitCode::from(super::replay::INCOMPLETE));
        }
    }
    Ok(finished.exit)
}

fn ready(live: &Live, log: &Log) {
    let (hook, reason) = live.hook();
    let (found, took) = live.initial_state();
    if let Some(reason) = &found.fallback {
        log.info(format!("the initial state was read from /proc: {reason}"));
    }
    let text = format!(
        "ready: {} rules, {} workers, hook {} ({reason}); found {} threads and {} files in {} ms",
        live.rules().enabled(),
        live.worker_count(),
        hook.name(),
        found.tasks,
        found.files,
        took.as_millis(),
    );
    log.info(text);
}

impl RunArgs {
    /// What the options set, as keys of the configuration.
    fn options(&self) -> Vec<OptionValue> {
        let mut out: Vec<OptionValue> =
            self.options.iter().map(|text| OptionValue::new(text)).collect();
        let mut set = |flag: &str, key: &str, value: Option<String>| {
            if let Some(value) = value {
                out.push(OptionValue::flag(&format!("{flag} {value}"), key, value));
            }
        };
        let yes = |is_set: bool| is_set.then(|| "true".to_owned());
        let text = |value: Option<u64>| value.map(|value| value.to_string());
        set("--workers", "peregrine.workers", text(self.workers.map(u64::from)));
        set("--rings", "peregrine.rings", text(self.rings.map(u64::from)));
        set("--ring-size", "peregrine.ring_size", text(self.ring_size.map(u64::from)));
        set("--pin", "peregrine.pin", yes(self.pin));
        set("--json", "json_output", yes(self.json));
        set("--rule-matching", "rule_matching", self.rule_matching.clone());
        set("--priority", "priority", self.priority.clone());
        set("--snaplen", "falco_libs.snaplen", text(self.snaplen.map(u64::from)));
        set("--args-max", "peregrine.args_max", text(self.args_max.map(u64::from)));
        set("--hook", "peregrine.hook", self.hook.clone());
        set("--spread", "peregrine.spread", self.spread.clone());
        set("--all-syscalls", "base_syscalls.all", yes(self.all_syscalls));
        set("--parking-ms", "peregrine.parking.max_wait_ms", text(self.parking_ms));
        set("--ordered", "peregrine.ordered_output.enabled", yes(self.ordered));
        set("--drop-privileges", "peregrine.drop_privileges", yes(self.privileges.drop_privileges));
        set("--user", "peregrine.user", self.privileges.user.clone());
        set("--iso-time", "time_format_iso_8601", yes(self.iso_time));
        self.output.set(&mut set);
        out
    }
}

/// Bytes from `4096`, `512K`, `8M`.
pub(super) fn parse_size(text: &str) -> Result<u32, String> {
    let ByteSize(bytes) = ByteSize::parse(text)?;
    if !bytes.is_power_of_two() || !(16 << 10..=1 << 30).contains(&bytes) {
        return Err(format!("{bytes} bytes: a ring has a power of two between 16K and 1024M"));
    }
    Ok(bytes as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("8M"), Ok(8 << 20));
        assert_eq!(parse_size("512k"), Ok(512 << 10));
        assert_eq!(parse_size("65536"), Ok(65536));
        for bad in ["", "M", "3M", "8MM", "-1", "1K", "4096M"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
