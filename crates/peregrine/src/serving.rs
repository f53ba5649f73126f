//! Options for metrics, health and the web page, and the numbers that are shown there.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::Args;
use peregrine_engine::activity::GroupActivity;
use peregrine_engine::counters::WorkerTotals;
use peregrine_engine::{Detection, Live, Observation, host, ruleset};
use peregrine_output::{Hub, OutputTotals};
use peregrine_probe::drops::{CAUSE_NAMES, CLASS_NAMES};
use peregrine_probe::heap::Heap;
use peregrine_rules::ENGINE_VERSION;
use peregrine_serve::resources::Resources;
use peregrine_serve::snapshot::{Identity, Name};
use peregrine_serve::{
    Board, BusyProcess, DropCount, FileHash, Program, RingLevel, RuleCost, RuleText, ServeOptions,
    Server, Snapshot, WorkerLevel, is_fit_token,
};
use sha2::{Digest, Sha256};

/// What is served.
#[derive(Debug, Args)]
#[command(next_help_heading = "Metrics and web page")]
pub struct ServeArgs {
    /// Serve /metrics (Prometheus), /healthz and /versions on this address, as in 127.0.0.1:8765
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Serve the web page on this address; with --metrics on the same one, if it is the same
    #[arg(long, value_name = "ADDRESS")]
    web: Option<SocketAddr>,
    /// File with the token that readers of the web page need; required unless the address is
    /// reached from this host only
    #[arg(long, value_name = "FILE", requires = "web")]
    web_token: Option<PathBuf>,
    /// File with certificate and key: serve over TLS
    #[arg(long, value_name = "FILE")]
    serve_certificate: Option<PathBuf>,
}

impl ServeArgs {
    /// Whether alerts are shown on a page: it wants their process trees and the texts of rules.
    pub fn has_page(&self) -> bool {
        self.web.is_some()
    }

    /// The servers that are wanted.
    ///
    /// # Errors
    /// The token cannot be read.
    pub fn servers(&self) -> anyhow::Result<Vec<ServeOptions>> {
        let token = self.web_token.as_deref().map(read_token).transpose()?;
        let mut servers = Vec::new();
        if let Some(address) = self.metrics {
            servers.push(ServeOptions { metrics: true, ..ServeOptions::new(address) });
        }
        if let Some(address) = self.web {
            match servers.iter_mut().find(|server| server.address == address) {
                Some(server) => server.web = true,
                None => servers.push(ServeOptions { web: true, ..ServeOptions::new(address) }),
            }
        }
        for server in &mut servers {
            server.certificate = self.serve_certificate.clone();
            server.token = token.clone();
        }
        Ok(servers)
    }
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token from {}", path.display()))?;
    let token = text.trim();
    anyhow::ensure!(
        is_fit_token(token),
        "the token in {} needs at least 16 letters, digits or -_.~",
        path.display()
    );
    Ok(token.to_owned())
}

/// Servers that run, and the board they read.
pub struct Serving {
    board: Arc<Board>,
    servers: Vec<Server>,
    identity: Arc<Identity>,
    rules_files: Vec<FileHash>,
    config_files: Vec<FileHash>,
    /// The rules that were in force at the last look, and since when.
    rules: Option<Arc<Detection>>,
    reload_ns: u64,
    use_of_resources: (Instant, Resources),
}

impl Serving {
    /// Starts the servers.
    ///
    /// # Errors
    /// An address cannot be bound.
    pub fn start(servers: &[ServeOptions], hub: Option<Hub>) -> anyhow::Result<Self> {
        let board = Board::new();
        let versions = versions();
        let servers = servers
            .iter()
            .map(|options| Server::start(options.clone(), board.clone(), hub.clone(), &versions))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            board,
            servers,
            identity: Arc::default(),
            rules_files: Vec::new(),
            config_files: Vec::new(),
            rules: None,
            reload_ns: 0,
            use_of_resources: (Instant::now(), resources()),
        })
    }

    /// Where the numbers are.
    pub fn board(&self) -> Arc<Board> {
        self.board.clone()
    }

    /// Where the servers listen.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.servers.iter().map(Server::address)
    }

    /// Says which files are in force; none can be read if they are gone.
    pub fn set_files(&mut self, rules: &[PathBuf], config: &[PathBuf]) {
        let rules = ruleset::rules_files(rules).unwrap_or_default();
        self.rules_files = hashes(&rules);
        self.config_files = hashes(config);
    }

    /// Takes the numbers and puts them up; to be called about once a second.
    ///
    /// # Errors
    /// The kernel's counters cannot be read.
    pub fn tick(&mut self, live: &Live, outputs: OutputTotals) -> anyhow::Result<Arc<Snapshot>> {
        let now_ns = now_ns();
        if self.identity.start_ns == 0 {
            self.identity = Arc::new(identity(live, now_ns));
        }
        let rules = live.rules();
        if self.rules.as_ref().is_none_or(|before| !Arc::ptr_eq(before, &rules)) {
            self.board.set_rules(texts(&rules));
            self.rules = Some(rules);
            self.reload_ns = now_ns;
        }
        // Reading them costs a millisecond where there are many mappings.
        if self.use_of_resources.0.elapsed().as_secs() >= 5 {
            self.use_of_resources = (Instant::now(), resources());
        }
        let observation = live.observe()?;
        let mut snapshot = snapshot(&observation);
        snapshot.time_ns = now_ns;
        snapshot.identity = self.identity.clone();
        snapshot.reload_ns = self.reload_ns;
        snapshot.rules_files.clone_from(&self.rules_files);
        snapshot.config_files.clone_from(&self.config_files);
        snapshot.outputs = outputs;
        snapshot.resources = self.use_of_resources.1;
        if live.has_failed() {
            snapshot.failure = Some("a worker has ended".to_owned());
        } else {
            snapshot.failure = live.detached();
        }
        self.board.publish(snapshot);
        Ok(self.board.latest())
    }
}

fn resources() -> Resources {
    let heap = Heap::read();
    Resources {
        heap_used_bytes: heap.used_bytes,
        heap_free_bytes: heap.free_bytes,
        ..Resources::read()
    }
}

fn snapshot(observation: &Observation) -> Snapshot {
    let mut total = WorkerTotals::default();
    observation.workers.iter().for_each(|worker| total += *worker);
    let pending = |worker: u32| {
        observation.rings.iter().filter(|ring| ring.0 == worker).map(|ring| ring.1).sum()
    };
    let workers = observation.workers.iter().enumerate().map(|(index, worker)| WorkerLevel {
        counters: named(&worker.named()),
        records: worker.records,
        pending_bytes: pending(index as u32),
    });
    let rings = observation.rings.iter().map(|(worker, pending_bytes, capacity_bytes)| RingLevel {
        worker: *worker,
        pending_bytes: *pending_bytes,
        capacity_bytes: *capacity_bytes,
    });
    let name = |names: &[&'static str], index: u32| {
        names.get(index as usize).copied().unwrap_or("unknown").into()
    };
    let drops = observation.drops.entries.iter().map(|(ring, class, cause, count)| DropCount {
        ring: *ring,
        class: name(&CLASS_NAMES, *class),
        cause: name(&CAUSE_NAMES, *cause),
        count: *count,
    });
    let rules = observation.rules.iter().map(|(identity, totals)| RuleCost {
        identity: identity.clone(),
        matches: totals.matches,
        evaluations: totals.evaluations,
        time_ns: totals.time_ns,
    });
    let programs = observation.costs.iter().map(|cost| Program {
        name: cost.name.clone(),
        runs: cost.runs,
        time_ns: cost.ns,
    });
    let activity = &observation.activity;
    let process = |group: &GroupActivity| BusyProcess {
        pid: group.tgid,
        records_per_s: group.records_per_s,
        name: group.name.clone(),
        command: group.command.clone(),
        user: group.user.clone(),
        container: group.container.clone(),
    };
    Snapshot {
        events: total.events,
        alerts: total.alerts,
        workers: workers.collect(),
        rings: rings.collect(),
        drops: drops.collect(),
        state: named(&observation.state.named()),
        rules: rules.collect(),
        programs: programs.collect(),
        event_types: named(&activity.types),
        processes: activity.groups.as_ref().map(|groups| groups.iter().map(process).collect()),
        other_records_per_s: activity.other_records_per_s,
        ..Snapshot::default()
    }
}

fn named(values: &[(&'static str, u64)]) -> Vec<(Name, u64)> {
    values.iter().map(|(name, value)| (Name::Borrowed(*name), *value)).collect()
}

fn texts(rules: &Detection) -> Vec<RuleText> {
    let of = |text: &ruleset::RuleText| {
        let identity = rules.rules.iter().find(|rule| rule.identity.name() == text.name);
        RuleText {
            name: text.name.clone(),
            description: text.description.clone(),
            condition: text.condition.clone(),
            output: text.output.clone(),
            priority: identity.map_or("", |rule| rule.identity.priority().name()).to_owned(),
            source: identity.map_or("", |rule| rule.identity.source()).to_owned(),
            tags: identity.map_or(&[][..], |rule| rule.identity.tags()).to_vec(),
        }
    };
    rules.texts.iter().map(of).collect()
}

fn identity(live: &Live, now_ns: u64) -> Identity {
    let (hook, _) = live.hook();
    let mut interfaces: Vec<(String, Vec<String>, Vec<String>)> = Vec::new();
    for interface in host::interface_list() {
        let name = String::from_utf8_lossy(&interface.name).into_owned();
        if name == "lo" {
            continue;
        }
        let at = match interfaces.iter().position(|known| known.0 == name) {
            Some(at) => at,
            None => {
                interfaces.push((name, Vec::new(), Vec::new()));
                interfaces.len() - 1
            }
        };
        match interface.address {
            peregrine_capture::InterfaceAddress::V4 { address, .. } => {
                interfaces[at].1.push(std::net::Ipv4Addr::from(address).to_string());
            }
            peregrine_capture::InterfaceAddress::V6 { address, .. } => {
                interfaces[at].2.push(std::net::Ipv6Addr::from(address).to_string());
            }
        }
    }
    Identity {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hostname: host::hostname(),
        kernel_release: std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .map(|release| release.trim().to_owned())
            .unwrap_or_default(),
        cpus: std::thread::available_parallelism().map_or(0, |n| n.get() as u32),
        boot_ns: host::boot_ts(),
        start_ns: now_ns,
        engine_name: "modern_bpf".to_owned(),
        hook: hook.name().to_owned(),
        interfaces,
    }
}

/// What Falco's `/versions` says, for tools that choose rules by it, and our own version.
fn versions() -> serde_json::Value {
    serde_json::json!({
        "peregrine_version": env!("CARGO_PKG_VERSION"),
        "falco_version": "0.44.0",
        "libs_version": env!("CARGO_PKG_VERSION"),
        "plugin_api_version": "3.12.0",
        "driver_api_version": "10.1.0",
        "driver_schema_version": "4.5.1",
        "default_driver_version": "10.2.0",
        "engine_version": ENGINE_VERSION.minor.to_string(),
        "engine_version_semver": ENGINE_VERSION.to_string(),
        "plugin_versions": {},
    })
}

fn hashes(files: &[PathBuf]) -> Vec<FileHash> {
    let hash = |path: &PathBuf| {
        let content = std::fs::read(path).ok()?;
        let name = path.file_name()?.to_string_lossy().into_owned();
        let sha256 = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        Some(FileHash { name, sha256 })
    };
    files.iter().filter_map(hash).collect()
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_plain() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for (text, is_fit) in
            [("0123456789abcdef\n", true), ("short", false), ("0123456789 abcdef", false)]
        {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read_token(&path).is_ok(), is_fit, "{text}");
        }
    }

    #[test]
    fn files_are_known_by_their_hash() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.yaml");
        std::fs::write(&path, "abc").unwrap();
        let found = hashes(&[path, dir.path().join("missing")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "rules.yaml");
        assert!(found[0].sha256.starts_with("ba7816bf8f01cfea"), "{}", found[0].sha256);
    }
}
