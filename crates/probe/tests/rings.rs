//! Which ring a record is written to, and what becomes of those that are not.

mod rig;

use std::io::Read;

use peregrine_event::{HeaderFlags, Record, arg, code};
use peregrine_probe::ring::Ring;
use peregrine_probe::{Class, Hook, Options, Spread, route};

const READ: usize = 0;
const CLOSE: usize = 3;
const UMASK: usize = 95;
const GETPPID: usize = 110;
const RINGS: u32 = 3;

/// What was written, with the ring it was in.
fn drain(rings: &mut [Ring]) -> Vec<(u32, Vec<u8>)> {
    let mut all = Vec::new();
    for (index, ring) in (0..).zip(rings) {
        ring.drain(usize::MAX, |bytes| all.push((index, bytes.to_vec())));
    }
    all
}

/// Threads of this process that read something and close it.
fn read_in_threads() {
    let threads = (0..8).map(|_| {
        std::thread::spawn(|| {
            let mut byte = [0];
            std::fs::File::open("/dev/zero").and_then(|mut f| f.read_exact(&mut byte)).unwrap();
        })
    });
    threads.for_each(|thread| thread.join().unwrap());
}

/// Breaks if the kernel's side and its twin disagree on the ring of a thread group, or if a record
/// that changes the state leaves the ring of its thread group.
#[test]
fn records_are_where_the_twin_says() {
    let own = std::process::id();
    for spread in [Spread::Off, Spread::Hot, Spread::Tid, Spread::Cpu] {
        let (exclude, hook) = (None, Some(Hook::SysExit));
        let options = Options { rings: RINGS, spread, exclude, hook, ..Options::default() };
        let wanted = [(READ, 1, Class::Rule), (CLOSE, 1, Class::State)];
        let Some((probe, mut rings)) = rig::load(options, &wanted) else { return };
        let mut spreader = probe.spreader().unwrap();
        assert_eq!(spreader.is_some(), spread == Spread::Hot);
        let mut has_left = false;
        for is_hot in [false, true] {
            drain(&mut rings);
            if let (Some(spreader), true) = (&mut spreader, is_hot) {
                assert!(spreader.add(own).unwrap());
            }
            read_in_threads();
            let all = drain(&mut rings);
            let (mut reads, mut closes) = (0, 0);
            for (ring, bytes) in &all {
                let record = Record::parse(bytes).unwrap();
                let header = record.header();
                let home = route(header.tgid, RINGS);
                let is_read = record.code() == code::SYSCALL_READ_X;
                let expected = match spread {
                    _ if !is_read => home,
                    Spread::Off => home,
                    Spread::Hot if !is_hot || header.tgid != own => home,
                    Spread::Hot | Spread::Tid => route(header.tid, RINGS),
                    Spread::Cpu => route(header.cpu.into(), RINGS),
                };
                assert_eq!(*ring, expected, "{spread:?}, {is_hot}: {header:?}");
                has_left |= expected != home;
                reads += u32::from(is_read && header.tgid == own);
                closes += u32::from(record.code() == code::SYSCALL_CLOSE_X && header.tgid == own);
            }
            assert!(reads >= 8 && closes >= 8, "{reads} reads, {closes} closes");
        }
        // By CPU it depends on the scheduler.
        assert!(has_left || matches!(spread, Spread::Off | Spread::Cpu), "{spread:?}");
    }
}

/// Breaks if a record that is lost in turn takes along the note that state was lost.
#[test]
fn what_was_lost_is_told_by_the_next_record_that_is_written() {
    let (exclude, hook) = (None, Some(Hook::SysExit));
    let options = Options { ring_bytes: 4096, exclude, hook, ..Options::default() };
    let wanted = [(UMASK, 1, Class::State), (GETPPID, 2, Class::Rule)];
    let Some((probe, mut rings)) = rig::load(options, &wanted) else { return };
    let lost = |class: Class| probe.drops().unwrap().of_class(class as u32);
    // SAFETY: these calls take no pointers; the mask is put back.
    let umask = || unsafe { libc::umask(libc::umask(0o77)) };
    for _ in 0..1000 {
        umask();
        if lost(Class::State) > 0 {
            break;
        }
    }
    assert!(lost(Class::State) > 0, "the ring is full");
    let before = lost(Class::Rule);
    for _ in 0..10 {
        let _ = std::os::unix::process::parent_id();
    }
    assert!(lost(Class::Rule) >= before + 10, "a lower class has no room either");
    let mut all = drain(&mut rings);
    umask();
    all.extend(drain(&mut rings));
    let own = std::process::id();
    let of_own: Vec<_> = all
        .iter()
        .map(|(_, bytes)| *Record::parse(bytes).unwrap().header())
        .filter(|header| header.tgid == own)
        .collect();
    assert!(of_own.iter().any(|header| header.flags.has(HeaderFlags::STATE_LOST)), "{of_own:?}");
}

/// Breaks if a path that is too long to be walked to its root passes for one from the root.
#[test]
fn a_path_without_its_front_is_marked() {
    let options = Options { exclude: None, hook: Some(Hook::SysExit), ..Options::default() };
    let calls = [(59, 1, Class::Lifecycle), (322, 1, Class::Lifecycle)];
    let Some((_probe, mut rings)) = rig::load(options, &calls) else { return };
    let top = tempfile::tempdir().unwrap();
    let mut deep = top.path().join("usr/bin");
    (0..62).for_each(|_| deep.push("d"));
    std::fs::create_dir_all(&deep).unwrap();
    let program = deep.join("true");
    std::fs::copy("/bin/true", &program).unwrap();
    let mut child = std::process::Command::new(&program).spawn().unwrap();
    let pid = child.id();
    child.wait().unwrap();
    use arg::syscall_execve_19_x as a;
    let is_exec = |record: &Record<'_>| {
        record.tid() == pid
            && record.code() == code::SYSCALL_EXECVE_19_X
            && record.int(a::res) == Some(0)
    };
    let all = rig::records(&mut rings, |record| is_exec(record));
    let exec =
        all.iter().map(|bytes| Record::parse(bytes).unwrap()).find(is_exec).expect("an exec");
    let path = String::from_utf8_lossy(exec.text(a::trusted_exepath).unwrap()).into_owned();
    assert!(path.ends_with("/d/true") && path.len() > 100, "{path}");
    assert!(!path.starts_with('/'), "{path}");
    assert!(exec.header().flags.has(HeaderFlags::TRUNCATED));
}
