//! `peregrine record`: a capture of what happens on this machine.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use peregrine_engine::Detection;
use peregrine_engine::host;
use peregrine_engine::interest::Wanted;
use peregrine_engine::live::{Live, LiveOptions};
use peregrine_engine::recording::{FileOptions, RecordOptions, WhenFull};
use peregrine_engine::replay::EventFilter;
use peregrine_fields::view::Session;
use peregrine_output::{Encoding, LineFormat, OutputsBuilder};
use peregrine_probe::Capabilities;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::run::parse_size;
use crate::report;
use crate::service::privileges::{self, PrivilegeArgs, touch_maps};
use crate::writing::{WriteArgs, parse_seconds};

/// Options of `peregrine record`.
#[derive(Debug, Args)]
#[command(
    after_help = "Recorded are all system calls but those that only transfer data or wait (read, \
                  write, poll, futex …) and the newest of those of which only the name is known, \
                  on which the sysdig of Debian 12 crashes. A filter that names calls records \
                  these; --all-syscalls records all.\nExit status: 0 if everything was written, 3 \
                  if events were lost on the way, 1 if the capture could not be made or written."
)]
pub struct RecordArgs {
    /// Capture to write; Falco, sysdig, Wireshark and `peregrine replay` read it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Stop after this many seconds
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    duration: Option<Duration>,
    /// Only events for which this condition holds, and what the state of processes and files needs
    #[arg(long, value_name = "CONDITION")]
    filter: Option<String>,
    /// Bytes of data kept of each read, write, send and receive
    #[arg(long, value_name = "BYTES", default_value_t = 80, value_parser = clap::value_parser!(u32).range(0..=16384))]
    snaplen: u32,
    /// Record every system call
    #[arg(long)]
    all_syscalls: bool,
    /// Worker threads; the default is one per two CPUs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Ring buffers; the default is one per CPU, at least one per worker
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    rings: Option<u16>,
    /// Size of each ring buffer, as in 512K, 8M; a power of two
    #[arg(long, value_name = "SIZE", default_value = "8M", value_parser = parse_size)]
    ring_size: u32,
    #[command(flatten)]
    privileges: PrivilegeArgs,
    #[command(flatten)]
    writing: WriteArgs,
}

/// Records until a signal, the duration, or a failure.
///
/// # Errors
/// A condition that is wrong, a kernel that refuses the probe, a file that cannot be written.
pub fn run(args: &RecordArgs) -> anyhow::Result<ExitCode> {
    args.writing.check(("FILE", true))?;
    if args.file.is_dir() {
        bail!("cannot write {}: it is a directory", args.file.display());
    }
    let mut wanted = match &args.filter {
        Some(filter) => match EventFilter::new(filter).context("--filter")?.wanted() {
            // It names no types of events.
            wanted if wanted.any => Wanted::for_captures(),
            wanted => wanted.clone(),
        },
        None => Wanted::for_captures(),
    };
    wanted.all |= args.all_syscalls;
    Capabilities::detect().check()?;
    let wish = args.privileges.wish()?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let session = Session { hostname: Some(host::hostname().into()), ..Session::default() };
    let detection = Arc::new(Detection::none(session));
    let mut outputs = None;
    // The capture is opened behind this, with the privileges that are left.
    let live = Live::start_with(&args.live_options(wanted), detection, |probe| {
        if let Some(wish) = &wish {
            eprintln!("peregrine: {}", wish.carry_out(|| touch_maps(probe))?);
        }
        // No rules, no alerts: this only ends the workers' side of the queue.
        let format = LineFormat::new(Encoding::Text, host::hostname());
        let outputs =
            outputs.insert(OutputsBuilder::new(format, None, Default::default()).start()?);
        Ok(outputs.sender())
    });
    let live = live.map_err(|error| match &wish {
        Some(_) => privileges::explain(error.into()),
        None => error.into(),
    })?;
    let (hook, reason) = live.hook();
    let (found, _) = live.initial_state();
    eprintln!(
        "peregrine: ready: recording to {}, {} workers, hook {} ({reason}); found {} threads and {} files",
        args.file.display(),
        live.worker_count(),
        hook.name(),
        found.tasks,
        found.files,
    );
    wait(&live, &mut signals, args.duration.map(|duration| Instant::now() + duration))?;
    let summary = live.stop()?;
    eprint!("{}", report::recording_text(&summary));
    let Some(recording) = &summary.recording else { bail!("nothing was recorded") };
    if let Some(error) = &recording.error {
        bail!("{error}");
    }
    let is_complete = summary.drops.total() == 0 && recording.lost == 0;
    Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::from(super::replay::INCOMPLETE) })
}

/// Does the housekeeping until it is time to stop.
fn wait(live: &Live, signals: &mut Signals, end: Option<Instant>) -> anyhow::Result<()> {
    const TICK: Duration = Duration::from_secs(1);
    const LOOK: Duration = Duration::from_millis(50);
    let mut next_tick = Instant::now() + TICK;
    loop {
        let now = Instant::now();
        let is_over = end.is_some_and(|end| now >= end) || signals.pending().next().is_some();
        if is_over || live.has_failed() || live.has_recording_failed() {
            return Ok(());
        }
        if now >= next_tick {
            live.tick();
            next_tick = now + TICK;
        }
        let until = end.map_or(next_tick, |end| end.min(next_tick));
        std::thread::sleep(until.saturating_duration_since(now).min(LOOK));
    }
}

impl RecordArgs {
    fn live_options(&self, wanted: Wanted) -> LiveOptions {
        let mut options = LiveOptions::default();
        if let Some(workers) = self.workers {
            options.workers = u32::from(workers);
            options.probe.rings = options.probe.rings.max(options.workers);
        }
        if let Some(rings) = self.rings {
            options.probe.rings = u32::from(rings);
        }
        options.probe.ring_bytes = self.ring_size;
        options.probe.snaplen = self.snaplen;
        options.all_syscalls = wanted.all;
        options.also_wanted = wanted;
        options.recording = Some(RecordOptions {
            file: Some(FileOptions {
                path: self.file.clone(),
                writer: self.writing.writer(&self.file),
                rotation: self.writing.rotation(),
                filter: self.filter.clone(),
            }),
            alerts: None,
            when_full: WhenFull::Wait,
        });
        options
    }
}
