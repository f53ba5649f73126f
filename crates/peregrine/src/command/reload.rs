//! `peregrine reload`: tells a running instance to load everything anew.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use peregrine_config::Settings;

use crate::service::control::{self, Answer, Request};

/// Options of `peregrine reload`.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// The instance's socket, `peregrine.control_socket` in its configuration
    #[arg(long, value_name = "PATH")]
    socket: Option<String>,
}

/// Asks for a reload and prints what became of it.
///
/// # Errors
/// No instance listens, or it refuses what it finds; it then goes on as before.
pub fn run(args: &ReloadArgs) -> anyhow::Result<ExitCode> {
    let default = Settings::default().peregrine.control_socket;
    let socket = args.socket.as_deref().unwrap_or(&default);
    let answer: Answer = control::ask(socket, &Request::Reload)?;
    if !answer.ok {
        bail!("the instance refuses, and goes on as before: {}", answer.message);
    }
    crate::print(&format!("{}\n", answer.message))
}
