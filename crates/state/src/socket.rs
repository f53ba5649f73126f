//! Addresses of a socket.
//!
//! Falco keeps the five shapes (tuple and server address of IPv4 and IPv6, unix pointers) in one
//! union and sometimes reads through another member than it wrote. What `fd.name` shows after a
//! bound UDP socket received a datagram depends on that, so the bytes are laid out the same way:
//!
//! ```text
//! IPv4 tuple    0 source, 4 dest, 8 source port, 10 dest port, 12 protocol
//! IPv4 server   0 address, 4 port, 6 protocol
//! IPv6 tuple    0 source, 16 dest, 32 source port, 34 dest port, 36 protocol
//! IPv6 server   0 address, 16 port, 18 protocol
//! unix          0 source pointer, 8 dest pointer
//! ```
//!
//! Addresses are in network order, ports little-endian.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Protocol numbers of [`Socket`].
#[allow(missing_docs)]
pub mod l4 {
    pub const UNKNOWN: u8 = 0;
    pub const NA: u8 = 1;
    pub const TCP: u8 = 2;
    pub const UDP: u8 = 3;
    pub const ICMP: u8 = 4;
    pub const RAW: u8 = 5;
}

/// The address bytes of a socket; which member is meant says the fd's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket([u8; 40]);

impl Default for Socket {
    fn default() -> Self {
        Self([0; 40])
    }
}

macro_rules! members {
    ($($(#[$doc:meta])* $get:ident $set:ident: $ty:ident at $at:literal;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $get(&self) -> $ty {
            members!(@get $ty self $at)
        }
        $(#[$doc])*
        #[inline]
        pub fn $set(&mut self, value: $ty) {
            members!(@set $ty self $at value)
        }
    )*};
    (@get u8 $s:ident $at:literal) => { $s.0[$at] };
    (@get u16 $s:ident $at:literal) => { u16::from_le_bytes([$s.0[$at], $s.0[$at + 1]]) };
    (@get u64 $s:ident $at:literal) => { u64::from_le_bytes($s.bytes::<8>($at)) };
    (@get Ipv4Addr $s:ident $at:literal) => { Ipv4Addr::from($s.bytes::<4>($at)) };
    (@get Ipv6Addr $s:ident $at:literal) => { Ipv6Addr::from($s.bytes::<16>($at)) };
    (@set u8 $s:ident $at:literal $v:ident) => { $s.0[$at] = $v };
    (@set u16 $s:ident $at:literal $v:ident) => {
        $s.0[$at..$at + 2].copy_from_slice(&$v.to_le_bytes())
    };
    (@set u64 $s:ident $at:literal $v:ident) => {
        $s.0[$at..$at + 8].copy_from_slice(&$v.to_le_bytes())
    };
    (@set Ipv4Addr $s:ident $at:literal $v:ident) => {
        $s.0[$at..$at + 4].copy_from_slice(&$v.octets())
    };
    (@set Ipv6Addr $s:ident $at:literal $v:ident) => {
        $s.0[$at..$at + 16].copy_from_slice(&$v.octets())
    };
}

impl Socket {
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut out = [0; N];
        out.copy_from_slice(&self.0[at..at + N]);
        out
    }

    members! {
        /// Source address of an IPv4 tuple.
        v4_source set_v4_source: Ipv4Addr at 0;
        /// Destination address of an IPv4 tuple.
        v4_dest set_v4_dest: Ipv4Addr at 4;
        /// Source port of an IPv4 tuple.
        v4_source_port set_v4_source_port: u16 at 8;
        /// Destination port of an IPv4 tuple.
        v4_dest_port set_v4_dest_port: u16 at 10;
        /// Protocol of an IPv4 tuple.
        v4_l4 set_v4_l4: u8 at 12;
        /// Address of an IPv4 server.
        v4_server set_v4_server: Ipv4Addr at 0;
        /// Port of an IPv4 server.
        v4_server_port set_v4_server_port: u16 at 4;
        /// Protocol of an IPv4 server.
        v4_server_l4 set_v4_server_l4: u8 at 6;
        /// Source address of an IPv6 tuple.
        v6_source set_v6_source: Ipv6Addr at 0;
        /// Destination address of an IPv6 tuple.
        v6_dest set_v6_dest: Ipv6Addr at 16;
        /// Source port of an IPv6 tuple.
        v6_source_port set_v6_source_port: u16 at 32;
        /// Destination port of an IPv6 tuple.
        v6_dest_port set_v6_dest_port: u16 at 34;
        /// Protocol of an IPv6 tuple.
        v6_l4 set_v6_l4: u8 at 36;
        /// Address of an IPv6 server.
        v6_server set_v6_server: Ipv6Addr at 0;
        /// Port of an IPv6 server.
        v6_server_port set_v6_server_port: u16 at 16;
        /// Protocol of an IPv6 server.
        v6_server_l4 set_v6_server_l4: u8 at 18;
        /// Kernel address of a unix socket.
        unix_source set_unix_source: u64 at 0;
        /// Kernel address of its peer.
        unix_dest set_unix_dest: u64 at 8;
    }
}

/// Whether an IPv6 address stands for an IPv4 one: `::ffff:a.b.c.d`, or all zeroes.
pub fn is_v4_mapped(ip: Ipv6Addr) -> bool {
    ip.to_ipv4_mapped().is_some() || ip.is_unspecified()
}

/// The last four bytes of an IPv6 address.
pub fn mapped_v4(ip: Ipv6Addr) -> Ipv4Addr {
    let o = ip.octets();
    Ipv4Addr::new(o[12], o[13], o[14], o[15])
}

/// An IPv6 address as `inet_ntop` of glibc prints it.
pub fn write_v6(out: &mut Vec<u8>, ip: Ipv6Addr) {
    let segments = ip.segments();
    // Rust prints `::a.b.c.d` for addresses below 2^32 only as hexadecimal groups; glibc writes
    // the dotted form for them when more than the last group is used.
    if segments[..6].iter().all(|s| *s == 0) && segments[6] != 0 {
        let v4 = mapped_v4(ip);
        let _ = write!(out, "::{v4}");
    } else {
        let _ = write!(out, "{ip}");
    }
}

/// The addresses of a socket parameter of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuple<'a> {
    /// Source and destination.
    V4(Ipv4Addr, u16, Ipv4Addr, u16),
    /// Source and destination.
    V6(Ipv6Addr, u16, Ipv6Addr, u16),
    /// Pointers of source and destination, and the path.
    Unix(u64, u64, &'a [u8]),
    /// Another address family.
    Other(u8),
}

fn v4_at(b: &[u8]) -> Option<(Ipv4Addr, u16)> {
    let b = b.first_chunk::<6>()?;
    Some((Ipv4Addr::new(b[0], b[1], b[2], b[3]), u16::from_le_bytes([b[4], b[5]])))
}

fn v6_at(b: &[u8]) -> Option<(Ipv6Addr, u16)> {
    let ip = Ipv6Addr::from(*b.first_chunk::<16>()?);
    let port = b.get(16..)?.first_chunk::<2>()?;
    Some((ip, u16::from_le_bytes(*port)))
}

fn until_nul(b: &[u8]) -> &[u8] {
    memchr::memchr(0, b).map_or(b, |end| &b[..end])
}

impl<'a> Tuple<'a> {
    /// Reads a parameter of type `SockTuple`; `None` if it is empty or too short.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first()?;
        Some(match *family {
            crate::flags::AF_INET => {
                let (sip, sport) = v4_at(rest)?;
                let (dip, dport) = v4_at(rest.get(6..)?)?;
                Tuple::V4(sip, sport, dip, dport)
            }
            crate::flags::AF_INET6 => {
                let (sip, sport) = v6_at(rest)?;
                let (dip, dport) = v6_at(rest.get(18..)?)?;
                Tuple::V6(sip, sport, dip, dport)
            }
            crate::flags::AF_UNIX => {
                let source = u64::from_le_bytes(*rest.first_chunk::<8>()?);
                let dest = u64::from_le_bytes(*rest.get(8..)?.first_chunk::<8>()?);
                let path = rest.get(16..)?;
                if path.last() != Some(&0) {
                    return None;
                }
                Tuple::Unix(source, dest, until_nul(path))
            }
            other => Tuple::Other(other),
        })
    }

    /// The tuple as Falco prints it.
    pub fn text(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        match *self {
            Tuple::V4(sip, sport, dip, dport) => {
                let _ = write!(out, "{sip}:{sport}->{dip}:{dport}");
            }
            Tuple::V6(sip, sport, dip, dport) if is_v4_mapped(sip) && is_v4_mapped(dip) => {
                let _ = write!(out, "{}:{sport}->{}:{dport}", mapped_v4(sip), mapped_v4(dip));
            }
            Tuple::V6(sip, sport, dip, dport) => {
                write_v6(&mut out, sip);
                let _ = write!(out, ":{sport}->");
                write_v6(&mut out, dip);
                let _ = write!(out, ":{dport}");
            }
            Tuple::Unix(source, dest, path) => {
                let _ = write!(out, "{source:x}->{dest:x} ");
                out.extend_from_slice(path);
            }
            Tuple::Other(family) => {
                let _ = write!(out, "family {family}");
            }
        }
        out
    }
}

/// One address of a socket parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address<'a> {
    /// Address and port.
    V4(Ipv4Addr, u16),
    /// Address and port.
    V6(Ipv6Addr, u16),
    /// Path.
    Unix(&'a [u8]),
    /// Another address family.
    Other(u8),
}

impl<'a> Address<'a> {
    /// Reads a parameter of type `SockAddr`; `None` if it is empty or too short.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first()?;
        Some(match *family {
            crate::flags::AF_INET => {
                let (ip, port) = v4_at(rest)?;
                Address::V4(ip, port)
            }
            crate::flags::AF_INET6 => {
                let (ip, port) = v6_at(rest)?;
                Address::V6(ip, port)
            }
            crate::flags::AF_UNIX => {
                if rest.last() != Some(&0) {
                    return None;
                }
                Address::Unix(until_nul(rest))
            }
            other => Address::Other(other),
        })
    }

    /// The address as Falco prints it.
    pub fn text(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        match *self {
            Address::V4(ip, port) => {
                let _ = write!(out, "{ip}:{port}");
            }
            Address::V6(ip, port) => {
                write_v6(&mut out, ip);
                let _ = write!(out, ":{port}");
            }
            Address::Unix(path) => out.extend_from_slice(path),
            Address::Other(family) => {
                let _ = write!(out, "family {family}");
            }
        }
        out
    }
}
