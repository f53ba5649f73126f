//! Loads the probe, counts what arrives for a few seconds, and prints the counts per event type:
//! the quickest way to see whether a kernel takes the probe. `watch [SECONDS] [fexit|sys-exit|auto]`;
//! `watch programs [PREFIX]` loads every program alone and prints those that are refused.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use peregrine_event::syscalls::X86_64;
use peregrine_event::{EventFlags, Record, code};
use peregrine_probe::loader::{DEDICATED, GENERIC, SYSCALLS, with_class};
use peregrine_probe::{Class, Hook, Options, Probe};

fn programs(prefix: &str) -> Result<(), Box<dyn std::error::Error>> {
    let (tried, refusals) = peregrine_probe::doctor::programs(prefix)?;
    for refusal in &refusals {
        println!("refused {}: {}", refusal.program, refusal.reason);
    }
    println!("{tried} programs, {} refused", refusals.len());
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let first = args.next();
    if first.as_deref() == Some("programs") {
        return programs(&args.next().unwrap_or_default());
    }
    let seconds: u64 = first.map_or(Ok(2), |a| a.parse())?;
    let hook = match args.next().as_deref() {
        None | Some("auto") => None,
        Some("fexit") => Some(Hook::Fexit),
        Some("sys-exit") => Some(Hook::SysExit),
        Some(other) => return Err(format!("{other} is no hook").into()),
    };
    let mut interest = [0u8; SYSCALLS];
    for syscall in &X86_64 {
        let is_state =
            syscall.exit.def().is_some_and(|def| def.flags.has(EventFlags::MODIFIES_STATE));
        let (kind, class) = match (syscall.exit, is_state) {
            (code::GENERIC_X, _) => (GENERIC, Class::Other),
            (_, true) => (DEDICATED, Class::State),
            (_, false) => (DEDICATED, Class::Other),
        };
        // The fexit rung cannot serve every call; those that the state needs it can.
        if hook != Some(Hook::Fexit) || is_state {
            interest[syscall.number as usize] = with_class(kind, class);
        }
    }
    let start = Instant::now();
    let options = Options { measure: true, hook, ..Options::default() };
    let probe = Probe::load(options, &interest)?;
    println!("loaded in {:?}, hook {:?}", start.elapsed(), probe.hook());
    for refusal in probe.left_out() {
        println!("left out {}: {}", refusal.program, refusal.reason);
    }
    let mut ring = probe.ring(0)?;
    probe.enable()?;
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut bad = 0;
    while Instant::now() < end {
        let batch = ring.drain(4096, |bytes| match Record::parse(bytes) {
            Ok(record) => {
                let entry = counts.entry(record.def().name).or_default();
                *entry = (entry.0 + 1, entry.1 + bytes.len() as u64);
            }
            Err(error) => {
                bad += 1;
                eprintln!("{error}");
            }
        });
        if batch.records == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    for (name, (count, bytes)) in &counts {
        println!("{count:>8} {name} ({} bytes each)", bytes / count);
    }
    println!("{bad} malformed, drops {:?}", probe.drops()?.by_class_and_cause());
    for cost in probe.costs() {
        println!("{:>10} runs {:>6} ns each  {}", cost.runs, cost.ns / cost.runs, cost.name);
    }
    let start = Instant::now();
    drop(probe);
    println!("detached in {:?}", start.elapsed());
    Ok(())
}
