//! The control socket: how `peregrine reload` and `peregrine top` reach a running instance.
//!
//! A request is one line of JSON, the answer another. Only the owner of the process may connect
//! (mode 0600).
//!
//! | request | answer |
//! |---|---|
//! | `{"command":"reload"}` | [`Answer`]: `{"ok":true,"message":"…"}`, when it is done |
//! | `{"command":"figures"}` | [`Figures`], which are up to a second old |

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, sync_channel};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use peregrine_config::{Settings, Source, Surroundings};
use peregrine_serve::Snapshot;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::service::running::Happening;

/// How long a peer may take for its line.
const PEER_PATIENCE: Duration = Duration::from_secs(2);
/// How long a reload may take before the answer is given up: less than the minute after which a
/// service manager takes the instance for stuck.
const ANSWER_PATIENCE: Duration = Duration::from_secs(50);
/// How much longer a client waits than the instance may take, so that the instance's word comes first.
const MARGIN: Duration = Duration::from_secs(3);
/// Bytes of a request.
const MAX_REQUEST: u64 = 4096;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Request {
    /// Load configuration, rules and outputs anew.
    Reload,
    /// Tell all numbers, and count per process for the next seconds.
    Figures,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub ok: bool,
    /// What was done, or why not.
    pub message: String,
}

/// All numbers, and what is wrong.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Figures {
    /// The numbers.
    pub snapshot: Arc<Snapshot>,
    /// What `/healthz` would say is wrong; empty if all is well.
    pub problems: Vec<String>,
}

/// The socket of this process; it is removed when this is dropped.
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// Listens, and tells `happenings` what is asked; `figures` has the numbers.
    ///
    /// # Errors
    /// The socket cannot be made, or another instance listens there.
    pub fn start(
        path: &str,
        happenings: Sender<Happening>,
        figures: impl Fn() -> Figures + Send + 'static,
    ) -> anyhow::Result<Self> {
        let path = PathBuf::from(path);
        let listener = peregrine_output::bind_private(&path)
            .with_context(|| format!("listen on {}", path.display()))?;
        std::thread::Builder::new().name("control".into()).spawn(move || {
            for stream in listener.incoming() {
                match stream {
                    Ok(stream) => {
                        if !serve(stream, &happenings, &figures) {
                            return;
                        }
                    }
                    // Such as no descriptors left, which lasts.
                    Err(_) => std::thread::sleep(Duration::from_millis(100)),
                }
            }
        })?;
        Ok(Self { path })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Answers one peer; false once nobody takes requests any more. A peer that breaks off is its own
/// problem.
fn serve(
    stream: UnixStream,
    happenings: &Sender<Happening>,
    figures: impl Fn() -> Figures,
) -> bool {
    let _ = stream.set_read_timeout(Some(PEER_PATIENCE));
    let _ = stream.set_write_timeout(Some(PEER_PATIENCE));
    let mut line = String::new();
    let read = BufReader::new((&stream).take(MAX_REQUEST)).read_line(&mut line);
    match read.ok().and_then(|_| serde_json::from_str::<Request>(&line).ok()) {
        None => answer(stream, &refusal("the request is not understood")),
        Some(Request::Figures) => answer(stream, &figures()),
        Some(Request::Reload) => {
            let (answers, done) = sync_channel(1);
            if happenings.send(Happening::Asked(answers)).is_err() {
                return false;
            }
            // A reload may take long, and others want to watch meanwhile.
            let waiting = std::thread::Builder::new().name("reloading".into()).spawn(move || {
                let late = |_| refusal("the instance did not answer in time");
                answer(stream, &done.recv_timeout(ANSWER_PATIENCE).unwrap_or_else(late));
            });
            // Without a thread the peer sees its connection end; the reload happens all the same.
            drop(waiting);
        }
    }
    true
}

fn refusal(message: &str) -> Answer {
    Answer { ok: false, message: message.to_owned() }
}

fn answer(mut stream: UnixStream, answer: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(answer) {
        let _ = writeln!(stream, "{text}");
    }
}

/// The socket of an instance: the one that is named, or that its configuration names.
///
/// # Errors
/// The configuration is wrong, or says that there is none.
pub fn socket_of(named: Option<&str>, config: Option<&str>) -> anyhow::Result<String> {
    let socket = match (named, config) {
        (Some(socket), _) => socket.to_owned(),
        (None, None) => Settings::default().peregrine.control_socket,
        (None, Some(file)) => {
            let config = peregrine_config::load(Source::File(file), &[], &Surroundings::process())?;
            config.settings.peregrine.control_socket
        }
    };
    ensure!(
        !socket.is_empty(),
        "peregrine.control_socket is empty: the instance listens nowhere; SIGHUP makes it reload"
    );
    Ok(socket)
}

/// Asks a running instance.
///
/// # Errors
/// Nobody listens, nobody answers, or the instance does not know the request.
pub fn ask<T: DeserializeOwned>(path: &str, request: &Request) -> anyhow::Result<T> {
    let mut stream = UnixStream::connect(path).with_context(|| {
        format!(
            "no running instance listens on {path}; start one with `peregrine run`, or name its \
             peregrine.control_socket with --socket, or its configuration with -c"
        )
    })?;
    let patience = match request {
        Request::Reload => ANSWER_PATIENCE,
        Request::Figures => PEER_PATIENCE,
    };
    let patience = patience + MARGIN;
    stream.set_read_timeout(Some(patience))?;
    writeln!(stream, "{}", serde_json::to_string(request)?)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).with_context(|| {
        format!("the instance on {path} did not answer within {} s", patience.as_secs())
    })?;
    serde_json::from_str(&line).map_err(|error| match serde_json::from_str::<Answer>(&line) {
        // Such as an older version, which has fewer requests.
        Ok(refused) if !refused.ok => anyhow!("the instance on {path} says: {}", refused.message),
        _ => anyhow!(error).context(format!("the instance on {path} gave no answer")),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::Path;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_request_is_answered_and_a_stale_socket_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock").display().to_string();
        drop(UnixListener::bind(&path).unwrap());
        let (happenings, happened) = channel();
        let figures = || Figures {
            snapshot: Arc::new(Snapshot { events: 7, ..Snapshot::default() }),
            problems: vec!["one".into()],
        };
        let control = Control::start(&path, happenings.clone(), figures).unwrap();
        let second = Control::start(&path, happenings, Figures::default);
        assert!(second.is_err(), "two instances on one socket");
        let answering = std::thread::spawn(move || match happened.recv() {
            Ok(Happening::Asked(answer)) => {
                let _ = answer.send(Answer { ok: true, message: "done".into() });
            }
            other => panic!("{other:?}"),
        });
        let answer: Answer = ask(&path, &Request::Reload).unwrap();
        assert_eq!(answer, Answer { ok: true, message: "done".into() });
        answering.join().unwrap();
        let figures: Figures = ask(&path, &Request::Figures).unwrap();
        assert_eq!((figures.snapshot.events, figures.problems.len()), (7, 1));
        let mut stream = UnixStream::connect(&path).unwrap();
        writeln!(stream, "nonsense").unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        assert!(line.contains("not understood"), "{line}");
        drop(control);
        assert!(!Path::new(&path).exists());
    }

    #[test]
    fn only_sockets_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        std::fs::write(&path, "x").unwrap();
        let (happenings, _happened) = channel();
        let started = Control::start(&path.display().to_string(), happenings, Figures::default);
        assert!(started.is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x");
    }
}
