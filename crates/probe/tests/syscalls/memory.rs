//! bpf/syscalls/memory.bpf.h

use libc::*;

use crate::tracer::{Event, tracer};

const PAGE: i64 = 4096;

/// The sizes are those of this process: not zero, and the resident part is below the whole.
fn check_sizes(event: &Event) {
    let (size, rss) = (event.int("vm_size"), event.int("vm_rss"));
    assert!(size > 1000 && size < 1 << 31, "vm_size {size}");
    assert!(rss > 0 && rss <= size, "vm_rss {rss}");
    assert!(event.int("vm_swap") >= 0);
}

#[test]
fn mappings() {
    let Some(mut t) = tracer() else { return };
    let flags = i64::from(MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    let map = t.ok(SYS_mmap, &[0, 3 * PAGE, i64::from(PROT_READ | PROT_WRITE), flags, -1, 0]);
    map.has(&[
        ("res", map.ret),
        ("addr", 0),
        ("length", 3 * PAGE),
        ("prot", 3),
        ("flags", 0x4a),
        ("fd", -1),
        ("offset", 0),
    ]);
    check_sizes(&map);
    t.fails(SYS_mmap, &[0, PAGE, 1, i64::from(MAP_SHARED), -1, PAGE], EBADF).has(&[
        ("prot", 1),
        ("flags", 1),
        ("fd", -1),
        ("offset", PAGE),
    ]);
    let at = map.ret;
    t.ok(SYS_mprotect, &[at, PAGE, 5]).has(&[("addr", at), ("length", PAGE), ("prot", 5)]);
    t.fails(SYS_mprotect, &[1, PAGE, 1], EINVAL).has(&[("addr", 1), ("length", PAGE), ("prot", 1)]);
    t.ok(SYS_mlock, &[at, PAGE]).has(&[("addr", at), ("len", PAGE)]);
    t.fails(SYS_mlock, &[PAGE, PAGE], ENOMEM).has(&[("addr", PAGE), ("len", PAGE)]);
    t.ok(SYS_mlock2, &[at, PAGE, 1]).has(&[("addr", at), ("len", PAGE), ("flags", 1)]);
    t.fails(SYS_mlock2, &[at, PAGE, 2], EINVAL).has(&[("addr", at), ("flags", 0)]);
    t.ok(SYS_munlock, &[at, PAGE]).has(&[("addr", at), ("len", PAGE)]);
    t.fails(SYS_munlock, &[PAGE, PAGE], ENOMEM).has(&[("addr", PAGE), ("len", PAGE)]);
    let event = t.ok(SYS_munmap, &[at, 3 * PAGE]);
    event.has(&[("addr", at), ("length", 3 * PAGE)]);
    check_sizes(&event);
    t.fails(SYS_munmap, &[1, PAGE], EINVAL).has(&[("addr", 1), ("length", PAGE)]);
}

#[test]
fn locks_of_everything() {
    let Some(mut t) = tracer() else { return };
    let event = t.call(SYS_mlockall, &[1 | 4]);
    event.has(&[("res", event.ret), ("flags", 5)]);
    t.fails(SYS_mlockall, &[8], EINVAL).has(&[("flags", 0)]);
    t.ok(SYS_munlockall, &[]).has(&[("res", 0)]);
}

#[test]
fn program_break() {
    let Some(mut t) = tracer() else { return };
    let event = t.call(SYS_brk, &[0]);
    event.has(&[("res", event.ret), ("addr", 0)]);
    check_sizes(&event);
    // What cannot be done leaves the break where it is.
    let event2 = t.call(SYS_brk, &[1]);
    event2.has(&[("res", event.ret), ("addr", 1)]);
}
