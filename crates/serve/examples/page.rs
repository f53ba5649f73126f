//! The web page with made-up numbers and alerts, hostile ones among them, for `scripts/page-test.sh`
//! and for work on the page without a probe: `cargo run -p peregrine-serve --example page`.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use peregrine_event::Priority;
use peregrine_output::{
    Alert, Ancestor, FieldValue, Hub, Line, OutputTotals, RuleIdentity, Sink, SinkTotals,
    StateQuality,
};
use peregrine_serve::snapshot::Identity;
use peregrine_serve::{
    Board, DropCount, RingLevel, RuleCost, RuleText, ServeOptions, Server, Snapshot, WorkerLevel,
};

const HOSTILE: &str = "</pre><script>document.title='owned'</script><img src=x onerror=alert(1)>";

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

fn ancestor(pid: u64, command: &str) -> Ancestor {
    let name = command.split(' ').next().unwrap_or_default().to_owned();
    Ancestor { pid, exe: format!("/usr/bin/{name}"), name, command: command.to_owned() }
}

fn rules() -> Vec<Arc<RuleIdentity>> {
    vec![
        RuleIdentity::new("Shadow file read", Priority::Warning, "syscall", ["host", "T1003"]),
        RuleIdentity::new("Program started from memory", Priority::Critical, "syscall", ["T1620"]),
        RuleIdentity::new("Shell in container", Priority::Notice, "syscall", ["container"]),
    ]
}

fn alert(number: u64, rules: &[Arc<RuleIdentity>]) -> Alert {
    let rule = rules[number as usize % rules.len()].clone();
    let file = if number % 5 == 3 { HOSTILE } else { "/etc/shadow" };
    Alert {
        time_ns: now_ns(),
        sequence: number,
        message: format!("{} (file={file} command=cat {file})", rule.name()),
        rule,
        fields: vec![
            ("fd.name".into(), FieldValue::Text(file.into())),
            ("proc.pid".into(), FieldValue::Int(4000 + number as i64)),
            ("container.id".into(), FieldValue::Null),
        ],
        state: StateQuality::Exact,
        lineage: vec![
            ancestor(4000 + number, &format!("cat {file}")),
            ancestor(812, "bash -i"),
            ancestor(811, "sshd: root@pts/0"),
            ancestor(1, "systemd --switched-root --system"),
        ],
    }
}

fn snapshot(start_ns: u64, second: u64, rules: &[Arc<RuleIdentity>]) -> Snapshot {
    let identity = Identity {
        version: env!("CARGO_PKG_VERSION").into(),
        hostname: "example-host".into(),
        hook: "fexit".into(),
        start_ns,
        ..Identity::default()
    };
    let events = second * 41_000 + (second * 7919) % 9000;
    let cost = |(index, identity): (usize, &Arc<RuleIdentity>)| RuleCost {
        identity: identity.clone(),
        matches: second / (index as u64 + 1),
        evaluations: events / (index as u64 + 2),
        time_ns: events * 40 * (index as u64 + 1),
    };
    Snapshot {
        time_ns: now_ns(),
        identity: Arc::new(identity),
        events,
        alerts: second,
        workers: vec![WorkerLevel { records: events, ..WorkerLevel::default() }],
        rings: vec![RingLevel {
            worker: 0,
            pending_bytes: (second * 37 % 90) << 14,
            capacity_bytes: 8 << 20,
        }],
        drops: vec![DropCount {
            ring: 0,
            class: "other".into(),
            cause: "ring full".into(),
            count: second / 9,
        }],
        state: vec![("n_threads".into(), 311), ("n_fds".into(), 2750)],
        rules: rules.iter().enumerate().map(cost).collect(),
        outputs: OutputTotals {
            sinks: vec![SinkTotals {
                name: "http".into(),
                delivered: second,
                ..Default::default()
            }],
            ..OutputTotals::default()
        },
        ..Snapshot::default()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8765".into());
    let (board, hub, rules, start_ns) = (Board::new(), Hub::new(1000), rules(), now_ns());
    board.set_rules(
        rules
            .iter()
            .map(|rule| RuleText {
                name: rule.name().into(),
                description: format!("An example. {HOSTILE}"),
                condition: "open_read and fd.name = /etc/shadow".into(),
                output: "%evt.time file=%fd.name".into(),
                priority: rule.priority().name().into(),
                source: rule.source().into(),
                tags: rule.tags().to_vec(),
            })
            .collect(),
    );
    let options = ServeOptions { metrics: true, web: true, ..ServeOptions::new(address.parse()?) };
    let server = Server::start(options, board.clone(), Some(hub.clone()), &"".into())?;
    eprintln!("http://{}/", server.address());
    let mut sink = hub.sink();
    // Bounded: an example that is forgotten ends by itself.
    for second in 1..600 {
        board.publish(snapshot(start_ns, second, &rules));
        let alert = alert(second, &rules);
        sink.write(&[Arc::new(Line::new(alert, String::new()))]).map_err(|f| f.error)?;
        std::thread::sleep(Duration::from_millis(if second < 30 { 20 } else { 1000 }));
    }
    Ok(())
}
