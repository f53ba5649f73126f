//! An HTTP endpoint for tests that can misbehave, and what tests of outputs share.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use peregrine_output::{
    Alert, Backoff, Encoding, Failure, Line, LineFormat, Outputs, OutputsBuilder, Priority,
    RuleIdentity, Sink, SinkOptions, SinkTotals, SpoolOptions, StateQuality, WhenFull,
};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub mod pki;

/// Long enough for any machine; no test waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub fn alert(number: u64) -> Alert {
    Alert {
        time_ns: number,
        sequence: number,
        rule: RuleIdentity::new("test", Priority::Notice, "syscall", ["host"]),
        message: format!("alert {number}"),
        fields: Vec::new(),
        state: StateQuality::Exact,
        lineage: Vec::new(),
    }
}

pub fn send(outputs: &Outputs, numbers: std::ops::Range<u64>) {
    let sender = outputs.sender();
    numbers.for_each(|n| assert!(sender.send(alert(n))));
}

/// What the first sink counts.
pub fn first(outputs: &Outputs) -> SinkTotals {
    outputs.totals().sinks.swap_remove(0)
}

pub fn all(count: u64) -> Vec<u64> {
    (0..count).collect()
}

/// The numbers of the alerts in some lines.
pub fn numbers(text: &str) -> Vec<u64> {
    text.lines().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect()
}

pub fn builder() -> OutputsBuilder {
    OutputsBuilder::new(LineFormat::new(Encoding::Text, "host"), None, WhenFull::Block)
}

/// Options with short waits between tries.
pub fn eager() -> SinkOptions {
    let retry = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(20) };
    SinkOptions { retry: Some(retry), ..SinkOptions::default() }
}

pub fn spooled(directory: &std::path::Path, max_bytes: u64) -> SinkOptions {
    let spool = SpoolOptions { directory: directory.to_owned(), max_bytes };
    SinkOptions { spool: Some(spool), ..eager() }
}

/// A sink that is always well.
#[derive(Default, Clone)]
pub struct Well(pub Arc<Mutex<Vec<u64>>>);

impl Well {
    pub fn got(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Sink for Well {
    fn name(&self) -> &str {
        "well"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        self.0.lock().unwrap().extend(lines.iter().map(|line| line.time_ns));
        Ok(())
    }
}

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Request {
    pub head: String,
    pub body: Vec<u8>,
}

/// What the endpoint does with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Status(&'static str),
    /// Says nothing and leaves the connection open.
    Nothing,
    /// Closes the connection.
    Close,
}

type Tls = Arc<Mutex<Option<Arc<ServerConfig>>>>;
type Behaviour = Arc<Mutex<Box<dyn FnMut(&Request) -> Answer + Send>>>;

pub struct Endpoint {
    pub address: SocketAddr,
    pub taken: Arc<Mutex<Vec<Request>>>,
    behaviour: Behaviour,
    tls: Tls,
    stop: Arc<AtomicBool>,
}

impl Endpoint {
    /// An endpoint that takes everything.
    pub fn start(tls: Option<ServerConfig>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), tls)
    }

    pub fn on(listener: TcpListener, tls: Option<ServerConfig>) -> Self {
        let behaviour: Behaviour =
            Arc::new(Mutex::new(Box::new(|_: &Request| Answer::Status("200 OK"))));
        let endpoint = Self {
            address: listener.local_addr().unwrap(),
            taken: Arc::default(),
            behaviour,
            tls: Arc::new(Mutex::new(tls.map(Arc::new))),
            stop: Arc::default(),
        };
        let (taken, behaviour, tls, stop) = (
            endpoint.taken.clone(),
            endpoint.behaviour.clone(),
            endpoint.tls.clone(),
            endpoint.stop.clone(),
        );
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let (taken, behaviour) = (taken.clone(), behaviour.clone());
                let tls = tls.lock().unwrap().clone();
                std::thread::spawn(move || match tls {
                    None => serve(stream, &taken, &behaviour),
                    Some(tls) => {
                        let session = ServerConnection::new(tls).unwrap();
                        serve(StreamOwned::new(session, stream), &taken, &behaviour)
                    }
                });
            }
        });
        endpoint
    }

    pub fn behave(&self, behaviour: impl FnMut(&Request) -> Answer + Send + 'static) {
        *self.behaviour.lock().unwrap() = Box::new(behaviour);
    }

    /// Shows another certificate from the next connection on.
    pub fn present(&self, tls: ServerConfig) {
        *self.tls.lock().unwrap() = Some(Arc::new(tls));
    }

    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/alerts", self.address.port())
    }

    /// Numbers of all alerts that were taken.
    pub fn numbers(&self) -> Vec<u64> {
        let taken = self.taken.lock().unwrap();
        taken.iter().flat_map(|r| numbers(std::str::from_utf8(&r.body).unwrap())).collect()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: impl Read + Write, taken: &Mutex<Vec<Request>>, behaviour: &Behaviour) {
    let mut stream = BufReader::new(stream);
    while let Ok(request) = read_request(&mut stream) {
        let answer = (behaviour.lock().unwrap())(&request);
        match answer {
            Answer::Status(status) => {
                let text = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok");
                if status.starts_with('2') {
                    taken.lock().unwrap().push(request);
                }
                if stream.get_mut().write_all(text.as_bytes()).is_err() {
                    return;
                }
            }
            Answer::Nothing => std::mem::drop(stream.read(&mut [0])),
            Answer::Close => return,
        }
    }
}

fn read_request(stream: &mut impl BufRead) -> io::Result<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = head.to_lowercase();
    let length = head.split("content-length:").nth(1).unwrap().lines().next().unwrap();
    let mut body = vec![0; length.trim().parse().unwrap()];
    stream.read_exact(&mut body)?;
    Ok(Request { head, body })
}
