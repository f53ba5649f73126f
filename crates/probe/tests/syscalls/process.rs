//! bpf/syscalls/module_bpf.bpf.h and generic.bpf.h

use libc::*;
use peregrine_event::code;
use peregrine_event::syscalls::SYSCALL_NAMES;

use crate::tracer::{BAD, addr, at, c, close, tracer};

fn dyn_word(variant: u8, value: i64) -> Vec<u8> {
    [&[variant][..], &value.to_le_bytes()].concat()
}

fn dyn_text(variant: u8, text: &str) -> Vec<u8> {
    [&[variant][..], text.as_bytes(), b"\0"].concat()
}

#[test]
fn modules() {
    let Some(mut t) = tracer() else { return };
    let mut image = *b"not a module";
    let event = t.call(SYS_init_module, &[addr(&mut image), 12, at(&c("a=1"))]);
    assert!(event.ret < 0);
    event
        .is("img", b"not a module")
        .text("uargs", "a=1")
        .has(&[("res", event.ret), ("length", 12)]);
    let event = t.call(SYS_finit_module, &[-1, at(&c("b=2")), 3]);
    assert!(event.ret < 0);
    event.text("uargs", "b=2").has(&[("res", event.ret), ("fd", -1), ("flags", 3)]);
    let event = t.call(SYS_delete_module, &[at(&c("no-such")), i64::from(O_NONBLOCK | O_TRUNC)]);
    assert!(event.ret < 0);
    event.text("name", "no-such").has(&[("res", event.ret), ("flags", 3)]);
}

#[test]
fn bpf() {
    let Some(mut t) = tracer() else { return };
    // BPF_MAP_CREATE of an array of one word.
    let mut attr = [2u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut one = |cmd: i64| {
        let mut events = t.call_many(SYS_bpf, &[cmd, addr(&mut attr), 64]);
        // The tracer itself updates its table (BPF_MAP_UPDATE_ELEM).
        events.retain(|event| event.int("cmd") != 2);
        assert_eq!(events.len(), 1);
        events.remove(0)
    };
    let event = one(0);
    assert!(event.ret >= 0);
    event.has(&[("fd", event.ret), ("cmd", 0)]);
    close(event.ret);
    one(9999).has(&[("fd", -i64::from(EINVAL)), ("cmd", 9999)]);
}

#[test]
fn seccomp() {
    let Some(mut t) = tracer() else { return };
    // SECCOMP_GET_ACTION_AVAIL of SECCOMP_RET_ALLOW
    let mut action = 0x7fff_0000u32;
    t.ok(SYS_seccomp, &[2, 0, addr(&mut action)]).has(&[("op", 2), ("flags", 0)]);
    t.fails(SYS_seccomp, &[77, 5, 0], EINVAL).has(&[("op", 77), ("flags", 5)]);
}

#[test]
fn prctl_() {
    let Some(mut t) = tracer() else { return };
    t.ok(SYS_prctl, &[15, at(&c("renamed"))])
        .text("arg2_str", "renamed")
        .has(&[("option", 15), ("arg2_int", 0)]);
    let mut name = [0u8; 16];
    t.ok(SYS_prctl, &[16, addr(&mut name)]).text("arg2_str", "renamed").has(&[("option", 16)]);
    let mut reaper = 5i32;
    t.ok(SYS_prctl, &[37, addr(&mut reaper)])
        .is("arg2_str", b"")
        .has(&[("option", 37), ("arg2_int", 0)]);
    t.fails(SYS_prctl, &[4, 9], EINVAL).is("arg2_str", b"").has(&[("option", 4), ("arg2_int", 9)]);
}

#[test]
fn ptrace_() {
    let Some(mut t) = tracer() else { return };
    t.fails(SYS_ptrace, &[16, -1, 3, 4], ESRCH)
        .is("addr", &dyn_word(0, 0))
        .is("data", &dyn_word(0, 0))
        .has(&[("request", 0xb), ("pid", -1)]);
    // A child that stops itself so that it can be looked at.
    // SAFETY: the child only traces, stops and ends.
    let child = unsafe { fork() };
    if child == 0 {
        // SAFETY: as above.
        unsafe {
            syscall(SYS_ptrace, 0, 0, 0, 0);
            raise(SIGSTOP);
            _exit(0);
        }
    }
    let pid = i64::from(child);
    let mut status = 0i32;
    // SAFETY: a valid place for the status.
    assert_eq!(i64::from(unsafe { waitpid(child, &mut status, 0) }), pid);
    static WORD: i64 = 0x1122_3344_5566_7788;
    let word = std::ptr::from_ref(&WORD) as i64;
    let mut peeked = 0i64;
    t.ok(SYS_ptrace, &[2, pid, word, addr(&mut peeked)])
        .is("addr", &dyn_word(0, word))
        .is("data", &dyn_word(0, WORD))
        .has(&[("request", 3), ("pid", pid)]);
    t.ok(SYS_ptrace, &[7, pid, 1, i64::from(SIGKILL)])
        .is("addr", &dyn_word(0, 1))
        .is("data", &[1, SIGKILL as u8])
        .has(&[("request", 8), ("pid", pid)]);
    // SAFETY: as above.
    unsafe { waitpid(child, &mut status, 0) };
}

#[test]
fn keyctl() {
    let Some(mut t) = tracer() else { return };
    let zero = dyn_word(0, 0);
    // KEYCTL_GET_KEYRING_ID of the session keyring: one may not be there.
    let event = t.call(SYS_keyctl, &[0, -3, 0, 9, 9]);
    event
        .is("arg2", &dyn_word(0, -3))
        .is("arg3", &zero)
        .is("arg4", &zero)
        .is("arg5", &zero)
        .has(&[("res", event.ret), ("operation", 0)]);
    // KEYCTL_SEARCH: a type and a description.
    let event = t.call(SYS_keyctl, &[10, -3, at(&c("user")), at(&c("mine")), 4]);
    assert!(event.ret < 0);
    event
        .is("arg2", &dyn_word(0, -3))
        .is("arg3", &dyn_text(1, "user"))
        .is("arg4", &dyn_text(1, "mine"))
        .is("arg5", &dyn_word(0, 4))
        .has(&[("res", event.ret), ("operation", 10)]);
    let event = t.call(SYS_keyctl, &[1, BAD]);
    event.is("arg2", &[1]).is("arg3", &zero);
    let event = t.call(SYS_keyctl, &[777, 1, 2, 3, 4]);
    assert!(event.ret < 0);
    event.is("arg2", &zero).is("arg5", &zero).has(&[("operation", 777)]);
}

#[test]
fn generic() {
    let Some(mut t) = tracer() else { return };
    let event = t.generic(SYS_sched_yield, &[11, 12, 13, 14, 15, 16]);
    assert_eq!(event.code(), code::GENERIC_X);
    assert_eq!(SYSCALL_NAMES[event.int("ID") as usize], "sched_yield");
    event.has(&[
        ("nativeID", SYS_sched_yield),
        ("res", 0),
        ("arg0", 11),
        ("arg1", 12),
        ("arg2", 13),
        ("arg3", 14),
        ("arg4", 15),
        ("arg5", 16),
    ]);
    let event = t.generic(SYS_fsync, &[-1]);
    assert_eq!(SYSCALL_NAMES[event.int("ID") as usize], "fsync");
    event.has(&[("nativeID", SYS_fsync), ("res", -i64::from(EBADF)), ("arg0", -1)]);
}
