//! Tables of two snapshots: levels of the later one, rates between the two.

use peregrine_serve::{Snapshot, WorkerLevel};

use super::cell::{Cell, bytes_text, rate_text};
use crate::service::control::Figures;
use crate::terminal::harmless;

/// What a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// One row per worker.
    Workers,
    /// One row per ring.
    Rings,
    /// Records that the kernel side lost, by cause and class.
    Drops,
    /// Outputs.
    Outputs,
    /// The busiest thread groups.
    Processes,
    /// Events by type.
    Events,
    /// Rules.
    Rules,
}

impl Subject {
    /// All of them, as they are printed.
    pub const ALL: [Subject; 7] = [
        Subject::Workers,
        Subject::Rings,
        Subject::Drops,
        Subject::Outputs,
        Subject::Processes,
        Subject::Events,
        Subject::Rules,
    ];

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// Heading.
    pub fn title(self) -> &'static str {
        match self {
            Subject::Workers => "Workers",
            Subject::Rings => "Rings",
            Subject::Drops => "Lost records",
            Subject::Outputs => "Outputs",
            Subject::Processes => "Processes",
            Subject::Events => "Events",
            Subject::Rules => "Rules",
        }
    }

    /// Headings of the columns.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Subject::Workers => &[
                "worker",
                "events/s",
                "records/s",
                "bytes/s",
                "evals/s",
                "fill",
                "waiting",
                "lost/s",
                "parked",
                "parked/s",
                "timeouts",
                "lookups/s",
                "sleeps/s",
            ],
            Subject::Rings => &["ring", "worker", "fill", "waiting", "size", "lost/s", "lost"],
            Subject::Drops => &["cause", "class", "lost/s", "lost"],
            Subject::Outputs => &[
                "output",
                "written/s",
                "written",
                "waiting",
                "spooled",
                "lost",
                "retries",
                "state",
            ],
            Subject::Processes => {
                &["pid", "records/s", "share", "user", "container", "name", "command"]
            }
            Subject::Events => &["event", "records/s", "share", "records", "probe"],
            Subject::Rules => {
                &["rule", "matches/s", "matches", "evals/s", "evals", "ns/eval", "cpu", "priority"]
            }
        }
    }

    /// The column by which its rows are sorted at first, and whether the largest comes first;
    /// otherwise they stay as they are.
    pub fn sort(self) -> Option<(usize, bool)> {
        match self {
            Subject::Processes | Subject::Events => Some((1, true)),
            // What a rule costs.
            Subject::Rules => Some((6, true)),
            Subject::Drops => Some((3, true)),
            _ => None,
        }
    }

    /// Whether there may be many rows, of which the first are enough for a glance.
    pub fn is_long(self) -> bool {
        matches!(self, Subject::Processes | Subject::Events | Subject::Rules)
    }
}

/// Rows with a heading.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What they are about.
    pub subject: Subject,
    /// The rows, with a cell for each of [`Subject::columns`].
    pub rows: Vec<Vec<Cell>>,
    /// What is to be said about them.
    pub note: Option<String>,
}

impl Table {
    /// Sorts the rows; equal ones stay in their order.
    pub fn sort_by(&mut self, column: usize, is_descending: bool) {
        self.rows.sort_by(|a, b| match (a.get(column), b.get(column)) {
            (Some(a), Some(b)) if is_descending => b.compare(a),
            (Some(a), Some(b)) => a.compare(b),
            _ => std::cmp::Ordering::Equal,
        });
    }
}

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Who is looked at.
    pub identity: String,
    /// The numbers that matter most.
    pub summary: String,
    /// What is wrong; empty if all is well.
    pub problems: String,
    /// A table for each subject, in the order of [`Subject::ALL`], sorted as is usual.
    pub tables: Vec<Table>,
}

impl View {
    /// Of a snapshot and one that was taken before, if there is one. One of another process does
    /// not count.
    pub fn new(before: Option<&Snapshot>, figures: &Figures) -> Self {
        let now = &*figures.snapshot;
        let is_same = |b: &&Snapshot| {
            b.identity.start_ns == now.identity.start_ns && b.time_ns > 0 && b.time_ns < now.time_ns
        };
        let rates = Rates { before: before.filter(is_same), now };
        let mut tables = vec![
            rates.workers(),
            rates.rings(),
            rates.drops(),
            rates.outputs(),
            rates.processes(),
            rates.events(),
            rates.rules(),
        ];
        for table in &mut tables {
            if let Some((column, is_descending)) = table.subject.sort() {
                table.sort_by(column, is_descending);
            }
        }
        Self {
            identity: identity(now),
            summary: rates.summary(),
            problems: harmless(&figures.problems.join("; ")),
            tables,
        }
    }
}

fn identity(now: &Snapshot) -> String {
    let id = &now.identity;
    let seconds = now.time_ns.saturating_sub(id.start_ns) / 1_000_000_000;
    let up = match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    };
    harmless(&format!(
        "peregrine {} on {}, kernel {}, hook {}, {} rules, up {up}",
        id.version,
        id.hostname,
        id.kernel_release,
        id.hook,
        now.rules.len()
    ))
}

struct Rates<'s> {
    before: Option<&'s Snapshot>,
    now: &'s Snapshot,
}

impl Rates<'_> {
    /// What happened per second, from what was counted at the two moments.
    fn per_s(&self, before: impl Fn(&Snapshot) -> Option<u64>, now: u64) -> Option<f64> {
        let earlier = self.before?;
        let seconds = (self.now.time_ns - earlier.time_ns) as f64 / 1e9;
        // What was not there before has counted from zero.
        Some(now.saturating_sub(before(earlier).unwrap_or(0)) as f64 / seconds)
    }

    fn rate(&self, before: impl Fn(&Snapshot) -> Option<u64>, now: u64) -> Cell {
        self.per_s(before, now).map_or(Cell::None, Cell::Rate)
    }

    fn summary(&self) -> String {
        let s = self.now;
        let rate = |of: fn(&Snapshot) -> u64| {
            self.per_s(|before| Some(of(before)), of(s)).map_or("-".into(), rate_text)
        };
        let parked: u64 = s.workers.iter().map(|w| counter(w, "parked_now").unwrap_or(0)).sum();
        let level = |name: &str| s.state.iter().find(|(n, _)| n == name).map_or(0, |(_, v)| *v);
        format!(
            "events {}/s   alerts {}/s ({})   lost {}/s ({})   parked {parked}   cpu {:.0} %   \
             memory {}   threads {}   fds {}",
            rate(|s| s.events),
            rate(|s| s.alerts),
            s.alerts,
            rate(Snapshot::dropped),
            s.dropped(),
            s.resources.cpu_usage_percent,
            bytes_text(s.resources.rss_kib * 1024),
            level("n_threads"),
            level("n_fds"),
        )
    }

    fn workers(&self) -> Table {
        let lost = |s: &Snapshot, worker: usize| -> u64 {
            let is_own = |ring: u32| {
                s.rings.get(ring as usize).is_some_and(|level| level.worker as usize == worker)
            };
            s.drops.iter().filter(|drop| is_own(drop.ring)).map(|drop| drop.count).sum()
        };
        let row = |(number, worker): (usize, &WorkerLevel)| {
            let level = |name| counter(worker, name).map_or(Cell::None, Cell::Count);
            let rate = |name: &str| match counter(worker, name) {
                Some(now) => self.rate(|s| counter(s.workers.get(number)?, name), now),
                None => Cell::None,
            };
            let capacity: u64 = self
                .now
                .rings
                .iter()
                .filter(|ring| ring.worker as usize == number)
                .map(|ring| ring.capacity_bytes)
                .sum();
            vec![
                Cell::Count(number as u64),
                rate("events"),
                rate("records"),
                match rate("ring_bytes") {
                    Cell::Rate(bytes) => Cell::Bytes(bytes as u64),
                    other => other,
                },
                rate("evaluations"),
                Cell::Fill(worker.pending_bytes as f64 / capacity.max(1) as f64),
                Cell::Bytes(worker.pending_bytes),
                self.rate(|s| Some(lost(s, number)), lost(self.now, number)),
                level("parked_now"),
                rate("parked"),
                level("parking_timeouts"),
                rate("lookups"),
                rate("sleeps"),
            ]
        };
        let rows = self.now.workers.iter().enumerate().map(row).collect();
        Table { subject: Subject::Workers, rows, note: None }
    }

    fn rings(&self) -> Table {
        let lost = |s: &Snapshot, ring: usize| -> u64 {
            s.drops.iter().filter(|d| d.ring as usize == ring).map(|d| d.count).sum()
        };
        let row = |(number, ring): (usize, &peregrine_serve::RingLevel)| {
            vec![
                Cell::Count(number as u64),
                Cell::Count(u64::from(ring.worker)),
                Cell::Fill(ring.pending_bytes as f64 / ring.capacity_bytes.max(1) as f64),
                Cell::Bytes(ring.pending_bytes),
                Cell::Bytes(ring.capacity_bytes),
                self.rate(|s| Some(lost(s, number)), lost(self.now, number)),
                Cell::Count(lost(self.now, number)),
            ]
        };
        let rows = self.now.rings.iter().enumerate().map(row).collect();
        Table { subject: Subject::Rings, rows, note: None }
    }

    fn drops(&self) -> Table {
        let mut kinds: Vec<(&str, &str)> =
            self.now.drops.iter().map(|d| (&*d.cause, &*d.class)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let of = |s: &Snapshot, kind: (&str, &str)| -> u64 {
            let is_it = |d: &&peregrine_serve::DropCount| (&*d.cause, &*d.class) == kind;
            s.drops.iter().filter(is_it).map(|d| d.count).sum()
        };
        let row = |kind: (&str, &str)| {
            let lost = of(self.now, kind);
            vec![
                Cell::Text(harmless(kind.0)),
                Cell::Text(harmless(kind.1)),
                self.rate(|s| Some(of(s, kind)), lost),
                Cell::Count(lost),
            ]
        };
        let rows: Vec<_> =
            kinds.into_iter().filter(|kind| of(self.now, *kind) > 0).map(row).collect();
        let note = rows.is_empty().then(|| "none".to_owned());
        Table { subject: Subject::Drops, rows, note }
    }

    fn outputs(&self) -> Table {
        let find = |s: &Snapshot, name: &str| {
            s.outputs.sinks.iter().find(|sink| sink.name == name).map(|sink| sink.delivered)
        };
        let row = |sink: &peregrine_output::SinkTotals| {
            let state = match (&sink.last_error, sink.is_failing) {
                (Some(error), true) => format!("failing: {error}"),
                (None, true) => "failing".into(),
                (_, false) => "ok".into(),
            };
            vec![
                Cell::Text(harmless(&sink.name)),
                self.rate(|s| find(s, &sink.name), sink.delivered),
                Cell::Count(sink.delivered),
                Cell::Count(sink.waiting),
                Cell::Count(sink.spooled_now),
                Cell::Count(sink.lost()),
                Cell::Count(sink.retries),
                Cell::Text(harmless(&state)),
            ]
        };
        let outputs = &self.now.outputs;
        let note = (outputs.dropped > 0)
            .then(|| format!("{} alerts were lost before any output", outputs.dropped));
        Table { subject: Subject::Outputs, rows: outputs.sinks.iter().map(row).collect(), note }
    }

    fn processes(&self) -> Table {
        let processes = self.now.processes.as_deref();
        let shown = processes.unwrap_or_default();
        let other = self.now.other_records_per_s;
        let all = shown.iter().map(|p| p.records_per_s).sum::<f64>() + other;
        let or_dash = |text: &str| match text {
            "" => Cell::Text("-".into()),
            text => Cell::Text(harmless(text)),
        };
        let row = |p: &peregrine_serve::BusyProcess| {
            vec![
                Cell::Count(u64::from(p.pid)),
                Cell::Rate(p.records_per_s),
                Cell::Share(p.records_per_s / all.max(1e-9)),
                or_dash(&p.user),
                or_dash(&p.container),
                or_dash(&p.name),
                or_dash(&p.command),
            ]
        };
        let note = match processes {
            None => Some("counted only while somebody looks: a moment".to_owned()),
            Some(_) if other > 0.0 => Some(format!("and {}/s of others", rate_text(other))),
            Some(_) => None,
        };
        Table { subject: Subject::Processes, rows: shown.iter().map(row).collect(), note }
    }

    fn events(&self) -> Table {
        let of = |s: &Snapshot, name: &str| {
            s.event_types.iter().find(|(known, _)| known == name).map(|(_, count)| *count)
        };
        let rates: Vec<Option<f64>> = self
            .now
            .event_types
            .iter()
            .map(|(name, count)| self.per_s(|s| of(s, name), *count))
            .collect();
        let all: f64 = rates.iter().flatten().sum();
        let row =
            |((name, count), rate): (&(peregrine_serve::snapshot::Name, u64), &Option<f64>)| {
                vec![
                    Cell::Text(harmless(name)),
                    rate.map_or(Cell::None, Cell::Rate),
                    rate.map_or(Cell::None, |rate| Cell::Share(rate / all.max(1e-9))),
                    Cell::Count(*count),
                    self.probe_ns(name).map_or(Cell::None, Cell::Nanoseconds),
                ]
            };
        let rows = self.now.event_types.iter().zip(&rates).map(row).collect();
        Table { subject: Subject::Events, rows, note: None }
    }

    /// Nanoseconds that the program of the probe takes for an event, if that is measured: at
    /// `sys_exit` the kernel has one figure for all events.
    fn probe_ns(&self, event: &str) -> Option<f64> {
        let is_its = |name: &str| name.strip_prefix("fexit_") == Some(event);
        let program = self.now.programs.iter().find(|p| is_its(&p.name) && p.runs > 0)?;
        Some(program.time_ns as f64 / program.runs as f64)
    }

    fn rules(&self) -> Table {
        type Count = fn(&peregrine_serve::RuleCost) -> u64;
        let find = |s: &Snapshot, name: &str, of: Count| {
            s.rules.iter().find(|rule| rule.identity.name() == name).map(of)
        };
        let row = |rule: &peregrine_serve::RuleCost| {
            let name = rule.identity.name();
            let rate = |of: Count| self.rate(|s| find(s, name, of), of(rule));
            // One event in many is timed: of a rule that is seldom looked at nothing is known.
            let per_evaluation = match (rule.evaluations, rule.time_ns) {
                (0, _) | (_, 0) => Cell::None,
                (evaluations, ns) => Cell::Nanoseconds(ns as f64 / evaluations as f64),
            };
            vec![
                Cell::Text(harmless(name)),
                rate(|rule| rule.matches),
                Cell::Count(rule.matches),
                rate(|rule| rule.evaluations),
                Cell::Count(rule.evaluations),
                per_evaluation,
                match rate(|rule| rule.time_ns) {
                    Cell::Rate(ns_per_s) => Cell::Share(ns_per_s / 1e9),
                    other => other,
                },
                Cell::Text(rule.identity.priority().name().to_owned()),
            ]
        };
        let rows = self.now.rules.iter().map(row).collect();
        Table { subject: Subject::Rules, rows, note: None }
    }
}

fn counter(worker: &WorkerLevel, name: &str) -> Option<u64> {
    worker.counters.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}
