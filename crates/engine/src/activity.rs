//! What keeps the workers busy: events per type, and thread groups with the most events.
//!
//! A worker counts for itself, so nothing is shared per event. Types are always counted, as the
//! worker's other [counters](crate::counters) are. Thread groups are counted only while somebody
//! watches: it takes a look-up for each change of the thread group in the stream of records. They
//! are told about once a second, per *window*, the time since the worker told last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use peregrine_event::syscalls::SYSCALL_NAMES;
use peregrine_event::table::EVENTS;
use peregrine_event::{Record, code};
use peregrine_fields::containers::id_in_cgroups;
use peregrine_fields::generic_id;
use peregrine_state::Shard;
use rustc_hash::FxHashMap;

use crate::counters::Counter;

/// Thread groups that a worker counts in one window; further ones are counted together.
const MAX_GROUPS: usize = 8192;
/// Thread groups that a worker tells of.
const TOLD_GROUPS: usize = 128;
/// Bytes of a command line that are told.
const MAX_COMMAND: usize = 256;
/// How long a look counts: who watches looks more often.
const LOOK: Duration = Duration::from_secs(10);
/// A window that ended longer ago says nothing about this moment.
const STALE: Duration = Duration::from_secs(5);
/// A shorter window would make rates out of chance.
const SHORTEST: Duration = Duration::from_millis(500);

/// A thread group, and how much of it there is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupActivity {
    /// Its id, the pid of its leader.
    pub tgid: u32,
    /// Records per second in the last window.
    pub records_per_s: f64,
    /// Name of its program; empty if it was gone before it could be asked.
    pub name: String,
    /// Its program and arguments; cut off.
    pub command: String,
    /// Its user's name, or the number where the name is not known.
    pub user: String,
    /// Its container; empty on the host.
    pub container: String,
}

/// What all workers counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Activity {
    /// Events per type since the start; types without any are left out.
    pub types: Vec<(&'static str, u64)>,
    /// The busiest thread groups of the last window, busiest first; `None` while nobody watches.
    pub groups: Option<Vec<GroupActivity>>,
    /// Records per second of thread groups that were too many to be counted one by one.
    pub other_records_per_s: f64,
}

/// Whether somebody watches. Shared with the workers, read by them for each record, written seldom.
#[derive(Debug, Default)]
pub struct Watch {
    is_on: CachePadded<AtomicBool>,
    /// When the counting began and when it ends.
    times: Mutex<Option<(Instant, Instant)>>,
}

impl Watch {
    /// Somebody looks: thread groups are counted for the next ten seconds.
    pub fn look(&self) {
        let now = Instant::now();
        let mut times = self.times.lock();
        let began = times.map_or(now, |(began, _)| began);
        *times = Some((began, now + LOOK));
        self.is_on.store(true, Ordering::Relaxed);
    }

    /// Ends the counting when nobody has looked for a while; to be called about once a second.
    pub fn tick(&self) {
        let mut times = self.times.lock();
        if times.is_none_or(|(_, until)| until < Instant::now()) {
            *times = None;
            self.is_on.store(false, Ordering::Relaxed);
        }
    }

    /// Whether every worker that works has told since the counting began.
    fn is_old(&self) -> bool {
        self.times.lock().is_some_and(|(began, _)| began.elapsed() > STALE)
    }

    #[inline]
    fn is_on(&self) -> bool {
        // A flag that is seen late makes the first window shorter, nothing else.
        self.is_on.load(Ordering::Relaxed)
    }
}

/// Records per type that one worker took.
#[derive(Debug)]
struct Types {
    /// By the index of the event.
    events: Box<[Counter]>,
    /// Those of the generic event, by the id of the system call.
    generic: Box<[Counter]>,
}

impl Types {
    fn new() -> Self {
        let counters = |n: usize| (0..n).map(|_| Counter::default()).collect();
        Self { events: counters(EVENTS.len()), generic: counters(SYSCALL_NAMES.len()) }
    }
}

/// Thread groups that one worker has told of.
#[derive(Debug)]
struct Window {
    ended: Instant,
    groups: Vec<GroupActivity>,
    other_records_per_s: f64,
}

/// Where workers tell what they counted.
#[derive(Debug)]
pub struct Activities {
    watch: Arc<Watch>,
    types: Vec<Arc<Types>>,
    windows: Vec<Mutex<Option<Window>>>,
}

impl Activities {
    /// Nothing yet, for a number of workers.
    pub fn new(workers: usize) -> Self {
        let types = (0..workers).map(|_| Arc::new(Types::new())).collect();
        let windows = (0..workers).map(|_| Mutex::default()).collect();
        Self { watch: Arc::default(), types, windows }
    }

    /// Whether somebody watches.
    pub fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }

    /// All workers together.
    pub fn sum(&self) -> Activity {
        let mut types: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut groups: FxHashMap<u32, GroupActivity> = FxHashMap::default();
        let mut activity = Activity::default();
        for counted in &self.types {
            let events = EVENTS.iter().map(|event| event.name).zip(&counted.events);
            let generic = SYSCALL_NAMES.iter().copied().zip(&counted.generic);
            for (name, count) in events.chain(generic).filter(|(_, count)| count.get() > 0) {
                *types.entry(name).or_default() += count.get();
            }
        }
        let mut is_whole = true;
        for window in &self.windows {
            let window = window.lock();
            let Some(window) = window.as_ref().filter(|w| w.ended.elapsed() < STALE) else {
                is_whole = false;
                continue;
            };
            activity.other_records_per_s += window.other_records_per_s;
            for group in &window.groups {
                let sum = groups.entry(group.tgid).or_default();
                let records_per_s = sum.records_per_s + group.records_per_s;
                // Only the worker that owns a group knows its name.
                if sum.name.is_empty() {
                    *sum = group.clone();
                }
                sum.records_per_s = records_per_s;
            }
        }
        activity.types = types.into_iter().collect();
        // A worker that has stalled does not hide what the others do.
        if is_whole || self.watch.is_old() {
            let mut all: Vec<GroupActivity> = groups.into_values().collect();
            all.sort_by(|a, b| {
                b.records_per_s.total_cmp(&a.records_per_s).then(a.tgid.cmp(&b.tgid))
            });
            activity.groups = Some(all);
        }
        activity
    }
}

/// What a worker counts.
#[derive(Debug)]
pub struct ActivityCounter {
    activities: Arc<Activities>,
    worker: usize,
    types: Arc<Types>,
    groups: FxHashMap<u32, (u64, GroupActivity)>,
    other: u64,
    /// Thread group of the last records, and how many of them are not in `groups` yet.
    run: (u32, u64),
    /// Start of the window, while somebody watches.
    since: Option<Instant>,
}

impl ActivityCounter {
    /// Counts for a worker, which must be the only one of its number.
    pub fn new(activities: Arc<Activities>, worker: usize) -> Self {
        let types = activities.types.get(worker).cloned();
        Self {
            types: types.unwrap_or_else(|| Arc::new(Types::new())),
            activities,
            worker,
            groups: FxHashMap::default(),
            other: 0,
            run: (0, 0),
            since: None,
        }
    }

    /// Counts a record that was taken from a ring.
    #[inline]
    pub fn note(&mut self, record: &Record<'_>, shard: &Shard) {
        let code = record.code();
        let count = if code == code::GENERIC_X {
            self.types.generic.get(usize::from(generic_id(record)))
        } else {
            self.types.events.get(code.index())
        };
        if let Some(count) = count {
            count.add(1);
        }
        if self.activities.watch.is_on() {
            self.note_group(record.header().tgid, shard);
        }
    }

    fn note_group(&mut self, tgid: u32, shard: &Shard) {
        if self.since.is_none() {
            self.since = Some(Instant::now());
        }
        if tgid != self.run.0 {
            self.end_run(shard);
            self.run = (tgid, 0);
        }
        self.run.1 += 1;
    }

    /// Adds the last records of one thread group. They were applied by now, so a program that was
    /// started with one of them is known, even if it is gone at the end of the window.
    fn end_run(&mut self, shard: &Shard) {
        let (tgid, records) = std::mem::take(&mut self.run);
        if records == 0 {
            return;
        }
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&tgid) {
            self.other += records;
            return;
        }
        let (count, group) = self.groups.entry(tgid).or_default();
        *count += records;
        describe(group, tgid, shard);
    }

    /// Tells of thread groups; to be called about once a second.
    pub fn tell(&mut self, shard: &Shard) {
        let is_watched = self.activities.watch.is_on();
        if is_watched && self.since.is_some_and(|since| since.elapsed() < SHORTEST) {
            return;
        }
        self.end_run(shard);
        let window = self.since.take().filter(|_| is_watched).map(|since| {
            let seconds = since.elapsed().as_secs_f64().max(1e-3);
            self.window(seconds)
        });
        self.groups.clear();
        self.other = 0;
        if is_watched {
            self.since = Some(Instant::now());
        }
        if let Some(told) = self.activities.windows.get(self.worker) {
            *told.lock() = window;
        }
    }

    fn window(&mut self, seconds: f64) -> Window {
        let mut groups: Vec<(u64, GroupActivity)> =
            self.groups.drain().map(|(_, counted)| counted).collect();
        groups.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.tgid.cmp(&b.1.tgid)));
        let further: u64 = groups.iter().skip(TOLD_GROUPS).map(|(count, _)| count).sum();
        groups.truncate(TOLD_GROUPS);
        let rate = |count: u64| count as f64 / seconds;
        Window {
            ended: Instant::now(),
            groups: groups
                .into_iter()
                .map(|(count, group)| GroupActivity { records_per_s: rate(count), ..group })
                .collect(),
            other_records_per_s: rate(self.other + further),
        }
    }
}

/// Says what a thread group runs, if that is known and has changed.
fn describe(group: &mut GroupActivity, tgid: u32, shard: &Shard) {
    group.tgid = tgid;
    let Some(slot) = shard.find(i64::from(tgid)) else { return };
    let thread = shard.thread(slot);
    let image = &thread.image;
    let command = image.cmdline();
    let command = &command[..command.len().min(MAX_COMMAND)];
    if group.name.as_bytes() == &*image.comm && group.command.as_bytes() == command {
        return;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let container = id_in_cgroups(image.cgroups.iter().map(|(_, path)| path)).unwrap_or_default();
    group.name = text(&image.comm);
    group.command = text(command);
    group.container = text(container);
    group.user = match shard.users().user(container, thread.uid) {
        Some(user) => text(&user.name),
        None if thread.uid == u32::MAX => String::new(),
        None => thread.uid.to_string(),
    };
}

#[cfg(test)]
mod tests {
    use peregrine_event::record::Param;
    use peregrine_event::{EventCode, Header, HeaderFlags, RecordBuilder};
    use peregrine_state::{Config, Thread};

    use super::*;

    fn note(counter: &mut ActivityCounter, shard: &Shard, code: EventCode, tgid: u32, times: u32) {
        let flags = HeaderFlags::default();
        let header = Header { ts: 1, tid: tgid, tgid, len: 0, flags, code, cpu: 0 };
        let params: &[Param<'_>] = match code {
            code::GENERIC_X => &[Param::Int(79), Param::Int(121)],
            _ => &[Param::Int(0), Param::Int(3)],
        };
        let mut builder = RecordBuilder::new();
        let record = Record::parse(builder.build(header, params).unwrap()).unwrap();
        (0..times).for_each(|_| counter.note(&record, shard));
    }

    fn shard_with(tgid: i64, name: &str) -> Shard {
        let mut shard = Shard::new(Config::default(), None);
        let mut thread = Thread::unknown(tgid);
        let image = std::sync::Arc::make_mut(&mut thread.facts.image);
        image.comm = name.as_bytes().into();
        thread.facts.pid = tgid;
        thread.facts.uid = 12;
        shard.insert(Box::new(thread));
        shard
    }

    fn begin_earlier(counter: &mut ActivityCounter) {
        counter.since = counter.since.map(|since| since - SHORTEST);
    }

    #[test]
    fn types_are_counted_always_groups_while_somebody_watches() {
        let activities = Arc::new(Activities::new(2));
        let (mut first, mut second) = (
            ActivityCounter::new(activities.clone(), 0),
            ActivityCounter::new(activities.clone(), 1),
        );
        let (one, other) = (shard_with(10, "make"), shard_with(20, "curl"));
        note(&mut first, &one, code::SYSCALL_CLOSE_X, 10, 3);
        note(&mut second, &other, code::GENERIC_X, 20, 2);
        first.tell(&one);
        second.tell(&other);
        let seen = activities.sum();
        assert_eq!(seen.types, [("close", 3), ("getpgid", 2)]);
        assert_eq!(seen.groups, None, "nobody has asked");

        activities.watch().look();
        note(&mut first, &one, code::SYSCALL_CLOSE_X, 10, 1);
        // A guest: its own worker knows more of it.
        note(&mut first, &one, code::SYSCALL_CLOSE_X, 20, 5);
        note(&mut second, &other, code::SYSCALL_CLOSE_X, 20, 6);
        first.tell(&one);
        assert_eq!(activities.sum().groups, None, "too short a time");
        begin_earlier(&mut first);
        first.tell(&one);
        assert_eq!(activities.sum().groups, None, "the other has not told");
        begin_earlier(&mut second);
        second.tell(&other);
        let seen = activities.sum();
        assert_eq!(seen.types, [("close", 15), ("getpgid", 2)]);
        let groups = seen.groups.unwrap();
        let told: Vec<_> = groups.iter().map(|g| (g.tgid, &*g.name, &*g.user)).collect();
        assert_eq!(told, [(20, "curl", "12"), (10, "make", "12")]);
        assert!(groups[0].records_per_s > groups[1].records_per_s);
        // The next window begins with nothing.
        begin_earlier(&mut first);
        begin_earlier(&mut second);
        first.tell(&one);
        second.tell(&other);
        assert_eq!(activities.sum().groups, Some(Vec::new()));
    }

    #[test]
    fn thread_groups_beyond_the_bound_are_counted_together() {
        let activities = Arc::new(Activities::new(1));
        let mut counter = ActivityCounter::new(activities.clone(), 0);
        let shard = Shard::new(Config::default(), None);
        activities.watch().look();
        for tgid in 0..MAX_GROUPS as u32 + 10 {
            note(&mut counter, &shard, code::SYSCALL_CLOSE_X, tgid + 1, 2);
        }
        begin_earlier(&mut counter);
        counter.tell(&shard);
        let seen = activities.sum();
        let groups = seen.groups.unwrap();
        assert_eq!(groups.len(), TOLD_GROUPS);
        let told: f64 = groups.iter().map(|group| group.records_per_s).sum();
        let share = told / (told + seen.other_records_per_s);
        let expected = TOLD_GROUPS as f64 / (MAX_GROUPS as f64 + 10.0);
        assert!((share / expected - 1.0).abs() < 1e-6, "{share} is not {expected}");
    }

    #[test]
    fn a_look_wears_off() {
        let watch = Watch::default();
        watch.look();
        watch.tick();
        assert!(watch.is_on());
        let past = Instant::now() - Duration::from_millis(1);
        *watch.times.lock() = Some((past, past));
        watch.tick();
        assert!(!watch.is_on());
    }
}
