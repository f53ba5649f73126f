//! Falco's metrics snapshot: the numbers as fields of an internal alert, and as lines of a file.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use peregrine_event::Priority;
use peregrine_output::{Alert, FieldValue, RuleIdentity, StateQuality};

use crate::snapshot::Snapshot;

const RULE: &str = "Falco internal: metrics snapshot";
const MESSAGE: &str = "Falco metrics snapshot";

/// What a snapshot shows; the names are those of Falco's keys under `metrics:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsOptions {
    /// Time between two, in nanoseconds.
    pub interval_ns: u64,
    /// Matches per rule.
    pub rules_counters: bool,
    /// Use of CPU and memory.
    pub resource_utilization: bool,
    /// Sizes and counters of the state.
    pub state_counters: bool,
    /// Events and drops of the kernel side.
    pub kernel_event_counters: bool,
    /// Costs of the programs of the probe.
    pub libbpf_stats: bool,
    /// Memory in megabytes.
    pub convert_memory_to_mb: bool,
    /// Also numbers that are zero.
    pub include_empty_values: bool,
}

impl Default for MetricsOptions {
    /// Falco's defaults: every hour, everything, without zeros.
    fn default() -> Self {
        Self {
            interval_ns: 3600 * 1_000_000_000,
            rules_counters: true,
            resource_utilization: true,
            state_counters: true,
            kernel_event_counters: true,
            libbpf_stats: true,
            convert_memory_to_mb: true,
            include_empty_values: false,
        }
    }
}

/// Makes snapshots when they are due.
pub struct MetricsRule {
    options: MetricsOptions,
    rule: Arc<RuleIdentity>,
    /// Time, events, records and drops of the last one.
    last: Option<(u64, u64, u64, u64)>,
    next_ns: u64,
}

struct Fields {
    fields: Vec<(Arc<str>, FieldValue)>,
    with_zeros: bool,
}

impl Fields {
    fn always(&mut self, name: impl AsRef<str>, value: FieldValue) {
        self.fields.push((Arc::from(name.as_ref()), value));
    }

    fn text(&mut self, name: impl AsRef<str>, value: &str) {
        self.always(name, FieldValue::Text(value.to_owned()));
    }

    fn uint(&mut self, name: impl AsRef<str>, value: u64) {
        if value != 0 || self.with_zeros {
            self.always(name, FieldValue::Uint(value));
        }
    }

    fn double(&mut self, name: impl AsRef<str>, value: f64) {
        if value != 0.0 || self.with_zeros {
            self.always(name, FieldValue::Double(value));
        }
    }
}

/// To one digit behind the point.
fn tenths(value: f64) -> FieldValue {
    FieldValue::Double((value * 10.0).round() / 10.0)
}

impl MetricsRule {
    /// The first one is due after an interval.
    pub fn new(options: MetricsOptions) -> Self {
        let rule = RuleIdentity::internal(RULE, Priority::Informational);
        Self { options, rule, last: None, next_ns: 0 }
    }

    /// An alert, if one is due.
    pub fn look(&mut self, snapshot: &Snapshot) -> Option<Alert> {
        let now_ns = snapshot.time_ns;
        if self.next_ns == 0 {
            self.next_ns = now_ns + self.options.interval_ns;
        }
        if now_ns < self.next_ns {
            return None;
        }
        // Late by more than an interval: no burst to catch up.
        self.next_ns = (self.next_ns + self.options.interval_ns).max(now_ns);
        Some(Alert {
            time_ns: now_ns,
            sequence: now_ns,
            rule: self.rule.clone(),
            message: MESSAGE.to_owned(),
            fields: self.fields(snapshot),
            state: StateQuality::Exact,
            lineage: Vec::new(),
        })
    }

    fn fields(&mut self, s: &Snapshot) -> Vec<(Arc<str>, FieldValue)> {
        let mut out = Fields { fields: Vec::new(), with_zeros: self.options.include_empty_values };
        let current = (s.time_ns, s.events, s.records() + s.dropped(), s.dropped());
        let previous = self.last.replace(current);
        wrapper(&mut out, s);
        let seconds = previous.map_or(0.0, |p| s.time_ns.saturating_sub(p.0) as f64 / 1e9).max(0.0);
        let rate = |before: u64, after: u64| match seconds > 0.0 {
            true => after.saturating_sub(before) as f64 / seconds,
            false => 0.0,
        };
        let (_, events, records, drops) = previous.unwrap_or_default();
        if events != 0 && seconds > 0.0 {
            out.always("falco.evts_rate_sec", tenths(rate(events, s.events)));
        }
        out.always("falco.num_evts", FieldValue::Uint(s.events));
        out.always("falco.num_evts_prev", FieldValue::Uint(events));
        if self.options.rules_counters {
            out.always("falco.rules.matches_total", FieldValue::Uint(s.alerts));
            for rule in &s.rules {
                let name = sanitize(rule.identity.name());
                out.uint(format!("falco.rules.{name}"), rule.matches);
            }
        }
        if self.options.resource_utilization {
            self.resources(&mut out, s);
        }
        if self.options.state_counters {
            s.state.iter().for_each(|(name, value)| out.uint(format!("falco.{name}"), *value));
        }
        if self.options.kernel_event_counters {
            out.always("scap.n_evts", FieldValue::Uint(current.2));
            out.always("scap.n_evts_prev", FieldValue::Uint(records));
            out.always("scap.evts_rate_sec", tenths(rate(records, current.2)));
            out.always("scap.n_drops", FieldValue::Uint(current.3));
            out.always("scap.n_drops_prev", FieldValue::Uint(drops));
            out.always("scap.evts_drop_rate_sec", tenths(rate(drops, current.3)));
            let (new, lost) = (current.2.saturating_sub(records), current.3.saturating_sub(drops));
            let percent = if new > 0 { 100.0 * lost as f64 / new as f64 } else { 0.0 };
            out.always("scap.n_drops_perc", FieldValue::Double(percent));
            let buffer = s.dropped_by("ring full") + s.dropped_by("class share");
            out.uint("scap.n_drops_buffer_total", buffer);
            out.uint("scap.n_drops_scratch_map", s.dropped_by("scratch busy"));
        }
        if self.options.libbpf_stats {
            for program in &s.programs {
                out.uint(format!("scap.{}.run_cnt", program.name), program.runs);
                out.uint(format!("scap.{}.run_time_ns", program.name), program.time_ns);
                let average = program.time_ns / program.runs.max(1);
                out.uint(format!("scap.{}.avg_time_ns", program.name), average);
            }
        }
        out.fields
    }

    fn resources(&self, out: &mut Fields, s: &Snapshot) {
        let r = &s.resources;
        out.double("falco.cpu_usage_perc", r.cpu_usage_percent);
        out.double("falco.host_cpu_usage_perc", r.host_cpu_usage_percent);
        out.uint("falco.host_procs_running", r.host_procs_running);
        out.uint("falco.host_open_fds", r.host_open_fds);
        let memory = [
            ("memory_rss", r.rss_kib),
            ("memory_vsz", r.vsz_kib),
            ("memory_pss", r.pss_kib),
            ("host_memory_used", r.host_memory_kib),
        ];
        let to_mb = self.options.convert_memory_to_mb;
        for (name, kib) in memory {
            match to_mb {
                true => out.double(format!("falco.{name}_mb"), megabytes(kib * 1024)),
                false => out.uint(format!("falco.{name}_kb"), kib),
            }
        }
        match to_mb {
            true => out.double("falco.container_memory_used_mb", megabytes(r.container_bytes)),
            false => out.uint("falco.container_memory_used_bytes", r.container_bytes),
        }
    }
}

fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / (1 << 20) as f64 * 10.0).round() / 10.0
}

/// What Falco always shows.
fn wrapper(out: &mut Fields, s: &Snapshot) {
    let id = &s.identity;
    out.always("evt.time", FieldValue::Uint(s.time_ns));
    out.text("evt.hostname", &id.hostname);
    out.text("evt.source", "syscall");
    out.always("falco.start_ts", FieldValue::Uint(id.start_ns));
    out.always("falco.reload_ts", FieldValue::Uint(s.reload_ns));
    out.text("falco.version", &id.version);
    let seconds = s.time_ns.saturating_sub(id.start_ns) / 1_000_000_000;
    out.always("falco.duration_sec", FieldValue::Uint(seconds));
    out.text("falco.kernel_release", &id.kernel_release);
    out.always("falco.host_boot_ts", FieldValue::Uint(id.boot_ns));
    out.always("falco.host_num_cpus", FieldValue::Uint(id.cpus.into()));
    let lost = s.outputs.dropped + s.outputs.sinks.iter().map(|sink| sink.dropped).sum::<u64>();
    out.always("falco.outputs_queue_num_drops", FieldValue::Uint(lost));
    for file in &s.rules_files {
        out.text(format!("falco.sha256_rules_file.{}", sanitize(&file.name)), &file.sha256);
    }
    for file in &s.config_files {
        out.text(format!("falco.sha256_config_file.{}", sanitize(&file.name)), &file.sha256);
    }
    for (name, v4, v6) in &id.interfaces {
        for (protocol, addresses) in [("ipv4", v4), ("ipv6", v6)] {
            if !addresses.is_empty() {
                let key =
                    format!("falco.host_netinfo.interfaces.{name}.protocols.{protocol}.addresses");
                out.text(key, &addresses.join(","));
            }
        }
    }
    out.text("scap.engine_name", &id.engine_name);
}

/// A name as a part of a key, as Falco writes it: what is neither a letter nor a digit becomes an
/// underscore, several of them one, and none is left at the end.
fn sanitize(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '_' | ':') { c } else { '_' };
        if c != '_' || !out.ends_with('_') {
            out.push(c);
        }
    }
    out.trim_end_matches('_').to_owned()
}

/// Falco's metrics file: a JSON line per snapshot.
pub struct MetricsFile {
    file: File,
    sample: u64,
}

impl MetricsFile {
    /// Appends to a file.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::options().append(true).create(true).open(path)?, sample: 0 })
    }

    /// Appends a snapshot.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, snapshot: &Alert) -> io::Result<()> {
        self.sample += 1;
        let fields: serde_json::Map<String, serde_json::Value> = snapshot
            .fields
            .iter()
            .map(|(name, value)| (name.to_string(), crate::web::json(value)))
            .collect();
        let line = serde_json::json!({ "output_fields": fields, "sample": self.sample });
        self.file.write_all(format!("{line}\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{RuleCost, WorkerLevel};

    fn at(second: u64, events: u64) -> Snapshot {
        Snapshot {
            time_ns: second * 1_000_000_000,
            events,
            alerts: 2,
            workers: vec![WorkerLevel { records: events + 1, ..WorkerLevel::default() }],
            rules: vec![RuleCost {
                identity: RuleIdentity::new("Read (a) file!", Priority::Notice, "syscall", [""; 0]),
                matches: 2,
                evaluations: 5,
                time_ns: 0,
            }],
            state: vec![("n_threads".into(), 4), ("n_fds".into(), 0)],
            ..Snapshot::default()
        }
    }

    fn field(alert: &Alert, name: &str) -> Option<FieldValue> {
        alert.fields.iter().find(|(n, _)| &**n == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn a_snapshot_is_due_once_per_interval_and_has_rates() {
        let options = MetricsOptions { interval_ns: 10_000_000_000, ..MetricsOptions::default() };
        let mut rule = MetricsRule::new(options);
        assert_eq!(rule.look(&at(1, 10)), None);
        assert_eq!(rule.look(&at(10, 10)), None);
        let first = rule.look(&at(11, 100)).unwrap();
        assert_eq!(first.rule.name(), RULE);
        assert_eq!(field(&first, "falco.num_evts"), Some(FieldValue::Uint(100)));
        assert_eq!(field(&first, "falco.evts_rate_sec"), None);
        assert_eq!(field(&first, "falco.rules.Read_a_file"), Some(FieldValue::Uint(2)));
        assert_eq!(field(&first, "falco.n_threads"), Some(FieldValue::Uint(4)));
        assert_eq!(field(&first, "falco.n_fds"), None, "zeros are left out");
        assert_eq!(rule.look(&at(20, 100)), None);
        let second = rule.look(&at(21, 125)).unwrap();
        assert_eq!(field(&second, "falco.evts_rate_sec"), Some(FieldValue::Double(2.5)));
        assert_eq!(field(&second, "falco.num_evts_prev"), Some(FieldValue::Uint(100)));
        assert_eq!(field(&second, "scap.n_evts"), Some(FieldValue::Uint(126)));
        assert_eq!(field(&second, "scap.n_drops_perc"), Some(FieldValue::Double(0.0)));
    }

    #[test]
    fn the_file_has_a_line_per_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics");
        let options = MetricsOptions { interval_ns: 1, ..MetricsOptions::default() };
        let mut rule = MetricsRule::new(options);
        rule.look(&at(1, 1));
        let mut file = MetricsFile::open(&path).unwrap();
        for second in [2, 3] {
            file.write(&rule.look(&at(second, 7)).unwrap()).unwrap();
        }
        let text = std::fs::read_to_string(path).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["sample"], 2);
        assert_eq!(last["output_fields"]["falco.num_evts"], 7);
    }
}
