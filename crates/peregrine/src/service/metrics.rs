//! Figures as an internal alert and as lines of a file: `metrics`.

use std::path::Path;

use anyhow::Context;
use peregrine_config::keys::Metrics;
use peregrine_output::AlertSender;
use peregrine_serve::Snapshot;
use peregrine_serve::snapshot_rule::{MetricsFile, MetricsOptions, MetricsRule};

use crate::service::log::Log;

/// Writes figures when they are due.
pub struct MetricsWriter {
    rule: MetricsRule,
    /// Whether they are an alert.
    as_alert: bool,
    file: Option<MetricsFile>,
}

impl MetricsWriter {
    /// A writer as the configuration says; none if nobody wants figures.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn new(settings: &Metrics) -> anyhow::Result<Option<Self>> {
        let has_file = !settings.output_file.is_empty();
        if !settings.enabled || !(settings.output_rule || has_file) {
            return Ok(None);
        }
        let file = match has_file {
            false => None,
            true => Some(
                MetricsFile::open(Path::new(&settings.output_file))
                    .with_context(|| format!("cannot write metrics to {}", settings.output_file))?,
            ),
        };
        let rule = MetricsRule::new(MetricsOptions {
            interval_ns: settings.interval.milliseconds() * 1_000_000,
            rules_counters: settings.rules_counters_enabled,
            resource_utilization: settings.resource_utilization_enabled,
            state_counters: settings.state_counters_enabled,
            kernel_event_counters: settings.kernel_event_counters_enabled,
            libbpf_stats: settings.libbpf_stats_enabled,
            convert_memory_to_mb: settings.convert_memory_to_mb,
            include_empty_values: settings.include_empty_values,
        });
        Ok(Some(Self { rule, as_alert: settings.output_rule, file }))
    }

    /// Looks whether figures are due; to be called about once a second.
    pub fn look(&mut self, snapshot: &Snapshot, sender: &AlertSender, log: &Log) {
        let Some(alert) = self.rule.look(snapshot) else { return };
        if let Some(file) = &mut self.file
            && let Err(error) = file.write(&alert)
        {
            log.warning(format!("cannot write metrics: {error}"));
        }
        if self.as_alert {
            // A full queue is counted where it is full.
            sender.send(alert);
        }
    }
}
