//! `peregrine replay`: captures instead of this machine.

use std::io::{BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use indicatif::MultiProgress;
use peregrine_capture::Item;
use peregrine_engine::Detection;
use peregrine_engine::host::{self, HostFiles};
use peregrine_engine::replay::parallel::{self, Outcome, ParallelOptions};
use peregrine_engine::replay::{EventFilter, Replay, ReplayTotals, Step};
use peregrine_engine::ruleset::{self, RuleOptions};
use peregrine_fields::view::{EventView, Session};
use peregrine_output::{
    AlertSender, Encoding, LineFormat, Outputs, OutputsBuilder, SinkOptions, StdoutSink, WhenFull,
};
use peregrine_rules::RuleMatching;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::replaying::examine::{Found, Look};
use crate::replaying::input::{self, Input};
use crate::replaying::print::Printer;
use crate::replaying::progress::{self, BesideBars, Progress};
use crate::replaying::side_by_side::{self, Message};
use crate::replaying::write::{Captures, Output};
use crate::report;
use crate::writing::{CaptureArgs, WriteArgs};

/// Options of `peregrine replay`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 if everything was read, 1 if nothing could be done, 3 if a \
                        capture was damaged or ends early; what could be read was replayed."
)]
pub struct ReplayArgs {
    /// Captures, replayed one after another; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Rules file, or directory of them; may be given several times. Without it events are printed
    #[arg(short, long = "rules", value_name = "RULES")]
    rules: Vec<PathBuf>,
    /// Worker threads; the results are the same for any number. Writing a capture takes one
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// Print alerts, or events, as JSON lines
    #[arg(long)]
    json: bool,
    /// Only events for which this condition holds
    #[arg(long, value_name = "CONDITION")]
    filter: Option<String>,
    /// Which of several matching rules fire
    #[arg(long, value_enum, default_value_t = Matching::First)]
    rule_matching: Matching,
    /// Print events in this format, as in "%evt.time %proc.name". With a * in front, events that
    /// lack a field are printed too
    #[arg(long, value_name = "FORMAT", conflicts_with_all = ["rules", "fields", "json"])]
    print: Option<String>,
    /// Print these fields of each event, separated by commas
    #[arg(long, value_name = "FIELDS", conflicts_with_all = ["rules", "json"])]
    fields: Option<String>,
    /// How fields are printed: columns separated by tabs, or one JSON list per event
    #[arg(long, value_enum, default_value_t = Format::Tsv, requires = "fields")]
    format: Format,
    /// Replay several captures at a time, each on one worker: as many as there are workers, or
    /// processors without --workers. What is printed is in the order of the files
    #[arg(long, conflicts_with_all = ["write", "capture"])]
    parallel_files: bool,
    /// Print a report at the end
    #[arg(long)]
    stats: bool,
    /// Write a capture, compressed if its name ends in .gz; with a filter, of its events and what
    /// the state needs
    #[arg(long, value_name = "OUT")]
    write: Option<PathBuf>,
    #[command(flatten)]
    writing: WriteArgs,
    #[command(flatten)]
    captures: CaptureArgs,
    /// Print times in text as ISO 8601 in UTC instead of the local time of day
    #[arg(long)]
    iso_time: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Matching {
    First,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Tsv,
    Json,
}

/// Exit status if a capture was damaged or ends early.
pub const INCOMPLETE: u8 = 3;
/// Alerts that may wait for the dispatcher.
const ALERT_QUEUE: usize = 4096;

/// Replays all files.
///
/// # Errors
/// Rules, a condition or a format that are wrong; a file that cannot be opened or is no capture;
/// an output that cannot be written.
pub fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    args.writing.check(("--write", args.write.is_some()))?;
    if args.captures.options().is_some() && args.rules.is_empty() {
        bail!("--capture needs rules (-r): captures are made around alerts");
    }
    let stop = stop_flag()?;
    let mut tools = Tools::new(args)?;
    let started = Instant::now();
    let mut replay = Replay::new(tools.session.clone(), HostFiles::read());
    let mut is_complete = true;
    if args.parallel_files {
        is_complete = tools.replay_side_by_side(&args.files, &stop)?;
    }
    for path in args.files.iter().filter(|_| !args.parallel_files) {
        let input = input::open(path)?;
        is_complete &= if tools.looks.len() > 1 {
            tools.replay_parallel(input, path, &stop)?
        } else {
            tools.replay_file(&mut replay, input, path, &stop)?
        };
        if tools.is_over || stop.load(Ordering::Relaxed) {
            break;
        }
    }
    let elapsed = started.elapsed();
    let rules = tools.matches();
    let (mut totals, mut levels) = (tools.totals, tools.levels);
    if tools.looks.len() == 1 && !args.parallel_files {
        let state = replay.partition().shard().counters();
        (totals, levels) = (replay.totals(), (state.n_threads, state.n_fds));
    }
    let is_delivered = tools.finish()?;
    if args.stats {
        eprint!("{}", report::replay_text(elapsed, &totals, levels, rules));
    }
    Ok(match (is_complete, is_delivered) {
        (_, false) => ExitCode::FAILURE,
        (false, _) => ExitCode::from(INCOMPLETE),
        (true, true) => ExitCode::SUCCESS,
    })
}

/// Set by the first signal; a second one kills as usual.
fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_default(signal, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}

/// What is done with events.
struct Tools {
    session: Session,
    /// One per worker.
    looks: Vec<Look>,
    sender: Option<AlertSender>,
    outputs: Option<Outputs>,
    out: BufWriter<std::io::Stdout>,
    is_interactive: bool,
    writer: Option<Output>,
    captures: Option<Captures>,
    bars: Option<MultiProgress>,
    /// The reader of standard output has gone away.
    is_over: bool,
    /// What several workers have read.
    totals: ReplayTotals,
    /// Threads and fds that several workers know.
    levels: (u64, u64),
}

impl Tools {
    fn new(args: &ReplayArgs) -> anyhow::Result<Self> {
        let is_interactive = std::io::stdout().is_terminal();
        let printer = args.printer()?;
        let containers = !args.rules.is_empty()
            || printer.as_ref().is_some_and(Printer::wants_containers)
            || args.filter.as_ref().is_some_and(|text| text.contains("container."));
        let hostname = host::hostname();
        let session =
            Session { hostname: Some(hostname.clone().into()), containers, ..Session::default() };
        // Lines and bars do not go together on one terminal; alerts are few and go above the bar.
        let bars = progress::bars().filter(|_| printer.is_none() || !is_interactive);
        let mut tools = Self {
            session,
            looks: Vec::new(),
            sender: None,
            outputs: None,
            out: BufWriter::with_capacity(1 << 16, std::io::stdout()),
            is_interactive,
            writer: None,
            captures: args.captures.options().map(Captures::new),
            bars,
            is_over: false,
            totals: ReplayTotals::default(),
            levels: (0, 0),
        };
        let detection = match args.rules.is_empty() {
            true => None,
            false => Some(tools.load_rules(args, hostname)?),
        };
        for _ in 0..args.effective_workers() {
            let filter = match &args.filter {
                Some(text) => Some(EventFilter::new(text).context("--filter")?),
                None => None,
            };
            tools.looks.push(Look::new(filter, detection.clone(), args.printer()?));
        }
        // Last, so that a mistake elsewhere empties no file.
        if let Some(path) = &args.write {
            refuse_input(path, &args.files)?;
            tools.writer = Some(Output::create(path, args.filter.is_some(), &args.writing)?);
        }
        Ok(tools)
    }

    fn load_rules(
        &mut self,
        args: &ReplayArgs,
        hostname: String,
    ) -> anyhow::Result<Arc<Detection>> {
        let loaded = ruleset::load(&RuleOptions {
            paths: args.rules.clone(),
            matching: match args.rule_matching {
                Matching::First => RuleMatching::First,
                Matching::All => RuleMatching::All,
            },
            session: self.session.clone(),
            capture: args.captures.options().map(|options| options.for_rules()),
            ..RuleOptions::default()
        })?;
        if !loaded.warnings.is_empty() {
            eprintln!("{}", loaded.warnings.trim_end());
        }
        let encoding = if args.json { Encoding::json() } else { Encoding::Text };
        let format = LineFormat::new(encoding, hostname).iso_8601(args.iso_time);
        let builder = OutputsBuilder::new(format, Some(ALERT_QUEUE), WhenFull::Block);
        let options = SinkOptions::lossless(ALERT_QUEUE);
        let builder = match &self.bars {
            Some(bars) if self.is_interactive => {
                builder.sink(BesideBars::new(bars.clone()), options)
            }
            _ => builder.sink(StdoutSink::new()?, options),
        };
        let outputs = builder.start()?;
        self.sender = Some(outputs.sender());
        self.outputs = Some(outputs);
        Ok(Arc::new(loaded.detection))
    }

    /// Matches per rule, of all workers.
    fn matches(&self) -> Vec<(String, u64)> {
        let mut rules: Vec<(String, u64)> = Vec::new();
        for detector in self.looks.iter().filter_map(Look::detector) {
            let names = detector.detection().rules.iter().map(|rule| rule.identity.name());
            for (index, (name, count)) in names.zip(detector.matches()).enumerate() {
                match rules.get_mut(index) {
                    Some((_, sum)) => *sum += count,
                    None => rules.push((name.to_owned(), *count)),
                }
            }
        }
        rules
    }

    /// Replays a file; says whether it was read as a whole.
    fn replay_file(
        &mut self,
        replay: &mut Replay,
        input: Input,
        path: &Path,
        stop: &AtomicBool,
    ) -> anyhow::Result<bool> {
        let mut progress = Progress::new(&input, self.bars.as_ref());
        let Input { mut reader, consumed, .. } = input;
        let mut failure = None;
        let mut is_whole = true;
        let result = replay.run(&mut reader, |step| {
            progress.tick(&consumed);
            let outcome = match step {
                Step::Event { view, is_for_rules } => self.event(view, is_for_rules),
                Step::Entered(event) => self.write_with(|writer| writer.entered(event)),
                Step::State(item) => self.state(item),
                Step::Damage(error) => {
                    is_whole = false;
                    progress.note(&format!("peregrine: {}: {error}", path.display()));
                    Ok(())
                }
            };
            self.go_on(outcome, stop, &mut failure)
        });
        progress.finish();
        note_refused(replay.partition().shard().containers().refused(), path);
        if let Some(error) = failure {
            return Err(error);
        }
        whole_or_not(result, is_whole, path)
    }

    /// Whether reading goes on after a step; keeps the error that ends it.
    fn go_on(
        &self,
        outcome: anyhow::Result<()>,
        stop: &AtomicBool,
        failure: &mut Option<anyhow::Error>,
    ) -> ControlFlow<()> {
        match outcome {
            Ok(()) if self.is_over || stop.load(Ordering::Relaxed) => ControlFlow::Break(()),
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                *failure = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    /// As [`Self::replay_file`], on several workers.
    fn replay_parallel(
        &mut self,
        input: Input,
        path: &Path,
        stop: &AtomicBool,
    ) -> anyhow::Result<bool> {
        let mut progress = Progress::new(&input, self.bars.as_ref());
        let Input { mut reader, consumed, .. } = input;
        let mut failure = None;
        let mut is_whole = true;
        let looks = std::mem::take(&mut self.looks);
        let (session, files) = (self.session.clone(), HostFiles::read());
        let options = ParallelOptions::default();
        let run = parallel::replay(&mut reader, (&session, &files), looks, &options, |outcome| {
            let shown = match outcome {
                Outcome::Found(found) => self.show(found),
                Outcome::Damage(error) => {
                    is_whole = false;
                    progress.note(&format!("peregrine: {}: {error}", path.display()));
                    Ok(())
                }
                Outcome::Progress(events) => {
                    progress.show(events, &consumed);
                    Ok(())
                }
            };
            self.go_on(shown, stop, &mut failure)
        });
        progress.finish();
        self.looks = run.examiners;
        self.totals += run.totals;
        let refused = run.partitions.iter().map(|p| p.shard().containers().refused()).max();
        note_refused(refused.unwrap_or(0), path);
        let of_each = run.partitions.iter().map(|p| p.shard().counters());
        // All know all threads; the files of each are known to one.
        self.levels = of_each.fold((0, 0), |sum, c| (c.n_threads, sum.1 + c.n_fds));
        match failure {
            Some(error) => Err(error),
            None => whole_or_not(run.end, is_whole, path),
        }
    }

    /// Replays several captures at a time; says whether all were read as a whole.
    fn replay_side_by_side(
        &mut self,
        files: &[PathBuf],
        stop: &AtomicBool,
    ) -> anyhow::Result<bool> {
        let mut looks = std::mem::take(&mut self.looks);
        let session = self.session.clone();
        let mut is_complete = true;
        side_by_side::replay(files, &mut looks, &session, stop, |path, message| {
            match message {
                Message::Found(found) => {
                    found.into_iter().try_for_each(|found| self.show(found))?;
                }
                Message::Damage(error) => {
                    is_complete = false;
                    eprintln!("peregrine: {}: {error}", path.display());
                }
                Message::End(end) => {
                    self.totals += end.totals;
                    self.levels = end.levels;
                    is_complete &= whole_or_not(end.end, true, path)?;
                }
                Message::Failed(error) => return Err(error),
            }
            if self.is_over {
                stop.store(true, Ordering::Relaxed);
            }
            Ok(())
        })?;
        self.looks = looks;
        Ok(is_complete)
    }

    fn show(&mut self, found: Found) -> anyhow::Result<()> {
        match found {
            Found::Alert(alert) => {
                if let Some(sender) = &self.sender {
                    sender.send(*alert);
                }
                Ok(())
            }
            Found::Line(line) => self.print(&line),
        }
    }

    fn print(&mut self, line: &[u8]) -> anyhow::Result<()> {
        match self.out.write_all(line) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.is_over = true;
                Ok(())
            }
            result => result.context("standard output"),
        }
    }

    fn state(&mut self, item: &Item<'_>) -> anyhow::Result<()> {
        if let Some(captures) = &mut self.captures {
            captures.state(item).context("--capture")?;
        }
        self.write_with(|writer| writer.state(item))
    }

    fn write_with(
        &mut self,
        write: impl FnOnce(&mut Output) -> Result<(), peregrine_capture::Error>,
    ) -> anyhow::Result<()> {
        self.writer.as_mut().map_or(Ok(()), write).context("--write")
    }

    #[inline]
    fn event(&mut self, view: &EventView<'_>, is_for_rules: bool) -> anyhow::Result<()> {
        let look = &mut self.looks[0];
        let is_wanted = look.wants(view, is_for_rules);
        if let Some(writer) = &mut self.writer {
            writer.event(view, is_wanted).context("--write")?;
        }
        let mut capture_ns = None;
        if is_wanted && let Some(sender) = &self.sender {
            capture_ns = look.detect(view, |alert| {
                sender.send(alert);
            });
        }
        if let Some(captures) = &mut self.captures {
            captures.event(view, capture_ns).context("--capture")?;
        }
        if !is_wanted {
            return Ok(());
        }
        match look.print(view)? {
            Some(line) => match self.out.write_all(line) {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    self.is_over = true;
                    Ok(())
                }
                result => result.context("standard output"),
            },
            None => Ok(()),
        }
    }

    /// Writes what is buffered; says whether every alert reached its output.
    fn finish(self) -> anyhow::Result<bool> {
        let Self { mut out, writer, captures, outputs, sender, is_over, .. } = self;
        if !is_over {
            match out.flush() {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
                result => result.context("standard output")?,
            }
        }
        // Without this, dropping the buffer would try to write again.
        let _ = out.into_parts();
        if let Some(writer) = writer {
            writer.finish()?;
        }
        if let Some(captures) = captures {
            for path in captures.finish().context("--capture")? {
                eprintln!("peregrine: capture {}", path.display());
            }
        }
        drop(sender);
        let Some(outputs) = outputs else { return Ok(true) };
        let report = outputs.shutdown(None);
        let mut is_delivered = true;
        for sink in &report.totals.sinks {
            let lost = sink.lost();
            if lost > 0 {
                is_delivered = false;
                let reason = sink.last_error.as_deref().unwrap_or("no reason given");
                eprintln!("peregrine: {lost} alerts did not reach {}: {reason}", sink.name);
            }
        }
        Ok(is_delivered)
    }
}

/// Says that a capture describes more containers than there is room for.
fn note_refused(refused: u64, path: &Path) {
    if refused > 0 {
        eprintln!(
            "peregrine: {}: {refused} descriptions of containers were left out, they are too large",
            path.display()
        );
    }
}

/// What the end of a capture means: whether it was read as a whole.
fn whole_or_not(
    result: Result<(), peregrine_capture::Error>,
    is_whole: bool,
    path: &Path,
) -> anyhow::Result<bool> {
    match result {
        Ok(()) => Ok(is_whole),
        // What came before was replayed.
        Err(
            error @ (peregrine_capture::Error::Truncated { .. }
            | peregrine_capture::Error::Read { .. }
            | peregrine_capture::Error::Block { .. }),
        ) => {
            eprintln!("peregrine: {}: {error}", path.display());
            Ok(false)
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Creating the output would empty the input.
fn refuse_input(output: &Path, inputs: &[PathBuf]) -> anyhow::Result<()> {
    let Ok(output) = output.canonicalize() else { return Ok(()) };
    for input in inputs {
        if input.canonicalize().is_ok_and(|input| input == output) {
            bail!("--write {}: it is an input too", output.display());
        }
    }
    Ok(())
}

impl ReplayArgs {
    /// Workers that are used. A capture is written in the order of its events, by one.
    fn effective_workers(&self) -> usize {
        let is_written = self.write.is_some() || self.captures.options().is_some();
        match self.workers {
            _ if is_written => 1,
            1 if self.parallel_files => {
                std::thread::available_parallelism().map_or(1, usize::from).min(self.files.len())
            }
            workers => usize::from(workers),
        }
    }

    /// What prints events, if they are printed.
    fn printer(&self) -> anyhow::Result<Option<Printer>> {
        if let Some(format) = &self.print {
            return Printer::format(format).map(Some);
        }
        if let Some(names) = &self.fields {
            return Printer::fields(names, self.format == Format::Json).map(Some);
        }
        if !self.rules.is_empty() {
            return Ok(None);
        }
        if self.json {
            return Printer::objects().map(Some);
        }
        if self.write.is_some() {
            return Ok(None);
        }
        let choice = anstream::AutoStream::choice(&std::io::stdout());
        Printer::lines(choice != anstream::ColorChoice::Never).map(Some)
    }
}
