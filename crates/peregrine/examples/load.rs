//! Bounded loads for measurements and for the overload test. Prints what one round cost.
//!
//! * `load getppid COUNT`: a system call that nobody traces.
//! * `load openclose COUNT`: open and close of one file.
//! * `load exec COUNT`: vfork, exec of /bin/true, wait.
//! * `load tiny SECONDS`: 1-byte writes and reads as fast as they go, on every thread given by
//!   `THREADS` (default 1).
//! * `load mixed SECONDS`: eight 1-byte writes and reads of an open file, then an open and a close,
//!   on every thread given by `THREADS`; all threads are of one process.
//!
//! Each but `tiny` runs five times; the best and the median round are printed.

use std::process::Command;
use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let amount: u64 = args.get(2).and_then(|n| n.parse().ok()).unwrap_or_else(|| usage());
    match args.get(1).map(String::as_str) {
        Some("getppid") => rounds("ns per call", amount, 1.0, || {
            // SAFETY: no arguments, no effects.
            unsafe { libc::syscall(libc::SYS_getppid) };
        }),
        Some("openclose") => rounds("ns per pair", amount, 1.0, open_close),
        Some("exec") => rounds("us per exec", amount, 1000.0, || {
            assert!(Command::new("/bin/true").status().is_ok_and(|s| s.success()));
        }),
        Some("tiny") => tiny(Duration::from_secs(amount)),
        Some("mixed") => mixed(Duration::from_secs(amount)),
        _ => usage(),
    }
}

fn usage() -> ! {
    eprintln!("usage: load getppid|openclose|exec COUNT, load tiny|mixed SECONDS");
    std::process::exit(2)
}

fn rounds(unit: &str, count: u64, divisor: f64, mut act: impl FnMut()) {
    let mut each: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..count {
                act();
            }
            start.elapsed().as_nanos() as f64 / count as f64 / divisor
        })
        .collect();
    each.sort_by(f64::total_cmp);
    println!("best {:.0} median {:.0} {unit} ({count} x 5)", each[0], each[2]);
}

fn open_close() {
    // SAFETY: a constant path; the descriptor is ours and closed at once.
    unsafe {
        let fd = libc::open(c"/etc/hostname".as_ptr(), libc::O_RDONLY);
        libc::close(fd);
    }
}

fn tiny(length: Duration) {
    let threads: usize = std::env::var("THREADS").ok().and_then(|t| t.parse().ok()).unwrap_or(1);
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            std::thread::spawn(move || {
                let mut pipe = [0i32; 2];
                // SAFETY: room for two descriptors.
                assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
                let end = Instant::now() + length;
                let (mut byte, mut calls) = (0u8, 0u64);
                while calls.is_multiple_of(1024) && Instant::now() < end
                    || !calls.is_multiple_of(1024)
                {
                    // SAFETY: our own pipe and a one-byte buffer.
                    unsafe {
                        libc::write(pipe[1], (&raw const byte).cast(), 1);
                        libc::read(pipe[0], (&raw mut byte).cast(), 1);
                    }
                    calls += 2;
                }
                calls
            })
        })
        .collect();
    let calls: u64 = workers.into_iter().map(|w| w.join().expect("a loop without panics")).sum();
    println!("{calls} calls in {} s", length.as_secs());
}

fn mixed(length: Duration) {
    let threads: usize = std::env::var("THREADS").ok().and_then(|t| t.parse().ok()).unwrap_or(1);
    let calls: u64 = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(move || mixed_calls(length))).collect();
        workers.into_iter().map(|w| w.join().expect("a loop without panics")).sum()
    });
    println!("{calls} calls in {} s", length.as_secs());
}

fn mixed_calls(length: Duration) -> u64 {
    let end = Instant::now() + length;
    let (mut byte, mut calls) = (0u8, 0u64);
    // SAFETY: constant paths, a one-byte buffer, descriptors of our own.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        while Instant::now() < end {
            for _ in 0..64 {
                for _ in 0..8 {
                    libc::write(null, (&raw const byte).cast(), 1);
                    libc::read(null, (&raw mut byte).cast(), 1);
                }
                let fd = libc::open(c"/etc/hostname".as_ptr(), libc::O_RDONLY);
                libc::close(fd);
                calls += 18;
            }
        }
        libc::close(null);
    }
    calls
}
