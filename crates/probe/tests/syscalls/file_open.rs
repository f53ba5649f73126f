//! bpf/syscalls/file_open.bpf.h

use std::os::unix::fs::MetadataExt;

use libc::*;

use crate::tracer::{BAD, Dir, addr, at, c, close, tracer};

const CWD: i64 = AT_FDCWD as i64;
const CREATE: i64 = (O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC) as i64;
/// O_RDWR, O_CREAT, O_TRUNC, O_CLOEXEC and O_F_CREATED in Falco's values.
const CREATED: i64 = 0x3 | 0x4 | 0x100 | 0x1000 | 0x4000;

/// The device as the probe encodes it, and the inode.
fn identity(path: &str) -> [(&'static str, i64); 2] {
    let meta = std::fs::metadata(path).expect("the file is there");
    let (major, minor) = (libc::major(meta.dev()), libc::minor(meta.dev()));
    let dev = (minor & 0xff) | major << 8 | (minor & !0xff) << 12;
    [("dev", i64::from(dev)), ("ino", meta.ino() as i64)]
}

#[test]
fn open_() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let path = dir.path("new");
    let event = t.ok(SYS_open, &[at(&c(&path)), CREATE, 0o640]);
    event.text("name", &path).has(&[("flags", CREATED), ("mode", 0o640)]).has(&identity(&path));
    close(event.ret);
    // The second time it is there already; the mode of an open that creates nothing is not kept.
    let event = t.ok(SYS_open, &[at(&c(&path)), i64::from(O_RDONLY), 0o777]);
    event.has(&[("flags", 1), ("mode", 0)]).has(&identity(&path));
    close(event.ret);
    let missing = dir.path("missing");
    t.fails(SYS_open, &[at(&c(&missing)), i64::from(O_WRONLY), 0], ENOENT)
        .text("name", &missing)
        .has(&[("flags", 2), ("mode", 0), ("dev", 0), ("ino", 0)]);
    t.fails(SYS_open, &[BAD, 0, 0], EFAULT).is("name", b"");
}

#[test]
fn openat() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let path = dir.path("new");
    let event = t.ok(SYS_openat, &[CWD, at(&c(&path)), CREATE, 0o600]);
    event
        .text("name", &path)
        .has(&[("dirfd", -100), ("flags", CREATED), ("mode", 0o600)])
        .has(&identity(&path));
    close(event.ret);
    t.fails(SYS_openat, &[77_777, at(&c("relative")), i64::from(O_RDWR | O_DIRECTORY), 0], EBADF)
        .text("name", "relative")
        // Falco reads O_DIRECTORY as O_TMPFILE too.
        .has(&[("dirfd", 77_777), ("flags", 0x3 | 0x400 | 0x2000), ("dev", 0), ("ino", 0)]);
}

#[test]
fn a_long_path_is_whole() {
    let Some(mut t) = tracer() else { return };
    let long = format!("/{}", "a/".repeat(2000));
    assert!(long.len() < 4096);
    t.fails(SYS_openat, &[CWD, at(&c(&long)), 0, 0], ENOENT).text("name", &long);
}

#[test]
fn openat2() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let path = dir.path("new");
    let mut how = [CREATE as u64, 0o604, RESOLVE_NO_MAGICLINKS];
    let event = t.ok(SYS_openat2, &[CWD, at(&c(&path)), addr(&mut how), 24]);
    event
        .text("name", &path)
        .has(&[("dirfd", -100), ("flags", CREATED), ("mode", 0o604), ("resolve", 4)])
        .has(&identity(&path));
    close(event.ret);
    let mut how = [0, 0, RESOLVE_BENEATH];
    t.fails(SYS_openat2, &[CWD, at(&c("/etc")), addr(&mut how), 24], EXDEV)
        .text("name", "/etc")
        .has(&[("flags", 1), ("mode", 0), ("resolve", 1), ("dev", 0), ("ino", 0)]);
}

#[test]
fn creat_() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let path = dir.path("new");
    let event = t.ok(SYS_creat, &[at(&c(&path)), 0o4755]);
    event.text("name", &path).has(&[("mode", 0o4755), ("creat_flags", 0)]).has(&identity(&path));
    close(event.ret);
    t.fails(SYS_creat, &[at(&c("/missing/x")), 0o600], ENOENT).text("name", "/missing/x").has(&[
        ("mode", 0o600),
        ("dev", 0),
        ("ino", 0),
        ("creat_flags", 0),
    ]);
}

#[test]
fn open_by_handle_at() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let path = dir.file("handled", b"x");
    let mut handle = [0u8; 8 + MAX_HANDLE_SZ as usize];
    handle[..4].copy_from_slice(&(MAX_HANDLE_SZ as u32).to_ne_bytes());
    let mut mount = 0i32;
    // SAFETY: pointers to memory of this test.
    let made = unsafe {
        syscall(SYS_name_to_handle_at, CWD, at(&c(&path)), addr(&mut handle), addr(&mut mount), 0)
    };
    if made == 0 {
        // SAFETY: a valid path.
        let at_mount = i64::from(unsafe { open(at(&c(&dir.path(""))) as *const c_char, O_RDONLY) });
        let event =
            t.call(SYS_open_by_handle_at, &[at_mount, addr(&mut handle), i64::from(O_RDWR)]);
        if event.ret >= 0 {
            event
                .text("path", &path)
                .has(&[("mountfd", at_mount), ("flags", 3)])
                .has(&identity(&path));
            close(event.ret);
        }
        close(at_mount);
    }
    t.fails(SYS_open_by_handle_at, &[-1, addr(&mut handle), 0], EBADF).is("path", b"").has(&[
        ("mountfd", -1),
        ("flags", 1),
        ("dev", 0),
        ("ino", 0),
    ]);
}

#[test]
fn memfd_create() {
    let Some(mut t) = tracer() else { return };
    let event = t.ok(SYS_memfd_create, &[at(&c("mine")), 3]);
    event.text("name", "mine").has(&[("flags", 3)]);
    close(event.ret);
    t.fails(SYS_memfd_create, &[BAD, 1], EFAULT).is("name", b"").has(&[("flags", 1)]);
}
