//! `peregrine completions` and `peregrine man`: what packages install beside the binary, derived
//! from the command line itself.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;

/// Options of `peregrine completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell to complete in
    shell: Shell,
}

/// Options of `peregrine man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write a page for each command into this directory, instead of that of `peregrine` itself
    /// to standard output
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// The completions of a shell, as text.
pub fn completions(args: &CompletionsArgs, mut cli: Command) -> String {
    let mut text = Vec::new();
    let name = cli.get_name().to_owned();
    clap_complete::generate(args.shell, &mut cli, name, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The manual page of `peregrine`, as troff text, or pages of all commands in a directory.
///
/// # Errors
/// A directory that cannot be written.
pub fn man(args: &ManArgs, cli: Command) -> anyhow::Result<String> {
    let Some(directory) = &args.directory else { return page(cli) };
    std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(cli, directory))
        .with_context(|| format!("cannot write manual pages to {}", directory.display()))?;
    Ok(String::new())
}

fn page(command: Command) -> anyhow::Result<String> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    Ok(String::from_utf8(text)?)
}
