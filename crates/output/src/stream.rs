//! Alerts on a local socket, for `peregrine tail` and other programs of this host.
//!
//! Whoever connects gets the latest alerts and then every new one, as JSON lines with all parts.
//! The socket belongs to the user of the process and to nobody else. A reader that is too slow
//! loses alerts and sees `{"lost":N}` in their place.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, TrySendError, bounded};

use crate::hub::{Hub, Interest, Published};
use crate::line::{Encoding, LineFormat};

/// Where the socket is unless somebody wants it elsewhere.
pub const DEFAULT_SOCKET: &str = "/run/peregrine.sock";
/// Readers at one time.
const MAX_READERS: usize = 32;
/// Alerts that wait for a reader.
const WAITING: usize = 8192;
/// Time between two looks whether an idle reader is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Serves a [`Hub`] on a socket until it is dropped.
pub struct StreamServer {
    path: PathBuf,
    stop: Arc<AtomicBool>,
}

impl StreamServer {
    /// Binds the socket. One that a dead process left behind is replaced.
    ///
    /// # Errors
    /// The socket cannot be bound, or another process serves it.
    pub fn start(path: impl Into<PathBuf>, hub: Hub, hostname: &str) -> io::Result<Self> {
        let path = path.into();
        let listener = bind_private(&path)?;
        let format = Arc::new(LineFormat::new(
            Encoding::Json { output: true, message: true, output_fields: true, tags: true },
            hostname,
        ));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        std::thread::Builder::new().name("stream".into()).spawn(move || {
            let readers = Arc::new(AtomicUsize::new(0));
            for stream in listener.incoming() {
                // Relaxed: whoever sets it connects afterwards to be noticed.
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else {
                    // No descriptors left, for example: not a reason to spin.
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                };
                let reader = Reader { count: readers.clone() };
                if readers.fetch_add(1, Ordering::Relaxed) >= MAX_READERS {
                    continue;
                }
                let (hub, format, stopped) = (hub.clone(), format.clone(), stopped.clone());
                // A reader without a thread sees the end of the stream.
                let _ = std::thread::Builder::new().name("stream-reader".into()).spawn(move || {
                    let _reader = reader;
                    let _ = serve(stream, &hub, &format, &stopped);
                });
            }
        })?;
        Ok(Self { path, stop })
    }
}

impl Drop for StreamServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = UnixStream::connect(&self.path);
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Counts a reader while it lives.
struct Reader {
    count: Arc<AtomicUsize>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Listens on a socket for this user alone. What is left there of a process that was killed is
/// removed; nothing but a socket is.
///
/// # Errors
/// It cannot be made, or another process serves it.
pub fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            if UnixStream::connect(path).is_ok() {
                let text = format!("{} is served by another process", path.display());
                return Err(io::Error::new(ErrorKind::AddrInUse, text));
            }
            let metadata = std::fs::symlink_metadata(path)?;
            if !metadata.file_type().is_socket() {
                let text = format!("{} is there and no socket", path.display());
                return Err(io::Error::new(ErrorKind::AlreadyExists, text));
            }
            std::fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        other => other?,
    };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn serve(
    mut stream: UnixStream,
    hub: &Hub,
    format: &LineFormat,
    stopped: &AtomicBool,
) -> io::Result<()> {
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    let recent = read_wish(&stream)?;
    let (sender, alerts) = bounded(WAITING);
    hub.subscribe(recent, 0, move |alert| match sender.try_send(alert.clone()) {
        Err(TrySendError::Disconnected(_)) => Interest::Ended,
        Ok(()) | Err(TrySendError::Full(_)) => Interest::Stays,
    });
    follow(&mut stream, &alerts, format, stopped)
}

/// The number of recent alerts a reader wants: it says so in its first line.
fn read_wish(mut stream: &UnixStream) -> io::Result<usize> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut wish = Vec::new();
    let mut byte = [0];
    while wish.len() < 20 && stream.read(&mut byte)? == 1 && byte != *b"\n" {
        wish.extend(byte);
    }
    let wish = std::str::from_utf8(&wish).ok().and_then(|wish| wish.trim().parse().ok());
    wish.ok_or_else(|| ErrorKind::InvalidData.into())
}

fn follow(
    stream: &mut UnixStream,
    alerts: &Receiver<Published>,
    format: &LineFormat,
    stopped: &AtomicBool,
) -> io::Result<()> {
    let mut previous = None;
    let mut text = String::new();
    while !stopped.load(Ordering::Relaxed) {
        let first = match alerts.recv_timeout(LOOK) {
            Ok(alert) => alert,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) if is_gone(stream)? => return Ok(()),
            Err(RecvTimeoutError::Timeout) => continue,
        };
        text.clear();
        for alert in std::iter::once(first).chain(alerts.try_iter().take(255)) {
            let lost = previous.map_or(0, |previous| alert.number - previous - 1);
            previous = Some(alert.number);
            if lost > 0 {
                text.push_str(&format!("{{\"lost\":{lost}}}\n"));
            }
            if let Some(alert) = &alert.line.alert {
                text.push_str(&format.render(alert));
                text.push('\n');
            }
        }
        stream.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// Whether an idle reader has closed its end.
fn is_gone(mut stream: &UnixStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let read = stream.read(&mut [0; 16]);
    stream.set_nonblocking(false)?;
    match read {
        Ok(bytes) => Ok(bytes == 0),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Connects to a stream and asks for the latest `recent` alerts and all that follow.
///
/// # Errors
/// Nobody serves the socket, or this user may not use it.
pub fn connect(path: &Path, recent: usize) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(format!("{recent}\n").as_bytes())?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;
    use crate::line::tests::line;
    use crate::sink::Sink;

    fn lines(path: &Path, recent: usize, count: usize) -> Vec<String> {
        let stream = connect(path, recent).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        BufReader::new(stream).lines().take(count).map(Result::unwrap).collect()
    }

    #[test]
    fn readers_get_what_was_and_what_comes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        // What a process that died left behind.
        drop(UnixListener::bind(&path).unwrap());
        let hub = Hub::new(10);
        let server = StreamServer::start(&path, hub.clone(), "host").unwrap();
        assert!(StreamServer::start(&path, hub.clone(), "host").is_err(), "one at a time");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let mut sink = hub.sink();
        sink.write(&[line("a"), line("b")]).unwrap();
        let got = lines(&path, 1, 1);
        assert!(got[0].starts_with("{\"hostname\":\"host\",\"message\":"), "{got:?}");

        let mut follower = BufReader::new(connect(&path, 1).unwrap());
        follower.get_ref().set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut text = String::new();
        // The latest alert has come: the reader is subscribed, and the next one is new.
        follower.read_line(&mut text).unwrap();
        text.clear();
        sink.write(&[line("c")]).unwrap();
        follower.read_line(&mut text).unwrap();
        assert!(text.ends_with("Z\"}\n"), "{text}");
        drop(server);
        assert!(!path.exists());
        text.clear();
        // The reader ends with the server, at the latest when it next looks.
        assert_eq!(follower.read_line(&mut text).unwrap(), 0);
    }

    #[test]
    fn a_reader_that_is_too_slow_learns_what_it_lost() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let (sender, alerts) = bounded(10);
        for number in [1, 2, 7] {
            sender.send(Published { number, line: line("x") }).unwrap();
        }
        drop(sender);
        let format = LineFormat::new(Encoding::json(), "host");
        follow(&mut near, &alerts, &format, &AtomicBool::new(false)).unwrap();
        drop(near);
        let got: Vec<_> = BufReader::new(far).lines().map(Result::unwrap).collect();
        assert_eq!(got.len(), 4);
        assert_eq!(got[2], "{\"lost\":4}");
    }
}
