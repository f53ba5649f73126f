//! The system log of this host; `remote_syslog.rs` has that of another.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::strtime};

use crate::line::Line;
use crate::sink::{Failure, Sink};

/// Messages of user programs.
const FACILITY_USER: u8 = 1 << 3;

/// Where the system's logger listens.
const LOCAL_SOCKET: &str = "/dev/log";

/// Sends each line to the logger of the system, at the level of its alert, as `syslog(3)` would.
#[derive(Debug)]
pub struct SyslogSink {
    path: PathBuf,
    tag: String,
    zone: TimeZone,
    socket: Option<UnixDatagram>,
}

impl SyslogSink {
    /// A sink on the local logger; `tag` names the sender in each message. The logger may start
    /// later than this.
    pub fn new(tag: impl Into<String>) -> Self {
        Self::at(LOCAL_SOCKET, tag)
    }

    /// A sink on a logger that listens elsewhere.
    pub fn at(path: impl Into<PathBuf>, tag: impl Into<String>) -> Self {
        Self { path: path.into(), tag: tag.into(), zone: TimeZone::system(), socket: None }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let socket = match &self.socket {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(&self.path)?;
                self.socket.insert(socket)
            }
        };
        socket.send(message).map(drop)
    }
}

impl Sink for SyslogSink {
    fn name(&self) -> &str {
        "syslog"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        for (sent, line) in lines.iter().enumerate() {
            let level = FACILITY_USER | line.priority.syslog_level();
            let now = Timestamp::now().to_zoned(self.zone.clone());
            let time = strtime::format("%b %e %H:%M:%S", &now).map_err(io::Error::other)?;
            let message = format!("<{level}>{time} {}: {}", self.tag, line.text);
            // A logger that was started again listens on another socket under the same name.
            if self.send(message.as_bytes()).is_err() {
                self.socket = None;
                self.send(message.as_bytes()).map_err(|error| Failure {
                    rejected: usize::from(is_too_long(&error)),
                    ..Failure::after(sent, error)
                })?;
            }
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.socket = None;
        Ok(())
    }
}

/// Whether the logger takes no message of this size, however often it is sent.
pub(crate) fn is_too_long(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::MSGSIZE.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::line;

    fn received(logger: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let length = logger.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn lines_go_out_at_the_level_of_their_alert() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut sink = SyslogSink::at(&path, "peregrine");
        sink.write(&[line("too early")]).unwrap_err();

        let logger = UnixDatagram::bind(&path).unwrap();
        sink.write(&[line("first")]).unwrap();
        let message = received(&logger);
        // User facility, warning; "Nov  1 12:00:24".
        assert!(message.starts_with("<12>"), "{message}");
        assert!(message.ends_with(" peregrine: first"), "{message}");
        assert_eq!(message.len(), "<12>Nov  1 12:00:24 peregrine: first".len());

        drop(logger);
        std::fs::remove_file(&path).unwrap();
        let logger = UnixDatagram::bind(&path).unwrap();
        sink.write(&[line("after a restart")]).unwrap();
        assert!(received(&logger).ends_with("after a restart"));
    }
}
