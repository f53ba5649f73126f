//! The numbers in the text format of Prometheus (OpenMetrics 1.0).
//!
//! Names that begin with `falcosecurity_` are Falco's, with its units and labels, so that existing
//! dashboards and alerts work; those that begin with `peregrine_` say what Falco has no name for.
//! Where Falco tells lost records apart by kind of system call (`drop`), Peregrine does by the
//! class it sheds them by.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::snapshot::Snapshot;

/// What the text is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const NS_PER_S: f64 = 1e9;
/// Counters of workers that go up and down.
const LEVELS: [&str; 3] = ["parked_now", "threads", "fds"];
/// Where Falco explains its metrics.
const FALCO_HELP: &str = "https://falco.org/docs/metrics/";

/// The page of numbers.
pub fn render(snapshot: Arc<Snapshot>, problems: usize) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page { snapshot, problems }));
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = text::encode(&mut out, &registry);
    out
}

struct Page {
    snapshot: Arc<Snapshot>,
    problems: usize,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

type Labels = Vec<(String, String)>;

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

struct Writer<'e>(DescriptorEncoder<'e>);

impl Writer<'_> {
    /// A counter; `_total` is added to its name.
    fn counter<N: EncodeCounterValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels, N)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in series {
            match labels.is_empty() {
                true => metric.encode_counter::<NoLabelSet, _, u64>(&value, None)?,
                false => {
                    let mut one = metric.encode_family(&labels)?;
                    one.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
                }
            }
        }
        Ok(())
    }

    /// A counter of seconds.
    fn seconds(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let seconds = |(labels, ns): (Labels, u64)| (labels, ns as f64 / NS_PER_S);
        self.counter(name, help, series.into_iter().map(seconds))
    }

    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            match labels.is_empty() {
                true => put_gauge(&mut metric, value)?,
                false => put_gauge(&mut metric.encode_family(&labels)?, value)?,
            }
        }
        Ok(())
    }

    /// A histogram of seconds: the sum, and counts by their upper bounds, in nanoseconds.
    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels, u64, Vec<(u64, u64)>)>,
    ) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, sum_ns, buckets) in series {
            let count = buckets.iter().map(|(_, count)| count).sum();
            let bound = |ns: u64| if ns == u64::MAX { f64::INFINITY } else { ns as f64 / NS_PER_S };
            let buckets: Vec<(f64, u64)> =
                buckets.into_iter().map(|(ns, count)| (bound(ns), count)).collect();
            let mut one = metric.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(sum_ns as f64 / NS_PER_S, count, &buckets, None)?;
        }
        Ok(())
    }

    /// A time in nanoseconds since the epoch, which a floating point number does not hold.
    fn time(&mut self, name: &str, ns: u64) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, FALCO_HELP, None, MetricType::Gauge)?;
        metric.encode_gauge(&ns)
    }

    /// Facts; `_info` is added to the name.
    fn info(&mut self, name: &str, series: impl IntoIterator<Item = Labels>) -> fmt::Result {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return Ok(());
        }
        let mut metric = self.0.encode_descriptor(name, FALCO_HELP, None, MetricType::Info)?;
        for labels in series {
            metric.encode_info(&labels)?;
        }
        Ok(())
    }
}

/// Whole numbers as such: `1.0` is not wrong, but nobody writes a number of threads like that.
fn put_gauge(metric: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
    match value.fract() == 0.0 && value.abs() < 9e15 {
        true => metric.encode_gauge(&(value as i64)),
        false => metric.encode_gauge(&value),
    }
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer(encoder);
        self.falco(&mut writer)?;
        self.falco_kernel(&mut writer)?;
        self.engine(&mut writer)?;
        self.rules(&mut writer)?;
        self.outputs(&mut writer)
    }
}

fn none<T>(value: T) -> [(Labels, T); 1] {
    [(Labels::new(), value)]
}

impl Page {
    fn falco(&self, w: &mut Writer<'_>) -> fmt::Result {
        let (s, id) = (&*self.snapshot, &*self.snapshot.identity);
        w.info("falcosecurity_falco_version", [labels([("version", &id.version)])])?;
        let hashes = |files: &[crate::snapshot::FileHash]| -> Vec<Labels> {
            let of = |f: &crate::snapshot::FileHash| {
                labels([("file_name", &f.name), ("sha256", &f.sha256)])
            };
            files.iter().map(of).collect()
        };
        w.info("falcosecurity_falco_sha256_rules_files", hashes(&s.rules_files))?;
        w.info("falcosecurity_falco_sha256_config_files", hashes(&s.config_files))?;
        let kernel = labels([("kernel_release", &id.kernel_release)]);
        w.info("falcosecurity_falco_kernel_release", [kernel])?;
        w.info("falcosecurity_evt_hostname", [labels([("hostname", &id.hostname)])])?;
        let engine = labels([("engine_name", &id.engine_name), ("evt_source", "syscall")]);
        w.info("falcosecurity_scap_engine_name", [engine])?;
        let lost = s.outputs.dropped + s.outputs.sinks.iter().map(|o| o.dropped).sum::<u64>();
        w.counter("falcosecurity_falco_outputs_queue_num_drops", FALCO_HELP, none(lost))?;
        w.time("falcosecurity_falco_reload_timestamp_nanoseconds", s.reload_ns)?;
        w.time("falcosecurity_falco_start_timestamp_nanoseconds", id.start_ns)?;
        w.time("falcosecurity_falco_host_boot_timestamp_nanoseconds", id.boot_ns)?;
        let duration = s.time_ns.saturating_sub(id.start_ns) / 1_000_000_000;
        w.counter("falcosecurity_falco_duration_seconds", FALCO_HELP, none(duration))?;
        let r = &s.resources;
        let kib = |kib: u64| (kib * 1024) as f64;
        for (name, value) in [
            ("falcosecurity_falco_host_num_cpus_total", f64::from(id.cpus)),
            ("falcosecurity_falco_cpu_usage_ratio", r.cpu_usage_percent / 100.0),
            ("falcosecurity_falco_memory_rss_bytes", kib(r.rss_kib)),
            ("falcosecurity_falco_memory_vsz_bytes", kib(r.vsz_kib)),
            ("falcosecurity_falco_memory_pss_bytes", kib(r.pss_kib)),
            ("falcosecurity_falco_container_memory_used_bytes", r.container_bytes as f64),
            ("falcosecurity_falco_host_cpu_usage_ratio", r.host_cpu_usage_percent / 100.0),
            ("falcosecurity_falco_host_memory_used_bytes", kib(r.host_memory_kib)),
            ("falcosecurity_falco_host_procs_running_total", r.host_procs_running as f64),
            ("falcosecurity_falco_host_open_fds_total", r.host_open_fds as f64),
        ] {
            w.gauge(name, FALCO_HELP, none(value))?;
        }
        Ok(())
    }

    fn falco_kernel(&self, w: &mut Writer<'_>) -> fmt::Result {
        let s = &*self.snapshot;
        let drops = s.dropped();
        w.counter("falcosecurity_scap_n_evts", FALCO_HELP, none(s.records() + drops))?;
        w.counter("falcosecurity_scap_n_drops", FALCO_HELP, none(drops))?;
        let scratch = s.dropped_by("scratch busy");
        w.counter("falcosecurity_scap_n_drops_scratch_map", FALCO_HELP, none(scratch))?;
        let mut by_class: Vec<(&str, u64)> = Vec::new();
        let in_buffer = |cause: &str| matches!(cause, "ring full" | "class share");
        for drop in s.drops.iter().filter(|drop| in_buffer(&drop.cause)) {
            match by_class.iter_mut().find(|(class, _)| *class == drop.class) {
                Some((_, sum)) => *sum += drop.count,
                None => by_class.push((&drop.class, drop.count)),
            }
        }
        let by_class =
            by_class.iter().map(|(class, sum)| (labels([("drop", class), ("dir", "exit")]), *sum));
        w.counter("falcosecurity_scap_n_drops_buffer", FALCO_HELP, by_class)?;
        for (name, value) in &s.state {
            // What is there now, and what was counted.
            match &**name {
                "n_threads" | "n_fds" => {
                    let name = format!("falcosecurity_scap_{name}_total");
                    w.gauge(&name, FALCO_HELP, none(*value as f64))?;
                }
                _ => w.counter(&format!("falcosecurity_scap_{name}"), FALCO_HELP, none(*value))?,
            }
        }
        Ok(())
    }

    fn engine(&self, w: &mut Writer<'_>) -> fmt::Result {
        let s = &*self.snapshot;
        let healthy = if self.problems == 0 { 1.0 } else { 0.0 };
        w.gauge("peregrine_healthy", "Whether /healthz says ok", none(healthy))?;
        w.counter("peregrine_events", "Events that reached the rules", none(s.events))?;
        w.counter("peregrine_alerts", "Alerts made", none(s.alerts))?;
        let heap = "Bytes that are allocated and not freed";
        w.gauge("peregrine_heap_used_bytes", heap, none(s.resources.heap_used_bytes as f64))?;
        let heap = "Bytes that the allocator holds for later";
        w.gauge("peregrine_heap_free_bytes", heap, none(s.resources.heap_free_bytes as f64))?;
        let types = s.event_types.iter().map(|(name, count)| (labels([("type", name)]), *count));
        w.counter("peregrine_records", "Records taken from the rings, by type of event", types)?;
        let hook = labels([("hook", &s.identity.hook)]);
        w.info("peregrine_hook", [hook])?;
        let names = s.workers.first().map(|w| w.counters.iter().map(|c| &*c.0).collect::<Vec<_>>());
        for (at, name) in names.unwrap_or_default().into_iter().enumerate() {
            let of_worker = s.workers.iter().enumerate().filter_map(|(number, worker)| {
                let labels = labels([("worker", &number.to_string())]);
                Some((labels, worker.counters.get(at)?.1))
            });
            let help = "Counter of a worker; crates/engine/src/counters.rs explains it";
            match LEVELS.contains(&name) {
                true => {
                    let levels = of_worker.map(|(labels, value)| (labels, value as f64));
                    w.gauge(&format!("peregrine_worker_{name}"), help, levels)?;
                }
                false => w.counter(&format!("peregrine_worker_{name}"), help, of_worker)?,
            }
        }
        let drops = s.drops.iter().map(|drop| {
            let ring = drop.ring.to_string();
            (labels([("ring", &ring), ("class", &drop.class), ("cause", &drop.cause)]), drop.count)
        });
        w.counter("peregrine_drops", "Records lost on the way from the kernel", drops)?;
        let rings = || s.rings.iter().enumerate();
        let ring = |number: usize| labels([("ring", &number.to_string())]);
        let pending = rings().map(|(n, level)| (ring(n), level.pending_bytes as f64));
        w.gauge("peregrine_ring_pending_bytes", "Bytes that wait in a ring", pending)?;
        let capacity = rings().map(|(n, level)| (ring(n), level.capacity_bytes as f64));
        w.gauge("peregrine_ring_capacity_bytes", "Size of a ring", capacity)?;
        let program = |p: &crate::snapshot::Program| labels([("program", &p.name)]);
        let runs = s.programs.iter().map(|p| (program(p), p.runs));
        w.counter("peregrine_probe_runs", "Runs of a program of the probe", runs)?;
        let time = s.programs.iter().map(|p| (program(p), p.time_ns));
        w.seconds("peregrine_probe_seconds", "Time in a program of the probe", time)
    }

    fn rules(&self, w: &mut Writer<'_>) -> fmt::Result {
        let rules = &self.snapshot.rules;
        let matched = rules.iter().filter(|rule| rule.matches > 0).map(|rule| {
            let id = &rule.identity;
            let mut labels = labels([
                ("priority", &id.priority().syslog_level().to_string()),
                ("rule_name", id.name()),
                ("source", id.source()),
            ]);
            labels.extend(id.tags().iter().map(|tag| (tag_label(tag), "true".to_owned())));
            (labels, rule.matches)
        });
        w.counter("falcosecurity_falco_rules_matches", FALCO_HELP, matched)?;
        let of = |value: fn(&crate::snapshot::RuleCost) -> u64| {
            let all = rules.iter().map(move |r| (labels([("rule", r.identity.name())]), value(r)));
            all.filter(|(_, value)| *value > 0)
        };
        w.counter(
            "peregrine_rule_evaluations",
            "Evaluations of a rule's condition",
            of(|rule| rule.evaluations),
        )?;
        w.seconds(
            "peregrine_rule_seconds",
            "Time of these evaluations, extrapolated from a sample",
            of(|rule| rule.time_ns),
        )
    }

    fn outputs(&self, w: &mut Writer<'_>) -> fmt::Result {
        let outputs = &self.snapshot.outputs;
        w.counter("peregrine_alerts_queued", "Alerts given to outputs", none(outputs.accepted))?;
        let dropped = none(outputs.dropped);
        w.counter("peregrine_alerts_dropped", "Alerts lost before any output", dropped)?;
        let waiting = none(outputs.waiting as f64);
        w.gauge("peregrine_alerts_waiting", "Alerts that wait for the outputs", waiting)?;
        if outputs.order.is_on {
            let order = &outputs.order;
            let late = none(order.out_of_order);
            let help = "Alerts that left behind younger ones";
            w.counter("peregrine_alerts_out_of_order", help, late)?;
            let early = [("window", order.overdue), ("bound", order.crowded)];
            let early = early.map(|(cause, count)| (labels([("cause", cause)]), count));
            let help = "Alerts that left before it was known that none is older";
            w.counter("peregrine_alerts_let_go_early", help, early)?;
        }
        type Field = fn(&peregrine_output::SinkTotals) -> u64;
        let counters: [(&str, &str, Field); 7] = [
            ("delivered", "Alerts delivered", |o| o.delivered),
            ("dropped", "Alerts lost because the queue was full", |o| o.dropped),
            ("spool_full", "Alerts lost because the spool was full", |o| o.spool_full),
            ("failed", "Alerts that were rejected, or that could not be written", |o| o.failed),
            ("retries", "Writes that were tried again", |o| o.retries),
            ("spooled", "Alerts that went to disk", |o| o.spooled),
            ("restored", "Alerts that an earlier process left on disk", |o| o.restored),
        ];
        let series = |of: Field| {
            outputs.sinks.iter().map(move |sink| (labels([("output", &sink.name)]), of(sink)))
        };
        for (name, help, of) in counters {
            w.counter(&format!("peregrine_output_{name}"), help, series(of))?;
        }
        let latencies = outputs.sinks.iter().filter(|sink| sink.latency.count() > 0).map(|sink| {
            let latency = &sink.latency;
            (labels([("output", &sink.name)]), latency.sum_ns, latency.by_power_of_two())
        });
        w.histogram(
            "peregrine_alert_latency_seconds",
            "From an event's time to its alert's line being written",
            latencies,
        )?;
        let levels: [(&str, &str, Field); 4] = [
            ("waiting", "Alerts that wait in memory or on disk", |o| o.waiting),
            ("spooled_now", "Alerts that wait on disk", |o| o.spooled_now),
            ("spool_bytes", "Size of the spool", |o| o.spool_bytes),
            ("failing", "Whether the last write failed", |o| u64::from(o.is_failing)),
        ];
        for (name, help, of) in levels {
            let series = series(of).map(|(labels, value)| (labels, value as f64));
            w.gauge(&format!("peregrine_output_{name}"), help, series)?;
        }
        Ok(())
    }
}

/// A tag as the name of a label.
fn tag_label(tag: &str) -> String {
    let harmless = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    format!("tag_{}", tag.chars().map(harmless).collect::<String>())
}

#[cfg(test)]
mod tests {
    use peregrine_event::Priority;
    use peregrine_output::{OutputTotals, RuleIdentity, SinkTotals};

    use super::*;
    use crate::snapshot::{DropCount, FileHash, Identity, RingLevel, RuleCost, WorkerLevel};

    #[test]
    fn names_are_falcos_and_ours() {
        let snapshot = Snapshot {
            time_ns: 1_748_338_600_000_000_000,
            reload_ns: 1_748_338_536_592_811_359,
            identity: Arc::new(Identity {
                version: "0.1.0".into(),
                start_ns: 1_748_338_500_000_000_000,
                engine_name: "modern_bpf".into(),
                cpus: 2,
                ..Identity::default()
            }),
            rules_files: vec![FileHash { name: "a.yaml".into(), sha256: "6f00".into() }],
            workers: vec![WorkerLevel {
                records: 90,
                counters: vec![("records".into(), 90), ("threads".into(), 7)],
                ..WorkerLevel::default()
            }],
            rings: vec![RingLevel { worker: 0, pending_bytes: 5, capacity_bytes: 4096 }],
            event_types: vec![("openat".into(), 9)],
            drops: vec![DropCount {
                ring: 1,
                class: "other".into(),
                cause: "ring full".into(),
                count: 10,
            }],
            state: vec![("n_threads".into(), 7), ("n_added_fds".into(), 8)],
            rules: vec![RuleCost {
                identity: RuleIdentity::new(
                    "Read \"x\"\nuntrusted",
                    Priority::Warning,
                    "syscall",
                    ["T1555", "maturity-stable"],
                ),
                matches: 3,
                evaluations: 40,
                time_ns: 1_500_000_000,
            }],
            outputs: OutputTotals {
                sinks: vec![SinkTotals {
                    name: "http".into(),
                    delivered: 2,
                    latency: serde_json::from_str(r#"{"buckets": [1, 2], "sum_ns": 3000}"#)
                        .unwrap(),
                    ..Default::default()
                }],
                ..OutputTotals::default()
            },
            ..Snapshot::default()
        };
        let text = render(Arc::new(snapshot), 0);
        for line in [
            "# TYPE falcosecurity_falco_version info",
            r#"falcosecurity_falco_version_info{version="0.1.0"} 1"#,
            r#"falcosecurity_falco_sha256_rules_files_info{file_name="a.yaml",sha256="6f00"} 1"#,
            r#"falcosecurity_scap_engine_name_info{engine_name="modern_bpf",evt_source="syscall"} 1"#,
            "falcosecurity_falco_reload_timestamp_nanoseconds 1748338536592811359",
            "falcosecurity_falco_duration_seconds_total 100",
            "falcosecurity_falco_host_num_cpus_total 2",
            "falcosecurity_falco_outputs_queue_num_drops_total 0",
            "falcosecurity_scap_n_evts_total 100",
            "falcosecurity_scap_n_drops_total 10",
            r#"falcosecurity_scap_n_drops_buffer_total{drop="other",dir="exit"} 10"#,
            "falcosecurity_scap_n_threads_total 7",
            "falcosecurity_scap_n_added_fds_total 8",
            concat!(
                r#"falcosecurity_falco_rules_matches_total{priority="4","#,
                r#"rule_name="Read \"x\"\nuntrusted",source="syscall","#,
                r#"tag_T1555="true",tag_maturity_stable="true"} 3"#
            ),
            "peregrine_healthy 1",
            r#"peregrine_worker_records_total{worker="0"} 90"#,
            r#"peregrine_worker_threads{worker="0"} 7"#,
            r#"peregrine_drops_total{ring="1",class="other",cause="ring full"} 10"#,
            r#"peregrine_records_total{type="openat"} 9"#,
            r#"peregrine_ring_pending_bytes{ring="0"} 5"#,
            r#"peregrine_rule_evaluations_total{rule="Read \"x\"\nuntrusted"} 40"#,
            r#"peregrine_rule_seconds_total{rule="Read \"x\"\nuntrusted"} 1.5"#,
            r#"peregrine_output_delivered_total{output="http"} 2"#,
            r#"peregrine_output_failing{output="http"} 0"#,
            r#"peregrine_alert_latency_seconds_bucket{le="0.000065536",output="http"} 3"#,
            r#"peregrine_alert_latency_seconds_bucket{le="+Inf",output="http"} 3"#,
            r#"peregrine_alert_latency_seconds_count{output="http"} 3"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn each_family_is_told_once() {
        let worker =
            WorkerLevel { counters: vec![("records".into(), 1)], ..WorkerLevel::default() };
        let snapshot = Snapshot { workers: vec![worker.clone(), worker], ..Snapshot::default() };
        let text = render(Arc::new(snapshot), 1);
        let mut types: Vec<&str> = text.lines().filter(|l| l.starts_with("# TYPE")).collect();
        let count = types.len();
        types.sort_unstable();
        types.dedup();
        assert_eq!(types.len(), count, "{text}");
        assert!(text.contains("\nperegrine_healthy 0\n"));
    }
}
