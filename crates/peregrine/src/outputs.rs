//! Options for where alerts go, and the outputs they describe.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use peregrine_output::stream::DEFAULT_SOCKET;
use peregrine_output::{
    FileSink, HttpBatch, HttpOptions, HttpSink, Hub, LineFormat, Outputs, OutputsBuilder,
    ProgramSink, RemoteSyslogOptions, RemoteSyslogSink, Rotation, SinkOptions, SpoolOptions,
    StdoutSink, StreamServer, SyslogSink, SyslogTransport, TlsOptions, WhenFull,
};

/// Alerts that may wait for the dispatcher.
const ALERT_QUEUE: usize = 65_536;
/// Latest alerts kept for those who come later.
const RECENT: usize = 1000;
/// How this program calls itself in logs.
const TAG: &str = "peregrine";

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

/// Outputs that run, and who shows alerts as they come.
pub struct Started {
    /// The outputs.
    pub outputs: Outputs,
    /// The latest alerts; none unless somebody may want them.
    pub hub: Option<Hub>,
    _stream: Option<StreamServer>,
}

impl OutputArgs {
    /// Starts the outputs. With `has_viewers` there is a hub even without a socket.
    ///
    /// # Errors
    /// An output cannot be opened.
    pub fn start(
        &self,
        format: LineFormat,
        hostname: &str,
        is_json: bool,
        has_viewers: bool,
    ) -> anyhow::Result<Started> {
        let mut builder = OutputsBuilder::new(format, Some(ALERT_QUEUE), WhenFull::DropNewest);
        if !self.no_stdout {
            builder = builder.sink(StdoutSink::new()?, SinkOptions::default());
        }
        if let Some(path) = &self.output_file {
            let mut sink = FileSink::new(path, true)
                .with_context(|| format!("cannot write alerts to {}", path.display()))?;
            if let Some(rotation) = self.rotate {
                sink = sink.rotate(rotation);
            }
            builder = builder.sink(sink, SinkOptions::default());
        }
        if let Some(command) = &self.output_program {
            builder = builder.sink(ProgramSink::new(command, true), SinkOptions::default());
        }
        match &self.output_syslog {
            Some(Syslog::Local) => {
                builder = builder.sink(SyslogSink::new(TAG), SinkOptions::default());
            }
            Some(Syslog::Remote { scheme, host, port }) => {
                let sink = RemoteSyslogSink::new(RemoteSyslogOptions {
                    host: host.clone(),
                    port: *port,
                    transport: match scheme.as_str() {
                        "udp" => SyslogTransport::Udp,
                        "tcp" => SyslogTransport::Tcp,
                        _ => SyslogTransport::Tls(self.tls()),
                    },
                    hostname: hostname.to_owned(),
                    tag: TAG.to_owned(),
                })?;
                builder = builder.sink(sink, self.spooled("syslog-remote"));
            }
            None => {}
        }
        if let Some(url) = &self.output_http {
            let sink = HttpSink::new(HttpOptions {
                is_json,
                tls: self.tls(),
                compress: self.http_gzip,
                headers: self.http_header.clone(),
                batch: HttpBatch { lines: self.http_batch.into(), ..HttpBatch::default() },
                ..HttpOptions::new(url)
            })?;
            builder = builder.sink(sink, self.spooled("http"));
        }
        let hub = (has_viewers || self.socket.is_some()).then(|| Hub::new(RECENT));
        if let Some(hub) = &hub {
            builder = builder.sink(hub.sink(), SinkOptions::default());
        }
        let stream = match (&self.socket, &hub) {
            (Some(path), Some(hub)) => Some(
                StreamServer::start(path, hub.clone(), hostname)
                    .with_context(|| format!("cannot serve the socket {}", path.display()))?,
            ),
            _ => None,
        };
        Ok(Started { outputs: builder.start()?, hub, _stream: stream })
    }

    fn tls(&self) -> TlsOptions {
        TlsOptions {
            insecure: self.tls_insecure,
            ca_cert: self.tls_ca.clone(),
            client: self.tls_cert.clone().zip(self.tls_key.clone()),
            ..TlsOptions::default()
        }
    }

    fn spooled(&self, name: &str) -> SinkOptions {
        let spool = self.spool.as_ref().map(|directory| SpoolOptions {
            directory: directory.join(name),
            max_bytes: self.spool_size,
        });
        SinkOptions { spool, ..SinkOptions::default() }
    }
}

/// How long the end waits for outputs that hang.
pub const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// Bytes from `4096`, `512K`, `8M`, `2G`.
///
/// # Errors
/// The text is not a size.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let bad = || format!("'{text}' is not a size; write 4096, 512K, 8M or 2G");
    let (digits, shift) = match text.as_bytes().last().map(u8::to_ascii_uppercase) {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| bad())?;
    number.checked_shl(shift).filter(|bytes| bytes >> shift == number).ok_or_else(bad)
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
