//! Where alerts go.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use peregrine_config::Settings;
use peregrine_config::declare::Setting;
use peregrine_config::keys::SinkQueue;
use peregrine_config::types::WhenFull as Full;
use peregrine_output::{
    Backoff, BatchForm, Encoding, FileSink, HttpBatch, HttpOptions, HttpSink, Hub, LineFormat,
    Outputs, OutputsBuilder, Part, ProgramSink, RemoteSyslogOptions, RemoteSyslogSink, Rotation,
    SinkOptions, SpoolOptions, StdoutSink, StreamServer, SyslogSink, SyslogTransport, TlsOptions,
    WhenFull,
};
use serde_json::{Value as Json, json};

/// How alerts become lines.
pub fn line_format(settings: &Settings, hostname: &str) -> LineFormat {
    let encoding = if settings.json_output {
        Encoding::Json {
            output: settings.json_include_output_property,
            message: settings.json_include_message_property,
            output_fields: settings.json_include_output_fields_property,
            tags: settings.json_include_tags_property,
        }
    } else {
        Encoding::Text
    };
    LineFormat::new(encoding, hostname)
        .iso_8601(settings.time_format_iso_8601)
        .degraded(settings.peregrine.mark_degraded)
}

/// Whether alerts go anywhere.
pub fn is_any(settings: &Settings) -> bool {
    settings.stdout_output.enabled
        || settings.syslog_output.enabled
        || settings.file_output.enabled
        || settings.program_output.enabled
        || settings.http_output.enabled
        || !settings.peregrine.sinks.socket.path.is_empty()
}

/// What one run needs of its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Detection never waits: what finds a queue full is lost and counted.
    Live,
    /// Nothing is late: whoever finds a queue full waits.
    Lossless,
}

/// Outputs that run, and who shows alerts as they come.
pub struct Started {
    /// The outputs.
    pub outputs: Outputs,
    /// The latest alerts; none unless somebody may want them.
    pub hub: Option<Hub>,
    _stream: Option<StreamServer>,
}

/// Name of the sink behind the local socket.
const HUB: &str = "live";

/// A sink that the configuration names.
struct Named {
    /// What it calls itself.
    name: &'static str,
    /// All that it depends on: equal settings, equal sink.
    settings: Json,
    queue: SinkQueue,
}

/// The sinks that the configuration names, in their order.
fn named(settings: &Settings) -> Vec<Named> {
    let sinks = &settings.peregrine.sinks;
    let mut out = Vec::new();
    let mut add = |is_enabled, name, own: Json, queue: &SinkQueue| {
        if is_enabled {
            out.push(Named { name, settings: json!([own, queue.show()]), queue: queue.clone() });
        }
    };
    add(settings.stdout_output.enabled, "stdout", Json::Null, &sinks.stdout);
    let file = json!([settings.file_output.show(), sinks.file.show()]);
    add(settings.file_output.enabled, "file", file, &sinks.file.queue);
    let syslog = if sinks.syslog.remote.is_empty() { "syslog" } else { "syslog-remote" };
    add(settings.syslog_output.enabled, syslog, sinks.syslog.show(), &sinks.syslog.queue);
    let program = settings.program_output.show();
    add(settings.program_output.enabled, "program", program, &sinks.program);
    let http = json!([settings.http_output.show(), sinks.http.show(), settings.json_output]);
    add(settings.http_output.enabled, "http", http, &sinks.http.queue);
    out
}

fn capacity(queue: u64) -> Option<usize> {
    Some(queue as usize).filter(|capacity| *capacity > 0)
}

/// How a sink is fed.
fn feed(queue: &SinkQueue, delivery: Delivery) -> SinkOptions {
    if delivery == Delivery::Lossless {
        return SinkOptions::lossless(4096);
    }
    SinkOptions {
        capacity: capacity(queue.capacity),
        when_full: match queue.when_full {
            Full::Drop => WhenFull::DropNewest,
            Full::Block => WhenFull::Block,
        },
        batched: true,
        retry: Some(Backoff::default()),
        spool: (!queue.spool.is_empty()).then(|| SpoolOptions {
            directory: PathBuf::from(&queue.spool),
            max_bytes: queue.spool_size.0,
        }),
    }
}

/// Opens a sink.
fn open(
    settings: &Settings,
    sink: &Named,
    hostname: &str,
    name: &str,
    delivery: Delivery,
) -> anyhow::Result<Part> {
    let options = feed(&sink.queue, delivery);
    let sinks = &settings.peregrine.sinks;
    Ok(match sink.name {
        "stdout" => Part::new(StdoutSink::new()?, options),
        "file" => {
            let output = &settings.file_output;
            let mut file = FileSink::new(&output.filename, output.keep_alive)
                .with_context(|| format!("cannot write alerts to {}", output.filename))?;
            if sinks.file.rotate_size.0 > 0 {
                let keep = sinks.file.rotate_keep;
                file = file.rotate(Rotation { max_bytes: sinks.file.rotate_size.0, keep });
            }
            Part::new(file, options)
        }
        "syslog" => Part::new(SyslogSink::new(name), options),
        "program" => {
            let output = &settings.program_output;
            Part::new(ProgramSink::new(&output.program, output.keep_alive), options)
        }
        "http" => Part::new(HttpSink::new(http(settings))?, options),
        _ => {
            let path = |text: &String| Some(PathBuf::from(text)).filter(|_| !text.is_empty());
            let syslog = &sinks.syslog;
            let tls = TlsOptions {
                insecure: syslog.insecure,
                ca_bundle: path(&syslog.ca_bundle),
                client: path(&syslog.client_cert).zip(path(&syslog.client_key)),
                ..TlsOptions::default()
            };
            let (transport, host, port) = remote(&sinks.syslog.remote, tls)?;
            let remote = RemoteSyslogOptions {
                host,
                port,
                transport,
                hostname: hostname.to_owned(),
                tag: name.to_owned(),
            };
            Part::new(RemoteSyslogSink::new(remote)?, options)
        }
    })
}

/// Starts the outputs that the configuration names. `name` is what the engine calls itself in
/// syslog. With `has_viewers` there is a hub even without a socket.
///
/// # Errors
/// A file or an address cannot be used.
pub fn start(
    settings: &Settings,
    hostname: &str,
    name: &str,
    delivery: Delivery,
    has_viewers: bool,
) -> anyhow::Result<Started> {
    let when_full = match delivery {
        Delivery::Live => WhenFull::DropNewest,
        Delivery::Lossless => WhenFull::Block,
    };
    let room = match delivery {
        Delivery::Live => capacity(settings.outputs_queue.capacity),
        Delivery::Lossless => Some(4096),
    };
    let format = line_format(settings, hostname);
    let mut builder = OutputsBuilder::new(format, room, when_full);
    for sink in named(settings) {
        builder = builder.part(open(settings, &sink, hostname, name, delivery)?);
    }
    let socket = &settings.peregrine.sinks.socket;
    let hub = (has_viewers || !socket.path.is_empty()).then(|| Hub::new(socket.recent as usize));
    let mut stream = None;
    if let Some(hub) = &hub {
        builder = builder.sink(hub.sink(), SinkOptions::default());
        if !socket.path.is_empty() {
            let server = StreamServer::start(&socket.path, hub.clone(), hostname);
            let server = server.with_context(|| format!("cannot serve the socket {}", socket.path));
            stream = Some(server?);
        }
    }
    Ok(Started { outputs: builder.start()?, hub, _stream: stream })
}

/// The sinks to go on with; `None` if nothing about alerts changed. New ones are open.
///
/// # Errors
/// A new one cannot be opened.
pub fn changed(
    old: &Settings,
    new: &Settings,
    hostname: &str,
    name: &str,
    has_hub: bool,
) -> anyhow::Result<Option<Vec<Part>>> {
    let (before, after) = (named(old), named(new));
    let line = |settings: &Settings| {
        json!([
            settings.json_output,
            settings.json_include_output_property,
            settings.json_include_message_property,
            settings.json_include_output_fields_property,
            settings.json_include_tags_property,
            settings.time_format_iso_8601,
        ])
    };
    let same = |a: &Named, b: &Named| a.name == b.name && a.settings == b.settings;
    let is_same = before.len() == after.len()
        && before.iter().zip(&after).all(|(a, b)| same(a, b))
        && line(old) == line(new);
    if is_same {
        return Ok(None);
    }
    let mut parts = Vec::new();
    for sink in &after {
        let kept = before.iter().find(|earlier| same(earlier, sink));
        parts.push(match kept {
            Some(kept) => Part::Kept(kept.name.to_owned()),
            None => open(new, sink, hostname, name, Delivery::Live)?,
        });
    }
    // Its readers would be lost; another socket needs a restart.
    if has_hub {
        parts.push(Part::Kept(HUB.to_owned()));
    }
    Ok(Some(parts))
}

/// Transport, host and port of `udp://HOST:PORT` and its like.
fn remote(address: &str, tls: TlsOptions) -> anyhow::Result<(SyslogTransport, String, u16)> {
    let usage = || {
        format!(
            "peregrine.sinks.syslog.remote '{address}' must be udp://HOST:PORT, tcp://HOST:PORT \
             or tls://HOST:PORT"
        )
    };
    let (scheme, place) = address.split_once("://").with_context(usage)?;
    let (host, port) = place.rsplit_once(':').with_context(usage)?;
    let port = port.parse().ok().with_context(usage)?;
    let transport = match scheme {
        "udp" => SyslogTransport::Udp,
        "tcp" => SyslogTransport::Tcp,
        "tls" => SyslogTransport::Tls(tls),
        _ => bail!(usage()),
    };
    Ok((transport, host.trim_matches(['[', ']']).to_owned(), port))
}

fn http(settings: &Settings) -> HttpOptions {
    let output = &settings.http_output;
    let more = &settings.peregrine.sinks.http;
    let path =
        |text: &String| Some(PathBuf::from(text)).filter(|path| !path.as_os_str().is_empty());
    HttpOptions {
        user_agent: output.user_agent.clone(),
        is_json: settings.json_output,
        tls: TlsOptions {
            insecure: output.insecure,
            ca_cert: path(&output.ca_cert),
            ca_bundle: path(&output.ca_bundle),
            ca_path: path(&output.ca_path),
            client: output
                .mtls
                .then(|| (PathBuf::from(&output.client_cert), PathBuf::from(&output.client_key))),
        },
        echo: output.echo,
        compress: output.compress_uploads,
        keep_alive: output.keep_alive,
        max_consecutive_timeouts: output.max_consecutive_timeouts.into(),
        timeout: Duration::from_millis(more.timeout_ms),
        headers: more.headers.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        batch: HttpBatch {
            lines: more.batch.max(1) as usize,
            form: if more.batch_array { BatchForm::JsonList } else { BatchForm::Lines },
            ..HttpBatch::default()
        },
        ..HttpOptions::new(&output.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_other_machines() {
        let parse = |text: &str| remote(text, TlsOptions::default());
        let (transport, host, port) = parse("udp://log.example:514").unwrap();
        assert_eq!((transport, &*host, port), (SyslogTransport::Udp, "log.example", 514));
        assert_eq!(parse("tcp://[::1]:601").unwrap().1, "::1");
        for bad in ["log.example", "ftp://x:1", "udp://x", "udp://x:99999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
