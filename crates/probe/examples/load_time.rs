//! What loading the probe takes: `load_time [ROUNDS] [sys-exit|fexit|auto]` loads it with the calls
//! that the state needs and with all calls, and prints the median of the rounds, then the programs
//! that the verifier works longest at.

use std::time::{Duration, Instant};

use peregrine_event::syscalls::X86_64;
use peregrine_event::{EventFlags, code};
use peregrine_probe::loader::{DEDICATED, SYSCALLS, with_class};
use peregrine_probe::{Class, Hook, Options, Probe, ProgramSize};

/// CPU time of this process, in user space and in the kernel.
fn cpu_time() -> (Duration, Duration) {
    // SAFETY: all zero is a valid value of this plain structure.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: a valid place for the result.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    (time(usage.ru_utime), time(usage.ru_stime))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn interest(all: bool) -> [u8; SYSCALLS] {
    let mut table = [0; SYSCALLS];
    for syscall in X86_64.iter().filter(|syscall| syscall.exit != code::GENERIC_X) {
        let def = syscall.exit.def();
        if all || def.is_some_and(|def| def.flags.has(EventFlags::MODIFIES_STATE)) {
            table[syscall.number as usize] = with_class(DEDICATED, Class::State);
        }
    }
    table
}

fn measure(
    rounds: usize,
    hook: Option<Hook>,
    all: bool,
) -> Result<Vec<ProgramSize>, Box<dyn std::error::Error>> {
    let options = Options { rings: 2, hook, ..Options::default() };
    let (mut wall, mut user, mut kernel) = (Vec::new(), Vec::new(), Vec::new());
    let mut programs = Vec::new();
    for _ in 0..rounds.max(1) {
        let (before, started) = (cpu_time(), Instant::now());
        let probe = Probe::load(options.clone(), &interest(all))?;
        wall.push(started.elapsed());
        let after = cpu_time();
        user.push(after.0 - before.0);
        kernel.push(after.1 - before.1);
        programs = probe.programs()?;
    }
    let verified: u32 = programs.iter().map(|program| program.verified).sum();
    println!(
        "{}: {} programs, {verified} instructions verified; {:?}, of which {:?} on a CPU in user \
         space and {:?} in the kernel",
        if all { "all calls" } else { "state" },
        programs.len(),
        median(wall),
        median(user),
        median(kernel)
    );
    Ok(programs)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let rounds = args.next().map_or(Ok(5), |rounds| rounds.parse())?;
    let hook = match args.next().as_deref() {
        None | Some("auto") => None,
        Some("fexit") => Some(Hook::Fexit),
        Some("sys-exit") => Some(Hook::SysExit),
        Some(other) => return Err(format!("{other} is no hook").into()),
    };
    measure(rounds, hook, false)?;
    if hook != Some(Hook::Fexit) {
        let mut programs = measure(rounds, hook, true)?;
        programs.sort_by_key(|program| std::cmp::Reverse(program.verified));
        for ProgramSize { name, instructions, verified } in programs.iter().take(12) {
            println!("{verified:>8} verified {instructions:>6} instructions {name}");
        }
    }
    Ok(())
}
