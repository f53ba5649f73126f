//! The socket tables of a network namespace, by inode.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// A socket as its table shows it; ports in host order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Socket {
    V4 { kind: i64, protocol: i64, local: ([u8; 4], u16), remote: ([u8; 4], u16) },
    V6 { kind: i64, protocol: i64, local: ([u8; 16], u16), remote: ([u8; 16], u16) },
    Unix { kind: i64, path: Vec<u8> },
    Netlink { protocol: i64 },
}

/// The sockets of one namespace.
#[derive(Debug, Default)]
pub(super) struct Namespace {
    sockets: HashMap<u64, Socket>,
}

impl Namespace {
    /// Reads the tables as the process of that `/proc` directory sees them.
    pub(super) fn read(process: &Path) -> Self {
        const INET: [(&str, i32, i32); 8] = [
            ("tcp", libc::SOCK_STREAM, libc::IPPROTO_TCP),
            ("tcp6", libc::SOCK_STREAM, libc::IPPROTO_TCP),
            ("udp", libc::SOCK_DGRAM, libc::IPPROTO_UDP),
            ("udp6", libc::SOCK_DGRAM, libc::IPPROTO_UDP),
            ("raw", libc::SOCK_RAW, libc::IPPROTO_RAW),
            ("raw6", libc::SOCK_RAW, libc::IPPROTO_RAW),
            ("icmp", libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
            ("icmp6", libc::SOCK_DGRAM, libc::IPPROTO_ICMPV6),
        ];
        let mut namespace = Self::default();
        let read = |name: &str| {
            let bytes = fs::read(process.join("net").join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        for (name, kind, protocol) in INET {
            for line in read(name).lines().skip(1) {
                namespace.add(inet(line, i64::from(kind), i64::from(protocol)));
            }
        }
        for line in read("unix").lines().skip(1) {
            namespace.add(unix(line));
        }
        for line in read("netlink").lines().skip(1) {
            namespace.add(netlink(line));
        }
        namespace
    }

    fn add(&mut self, entry: Option<(u64, Socket)>) {
        self.sockets.extend(entry.filter(|(inode, _)| *inode != 0));
    }

    pub(super) fn get(&self, inode: u64) -> Option<&Socket> {
        self.sockets.get(&inode)
    }
}

/// `  0: 0100007F:1F90 00000000:0000 0A ... uid timeout inode`; addresses are in host-order words.
fn inet(line: &str, kind: i64, protocol: i64) -> Option<(u64, Socket)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (local, remote) = (*words.get(1)?, *words.get(2)?);
    let inode = words.get(9)?.parse().ok()?;
    let socket = if local.len() > 20 {
        Socket::V6 { kind, protocol, local: address(local)?, remote: address(remote)? }
    } else {
        Socket::V4 { kind, protocol, local: address(local)?, remote: address(remote)? }
    };
    Some((inode, socket))
}

fn address<const N: usize>(text: &str) -> Option<([u8; N], u16)> {
    let (ip, port) = text.split_once(':')?;
    let mut bytes = [0; N];
    for (index, word) in bytes.chunks_exact_mut(4).enumerate() {
        let hex = ip.get(index * 8..index * 8 + 8)?;
        word.copy_from_slice(&u32::from_str_radix(hex, 16).ok()?.to_ne_bytes());
    }
    Some((bytes, u16::from_str_radix(port, 16).ok()?))
}

/// `ffff...: 00000002 00000000 00010000 0001 01 17232 /run/x`; an abstract name begins with `@`.
fn unix(line: &str) -> Option<(u64, Socket)> {
    let mut words = line.split_ascii_whitespace();
    let kind = i64::from_str_radix(words.nth(4)?, 16).ok()?;
    let inode = words.nth(1)?.parse().ok()?;
    let path = words.next().unwrap_or_default();
    let path = path.strip_prefix('@').unwrap_or(path);
    let mut path = path.as_bytes().to_vec();
    path.push(0);
    Some((inode, Socket::Unix { kind, path }))
}

/// `sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode`
fn netlink(line: &str) -> Option<(u64, Socket)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let protocol = words.get(1)?.parse().ok()?;
    Some((words.get(9)?.parse().ok()?, Socket::Netlink { protocol }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_each_table() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  \
                    0        0 31337 1 0";
        let local = ([127, 0, 0, 1], 8080);
        let remote = ([0; 4], 0);
        let socket = Socket::V4 { kind: 1, protocol: 6, local, remote };
        assert_eq!(inet(line, 1, 6), Some((31337, socket)));
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 17232 @abstract";
        let path = b"abstract\0".to_vec();
        assert_eq!(unix(line), Some((17232, Socket::Unix { kind: 1, path })));
        let line = "0000000000000000 15  1 00000001 0 0 0 2 0 8123";
        assert_eq!(netlink(line), Some((8123, Socket::Netlink { protocol: 15 })));
        assert_eq!(inet("", 1, 6), None);
    }
}
