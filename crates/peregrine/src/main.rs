//! Command line of Peregrine.
#![forbid(unsafe_code)]

mod command;
mod falco;
mod outputs;
mod replaying;
mod report;
mod service;
mod serving;
mod terminal;
mod top;
mod writing;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Runtime security for Linux, on every core: system calls through eBPF, Falco rules, alerts.
#[derive(Debug, Parser)]
#[command(name = "peregrine", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch this machine: load the probe, evaluate rules, print alerts
    Run(Box<command::run::RunArgs>),
    /// Replay captures: evaluate rules, print events, write a part of them
    Replay(Box<command::replay::ReplayArgs>),
    /// Record what happens on this machine as a capture
    Record(Box<command::record::RecordArgs>),
    /// Rewrite a capture of any version as one of today
    Convert(command::convert::ConvertArgs),
    /// Check and inspect rules files
    #[command(subcommand)]
    Rules(command::rules::RulesCommand),
    /// Have a running instance load its configuration, rules and outputs anew
    Reload(command::reload::ReloadArgs),
    /// Take Falco's command line: `peregrine falco -c … -r …`, or a link named falco
    #[command(disable_help_flag = true)]
    Falco {
        /// Falco's options
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
    /// Check and show the configuration
    #[command(subcommand)]
    Config(command::config::ConfigCommand),
    /// Follow the alerts of a running Peregrine
    Tail(command::tail::TailArgs),
    /// Show what keeps a running Peregrine busy: workers, rings, losses, processes, events, rules
    Top(command::top::TopArgs),
    /// Say what this kernel allows and what Peregrine will do about it
    Doctor,
    /// List the events and their parameters
    Events(command::events::EventsArgs),
    /// List the fields that rules and outputs can use
    Fields(command::fields::FieldsArgs),
    /// Print the completions of a shell
    Completions(command::shell::CompletionsArgs),
    /// Print the manual page
    Man(command::shell::ManArgs),
}

fn main() -> ExitCode {
    // Scripts and test suites for Falco call it by that name.
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_default();
    if Path::new(&program).file_name().is_some_and(|name| name == "falco") {
        return falco::main(args.collect());
    }
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(args) => command::run::run(&args),
        Command::Replay(args) => command::replay::run(&args),
        Command::Record(args) => command::record::run(&args),
        Command::Convert(args) => command::convert::run(&args),
        Command::Rules(rules) => command::rules::run(&rules),
        Command::Reload(args) => command::reload::run(&args),
        Command::Falco { args } => return falco::main(args),
        Command::Config(config) => command::config::run(&config),
        Command::Tail(args) => command::tail::run(&args),
        Command::Top(args) => command::top::run(&args),
        Command::Doctor => print(&command::doctor::text()),
        Command::Events(args) => print(&command::events::text(&args)),
        Command::Fields(args) => print(&command::fields::text(&args)),
        Command::Completions(args) => print(&command::shell::completions(&args, Cli::command())),
        Command::Man(args) => command::shell::man(&args, Cli::command()).and_then(|t| print(&t)),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("peregrine: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a page; a reader that goes away early (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
    }
}
