//! Which programs are loaded and when, and what the verifier has to do for them.
//!
//! Skipped, with the reason, where BPF programs may not be loaded. `PEREGRINE_TEST_HOOK=fexit`
//! chooses the other rung.

use peregrine_event::syscalls::X86_64;
use peregrine_event::{Record, arg, code};
use peregrine_probe::loader::{DEDICATED, OFF, SYSCALLS, with_class};
use peregrine_probe::{Capabilities, Class, Hook, Options, Probe, Ring};

const READ: usize = 0;
const READV: usize = 19;
const OPENAT: usize = 257;

fn interest(calls: &[usize]) -> [u8; SYSCALLS] {
    let mut table = [OFF; SYSCALLS];
    for call in calls {
        table[*call] = with_class(DEDICATED, Class::Lifecycle);
    }
    table
}

/// Lets this thread read `bytes` bytes with `read` and `readv`; how often each was reported.
fn reported(ring: &mut Ring, bytes: usize) -> (usize, usize) {
    ring.drain(usize::MAX, |_| {});
    let zero = std::fs::File::open("/dev/zero").expect("it exists");
    let fd = std::os::fd::AsRawFd::as_raw_fd(&zero);
    let mut buffer = vec![0u8; bytes];
    let vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: bytes };
    // SAFETY: the buffer and the vector live through both calls, of which the kernel keeps nothing.
    let (read, readv) =
        unsafe { (libc::read(fd, vector.iov_base, bytes), libc::readv(fd, &vector, 1)) };
    assert_eq!((read, readv), (bytes as isize, bytes as isize));
    // SAFETY: no preconditions.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
    let mut counts = (0, 0);
    ring.drain(usize::MAX, |record| {
        let record = Record::parse(record).expect("the probe writes whole records");
        if record.tid() != tid {
            return;
        }
        counts.0 += usize::from(record.code() == code::SYSCALL_READ_X);
        counts.1 += usize::from(record.code() == code::SYSCALL_READV_X);
    });
    counts
}

/// Breaks if rules that come with a reload do not get the calls that no rule wanted before.
#[test]
fn calls_nobody_wanted_at_the_start_can_be_switched_on() {
    if let Err(reason) = Capabilities::detect().check() {
        eprintln!("skipped: {reason}");
        return;
    }
    let hook = match std::env::var("PEREGRINE_TEST_HOOK").as_deref() {
        Ok("fexit") => Hook::Fexit,
        _ => Hook::SysExit,
    };
    let options = Options { exclude: None, hook: Some(hook), ..Options::default() };
    let probe = Probe::load(options, &interest(&[OPENAT])).expect("the probe loads");
    let mut ring = probe.ring(0).expect("a ring maps");
    probe.enable().expect("the probe starts");
    assert_eq!(reported(&mut ring, 4001), (0, 0));

    probe.set_interest(&interest(&[OPENAT, READ])).expect("read is loaded");
    assert_eq!(reported(&mut ring, 4002), (1, 0));
    probe.set_interest(&interest(&[OPENAT])).expect("read is switched off");
    assert_eq!(reported(&mut ring, 4003), (0, 0));
    probe.set_interest(&interest(&[READV, READ])).expect("readv is loaded, read is there");
    assert_eq!(reported(&mut ring, 4004), (1, 1));

    // What was there from the start was not loaded again.
    ring.drain(usize::MAX, |_| {});
    let mut child = std::process::Command::new("/bin/true").spawn().expect("a program starts");
    let pid = u64::from(child.id());
    child.wait().expect("it ends");
    let mut markers = 0;
    ring.drain(usize::MAX, |record| {
        let record = Record::parse(record).expect("the probe writes whole records");
        let child = record.int(arg::fork_marker_x::child_tid);
        markers += usize::from(record.code() == code::FORK_MARKER_X && child == Some(pid as i64));
    });
    assert_eq!(markers, 1);
    assert_eq!(probe.left_out(), []);
}

/// Breaks if a process that gives its privileges up cannot switch calls on afterwards.
#[test]
fn the_rest_can_be_loaded_ahead() {
    if let Err(reason) = Capabilities::detect().check() {
        eprintln!("skipped: {reason}");
        return;
    }
    let options = Options { hook: Some(Hook::SysExit), ..Options::default() };
    let probe = Probe::load(options, &interest(&[OPENAT])).expect("the probe loads");
    let count = || probe.programs().expect("the kernel tells of its programs").len();
    let few = count();
    probe.load_rest().expect("the rest is loaded");
    let all = count();
    assert!(few + 100 < all, "{few} and {all}");
    probe.set_interest(&interest(&[READ, READV])).expect("calls are switched on");
    probe.load_rest().expect("there is nothing left");
    assert_eq!(count(), all);
}

/// Breaks if the verifier walks a program again and again: the load of all would take seconds.
/// Such a program needs a step of its own for its loop, or `rec_join` (bpf/lib/record.bpf.h).
#[test]
fn no_program_takes_the_verifier_long() {
    const MOST_INSTRUCTIONS: u32 = 15_000;
    if let Err(reason) = Capabilities::detect().check() {
        eprintln!("skipped: {reason}");
        return;
    }
    let calls: Vec<usize> = X86_64
        .iter()
        .filter(|syscall| syscall.exit != code::GENERIC_X)
        .map(|syscall| usize::from(syscall.number))
        .collect();
    let options = Options { hook: Some(Hook::SysExit), ..Options::default() };
    let load = |calls: &[usize]| {
        let probe = Probe::load(options.clone(), &interest(calls)).expect("the probe loads");
        probe.programs().expect("the kernel tells of its programs")
    };
    let all = load(&calls);
    let long: Vec<_> = all.iter().filter(|p| p.verified > MOST_INSTRUCTIONS).collect();
    assert!(long.is_empty(), "{long:?}");

    // Calls that nobody wants have no program.
    let few = load(&[OPENAT]);
    let encoders = few.iter().filter(|program| program.name.starts_with("exit_"));
    let mut names: Vec<_> = encoders.map(|program| program.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["exit_openat", "exit_syscall"]);
    assert!(few.len() + 100 < all.len(), "{} and {}", few.len(), all.len());
}
