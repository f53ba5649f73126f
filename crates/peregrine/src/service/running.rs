//! A live engine from start to end: one thread that ticks, reloads and stops.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use peregrine_config::{Config, ConfigError};
use peregrine_engine::recording::{AlertCaptureOptions, FileOptions, RecordOptions, WhenFull};
use peregrine_engine::{Live, LiveOptions, Summary, ruleset};
use peregrine_event::Priority;
use peregrine_fields::view::Session;
use peregrine_output::{Alert, OutputReport, RuleIdentity, StateQuality};
use peregrine_probe::Capabilities;
use peregrine_serve::ServeOptions;
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::service::control::{self, Answer, Control};
use crate::service::drops::{DropMonitor, Figures};
use crate::service::engine;
use crate::service::log::Log;
use crate::service::metrics::MetricsWriter;
use crate::service::outputs::{self, Delivery, Started};
use crate::service::privileges::{self, Wish, touch_maps};
use crate::service::reload::{self, Reloaded};
use crate::service::watch::{FileWatcher, Watched};
use crate::service::{rules, servers};
use crate::serving::Serving;

/// What a running engine is told.
#[derive(Debug)]
pub enum Happening {
    /// A signal came.
    Signal(i32),
    /// Watched files may have changed.
    FilesChanged,
    /// Somebody asks for a reload and waits for the answer.
    Asked(SyncSender<Answer>),
}

/// What shall run.
pub struct Plan<'p> {
    /// Loads the configuration; again on every reload.
    pub load: &'p dyn Fn() -> Result<Config, ConfigError>,
    /// Rules files of the command line, which replace those of the configuration.
    pub rules: Vec<std::path::PathBuf>,
    /// What the engine calls itself in syslog.
    pub name: &'static str,
    /// Name of the host in alerts.
    pub hostname: String,
    /// Stop after this time.
    pub duration: Option<Duration>,
    /// Measure the cost of kernel programs.
    pub measure: bool,
    /// Whether there may be no rules files at all; the built-in rules are then used.
    pub has_built_in_rules: bool,
    /// A capture of everything.
    pub recording: Option<FileOptions>,
    /// Captures around alerts, instead of those of the configuration.
    pub alert_captures: Option<AlertCaptureOptions>,
    /// Servers beside those of the configuration.
    pub servers: Vec<ServeOptions>,
    /// Whether one of them shows alerts.
    pub has_page: bool,
    /// Says that it is running, and how.
    pub ready: &'p dyn Fn(&Live, &Log),
}

/// What it did.
pub struct Finished {
    /// Figures of the engine.
    pub summary: Summary,
    /// Figures of the outputs.
    pub delivered: OutputReport,
    /// Seconds with too many lost events, and how often something was done about it.
    pub drop_reactions: (u64, u64),
    /// Priorities of the rules that were in force at the end.
    pub priorities: std::collections::HashMap<String, Priority>,
    /// Why it ended.
    pub exit: ExitCode,
}

impl Plan<'_> {
    /// Whether somebody looks at alerts on a page.
    fn shows_alerts(&self, config: &Config) -> bool {
        self.has_page || config.settings.peregrine.web.enabled
    }

    /// What the live engine shall do.
    fn live_options(&self, config: &Config) -> LiveOptions {
        const BUFFERS: &str = "engine.modern_ebpf.cpus_for_each_buffer";
        let modern = &config.settings.engine.modern_ebpf;
        let cpus_per_ring =
            config.origins.contains_key(BUFFERS).then_some(modern.cpus_for_each_buffer);
        let mut options = engine::live_options(&config.settings, cpus_per_ring, self.measure);
        if self.recording.is_some() || self.alert_captures.is_some() {
            let configured = options.recording.and_then(|recording| recording.alerts);
            options.recording = Some(RecordOptions {
                file: self.recording.clone(),
                alerts: self.alert_captures.clone().or(configured),
                // Detection goes on whatever becomes of the disk.
                when_full: WhenFull::Lose,
            });
        }
        options
    }

    /// What is the same for all events.
    pub fn session(&self, config: &Config) -> Session {
        Session {
            hostname: Some(self.hostname.as_str().into()),
            buffer: if config.settings.buffer_format_base64 {
                peregrine_fields::buffer::BufferFormat::Base64
            } else {
                peregrine_fields::buffer::BufferFormat::default()
            },
            ..Session::default()
        }
    }

    /// Loads and compiles the rules that a configuration names.
    ///
    /// # Errors
    /// They are wrong, or there are none.
    pub fn compile(&self, config: &Config) -> anyhow::Result<ruleset::Loaded> {
        let mut options = rules::rule_options(&config.settings, &self.rules, self.session(config));
        options.lineage = self.shows_alerts(config);
        if let Some(captures) = &self.alert_captures {
            options.capture = Some(captures.for_rules());
        }
        let is_built_in = self.has_built_in_rules && !rules::names_files(&config.settings);
        if options.paths.is_empty() && !is_built_in {
            anyhow::bail!(
                "You must specify at least one rules file/directory via -r or a rules_file entry \
                 in falco.yaml"
            );
        }
        Ok(ruleset::load(&options)?)
    }

    /// Files whose change matters.
    pub fn watched(&self, config: &Config) -> Watched {
        let mut watched = Watched::default();
        let includes = &config.settings.config_files;
        watched.files.extend(config.files.iter().map(|file| file.name.clone().into()));
        let named = rules::rule_options(&config.settings, &self.rules, Session::default()).paths;
        for path in includes.iter().map(|include| include.path.clone().into()).chain(named) {
            if path.is_dir() {
                watched.directories.push(path);
            } else if path.exists() && !watched.files.contains(&path) {
                watched.files.push(path);
            }
        }
        // What was not read from a file has no name there.
        watched.files.retain(|file| file.exists());
        watched
    }
}

/// Runs until a signal, the duration, or a failure.
///
/// # Errors
/// Rules that do not load, a kernel that refuses the probe, an output that cannot be opened.
pub fn run(plan: &Plan<'_>, config: Config, log: &Log) -> anyhow::Result<Finished> {
    // Rules first: with bad ones nothing may be attached.
    let loaded = plan.compile(&config)?;
    if !loaded.warnings.is_empty() && !plan.rules_are_built_in(&config) {
        eprintln!("{}", loaded.warnings.trim_end());
    }
    Capabilities::detect().check()?;
    let own = &config.settings.peregrine;
    let wish = Wish::new(own.drop_privileges, &own.user)?;
    let (happenings, happened) = channel();
    // Before anything is attached, so that no signal finds the default action.
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGUSR1])?;
    let mut open = None;
    let live =
        Live::start_with(&plan.live_options(&config), Arc::new(loaded.detection), |probe| {
            if wish.is_some() {
                // Reloads may want calls that no rule wants today, and then nothing can be loaded.
                let known = probe.left_out().len();
                probe.load_rest()?;
                for refusal in probe.left_out().into_iter().skip(known) {
                    log.warning(format!("without {}: {}", refusal.program, refusal.reason));
                }
            }
            let dropped = wish.map(|wish| wish.carry_out(|| touch_maps(probe))).transpose()?;
            if let Some(dropped) = &dropped {
                log.info(dropped.to_string());
            }
            let opened = Opened::open(plan, &config, signals, &happenings).map_err(|error| {
                if dropped.is_some() { privileges::explain(error) } else { error }
            })?;
            let sender = opened.started.outputs.sender();
            open = Some(opened);
            Ok(sender)
        })?;
    let Some(Opened { signals, started, serving, metrics }) = open else {
        anyhow::bail!("the engine started without its outputs, which is a defect");
    };
    let mut running = Running {
        plan,
        log,
        live,
        started,
        config,
        happenings,
        watcher: None,
        fingerprint: 0,
        serving,
        metrics,
    };
    running.watch_files();
    let control = running.control();
    (plan.ready)(&running.live, log);
    for address in running.serving.addresses() {
        log.info(format!("serving on {address}"));
    }
    running.name_files();
    tell_manager(NotifyState::Ready);
    let mut drops = DropMonitor::new(running.config.settings.syscall_event_drops.clone(), now_ns());
    let exit = running.serve(&happened, &mut drops);
    tell_manager(NotifyState::Stopping);
    drop(control);
    signals.close();
    let rules = running.live.rules();
    let priority =
        |rule: &ruleset::ActiveRule| (rule.identity.name().to_owned(), rule.identity.priority());
    let priorities = rules.rules.iter().map(priority).collect();
    let patience = Duration::from_millis(running.config.settings.peregrine.sinks.shutdown_ms);
    let summary = running.live.stop();
    // Also when a worker has failed: what it found before is delivered.
    let delivered = running.started.outputs.shutdown(Some(patience));
    let summary = summary?;
    Ok(Finished {
        summary,
        delivered,
        drop_reactions: (drops.occurrences, drops.actions_taken),
        priorities,
        exit: exit?,
    })
}

/// What is opened, and the threads that are started, before the workers.
struct Opened {
    signals: signal_hook::iterator::Handle,
    started: Started,
    serving: Serving,
    metrics: Option<MetricsWriter>,
}

impl Opened {
    fn open(
        plan: &Plan<'_>,
        config: &Config,
        signals: Signals,
        happenings: &Sender<Happening>,
    ) -> anyhow::Result<Self> {
        let settings = &config.settings;
        let signals = forward(signals, happenings.clone())?;
        let started = outputs::start(
            settings,
            &plan.hostname,
            plan.name,
            Delivery::Live,
            plan.shows_alerts(config),
        )?;
        let mut servers = servers::servers(settings)?;
        servers.extend(plan.servers.iter().cloned());
        let metrics = MetricsWriter::new(&settings.metrics)?;
        let serving = Serving::start(&servers, started.hub.clone())?;
        Ok(Self { signals, started, serving, metrics })
    }
}

/// Tells systemd, if it started us and listens.
fn tell_manager(state: NotifyState<'_>) {
    let _ = sd_notify::notify(false, &[state]);
}

/// Turns signals into happenings.
fn forward(
    mut signals: Signals,
    happenings: Sender<Happening>,
) -> anyhow::Result<signal_hook::iterator::Handle> {
    let handle = signals.handle();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if happenings.send(Happening::Signal(signal)).is_err() {
                return;
            }
        }
    })?;
    Ok(handle)
}

struct Running<'p> {
    plan: &'p Plan<'p>,
    log: &'p Log,
    live: Live,
    started: Started,
    config: Config,
    happenings: Sender<Happening>,
    watcher: Option<FileWatcher>,
    /// What the watched files held when they were last read.
    fingerprint: u64,
    serving: Serving,
    metrics: Option<MetricsWriter>,
}

impl Plan<'_> {
    fn rules_are_built_in(&self, config: &Config) -> bool {
        self.rules.is_empty() && !rules::names_files(&config.settings)
    }
}

impl Running<'_> {
    fn control(&self) -> Option<Control> {
        let path = &self.config.settings.peregrine.control_socket;
        if path.is_empty() {
            return None;
        }
        let (board, watch) = (self.serving.board(), self.live.watch());
        let figures = move || {
            watch.look();
            control::Figures { snapshot: board.latest(), problems: board.problems(now_ns()) }
        };
        match Control::start(path, self.happenings.clone(), figures) {
            Ok(control) => Some(control),
            Err(error) => {
                self.log.info(format!("no control socket, so `peregrine reload` and `peregrine top` will not reach this instance: {error:#}"));
                None
            }
        }
    }

    /// Says which files are in force.
    fn name_files(&mut self) {
        let options =
            rules::rule_options(&self.config.settings, &self.plan.rules, Session::default());
        let files = self.config.files.iter().map(|file| file.name.clone().into());
        let config: Vec<PathBuf> = files.filter(|file: &PathBuf| file.exists()).collect();
        self.serving.set_files(&options.paths, &config);
    }

    fn serve_numbers(&mut self) -> anyhow::Result<()> {
        let snapshot = self.serving.tick(&self.live, self.started.outputs.totals())?;
        if let Some(metrics) = &mut self.metrics {
            metrics.look(&snapshot, &self.started.outputs.sender(), self.log);
        }
        Ok(())
    }

    fn watch_files(&mut self) {
        self.watcher = None;
        let watched = self.plan.watched(&self.config);
        self.fingerprint = watched.fingerprint();
        if !self.config.settings.watch_config_files
            || (watched.files.is_empty() && watched.directories.is_empty())
        {
            return;
        }
        match FileWatcher::start(&watched, self.happenings.clone()) {
            Ok((watcher, refused)) => {
                for place in refused {
                    self.log.warning(format!("cannot watch {place}"));
                }
                self.watcher = Some(watcher);
            }
            Err(error) => self.log.warning(format!("cannot watch files for changes: {error}")),
        }
    }

    /// Does what comes up until it is time to stop.
    fn serve(
        &mut self,
        happened: &Receiver<Happening>,
        drops: &mut DropMonitor,
    ) -> anyhow::Result<ExitCode> {
        const TICK: Duration = Duration::from_secs(1);
        /// How soon a worker that failed is noticed.
        const LOOK: Duration = Duration::from_millis(100);
        let end = self.plan.duration.map(|duration| Instant::now() + duration);
        let mut next_tick = Instant::now() + TICK;
        loop {
            let now = Instant::now();
            if end.is_some_and(|end| now >= end) || self.live.has_failed() {
                return Ok(ExitCode::SUCCESS);
            }
            if now >= next_tick {
                self.live.tick();
                tell_manager(NotifyState::Watchdog);
                self.serve_numbers()?;
                next_tick = now + TICK;
                if self.react_to_drops(drops)? {
                    return Ok(ExitCode::FAILURE);
                }
            }
            let until = end.map_or(next_tick, |end| end.min(next_tick));
            match happened.recv_timeout(until.saturating_duration_since(now).min(LOOK)) {
                Ok(Happening::Signal(SIGUSR1)) => self.started.outputs.reopen(),
                Ok(Happening::Signal(SIGHUP)) => {
                    let _ = self.reload("SIGHUP", drops);
                }
                Ok(Happening::Signal(_)) => return Ok(ExitCode::SUCCESS),
                Ok(Happening::FilesChanged) => {
                    if self.plan.watched(&self.config).fingerprint() != self.fingerprint {
                        let _ = self.reload("files have changed", drops);
                    }
                }
                Ok(Happening::Asked(answer)) => {
                    let result = self.reload("peregrine reload", drops);
                    let answered = match result {
                        Ok(message) => Answer { ok: true, message },
                        Err(message) => Answer { ok: false, message },
                    };
                    // The asker may have gone away.
                    let _ = answer.try_send(answered);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::SUCCESS),
            }
        }
    }

    /// Loads configuration, rules and outputs anew; says what changed, or why nothing did.
    fn reload(&mut self, why: &str, drops: &mut DropMonitor) -> Result<String, String> {
        self.log.info(format!("reloading: {why}"));
        // Before anything is read: what changes while it is read counts as changed.
        let watched = self.plan.watched(&self.config);
        let read = watched.fingerprint();
        let result = reload::reload(self.plan, &self.config, &self.live, &mut self.started);
        match result {
            Ok(Reloaded { config, message, warnings }) => {
                for warning in warnings {
                    self.log.warning(warning);
                }
                self.log.info(&message);
                drops.set(config.settings.syscall_event_drops.clone());
                self.config = config;
                let is_stale = watched.fingerprint() != read;
                self.watch_files();
                self.name_files();
                if is_stale && self.watcher.is_some() {
                    self.fingerprint = read;
                    let _ = self.happenings.send(Happening::FilesChanged);
                }
                Ok(message)
            }
            Err(error) => {
                let message = format!("{error:#}");
                self.log.say(
                    Priority::Critical,
                    format!("reload refused, everything stays as it was: {message}"),
                );
                self.started.outputs.sender().send(refusal(&message));
                // The same content is not tried again.
                self.fingerprint = read;
                Err(message)
            }
        }
    }

    /// Does what the configuration says about lost events; true if it says to stop.
    fn react_to_drops(&self, monitor: &mut DropMonitor) -> anyhow::Result<bool> {
        let drops = self.live.drops()?;
        let figures = Figures { events: self.live.events() + drops.total(), drops: drops.total() };
        let Some(reaction) = monitor.look(figures, now_ns()) else { return Ok(false) };
        let by_class: Vec<(String, u64)> = drops
            .by_class_and_cause()
            .into_iter()
            .map(|(class, cause, count)| {
                (format!("n_drops_{class}_{cause}_total").replace([' ', '-'], "_"), count)
            })
            .collect();
        let sender = self.started.outputs.sender();
        Ok(reaction.act(self.log, &sender, now_ns(), &by_class))
    }
}

/// Name of the alert that says that a reload was refused.
pub const REFUSED: &str = "Falco internal: hot restart failure";

fn refusal(reason: &str) -> Alert {
    let time_ns = now_ns();
    Alert {
        time_ns,
        sequence: time_ns,
        rule: RuleIdentity::internal(REFUSED, Priority::Critical),
        message: format!("{REFUSED}: {reason}"),
        fields: Vec::new(),
        state: StateQuality::Exact,
        lineage: Vec::new(),
    }
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}
