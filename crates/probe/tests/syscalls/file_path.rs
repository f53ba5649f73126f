//! bpf/syscalls/file_path.bpf.h

use libc::*;

use crate::tracer::{BAD, Dir, addr, at, c, tracer};

const CWD: i64 = AT_FDCWD as i64;
/// Falco's value of the working directory as a directory descriptor.
const CWD_PARAM: i64 = -100;

#[test]
fn stat_family() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let path = dir.file("f", b"");
    let mut buffer = [0u8; 256];
    for number in [SYS_stat, SYS_lstat] {
        t.ok(number, &[at(&c(&path)), addr(&mut buffer)]).text("path", &path);
        t.fails(number, &[at(&c("/no/such")), addr(&mut buffer)], ENOENT).text("path", "/no/such");
        t.fails(number, &[BAD, addr(&mut buffer)], EFAULT).is("path", b"");
    }
    let flags = i64::from(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
    t.ok(SYS_newfstatat, &[CWD, at(&c(&path)), addr(&mut buffer), flags])
        .text("path", &path)
        .has(&[("dirfd", CWD_PARAM), ("flags", 0x900)]);
    t.fails(SYS_newfstatat, &[-1, at(&c("f")), addr(&mut buffer), 0], EBADF)
        .text("path", "f")
        .has(&[("dirfd", -1), ("flags", 0)]);
}

#[test]
fn access_() {
    let Some(mut t) = tracer() else { return };
    t.ok(SYS_access, &[at(&c("/")), i64::from(R_OK | X_OK)]).text("name", "/").has(&[("mode", 5)]);
    t.fails(SYS_access, &[at(&c("/no/such")), 0], ENOENT)
        .text("name", "/no/such")
        .has(&[("mode", 0)]);
}

#[test]
fn directories() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let (one, two) = (dir.path("one"), dir.path("two"));
    t.ok(SYS_mkdir, &[at(&c(&one)), 0o751]).text("path", &one).has(&[("mode", 0o751)]);
    t.fails(SYS_mkdir, &[at(&c(&one)), 0o700], EEXIST).text("path", &one).has(&[("mode", 0o700)]);
    t.ok(SYS_mkdirat, &[CWD, at(&c(&two)), 0o700])
        .text("path", &two)
        .has(&[("dirfd", CWD_PARAM), ("mode", 0o700)]);
    t.fails(SYS_mkdirat, &[-1, at(&c("x")), 0o700], EBADF).text("path", "x").has(&[("dirfd", -1)]);
    t.ok(SYS_rmdir, &[at(&c(&one))]).text("path", &one);
    t.fails(SYS_rmdir, &[at(&c(&one))], ENOENT).text("path", &one);
    t.ok(SYS_unlinkat, &[CWD, at(&c(&two)), i64::from(AT_REMOVEDIR)])
        .text("name", &two)
        .has(&[("dirfd", CWD_PARAM), ("flags", 0x200)]);
    t.fails(SYS_unlinkat, &[-1, at(&c("x")), 0], EBADF)
        .text("name", "x")
        .has(&[("dirfd", -1), ("flags", 0)]);
}

#[test]
fn working_directory_and_root() {
    let Some(mut t) = tracer() else { return };
    let here = std::env::current_dir().expect("a directory");
    let here = here.to_str().expect("UTF-8");
    t.ok(SYS_chdir, &[at(&c(here))]).text("path", here);
    t.fails(SYS_chdir, &[at(&c("/no/such"))], ENOENT).text("path", "/no/such");
    t.ok(SYS_chroot, &[at(&c("/"))]).text("path", "/");
    t.fails(SYS_chroot, &[at(&c("/no/such"))], ENOENT).text("path", "/no/such");
    let mut buffer = [0u8; 4096];
    t.ok(SYS_getcwd, &[addr(&mut buffer), 4096]).text("path", here);
    t.fails(SYS_getcwd, &[addr(&mut buffer), 1], ERANGE).is("path", b"");
}

#[test]
fn rename_family() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let (a, b) = (dir.file("a", b""), dir.path("b"));
    t.ok(SYS_rename, &[at(&c(&a)), at(&c(&b))]).text("oldpath", &a).text("newpath", &b);
    t.fails(SYS_rename, &[at(&c(&a)), at(&c(&b))], ENOENT).text("oldpath", &a).text("newpath", &b);
    t.ok(SYS_renameat, &[CWD, at(&c(&b)), CWD, at(&c(&a))])
        .text("oldpath", &b)
        .text("newpath", &a)
        .has(&[("olddirfd", CWD_PARAM), ("newdirfd", CWD_PARAM)]);
    t.fails(SYS_renameat, &[-1, at(&c("x")), -2, at(&c("y"))], EBADF)
        .text("oldpath", "x")
        .text("newpath", "y")
        .has(&[("olddirfd", -1), ("newdirfd", -2)]);
    t.ok(SYS_renameat2, &[CWD, at(&c(&a)), CWD, at(&c(&b)), 1])
        .text("oldpath", &a)
        .text("newpath", &b)
        .has(&[("olddirfd", CWD_PARAM), ("newdirfd", CWD_PARAM), ("flags", 1)]);
    t.fails(SYS_renameat2, &[CWD, at(&c("x")), -1, BAD, 2], EFAULT)
        .text("oldpath", "x")
        .is("newpath", b"")
        .has(&[("newdirfd", -1), ("flags", 2)]);
}

#[test]
fn link_family() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let (a, b, third, s, s2) =
        (dir.file("a", b""), dir.path("b"), dir.path("c"), dir.path("s"), dir.path("s2"));
    t.ok(SYS_link, &[at(&c(&a)), at(&c(&b))]).text("oldpath", &a).text("newpath", &b);
    t.fails(SYS_link, &[at(&c(&a)), at(&c(&b))], EEXIST).text("oldpath", &a).text("newpath", &b);
    t.ok(SYS_linkat, &[CWD, at(&c(&a)), CWD, at(&c(&third)), i64::from(AT_SYMLINK_FOLLOW)])
        .text("oldpath", &a)
        .text("newpath", &third)
        .has(&[("olddir", CWD_PARAM), ("newdir", CWD_PARAM), ("flags", 0x400)]);
    t.fails(SYS_linkat, &[-1, at(&c("x")), -2, at(&c("y")), 0], EBADF)
        .text("oldpath", "x")
        .text("newpath", "y")
        .has(&[("olddir", -1), ("newdir", -2), ("flags", 0)]);
    t.ok(SYS_symlink, &[at(&c("target")), at(&c(&s))])
        .text("target", "target")
        .text("linkpath", &s);
    t.fails(SYS_symlink, &[at(&c("target")), at(&c(&s))], EEXIST).text("linkpath", &s);
    t.ok(SYS_symlinkat, &[at(&c("target")), CWD, at(&c(&s2))])
        .text("target", "target")
        .text("linkpath", &s2)
        .has(&[("linkdirfd", CWD_PARAM)]);
    t.fails(SYS_symlinkat, &[at(&c("target")), -1, at(&c("y"))], EBADF)
        .text("linkpath", "y")
        .has(&[("linkdirfd", -1)]);
    t.ok(SYS_unlink, &[at(&c(&a))]).text("path", &a);
    t.fails(SYS_unlink, &[at(&c(&a))], ENOENT).text("path", &a);
}

#[test]
fn mknod_family() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let (fifo, null) = (dir.path("fifo"), dir.path("null"));
    t.ok(SYS_mknod, &[at(&c(&fifo)), i64::from(S_IFIFO | 0o600), 0])
        .text("path", &fifo)
        .has(&[("mode", 0o010600), ("dev", 0)]);
    t.fails(SYS_mknod, &[at(&c(&fifo)), 0o644, 0], EEXIST).has(&[("mode", 0o100644)]);
    t.call(SYS_mknodat, &[CWD, at(&c(&null)), i64::from(S_IFCHR | 0o600), 0x103])
        .text("path", &null)
        // The argument is taken for the kernel's own encoding, as Falco does.
        .has(&[("dirfd", CWD_PARAM), ("mode", 0o020600), ("dev", 0x100003)]);
    t.fails(SYS_mknodat, &[-1, at(&c("x")), i64::from(S_IFIFO), 0], EBADF)
        .text("path", "x")
        .has(&[("dirfd", -1), ("mode", 0o010000)]);
}

#[test]
fn chmod_family() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let path = dir.file("f", b"");
    t.ok(SYS_chmod, &[at(&c(&path)), 0o4755]).text("filename", &path).has(&[("mode", 0o4755)]);
    t.fails(SYS_chmod, &[at(&c("/no/such")), 0o700], ENOENT)
        .text("filename", "/no/such")
        .has(&[("mode", 0o700)]);
    let file = std::fs::File::open(&path).expect("open");
    let fd = i64::from(std::os::fd::AsRawFd::as_raw_fd(&file));
    t.ok(SYS_fchmod, &[fd, 0o640]).has(&[("fd", fd), ("mode", 0o640)]);
    t.fails(SYS_fchmod, &[-1, 0o640], EBADF).has(&[("fd", -1), ("mode", 0o640)]);
    t.ok(SYS_fchmodat, &[CWD, at(&c(&path)), 0o600])
        .text("filename", &path)
        .has(&[("dirfd", CWD_PARAM), ("mode", 0o600)]);
    t.fails(SYS_fchmodat, &[-1, at(&c("x")), 0o600], EBADF)
        .text("filename", "x")
        .has(&[("dirfd", -1)]);
}

#[test]
fn chown_family() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let path = dir.file("f", b"");
    for number in [SYS_chown, SYS_lchown] {
        t.ok(number, &[at(&c(&path)), 1, -1])
            .text("path", &path)
            .has(&[("uid", 1), ("gid", 0xffff_ffff)]);
        t.fails(number, &[at(&c("/no/such")), 0, 2], ENOENT)
            .text("path", "/no/such")
            .has(&[("uid", 0), ("gid", 2)]);
    }
    let file = std::fs::File::open(&path).expect("open");
    let fd = i64::from(std::os::fd::AsRawFd::as_raw_fd(&file));
    t.ok(SYS_fchown, &[fd, 3, 4]).has(&[("fd", fd), ("uid", 3), ("gid", 4)]);
    t.fails(SYS_fchown, &[-1, 3, 4], EBADF).has(&[("fd", -1), ("uid", 3), ("gid", 4)]);
    t.ok(SYS_fchownat, &[CWD, at(&c(&path)), 5, 6, 0]).text("pathname", &path).has(&[
        ("dirfd", CWD_PARAM),
        ("uid", 5),
        ("gid", 6),
        ("flags", 0),
    ]);
    t.fails(SYS_fchownat, &[-1, at(&c("x")), 5, 6, i64::from(AT_EMPTY_PATH)], EBADF)
        .text("pathname", "x")
        .has(&[("dirfd", -1), ("flags", 0x1000)]);
}
