//! `peregrine config`: what keys there are, whether a file is right, what is in effect.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use peregrine_config::{
    BUILT_IN, Config, OptionValue, Source, Surroundings, docs, load, schema, show,
};

/// Commands of `peregrine config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the JSON schema of the configuration, for editors
    Schema,
    /// Print the reference of all keys, as Markdown
    Reference,
    /// Check a file: all errors and warnings with file, line and column
    Check(CheckArgs),
    /// Print all values in effect and where each came from
    Show(ShowArgs),
}

/// Options of `peregrine config check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The file: falco.yaml
    #[arg(value_name = "FILE")]
    file: String,
    /// Set a value, as in key.subkey=value
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
}

/// Options of `peregrine config show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The file; without it, what is in effect without one
    #[arg(short, long, value_name = "FILE")]
    config: Option<String>,
    /// Set a value, as in key.subkey=value
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Only keys that contain this text
    #[arg(value_name = "KEY")]
    key: Option<String>,
}

/// Runs a command.
///
/// # Errors
/// The configuration is wrong, or the output cannot be written.
pub fn run(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Schema => {
            crate::print(&format!("{}\n", serde_json::to_string_pretty(&schema::schema())?))
        }
        ConfigCommand::Reference => crate::print(&docs::markdown()),
        ConfigCommand::Check(args) => check(args),
        ConfigCommand::Show(args) => {
            let source = args.config.as_deref().map_or(BUILT_IN, Source::File);
            let config = read(source, &args.options)?;
            eprint!("{}", config.render_warnings());
            crate::print(&shown(&config, args)?)
        }
    }
}

fn read(source: Source<'_>, options: &[String]) -> anyhow::Result<Config> {
    let options: Vec<OptionValue> = options.iter().map(|text| OptionValue::new(text)).collect();
    Ok(load(source, &options, &Surroundings::process())?)
}

fn check(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let options: Vec<OptionValue> =
        args.options.iter().map(|text| OptionValue::new(text)).collect();
    match load(Source::File(&args.file), &options, &Surroundings::process()) {
        Ok(config) => {
            let mut text = config.render_warnings();
            for file in &config.files {
                text.push_str(&format!("{}: ok\n", file.name));
            }
            crate::print(&text)
        }
        Err(error) => {
            crate::print(&error.render())?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn shown(config: &Config, args: &ShowArgs) -> anyhow::Result<String> {
    if args.json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(&show::json(config))?));
    }
    let text = show::text(config);
    Ok(match &args.key {
        Some(key) => {
            let lines = text.lines().filter(|line| {
                line.split(" = ").next().is_some_and(|name| name.contains(key.as_str()))
            });
            lines.map(|line| format!("{line}\n")).collect()
        }
        None => text,
    })
}
