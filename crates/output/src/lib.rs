//! Alerts: text and JSON lines, queues and sinks.
#![forbid(unsafe_code)]
