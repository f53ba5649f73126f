//! bpf/syscalls/fd.bpf.h

use libc::*;

use crate::tracer::{Dir, addr, at, c, close, tracer};

fn open(path: &str) -> i64 {
    // SAFETY: a valid path.
    let fd = unsafe { libc::open(at(&c(path)) as *const c_char, O_RDONLY) };
    assert!(fd >= 0);
    i64::from(fd)
}

#[test]
fn close_() {
    let Some(mut t) = tracer() else { return };
    let fd = open("/dev/null");
    t.ok(SYS_close, &[fd]).has(&[("fd", fd)]);
    t.fails(SYS_close, &[-1], EBADF).has(&[("fd", -1)]);
}

#[test]
fn close_range() {
    let Some(mut t) = tracer() else { return };
    t.ok(SYS_close_range, &[9000, 9100, 4]).has(&[("first", 9000), ("last", 9100), ("flags", 4)]);
    t.fails(SYS_close_range, &[9, 8, 0], EINVAL).has(&[("first", 9), ("last", 8), ("flags", 0)]);
}

#[test]
fn dup_family() {
    let Some(mut t) = tracer() else { return };
    let fd = open("/dev/null");
    let copy = t.ok(SYS_dup, &[fd]);
    copy.has(&[("oldfd", fd)]);
    close(copy.ret);
    t.fails(SYS_dup, &[-1], EBADF).has(&[("oldfd", -1)]);
    t.ok(SYS_dup2, &[fd, 901]).has(&[("res", 901), ("oldfd", fd), ("newfd", 901)]);
    close(901);
    t.fails(SYS_dup2, &[-1, 901], EBADF).has(&[("oldfd", -1), ("newfd", 901)]);
    let cloexec = i64::from(O_CLOEXEC);
    t.ok(SYS_dup3, &[fd, 902, cloexec]).has(&[("oldfd", fd), ("newfd", 902), ("flags", 0x1000)]);
    close(902);
    t.fails(SYS_dup3, &[fd, fd, 0], EINVAL).has(&[("oldfd", fd), ("newfd", fd), ("flags", 0)]);
    close(fd);
}

#[test]
fn fcntl_() {
    let Some(mut t) = tracer() else { return };
    let fd = open("/dev/null");
    let copy = t.ok(SYS_fcntl, &[fd, i64::from(F_DUPFD_CLOEXEC), 910]);
    copy.has(&[("res", 910), ("fd", fd), ("cmd", 0x1a), ("arg", 910)]);
    close(copy.ret);
    t.ok(SYS_fcntl, &[fd, i64::from(F_GETFL), 0]).has(&[("cmd", 4)]);
    t.fails(SYS_fcntl, &[-1, i64::from(F_DUPFD), 3], EBADF).has(&[
        ("fd", -1),
        ("cmd", 1),
        ("arg", 3),
    ]);
    close(fd);
}

#[test]
fn ioctl_() {
    let Some(mut t) = tracer() else { return };
    let mut ends = [0i32; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { pipe(ends.as_mut_ptr()) }, 0);
    let mut waiting = 0i32;
    let pointer = addr(&mut waiting);
    let request = FIONREAD as i64;
    t.ok(SYS_ioctl, &[i64::from(ends[0]), request, pointer]).has(&[
        ("fd", i64::from(ends[0])),
        ("request", request),
        ("argument", pointer),
    ]);
    t.fails(SYS_ioctl, &[-1, request, 0], EBADF).has(&[
        ("fd", -1),
        ("request", request),
        ("argument", 0),
    ]);
    ends.into_iter().for_each(|fd| close(i64::from(fd)));
}

#[test]
fn flock_() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let fd = open(&dir.file("lock", b""));
    t.ok(SYS_flock, &[fd, i64::from(LOCK_EX | LOCK_NB)]).has(&[("fd", fd), ("operation", 6)]);
    t.fails(SYS_flock, &[-1, i64::from(LOCK_UN)], EBADF).has(&[("fd", -1), ("operation", 8)]);
    close(fd);
}

#[test]
fn lseek_() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let fd = open(&dir.file("data", b"12345"));
    t.ok(SYS_lseek, &[fd, -2, 2]).has(&[("res", 3), ("fd", fd), ("offset", -2), ("whence", 2)]);
    t.fails(SYS_lseek, &[-1, 7, 0], EBADF).has(&[("fd", -1), ("offset", 7), ("whence", 0)]);
    close(fd);
}

#[test]
fn fstat_and_fchdir() {
    let Some(mut t) = tracer() else { return };
    let fd = open("/proc/self/cwd");
    let mut stat = [0u8; 256];
    t.ok(SYS_fstat, &[fd, addr(&mut stat)]).has(&[("fd", fd)]);
    t.fails(SYS_fstat, &[-1, addr(&mut stat)], EBADF).has(&[("fd", -1)]);
    t.ok(SYS_fchdir, &[fd]).has(&[("fd", fd)]);
    t.fails(SYS_fchdir, &[-1], EBADF).has(&[("fd", -1)]);
    close(fd);
}

#[test]
fn getdents() {
    let Some(mut t) = tracer() else { return };
    let fd = open("/proc");
    let mut entries = [0u8; 1024];
    t.ok(SYS_getdents, &[fd, addr(&mut entries), 1024]).has(&[("fd", fd)]);
    t.fails(SYS_getdents, &[-1, addr(&mut entries), 1024], EBADF).has(&[("fd", -1)]);
    t.ok(SYS_getdents64, &[fd, addr(&mut entries), 1024]).has(&[("fd", fd)]);
    t.fails(SYS_getdents64, &[-1, addr(&mut entries), 1024], EBADF).has(&[("fd", -1)]);
    close(fd);
}
