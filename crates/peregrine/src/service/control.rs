//! The control socket: how `peregrine reload` reaches a running instance.
//!
//! A request is one line of JSON, the answer another: `{"command":"reload"}` →
//! `{"ok":true,"message":"…"}`. Only the owner of the process may connect (mode 0600).

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, sync_channel};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::service::running::Happening;

/// How long a peer may take for its line.
const PEER_PATIENCE: Duration = Duration::from_secs(2);
/// How long a reload may take before the answer is given up.
const ANSWER_PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of a request.
const MAX_REQUEST: u64 = 4096;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Request {
    /// Load configuration, rules and outputs anew.
    Reload,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub ok: bool,
    /// What was done, or why not.
    pub message: String,
}

/// The socket of this process; it is removed when this is dropped.
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// Listens, and tells `happenings` what is asked.
    ///
    /// # Errors
    /// The socket cannot be made, or another instance listens there.
    pub fn start(path: &str, happenings: Sender<Happening>) -> anyhow::Result<Self> {
        let path = PathBuf::from(path);
        let listener = peregrine_output::bind_private(&path)
            .with_context(|| format!("listen on {}", path.display()))?;
        std::thread::Builder::new().name("control".into()).spawn(move || {
            for stream in listener.incoming() {
                match stream {
                    Ok(stream) => {
                        if !serve(stream, &happenings) {
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
fn serve(mut stream: UnixStream, happenings: &Sender<Happening>) -> bool {
    let _ = stream.set_read_timeout(Some(PEER_PATIENCE));
    let _ = stream.set_write_timeout(Some(PEER_PATIENCE));
    let mut line = String::new();
    let read = BufReader::new((&stream).take(MAX_REQUEST)).read_line(&mut line);
    let request = read.ok().and_then(|_| serde_json::from_str::<Request>(&line).ok());
    let answer = match request {
        None => Answer { ok: false, message: "the request is not understood".into() },
        Some(Request::Reload) => {
            let (answers, answer) = sync_channel(1);
            if happenings.send(Happening::Asked(answers)).is_err() {
                return false;
            }
            answer.recv_timeout(ANSWER_PATIENCE).unwrap_or_else(|_| Answer {
                ok: false,
                message: "the instance did not answer in time".into(),
            })
        }
    };
    if let Ok(text) = serde_json::to_string(&answer) {
        let _ = writeln!(stream, "{text}");
    }
    true
}

/// Asks a running instance.
///
/// # Errors
/// Nobody listens, or nobody answers.
pub fn ask(path: &str, request: &Request) -> anyhow::Result<Answer> {
    let mut stream = UnixStream::connect(path)
        .with_context(|| format!("no running instance listens on {path}"))?;
    stream.set_read_timeout(Some(ANSWER_PATIENCE))?;
    writeln!(stream, "{}", serde_json::to_string(request)?)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    serde_json::from_str(&line).with_context(|| format!("the instance on {path} gave no answer"))
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
        let control = Control::start(&path, happenings.clone()).unwrap();
        assert!(Control::start(&path, happenings).is_err(), "two instances on one socket");
        let answering = std::thread::spawn(move || match happened.recv() {
            Ok(Happening::Asked(answer)) => {
                let _ = answer.send(Answer { ok: true, message: "done".into() });
            }
            other => panic!("{other:?}"),
        });
        let answer = ask(&path, &Request::Reload).unwrap();
        assert_eq!(answer, Answer { ok: true, message: "done".into() });
        answering.join().unwrap();
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
        assert!(Control::start(&path.display().to_string(), happenings).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "x");
    }
}
