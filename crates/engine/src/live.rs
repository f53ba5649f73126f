//! The live source: the probe, its rings, and a worker thread for every group of rings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use peregrine_output::{AlertSender, OrderOptions, RuleIdentity};
use peregrine_probe::heap::HeapKeeper;
use peregrine_probe::initial::InitialState;
use peregrine_probe::loader::{self, SYSCALLS, with_class};
use peregrine_probe::{
    Class, Drops, Hook, Options, Probe, ProbeError, ProgramCost, Refusal, Spread, Spreader,
};
use peregrine_state::{ChildRule, Config, Counters, Directory, Interfaces, Shard};

use crate::activity::{Activity, Watch};
use crate::counters::{WorkerCounters, WorkerTotals};
use crate::feed::{self, Feed};
use crate::gauges::Gauges;
use crate::homes::Homes;
use crate::host::{self, HostFiles};
use crate::interest::{self, Wanted};
use crate::ordered::Settled;
use crate::parking::Bounds;
use crate::progress::Progress;
use crate::published::{Published, RuleTotals};
use crate::recording::{self, RecordOptions, Recorder, RecorderError, RecordingSummary, Tap};
use crate::resolver::ProcResolver;
use crate::ruleset::{ActiveRule, Detection};
use crate::spread::Spreading;
use crate::swap::RuleSlot;
use crate::waiting::{Patience, Waiter};
use crate::worker::{Matches, Tools, Worker};

/// How to watch.
#[derive(Debug, Clone)]
pub struct LiveOptions {
    /// Worker threads; at most as many as rings.
    pub workers: u32,
    /// Pin each worker to a CPU.
    pub pin: bool,
    /// Report every system call, whatever the rules say.
    pub all_syscalls: bool,
    /// What is to be reported beside what the rules need.
    pub also_wanted: Wanted,
    /// What is recorded; nothing by default.
    pub recording: Option<RecordOptions>,
    /// Bounds of parking.
    pub bounds: Bounds,
    /// Alerts of all workers leave in the order of their events, within these bounds; else as they
    /// come.
    pub ordered: Option<OrderOptions>,
    /// Waiting.
    pub patience: Patience,
    /// The kernel side.
    pub probe: Options,
}

impl Default for LiveOptions {
    /// One ring per CPU and one worker per two CPUs.
    fn default() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let probe = Options { rings: cpus.min(loader::MAX_RINGS), ..Options::default() };
        Self {
            workers: cpus.div_ceil(2),
            pin: false,
            all_syscalls: false,
            also_wanted: Wanted::default(),
            recording: None,
            bounds: Bounds::default(),
            ordered: None,
            patience: Patience::default(),
            probe,
        }
    }
}

/// Why watching failed.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The kernel side.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// What was to be done once the probe was attached failed.
    #[error(transparent)]
    Attached(Box<dyn std::error::Error + Send + Sync>),
    /// Nothing can be recorded.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
    /// A thread could not be started, or a worker failed.
    #[error("worker {worker}: {error}")]
    Worker {
        /// Which.
        worker: u32,
        /// Why.
        error: std::io::Error,
    },
}

/// A running live source.
pub struct Live {
    probe: Probe,
    threads: Vec<JoinHandle<std::io::Result<Matches>>>,
    counters: Vec<Arc<CachePadded<WorkerCounters>>>,
    directory: Arc<Directory>,
    progress: Arc<Progress>,
    gauges: Arc<Gauges>,
    homes: Homes,
    spread: Spread,
    spreader: Option<Arc<Mutex<Spreader>>>,
    interfaces: Interfaces,
    host_files: Arc<ArcSwap<HostFiles>>,
    stop: Arc<AtomicBool>,
    rules: Arc<RuleSlot<Detection>>,
    /// What the kernel reports at this moment, whatever became of swaps that went before.
    interest: Mutex<[u8; SYSCALLS]>,
    also_wanted: Wanted,
    started: Instant,
    initial_state: InitialState,
    initial_state_time: Duration,
    recorder: Option<Recorder>,
    published: Arc<Published>,
    heap: Mutex<HeapKeeper>,
    /// When inheritances that nobody took were last swept.
    swept_ns: Mutex<u64>,
}

/// What runs, at one moment.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Each worker's counters.
    pub workers: Vec<WorkerTotals>,
    /// The worker of each ring, the bytes that wait in it, and its size.
    pub rings: Vec<(u32, u64, u64)>,
    /// Records the kernel side could not deliver.
    pub drops: Drops,
    /// Enabled rules with what they did and cost.
    pub rules: Vec<(Arc<RuleIdentity>, RuleTotals)>,
    /// Sizes and counters of the state.
    pub state: Counters,
    /// Cost of the kernel programs; empty unless measured.
    pub costs: Vec<ProgramCost>,
    /// What keeps the workers busy.
    pub activity: Activity,
}

/// What a run did.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Time between start and stop.
    pub elapsed: Duration,
    /// Each worker's counters.
    pub workers: Vec<WorkerTotals>,
    /// Records the kernel side could not deliver.
    pub drops: Drops,
    /// Matches per rule, most first.
    pub rules: Vec<(String, u64)>,
    /// Cost of the kernel programs; empty unless measured.
    pub costs: Vec<ProgramCost>,
    /// Published processes at the end.
    pub published: usize,
    /// Inheritances that no child has taken.
    pub waiting_inheritances: usize,
    /// What was recorded, if anything was to be.
    pub recording: Option<RecordingSummary>,
}

/// How [`Live::swap_rules`] went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swapped {
    /// System calls that only the new rules want: reported from now on.
    pub switched_on: Vec<&'static str>,
    /// System calls that only the old rules wanted: not reported any more.
    pub switched_off: Vec<&'static str>,
    /// Every worker uses the new rules, and what they do not want is switched off. If not, a worker
    /// is held up (by an output that blocks) and will use them before its next batch, or the kernel
    /// refused to switch something off; nothing was switched off then.
    pub is_complete: bool,
    /// Programs that the kernel refused to load for the new rules. On the sys-exit rung their calls
    /// are reported with the generic event, on the fexit rung not at all.
    pub left_out: Vec<Refusal>,
    /// Time from the call until every worker used the new rules.
    pub took: Duration,
}

/// How long what is there for workers that are behind stays when none is: processes that have ended,
/// and inheritances that nobody took. Far beyond what events may wait.
const BEHIND_NS: u64 = 10_000_000_000;

/// How long a swap waits for a worker. A worker that sleeps looks when it wakes.
const SWAP_PATIENCE: Duration = Duration::from_secs(5);

impl Live {
    /// Attaches the probe, reads the state of the system and starts the workers.
    ///
    /// # Errors
    /// [`LiveError`], each with the way out.
    pub fn start(
        options: &LiveOptions,
        detection: Arc<Detection>,
        sender: &AlertSender,
    ) -> Result<Self, LiveError> {
        Self::start_with(options, detection, |_| Ok(sender.clone()))
    }

    /// The same, for what must be done with the probe attached and before there is any thread of the
    /// engine, such as giving up privileges: `attached` does it and says where alerts go.
    ///
    /// # Errors
    /// [`LiveError`], each with the way out; [`LiveError::Attached`] is what `attached` says.
    pub fn start_with(
        options: &LiveOptions,
        detection: Arc<Detection>,
        attached: impl FnOnce(&Probe) -> Result<AlertSender, Box<dyn std::error::Error + Send + Sync>>,
    ) -> Result<Self, LiveError> {
        let mut also_wanted = options.also_wanted.clone();
        also_wanted.all |= options.all_syscalls;
        let table = kernel_table(&detection, &also_wanted);
        let mut probe_options = options.probe.clone();
        // What is recorded of a process is kept by the worker that has its state.
        let is_recording = options.recording.is_some();
        if options.workers.min(probe_options.rings) < 2 || is_recording {
            probe_options.spread = Spread::Off;
        }
        let spread = probe_options.spread;
        let probe = Probe::load(probe_options, &table)?;
        // Attached first, read afterwards: what happens in between is in the rings.
        probe.enable()?;
        let reading = Instant::now();
        let directory = Arc::new(Directory::new());
        let workers = options.workers.clamp(1, probe.ring_count());
        let homes = Homes { rings: probe.ring_count(), workers };
        let mut shards: Vec<Shard> =
            (0..workers).map(|_| Shard::new(state_config(), Some(directory.clone()))).collect();
        let host_files = HostFiles::read();
        for shard in &mut shards {
            shard.users_mut().set_host_files(&host_files.passwd, &host_files.group);
            shard.users_mut().show_listed();
        }
        let found = crate::initial::fill(&probe, homes, &mut shards)?;
        let interfaces = host::interfaces();
        for shard in &mut shards {
            shard.set_interfaces(interfaces.clone());
        }
        let initial_state_time = reading.elapsed();
        let sender = &attached(&probe).map_err(LiveError::Attached)?;
        let mut recorder = match &options.recording {
            Some(recording) => {
                let inventories = shards.iter().map(Shard::inventory).collect();
                let surroundings = recording::surroundings();
                let clock = probe.clock();
                let recorder =
                    Recorder::start(recording, shards.len(), surroundings, inventories, clock);
                Some(recorder?)
            }
            None => None,
        };
        let mut taps = recorder.as_mut().map(Recorder::taps).unwrap_or_default().into_iter();
        let mut live = Self {
            threads: Vec::new(),
            counters: Vec::new(),
            directory,
            progress: Arc::new(Progress::new(workers as usize)),
            host_files: Arc::new(ArcSwap::from_pointee(host_files)),
            gauges: Arc::new(gauges(&probe, homes)?),
            homes,
            spread,
            spreader: probe.spreader()?.map(|spreader| Arc::new(Mutex::new(spreader))),
            interfaces,
            stop: Arc::new(AtomicBool::new(false)),
            rules: Arc::new(RuleSlot::new(detection, workers as usize)),
            heap: Mutex::default(),
            swept_ns: Mutex::default(),
            interest: Mutex::new(table),
            also_wanted,
            started: Instant::now(),
            initial_state: found,
            initial_state_time,
            recorder,
            published: Arc::new(Published::new(workers as usize)),
            probe,
        };
        if let Some(ordered) = options.ordered {
            let clock = live.probe.clock();
            sender.order(ordered, Settled::new(live.progress.clone(), live.gauges.clone(), clock));
        }
        for (index, mut shard) in shards.into_iter().enumerate() {
            let index = index as u32;
            let tap = taps.next();
            if matches!(spread, Spread::Tid | Spread::Cpu) {
                shard.heat_all();
            }
            if let Err(error) = live.start_worker(index, shard, tap, options, sender) {
                live.stop.store(true, Ordering::Release);
                return Err(error);
            }
        }
        Ok(live)
    }

    fn start_worker(
        &mut self,
        index: u32,
        mut shard: Shard,
        tap: Option<Tap>,
        options: &LiveOptions,
        sender: &AlertSender,
    ) -> Result<(), LiveError> {
        let fail = |error| LiveError::Worker { worker: index, error };
        let is_own = |ring: &u32| self.homes.of_ring(*ring) == index as usize;
        let own: Vec<u32> = (0..self.homes.rings).filter(is_own).collect();
        let mut rings = Vec::new();
        let mut fds = Vec::new();
        for ring in own {
            rings.push((ring, self.probe.ring(ring)?));
            fds.push(self.probe.ring_fd(ring)?);
        }
        let feed = Feed {
            rings,
            waiter: Waiter::new(fds, options.patience).map_err(fail)?,
            sleep_flags: Arc::new(self.probe.sleep_flags()?),
            stop: self.stop.clone(),
            taken_ns: 0,
            heads: Vec::new(),
            host_files: self.host_files.clone(),
        };
        let counters = Arc::new(CachePadded::new(WorkerCounters::default()));
        shard.set_resolver(Box::new(ProcResolver::new(counters.clone(), shard.config())));
        let tools = Tools {
            shard,
            rules: self.rules.clone(),
            sender: sender.of_worker(index),
            bounds: options.bounds,
            own: index as usize,
            homes: self.homes,
            directory: self.directory.clone(),
            progress: self.progress.clone(),
            published: self.published.clone(),
            tap,
            gauges: self.gauges.clone(),
            clock: self.probe.clock(),
            spreading: self.spreading(),
        };
        self.counters.push(counters.clone());
        let pin = options.pin.then_some(index);
        let thread = std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
            if let Some(cpu) = pin {
                pin_to(cpu)?;
            }
            feed::run(Worker::new(tools, counters), feed)
        });
        self.threads.push(thread.map_err(fail)?);
        Ok(())
    }

    /// A worker's part in spreading hot thread groups.
    fn spreading(&self) -> Option<Spreading> {
        if self.spread == Spread::Off {
            return None;
        }
        let mut guests = Shard::for_guests(state_config(), self.directory.clone());
        guests.set_interfaces(self.interfaces.clone());
        let host_files = self.host_files.load();
        guests.users_mut().set_host_files(&host_files.passwd, &host_files.group);
        guests.users_mut().show_listed();
        Some(Spreading::new(guests, self.spreader.clone()))
    }

    /// The rung in use, and why not a better one.
    pub fn hook(&self) -> (Hook, &str) {
        self.probe.hook()
    }

    /// The state that was found at the start, and the time reading it took.
    pub fn initial_state(&self) -> (&InitialState, Duration) {
        (&self.initial_state, self.initial_state_time)
    }

    /// Number of workers.
    pub fn worker_count(&self) -> usize {
        self.threads.len()
    }

    /// Whether recording has stopped with an error; [`Self::stop`] tells it.
    pub fn has_recording_failed(&self) -> bool {
        self.recorder.as_ref().is_some_and(Recorder::has_failed)
    }

    /// Whether a worker has ended, which none does by itself but with an error.
    pub fn has_failed(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Events that the workers have taken so far.
    pub fn events(&self) -> u64 {
        self.counters.iter().map(|counters| counters.events.get()).sum()
    }

    /// What was lost so far.
    ///
    /// # Errors
    /// The kernel's counters cannot be read.
    pub fn drops(&self) -> Result<Drops, LiveError> {
        Ok(self.probe.drops()?)
    }

    /// The rules in force, or about to be.
    pub fn rules(&self) -> Arc<Detection> {
        self.rules.newest()
    }

    /// Replaces the rules without stopping anything. State, rings and counters go on; each worker
    /// takes the new rules before its next batch, and a set is never used for an event that the
    /// kernel was not told to report: what only the new rules want is switched on first, what only
    /// the old ones wanted is switched off last. An event that happens after this returned (with
    /// [`Swapped::is_complete`]) is tried with the new rules.
    ///
    /// May be called from any thread; two calls take turns.
    ///
    /// # Errors
    /// [`LiveError::Probe`]: the kernel refuses to report what the new rules want; the old rules
    /// stay in force.
    pub fn swap_rules(&self, detection: Arc<Detection>) -> Result<Swapped, LiveError> {
        let began = Instant::now();
        let mut interest = self.interest.lock();
        let left_out_before = self.probe.left_out().len();
        let old = *interest;
        let new = kernel_table(&detection, &self.also_wanted);
        let both: [u8; SYSCALLS] =
            std::array::from_fn(|i| if new[i] == interest::OFF { old[i] } else { new[i] });
        let set = |table: &[u8; SYSCALLS]| self.probe.set_interest(table).map_err(LiveError::from);
        let is_complete = self.rules.replace(
            detection,
            || set(&both),
            || {
                std::thread::sleep(Duration::from_millis(1));
                began.elapsed() < SWAP_PATIENCE
            },
            || set(&new),
        )?;
        *interest = if is_complete { new } else { both };
        let names = |on: &[u8; SYSCALLS], off: &[u8; SYSCALLS]| -> Vec<&'static str> {
            let is_changed = |n: &usize| on[*n] != interest::OFF && off[*n] == interest::OFF;
            (0..SYSCALLS)
                .filter(is_changed)
                .filter_map(|n| loader::syscall_name(n as u16))
                .collect()
        };
        Ok(Swapped {
            switched_on: names(&new, &old),
            switched_off: if is_complete { names(&old, &new) } else { Vec::new() },
            is_complete,
            left_out: self.probe.left_out().split_off(left_out_before),
            took: began.elapsed(),
        })
    }

    /// The numbers at this moment; those of rules and state are up to a second old.
    ///
    /// # Errors
    /// The kernel's counters cannot be read.
    pub fn observe(&self) -> Result<Observation, LiveError> {
        let capacity = u64::from(self.probe.ring_bytes());
        let levels = self.gauges.levels(self.homes);
        let detection = self.rules();
        let rule =
            |rule: &ActiveRule| (rule.identity.clone(), self.published.rule(rule.identity.name()));
        Ok(Observation {
            workers: self.counters.iter().map(|c| c.totals()).collect(),
            rings: levels.map(|(worker, bytes)| (worker, bytes, capacity)).collect(),
            drops: self.probe.drops()?,
            rules: detection.rules.iter().map(rule).collect(),
            state: self.published.state(),
            costs: self.probe.costs(),
            activity: self.published.activities().sum(),
        })
    }

    /// Why programs of the probe do not run any more; `None`: all are attached.
    pub fn detached(&self) -> Option<String> {
        self.probe.detached()
    }

    /// Through which who watches has thread groups counted one by one.
    pub fn watch(&self) -> Arc<Watch> {
        self.published.activities().watch().clone()
    }

    /// Housekeeping, to be called about once a second: users and groups that changed, a clock that
    /// was set, memory that nobody needs any more.
    pub fn tick(&self) {
        self.published.activities().watch().tick();
        if self.host_files.load().is_stale() {
            self.host_files.store(Arc::new(HostFiles::read()));
        }
        self.forget();
        self.heap.lock().tick();
        self.probe.clock().follow();
    }

    /// Lets go of what is only kept for workers that are behind.
    fn forget(&self) {
        let slowest = self.progress.slowest(|worker| self.gauges.is_drained(worker));
        let now_ns = self.probe.clock().now_ns();
        self.directory.forget_ended(slowest.min(now_ns).saturating_sub(BEHIND_NS));
        let mut swept_ns = self.swept_ns.lock();
        // A birth lies in its ring as soon as its parent's marker does.
        if now_ns >= swept_ns.saturating_add(BEHIND_NS) && slowest >= *swept_ns {
            self.directory.forget_unclaimed();
            *swept_ns = now_ns;
        }
    }

    /// Stops reporting, drains the rings, ends the workers.
    ///
    /// # Errors
    /// A worker failed; it had stopped draining its rings.
    pub fn stop(mut self) -> Result<Summary, LiveError> {
        let elapsed = self.started.elapsed();
        let disabled = self.probe.disable();
        self.stop.store(true, Ordering::Release);
        let mut matches = Matches::new();
        let mut failed = None;
        for (worker, thread) in self.threads.drain(..).enumerate() {
            let worker = worker as u32;
            match thread.join() {
                Ok(Ok(counts)) => {
                    for (rule, count) in counts {
                        *matches.entry(rule).or_default() += count;
                    }
                }
                Ok(Err(error)) => failed = Some(LiveError::Worker { worker, error }),
                Err(_) => {
                    let error = std::io::Error::other("it panicked, which is a defect");
                    failed = Some(LiveError::Worker { worker, error });
                }
            }
        }
        // Even if a worker failed: what the others recorded shall be whole.
        let recording = self.recorder.take().map(Recorder::finish);
        if let Some(error) = failed {
            return Err(error);
        }
        disabled?;
        let mut rules: Vec<_> = matches.into_iter().collect();
        rules.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(Summary {
            elapsed,
            workers: self.counters.iter().map(|c| c.totals()).collect(),
            drops: self.probe.drops()?,
            rules,
            costs: self.probe.costs(),
            published: self.directory.len(),
            waiting_inheritances: self.directory.waiting_inheritances(),
            recording,
        })
    }
}

/// A look at every worker's rings.
fn gauges(probe: &Probe, homes: Homes) -> Result<Gauges, ProbeError> {
    let mut of_workers: Vec<_> = (0..homes.workers).map(|_| Vec::new()).collect();
    for ring in 0..probe.ring_count() {
        of_workers[homes.of_ring(ring)].push(probe.gauge(ring)?);
    }
    Ok(Gauges::new(of_workers))
}

fn state_config() -> Config {
    Config { child_rule: ChildRule::Births, boot_ts: host::boot_ts(), ..Config::default() }
}

/// The kernel's table: what to report, and how valuable it is when a ring is full.
fn kernel_table(detection: &Detection, also: &Wanted) -> [u8; SYSCALLS] {
    let mut wanted = detection.wanted().clone();
    wanted.join(also);
    let mut table = interest::table(&wanted);
    for syscall in &peregrine_event::syscalls::X86_64 {
        let Some(entry) = table.get_mut(syscall.number as usize) else { continue };
        let class = if peregrine_state::changes_state(syscall.exit) {
            Class::State
        } else if wanted.codes.contains(&syscall.exit) {
            Class::Rule
        } else {
            Class::Other
        };
        if *entry != interest::OFF {
            *entry = with_class(*entry, class);
        }
    }
    table
}

fn pin_to(cpu: u32) -> std::io::Result<()> {
    let mut cpus = rustix::thread::CpuSet::new();
    cpus.set(cpu as usize);
    Ok(rustix::thread::sched_setaffinity(None, &cpus)?)
}
