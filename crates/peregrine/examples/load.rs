//! Bounded loads for measurements and for the overload test. Prints what one round cost.
//!
//! * `load getppid COUNT`: a system call that nobody traces.
//! * `load openclose COUNT`: open and close of one file.
//! * `load exec COUNT`: vfork, exec of /bin/true, wait.
//! * `load tiny SECONDS`: 1-byte writes and reads as fast as they go, on every thread given by
//!   `THREADS` (default 1).
//! * `load mixed SECONDS [RATE]`: eight 1-byte writes and reads of an open file, then an open and a
//!   close, on every thread given by `THREADS`; all threads are of one process. With a rate so many
//!   calls per second, by all threads together, in a burst about every millisecond.
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
        Some("mixed") => {
            let rate = args.get(3).map(|rate| rate.parse().unwrap_or_else(|_| usage()));
            mixed(Duration::from_secs(amount), rate);
        }
        _ => usage(),
    }
}

fn usage() -> ! {
    eprintln!(
        "usage: load getppid|openclose|exec COUNT, load tiny SECONDS, load mixed SECONDS [RATE]"
    );
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

/// Calls of one round of `mixed`.
const ROUND: u64 = 18;
/// Most rounds that a thread which was not run in time makes up for at once; the others are left out.
const MOST_AT_ONCE: u64 = 64;

fn mixed(length: Duration, rate: Option<u32>) {
    let threads: usize = std::env::var("THREADS").ok().and_then(|t| t.parse().ok()).unwrap_or(1);
    let rounds_per_s = rate.map(|rate| f64::from(rate) / ROUND as f64 / threads as f64);
    let calls: u64 = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(move || mixed_calls(length, rounds_per_s))).collect();
        workers.into_iter().map(|w| w.join().expect("a loop without panics")).sum()
    });
    println!("{calls} calls in {} s", length.as_secs());
}

fn mixed_calls(length: Duration, rounds_per_s: Option<f64>) -> u64 {
    let began = Instant::now();
    let (mut done, mut left_out) = (0, 0);
    // SAFETY: a constant path; the descriptor is closed below.
    let null = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
    while began.elapsed() < length {
        let at_once = match rounds_per_s {
            None => MOST_AT_ONCE,
            Some(rate) => {
                let due = (began.elapsed().as_secs_f64() * rate) as u64 - done - left_out;
                left_out += due.saturating_sub(MOST_AT_ONCE);
                due.min(MOST_AT_ONCE)
            }
        };
        (0..at_once).for_each(|_| mixed_round(null));
        done += at_once;
        if rounds_per_s.is_some() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    // SAFETY: a descriptor of our own.
    unsafe { libc::close(null) };
    done * ROUND
}

fn mixed_round(null: i32) {
    let mut byte = 0u8;
    // SAFETY: constant paths, a one-byte buffer, descriptors of our own.
    unsafe {
        for _ in 0..8 {
            libc::write(null, (&raw const byte).cast(), 1);
            libc::read(null, (&raw mut byte).cast(), 1);
        }
        let fd = libc::open(c"/etc/hostname".as_ptr(), libc::O_RDONLY);
        libc::close(fd);
    }
}
