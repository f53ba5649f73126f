//! Sockets: their addresses, names and roles.

use std::net::{Ipv4Addr, Ipv6Addr};

use peregrine_event::{Record, arg, code};

use super::Step;
use super::files::tuple;
use crate::fd::{Fd, FdKind};
use crate::flags::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, fd as fd_flag, file};
use crate::shard::{Shard, Slot};
use crate::socket::{Address, Tuple, is_v4_mapped, l4, mapped_v4};

const EINPROGRESS: i64 = 115;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;

/// A socket as `socket` made it.
fn new_socket(domain: u32, ty: u32, protocol: u32, flags: u32) -> Fd {
    let kind = match u8::try_from(domain) {
        Ok(AF_UNIX) => FdKind::UnixSock,
        Ok(AF_INET) => FdKind::Ipv4Sock,
        Ok(AF_INET6) => FdKind::Ipv6Sock,
        Ok(AF_NETLINK) => FdKind::Netlink,
        _ => FdKind::Unknown,
    };
    let mut fd = Fd::new(kind);
    fd.open_flags = flags;
    let or_raw = |protocol| if ty == SOCK_RAW { l4::RAW } else { protocol };
    let l4_protocol = match protocol {
        6 => or_raw(l4::TCP),
        17 => or_raw(l4::UDP),
        0 => match ty & 0xff {
            SOCK_STREAM => l4::TCP,
            SOCK_DGRAM => l4::UDP,
            _ => l4::UNKNOWN,
        },
        1 => or_raw(l4::ICMP),
        255 => l4::RAW,
        _ => l4::UNKNOWN,
    };
    match kind {
        FdKind::Ipv4Sock => fd.socket_mut().set_v4_l4(l4_protocol),
        FdKind::Ipv6Sock => fd.socket_mut().set_v6_l4(l4_protocol),
        _ => {}
    }
    fd
}

/// Sets the addresses of a tuple; the destination only where it is unknown, unless
/// `with_dest`. Says whether anything changed; a tuple that is there already, in either
/// direction, changes nothing.
fn set_v4(
    fd: &mut Fd,
    (sip, sport, dip, dport): (Ipv4Addr, u16, Ipv4Addr, u16),
    with_dest: bool,
) -> bool {
    let old = fd.socket();
    if fd.kind == FdKind::Ipv4Sock {
        let source = (old.v4_source(), old.v4_source_port());
        let dest = (old.v4_dest(), old.v4_dest_port());
        let (new_source, new_dest) = ((sip, sport), (dip, dport));
        if (source, dest) == (new_source, new_dest) || (source, dest) == (new_dest, new_source) {
            return false;
        }
    }
    let s = fd.socket_mut();
    s.set_v4_source(sip);
    s.set_v4_source_port(sport);
    if old.v4_dest().is_unspecified() || with_dest {
        s.set_v4_dest(dip);
    }
    if old.v4_dest_port() == 0 || with_dest {
        s.set_v4_dest_port(dport);
    }
    *s != old
}

/// As [`set_v4`].
fn set_v6(
    fd: &mut Fd,
    (sip, sport, dip, dport): (Ipv6Addr, u16, Ipv6Addr, u16),
    with_dest: bool,
) -> bool {
    let old = fd.socket();
    if fd.kind == FdKind::Ipv6Sock {
        let source = (old.v6_source(), old.v6_source_port());
        let dest = (old.v6_dest(), old.v6_dest_port());
        let (new_source, new_dest) = ((sip, sport), (dip, dport));
        if (source, dest) == (new_source, new_dest) || (source, dest) == (new_dest, new_source) {
            return false;
        }
    }
    let s = fd.socket_mut();
    s.set_v6_source(sip);
    s.set_v6_source_port(sport);
    if old.v6_dest().is_unspecified() || with_dest {
        s.set_v6_dest(dip);
    }
    if old.v6_dest_port() == 0 || with_dest {
        s.set_v6_dest_port(dport);
    }
    *s != old
}

/// Swaps source and destination.
fn swap(fd: &mut Fd) {
    let old = fd.socket();
    let is_v4 = fd.kind == FdKind::Ipv4Sock;
    let s = fd.socket_mut();
    if is_v4 {
        s.set_v4_source(old.v4_dest());
        s.set_v4_source_port(old.v4_dest_port());
        s.set_v4_dest(old.v4_source());
        s.set_v4_dest_port(old.v4_source_port());
    } else {
        s.set_v6_source(old.v6_dest());
        s.set_v6_source_port(old.v6_dest_port());
        s.set_v6_dest(old.v6_source());
        s.set_v6_dest_port(old.v6_source_port());
    }
}

impl Shard {
    pub(super) fn socket(&mut self, step: &mut Step<'_>) {
        use arg::socket_socket_x as a;
        if step.result() < 0 || step.subject.thread.is_none() {
            return;
        }
        let fd = new_socket(
            step.uint32(a::domain),
            step.uint32(a::r#type),
            step.uint32(a::proto),
            step.uint32(a::flags),
        );
        self.open_fd(step, step.result(), fd, true);
    }

    pub(super) fn socketpair(&mut self, step: &mut Step<'_>) {
        use arg::socket_socketpair_x as a;
        if step.result() < 0 || step.subject.thread.is_none() {
            return;
        }
        let (fd1, fd2) = (step.int(a::fd1), step.int(a::fd2));
        if fd1 == fd2 {
            step.subject.has_fd = false;
            return;
        }
        let mut fd = Fd::new(FdKind::UnixSock);
        fd.socket_mut().set_unix_source(step.int(a::source) as u64);
        fd.socket_mut().set_unix_dest(step.int(a::peer) as u64);
        self.open_fd(step, fd1, fd.clone(), true);
        // The event stays one about the first; its number is the second, as in Falco.
        let subject = step.subject;
        self.open_fd(step, fd2, fd, true);
        step.subject = subject;
    }

    pub(super) fn bind(&mut self, step: &mut Step<'_>) {
        if !step.subject.has_fd || step.result() < 0 {
            return;
        }
        let Some(address) = Address::parse(step.bytes(arg::socket_bind_x::addr)) else { return };
        // The name is written before the kind of the fd changes: IPv4-mapped addresses keep
        // their IPv6 form in it.
        let name = address.text();
        if let Some(fd) = self.event_fd_mut(step) {
            match address {
                Address::V4(ip, port) if port > 0 => {
                    let protocol = fd.socket().v4_l4();
                    fd.kind = FdKind::Ipv4Server;
                    serve_v4(fd, ip, port, protocol);
                }
                Address::V6(ip, port) if port > 0 && is_v4_mapped(ip) => {
                    let protocol = fd.socket().v6_l4();
                    fd.kind = FdKind::Ipv4Server;
                    serve_v4(fd, mapped_v4(ip), port, protocol);
                }
                Address::V6(ip, port) if port > 0 => {
                    fd.kind = FdKind::Ipv6Server;
                    let s = fd.socket_mut();
                    let protocol = s.v6_l4();
                    s.set_v6_server_port(port);
                    s.set_v6_server(ip);
                    s.set_v6_server_l4(protocol);
                    fd.flags |= fd_flag::ROLE_SERVER;
                }
                _ => {}
            }
        }
        self.name_event_fd(step, &name);
    }

    pub(super) fn connect(&mut self, step: &mut Step<'_>) {
        use arg::{socket_connect_e as enter, socket_connect_x as a};
        let kept = self.kept_enter(step);
        let result = step.result();
        if !step.subject.has_fd || (result < 0 && result != -EINPROGRESS) {
            return;
        }
        if let Some(fd) = self.event_fd_mut(step) {
            fd.set_connected();
        }
        let kept = kept.as_deref().and_then(|bytes| Record::parse(bytes).ok());
        let asked = kept.as_ref().and_then(|r| r.bytes(enter::addr)).and_then(Address::parse);
        if !step.r.has(a::tuple) {
            // A merged record has the address that was asked for where there is no tuple.
            let read = Address::parse(step.bytes(a::addr));
            let Some(address) = asked.or(read) else { return };
            return self.connect_to_address(step, address);
        }
        let Some(mut tuple) = tuple(step, a::tuple) else { return };
        if let (Some(read), Some(asked)) = (Address::parse(step.bytes(a::addr)), asked) {
            tuple = trusted_destination(tuple, read, asked);
        }
        self.connect_with_tuple(step, &tuple);
    }

    /// All that is known is where to: a TCP fast open.
    fn connect_to_address(&mut self, step: &mut Step<'_>, address: Address<'_>) {
        let text = match address {
            Address::V4(..) | Address::V6(..) => None,
            // Falco prints the tuple parameter here, which has no value.
            _ => Some(&b"NULL"[..]),
        };
        if let Some(fd) = self.event_fd_mut(step) {
            match address {
                Address::V4(ip, port) => {
                    fd.kind = FdKind::Ipv4Sock;
                    fd.socket_mut().set_v4_dest(ip);
                    fd.socket_mut().set_v4_dest_port(port);
                }
                Address::V6(ip, port) if is_v4_mapped(ip) => {
                    fd.kind = FdKind::Ipv4Sock;
                    fd.socket_mut().set_v4_dest(mapped_v4(ip));
                    fd.socket_mut().set_v4_dest_port(port);
                }
                Address::V6(ip, port) => {
                    fd.kind = FdKind::Ipv6Sock;
                    fd.socket_mut().set_v6_dest_port(port);
                    fd.socket_mut().set_v6_dest(ip);
                }
                _ => {}
            }
        }
        if let Some(text) = text {
            self.name_event_fd(step, text);
        }
    }

    fn connect_with_tuple(&mut self, step: &mut Step<'_>, tuple: &Tuple<'_>) {
        let Some(fd) = self.event_fd_mut(step) else { return };
        let name = match *tuple {
            Tuple::V4(..) | Tuple::V6(..) => {
                let changed = match *tuple {
                    Tuple::V6(sip, sport, dip, dport)
                        if !is_v4_mapped(sip) || !is_v4_mapped(dip) =>
                    {
                        fd.kind = FdKind::Ipv6Sock;
                        set_v6(fd, (sip, sport, dip, dport), true)
                    }
                    Tuple::V6(sip, sport, dip, dport) => {
                        fd.kind = FdKind::Ipv4Sock;
                        set_v4(fd, (mapped_v4(sip), sport, mapped_v4(dip), dport), true)
                    }
                    Tuple::V4(sip, sport, dip, dport) => {
                        fd.kind = FdKind::Ipv4Sock;
                        set_v4(fd, (sip, sport, dip, dport), true)
                    }
                    _ => false,
                };
                if changed && fd.is_role_server() && fd.is_udp_socket() {
                    swap(fd);
                }
                fd.tuple_text()
            }
            Tuple::Unix(source, dest, _) => {
                if fd.kind != FdKind::UnixSock {
                    return;
                }
                fd.socket_mut().set_unix_source(source);
                fd.socket_mut().set_unix_dest(dest);
                tuple.text()
            }
            Tuple::Other(_) => return,
        };
        if fd.is_role_none() {
            fd.flags |= fd_flag::ROLE_CLIENT;
        }
        self.name_event_fd(step, &name);
    }

    pub(super) fn accept(&mut self, step: &mut Step<'_>) {
        use arg::socket_accept4_6_x as a;
        let Some(slot) = step.subject.thread else { return };
        let number = step.result();
        if number < 0 {
            return;
        }
        self.thread_mut(slot).last_event_fd = number;
        let Some(tuple) = tuple(step, a::tuple) else { return };
        // The name is that of an fd whose role is not known yet.
        let mut fd = Fd::default();
        match tuple {
            Tuple::V4(sip, sport, dip, dport) => {
                set_v4(&mut fd, (sip, sport, dip, dport), false);
                fd.kind = FdKind::Ipv4Sock;
                fd.socket_mut().set_v4_l4(l4::TCP);
            }
            Tuple::V6(sip, sport, dip, dport) if is_v4_mapped(sip) && is_v4_mapped(dip) => {
                set_v4(&mut fd, (mapped_v4(sip), sport, mapped_v4(dip), dport), false);
                fd.kind = FdKind::Ipv4Sock;
                fd.socket_mut().set_v4_l4(l4::TCP);
            }
            Tuple::V6(sip, sport, dip, dport) => {
                set_v6(&mut fd, (sip, sport, dip, dport), false);
                fd.kind = FdKind::Ipv6Sock;
                fd.socket_mut().set_v6_l4(l4::TCP);
            }
            Tuple::Unix(source, dest, _) => {
                fd.kind = FdKind::UnixSock;
                fd.socket_mut().set_unix_source(source);
                fd.socket_mut().set_unix_dest(dest);
            }
            Tuple::Other(_) => return,
        }
        fd.set_name(&tuple.text());
        if step.code == code::SOCKET_ACCEPT4_6_X {
            fd.open_flags = step.uint32(a::flags) & file::CLOEXEC;
        }
        fd.flags |= fd_flag::ROLE_SERVER;
        fd.set_connected();
        self.open_fd(step, number, fd, true);
    }

    pub(super) fn read(&mut self, step: &mut Step<'_>) {
        if step.code == code::SOCKET_RECVMMSG_X && !step.r.has(0) {
            return;
        }
        if !step.subject.has_fd || step.result() < 0 {
            return;
        }
        self.mark_connected(step);
        let at = match step.code {
            code::SOCKET_RECVFROM_X => arg::socket_recvfrom_x::tuple,
            code::SOCKET_RECVMSG_X => arg::socket_recvmsg_x::tuple,
            code::SOCKET_RECVMMSG_X => arg::socket_recvmmsg_x::tuple,
            code::SOCKET_RECV_X => arg::socket_recv_x::tuple,
            _ => return,
        };
        self.learn_tuple(step, at, true);
        let control = match step.code {
            code::SOCKET_RECVMSG_X => arg::socket_recvmsg_x::msgcontrol,
            code::SOCKET_RECVMMSG_X => arg::socket_recvmmsg_x::msgcontrol,
            _ => return,
        };
        if self.event_fd(step).is_some_and(|fd| fd.kind == FdKind::UnixSock) {
            self.receive_fds(step, control);
        }
    }

    pub(super) fn write(&mut self, step: &mut Step<'_>) {
        if step.code == code::SOCKET_SENDMMSG_X && !step.r.has(0) {
            return;
        }
        let is_send = matches!(
            step.code,
            code::SOCKET_SEND_X
                | code::SOCKET_SENDTO_X
                | code::SOCKET_SENDMSG_X
                | code::SOCKET_SENDMMSG_X
        );
        if is_send && step.code != code::SOCKET_SENDMMSG_X && !step.subject.has_fd {
            self.infer_socket(step);
        }
        if !step.subject.has_fd || step.result() < 0 {
            return;
        }
        self.mark_connected(step);
        if is_send {
            // All four agree on the place of the tuple.
            self.learn_tuple(step, arg::socket_sendto_x::tuple, false);
        }
    }

    fn mark_connected(&mut self, step: &Step<'_>) {
        let is_inet =
            |fd: &Fd| matches!(fd.kind, FdKind::Ipv4Sock | FdKind::Ipv6Sock) && !fd.is_connected();
        if self.event_fd(step).is_some_and(is_inet)
            && let Some(fd) = self.event_fd_mut(step)
        {
            fd.set_connected();
        }
    }

    /// The call that made the socket was missed: a datagram socket is the best guess.
    fn infer_socket(&mut self, step: &mut Step<'_>) {
        use arg::socket_sendto_x as a;
        if step.subject.thread.is_none() || step.result() < 0 {
            return;
        }
        let Some(family @ (AF_INET | AF_INET6)) = step.bytes(a::tuple).first().copied() else {
            return;
        };
        let fd = new_socket(u32::from(family), SOCK_DGRAM, 17, 0);
        self.open_fd(step, step.int(a::fd), fd, true);
    }

    /// A datagram tells the addresses of its socket, or a stream whose `connect` was missed.
    fn learn_tuple(&mut self, step: &mut Step<'_>, index: usize, is_incoming: bool) {
        let Some(slot) = step.subject.thread else { return };
        let wants = |fd: &Fd| fd.name().is_empty() || !fd.is_tcp_socket();
        if !self.event_fd(step).is_some_and(wants) {
            return;
        }
        let Some(tuple) = tuple(step, index) else { return };
        if !self.update_addresses(step, &tuple) {
            return;
        }
        let Some(fd) = self.event_fd(step) else { return };
        if !matches!(fd.kind, FdKind::Ipv4Sock | FdKind::Ipv6Sock) {
            let name = tuple.text();
            return self.name_event_fd(step, &name);
        }
        let role = if fd.is_role_none() { self.guess_role(slot, fd, is_incoming) } else { 0 };
        let Some(fd) = self.event_fd_mut(step) else { return };
        fd.flags |= role;
        if if is_incoming { fd.is_role_client() } else { fd.is_role_server() } {
            swap(fd);
        }
        let name = fd.tuple_text();
        self.name_event_fd(step, &name);
    }

    /// Says whether the addresses changed.
    fn update_addresses(&mut self, step: &mut Step<'_>, tuple: &Tuple<'_>) -> bool {
        let mut interfaces = std::mem::take(&mut self.interfaces);
        let mut changed = false;
        if let Some(fd) = self.event_fd_mut(step) {
            changed = match *tuple {
                Tuple::V4(sip, sport, dip, dport) => {
                    if fd.kind == FdKind::Ipv4Server {
                        let protocol = fd.socket().v4_server_l4();
                        fd.socket_mut().set_v4_l4(protocol);
                    }
                    fd.kind = FdKind::Ipv4Sock;
                    set_v4(fd, (sip, sport, dip, dport), false)
                }
                Tuple::V6(sip, sport, dip, dport) if is_v4_mapped(sip) && is_v4_mapped(dip) => {
                    fd.kind = FdKind::Ipv4Sock;
                    set_v4(fd, (mapped_v4(sip), sport, mapped_v4(dip), dport), false)
                }
                Tuple::V6(sip, sport, dip, dport) => set_v6(fd, (sip, sport, dip, dport), false),
                Tuple::Unix(source, dest, _) => {
                    fd.kind = FdKind::UnixSock;
                    fd.socket_mut().set_unix_source(source);
                    fd.socket_mut().set_unix_dest(dest);
                    true
                }
                Tuple::Other(_) => true,
            };
            if changed && !matches!(tuple, Tuple::Unix(..)) {
                match fd.kind {
                    FdKind::Ipv4Sock if fd.socket().v4_l4() == l4::UNKNOWN => {
                        fd.socket_mut().set_v4_l4(l4::UDP);
                    }
                    FdKind::Ipv6Sock if fd.socket().v6_l4() == l4::UNKNOWN => {
                        fd.socket_mut().set_v6_l4(l4::UDP);
                    }
                    _ => {}
                }
                interfaces.complete(fd);
            }
        }
        std::mem::swap(&mut self.interfaces, &mut interfaces);
        changed
    }

    /// Who owns the destination port serves.
    fn guess_role(&self, slot: Slot, fd: &Fd, is_incoming: bool) -> u32 {
        let s = fd.socket();
        let (source, dest) = (s.v4_source_port(), s.v4_dest_port());
        let fds = self.fd_table(slot);
        let any = |f: &dyn Fn(&Fd) -> bool| fds.is_some_and(|t| t.iter().any(|(_, fd)| f(fd)));
        let is_bound = any(&|fd| match fd.kind {
            FdKind::Ipv4Sock => fd.socket().v4_dest_port() == dest,
            FdKind::Ipv4Server => fd.socket().v4_server_port() == dest,
            _ => false,
        });
        if !is_bound {
            return fd_flag::ROLE_CLIENT;
        }
        let is_used =
            any(&|fd| fd.kind == FdKind::Ipv4Sock && fd.socket().v4_source_port() == source);
        if !is_used || is_incoming { fd_flag::ROLE_SERVER } else { fd_flag::ROLE_CLIENT }
    }

    /// Fds that came with a message. What they refer to is known to the resolver only.
    fn receive_fds(&mut self, step: &mut Step<'_>, index: usize) {
        const MOST: usize = 253;
        let Some(slot) = step.subject.thread else { return };
        let mut rest = step.bytes(index);
        while let Some((message, after)) = next_control(rest) {
            rest = after;
            let Some(fds) = message else { continue };
            if fds.len() % 4 != 0 || fds.len() / 4 > MOST {
                break;
            }
            for fd in fds.chunks_exact(4) {
                let number = i64::from(i32::from_le_bytes([fd[0], fd[1], fd[2], fd[3]]));
                self.resolve_fd(slot, number);
            }
        }
    }
}

/// Splits off one control message: its fds if it passes rights, and what comes after. `None` at
/// the end and where the bytes make no sense.
fn next_control(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    const HEADER: usize = 16;
    const SCM_RIGHTS: i32 = 1;
    let header = bytes.first_chunk::<HEADER>()?;
    let len = u64::from_le_bytes(*header.first_chunk::<8>()?);
    let len = usize::try_from(len).ok().filter(|len| *len >= HEADER)?;
    let ty = i32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    let body = bytes.get(HEADER..len)?;
    let after = bytes.get(len.checked_next_multiple_of(8)?..).unwrap_or_default();
    Some(((ty == SCM_RIGHTS).then_some(body), after))
}

fn serve_v4(fd: &mut Fd, ip: Ipv4Addr, port: u16, protocol: u8) {
    let s = fd.socket_mut();
    s.set_v4_server(ip);
    s.set_v4_server_port(port);
    s.set_v4_server_l4(protocol);
    fd.flags |= fd_flag::ROLE_SERVER;
}

/// The destination that the kernel used. Where the tuple has what the exit event read again from
/// user memory, that came too late and what was asked for at entry counts; else it is the kernel's
/// own.
fn trusted_destination<'a>(tuple: Tuple<'a>, read: Address<'a>, asked: Address<'a>) -> Tuple<'a> {
    match (tuple, read, asked) {
        (Tuple::V4(sip, sport, dip, dport), Address::V4(rip, rport), Address::V4(ip, port))
            if (dip, dport) == (rip, rport) =>
        {
            Tuple::V4(sip, sport, ip, port)
        }
        (Tuple::V6(sip, sport, dip, dport), Address::V6(rip, rport), Address::V6(ip, port))
            if (dip, dport) == (rip, rport) =>
        {
            Tuple::V6(sip, sport, ip, port)
        }
        (Tuple::Unix(source, dest, path), Address::Unix(rpath), Address::Unix(asked))
            if path == rpath =>
        {
            Tuple::Unix(source, dest, asked)
        }
        _ => tuple,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_messages_are_walked_and_lies_refused() {
        let mut bytes = Vec::new();
        for (ty, body) in [(2i32, &[9u8; 12][..]), (1, &[5, 0, 0, 0, 6, 0, 0, 0][..])] {
            bytes.extend_from_slice(&(16 + body.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&1i32.to_le_bytes());
            bytes.extend_from_slice(&ty.to_le_bytes());
            bytes.extend_from_slice(body);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        let (first, rest) = next_control(&bytes).unwrap();
        assert!(first.is_none());
        let (second, rest) = next_control(rest).unwrap();
        assert_eq!(second.unwrap(), [5, 0, 0, 0, 6, 0, 0, 0]);
        assert!(next_control(rest).is_none());
        bytes[0] = 0xff;
        bytes[7] = 0xff;
        assert!(next_control(&bytes).is_none());
    }
}
