//! bpf/syscalls/fd_create.bpf.h

use libc::*;

use crate::tracer::{BAD, Event, addr, close, tracer};

const CLOEXEC: i64 = O_CLOEXEC as i64;
const NONBLOCK: i64 = O_NONBLOCK as i64;

fn ino(fd: i64) -> i64 {
    let meta = std::fs::metadata(format!("/proc/self/fd/{fd}")).expect("an open descriptor");
    std::os::unix::fs::MetadataExt::ino(&meta) as i64
}

fn check_pipe(event: &Event, ends: [i32; 2]) {
    let [one, two] = ends.map(i64::from);
    event.has(&[("fd1", one), ("fd2", two), ("ino", ino(one))]);
    close(one);
    close(two);
}

#[test]
fn pipes() {
    let Some(mut t) = tracer() else { return };
    let mut ends = [0i32; 2];
    let event = t.ok(SYS_pipe, &[addr(&mut ends)]);
    check_pipe(&event, ends);
    t.fails(SYS_pipe, &[BAD], EFAULT).has(&[("fd1", -1), ("fd2", -1), ("ino", 0)]);
    let event = t.ok(SYS_pipe2, &[addr(&mut ends), CLOEXEC | NONBLOCK | i64::from(O_DIRECT)]);
    event.has(&[("flags", 0x1240)]);
    check_pipe(&event, ends);
    t.fails(SYS_pipe2, &[BAD, NONBLOCK], EFAULT).has(&[("fd1", -1), ("ino", 0), ("flags", 0x40)]);
}

#[test]
fn eventfds() {
    let Some(mut t) = tracer() else { return };
    let event = t.ok(SYS_eventfd, &[5]);
    event.has(&[("initval", 5), ("flags", 0)]);
    close(event.ret);
    let event = t.ok(SYS_eventfd2, &[6, CLOEXEC]);
    event.has(&[("initval", 6), ("flags", 0x1000)]);
    close(event.ret);
    t.fails(SYS_eventfd2, &[6, -1], EINVAL).has(&[("initval", 6), ("flags", 0)]);
}

#[test]
fn signalfds() {
    let Some(mut t) = tracer() else { return };
    let mut mask = 0u64;
    let event = t.ok(SYS_signalfd, &[-1, addr(&mut mask), 8]);
    event.has(&[("fd", -1), ("mask", 0), ("flags", 0)]);
    close(event.ret);
    t.fails(SYS_signalfd, &[-1, addr(&mut mask), 7], EINVAL).has(&[("fd", -1)]);
    let event = t.ok(SYS_signalfd4, &[-1, addr(&mut mask), 8, CLOEXEC | NONBLOCK]);
    event.has(&[("fd", -1), ("mask", 0), ("flags", 0x1040)]);
    close(event.ret);
    t.fails(SYS_signalfd4, &[-1, addr(&mut mask), 7, CLOEXEC], EINVAL).has(&[("flags", 0x1000)]);
}

#[test]
fn timers_and_watches() {
    let Some(mut t) = tracer() else { return };
    let event = t.ok(SYS_timerfd_create, &[1, NONBLOCK]);
    event.has(&[("clockid", 1), ("flags", 0x40)]);
    close(event.ret);
    t.fails(SYS_timerfd_create, &[99, 0], EINVAL).has(&[("clockid", 99), ("flags", 0)]);
    let event = t.ok(SYS_inotify_init, &[]);
    event.has(&[("flags", 0)]);
    close(event.ret);
    let event = t.ok(SYS_inotify_init1, &[CLOEXEC]);
    event.has(&[("flags", 0x1000)]);
    close(event.ret);
    t.fails(SYS_inotify_init1, &[-1], EINVAL).has(&[("flags", 0)]);
}

#[test]
fn epolls() {
    let Some(mut t) = tracer() else { return };
    let event = t.ok(SYS_epoll_create, &[3]);
    event.has(&[("size", 3)]);
    close(event.ret);
    t.fails(SYS_epoll_create, &[-3], EINVAL).has(&[("size", -3)]);
    let event = t.ok(SYS_epoll_create1, &[CLOEXEC]);
    event.has(&[("flags", 1)]);
    close(event.ret);
    t.fails(SYS_epoll_create1, &[1], EINVAL).has(&[("flags", 0)]);
}

#[test]
fn pidfds() {
    let Some(mut t) = tracer() else { return };
    // SAFETY: no preconditions.
    let pid = i64::from(unsafe { getpid() });
    let pidfd = t.ok(SYS_pidfd_open, &[pid, NONBLOCK]);
    pidfd.has(&[("pid", pid), ("flags", 1)]);
    t.fails(SYS_pidfd_open, &[-1, 0], EINVAL).has(&[("pid", -1), ("flags", 0)]);
    let event = t.ok(SYS_pidfd_getfd, &[pidfd.ret, 2, 0]);
    event.has(&[("pid_fd", pidfd.ret), ("target_fd", 2), ("flags", 0)]);
    close(event.ret);
    t.fails(SYS_pidfd_getfd, &[-1, 2, 1], EINVAL).has(&[("pid_fd", -1), ("flags", 1)]);
    close(pidfd.ret);
}

#[test]
fn userfaultfd() {
    let Some(mut t) = tracer() else { return };
    let event = t.call(SYS_userfaultfd, &[CLOEXEC]);
    event.has(&[("res", event.ret), ("flags", CLOEXEC)]);
    if event.ret >= 0 {
        close(event.ret);
    }
    let event = t.call(SYS_userfaultfd, &[0x7000_0000]);
    assert!(event.ret < 0);
    event.has(&[("res", event.ret), ("flags", 0x7000_0000)]);
}

#[test]
fn io_urings() {
    let Some(mut t) = tracer() else { return };
    // struct io_uring_params: entries of both queues, flags, thread's cpu and idle time, features.
    let mut params = [0u32; 30];
    params[2] = 0x10; // IORING_SETUP_CLAMP
    let event = t.call(SYS_io_uring_setup, &[4, addr(&mut params)]);
    event.has(&[("res", event.ret), ("entries", 4), ("flags", 0x20)]);
    if event.ret >= 0 {
        let features = i64::from(params[5]) & 0x6ff;
        event.has(&[("sq_entries", 4), ("cq_entries", 8), ("features", features)]);
        let ring = event.ret;
        t.ok(SYS_io_uring_enter, &[ring, 0, 0, 1, 0, 0]).has(&[
            ("fd", ring),
            ("to_submit", 0),
            ("min_complete", 0),
            ("flags", 1),
            ("sig", 0),
        ]);
        // Files: an array of one descriptor.
        let mut files = [2i32];
        let pointer = addr(&mut files);
        t.ok(SYS_io_uring_register, &[ring, 2, pointer, 1]).has(&[
            ("fd", ring),
            ("opcode", 2),
            ("arg", pointer),
            ("nr_args", 1),
        ]);
        close(ring);
    }
    let event = t.call(SYS_io_uring_setup, &[0, addr(&mut params)]);
    assert!(event.ret < 0);
    event.has(&[("res", event.ret), ("entries", 0)]);
    let event = t.call(SYS_io_uring_enter, &[-1, 7, 8, 2, 0, 0]);
    assert!(event.ret < 0);
    event.has(&[
        ("res", event.ret),
        ("fd", -1),
        ("to_submit", 7),
        ("min_complete", 8),
        ("flags", 2),
    ]);
    let event = t.call(SYS_io_uring_register, &[-1, 9, 0, 0]);
    assert!(event.ret < 0);
    event.has(&[("res", event.ret), ("fd", -1), ("opcode", 9), ("arg", 0), ("nr_args", 0)]);
}
