//! `peregrine top`: what keeps a running Peregrine busy, on a terminal or as text.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::Args;
use peregrine_serve::Snapshot;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use signal_hook::consts::{SIGHUP, SIGTERM};

use crate::service::control::{self, Figures, Request};
use crate::top::plain;
use crate::top::screen::{Reaction, Screen};
use crate::top::view::View;

/// Options of `peregrine top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// The instance's socket, `peregrine.control_socket` in its configuration
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    socket: Option<String>,
    /// The instance's configuration, which names the socket
    #[arg(short, long, value_name = "FILE")]
    config: Option<String>,
    /// Time between two looks
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// Print the numbers of one interval as text, and end; so it does without a terminal, too
    #[arg(long)]
    once: bool,
    /// Rows of processes, events and rules in text
    #[arg(long, value_name = "N", default_value_t = 10)]
    rows: usize,
    /// Print all numbers as a line of JSON per interval; counters count from the start of the
    /// instance
    #[arg(long)]
    json: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = crate::writing::parse_seconds(text)?;
    // The numbers are made once a second.
    match interval < Duration::from_secs(1) {
        true => Err("the numbers are made once a second".to_owned()),
        false => Ok(interval),
    }
}

/// Shows the numbers until it is told to end.
///
/// # Errors
/// The configuration is wrong or names no socket, no instance listens, or the terminal fails.
pub fn run(args: &TopArgs) -> anyhow::Result<ExitCode> {
    let socket = control::socket_of(args.socket.as_deref(), args.config.as_deref())?;
    let mut source = Source { socket, before: None };
    if args.json {
        return json(args, &mut source);
    }
    let has_terminal = std::io::stdout().is_terminal() && std::io::stdin().is_terminal();
    if args.once || !has_terminal {
        source.start(args.interval)?;
        let (before, now) = source.next(args.interval, true)?;
        return crate::print(&plain::text(&View::new(before.as_deref(), &now), args.rows));
    }
    // Before the screen is taken: who has no instance shall read why.
    source.start(args.interval)?;
    watch(args, source)
}

fn json(args: &TopArgs, source: &mut Source) -> anyhow::Result<ExitCode> {
    source.start(args.interval)?;
    loop {
        let (_, now) = source.next(args.interval, true)?;
        let mut out = std::io::stdout().lock();
        let written = writeln!(out, "{}", serde_json::to_string(&now)?).and_then(|()| out.flush());
        match written {
            // Nobody reads on, as with `| head`; the instance need not count for nobody.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
        if args.once {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An instance, and the last numbers it gave.
struct Source {
    socket: String,
    before: Option<Arc<Snapshot>>,
}

/// Longer than an instance takes for new numbers, whatever the machine does meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);

impl Source {
    fn ask(&self) -> anyhow::Result<Figures> {
        control::ask(&self.socket, &Request::Figures)
    }

    /// The first numbers: those after the instance has begun to work.
    fn start(&mut self, interval: Duration) -> anyhow::Result<()> {
        let (_, now) = self.next(interval, false)?;
        self.before = Some(now.snapshot);
        Ok(())
    }

    /// The numbers about an interval after the last, and those; with `has_processes` once there are
    /// processes among them, which the instance begins to count when it is asked.
    fn next(
        &mut self,
        interval: Duration,
        has_processes: bool,
    ) -> anyhow::Result<(Option<Arc<Snapshot>>, Figures)> {
        const LOOK: Duration = Duration::from_millis(100);
        let end = Instant::now() + interval + PATIENCE;
        if self.before.is_some() {
            std::thread::sleep(interval.saturating_sub(2 * LOOK));
        }
        // The instance does not make them at the very moment.
        let wanted = interval.as_nanos() as u64 * 9 / 10;
        loop {
            let figures = self.ask()?;
            let now = &figures.snapshot;
            let since = self.before.as_ref().map_or(u64::MAX, |before| {
                match before.identity.start_ns == now.identity.start_ns {
                    true => now.time_ns.saturating_sub(before.time_ns),
                    false => u64::MAX,
                }
            });
            let is_whole = !has_processes || now.processes.is_some();
            if now.time_ns > 0 && since >= wanted && is_whole {
                return Ok((self.before.replace(now.clone()), figures));
            }
            if Instant::now() > end {
                bail!(
                    "the instance on {} gives no new numbers; it is starting, or stuck",
                    self.socket
                );
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// On the terminal. Another thread asks, so that keys work while an instance does not answer.
fn watch(args: &TopArgs, source: Source) -> anyhow::Result<ExitCode> {
    let (sender, news) = channel();
    let interval = args.interval;
    std::thread::Builder::new()
        .name("asking".into())
        .spawn(move || keep_asking(source, interval, &sender))?;
    // Whoever ends this process wants the terminal back as it was.
    let is_over = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, is_over.clone())?;
    }
    let mut terminal = ratatui::try_init()?;
    let result = show(&mut terminal, &news, &is_over);
    ratatui::restore();
    result.map(|()| ExitCode::SUCCESS)
}

type News = Result<(Option<Arc<Snapshot>>, Figures), String>;

fn keep_asking(mut source: Source, interval: Duration, news: &Sender<News>) {
    loop {
        let new = source.next(interval, false).map_err(|error| format!("{error:#}"));
        let has_failed = new.is_err();
        if news.send(new).is_err() {
            return;
        }
        if has_failed {
            std::thread::sleep(interval);
        }
    }
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    news: &Receiver<News>,
    is_over: &AtomicBool,
) -> anyhow::Result<()> {
    /// How soon new numbers are seen; keys are seen at once.
    const LOOK: Duration = Duration::from_millis(100);
    let mut screen = Screen::default();
    let mut is_new = true;
    // Relaxed: the flag orders nothing.
    while !is_over.load(Ordering::Relaxed) {
        for new in news.try_iter() {
            match new {
                Ok((before, now)) => screen.show(View::new(before.as_deref(), &now)),
                Err(trouble) => screen.fail(trouble),
            }
            is_new = true;
        }
        if is_new {
            terminal.draw(|frame| screen.draw(frame))?;
        }
        is_new = event::poll(LOOK)?;
        if is_new
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
            && screen.press(key) == Reaction::Quit
        {
            return Ok(());
        }
    }
    Ok(())
}
