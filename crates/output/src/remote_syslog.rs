//! The system log of another host: RFC 5424 messages over UDP (RFC 5426), TCP with octet counting
//! (RFC 6587) or TLS (RFC 5425).
//!
//! These protocols have no acknowledgement: delivered means handed to the kernel. A connection that
//! the other side has closed is noticed before it is used; a batch that breaks in the middle is
//! sent again as a whole on the next connection.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use syslog_fmt::v5424::{self, Formatter};
use syslog_fmt::{Facility, Severity};

use crate::line::Line;
use crate::sink::{Failure, OutputError, Sink};
use crate::syslog::is_too_long;
use crate::tls::TlsOptions;

/// The longest wait for a connection, and for a write.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest message in a datagram.
const LARGEST_DATAGRAM: usize = 65_000;

/// How messages travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyslogTransport {
    /// One datagram per message. Nobody says whether it arrives.
    Udp,
    /// A connection.
    Tcp,
    /// A connection with TLS.
    Tls(TlsOptions),
}

/// Where to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSyslogOptions {
    /// Name or address of the host. It must be in the certificate, if there is one.
    pub host: String,
    /// Port; usually 514, or 6514 for TLS.
    pub port: u16,
    /// How.
    pub transport: SyslogTransport,
    /// Name of this host in the messages.
    pub hostname: String,
    /// Name of the program in the messages.
    pub tag: String,
}

enum Connection {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Sends lines to the logger of another host.
pub struct RemoteSyslogSink {
    options: RemoteSyslogOptions,
    formatter: Formatter,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    connection: Option<Connection>,
    buffer: Vec<u8>,
}

impl RemoteSyslogSink {
    /// A sink on a host, which may be down.
    ///
    /// # Errors
    /// A certificate cannot be read, or the name of the host is none.
    pub fn new(options: RemoteSyslogOptions) -> Result<Self, OutputError> {
        let fail = |source| OutputError::Open { sink: "syslog".into(), source };
        let tls = match &options.transport {
            SyslogTransport::Tls(tls) => {
                let name = ServerName::try_from(options.host.clone())
                    .map_err(|error| fail(io::Error::other(error)))?;
                Some((tls.client_config().map_err(fail)?, name))
            }
            _ => None,
        };
        let process = std::process::id().to_string();
        let formatter = v5424::Config {
            facility: Facility::User,
            hostname: Some(&options.hostname),
            app_name: Some(&options.tag),
            proc_id: Some(&process),
        }
        .into_formatter();
        Ok(Self { options, formatter, tls, connection: None, buffer: Vec::new() })
    }

    fn connect(&self) -> io::Result<Connection> {
        let addresses = (self.options.host.as_str(), self.options.port).to_socket_addrs()?;
        let mut result = Err(io::Error::other("the name of the host has no address"));
        for address in addresses {
            result = if self.options.transport == SyslogTransport::Udp {
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                UdpSocket::bind(any).and_then(|socket| {
                    socket.connect(address)?;
                    Ok(Connection::Udp(socket))
                })
            } else {
                TcpStream::connect_timeout(&address, TIMEOUT).and_then(|s| self.over(s))
            };
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Makes a connection ready for messages.
    fn over(&self, stream: TcpStream) -> io::Result<Connection> {
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let Some((config, name)) = &self.tls else { return Ok(Connection::Tcp(stream)) };
        let session =
            ClientConnection::new(config.clone(), name.clone()).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Connection::Tls(Box::new(stream)))
    }

    fn format(&self, line: &Line) -> io::Result<Vec<u8>> {
        let severity = Severity::try_from(line.priority.syslog_level())
            .map_err(|_| io::Error::other("no such severity"))?;
        // RFC 5424 allows six digits behind the second.
        let time = i64::try_from(line.time_ns / 1000)
            .ok()
            .and_then(|us| Timestamp::from_microsecond(us).ok())
            .map(|time| format!("{time:.6}"));
        let time = time.map_or(v5424::Timestamp::None, v5424::Timestamp::PreformattedString);
        let mut message = Vec::with_capacity(line.text.len() + 100);
        self.formatter.write_without_data(
            &mut message,
            severity,
            time,
            v5424::Msg::Utf8Str(&line.text),
            None,
        )?;
        Ok(message)
    }

    /// Sends datagrams; gives the number of those sent.
    fn send(&self, socket: &UdpSocket, lines: &[Arc<Line>]) -> Result<(), Failure> {
        for (sent, line) in lines.iter().enumerate() {
            let mut message = self.format(line).map_err(|error| Failure::after(sent, error))?;
            if message.len() > LARGEST_DATAGRAM {
                let cut = String::from_utf8_lossy(&message[..LARGEST_DATAGRAM]).into_owned();
                message = cut.trim_end_matches('\u{fffd}').as_bytes().to_vec();
            }
            socket.send(&message).map_err(|error| Failure {
                rejected: usize::from(is_too_long(&error)),
                ..Failure::after(sent, error)
            })?;
        }
        Ok(())
    }
}

impl Connection {
    /// Whether the other side has closed the connection, or it broke.
    fn is_dead(&mut self) -> bool {
        let (socket, read) = match self {
            Connection::Udp(_) => return false,
            Connection::Tcp(stream) => {
                let set = stream.set_nonblocking(true);
                let read = set.and_then(|()| stream.read(&mut [0; 64]));
                (stream, read)
            }
            Connection::Tls(stream) => {
                let set = stream.sock.set_nonblocking(true);
                let read = set.and_then(|()| stream.read(&mut [0; 64]));
                (&mut stream.sock, read)
            }
        };
        let is_open = match read {
            // A logger has nothing to say; what it says is ignored.
            Ok(bytes) => bytes > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        socket.set_nonblocking(false).is_err() || !is_open
    }
}

impl Sink for RemoteSyslogSink {
    fn name(&self) -> &str {
        "syslog-remote"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        if self.connection.as_mut().is_some_and(Connection::is_dead) {
            self.connection = None;
        }
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect()?,
        };
        if let Connection::Udp(socket) = &connection {
            self.send(socket, lines)?;
            self.connection = Some(connection);
            return Ok(());
        }
        self.buffer.clear();
        for line in lines {
            let message = self.format(line)?;
            write!(self.buffer, "{} ", message.len())?;
            self.buffer.extend_from_slice(&message);
        }
        match &mut connection {
            Connection::Tcp(stream) => stream.write_all(&self.buffer)?,
            Connection::Tls(stream) => {
                stream.write_all(&self.buffer)?;
                stream.flush()?;
            }
            Connection::Udp(_) => {}
        }
        self.buffer.shrink_to(1 << 20);
        self.connection = Some(connection);
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.connection = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::line::tests::line;

    fn sink(port: u16, transport: SyslogTransport) -> RemoteSyslogSink {
        RemoteSyslogSink::new(RemoteSyslogOptions {
            host: "127.0.0.1".into(),
            port,
            transport,
            hostname: "host-a".into(),
            tag: "peregrine".into(),
        })
        .unwrap()
    }

    fn expected(text: &str) -> String {
        let process = std::process::id();
        format!("<12>1 2026-11-01T12:00:24.578754Z host-a peregrine {process} - - \u{feff}{text}")
    }

    #[test]
    fn a_datagram_has_one_message() {
        let logger = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sink = sink(logger.local_addr().unwrap().port(), SyslogTransport::Udp);
        sink.write(&[line("first"), line("second")]).unwrap();
        let mut buffer = [0; 512];
        for text in ["first", "second"] {
            let length = logger.recv(&mut buffer).unwrap();
            assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap(), expected(text));
        }
    }

    #[test]
    fn a_connection_counts_octets_and_is_made_again_when_the_other_side_closed_it() {
        let logger = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sink = sink(logger.local_addr().unwrap().port(), SyslogTransport::Tcp);
        sink.write(&[line("first"), line("second")]).unwrap();
        let (mut stream, _) = logger.accept().unwrap();
        let frame = |text: &str| format!("{} {}", expected(text).len(), expected(text));
        let both = frame("first") + &frame("second");
        let mut got = vec![0; both.len()];
        stream.read_exact(&mut got).unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), both);

        drop(stream);
        while !sink.connection.as_mut().is_some_and(Connection::is_dead) {
            std::thread::sleep(Duration::from_millis(1));
        }
        sink.write(&[line("third")]).unwrap();
        let mut got = vec![0; frame("third").len()];
        logger.accept().unwrap().0.read_exact(&mut got).unwrap();
        assert_eq!(String::from_utf8(got).unwrap(), frame("third"));
    }

    #[test]
    fn a_host_that_is_down_is_tried_again_later() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let failure = sink(port, SyslogTransport::Tcp).write(&[line("a")]).unwrap_err();
        assert_eq!((failure.delivered, failure.rejected), (0, 0));
    }
}
