//! The machine's network interfaces, to complete addresses that an event left open.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::fd::{Fd, FdKind};

/// Addresses of the interfaces.
#[derive(Debug, Clone, Default)]
pub struct Interfaces {
    /// Address and netmask.
    pub v4: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// Address.
    pub v6: Vec<Ipv6Addr>,
}

impl Interfaces {
    /// The own address that talks to `peer`: the peer itself if it is ours, else the one in its
    /// network, else the first that is not the loopback, else none (all zeroes).
    fn infer_v4(&self, peer: Ipv4Addr) -> Ipv4Addr {
        let own = |f: &dyn Fn(&(Ipv4Addr, Ipv4Addr)) -> bool| {
            self.v4.iter().find(|entry| f(entry)).map(|entry| entry.0)
        };
        own(&|(address, _)| *address == peer)
            .or_else(|| own(&|(address, mask)| address & mask == peer & mask))
            .or_else(|| own(&|(address, _)| *address != Ipv4Addr::LOCALHOST))
            .unwrap_or(Ipv4Addr::UNSPECIFIED)
    }

    /// As [`Self::infer_v4`], with the upper half of the address as its network.
    fn infer_v6(&self, peer: Ipv6Addr) -> Ipv6Addr {
        let half = |ip: &Ipv6Addr| ip.to_bits() >> 64;
        let own = |f: &dyn Fn(&&Ipv6Addr) -> bool| self.v6.iter().find(|ip| f(ip)).copied();
        own(&|ip| **ip == peer)
            .or_else(|| own(&|ip| half(ip) == half(&peer)))
            .or_else(|| own(&|ip| **ip != Ipv6Addr::LOCALHOST))
            .unwrap_or(Ipv6Addr::UNSPECIFIED)
    }

    /// Fills in the missing side of a connected socket's addresses.
    pub fn complete(&self, fd: &mut Fd) {
        let s = fd.socket();
        match fd.kind {
            FdKind::Ipv4Sock => {
                let (source, dest) = (s.v4_source(), s.v4_dest());
                let same_port = s.v4_source_port() == s.v4_dest_port();
                if source.is_unspecified() {
                    let new = self.infer_v4(dest);
                    if new != dest || !same_port {
                        fd.socket_mut().set_v4_source(new);
                    }
                } else if dest.is_unspecified() {
                    let new = self.infer_v4(source);
                    if new != source || !same_port {
                        fd.socket_mut().set_v4_dest(new);
                    }
                }
            }
            FdKind::Ipv6Sock => {
                let (source, dest) = (s.v6_source(), s.v6_dest());
                let same_port = s.v6_source_port() == s.v6_dest_port();
                if source.is_unspecified() {
                    let new = self.infer_v6(dest);
                    if new != dest || !same_port {
                        fd.socket_mut().set_v6_source(new);
                    }
                } else if dest.is_unspecified() {
                    let new = self.infer_v6(source);
                    if new != source || !same_port {
                        fd.socket_mut().set_v6_dest(new);
                    }
                }
            }
            _ => {}
        }
    }
}
