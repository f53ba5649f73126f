//! bpf/syscalls/mount_ns.bpf.h

use libc::*;

use crate::tracer::{BAD, Dir, addr, at, c, close, tracer};

#[test]
fn mount_and_umount() {
    let Some(mut t) = tracer() else { return };
    let dir = Dir::new();
    let place = dir.path("");
    let magic = 0xc0ed_0000i64;
    let flags = magic | (MS_NOSUID | MS_NODEV) as i64;
    let event = t.call(SYS_mount, &[at(&c("none")), at(&c(&place)), at(&c("tmpfs")), flags, 0]);
    event
        .text("dev", "none")
        .text("dir", &place)
        .text("type", "tmpfs")
        .has(&[("res", event.ret), ("flags", 6)]);
    if event.ret == 0 {
        t.ok(SYS_umount2, &[at(&c(&place)), i64::from(MNT_DETACH)])
            .text("name", &place)
            .has(&[("flags", 2)]);
    }
    t.fails(SYS_mount, &[BAD, at(&c("/no/such")), 0, MS_BIND as i64, 0], EFAULT)
        .is("dev", b"")
        .text("dir", "/no/such")
        .is("type", b"")
        .has(&[("flags", 0x1000)]);
    t.fails(SYS_umount2, &[at(&c("/no/such")), i64::from(UMOUNT_NOFOLLOW)], ENOENT)
        .text("name", "/no/such")
        .has(&[("flags", 8)]);
}

#[test]
fn namespaces() {
    std::thread::spawn(|| {
        let Some(mut t) = tracer() else { return };
        // CLONE_FS and CLONE_FILES concern this thread alone.
        t.ok(SYS_unshare, &[i64::from(CLONE_FS | CLONE_FILES)]).has(&[("flags", 3)]);
        t.fails(SYS_unshare, &[1], EINVAL).has(&[("flags", 0)]);
        // SAFETY: a valid path.
        let ns = i64::from(unsafe { open(c"/proc/self/ns/uts".as_ptr(), O_RDONLY) });
        t.ok(SYS_setns, &[ns, i64::from(CLONE_NEWUTS)]).has(&[("fd", ns), ("nstype", 0x80)]);
        t.fails(SYS_setns, &[-1, i64::from(CLONE_NEWNET)], EBADF)
            .has(&[("fd", -1), ("nstype", 0x10)]);
        close(ns);
    })
    .join()
    .expect("the thread's checks");
}

#[test]
fn fsconfig() {
    let Some(mut t) = tracer() else { return };
    // SAFETY: a valid name.
    let fs = unsafe { syscall(SYS_fsopen, c"tmpfs".as_ptr(), 0) };
    if fs >= 0 {
        t.ok(SYS_fsconfig, &[fs, 1, at(&c("size")), at(&c("4096")), 0])
            .text("key", "size")
            .text("value_charbuf", "4096")
            .is("value_bytebuf", b"")
            .has(&[("fd", fs), ("cmd", 1), ("aux", 0)]);
        close(fs);
    }
    t.fails(SYS_fsconfig, &[-1, 1, at(&c("key")), at(&c("value")), 0], EINVAL)
        .text("key", "key")
        .is("value_charbuf", b"")
        .has(&[("fd", -1), ("cmd", 1)]);
}

#[test]
fn quotactl() {
    let Some(mut t) = tracer() else { return };
    let special = c("/dev/no-such");
    let file = c("/aquota.user");
    let command = |command: i64, kind: i64| command << 8 | kind;
    // Q_QUOTAON of group quotas, format vfsv1.
    let event = t.call(SYS_quotactl, &[command(0x80_0002, 1), at(&special), 4, at(&file)]);
    assert!(event.ret < 0);
    event.text("special", "/dev/no-such").text("quotafilepath", "/aquota.user").has(&[
        ("res", event.ret),
        ("cmd", 1),
        ("type", 2),
        ("id", 0),
        ("quota_fmt", 8),
        ("quota_fmt_out", 1),
    ]);
    // Q_SETQUOTA with limits of blocks and the time of inodes.
    let mut quota = [1u64, 2, 3, 4, 5, 6, 7, 8, 1 | 32];
    let event =
        t.call(SYS_quotactl, &[command(0x80_0008, 0), at(&special), 1000, addr(&mut quota)]);
    assert!(event.ret < 0);
    event.is("quotafilepath", b"").has(&[
        ("cmd", 0x40),
        ("type", 1),
        ("id", 1000),
        ("quota_fmt", 1),
        ("dqb_bhardlimit", 1),
        ("dqb_bsoftlimit", 2),
        ("dqb_curspace", 0),
        ("dqb_ihardlimit", 0),
        ("dqb_isoftlimit", 0),
        ("dqb_btime", 0),
        ("dqb_itime", 8),
        ("dqi_bgrace", 0),
    ]);
    // Q_SETINFO with all its fields.
    let mut info = [100u64, 200, 1 | 7 << 32];
    let event = t.call(SYS_quotactl, &[command(0x80_0006, 0), at(&special), 0, addr(&mut info)]);
    event.has(&[("cmd", 0x10), ("dqi_bgrace", 100), ("dqi_igrace", 200), ("dqi_flags", 1)]);
    // Q_SYNC of everything succeeds.
    t.ok(SYS_quotactl, &[command(0x80_0001, 0), 0, 0, 0]).is("special", b"").has(&[("cmd", 0x80)]);
}
