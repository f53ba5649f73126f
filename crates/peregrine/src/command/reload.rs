//! `peregrine reload`: tells a running instance to load everything anew.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use crate::service::control::{self, Answer, Request};

/// Options of `peregrine reload`.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// The instance's socket, `peregrine.control_socket` in its configuration
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    socket: Option<String>,
    /// The instance's configuration, which names the socket
    #[arg(short, long, value_name = "FILE")]
    config: Option<String>,
}

/// Asks for a reload and prints what became of it.
///
/// # Errors
/// The configuration is wrong or names no socket, no instance listens, or it refuses what it finds; it then goes on as before.
pub fn run(args: &ReloadArgs) -> anyhow::Result<ExitCode> {
    let socket = control::socket_of(args.socket.as_deref(), args.config.as_deref())?;
    let answer: Answer = control::ask(&socket, &Request::Reload)?;
    if !answer.ok {
        bail!("the instance refuses, and goes on as before: {}", answer.message);
    }
    crate::print(&format!("{}\n", answer.message))
}
