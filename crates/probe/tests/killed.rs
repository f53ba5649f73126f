//! A loader that is killed leaves nothing in the kernel: all that holds the programs are its fds.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libbpf_rs::query::ProgInfoIter;
use peregrine_probe::Capabilities;

/// The names of programs that every rung attaches.
const NAMES: [&str; 3] = ["birth", "exec", "thread_exit"];

/// Ids of all programs with one of our names.
fn ours() -> BTreeSet<u32> {
    ProgInfoIter::default()
        .filter(|info| info.name.to_str().is_ok_and(|name| NAMES.contains(&name)))
        .filter(|info| info.created_by_uid == 0)
        .map(|info| info.id)
        .collect()
}

fn watch() -> PathBuf {
    let test = std::env::current_exe().expect("/proc is mounted");
    test.ancestors().nth(2).expect("target/profile/deps/test").join("examples/watch")
}

/// Waits until a condition holds; says whether it does.
fn wait(patience: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    holds()
}

/// Breaks if anything is pinned, or held by a process that the loader leaves behind.
#[test]
fn nothing_stays_attached_after_a_kill() {
    if let Err(reason) = Capabilities::detect().check() {
        eprintln!("skipped: {reason}");
        return;
    }
    if !watch().exists() {
        eprintln!("skipped: {} is not built", watch().display());
        return;
    }
    let mut child =
        Command::new(watch()).arg("60").stdout(Stdio::null()).spawn().expect("the example starts");
    // Only what this process holds counts: other tests load the probe too.
    let fdinfo = PathBuf::from(format!("/proc/{}/fdinfo", child.id()));
    let held = || -> BTreeSet<u32> {
        let Ok(fds) = std::fs::read_dir(&fdinfo) else { return BTreeSet::new() };
        fds.flatten()
            .filter_map(|fd| std::fs::read_to_string(fd.path()).ok())
            .filter(|text| text.contains("link_type:"))
            .filter_map(|text| {
                text.lines().find_map(|l| l.strip_prefix("prog_id:"))?.trim().parse().ok()
            })
            .collect()
    };
    let mut attached = BTreeSet::new();
    let is_attached = wait(Duration::from_secs(60), || {
        attached = held().intersection(&ours()).copied().collect();
        attached.len() == NAMES.len()
    });
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    assert!(is_attached, "the probe was not attached within a minute: {attached:?}");

    let gone = wait(Duration::from_secs(5), || ours().is_disjoint(&attached));
    assert!(gone, "still loaded: {:?}", ours().intersection(&attached).collect::<Vec<_>>());
}
