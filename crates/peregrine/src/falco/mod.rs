//! Falco's command line: its options, output and exit codes, so that what was written for it runs
//! against Peregrine. Answers come in the order in which Falco looks at its options.

mod lists;
mod options;
mod replay;
mod rules;
mod support;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{CommandFactory, Parser};
use peregrine_config::types::EngineKind;
use peregrine_config::{Config, ConfigError, OptionValue, Source, Surroundings};
use peregrine_rules::SYSCALL_SOURCE;

use crate::report;
use crate::service::log::{Log, Style};
use crate::service::running::{self, Plan};
use crate::service::{outputs, plugins};
use options::{Form, Options};

/// Where Falco's packages put the configuration.
const INSTALLED: &str = "/etc/falco/falco.yaml";

/// Runs Falco's command line; `args` without the name of the program.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let command_line: Vec<String> =
        args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let options = match Options::try_parse_from(std::iter::once("falco".into()).chain(args)) {
        Ok(options) => options,
        Err(error) => {
            let text = error.render().to_string();
            eprintln!("Error: {}", text.trim_start_matches("error: ").trim_end());
            return ExitCode::FAILURE;
        }
    };
    match run(&options, &command_line) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What a run of Falco knows.
struct Falco<'o> {
    options: &'o Options,
    config: Config,
    log: Log,
}

fn run(options: &Options, command_line: &[String]) -> anyhow::Result<ExitCode> {
    let form = options.form().map_err(anyhow::Error::msg)?;
    if options.markdown {
        eprintln!("WARNING: --markdown is deprecated, use --format markdown instead.");
    }
    let file = config_file(options)?;
    if options.help {
        return crate::print(&Options::command().render_help().to_string());
    }
    if options.config_schema {
        return crate::print(&format!("{:#}\n", peregrine_config::schema::schema()));
    }
    if options.rule_schema {
        return crate::print(&format!("{:#}\n", peregrine_rules::rules_schema()));
    }
    if options.ignored {
        return crate::print(&lists::ignored());
    }
    if options.list_events {
        return crate::print(&lists::events(form));
    }
    let settings = option_values(options);
    let load = || load(file.as_deref(), &settings);
    let config = load().map_err(|error| anyhow::anyhow!("{}", first_error(&error)))?;
    let style = Style::Falco { iso_8601: config.settings.time_format_iso_8601 };
    let log = Log::new(&config.settings, "falco", style);
    let falco = Falco { options, config, log };
    falco.say_configuration(file.is_some(), command_line);
    if options.version {
        return crate::print(&support::version(&falco.config.settings));
    }
    if options.page_size {
        let bytes = rustix::param::page_size();
        falco.log.info(format!("Your system page size is: {bytes} bytes"));
        return Ok(ExitCode::SUCCESS);
    }
    if file.is_none() {
        bail!("You must create a config file at {INSTALLED} or by passing -c");
    }
    falco.plugins()?;
    if options.list_plugins || options.plugin_info.is_some() {
        return falco.list_plugins();
    }
    if let Some(source) = &options.list {
        return falco.list_fields(source, form);
    }
    falco.select_sources()?;
    if !options.validate.is_empty() {
        return falco.validate();
    }
    let loaded = falco.load_rules()?;
    if let Some(described) = loaded.described {
        return crate::print(&described);
    }
    if options.support {
        return crate::print(&falco.support(command_line, &loaded.files)?);
    }
    if !outputs::is_any(&falco.config.settings) {
        bail!(
            "No output configured, please make sure at least one output is configured and enabled."
        );
    }
    if options.dry_run {
        falco.log.debug("Skipping outputs initialization in dry-run");
        falco.log.debug("Skipping event processing in dry-run");
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = options.pid_file.as_ref().filter(|path| !path.is_empty()) {
        std::fs::write(path, std::process::id().to_string())
            .with_context(|| format!("Could not write pid to pidfile {path}. Exiting."))?;
    }
    match falco.config.settings.engine.kind {
        EngineKind::Replay => falco.replay(loaded.detection),
        EngineKind::NoDriver => bail!(
            "engine.kind is 'nodriver', and there is no plugin to bring events: plugins are not \
             supported in this version"
        ),
        EngineKind::Kmod | EngineKind::ModernEbpf => falco.watch(&load),
    }
}

/// The configuration file, if there is any.
fn config_file(options: &Options) -> anyhow::Result<Option<String>> {
    if let Some(path) = &options.config {
        if std::fs::File::open(path).is_err() {
            bail!("Could not find configuration file at {path}");
        }
        return Ok(Some(path.clone()));
    }
    Ok(Path::new(INSTALLED).is_file().then(|| INSTALLED.to_owned()))
}

/// What the command line sets, as keys of the configuration.
fn option_values(options: &Options) -> Vec<OptionValue> {
    let mut out: Vec<OptionValue> =
        options.options.iter().map(|text| OptionValue::new(text)).collect();
    if options.unbuffered {
        out.push(OptionValue::flag("-U", "buffered_outputs", false));
    }
    match options.print.as_deref() {
        // Falco's container plugin suggests these fields itself; so do ours.
        None | Some("c" | "container" | "k" | "kubernetes") => {}
        Some(format) => {
            let format = serde_json::to_string(format).unwrap_or_default();
            let value = format!("{{\"extra_output\": {format}}}");
            out.push(OptionValue::flag("-p", "append_output[]", value));
        }
    }
    out
}

fn load(file: Option<&str>, options: &[OptionValue]) -> Result<Config, ConfigError> {
    let source = file.map_or(Source::None, Source::File);
    let mut config = peregrine_config::load(source, options, &Surroundings::process())?;
    // Falco's alerts have no such field.
    if !config.origins.contains_key("peregrine.mark_degraded") {
        config.settings.peregrine.mark_degraded = false;
    }
    Ok(config)
}

/// Falco stops at the first error; the rest is there as well.
fn first_error(error: &ConfigError) -> String {
    error.render().trim_end().to_owned()
}

impl Falco<'_> {
    fn say_configuration(&self, has_file: bool, command_line: &[String]) {
        let log = &self.log;
        log.info(format!("Falco version: {} ({})", support::FALCO_VERSION, std::env::consts::ARCH));
        log.info(format!("Peregrine version: {}", env!("CARGO_PKG_VERSION")));
        if !command_line.is_empty() {
            log.debug(format!("CLI args: falco {}", command_line.join(" ")));
        }
        if has_file {
            log.info("Falco initialized with configuration files:");
        }
        for file in self.config.files.iter().filter(|_| has_file) {
            let text = format!("   {} | schema validation: {}", file.name, file.verdict);
            match file.verdict {
                peregrine_config::Verdict::Ok => log.info(text),
                _ => log.warning(text),
            }
        }
        for warning in &self.config.warnings {
            log.warning(warning.to_string());
        }
        if self.options.print.is_some() {
            log.warning(
                "The -p/--print option is deprecated and will be removed. Use -o \
                 append_output=... instead.",
            );
        }
    }

    /// Plugins that would be loaded: of the container plugin we have the fields, others are missing.
    fn plugins(&self) -> anyhow::Result<()> {
        if let Some(plugin) = plugins::missing(&self.config.settings).next() {
            bail!(
                "cannot load plugin '{}' ({}): plugins are not supported in this version; \
                 leave it out of load_plugins",
                plugin.name,
                plugin.file().unwrap_or_default()
            );
        }
        Ok(())
    }

    fn list_plugins(&self) -> anyhow::Result<ExitCode> {
        let (name, version) = support::CONTAINER_PLUGIN;
        let text = format!(
            "Name: {name}\nDescription: Container fields, built into Peregrine\nContact: \
             \nVersion: {version}\nCapabilities: \n  - Field Extraction\n\n"
        );
        match &self.options.plugin_info {
            None => crate::print(&format!("{} Plugins Loaded:\n\n{text}\n", 1)),
            Some(wanted) if wanted == name => crate::print(&text),
            Some(wanted) => bail!("can't find plugin and print its info: {wanted}"),
        }
    }

    fn list_fields(&self, source: &str, form: Form) -> anyhow::Result<ExitCode> {
        if !source.is_empty() && source != SYSCALL_SOURCE {
            bail!("Value for --list must be a valid source type");
        }
        crate::print(&lists::fields(form, self.options.names_only))
    }

    fn select_sources(&self) -> anyhow::Result<()> {
        let Options { enable_source: enable, disable_source: disable, .. } = self.options;
        if self.config.settings.engine.kind == EngineKind::Replay {
            return Ok(());
        }
        if !enable.is_empty() && !disable.is_empty() {
            bail!("You can not mix --enable-source and --disable-source");
        }
        let known = |source: &&String| *source != SYSCALL_SOURCE;
        if let Some(source) = enable.iter().find(known) {
            bail!("Attempted enabling an unknown event source: {source}");
        }
        if let Some(source) = disable.iter().find(known) {
            bail!("Attempted disabling an unknown event source: {source}");
        }
        if !disable.is_empty() {
            bail!("Must enable at least one event source");
        }
        Ok(())
    }

    /// Rules files and directories: those of the command line, else those of the configuration.
    fn rules_paths(&self) -> Vec<PathBuf> {
        if self.options.rules.is_empty() {
            return crate::service::rules::configured(&self.config.settings);
        }
        self.options.rules.iter().map(PathBuf::from).collect()
    }

    /// Watches this machine.
    fn watch(&self, load: &dyn Fn() -> Result<Config, ConfigError>) -> anyhow::Result<ExitCode> {
        let config = load()?;
        let seconds = self.options.seconds;
        let plan = Plan {
            load,
            rules: self.options.rules.iter().map(PathBuf::from).collect(),
            name: "falco",
            hostname: support::hostname(),
            duration: (seconds > 0).then(|| Duration::from_secs(seconds)),
            measure: false,
            has_built_in_rules: false,
            recording: None,
            alert_captures: None,
            servers: Vec::new(),
            has_page: false,
            ready: &|live, log| {
                let (hook, reason) = live.hook();
                log.info("Loaded event sources: syscall");
                log.info("Enabled event sources: syscall");
                log.info(format!(
                    "Opening 'syscall' source with modern BPF probe: {} workers, hook {} ({reason})",
                    live.worker_count(),
                    hook.name()
                ));
            },
        };
        let finished = running::run(&plan, config, &self.log)?;
        let by_rule: Vec<(String, u64)> = finished.summary.rules.clone();
        crate::print(&rules::statistics(&by_rule, &|name| finished.priorities.get(name).copied()))?;
        let (occurrences, actions) = finished.drop_reactions;
        eprint!("{}", drop_statistics(occurrences, actions));
        if self.options.verbose {
            eprint!("{}", report::text(&finished.summary, &finished.delivered, false));
        }
        Ok(finished.exit)
    }
}

/// What Falco prints of lost events at its end.
fn drop_statistics(occurrences: u64, actions: u64) -> String {
    format!(
        "Syscall event drop monitoring:\n   - event drop detected: {occurrences} occurrences\n   \
         - num times actions taken: {actions}\n"
    )
}
