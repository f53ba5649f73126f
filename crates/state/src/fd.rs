//! File descriptors.

use std::io::Write;
use std::sync::Arc;

use crate::flags::{fd as flag, file};
use crate::memo::Memo;
use crate::socket::{Socket, is_v4_mapped, l4, mapped_v4, write_v6};

/// What a file descriptor refers to. The discriminant is libscap's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(i8)]
#[allow(missing_docs)]
pub enum FdKind {
    #[default]
    Uninitialized = -1,
    Unknown = 0,
    File = 1,
    Directory = 2,
    Ipv4Sock = 3,
    Ipv6Sock = 4,
    Ipv4Server = 5,
    Ipv6Server = 6,
    Fifo = 7,
    UnixSock = 8,
    Event = 9,
    Unsupported = 10,
    SignalFd = 11,
    EventPoll = 12,
    Inotify = 13,
    TimerFd = 14,
    Netlink = 15,
    FileV2 = 16,
    Bpf = 17,
    UserFaultFd = 18,
    IoUring = 19,
    Memfd = 20,
    PidFd = 21,
}

impl FdKind {
    /// The kind with this number of libscap.
    pub fn from_number(number: i8) -> Option<Self> {
        use FdKind::*;
        const ALL: [FdKind; 22] = [
            Unknown,
            File,
            Directory,
            Ipv4Sock,
            Ipv6Sock,
            Ipv4Server,
            Ipv6Server,
            Fifo,
            UnixSock,
            Event,
            Unsupported,
            SignalFd,
            EventPoll,
            Inotify,
            TimerFd,
            Netlink,
            FileV2,
            Bpf,
            UserFaultFd,
            IoUring,
            Memfd,
            PidFd,
        ];
        if number == -1 {
            Some(Uninitialized)
        } else {
            ALL.get(usize::try_from(number).ok()?).copied()
        }
    }

    /// Falco's letter, as in `fd.typechar`.
    pub const fn letter(self) -> u8 {
        use FdKind::*;
        match self {
            File | FileV2 => b'f',
            Directory => b'd',
            Ipv4Sock | Ipv4Server => b'4',
            Ipv6Sock | Ipv6Server => b'6',
            Fifo => b'p',
            UnixSock => b'u',
            Event => b'e',
            Unknown => b'o',
            Unsupported => b'X',
            SignalFd => b's',
            EventPoll => b'l',
            Inotify => b'i',
            TimerFd => b't',
            Netlink => b'n',
            Bpf => b'b',
            UserFaultFd => b'u',
            IoUring => b'r',
            Memfd => b'm',
            PidFd => b'P',
            Uninitialized => b'?',
        }
    }

    /// Falco's word, as in `fd.type`; `<NA>` for kinds without one.
    pub const fn word(self) -> &'static str {
        use FdKind::*;
        match self {
            File | FileV2 => "file",
            Directory => "directory",
            Ipv4Sock | Ipv4Server => "ipv4",
            Ipv6Sock | Ipv6Server => "ipv6",
            UnixSock => "unix",
            Fifo => "pipe",
            Event => "event",
            SignalFd => "signalfd",
            EventPoll => "eventpoll",
            Inotify => "inotify",
            TimerFd => "timerfd",
            Netlink => "netlink",
            Bpf => "bpf",
            UserFaultFd => "userfaultfd",
            IoUring => "io_uring",
            Memfd => "memfd",
            PidFd => "pidfd",
            Uninitialized | Unknown | Unsupported => "<NA>",
        }
    }
}

/// A file descriptor. Small: texts are shared, addresses lie aside.
#[derive(Debug, Clone, Default)]
pub struct Fd {
    /// What it refers to.
    pub kind: FdKind,
    /// Bits of [`crate::flags::fd`].
    pub flags: u32,
    /// Flags it was opened with, see [`crate::flags::file`].
    pub open_flags: u32,
    /// Device of a file.
    pub dev: u32,
    /// Mount of a file that was open before the start.
    pub mount_id: u32,
    /// Inode.
    pub ino: u64,
    /// Process that a pidfd refers to.
    pub pid: i64,
    /// Verdicts of predicates that depend on name and kind only.
    pub memo: Memo,
    name: Option<Arc<[u8]>>,
    name_raw: Option<Arc<[u8]>>,
    socket: Option<Box<Socket>>,
}

impl Fd {
    /// An fd of a kind, without a name.
    pub fn new(kind: FdKind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Path of a file, addresses of a socket; empty if there is none.
    #[inline]
    pub fn name(&self) -> &[u8] {
        self.name.as_deref().unwrap_or_default()
    }

    /// The path as it was given to the call that opened it; empty if unknown.
    #[inline]
    pub fn name_raw(&self) -> &[u8] {
        self.name_raw.as_deref().unwrap_or_default()
    }

    /// Sets the name; says whether it is another one than before.
    pub fn set_name(&mut self, name: &[u8]) -> bool {
        let changed = self.name() != name;
        if changed {
            self.name = (!name.is_empty()).then(|| name.into());
            self.memo.set(0);
        }
        changed
    }

    /// Sets name and raw name of a file; they share their bytes if they are equal.
    pub fn set_names(&mut self, name: &[u8], raw: &[u8]) {
        self.set_name(name);
        self.name_raw = if raw == name { self.name.clone() } else { Some(raw.into()) };
    }

    /// The addresses; zeroes if it is no socket.
    #[inline]
    pub fn socket(&self) -> Socket {
        self.socket.as_deref().copied().unwrap_or_default()
    }

    /// The addresses, to change them.
    pub fn socket_mut(&mut self) -> &mut Socket {
        self.memo.set(0);
        self.socket.get_or_insert_default()
    }

    /// A regular file.
    pub fn is_file(&self) -> bool {
        matches!(self.kind, FdKind::File | FdKind::FileV2)
    }

    /// A TCP socket, as far as Falco tells: IPv4 only.
    pub fn is_tcp_socket(&self) -> bool {
        self.kind == FdKind::Ipv4Sock && self.socket().v4_l4() == l4::TCP
    }

    /// A UDP socket, as far as Falco tells: IPv4 only.
    pub fn is_udp_socket(&self) -> bool {
        self.kind == FdKind::Ipv4Sock && self.socket().v4_l4() == l4::UDP
    }

    /// It serves.
    pub fn is_role_server(&self) -> bool {
        self.flags & flag::ROLE_SERVER != 0
    }

    /// It is a client.
    pub fn is_role_client(&self) -> bool {
        self.flags & flag::ROLE_CLIENT != 0
    }

    /// It is neither client nor server.
    pub fn is_role_none(&self) -> bool {
        self.flags & (flag::ROLE_SERVER | flag::ROLE_CLIENT) == 0
    }

    /// The connection stands.
    pub fn is_connected(&self) -> bool {
        self.flags & flag::SOCKET_CONNECTED != 0
    }

    pub(crate) fn set_connected(&mut self) {
        self.flags &= !(flag::CONNECTION_PENDING | flag::CONNECTION_FAILED);
        self.flags |= flag::SOCKET_CONNECTED;
    }

    /// An exec closes it.
    pub fn is_close_on_exec(&self) -> bool {
        self.open_flags & file::CLOEXEC != 0
            || (matches!(self.kind, FdKind::EventPoll | FdKind::Memfd)
                && self.open_flags & file::OTHER_CLOEXEC != 0)
    }

    /// Clears the close-on-exec bits of all flag spaces, as Falco does for every duplicate.
    pub(crate) fn clear_close_on_exec(&mut self) {
        self.open_flags &= !(file::CLOEXEC | file::OTHER_CLOEXEC);
    }

    /// Protocol, see [`crate::socket::l4`]; `NA` if it is no socket or has no role yet.
    pub fn l4_protocol(&self) -> u8 {
        let socket = self.socket();
        let tuple = |protocol| {
            if protocol != l4::RAW && self.is_role_none() { l4::NA } else { protocol }
        };
        match self.kind {
            FdKind::Ipv4Sock => tuple(socket.v4_l4()),
            FdKind::Ipv6Sock => tuple(socket.v6_l4()),
            FdKind::Ipv4Server => socket.v4_server_l4(),
            FdKind::Ipv6Server => socket.v6_server_l4(),
            _ => l4::NA,
        }
    }

    /// The name that the addresses of a connected socket make, as Falco writes it.
    pub(crate) fn tuple_text(&self) -> Vec<u8> {
        let s = self.socket();
        let mut out = Vec::with_capacity(48);
        match self.kind {
            FdKind::Ipv4Sock => match s.v4_l4() {
                l4::TCP | l4::UDP => write_v4_tuple(&mut out, &s),
                l4::ICMP | l4::RAW => {
                    let _ = write!(out, "{}->{}", s.v4_source(), s.v4_dest());
                }
                _ => out.extend_from_slice(b"<unknown>"),
            },
            FdKind::Ipv6Sock => {
                let (sip, dip) = (s.v6_source(), s.v6_dest());
                let mapped = is_v4_mapped(sip) && is_v4_mapped(dip);
                match s.v6_l4() {
                    // Falco takes the ports from the IPv4 member here; so do we.
                    l4::TCP | l4::UDP if mapped => {
                        let (sip, dip) = (mapped_v4(sip), mapped_v4(dip));
                        let (sport, dport) = (s.v4_source_port(), s.v4_dest_port());
                        let _ = write!(out, "{sip}:{sport}->{dip}:{dport}");
                    }
                    l4::TCP | l4::UDP => write_v6_tuple(&mut out, &s),
                    l4::ICMP if mapped => {
                        let _ = write!(out, "{}->{}", mapped_v4(sip), mapped_v4(dip));
                    }
                    l4::ICMP => {
                        write_v6(&mut out, sip);
                        out.extend_from_slice(b"->");
                        write_v6(&mut out, dip);
                    }
                    _ => out.extend_from_slice(b"<unknown>"),
                }
            }
            _ => {}
        }
        out
    }

    /// The name that the addresses of a socket from a process list make.
    pub(crate) fn listed_text(&self) -> Vec<u8> {
        let s = self.socket();
        let mut out = Vec::with_capacity(48);
        match self.kind {
            FdKind::Ipv4Sock => write_v4_tuple(&mut out, &s),
            FdKind::Ipv6Sock => write_v6_tuple(&mut out, &s),
            FdKind::Ipv4Server => {
                let _ = write!(out, "{}:{}", s.v4_server(), s.v4_server_port());
            }
            FdKind::Ipv6Server => {
                write_v6(&mut out, s.v6_server());
                let _ = write!(out, ":{}", s.v6_server_port());
            }
            _ => {}
        }
        out
    }
}

fn write_v4_tuple(out: &mut Vec<u8>, s: &Socket) {
    let (sport, dport) = (s.v4_source_port(), s.v4_dest_port());
    let _ = write!(out, "{}:{sport}->{}:{dport}", s.v4_source(), s.v4_dest());
}

fn write_v6_tuple(out: &mut Vec<u8>, s: &Socket) {
    write_v6(out, s.v6_source());
    let _ = write!(out, ":{}->", s.v6_source_port());
    write_v6(out, s.v6_dest());
    let _ = write!(out, ":{}", s.v6_dest_port());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_fd_is_small() {
        assert!(size_of::<Fd>() <= 96, "{}", size_of::<Fd>());
        assert!(size_of::<Option<Fd>>() <= 96);
    }

    #[test]
    fn numbers_round_trip() {
        for number in -1..=21 {
            assert_eq!(FdKind::from_number(number).unwrap() as i8, number);
        }
        assert_eq!(FdKind::from_number(22), None);
    }
}
