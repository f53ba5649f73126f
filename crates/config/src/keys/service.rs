//! The web server, figures and messages.

use crate::declare::sections;
use crate::types::Interval;

sections! {
    /// Health, versions and metrics over HTTP.
    Webserver {
        /// Whether it runs.
        enabled: bool = false, |key| key.shipped("true").restart();
        /// Threads that answer.
        threadiness: u32 = 0, |key| key.inert("one thread answers; it reads counters only");
        /// Its port.
        listen_port: u32 = 8765, |key| key.restart();
        /// The address it listens on.
        listen_address: String = String::from("0.0.0.0"), |key| key.restart();
        /// The path that says whether all is well.
        k8s_healthz_endpoint: String = String::from("/healthz"), |key| key.restart();
        /// Serve `/metrics`.
        prometheus_metrics_enabled: bool = false, |key| key.restart();
        /// Serve over TLS.
        ssl_enabled: bool = false, |key| key.restart();
        /// File with certificate and key.
        ssl_certificate: String = String::from("/etc/falco/falco.pem"), |key| key.restart();
    }
    /// Messages of Falco's libraries.
    LibsLogger {
        /// Whether there are any.
        enabled: bool = true, |key| key.inert("Falco's libraries are not part of Peregrine");
        /// How urgent they must be.
        severity: String = String::from("info"),
            |key| key.inert("Falco's libraries are not part of Peregrine");
    }
    /// Figures about the engine.
    Metrics {
        /// Whether there are any.
        enabled: bool = false;
        /// How often they are written.
        interval: Interval = Interval::new("5000"), |key| key.shipped("1h");
        /// Write them as an alert.
        output_rule: bool = false, |key| key.shipped("true");
        /// Append them to this file as JSON lines.
        output_file: String = String::new();
        /// Matches per rule.
        rules_counters_enabled: bool = true;
        /// CPU and memory of the engine and of the host.
        resource_utilization_enabled: bool = true;
        /// The state of processes and files.
        state_counters_enabled: bool = true;
        /// Events and drops of the kernel side.
        kernel_event_counters_enabled: bool = true;
        /// The same for each CPU.
        kernel_event_counters_per_cpu_enabled: bool = true,
            |key| key.shipped("false");
        /// What the kernel programs cost.
        libbpf_stats_enabled: bool = true;
        /// Figures of plugins.
        plugins_metrics_enabled: bool = true;
        /// Events of the iterators that read the initial state.
        kernel_iter_event_counters_enabled: bool = true;
        /// Figures of the memory allocator.
        jemalloc_stats_enabled: bool = true,
            |key| key.shipped("false").inert("Peregrine does not use jemalloc");
        /// Memory in MB instead of bytes.
        convert_memory_to_mb: bool = true;
        /// Write figures that are zero, too.
        include_empty_values: bool = false;
    }
}
