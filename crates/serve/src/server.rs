//! The HTTP server: one thread, one event loop, nothing to write to.
//!
//! | path | what | who may read |
//! |---|---|---|
//! | `/healthz` (or as configured) | `{"status": "ok"}`, or 503 with what is wrong | anybody |
//! | `/versions` | versions | anybody |
//! | `/metrics` | numbers as text, if enabled | anybody |
//! | `/`, `/page.css`, `/page.js`, `/api/…` | the web page, if enabled | whoever has the token; without one, programs and browsers of this host |

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use peregrine_output::Hub;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

use crate::board::Board;
use crate::{metrics, web};

/// Connections at one time.
const MAX_CONNECTIONS: usize = 128;
/// The longest time for a handshake and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where to listen.
    pub address: SocketAddr,
    /// A file with certificate and key; without it there is no TLS.
    pub certificate: Option<PathBuf>,
    /// Path of the health check.
    pub health_path: String,
    /// Whether to serve numbers.
    pub metrics: bool,
    /// Whether to serve the web page.
    pub web: bool,
    /// What readers of the web page have to know.
    pub token: Option<String>,
}

/// Whether a text is fit for a token: long enough, and of nothing that an address or a cookie would
/// have to escape.
pub fn is_fit_token(text: &str) -> bool {
    text.len() >= 16 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b))
}

impl ServeOptions {
    /// Health and versions only.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            certificate: None,
            health_path: "/healthz".to_owned(),
            metrics: false,
            web: false,
            token: None,
        }
    }
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Choose another address.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// Correct the file.
    #[error("cannot use the certificate {}: {error}", path.display())]
    Certificate {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Set a token, or listen on 127.0.0.1.
    #[error(
        "the web page shows what happens on this host: on {0}, which others reach, it needs a token"
    )]
    Token(SocketAddr),
    /// The system is out of something.
    #[error("cannot start the server: {0}")]
    Thread(io::Error),
}

/// A running server; it ends when this is dropped.
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

pub(crate) struct Shared {
    pub(crate) board: Arc<Board>,
    pub(crate) hub: Option<Hub>,
    versions: String,
    options: ServeOptions,
}

impl Server {
    /// Begins to listen. `hub` has the alerts that the web page shows, `versions` is a JSON object.
    ///
    /// # Errors
    /// [`ServeError`], each with the way out.
    pub fn start(
        options: ServeOptions,
        board: Arc<Board>,
        hub: Option<Hub>,
        versions: &serde_json::Value,
    ) -> Result<Self, ServeError> {
        if options.web && options.token.is_none() && !options.address.ip().is_loopback() {
            return Err(ServeError::Token(options.address));
        }
        let acceptor = options.certificate.as_deref().map(acceptor).transpose()?;
        let bind = |error| ServeError::Bind { address: options.address, error };
        let listener = TcpListener::bind(options.address).map_err(bind)?;
        listener.set_nonblocking(true).map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServeError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::new(Shared { board, hub, versions: versions.to_string(), options });
        let thread = std::thread::Builder::new()
            .name("serve".into())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = listen(listener, acceptor, shared) => {}
                        _ = stopped => {}
                    }
                });
                // Connections that are open, streams above all, end with the event loop.
                runtime.shutdown_background();
            })
            .map_err(ServeError::Thread)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by its thread.
            let _ = thread.join();
        }
    }
}

fn acceptor(path: &Path) -> Result<TlsAcceptor, ServeError> {
    let fail = |error| ServeError::Certificate { path: path.to_owned(), error };
    let load = || -> io::Result<TlsAcceptor> {
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(path).map_err(io::Error::other)?.collect();
        let key = PrivateKeyDer::from_pem_file(path).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain.map_err(io::Error::other)?, key)
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    };
    load().map_err(fail)
}

async fn listen(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // No descriptors left, for example: not a reason to spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        tokio::spawn(async move {
            let _place = place;
            connection(stream, acceptor, shared).await;
        });
    }
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(respond(&shared, &request)) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // What goes wrong on a connection concerns its other side only.
    match acceptor {
        None => drop(builder.serve_connection(TokioIo::new(stream), service).await),
        Some(acceptor) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
                drop(builder.serve_connection(TokioIo::new(stream), service).await);
            }
        }
    }
}

/// A body at hand, or one that comes as things happen.
pub(crate) enum Body {
    Full(Option<Bytes>),
    Events(mpsc::Receiver<Bytes>),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Body::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Body::Events(events) => {
                events.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Full(None))
    }

    /// Of a body at hand the length is known and goes into the head.
    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Body::Events(_) => SizeHint::default(),
        }
    }
}

pub(crate) fn response(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(Body::Full(Some(body.into())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    response(status, "text/plain; charset=utf-8", text)
}

fn respond(shared: &Arc<Shared>, request: &Request<Incoming>) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "there is nothing to write to\n");
    }
    let path = request.uri().path();
    let options = &shared.options;
    match path {
        _ if path == options.health_path => health(shared),
        "/versions" => response(StatusCode::OK, "application/json", shared.versions.clone()),
        "/metrics" if options.metrics => {
            let problems = shared.board.problems(now_ns()).len();
            let body = metrics::render(shared.board.latest(), problems);
            response(StatusCode::OK, metrics::CONTENT_TYPE, body)
        }
        _ if options.web => match authorised(options, request) {
            Access::Granted => web::respond(shared, request),
            Access::Login => web::logged_in(options.token.as_deref().unwrap_or_default()),
            Access::Denied(why) => text(StatusCode::FORBIDDEN, why),
        },
        _ => text(StatusCode::NOT_FOUND, "not found\n"),
    }
}

fn health(shared: &Shared) -> Response<Body> {
    let problems = shared.board.problems(now_ns());
    if problems.is_empty() {
        // The very bytes of Falco, for those who compare them.
        return response(StatusCode::OK, "application/json", "{\"status\": \"ok\"}");
    }
    let body = serde_json::json!({ "status": "failed", "problems": problems });
    response(StatusCode::SERVICE_UNAVAILABLE, "application/json", body.to_string())
}

enum Access {
    Granted,
    /// The token came with the address; a cookie takes its place.
    Login,
    Denied(&'static str),
}

fn authorised(options: &ServeOptions, request: &Request<Incoming>) -> Access {
    let Some(token) = &options.token else {
        // A page of a stranger can make a browser of this host ask us under the stranger's name.
        return match host(request).is_some_and(|host| is_local(&host)) {
            true => Access::Granted,
            false => Access::Denied("open the page as http://127.0.0.1 or http://localhost\n"),
        };
    };
    let headers = request.headers();
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let cookie = headers.get(header::COOKIE).and_then(|value| {
        value.to_str().ok()?.split("; ").find_map(|part| part.strip_prefix(web::COOKIE))
    });
    if bearer.into_iter().chain(cookie).any(|given| is_same(given, token)) {
        return Access::Granted;
    }
    let given = request.uri().query().and_then(|query| query.strip_prefix("token="));
    match given.is_some_and(|given| is_same(given, token)) {
        true => Access::Login,
        false => Access::Denied("open the page with ?token=… once\n"),
    }
}

/// The name the request was sent to, without the port.
fn host(request: &Request<Incoming>) -> Option<String> {
    let host = request.headers().get(header::HOST)?.to_str().ok()?;
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    Some(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Compares in a time that does not tell how much is right.
fn is_same(given: &str, token: &str) -> bool {
    let (given, token) = (given.as_bytes(), token.as_bytes());
    let different = given.iter().zip(token).fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == token.len() && std::hint::black_box(different) == 0
}

pub(crate) fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}
