//! bpf/syscalls/socket.bpf.h

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;

use libc::*;

use crate::tracer::{BAD, Dir, addr, close, tracer};

/// A family, then address and port of each side.
pub fn tuple4(source: (Ipv4Addr, u16), dest: (Ipv4Addr, u16)) -> Vec<u8> {
    let mut tuple = vec![AF_INET as u8];
    for (ip, port) in [source, dest] {
        tuple.extend_from_slice(&ip.octets());
        tuple.extend_from_slice(&port.to_le_bytes());
    }
    tuple
}

/// As [`tuple4`] of IPv6.
pub fn tuple6(source: (Ipv6Addr, u16), dest: (Ipv6Addr, u16)) -> Vec<u8> {
    let mut tuple = vec![AF_INET6 as u8];
    for (ip, port) in [source, dest] {
        tuple.extend_from_slice(&ip.octets());
        tuple.extend_from_slice(&port.to_le_bytes());
    }
    tuple
}

/// What the kernel takes for an IPv4 address.
pub fn sockaddr4(ip: Ipv4Addr, port: u16) -> [u8; 16] {
    let mut bytes = [0u8; 16];
    bytes[0] = AF_INET as u8;
    bytes[2..4].copy_from_slice(&port.to_be_bytes());
    bytes[4..8].copy_from_slice(&ip.octets());
    bytes
}

fn sockaddr6(ip: Ipv6Addr, port: u16) -> [u8; 28] {
    let mut bytes = [0u8; 28];
    bytes[0] = AF_INET6 as u8;
    bytes[2..4].copy_from_slice(&port.to_be_bytes());
    bytes[8..24].copy_from_slice(&ip.octets());
    bytes
}

/// What the kernel takes for a unix address, `@` for an abstract one.
pub fn sockaddr_unix(path: &str) -> Vec<u8> {
    let mut bytes = vec![AF_UNIX as u8, 0];
    bytes.extend(path.bytes().map(|b| if b == b'@' { 0 } else { b }));
    bytes.push(0);
    bytes
}

fn param4(ip: Ipv4Addr, port: u16) -> Vec<u8> {
    [&[AF_INET as u8][..], &ip.octets(), &port.to_le_bytes()].concat()
}

fn param_unix(path: &str) -> Vec<u8> {
    [&[AF_UNIX as u8][..], path.as_bytes(), b"\0"].concat()
}

/// A new socket, closed when dropped.
pub fn socket_of(family: i32, kind: i32) -> OwnedFd {
    // SAFETY: no pointers; the descriptor is new and nobody else's.
    unsafe {
        let fd = libc::socket(family, kind, 0);
        assert!(fd >= 0);
        OwnedFd::from_raw_fd(fd)
    }
}

const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[test]
fn socket_() {
    let Some(mut t) = tracer() else { return };
    let kind = i64::from(SOCK_DGRAM | SOCK_CLOEXEC);
    let event = t.ok(SYS_socket, &[i64::from(AF_INET6), kind, 17]);
    event.has(&[("domain", 10), ("type", kind), ("proto", 17), ("flags", 0x1000)]);
    close(event.ret);
    t.fails(SYS_socket, &[99, 1, 2], EAFNOSUPPORT).has(&[
        ("domain", 0),
        ("type", 1),
        ("proto", 2),
        ("flags", 0),
    ]);
}

#[test]
fn socketpair_() {
    let Some(mut t) = tracer() else { return };
    let mut ends = [0i32; 2];
    let event = t.ok(SYS_socketpair, &[1, 1, 0, addr(&mut ends)]);
    let [one, two] = ends.map(i64::from);
    event.has(&[("fd1", one), ("fd2", two), ("domain", 1), ("type", 1), ("proto", 0)]);
    let (source, peer) = (event.int("source"), event.int("peer"));
    assert!(source != 0 && peer != 0 && source != peer);
    close(one);
    close(two);
    t.fails(SYS_socketpair, &[1, 1, 0, BAD], EFAULT).has(&[
        ("fd1", -1),
        ("fd2", -1),
        ("source", 0),
        ("peer", 0),
    ]);
}

#[test]
fn bind_() {
    let Some(mut t) = tracer() else { return };
    let socket = socket_of(AF_INET, SOCK_STREAM);
    let fd = i64::from(socket.as_raw_fd());
    let mut address = sockaddr4(HOME, 0);
    t.ok(SYS_bind, &[fd, addr(&mut address), 16]).is("addr", &param4(HOME, 0)).has(&[("fd", fd)]);
    let mut address = sockaddr4(Ipv4Addr::new(127, 0, 0, 1), 0x1234);
    t.fails(SYS_bind, &[-1, addr(&mut address), 16], EBADF)
        .is("addr", &param4(HOME, 0x1234))
        .has(&[("fd", -1)]);
    let mut address = sockaddr6(Ipv6Addr::LOCALHOST, 443);
    let expected =
        [&[AF_INET6 as u8][..], &Ipv6Addr::LOCALHOST.octets(), &443u16.to_le_bytes()].concat();
    t.fails(SYS_bind, &[-1, addr(&mut address), 28], EBADF).is("addr", &expected);
    let dir = Dir::new();
    let path = dir.path("socket");
    let local = socket_of(AF_UNIX, SOCK_STREAM);
    let mut address = sockaddr_unix(&path);
    let bytes = address.len() as i64;
    t.ok(SYS_bind, &[i64::from(local.as_raw_fd()), addr(address.as_mut_slice()), bytes])
        .is("addr", &param_unix(&path));
    let mut address = sockaddr_unix("@abstract");
    t.fails(SYS_bind, &[-1, addr(address.as_mut_slice()), 12], EBADF)
        .is("addr", &param_unix("abstract"));
    t.fails(SYS_bind, &[fd, BAD, 16], EFAULT).is("addr", b"");
}

#[test]
fn connect_inet() {
    let Some(mut t) = tracer() else { return };
    let listener = TcpListener::bind((HOME, 0)).expect("listen");
    let port = listener.local_addr().expect("bound").port();
    let socket = socket_of(AF_INET, SOCK_STREAM);
    let fd = i64::from(socket.as_raw_fd());
    let mut address = sockaddr4(HOME, port);
    let event = t.ok(SYS_connect, &[fd, addr(&mut address), 16]);
    let stream = TcpStream::from(socket);
    let own = stream.local_addr().expect("connected").port();
    event
        .is("tuple", &tuple4((HOME, own), (HOME, port)))
        .is("addr", &param4(HOME, port))
        .has(&[("fd", fd)]);
    t.fails(SYS_connect, &[-1, addr(&mut address), 16], EBADF)
        .is("tuple", b"")
        .is("addr", &param4(HOME, port))
        .has(&[("fd", -1)]);
}

#[test]
fn connect_inet6_and_udp() {
    let Some(mut t) = tracer() else { return };
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        eprintln!("skipped: no IPv6 here");
        return;
    };
    let port = listener.local_addr().expect("bound").port();
    let socket = socket_of(AF_INET6, SOCK_STREAM);
    let mut address = sockaddr6(Ipv6Addr::LOCALHOST, port);
    let event = t.ok(SYS_connect, &[i64::from(socket.as_raw_fd()), addr(&mut address), 28]);
    let own = TcpStream::from(socket).local_addr().expect("connected").port();
    let home = Ipv6Addr::LOCALHOST;
    event.is("tuple", &tuple6((home, own), (home, port)));
    let socket = socket_of(AF_INET, SOCK_DGRAM);
    let mut address = sockaddr4(HOME, 9);
    let event = t.ok(SYS_connect, &[i64::from(socket.as_raw_fd()), addr(&mut address), 16]);
    let own = UdpSocket::from(socket).local_addr().expect("bound").port();
    event.is("tuple", &tuple4((HOME, own), (HOME, 9)));
}

/// A family, two kernel pointers, the path.
fn check_unix_tuple(tuple: &[u8], path: &str) {
    assert_eq!(tuple[0], AF_UNIX as u8);
    assert_ne!(tuple[1..9], [0; 8], "destination");
    assert_ne!(tuple[9..17], [0; 8], "source");
    assert_eq!(&tuple[17..], [path.as_bytes(), b"\0"].concat());
}

#[test]
fn connect_and_accept_unix() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let path = dir.path("server");
    let listener = UnixListener::bind(&path).expect("listen");
    let socket = socket_of(AF_UNIX, SOCK_STREAM);
    let mut address = sockaddr_unix(&path);
    let bytes = address.len() as i64;
    let event =
        t.ok(SYS_connect, &[i64::from(socket.as_raw_fd()), addr(address.as_mut_slice()), bytes]);
    event.is("addr", &param_unix(&path));
    check_unix_tuple(event.bytes("tuple"), &path);
    let event = t.ok(SYS_accept, &[i64::from(listener.as_raw_fd()), 0, 0]);
    check_unix_tuple(event.bytes("tuple"), &path);
    close(event.ret);
}

#[test]
fn listen_and_accept() {
    let Some(mut t) = tracer() else { return };
    let listener = TcpListener::bind((HOME, 0)).expect("listen");
    let port = listener.local_addr().expect("bound").port();
    let fd = i64::from(listener.as_raw_fd());
    t.ok(SYS_listen, &[fd, 4]).has(&[("fd", fd), ("backlog", 4)]);
    t.fails(SYS_listen, &[-1, 5], EBADF).has(&[("fd", -1), ("backlog", 5)]);
    let clients: Vec<TcpStream> =
        (0..3).map(|_| TcpStream::connect((HOME, port)).expect("connect")).collect();
    let ports: Vec<u16> =
        clients.iter().map(|c| c.local_addr().expect("connected").port()).collect();
    let event = t.ok(SYS_accept, &[fd, 0, 0]);
    event.is("tuple", &tuple4((HOME, ports[0]), (HOME, port))).has(&[
        ("queuelen", 2),
        ("queuemax", 4),
        ("queuepct", 50),
    ]);
    close(event.ret);
    let event = t.ok(SYS_accept4, &[fd, 0, 0, i64::from(SOCK_CLOEXEC | SOCK_NONBLOCK)]);
    event.is("tuple", &tuple4((HOME, ports[1]), (HOME, port))).has(&[
        ("queuelen", 1),
        ("queuepct", 25),
        ("flags", 0x1040),
    ]);
    close(event.ret);
    t.fails(SYS_accept, &[-1, 0, 0], EBADF).is("tuple", b"").has(&[
        ("queuelen", 0),
        ("queuemax", 0),
        ("queuepct", 0),
    ]);
    t.fails(SYS_accept4, &[-1, 0, 0, 0], EBADF)
        .is("tuple", b"")
        .has(&[("queuemax", 0), ("flags", 0)]);
}

#[test]
fn shutdown_() {
    let Some(mut t) = tracer() else { return };
    let mut ends = [0i32; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { socketpair(AF_UNIX, SOCK_STREAM, 0, ends.as_mut_ptr()) }, 0);
    let fd = i64::from(ends[0]);
    t.ok(SYS_shutdown, &[fd, 1]).has(&[("fd", fd), ("how", 1)]);
    t.fails(SYS_shutdown, &[fd, 9], EINVAL).has(&[("fd", fd), ("how", 0xff)]);
    ends.into_iter().for_each(|fd| close(i64::from(fd)));
}

#[test]
fn names_have_no_parameters() {
    let Some(mut t) = tracer() else { return };
    let socket = socket_of(AF_INET, SOCK_DGRAM);
    let (mut address, mut bytes) = ([0u8; 16], 16u32);
    let event = t.call(
        SYS_getsockname,
        &[i64::from(socket.as_raw_fd()), addr(&mut address), addr(&mut bytes)],
    );
    assert_eq!((event.ret, event.record().header().len), (0, 24));
    let event = t.call(SYS_getpeername, &[-1, 0, 0]);
    assert_eq!((event.ret, event.record().header().len), (-i64::from(EBADF), 24));
}

#[test]
fn socket_options() {
    let Some(mut t) = tracer() else { return };
    let socket = socket_of(AF_INET, SOCK_STREAM);
    let fd = i64::from(socket.as_raw_fd());
    let option = |level: i32, name: i32| (i64::from(level), i64::from(name));
    let (level, name) = option(SOL_SOCKET, SO_REUSEADDR);
    let mut one = 1u32;
    t.ok(SYS_setsockopt, &[fd, level, name, addr(&mut one), 4]).is("val", &[2, 1, 0, 0, 0]).has(&[
        ("fd", fd),
        ("level", 1),
        ("optname", 2),
        ("optlen", 4),
    ]);
    t.fails(SYS_setsockopt, &[-1, level, name, addr(&mut one), 4], EBADF)
        .is("val", &[2, 1, 0, 0, 0])
        .has(&[("fd", -1)]);
    let mut time = [2i64, 5];
    let expected = [&[4u8][..], &2_000_005_000u64.to_le_bytes()].concat();
    t.ok(SYS_setsockopt, &[fd, level, i64::from(SO_RCVTIMEO), addr(&mut time), 16])
        .is("val", &expected)
        .has(&[("optname", 0x14), ("optlen", 16)]);
    // Another level: raw bytes.
    let (tcp, nodelay) = option(IPPROTO_TCP, TCP_NODELAY);
    t.ok(SYS_setsockopt, &[fd, tcp, nodelay, addr(&mut one), 4])
        .is("val", &[0, 1, 0, 0, 0])
        .has(&[("level", 2), ("optname", 0), ("optlen", 4)]);
    // SO_LINGER is a structure: raw bytes too.
    let mut linger = [1u32, 3];
    t.ok(SYS_setsockopt, &[fd, level, i64::from(SO_LINGER), addr(&mut linger), 8])
        .is("val", &[0, 1, 0, 0, 0, 3, 0, 0, 0])
        .has(&[("optname", 0xd)]);
    let (mut value, mut bytes) = (0u32, 4u32);
    t.ok(SYS_getsockopt, &[fd, level, i64::from(SO_TYPE), addr(&mut value), addr(&mut bytes)])
        .is("val", &[2, 1, 0, 0, 0])
        .has(&[("fd", fd), ("level", 1), ("optname", 3), ("optlen", 4)]);
    let expected = [1, 0, 0, 0, 0, 0, 0, 0, 0];
    t.ok(SYS_getsockopt, &[fd, level, i64::from(SO_ERROR), addr(&mut value), addr(&mut bytes)])
        .is("val", &expected);
    let (mut cookie, mut bytes) = (0u64, 8u32);
    let event = t.ok(
        SYS_getsockopt,
        &[fd, level, i64::from(SO_COOKIE), addr(&mut cookie), addr(&mut bytes)],
    );
    event
        .is("val", &[&[3u8][..], &cookie.to_le_bytes()].concat())
        .has(&[("optname", 0x35), ("optlen", 8)]);
    t.fails(
        SYS_getsockopt,
        &[-1, level, i64::from(SO_TYPE), addr(&mut value), addr(&mut bytes)],
        EBADF,
    )
    .has(&[("fd", -1), ("optlen", 8)]);
}
