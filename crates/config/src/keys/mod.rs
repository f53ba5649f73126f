//! All keys. Everything else that knows of keys derives from these declarations.

mod engine;
mod outputs;
mod own;
mod rules;
mod service;

pub use engine::{
    BaseSyscalls, Capture, DropHandling, Engine, FalcoLibs, Kmod, ModernEbpf, Replay, Timeouts,
};
pub use outputs::{FileOutput, HttpOutput, OutputsQueue, ProgramOutput, Toggle};
pub use own::{
    HttpDelivery, Parking, Peregrine, SinkQueue, Sinks, SocketSink, SyslogDelivery, Web,
};
pub use rules::{
    AppendMatch, AppendOutput, ConfigFile, PLUGINS_DIRECTORY, Plugin, Selection, Selector,
};
pub use service::{LibsLogger, Metrics, Webserver};

use std::collections::BTreeMap;

use peregrine_event::Priority;

use crate::declare::sections;
use crate::types::RuleMatching;

sections! {
    /// A whole configuration.
    Settings {
        /// Files to merge into this one, or directories of them; each a path, or a mapping with
        /// `path` and `strategy`.
        config_files: Vec<ConfigFile> = Vec::new(), |key| key.shipped("/etc/falco/config.d");
        /// Reload when a configuration file or a rules file changes.
        watch_config_files: bool = true;
        /// Rules files, and directories whose `*.yaml` and `*.yml` are read by name. What does not
        /// exist is left out.
        rules_files: Option<Vec<String>> = None,
            |key| key.shipped("/etc/falco/falco_rules.yaml, /etc/falco/falco_rules.local.yaml, /etc/falco/rules.d");
        /// The old name of `rules_files`; only one of the two may be set.
        rules_file: Option<Vec<String>> = None, |key| key.legacy();
        /// A misspelling of `rules_files` that Falco's schema accepts.
        rule_files: Option<Vec<String>> = None, |key| key.inert("write rules_files");
        /// Switches rules on and off, in order, after all files were loaded.
        rules: Vec<Selection> = Vec::new();
        /// Where events come from.
        engine: Engine = Engine::default();
        /// Captures that alerts start.
        capture: Capture = Capture::default(), |key| key.empty();
        /// Names of the plugins to load, in order. Absent: all that are configured.
        load_plugins: Option<Vec<String>> = None, |key| key.shipped("[]");
        /// Plugins that can be loaded.
        plugins: Vec<Plugin> = Vec::new();
        /// Look at users and network interfaces of the host when only plugins run.
        plugins_hostinfo: bool = true, |key| key.inert("the host is only looked at when its system calls are");
        /// Times in text as ISO 8601 in UTC instead of the local time of day.
        time_format_iso_8601: bool = false;
        /// Print the data of reads and writes in base64.
        buffer_format_base64: bool = false;
        /// Rules of less urgency are checked and not used.
        priority: Priority = Priority::Debug;
        /// Alerts, and the answers to questions on the command line, as JSON.
        json_output: bool = false;
        /// JSON alerts have `output`: the text line.
        json_include_output_property: bool = true;
        /// JSON alerts have `message`: the text line without time and priority.
        json_include_message_property: bool = false;
        /// JSON alerts have `output_fields`: the values, typed.
        json_include_output_fields_property: bool = true;
        /// JSON alerts have `tags`.
        json_include_tags_property: bool = true;
        /// Write alerts that wait together in one go.
        buffered_outputs: bool = false;
        /// Which of several matching rules fire.
        rule_matching: RuleMatching = RuleMatching::First;
        /// The queue between workers and outputs.
        outputs_queue: OutputsQueue = OutputsQueue::default();
        /// Text and fields that are added to the output of rules.
        append_output: Vec<AppendOutput> = Vec::new(), |key| key.empty();
        /// Fields `static.NAME` with a fixed text, for conditions and outputs.
        static_fields: BTreeMap<String, String> = BTreeMap::new();
        /// Alerts to standard output.
        stdout_output: Toggle = Toggle::default();
        /// Alerts to the local syslog.
        syslog_output: Toggle = Toggle::default();
        /// Alerts to a file.
        file_output: FileOutput = FileOutput::default();
        /// Alerts to an HTTP endpoint.
        http_output: HttpOutput = HttpOutput::default();
        /// Alerts to a program.
        program_output: ProgramOutput = ProgramOutput::default();
        /// Health, versions and metrics over HTTP.
        webserver: Webserver = Webserver::default();
        /// Messages about the engine to standard error.
        log_stderr: bool = false, |key| key.shipped("true");
        /// Messages about the engine to the local syslog.
        log_syslog: bool = true;
        /// Messages about the engine of less urgency are left out.
        log_level: Priority = Priority::Informational, |key| key.shipped("info");
        /// Messages of Falco's libraries.
        libs_logger: LibsLogger = LibsLogger::default();
        /// After how many milliseconds Falco complains about a slow output.
        output_timeout: u32 = 2000,
            |key| key.inert("each output has a thread and a queue of its own; a slow one delays no other");
        /// Silence of the kernel side.
        syscall_event_timeouts: Timeouts = Timeouts::default();
        /// What is done when events are lost.
        syscall_event_drops: DropHandling = DropHandling::default();
        /// Figures about the engine.
        metrics: Metrics = Metrics::default();
        /// Which system calls are looked at beyond those that rules name.
        base_syscalls: BaseSyscalls = BaseSyscalls::default();
        /// Bounds of the state.
        falco_libs: FalcoLibs = FalcoLibs::default();
        /// What Falco does not have.
        peregrine: Peregrine = Peregrine::default(), |key| key.ours().empty();
    }
}
