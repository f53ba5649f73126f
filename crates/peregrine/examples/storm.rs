//! A bounded storm of short-lived processes and threads, for the live tests and for benchmarks.
//!
//! `storm COUNT` makes about COUNT processes of four kinds, several at a time, waits for all of
//! them and prints one line per process: `kind pid parent exit-code`. The parent is the one the
//! kernel knew at the fork. `storm leaf CODE` is what the exec kinds run.
//!
//! Each process inherits the descriptor 100 and closes it before it ends. What that is changes from
//! process to process: /etc/passwd for the kind `fork`, /etc/group for the others.

use std::collections::VecDeque;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::{Child, Command};

/// The descriptor that processes inherit.
const INHERITED: i32 = 100;
/// Children alive at once.
const WIDTH: usize = 16;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|a| a == "leaf") {
        close_inherited();
        std::process::exit(args.get(2).and_then(|c| c.parse().ok()).unwrap_or(0));
    }
    let count: u32 = args.get(1).and_then(|n| n.parse().ok()).unwrap_or(1000);
    let files = ["/etc/passwd", "/etc/group"]
        .map(|path| std::fs::File::open(path).unwrap_or_else(|error| panic!("{path}: {error}")));
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let mut running = VecDeque::new();
    for i in 0..count {
        let code = (i % 120) as i32;
        // SAFETY: the number is used for nothing else.
        unsafe { libc::dup2(files[i as usize % 2].as_raw_fd(), INHERITED) };
        match i % 4 {
            0 => running.push_back(("fork", plain_fork(code), code)),
            1 => running.push_back(("spawn", spawn(code), code)),
            2 => {
                let handle = std::thread::spawn(|| std::hint::black_box(1));
                handle.join().expect("the thread does nothing that can fail");
                running.push_back(("fork", plain_fork(code), code));
            }
            _ => {
                let (child, grandchild) = double_fork(code);
                let _ = writeln!(out, "orphan {grandchild} {child} {code}");
                running.push_back(("double", child, 0));
            }
        }
        if running.len() >= WIDTH {
            reap(&mut running, &mut out);
        }
    }
    while !running.is_empty() {
        reap(&mut running, &mut out);
    }
    out.flush().expect("stdout takes the list");
}

fn close_inherited() {
    // SAFETY: nobody else uses this number.
    unsafe { libc::close(INHERITED) };
}

/// Waits for the oldest child and prints it.
fn reap(running: &mut VecDeque<(&'static str, i32, i32)>, out: &mut impl Write) {
    let Some((kind, pid, code)) = running.pop_front() else { return };
    let mut status = 0;
    // SAFETY: a child of ours that nobody else waits for; status is a valid place.
    let waited = unsafe { libc::waitpid(pid, &mut status, 0) };
    assert_eq!(waited, pid, "waitpid: {}", std::io::Error::last_os_error());
    assert_eq!(libc::WEXITSTATUS(status), code, "{kind} {pid}");
    let _ = writeln!(out, "{kind} {pid} {} {code}", std::process::id());
}

fn plain_fork(code: i32) -> i32 {
    // SAFETY: no other thread exists at this point, and the child only closes a file and exits.
    match unsafe { libc::fork() } {
        0 => {
            close_inherited();
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(code) }
        }
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        pid => pid,
    }
}

/// `posix_spawn`, that is vfork and exec.
#[expect(clippy::zombie_processes, reason = "`reap` waits for it by pid, like for the others")]
fn spawn(code: i32) -> i32 {
    let exe = std::env::current_exe().expect("/proc is mounted");
    let child: Child =
        Command::new(exe).args(["leaf", &code.to_string()]).spawn().expect("spawn ourselves");
    child.id() as i32
}

/// A child that forks and exits at once: the grandchild is reparented. Returns both pids.
fn double_fork(code: i32) -> (i32, i32) {
    let mut pipe = [0i32; 2];
    // SAFETY: the array has room for two descriptors.
    assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
    // SAFETY: no other thread exists; the child uses only async-signal-safe calls.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: raw system calls on descriptors and a buffer we own; nothing returns.
            unsafe {
                let grandchild = libc::fork();
                close_inherited();
                if grandchild == 0 {
                    libc::_exit(code);
                }
                let bytes = grandchild.to_ne_bytes();
                libc::write(pipe[1], bytes.as_ptr().cast(), 4);
                libc::_exit(0)
            }
        }
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        child => {
            let mut bytes = [0u8; 4];
            // SAFETY: our descriptors, closed once; the buffer has four bytes.
            unsafe {
                libc::close(pipe[1]);
                assert_eq!(libc::read(pipe[0], bytes.as_mut_ptr().cast(), 4), 4);
                libc::close(pipe[0]);
            }
            (child, i32::from_ne_bytes(bytes))
        }
    }
}
