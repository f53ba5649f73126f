//! Options for where alerts go, as keys of the configuration.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use peregrine_config::path::escape;
use peregrine_config::types::ByteSize;
use peregrine_output::Rotation;
use peregrine_output::stream::DEFAULT_SOCKET;

/// Where alerts go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Outputs")]
pub struct OutputArgs {
    /// Print no alerts
    #[arg(long)]
    no_stdout: bool,
    /// Append alerts to this file as well
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// Put the file aside when it has this size, and keep so many old ones (5 unless given)
    #[arg(long, value_name = "SIZE[:COUNT]", value_parser = parse_rotation, requires = "output_file")]
    rotate: Option<Rotation>,
    /// Send alerts to the system log: `local`, or udp://HOST:PORT, tcp://… or tls://…
    #[arg(long, value_name = "WHERE", num_args = 0..=1, default_missing_value = "local", value_parser = parse_syslog)]
    output_syslog: Option<Syslog>,
    /// Give alerts to a command of the shell, which keeps running
    #[arg(long, value_name = "COMMAND")]
    output_program: Option<String>,
    /// Post alerts to an http:// or https:// address
    #[arg(long, value_name = "URL")]
    output_http: Option<String>,
    /// Most alerts in one request; with more than one they are separated by newlines
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    http_batch: u16,
    /// Compress requests
    #[arg(long)]
    http_gzip: bool,
    /// A further header, as in 'Authorization: Bearer …'; may be given several times
    #[arg(long, value_name = "NAME: VALUE", value_parser = parse_header)]
    http_header: Vec<(String, String)>,
    /// Trust only the authorities in this file instead of the system's (https, tls)
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Certificate to show when the other side asks for one (https, tls)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Trust any certificate: whoever is on the way reads and changes everything
    #[arg(long)]
    tls_insecure: bool,
    /// Keep alerts that an endpoint or another host cannot take now in this directory
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
    /// What each of them may keep there
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = parse_bytes)]
    spool_size: u64,
    /// Offer alerts on a local socket, for `peregrine tail`
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = DEFAULT_SOCKET)]
    socket: Option<PathBuf>,
}

/// Which system log.
#[derive(Debug, Clone, PartialEq)]
enum Syslog {
    Local,
    Remote { scheme: String, host: String, port: u16 },
}

impl OutputArgs {
    /// Tells `set` the option, the key of the configuration and its value, for all that is given.
    pub fn set(&self, set: &mut impl FnMut(&str, &str, Option<String>)) {
        let yes = |is_set: bool| is_set.then(|| "true".to_owned());
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        if self.no_stdout {
            set("--no-stdout", "stdout_output.enabled", Some("false".into()));
        }
        if let Some(file) = path(&self.output_file) {
            set("--output-file", "file_output.enabled", yes(true));
            set("--output-file", "file_output.keep_alive", yes(true));
            set("--output-file", "file_output.filename", Some(file));
        }
        if let Some(rotation) = self.rotate {
            let (size, keep) = (rotation.max_bytes.to_string(), rotation.keep.to_string());
            set("--rotate", "peregrine.sinks.file.rotate_size", Some(size));
            set("--rotate", "peregrine.sinks.file.rotate_keep", Some(keep));
        }
        if let Some(command) = &self.output_program {
            set("--output-program", "program_output.enabled", yes(true));
            set("--output-program", "program_output.keep_alive", yes(true));
            set("--output-program", "program_output.program", Some(command.clone()));
        }
        if let Some(syslog) = &self.output_syslog {
            set("--output-syslog", "syslog_output.enabled", yes(true));
            if let Syslog::Remote { scheme, host, port } = syslog {
                let address = format!("{scheme}://{host}:{port}");
                set("--output-syslog", "peregrine.sinks.syslog.remote", Some(address));
            }
        }
        if let Some(url) = &self.output_http {
            let agent = concat!("peregrine/", env!("CARGO_PKG_VERSION")).to_owned();
            set("--output-http", "http_output.enabled", yes(true));
            set("--output-http", "http_output.url", Some(url.clone()));
            set("--output-http", "http_output.user_agent", Some(agent));
            let batch = self.http_batch.to_string();
            set("--http-batch", "peregrine.sinks.http.batch", Some(batch));
        }
        set("--http-gzip", "http_output.compress_uploads", yes(self.http_gzip));
        for (name, value) in &self.http_header {
            let key = format!("peregrine.sinks.http.headers.{}", escape(name));
            set("--http-header", &key, Some(value.clone()));
        }
        set("--tls-ca", "http_output.ca_cert", path(&self.tls_ca));
        set("--tls-ca", "peregrine.sinks.syslog.ca_bundle", path(&self.tls_ca));
        set("--tls-cert", "http_output.mtls", yes(self.tls_cert.is_some()));
        for (section, cert, key) in [
            ("http_output", path(&self.tls_cert), path(&self.tls_key)),
            ("peregrine.sinks.syslog", path(&self.tls_cert), path(&self.tls_key)),
        ] {
            set("--tls-cert", &format!("{section}.client_cert"), cert);
            set("--tls-key", &format!("{section}.client_key"), key);
        }
        set("--tls-insecure", "http_output.insecure", yes(self.tls_insecure));
        set("--tls-insecure", "peregrine.sinks.syslog.insecure", yes(self.tls_insecure));
        if let Some(spool) = &self.spool {
            for (sink, folder) in [("http", "http"), ("syslog", "syslog-remote")] {
                let folder = spool.join(folder).display().to_string();
                let size = self.spool_size.to_string();
                set("--spool", &format!("peregrine.sinks.{sink}.queue.spool"), Some(folder));
                set(
                    "--spool-size",
                    &format!("peregrine.sinks.{sink}.queue.spool_size"),
                    Some(size),
                );
            }
        }
        set("--socket", "peregrine.sinks.socket.path", path(&self.socket));
    }
}

/// Bytes from `4096`, `512K`, `8M`, `2G`.
///
/// # Errors
/// The text is not a size.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    ByteSize::parse(text).map(|ByteSize(bytes)| bytes)
}

fn parse_rotation(text: &str) -> Result<Rotation, String> {
    let (size, keep) = text.split_once(':').unwrap_or((text, "5"));
    let keep = keep.parse().map_err(|_| format!("'{keep}' is not a number of files"))?;
    Ok(Rotation { max_bytes: parse_bytes(size)?, keep })
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn parse_syslog(text: &str) -> Result<Syslog, String> {
    let parse = || -> anyhow::Result<Syslog> {
        let (scheme, place) = text.split_once("://").context("no ://")?;
        let default = match scheme {
            "udp" | "tcp" => 514,
            "tls" => 6514,
            _ => bail!("no such transport"),
        };
        // An address of IPv6 stands in brackets.
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse()?),
            _ => (place, default),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        anyhow::ensure!(!host.is_empty(), "no host");
        Ok(Syslog::Remote { scheme: scheme.to_owned(), host: host.to_owned(), port })
    };
    match text {
        "local" => Ok(Syslog::Local),
        _ => parse().map_err(|error| {
            format!("{error}; write local, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rotations() {
        assert_eq!(parse_bytes("8M"), Ok(8 << 20));
        assert_eq!(parse_bytes("2g"), Ok(2 << 30));
        for bad in ["", "M", "-1", "1T", "99999999999999G"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_rotation("1K:3"), Ok(Rotation { max_bytes: 1024, keep: 3 }));
        assert_eq!(parse_rotation("1K").unwrap().keep, 5);
    }

    #[test]
    fn places_of_system_logs() {
        let remote = |scheme: &str, host: &str, port| Syslog::Remote {
            scheme: scheme.into(),
            host: host.into(),
            port,
        };
        assert_eq!(parse_syslog("local"), Ok(Syslog::Local));
        assert_eq!(parse_syslog("udp://logs"), Ok(remote("udp", "logs", 514)));
        assert_eq!(parse_syslog("tls://logs:7"), Ok(remote("tls", "logs", 7)));
        assert_eq!(parse_syslog("tls://[::1]"), Ok(remote("tls", "::1", 6514)));
        assert_eq!(parse_syslog("tcp://[::1]:9"), Ok(remote("tcp", "::1", 9)));
        for bad in ["", "remote", "http://a", "tcp://", "tcp://a:b"] {
            assert!(parse_syslog(bad).is_err(), "{bad}");
        }
    }
}
