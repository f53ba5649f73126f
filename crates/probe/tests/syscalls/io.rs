//! bpf/syscalls/io.bpf.h

use libc::*;

use crate::tracer::{BAD, Dir, addr, at, c, close, tracer};

/// A file that is open for reading and writing and holds `content`.
fn file(dir: &Dir, content: &[u8]) -> i64 {
    let path = dir.file("data", content);
    // SAFETY: a valid path.
    let fd = unsafe { libc::open(at(&c(&path)) as *const c_char, O_RDWR) };
    assert!(fd >= 0);
    i64::from(fd)
}

fn iovec(parts: &mut [&mut [u8]]) -> Vec<[i64; 2]> {
    parts.iter_mut().map(|part| [part.as_mut_ptr() as i64, part.len() as i64]).collect()
}

#[test]
fn read_and_write() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let fd = file(&dir, b"hello");
    let mut buffer = [0u8; 64];
    t.ok(SYS_read, &[fd, addr(&mut buffer), 64]).is("data", b"hello").has(&[
        ("res", 5),
        ("fd", fd),
        ("size", 64),
    ]);
    // At the end of the file there is nothing to show.
    t.ok(SYS_read, &[fd, addr(&mut buffer), 64]).is("data", b"").has(&[("res", 0)]);
    t.fails(SYS_read, &[-1, addr(&mut buffer), 64], EBADF)
        .is("data", b"")
        .has(&[("fd", -1), ("size", 64)]);
    t.ok(SYS_write, &[fd, addr(&mut buffer), 5])
        .is("data", b"hello")
        .has(&[("fd", fd), ("size", 5)]);
    // A write that fails shows what was to be written.
    t.fails(SYS_write, &[-1, addr(&mut buffer), 4], EBADF)
        .is("data", b"hell")
        .has(&[("fd", -1), ("size", 4)]);
    t.fails(SYS_write, &[fd, BAD, 4], EFAULT).is("data", b"").has(&[("size", 4)]);
    close(fd);
}

#[test]
fn data_is_cut_at_the_snaplen() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let content: Vec<u8> = (0..200u8).collect();
    let fd = file(&dir, &content);
    let mut buffer = [0u8; 200];
    t.ok(SYS_read, &[fd, addr(&mut buffer), 200]).is("data", &content[..80]).has(&[("res", 200)]);
    t.ok(SYS_write, &[fd, addr(&mut buffer), 200]).is("data", &content[..80]).has(&[("res", 200)]);
    close(fd);
}

#[test]
fn pread_and_pwrite() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let fd = file(&dir, b"0123456789");
    let mut buffer = [0u8; 4];
    t.ok(SYS_pread64, &[fd, addr(&mut buffer), 4, 3]).is("data", b"3456").has(&[
        ("fd", fd),
        ("size", 4),
        ("pos", 3),
    ]);
    t.fails(SYS_pread64, &[fd, addr(&mut buffer), 4, -1], EINVAL)
        .is("data", b"")
        .has(&[("pos", -1)]);
    t.ok(SYS_pwrite64, &[fd, addr(&mut buffer), 4, 6]).is("data", b"3456").has(&[
        ("fd", fd),
        ("size", 4),
        ("pos", 6),
    ]);
    t.fails(SYS_pwrite64, &[-1, addr(&mut buffer), 4, 6], EBADF)
        .is("data", b"3456")
        .has(&[("fd", -1), ("pos", 6)]);
    close(fd);
}

#[test]
fn vectors() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let fd = file(&dir, b"abcdefgh");
    let (mut one, mut empty, mut two) = ([0u8; 3], [0u8; 0], [0u8; 9]);
    let mut v = iovec(&mut [&mut one, &mut empty, &mut two]);
    let v = addr(v.as_mut_slice());
    t.ok(SYS_readv, &[fd, v, 3]).is("data", b"abcdefgh").has(&[
        ("res", 8),
        ("size", 8),
        ("fd", fd),
    ]);
    t.fails(SYS_readv, &[-1, v, 3], EBADF).is("data", b"").has(&[("size", 0), ("fd", -1)]);
    // The size of a write is that of its buffers; the data of a failed one is all of them.
    t.ok(SYS_writev, &[fd, v, 3]).is("data", b"abcdefgh\0\0\0\0").has(&[
        ("res", 12),
        ("size", 12),
        ("fd", fd),
    ]);
    t.fails(SYS_writev, &[-1, v, 1], EBADF).is("data", b"abc").has(&[("size", 3), ("fd", -1)]);
    t.fails(SYS_writev, &[fd, BAD, 1], EFAULT).is("data", b"").has(&[("size", 0)]);
    t.ok(SYS_preadv, &[fd, v, 3, 2, 0]).is("data", b"cdefghabcdef").has(&[
        ("res", 12),
        ("size", 12),
        ("fd", fd),
        ("pos", 2),
    ]);
    t.fails(SYS_preadv, &[-1, v, 3, 2, 0], EBADF).is("data", b"").has(&[("size", 0), ("pos", 2)]);
    t.ok(SYS_pwritev, &[fd, v, 1, 4, 0]).is("data", b"cde").has(&[
        ("size", 3),
        ("fd", fd),
        ("pos", 4),
    ]);
    t.fails(SYS_pwritev, &[-1, v, 3, 4, 0], EBADF)
        .is("data", b"cdefghabcdef")
        .has(&[("size", 12), ("pos", 4)]);
    close(fd);
}

#[test]
fn many_buffers_are_joined() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let fd = file(&dir, b"");
    let mut bytes: Vec<[u8; 4]> = (0..40u8).map(|i| [i; 4]).collect();
    let mut v: Vec<[i64; 2]> = bytes.iter_mut().map(|b| [addr(b), 4]).collect();
    let joined: Vec<u8> = bytes.concat();
    let event = t.ok(SYS_writev, &[fd, addr(v.as_mut_slice()), 40]);
    // Falco counts the first 32 buffers.
    event.is("data", &joined[..80]).has(&[("res", 160), ("size", 128)]);
    close(fd);
}

#[test]
fn other_process_memory() {
    let Some(mut t) = tracer() else { return };
    // SAFETY: no preconditions.
    let pid = i64::from(unsafe { getpid() });
    let (mut here, mut there) = (*b"....", *b"data");
    let mut local = [[addr(&mut here), 4]];
    let mut remote = [[addr(&mut there), 4]];
    let (l, r) = (addr(&mut local), addr(&mut remote));
    t.ok(SYS_process_vm_readv, &[pid, l, 1, r, 1, 0]).is("data", b"data").has(&[("pid", pid)]);
    t.fails(SYS_process_vm_readv, &[-1, l, 1, r, 1, 0], ESRCH).is("data", b"").has(&[("pid", -1)]);
    t.ok(SYS_process_vm_writev, &[pid, l, 1, r, 1, 0]).is("data", b"data").has(&[("pid", pid)]);
    t.fails(SYS_process_vm_writev, &[-1, l, 1, r, 1, 0], ESRCH).is("data", b"").has(&[("pid", -1)]);
}

#[test]
fn copies_between_descriptors() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let source = file(&dir, b"0123456789");
    let path = dir.file("copy", b"");
    // SAFETY: a valid path.
    let target = i64::from(unsafe { libc::open(at(&c(&path)) as *const c_char, O_RDWR) });
    let mut offset = 2i64;
    t.ok(SYS_sendfile, &[target, source, addr(&mut offset), 3]).has(&[
        ("res", 3),
        ("offset", 5),
        ("out_fd", target),
        ("in_fd", source),
        ("size", 3),
    ]);
    t.fails(SYS_sendfile, &[target, -1, 0, 3], EBADF).has(&[
        ("offset", 0),
        ("in_fd", -1),
        ("size", 3),
    ]);
    let (mut from, mut to) = (1i64, 0i64);
    let (from, to) = (addr(&mut from), addr(&mut to));
    t.ok(SYS_copy_file_range, &[source, from, target, to, 4, 0]).has(&[
        ("res", 4),
        ("fdin", source),
        ("offin", from),
        ("fdout", target),
        ("offout", to),
        ("len", 4),
    ]);
    t.fails(SYS_copy_file_range, &[-1, 0, target, 0, 4, 0], EBADF).has(&[
        ("fdin", -1),
        ("fdout", target),
        ("offin", 0),
        ("len", 4),
    ]);
    let mut ends = [0i32; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { pipe(ends.as_mut_ptr()) }, 0);
    let [reader, writer] = ends.map(i64::from);
    t.ok(SYS_splice, &[source, from, writer, 0, 5, 1]).has(&[
        ("res", 5),
        ("fd_in", source),
        ("fd_out", writer),
        ("size", 5),
        ("flags", 1),
    ]);
    t.fails(SYS_splice, &[-1, 0, writer, 0, 5, 8], EBADF).has(&[("fd_in", -1), ("flags", 8)]);
    [source, target, reader, writer].into_iter().for_each(close);
}
