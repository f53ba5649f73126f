//! Calls through the 32-bit entry (`int 0x80`), where the kernel has one.

use std::arch::asm;

use libc::*;
use peregrine_probe::loader::DEDICATED;

use crate::tracer::{Event, close, tracer};

/// Numbers of arch/x86/entry/syscalls/syscall_32.tbl.
const IA32_WRITE: u32 = 4;
const IA32_CLOSE: u32 = 6;
const IA32_GETPID: u32 = 20;
const IA32_DUP2: u32 = 63;
const IA32_WRITEV: u32 = 146;

/// Makes an ia32 call with three arguments.
fn int80(number: u32, a: u32, b: u32, c: u32) -> i32 {
    let ret: i32;
    // SAFETY: `int 0x80` clobbers r8 to r11 on some kernels; pointers are checked by the kernel.
    // rbx may not be named as an operand, so it is swapped in and out.
    unsafe {
        asm!(
            "xchg rbx, {b}",
            "int 0x80",
            "xchg rbx, {b}",
            b = inout(reg) u64::from(a) => _,
            inlateout("eax") number as i32 => ret,
            in("ecx") b,
            in("edx") c,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    ret
}

/// Whether `int 0x80` is served: a kernel without it kills the caller, so a child asks.
fn is_served() -> bool {
    // SAFETY: the child makes one call and ends.
    unsafe {
        let child = fork();
        if child == 0 {
            let pid = int80(IA32_GETPID, 0, 0, 0);
            _exit(i32::from(pid != getpid()));
        }
        let mut status = 0;
        waitpid(child, &mut status, 0);
        WIFEXITED(status) && WEXITSTATUS(status) == 0
    }
}

/// Memory below 4 GiB, which such a caller can name.
fn low_memory() -> u32 {
    // SAFETY: a new mapping; it stays until the end of the test program.
    let at = unsafe {
        mmap(
            std::ptr::null_mut(),
            4096,
            PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
            -1,
            0,
        )
    };
    assert_ne!(at, MAP_FAILED);
    at as usize as u32
}

fn one(native: i64, action: impl FnOnce() -> i32) -> Option<Event> {
    let mut t = tracer()?;
    let (ret, mut events) = t.trace(&[(native, DEDICATED)], action);
    assert_eq!(events.len(), 1, "events of system call {native}");
    events[0].ret = i64::from(ret);
    assert!(events[0].is_compat());
    Some(events.remove(0))
}

#[test]
fn ia32_calls() {
    if !is_served() {
        eprintln!("skipped: this kernel serves no 32-bit calls");
        return;
    }
    let Some(event) = one(SYS_dup2, || int80(IA32_DUP2, 2, 955, 0)) else { return };
    event.has(&[("res", 955), ("oldfd", 2), ("newfd", 955)]);
    close(955);
    let Some(event) = one(SYS_close, || int80(IA32_CLOSE, u32::MAX, 0, 0)) else { return };
    event.has(&[("res", -i64::from(EBADF)), ("fd", -1)]);
    let low = low_memory();
    // SAFETY: the mapping is this test's own. Layout: eight bytes of text, then two iovecs of two
    // words each.
    unsafe {
        std::ptr::copy_nonoverlapping(b"abcdefgh".as_ptr(), low as usize as *mut u8, 8);
        let iovecs = [low, 3, low + 4, 2];
        std::ptr::copy_nonoverlapping(iovecs.as_ptr(), (low as usize + 16) as *mut u32, 4);
    }
    // SAFETY: a valid path.
    let null = unsafe { open(c"/dev/null".as_ptr(), O_WRONLY) };
    let Some(event) = one(SYS_write, || int80(IA32_WRITE, null as u32, low, 8)) else { return };
    event.is("data", b"abcdefgh").has(&[("res", 8), ("fd", i64::from(null)), ("size", 8)]);
    let Some(event) = one(SYS_writev, || int80(IA32_WRITEV, null as u32, low + 16, 2)) else {
        return;
    };
    event.is("data", b"abcef").has(&[("res", 5), ("size", 5)]);
    close(i64::from(null));
}
