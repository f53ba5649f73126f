//! Two moments of a made-up instance, two seconds apart, for tests.

use std::sync::Arc;

use peregrine_event::Priority;
use peregrine_output::{OutputTotals, RuleIdentity, SinkTotals};
use peregrine_serve::snapshot::{Identity, Name};
use peregrine_serve::{
    BusyProcess, DropCount, Program, RingLevel, RuleCost, Snapshot, WorkerLevel,
};

use super::view::View;
use crate::service::control::Figures;

const NS_PER_S: u64 = 1_000_000_000;

fn worker(records: u64, pending_bytes: u64) -> WorkerLevel {
    let counters = [
        ("records", records),
        ("ring_bytes", records * 100),
        ("events", records - records / 10),
        ("evaluations", records * 3),
        ("parked", records / 50),
        ("parking_timeouts", 1),
        ("parked_now", 4),
        ("lookups", 7),
        ("sleeps", records / 5),
    ];
    let counters = counters.into_iter().map(|(name, n)| (Name::Borrowed(name), n)).collect();
    WorkerLevel { counters, records, pending_bytes }
}

fn rule(name: &str, priority: Priority, matches: u64, evaluations: u64) -> RuleCost {
    let identity = RuleIdentity::new(name, priority, "syscall", ["host"]);
    RuleCost { identity, matches, evaluations, time_ns: evaluations * 80 }
}

fn process(pid: u32, records_per_s: f64, name: &str, command: &str) -> BusyProcess {
    BusyProcess {
        pid,
        records_per_s,
        name: name.into(),
        command: command.into(),
        user: if pid == 1 { "root".into() } else { "www-data".into() },
        container: if pid == 900 { "3ad7b26ded6d".into() } else { String::new() },
    }
}

/// What was counted after so many steps.
fn snapshot(step: u64) -> Snapshot {
    let drop = |ring, cause: &'static str, class: &'static str, count| DropCount {
        ring,
        class: class.into(),
        cause: cause.into(),
        count,
    };
    let sink = SinkTotals { name: "stdout".into(), delivered: 3 * step, ..SinkTotals::default() };
    let failing = SinkTotals {
        name: "http".into(),
        waiting: 5,
        is_failing: true,
        last_error: Some("connection refused".into()),
        ..SinkTotals::default()
    };
    Snapshot {
        time_ns: 1_000 * NS_PER_S + step * 2 * NS_PER_S,
        identity: Arc::new(Identity {
            version: "1.2.3".into(),
            hostname: "host-a".into(),
            kernel_release: "6.1.0".into(),
            hook: "fexit".into(),
            start_ns: 700 * NS_PER_S,
            ..Identity::default()
        }),
        events: 10_000 + 2_000 * step,
        alerts: 3 * step,
        workers: vec![worker(10_000 + 2_000 * step, 1 << 20), worker(500, 0)],
        rings: vec![
            RingLevel { worker: 0, pending_bytes: 3 << 18, capacity_bytes: 1 << 20 },
            RingLevel { worker: 1, pending_bytes: 0, capacity_bytes: 1 << 20 },
            RingLevel { worker: 0, pending_bytes: 1 << 18, capacity_bytes: 1 << 20 },
        ],
        drops: vec![
            drop(0, "ring full", "other", 100 * step),
            drop(2, "ring full", "other", 1),
            drop(0, "class share", "rule", 2),
        ],
        state: vec![("n_threads".into(), 81), ("n_fds".into(), 738)],
        rules: vec![
            rule("Shell \u{1b}[31m", Priority::Notice, step, 100 + step),
            rule("Read of a secret", Priority::Critical, 2 * step, 5_000 * step),
        ],
        programs: vec![Program { name: "fexit_openat".into(), runs: 10, time_ns: 12_340 }],
        event_types: vec![("close".into(), 400), ("openat".into(), 1_000 * step)],
        processes: Some(vec![
            process(4711, 800.0, "nginx", "nginx -g daemon off;"),
            process(1, 150.0, "systemd", "systemd --system"),
            process(900, 25.0, "", ""),
        ]),
        other_records_per_s: 25.0,
        outputs: OutputTotals {
            accepted: 3 * step,
            sinks: vec![sink, failing],
            ..OutputTotals::default()
        },
        ..Snapshot::default()
    }
}

/// A view of the second moment.
pub fn view() -> View {
    let figures =
        Figures { snapshot: Arc::new(snapshot(2)), problems: vec!["worker 1 has stalled".into()] };
    View::new(Some(&snapshot(1)), &figures)
}

/// The same before anything can be said about rates.
pub fn first_view() -> View {
    let figures = Figures {
        snapshot: Arc::new(Snapshot { processes: None, ..snapshot(2) }),
        problems: Vec::new(),
    };
    View::new(None, &figures)
}
