//! HTTP endpoints.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use ureq::config::Config;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, http};

use crate::line::Line;
use crate::sink::{Failure, OutputError, Sink};
use crate::tls::{TlsOptions, provider};

/// How several alerts share a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchForm {
    /// One per line.
    #[default]
    Lines,
    /// A JSON list; only for JSON lines.
    JsonList,
}

/// How much goes into one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpBatch {
    /// Alerts, at most. With one, as in Falco, its line is the body.
    pub lines: usize,
    /// Bytes before compression, at most; a longer alert goes alone.
    pub bytes: usize,
    /// How they are put together.
    pub form: BatchForm,
}

impl Default for HttpBatch {
    fn default() -> Self {
        Self { lines: 1, bytes: 1 << 20, form: BatchForm::Lines }
    }
}

/// An endpoint, with the keys of Falco's `http_output` and a few of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// Where to send, `http://` or `https://`.
    pub url: String,
    /// How to introduce oneself.
    pub user_agent: String,
    /// Whether lines are JSON; says the content type.
    pub is_json: bool,
    /// Certificates.
    pub tls: TlsOptions,
    /// Print answers to standard output.
    pub echo: bool,
    /// Compress bodies with gzip.
    pub compress: bool,
    /// Keep an idle connection for minutes, not seconds.
    pub keep_alive: bool,
    /// Timeouts in a row after which the next try waits like after any other failure.
    pub max_consecutive_timeouts: u32,
    /// The longest time for a request from name to answer.
    pub timeout: Duration,
    /// Further headers, as for authorisation.
    pub headers: Vec<(String, String)>,
    /// Several alerts per request.
    pub batch: HttpBatch,
}

impl HttpOptions {
    /// Falco's defaults for an endpoint.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            user_agent: concat!("peregrine/", env!("CARGO_PKG_VERSION")).to_owned(),
            is_json: false,
            tls: TlsOptions::default(),
            echo: false,
            compress: false,
            keep_alive: false,
            max_consecutive_timeouts: 5,
            timeout: Duration::from_secs(10),
            headers: Vec::new(),
            batch: HttpBatch::default(),
        }
    }
}

/// Posts lines to an endpoint.
///
/// | answer | meaning |
/// |---|---|
/// | 2xx | delivered |
/// | 400, 411, 413, 415, 422, 431 | the endpoint will never take this alert: rejected and counted; of several in one request each is then tried alone |
/// | anything else, and no answer | about the endpoint, not about the alert: tried again (a `Retry-After` in seconds is followed) |
pub struct HttpSink {
    agent: Agent,
    options: HttpOptions,
    timeouts: u32,
    /// Alerts to send one by one, because one of them was refused.
    alone: usize,
}

/// What became of a request.
enum Outcome {
    Taken,
    Refused(io::Error),
    Failed { error: io::Error, wait: Option<Duration>, is_timeout: bool },
}

impl HttpSink {
    /// A sink on an endpoint, which may be down.
    ///
    /// # Errors
    /// The address is none, or a certificate cannot be read.
    pub fn new(options: HttpOptions) -> Result<Self, OutputError> {
        let agent =
            agent(&options).map_err(|source| OutputError::Open { sink: "http".into(), source })?;
        Ok(Self { agent, options, timeouts: 0, alone: 0 })
    }

    /// Lines at the front that share a request.
    fn next_request(&self, lines: &[Arc<Line>]) -> usize {
        if self.alone > 0 {
            return 1;
        }
        let batch = &self.options.batch;
        let mut bytes = 0;
        let fits = |line: &&Arc<Line>| {
            bytes += line.text.len() + 1;
            bytes <= batch.bytes
        };
        lines.iter().take(batch.lines).take_while(fits).count().max(1)
    }

    fn body(&self, lines: &[Arc<Line>]) -> io::Result<Vec<u8>> {
        let mut body = Vec::with_capacity(lines.iter().map(|line| line.text.len() + 1).sum());
        match (self.options.batch.lines, self.options.batch.form) {
            (..=1, _) => lines.iter().for_each(|line| body.extend_from_slice(line.text.as_bytes())),
            (_, BatchForm::Lines) => {
                for line in lines {
                    body.extend_from_slice(line.text.as_bytes());
                    body.push(b'\n');
                }
            }
            (_, BatchForm::JsonList) => {
                for (i, line) in lines.iter().enumerate() {
                    body.push(if i == 0 { b'[' } else { b',' });
                    body.extend_from_slice(line.text.as_bytes());
                }
                body.push(b']');
            }
        }
        if !self.options.compress {
            return Ok(body);
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&body)?;
        gzip.finish()
    }

    fn content_type(&self) -> &'static str {
        match (self.options.is_json, self.options.batch.lines, self.options.batch.form) {
            (false, ..) => "text/plain",
            (true, 2.., BatchForm::Lines) => "application/x-ndjson",
            (true, ..) => "application/json",
        }
    }

    fn post(&self, body: &[u8]) -> Outcome {
        let options = &self.options;
        let mut request = self.agent.post(&options.url).header("content-type", self.content_type());
        if options.compress {
            request = request.header("content-encoding", "gzip");
        }
        for (name, value) in &options.headers {
            request = request.header(name, value);
        }
        let mut response = match request.send(body) {
            Ok(response) => response,
            Err(error) => {
                let is_timeout = matches!(error, ureq::Error::Timeout(_));
                let error = match error {
                    ureq::Error::Io(error) => error,
                    other => io::Error::other(other),
                };
                return Outcome::Failed { error, wait: None, is_timeout };
            }
        };
        let status = response.status();
        let wait = retry_after(response.headers());
        // Read to the end, so that the connection can be used again; a huge answer is not worth it.
        let mut answer = Vec::new();
        let _ = response.body_mut().as_reader().take(64 << 10).read_to_end(&mut answer);
        if options.echo {
            // As the body came; a closed standard output is no reason to send the alert again.
            let mut out = io::stdout().lock();
            let _ = out.write_all(&answer).and_then(|()| out.write_all(b"\n"));
        }
        let error = || io::Error::other(format!("the endpoint answered {status}"));
        match status {
            status if status.is_success() => Outcome::Taken,
            StatusCode::BAD_REQUEST
            | StatusCode::LENGTH_REQUIRED
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Outcome::Refused(error()),
            _ => Outcome::Failed { error: error(), wait, is_timeout: false },
        }
    }
}

impl Sink for HttpSink {
    fn name(&self) -> &str {
        "http"
    }

    fn batch_limit(&self) -> usize {
        self.options.batch.lines.max(1)
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        let mut delivered = 0;
        while delivered < lines.len() {
            let count = self.next_request(&lines[delivered..]);
            let body = self.body(&lines[delivered..delivered + count])?;
            match self.post(&body) {
                Outcome::Taken => {
                    self.timeouts = 0;
                    self.alone = self.alone.saturating_sub(1);
                    delivered += count;
                }
                Outcome::Refused(_) if count > 1 => self.alone = count,
                Outcome::Refused(error) => {
                    self.timeouts = 0;
                    self.alone = self.alone.saturating_sub(1);
                    return Err(Failure { rejected: 1, ..Failure::after(delivered, error) });
                }
                Outcome::Failed { is_timeout: true, .. }
                    if self.timeouts < self.options.max_consecutive_timeouts =>
                {
                    self.timeouts += 1;
                }
                Outcome::Failed { error, wait, .. } => {
                    return Err(Failure { wait, ..Failure::after(delivered, error) });
                }
            }
        }
        Ok(())
    }
}

/// Seconds of a `Retry-After`; the form with a date is rare and not worth a clock.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn agent(options: &HttpOptions) -> io::Result<Agent> {
    let url: http::Uri = options.url.parse().map_err(io::Error::other)?;
    let is_https = match (url.scheme_str(), url.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(_)) => false,
        _ => {
            let text = format!("'{}' is not an http:// or https:// address", options.url);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
    };
    let mut tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider())
        .disable_verification(options.tls.insecure);
    if is_https {
        if !options.tls.insecure {
            let roots: Vec<Certificate<'static>> = options
                .tls
                .authorities()?
                .iter()
                .map(|der| Certificate::from_der(der).to_owned())
                .collect();
            tls = tls.root_certs(RootCerts::new_with_certs(&roots));
        }
        if let (Some((chain, _)), Some((_, key))) = (options.tls.identity()?, &options.tls.client) {
            let chain: Vec<Certificate<'static>> =
                chain.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
            let key = PrivateKey::from_pem(&std::fs::read(key)?).map_err(io::Error::other)?;
            tls = tls.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
        }
    }
    let idle = Duration::from_secs(if options.keep_alive { 300 } else { 15 });
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_global(Some(options.timeout))
        .max_idle_age(idle)
        .user_agent(options.user_agent.as_str())
        .proxy(None)
        .tls_config(tls.build())
        .build();
    Ok(config.new_agent())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::line;

    fn sink(batch: HttpBatch, is_json: bool) -> HttpSink {
        let options =
            HttpOptions { batch, is_json, ..HttpOptions::new("http://127.0.0.1:1/alerts") };
        HttpSink::new(options).unwrap()
    }

    #[test]
    fn a_body_is_a_line_or_lines_or_a_list() {
        let lines = [line("{1}"), line("{2}")];
        let form = |lines, form| HttpBatch { lines, form, ..HttpBatch::default() };
        let one = sink(form(1, BatchForm::Lines), true);
        assert_eq!(one.body(&lines[..1]).unwrap(), b"{1}");
        assert_eq!(one.content_type(), "application/json");
        let several = sink(form(9, BatchForm::Lines), true);
        assert_eq!(several.body(&lines).unwrap(), b"{1}\n{2}\n");
        assert_eq!(several.content_type(), "application/x-ndjson");
        let list = sink(form(9, BatchForm::JsonList), true);
        assert_eq!(list.body(&lines).unwrap(), b"[{1},{2}]");
        assert_eq!(list.body(&lines[..1]).unwrap(), b"[{1}]");
        assert_eq!(list.content_type(), "application/json");
    }

    #[test]
    fn a_request_has_a_limit_of_lines_and_of_bytes() {
        let mut sink = sink(HttpBatch { lines: 3, bytes: 10, form: BatchForm::Lines }, false);
        let lines: Vec<_> = ["1234", "1234", "1234", "1"].into_iter().map(line).collect();
        assert_eq!(sink.next_request(&lines), 2);
        assert_eq!(sink.next_request(&lines[3..]), 1);
        assert_eq!(sink.next_request(&[line("longer than all"), line("1")]), 1);
        let short: Vec<_> = ["1", "2", "3", "4"].into_iter().map(line).collect();
        assert_eq!(sink.next_request(&short), 3);
        sink.alone = 1;
        assert_eq!(sink.next_request(&short), 1);
    }

    #[test]
    fn an_address_that_is_none_is_an_error() {
        for url in ["", "localhost", "ftp://localhost/", "http://"] {
            assert!(HttpSink::new(HttpOptions::new(url)).is_err(), "{url}");
        }
    }
}
