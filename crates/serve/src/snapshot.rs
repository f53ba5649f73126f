//! All numbers of a running Peregrine at one moment.
//!
//! As JSON they go over the control socket, to `peregrine top`; what an instance of another version
//! does not know is empty.

use std::borrow::Cow;
use std::sync::Arc;

use peregrine_output::{OutputTotals, RuleIdentity};
use serde::{Deserialize, Serialize};

use crate::resources::Resources;

/// A name that is known when the program is built, or comes from another process.
pub type Name = Cow<'static, str>;

/// What is the same for the life of the process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// Version of Peregrine.
    pub version: String,
    /// Name of the host.
    pub hostname: String,
    /// Release of the kernel.
    pub kernel_release: String,
    /// CPUs of the host.
    pub cpus: u32,
    /// When the host was booted, in nanoseconds since the epoch.
    pub boot_ns: u64,
    /// When the process started, in nanoseconds since the epoch.
    pub start_ns: u64,
    /// How events are collected, in Falco's words.
    pub engine_name: String,
    /// How the kernel side is attached.
    pub hook: String,
    /// Addresses per interface, loopback left out: name, IPv4, IPv6.
    pub interfaces: Vec<(String, Vec<String>, Vec<String>)>,
}

/// A file that was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHash {
    /// Its name without the directory.
    pub name: String,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// One worker.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerLevel {
    /// Counters by name.
    pub counters: Vec<(Name, u64)>,
    /// Records taken so far: what moves while the worker lives.
    pub records: u64,
    /// Bytes that wait in its rings.
    pub pending_bytes: u64,
}

/// One ring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RingLevel {
    /// The worker that empties it.
    pub worker: u32,
    /// Bytes that wait.
    pub pending_bytes: u64,
    /// Its size.
    pub capacity_bytes: u64,
}

/// Records that were lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropCount {
    /// Ring they were meant for.
    pub ring: u32,
    /// What they were worth.
    pub class: Name,
    /// Why.
    pub cause: Name,
    /// How many.
    pub count: u64,
}

/// What a rule did and cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleCost {
    /// The rule.
    pub identity: Arc<RuleIdentity>,
    /// Times it matched.
    pub matches: u64,
    /// Times its condition was evaluated.
    pub evaluations: u64,
    /// Time of these evaluations, in nanoseconds; extrapolated from a sample.
    pub time_ns: u64,
}

/// A rule for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleText {
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Condition as it was written.
    pub condition: String,
    /// Output as it was written.
    pub output: String,
    /// Priority.
    pub priority: String,
    /// Source.
    pub source: String,
    /// Tags.
    pub tags: Vec<String>,
}

/// A program of the probe; only measured when asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Name.
    pub name: String,
    /// Runs.
    pub runs: u64,
    /// Nanoseconds of all runs.
    pub time_ns: u64,
}

/// A thread group that keeps the workers busy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BusyProcess {
    /// Its id, the pid of its leader.
    pub pid: u32,
    /// Records per second, in about the last second.
    pub records_per_s: f64,
    /// Name of its program; empty if it was gone before it could be asked.
    pub name: String,
    /// Its program and arguments; cut off.
    pub command: String,
    /// Its user.
    pub user: String,
    /// Its container; empty on the host.
    pub container: String,
}

/// All numbers at one moment. Counters count from the start of the process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// When it was taken, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// What does not change.
    pub identity: Arc<Identity>,
    /// When the rules were loaded last, in nanoseconds since the epoch.
    pub reload_ns: u64,
    /// Rules files.
    pub rules_files: Vec<FileHash>,
    /// Configuration files.
    pub config_files: Vec<FileHash>,
    /// Events that reached the rules.
    pub events: u64,
    /// Alerts made.
    pub alerts: u64,
    /// Workers.
    pub workers: Vec<WorkerLevel>,
    /// Rings.
    pub rings: Vec<RingLevel>,
    /// Lost records; what is zero may be left out.
    pub drops: Vec<DropCount>,
    /// Sizes and counters of the state, under Falco's names.
    pub state: Vec<(Name, u64)>,
    /// Enabled rules.
    pub rules: Vec<RuleCost>,
    /// Programs of the probe; empty unless measured.
    pub programs: Vec<Program>,
    /// Events per type, as `openat`; what is zero may be left out.
    pub event_types: Vec<(Name, u64)>,
    /// The busiest thread groups, busiest first; `None` while nobody watches.
    pub processes: Option<Vec<BusyProcess>>,
    /// Records per second of thread groups that are not among them.
    pub other_records_per_s: f64,
    /// Outputs.
    pub outputs: OutputTotals,
    /// Use of CPU and memory.
    pub resources: Resources,
    /// Why the source of events has ended or is not attached any more, if so.
    pub failure: Option<String>,
}

impl Snapshot {
    /// All lost records.
    pub fn dropped(&self) -> u64 {
        self.drops.iter().map(|drop| drop.count).sum()
    }

    /// Lost records of a cause.
    pub fn dropped_by(&self, cause: &str) -> u64 {
        self.drops.iter().filter(|drop| drop.cause == cause).map(|drop| drop.count).sum()
    }

    /// Records taken by all workers.
    pub fn records(&self) -> u64 {
        self.workers.iter().map(|worker| worker.records).sum()
    }

    /// How full the fullest ring is, from 0 to 1.
    pub fn fullest_ring(&self) -> f64 {
        let fill = |ring: &RingLevel| ring.pending_bytes as f64 / ring.capacity_bytes.max(1) as f64;
        self.rings.iter().map(fill).fold(0.0, f64::max)
    }
}
