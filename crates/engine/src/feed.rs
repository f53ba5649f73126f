//! The loop of a worker thread: takes records from its rings, waits when there are none.
//!
//! A worker with several rings takes the oldest record of all of them, so that among its own
//! processes a fork marker comes before the birth it belongs to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use peregrine_probe::ring::Front;
use peregrine_probe::{Ring, SleepFlags};

use crate::host::HostFiles;
use crate::waiting::{Step, Waiter};
use crate::worker::{Matches, Worker};

/// Most records taken from one ring before the others are looked at again.
const RUN: usize = 512;
/// Runs between two looks at what is parked, at the stop flag and at the levels.
const BATCH: usize = 64;
/// Time between two looks at what is parked while records come.
const RETRY_EVERY: Duration = Duration::from_millis(1);
/// Time between two updates of the levels that are counted (threads, fds): it walks all threads.
const LEVELS_EVERY: Duration = Duration::from_secs(1);
/// Time between two looks for hot thread groups.
const HOT_EVERY: Duration = Duration::from_millis(100);

/// The rings of one worker, and what tells it to stop.
pub struct Feed {
    /// Rings with their numbers.
    pub rings: Vec<(u32, Ring)>,
    /// Waits on them.
    pub waiter: Waiter,
    /// How the probe learns that this worker sleeps.
    pub sleep_flags: Arc<SleepFlags>,
    /// Set when the engine stops; what is in the rings is still drained.
    pub stop: Arc<AtomicBool>,
    /// Time stamp of the last record taken.
    pub taken_ns: u64,
    /// Scratch space.
    pub(crate) heads: Vec<Head>,
    /// The host's users and groups; replaced when the files change.
    pub host_files: Arc<ArcSwap<HostFiles>>,
}

/// Runs a worker until it is told to stop.
///
/// # Errors
/// A ring contradicts the kernel's protocol, or waiting fails.
pub fn run(mut worker: Worker, mut feed: Feed) -> std::io::Result<Matches> {
    let mut last_retry = Instant::now();
    let mut last_levels: Option<Instant> = None;
    let (mut last_hot, mut fill_percent) = (Instant::now(), 0);
    let mut host_files = Arc::default();
    loop {
        let stopping = feed.stop.load(Ordering::Acquire);
        worker.adopt_rules();
        let began_ns = worker.clock.now_ns();
        for (_, ring) in &feed.rings {
            fill_percent = fill_percent.max(ring.pending() * 100 / ring.capacity().max(1));
        }
        let taken = drain(&mut worker, &mut feed, last_retry)?;
        if worker.is_recording()
            && let Some(seen_ns) = seen_until(&mut feed, began_ns)
        {
            worker.tend_recording(seen_ns, began_ns);
        }
        // A record that is reserved and not yet submitted may be older.
        if taken == 0 && feed.rings.iter().all(|(_, ring)| ring.pending() == 0) {
            worker.publish_progress(began_ns);
        }
        if worker.is_waiting() && (taken == 0 || last_retry.elapsed() > RETRY_EVERY) {
            worker.retry_parked();
            last_retry = Instant::now();
        }
        if last_levels.is_none_or(|at| at.elapsed() > LEVELS_EVERY) {
            worker.end_unseen();
            worker.count_levels();
            worker.adopt(&feed.host_files.load(), &mut host_files);
            last_levels = Some(Instant::now());
        }
        if last_hot.elapsed() > HOT_EVERY {
            worker.look_for_hot(fill_percent, feed.taken_ns);
            (last_hot, fill_percent) = (Instant::now(), 0);
        }
        if taken > 0 {
            feed.waiter.busy();
            continue;
        }
        // What is parked still gets its time: the others are draining their rings as well.
        if stopping && !worker.is_waiting() {
            return Ok(worker.finish());
        }
        let step = feed.waiter.step();
        if step != Step::Sleep {
            feed.waiter.wait(step)?;
            continue;
        }
        for (index, _) in &feed.rings {
            feed.sleep_flags.announce(*index);
        }
        let is_quiet = feed.rings.iter().all(|(_, ring)| ring.pending() == 0);
        if is_quiet && !worker.is_waiting() && !feed.stop.load(Ordering::Acquire) {
            worker.counters.sleeps.add(1);
            feed.waiter.wait(step)?;
        } else if is_quiet {
            feed.waiter.wait(Step::Nap)?;
        }
        for (index, _) in &feed.rings {
            feed.sleep_flags.withdraw(*index);
        }
    }
}

/// Takes records from the rings, the oldest first, up to [`BATCH`] runs of records.
///
/// What a record follows from lies in its own ring before it or was visible in another ring before
/// the record was. So a run only takes what was visible before the last look at the other rings
/// found nothing older there; then the progress that is published after it is true of all rings.
fn drain(worker: &mut Worker, feed: &mut Feed, last_retry: Instant) -> std::io::Result<usize> {
    let mut taken = 0;
    worker.look_at_others();
    for _ in 0..BATCH {
        let Some(next) = choose(&mut feed.rings, &mut feed.heads)? else { break };
        let (index, ring) = &mut feed.rings[next.position];
        let mut last = 0;
        let is_due = |bytes: &[u8]| time_stamp(bytes).is_none_or(|ts| ts <= next.until_ns);
        let batch = ring.drain_while(RUN, next.end, is_due, |bytes| {
            last = last.max(time_stamp(bytes).unwrap_or(0));
            worker.take(bytes);
        });
        feed.taken_ns = feed.taken_ns.max(last);
        if batch.is_corrupt {
            return Err(corrupt(*index));
        }
        worker.counters.ring_bytes.add(batch.bytes);
        taken += batch.records;
        if batch.records == 0 {
            break;
        }
        // Others wait for this.
        worker.publish_progress(last);
        if worker.is_waiting() && last_retry.elapsed() > RETRY_EVERY {
            break;
        }
    }
    Ok(taken)
}

/// What lies at the front of a ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    ts: Option<u64>,
    /// Where the ring ended before the head was looked at.
    end: u64,
    /// Something is there and not complete.
    is_held_up: bool,
}

/// The ring to take records from.
struct Next {
    position: usize,
    /// Up to this time stamp its records are older than those of the other rings.
    until_ns: u64,
    /// Up to here they were visible when the other rings were last found without older ones.
    end: u64,
}

/// The ring whose turn it is; none if all are empty, or if one has a record that is not complete: it
/// may be older than all others, and so may be what lies behind it. That is a matter of
/// microseconds.
///
/// # Errors
/// A ring contradicts the kernel's protocol.
fn choose(rings: &mut [(u32, Ring)], heads: &mut Vec<Head>) -> std::io::Result<Option<Next>> {
    let is_only = rings.len() == 1;
    heads.clear();
    for (index, ring) in rings.iter_mut() {
        heads.push(look(*index, ring)?);
    }
    // A ring that was empty may have got, before a later one was looked at, what that one's record
    // follows from.
    loop {
        let mut has_changed = false;
        for ((index, ring), head) in rings.iter_mut().zip(heads.iter_mut()) {
            if head.ts.is_none() && !is_only {
                *head = look(*index, ring)?;
                has_changed |= head.ts.is_some();
            }
        }
        if !has_changed {
            break;
        }
    }
    let mut oldest: Option<(usize, u64)> = None;
    let mut until_ns = u64::MAX;
    for (position, head) in heads.iter().enumerate() {
        let Some(ts) = head.ts else { continue };
        match oldest {
            Some((_, best)) if ts >= best => until_ns = until_ns.min(ts),
            _ => {
                until_ns = until_ns.min(oldest.map_or(u64::MAX, |(_, best)| best));
                oldest = Some((position, ts));
            }
        }
    }
    if heads.iter().any(|head| head.is_held_up) {
        return Ok(None);
    }
    let next = |(position, _): (usize, u64)| Next { position, until_ns, end: heads[position].end };
    Ok(oldest.map(next))
}

fn look(index: u32, ring: &mut Ring) -> std::io::Result<Head> {
    let end = ring.end();
    let (ts, is_held_up) = match ring.front() {
        Front::Empty => (None, false),
        Front::Busy => (None, true),
        // One without a time stamp is malformed, and counted as such when it is taken.
        Front::Record(bytes) => (Some(time_stamp(bytes).unwrap_or(0)), false),
        Front::Corrupt => return Err(corrupt(index)),
    };
    Ok(Head { ts, end, is_held_up })
}

fn corrupt(ring: u32) -> std::io::Error {
    std::io::Error::other(format!("ring {ring} is corrupt"))
}

/// The time up to which everything was taken: that of the look before, unless something older is
/// still in a ring. Not known while a ring is held up by a record that is not complete.
fn seen_until(feed: &mut Feed, began_ns: u64) -> Option<u64> {
    let mut seen_ns = began_ns;
    for (_, ring) in &mut feed.rings {
        match ring.front() {
            Front::Record(bytes) => seen_ns = seen_ns.min(time_stamp(bytes).unwrap_or(0)),
            Front::Empty => {}
            // The next drain says what is wrong with it.
            Front::Busy | Front::Corrupt => return None,
        }
    }
    Some(seen_ns)
}

/// The time stamp of a record, from its first bytes.
fn time_stamp(record: &[u8]) -> Option<u64> {
    record.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}
