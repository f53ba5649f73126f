//! Loads the probe and reads its rings, for tests.

use std::time::{Duration, Instant};

use peregrine_event::Record;
use peregrine_probe::loader::{SYSCALLS, with_class};
use peregrine_probe::ring::Ring;
use peregrine_probe::{Capabilities, Class, Options, Probe};

/// Copies of all records that arrive until `is_last` says so, or five seconds are over.
pub fn records(rings: &mut [Ring], mut is_last: impl FnMut(&Record<'_>) -> bool) -> Vec<Vec<u8>> {
    let end = Instant::now() + Duration::from_secs(5);
    let mut all = Vec::new();
    let mut done = false;
    while !done && Instant::now() < end {
        for ring in rings.iter_mut() {
            ring.drain(usize::MAX, |bytes| {
                let record = Record::parse(bytes).expect("the probe writes whole records");
                done |= is_last(&record);
                all.push(bytes.to_vec());
            });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    all
}

/// The probe with these calls (number, kind, class) switched on; `None` where it cannot be loaded.
pub fn load(options: Options, wanted: &[(usize, u8, Class)]) -> Option<(Probe, Vec<Ring>)> {
    if let Err(reason) = Capabilities::detect().check() {
        eprintln!("skipped: {reason}");
        return None;
    }
    let mut interest = [0; SYSCALLS];
    for (nr, kind, class) in wanted {
        interest[*nr] = with_class(*kind, *class);
    }
    let started = Instant::now();
    let probe = Probe::load(options, &interest).expect("the probe loads");
    eprintln!("loaded in {:?}, hook {:?}", started.elapsed(), probe.hook());
    let rings = (0..probe.ring_count()).map(|i| probe.ring(i).expect("a ring maps")).collect();
    probe.enable().expect("the probe starts");
    Some((probe, rings))
}
