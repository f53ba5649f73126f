//! bpf/syscalls/socket_io.bpf.h

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

use libc::*;

use crate::socket::{sockaddr4, tuple4};
use crate::tracer::{BAD, addr, close, tracer};

const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Two UDP sockets and their ports; the first sends to the second.
fn udp() -> (UdpSocket, u16, UdpSocket, u16) {
    let one = UdpSocket::bind((HOME, 0)).expect("bind");
    let two = UdpSocket::bind((HOME, 0)).expect("bind");
    let ports = [&one, &two].map(|s| s.local_addr().expect("bound").port());
    (one, ports[0], two, ports[1])
}

/// A struct msghdr: address, buffers, control data.
fn message(name: i64, iov: i64, count: i64, control: i64, control_bytes: i64) -> [i64; 7] {
    [name, if name == 0 { 0 } else { 16 }, iov, count, control, control_bytes, 0]
}

#[test]
fn sendto_and_recvfrom() {
    let Some(mut t) = tracer() else { return };
    let (one, port1, two, port2) = udp();
    let (fd1, fd2) = (i64::from(one.as_raw_fd()), i64::from(two.as_raw_fd()));
    let mut data = *b"datagram";
    let mut to = sockaddr4(HOME, port2);
    let tuple = tuple4((HOME, port1), (HOME, port2));
    t.ok(SYS_sendto, &[fd1, addr(&mut data), 8, 0, addr(&mut to), 16])
        .is("data", b"datagram")
        .is("tuple", &tuple)
        .has(&[("fd", fd1), ("size", 8)]);
    t.fails(SYS_sendto, &[-1, addr(&mut data), 4, 0, addr(&mut to), 16], EBADF)
        .is("data", b"data")
        .is("tuple", b"")
        .has(&[("fd", -1), ("size", 4)]);
    let (mut buffer, mut from, mut bytes) = ([0u8; 64], [0u8; 16], 16u32);
    let args =
        [fd2, addr(&mut buffer), 64, i64::from(MSG_DONTWAIT), addr(&mut from), addr(&mut bytes)];
    t.ok(SYS_recvfrom, &args)
        .is("data", b"datagram")
        .is("tuple", &tuple)
        .has(&[("fd", fd2), ("size", 64)]);
    t.fails(SYS_recvfrom, &args, EAGAIN)
        .is("data", b"")
        .is("tuple", b"")
        .has(&[("fd", fd2), ("size", 64)]);
}

#[test]
fn sendmsg_and_recvmsg() {
    let Some(mut t) = tracer() else { return };
    let (one, port1, two, port2) = udp();
    let (fd1, fd2) = (i64::from(one.as_raw_fd()), i64::from(two.as_raw_fd()));
    let (mut a, mut b) = (*b"first-", *b"second");
    let mut iov = [[addr(&mut a), 6], [addr(&mut b), 6]];
    let iov = addr(&mut iov);
    let mut to = sockaddr4(HOME, port2);
    let mut out = message(addr(&mut to), iov, 2, 0, 0);
    let tuple = tuple4((HOME, port1), (HOME, port2));
    t.ok(SYS_sendmsg, &[fd1, addr(&mut out), 0])
        .is("data", b"first-second")
        .is("tuple", &tuple)
        .has(&[("res", 12), ("fd", fd1), ("size", 12)]);
    t.fails(SYS_sendmsg, &[-1, addr(&mut out), 0], EBADF)
        .is("data", b"first-second")
        .is("tuple", b"")
        .has(&[("fd", -1), ("size", 12)]);
    t.fails(SYS_sendmsg, &[fd1, BAD, 0], EFAULT)
        .is("data", b"")
        .is("tuple", b"")
        .has(&[("size", 0)]);
    let mut from = [0u8; 16];
    let mut into = message(addr(&mut from), iov, 2, 0, 0);
    let wait = i64::from(MSG_DONTWAIT);
    t.ok(SYS_recvmsg, &[fd2, addr(&mut into), wait])
        .is("data", b"first-second")
        .is("tuple", &tuple)
        .is("msgcontrol", b"")
        .has(&[("fd", fd2), ("size", 12)]);
    t.fails(SYS_recvmsg, &[fd2, addr(&mut into), wait], EAGAIN)
        .is("data", b"")
        .is("tuple", b"")
        .has(&[("size", 0)]);
}

/// Descriptors that are passed arrive as control data.
#[test]
fn passed_descriptors() {
    let Some(mut t) = tracer() else { return };
    let mut ends = [0i32; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { socketpair(AF_UNIX, SOCK_DGRAM, 0, ends.as_mut_ptr()) }, 0);
    let mut byte = *b"x";
    let mut iov = [[addr(&mut byte), 1]];
    let mut control = [0u8; 24];
    control[..8].copy_from_slice(&20u64.to_ne_bytes());
    control[8..12].copy_from_slice(&SOL_SOCKET.to_ne_bytes());
    control[12..16].copy_from_slice(&SCM_RIGHTS.to_ne_bytes());
    control[16..20].copy_from_slice(&2i32.to_ne_bytes());
    let mut out = message(0, addr(&mut iov), 1, addr(&mut control), 24);
    let sent = t.ok(SYS_sendmsg, &[i64::from(ends[0]), addr(&mut out), 0]);
    sent.is("data", b"x");
    let mut arrived = [0u8; 64];
    let mut into = message(0, addr(&mut iov), 1, addr(&mut arrived), 64);
    let event = t.ok(SYS_recvmsg, &[i64::from(ends[1]), addr(&mut into), 0]);
    let control = event.bytes("msgcontrol");
    assert_eq!(control[..16], arrived[..16]);
    assert_eq!(control[12..16], SCM_RIGHTS.to_ne_bytes());
    let passed = i32::from_ne_bytes(*control[16..].first_chunk::<4>().expect("a descriptor"));
    assert!(passed > 2);
    [passed, ends[0], ends[1]].into_iter().for_each(|fd| close(i64::from(fd)));
}

/// A struct mmsghdr: a struct msghdr and the kernel's result.
fn messages(parts: &mut [([i64; 2], i64)]) -> Vec<[i64; 8]> {
    let header = |(iov, name): &mut ([i64; 2], i64)| {
        let m = message(*name, addr(iov), 1, 0, 0);
        [m[0], m[1], m[2], m[3], m[4], m[5], m[6], 0]
    };
    parts.iter_mut().map(header).collect()
}

#[test]
fn sendmmsg_and_recvmmsg() {
    let Some(mut t) = tracer() else { return };
    let (one, port1, two, port2) = udp();
    let (fd1, fd2) = (i64::from(one.as_raw_fd()), i64::from(two.as_raw_fd()));
    let (mut a, mut b) = (*b"one", *b"three");
    let mut to = sockaddr4(HOME, port2);
    let to = addr(&mut to);
    let mut parts = [([addr(&mut a), 3], to), ([addr(&mut b), 5], to)];
    let mut list = messages(&mut parts);
    let tuple = tuple4((HOME, port1), (HOME, port2));
    let events = t.call_many(SYS_sendmmsg, &[fd1, addr(list.as_mut_slice()), 2, 0]);
    assert_eq!((events.len(), events[0].ret), (2, 2));
    events[0].is("data", b"one").is("tuple", &tuple).has(&[("res", 3), ("fd", fd1), ("size", 3)]);
    events[1].is("data", b"three").is("tuple", &tuple).has(&[("res", 5), ("fd", fd1), ("size", 5)]);
    t.fails(SYS_sendmmsg, &[-1, addr(list.as_mut_slice()), 2, 0], EBADF)
        .is("data", b"")
        .is("tuple", b"")
        .has(&[("fd", -1), ("size", 0)]);
    let (mut from1, mut from2) = ([0u8; 16], [0u8; 16]);
    let (mut c, mut d) = ([0u8; 9], [0u8; 9]);
    let mut parts = [([addr(&mut c), 9], addr(&mut from1)), ([addr(&mut d), 9], addr(&mut from2))];
    let mut list = messages(&mut parts);
    let wait = i64::from(MSG_DONTWAIT);
    let events = t.call_many(SYS_recvmmsg, &[fd2, addr(list.as_mut_slice()), 2, wait, 0]);
    assert_eq!((events.len(), events[0].ret), (2, 2));
    events[0]
        .is("data", b"one")
        .is("tuple", &tuple)
        .is("msgcontrol", b"")
        .has(&[("res", 3), ("size", 3)]);
    events[1].is("data", b"three").is("tuple", &tuple).has(&[("res", 5), ("fd", fd2), ("size", 5)]);
    t.fails(SYS_recvmmsg, &[fd2, addr(list.as_mut_slice()), 2, wait, 0], EAGAIN)
        .is("data", b"")
        .has(&[("fd", fd2), ("size", 0)]);
}
