//! bpf/syscalls/credentials.bpf.h
//!
//! The tests run as root; ids are set to what they are, and failures are provoked with arguments
//! that no kernel takes.

use libc::*;

use crate::tracer::{BAD, addr, tracer};

const NONE: i64 = 0xffff_ffff;

#[test]
fn get_ids() {
    let Some(mut t) = tracer() else { return };
    for (number, param) in
        [(SYS_getuid, "uid"), (SYS_geteuid, "euid"), (SYS_getgid, "gid"), (SYS_getegid, "egid")]
    {
        let event = t.call(number, &[]);
        event.has(&[(param, event.ret)]);
    }
    let mut ids = [7u32; 3];
    let [r, e, s] = [0, 1, 2].map(|i| addr(&mut ids[i]));
    t.ok(SYS_getresuid, &[r, e, s]).has(&[("ruid", 0), ("euid", 0), ("suid", 0)]);
    t.fails(SYS_getresuid, &[BAD, BAD, BAD], EFAULT);
    t.ok(SYS_getresgid, &[r, e, s]).has(&[("rgid", 0), ("egid", 0), ("sgid", 0)]);
    t.fails(SYS_getresgid, &[BAD, BAD, BAD], EFAULT);
}

#[test]
fn set_ids() {
    let Some(mut t) = tracer() else { return };
    t.ok(SYS_setuid, &[0]).has(&[("uid", 0)]);
    t.fails(SYS_setuid, &[-1], EINVAL).has(&[("uid", NONE)]);
    t.ok(SYS_setgid, &[0]).has(&[("gid", 0)]);
    t.fails(SYS_setgid, &[-1], EINVAL).has(&[("gid", NONE)]);
    t.ok(SYS_setreuid, &[-1, 0]).has(&[("ruid", NONE), ("euid", 0)]);
    t.ok(SYS_setregid, &[0, -1]).has(&[("rgid", 0), ("egid", NONE)]);
    t.ok(SYS_setresuid, &[-1, 0, -1]).has(&[("ruid", NONE), ("euid", 0), ("suid", NONE)]);
    t.ok(SYS_setresgid, &[0, -1, 0]).has(&[("rgid", 0), ("egid", NONE), ("sgid", 0)]);
}

/// Root may set any id: a thread that has given its privileges up may not. The raw calls change
/// this thread only.
#[test]
fn set_ids_without_privilege() {
    std::thread::spawn(|| {
        let Some(mut t) = tracer() else { return };
        t.load_rest();
        t.ok(SYS_setresgid, &[65534, 65534, 65534]);
        t.ok(SYS_setresuid, &[65534, 65534, 65534]);
        t.fails(SYS_setuid, &[0], EPERM).has(&[("uid", 0)]);
        t.fails(SYS_setreuid, &[0, 1], EPERM).has(&[("ruid", 0), ("euid", 1)]);
        t.fails(SYS_setregid, &[2, 3], EPERM).has(&[("rgid", 2), ("egid", 3)]);
        t.fails(SYS_setresuid, &[4, 5, 6], EPERM).has(&[("ruid", 4), ("euid", 5), ("suid", 6)]);
        t.fails(SYS_setresgid, &[7, 8, 9], EPERM).has(&[("rgid", 7), ("egid", 8), ("sgid", 9)]);
        let zero = [("cap_permitted", 0), ("cap_effective", 0)];
        let mut header = [0x2008_0522u32, 0];
        let mut sets = [0xffff_ffffu32; 6];
        t.fails(SYS_capset, &[addr(&mut header), addr(&mut sets)], EPERM).has(&zero);
    })
    .join()
    .expect("the thread's checks");
}

#[test]
fn capset() {
    std::thread::spawn(|| {
        let Some(mut t) = tracer() else { return };
        // CAP_CHOWN, CAP_KILL, CAP_SYS_ADMIN, CAP_SETPCAP: effective, permitted, inheritable; twice 32 bits.
        let mut header = [0x2008_0522u32, 0];
        let mut sets = [0x21u32, 0x0020_0121, 0, 0, 0x80, 0];
        t.ok(SYS_capset, &[addr(&mut header), addr(&mut sets)]).has(&[
            ("cap_effective", 0x21),
            ("cap_permitted", 0x80_0020_0121),
            ("cap_inheritable", 0),
        ]);
    })
    .join()
    .expect("the thread's checks");
}

#[test]
fn sessions_and_groups() {
    let Some(mut t) = tracer() else { return };
    // cargo's test runner leads no session and may lead a group; a leader is refused.
    let event = t.call(SYS_setsid, &[]);
    assert!(event.ret == -i64::from(EPERM) || event.ret > 0);
    event.has(&[("res", event.ret)]);
    t.fails(SYS_setpgid, &[-1, 5], ESRCH).has(&[("pid", -1), ("pgid", 5)]);
    // SAFETY: no preconditions.
    let pid = i64::from(unsafe { getpid() });
    let event = t.call(SYS_setpgid, &[pid, pid]);
    event.has(&[("res", event.ret), ("pid", pid), ("pgid", pid)]);
}

#[test]
fn resource_limits() {
    let Some(mut t) = tracer() else { return };
    let nofile = RLIMIT_NOFILE as i64;
    let mut limit = [0u64; 2];
    let event = t.ok(SYS_getrlimit, &[nofile, addr(&mut limit)]);
    let [cur, max] = limit.map(|l| l as i64);
    event.has(&[("cur", cur), ("max", max), ("resource", 7)]);
    t.fails(SYS_getrlimit, &[99, addr(&mut limit)], EINVAL).has(&[
        ("cur", -1),
        ("max", -1),
        ("resource", 0xff),
    ]);
    t.ok(SYS_setrlimit, &[nofile, addr(&mut limit)]).has(&[
        ("cur", cur),
        ("max", max),
        ("resource", 7),
    ]);
    let mut wrong = [5u64, 4];
    t.fails(SYS_setrlimit, &[nofile, addr(&mut wrong)], EINVAL).has(&[
        ("cur", 5),
        ("max", 4),
        ("resource", 7),
    ]);
    let mut old = [0u64; 2];
    t.ok(SYS_prlimit64, &[0, nofile, addr(&mut limit), addr(&mut old)]).has(&[
        ("newcur", cur),
        ("newmax", max),
        ("oldcur", cur),
        ("oldmax", max),
        ("pid", 0),
        ("resource", 7),
    ]);
    t.fails(SYS_prlimit64, &[-1, 3, 0, 0], ESRCH).has(&[
        ("newcur", 0),
        ("newmax", 0),
        ("oldcur", -1),
        ("oldmax", -1),
        ("pid", -1),
        ("resource", 3),
    ]);
}

#[test]
fn signals() {
    let Some(mut t) = tracer() else { return };
    // SAFETY: no preconditions.
    let (pid, tid) = unsafe { (i64::from(getpid()), syscall(SYS_gettid)) };
    t.ok(SYS_kill, &[pid, 0]).has(&[("pid", pid), ("sig", 0)]);
    t.fails(SYS_kill, &[pid, 99], EINVAL).has(&[("pid", pid), ("sig", 99)]);
    t.ok(SYS_tkill, &[tid, 0]).has(&[("tid", tid), ("sig", 0)]);
    t.fails(SYS_tkill, &[-1, 15], EINVAL).has(&[("tid", -1), ("sig", 15)]);
    t.ok(SYS_tgkill, &[pid, tid, 0]).has(&[("pid", pid), ("tid", tid), ("sig", 0)]);
    t.fails(SYS_tgkill, &[pid, -1, 9], EINVAL).has(&[("pid", pid), ("tid", -1), ("sig", 9)]);
}
