//! Alerts as lines: Falco's text and Falco's JSON, byte for byte.
//!
//! ```text
//! 12:00:24.578754060: Warning Shadow file read | file=/etc/shadow
//! {"hostname":"a","output":"12:00:24.578754060: Warning Shadow file read | file=/etc/shadow",
//!  "output_fields":{"evt.time":1793534424578754060,"fd.name":"/etc/shadow"},
//!  "priority":"Warning","rule":"…","source":"syscall","tags":["host"],
//!  "time":"2026-11-01T12:00:24.578754060Z"}
//! ```
//!
//! (The JSON is one line.) Keys are in alphabetical order. A text line is escaped like the inside
//! of a JSON string, so that no alert can forge a second line or send control sequences to a
//! terminal.

use jiff::tz::TimeZone;
use peregrine_event::Priority;

use crate::alert::Alert;
use crate::{clock, json};

/// Text or JSON, and which parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// `time: Priority message`.
    Text,
    /// One object per alert.
    Json {
        /// Has `output`: the text line.
        output: bool,
        /// Has `message`: the text line without time and priority.
        message: bool,
        /// Has `output_fields`: the typed values.
        output_fields: bool,
        /// Has `tags`.
        tags: bool,
    },
}

impl Encoding {
    /// JSON with the parts that Falco shows by default.
    pub const fn json() -> Self {
        Encoding::Json { output: true, message: false, output_fields: true, tags: true }
    }
}

/// How alerts become lines.
#[derive(Debug, Clone)]
pub struct LineFormat {
    encoding: Encoding,
    iso_8601: bool,
    degraded: bool,
    hostname: String,
    zone: TimeZone,
}

impl LineFormat {
    /// A format with local times (the zone is the system's, or that of `TZ`).
    pub fn new(encoding: Encoding, hostname: impl Into<String>) -> Self {
        Self {
            encoding,
            iso_8601: false,
            degraded: true,
            hostname: hostname.into(),
            zone: TimeZone::system(),
        }
    }

    /// Whether the time in text is date, time and zone in UTC instead of the local time of day.
    pub fn iso_8601(mut self, yes: bool) -> Self {
        self.iso_8601 = yes;
        self
    }

    /// Whether alerts say that they may rest on incomplete state (`evt.degraded`); they do unless
    /// the output has to be exactly Falco's.
    #[must_use]
    pub fn degraded(mut self, yes: bool) -> Self {
        self.degraded = yes;
        self
    }

    /// Sets the zone of local times.
    pub fn zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    /// The line of an alert, without a newline.
    pub fn render(&self, alert: &Alert) -> String {
        match (&self.encoding, alert.rule.is_internal()) {
            (Encoding::Text, false) => self.text(alert),
            (Encoding::Text, true) => self.internal_text(alert),
            (&Encoding::Json { output, message, output_fields, tags }, false) => {
                self.json(alert, output, message, output_fields, tags)
            }
            // Alerts about the engine always have all they can have.
            (Encoding::Json { .. }, true) => self.json(alert, true, false, true, false),
        }
    }

    /// Appends `time: Priority`.
    fn prefix(&self, out: &mut String, alert: &Alert, iso_8601: bool) {
        if iso_8601 {
            clock::date_and_time(out, alert.time_ns);
            out.push_str("+0000");
        } else {
            clock::time_of_day(out, alert.time_ns, &self.zone);
        }
        out.push_str(": ");
        out.push_str(alert.rule.priority().name());
    }

    /// The text line before escaping.
    fn output(&self, alert: &Alert) -> String {
        let mut out = String::with_capacity(alert.message.len() + 64);
        self.prefix(&mut out, alert, self.iso_8601);
        out.push(' ');
        out.push_str(&alert.message);
        self.push_degraded(&mut out, alert);
        out
    }

    fn text(&self, alert: &Alert) -> String {
        let output = self.output(alert);
        let mut line = String::with_capacity(output.len() + 16);
        json::escaped(&mut line, &output);
        line
    }

    /// Alerts about the engine show their fields behind the message, and always local time.
    fn internal_text(&self, alert: &Alert) -> String {
        let mut line = String::new();
        self.prefix(&mut line, alert, false);
        line.push(' ');
        json::escaped(&mut line, &alert.message);
        line.push_str(" (");
        for (i, (name, value)) in sorted_fields(alert).into_iter().enumerate() {
            if i > 0 {
                line.push(' ');
            }
            json::escaped(&mut line, name);
            line.push('=');
            match value {
                Some(value) => json::value(&mut line, value),
                None => line.push_str("null"),
            }
        }
        line.push(')');
        line
    }

    fn json(&self, alert: &Alert, output: bool, message: bool, fields: bool, tags: bool) -> String {
        let rule = &alert.rule;
        let mut line = String::with_capacity(2 * alert.message.len() + 512);
        line.push_str("{\"hostname\":");
        json::string(&mut line, &self.hostname);
        if message {
            let mut text = alert.message.clone();
            self.push_degraded(&mut text, alert);
            line.push_str(",\"message\":");
            json::string(&mut line, &text);
        }
        if output {
            line.push_str(",\"output\":");
            if rule.is_internal() {
                json::string(&mut line, &alert.message);
            } else {
                json::string(&mut line, &self.output(alert));
            }
        }
        if fields {
            line.push_str(",\"output_fields\":");
            self.fields(&mut line, alert);
        }
        line.push_str(",\"priority\":");
        json::string(&mut line, rule.priority().name());
        line.push_str(",\"rule\":");
        json::string(&mut line, rule.name());
        line.push_str(",\"source\":");
        json::string(&mut line, rule.source());
        if tags {
            line.push_str(",\"tags\":[");
            for (i, tag) in rule.tags().iter().enumerate() {
                if i > 0 {
                    line.push(',');
                }
                json::string(&mut line, tag);
            }
            line.push(']');
        }
        line.push_str(",\"time\":\"");
        clock::date_and_time(&mut line, alert.time_ns);
        line.push_str("Z\"}");
        line
    }

    fn note(&self, alert: &Alert) -> Option<&'static str> {
        alert.state.note().filter(|_| self.degraded)
    }

    /// Says behind the message that the state was not complete.
    fn push_degraded(&self, out: &mut String, alert: &Alert) {
        if let Some(note) = self.note(alert) {
            out.push_str(" evt_degraded=");
            out.push_str(note);
        }
    }

    /// The fields of the message and those of the prefix (the time).
    fn fields(&self, line: &mut String, alert: &Alert) {
        let time = crate::FieldValue::Uint(alert.time_ns);
        let mut fields = sorted_fields(alert);
        let mut put =
            |name: &'static str, value| match fields.binary_search_by(|(n, _)| (*n).cmp(name)) {
                Ok(at) => fields[at].1 = Some(value),
                Err(at) => fields.insert(at, (name, Some(value))),
            };
        if !alert.rule.is_internal() {
            put(if self.iso_8601 { "evt.time.iso8601" } else { "evt.time" }, &time);
        }
        let note = self.note(alert).map(|note| crate::FieldValue::Text(note.to_owned()));
        if let Some(note) = &note {
            put("evt.degraded", note);
        }
        line.push('{');
        for (i, (name, value)) in fields.into_iter().enumerate() {
            if i > 0 {
                line.push(',');
            }
            json::string(line, name);
            line.push(':');
            json::value(line, value.unwrap_or(&crate::FieldValue::Null));
        }
        line.push('}');
    }
}

/// The fields by name, each name once.
fn sorted_fields(alert: &Alert) -> Vec<(&str, Option<&crate::FieldValue>)> {
    let mut fields: Vec<_> =
        alert.fields.iter().map(|(name, value)| (&**name, Some(value))).collect();
    fields.sort_by_key(|(name, _)| *name);
    // Of equal names the sort keeps the order, and the last counts.
    fields.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 = later.1;
        }
        same
    });
    fields
}

/// An alert's line; what sinks get.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The line, without a newline.
    pub text: String,
    /// Priority of the alert.
    pub priority: Priority,
    /// Time of the event, in nanoseconds since the epoch.
    pub time_ns: u64,
    /// The alert itself; none for a line that comes back from a spool.
    pub alert: Option<Alert>,
}

impl Line {
    /// The line of an alert.
    pub fn new(alert: Alert, text: String) -> Self {
        let (priority, time_ns) = (alert.rule.priority(), alert.time_ns);
        Self { text, priority, time_ns, alert: Some(alert) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::alert::{FieldValue, RuleIdentity, StateQuality};

    fn alert() -> Alert {
        Alert {
            time_ns: 1_793_534_424_578_754_060,
            sequence: 7,
            rule: RuleIdentity::new("A \"rule\"", Priority::Warning, "syscall", ["host", "T1"]),
            message: "read \"x\"\nfile=/a\\b".to_owned(),
            fields: vec![
                (Arc::from("proc.pid"), FieldValue::Int(4)),
                (Arc::from("fd.name"), FieldValue::Text("/a\\b".to_owned())),
                (Arc::from("proc.pid"), FieldValue::Int(5)),
                (Arc::from("evt.time"), FieldValue::Null),
            ],
            state: StateQuality::Exact,
            lineage: Vec::new(),
        }
    }

    /// Any alert with this line.
    pub(crate) fn line(text: &str) -> Arc<Line> {
        Arc::new(Line::new(alert(), text.to_owned()))
    }

    fn format(encoding: Encoding) -> LineFormat {
        LineFormat::new(encoding, "golden").zone(TimeZone::UTC)
    }

    #[test]
    fn text_cannot_break_out_of_its_line() {
        assert_eq!(
            format(Encoding::Text).render(&alert()),
            r#"12:00:24.578754060: Warning read \"x\"\nfile=/a\\b"#
        );
        assert_eq!(
            format(Encoding::Text).iso_8601(true).render(&alert()),
            r#"2026-11-01T12:00:24.578754060+0000: Warning read \"x\"\nfile=/a\\b"#
        );
    }

    #[test]
    fn json_has_its_keys_in_order() {
        assert_eq!(
            format(Encoding::json()).render(&alert()),
            concat!(
                r#"{"hostname":"golden","#,
                r#""output":"12:00:24.578754060: Warning read \"x\"\nfile=/a\\b","#,
                r#""output_fields":{"evt.time":1793534424578754060,"fd.name":"/a\\b","proc.pid":5},"#,
                r#""priority":"Warning","rule":"A \"rule\"","source":"syscall","#,
                r#""tags":["T1","host"],"time":"2026-11-01T12:00:24.578754060Z"}"#
            )
        );
    }

    #[test]
    fn json_parts_can_be_left_out() {
        let encoding =
            Encoding::Json { output: false, message: true, output_fields: false, tags: false };
        assert_eq!(
            format(encoding).render(&alert()),
            concat!(
                r#"{"hostname":"golden","message":"read \"x\"\nfile=/a\\b","#,
                r#""priority":"Warning","rule":"A \"rule\"","source":"syscall","#,
                r#""time":"2026-11-01T12:00:24.578754060Z"}"#
            )
        );
    }

    #[test]
    fn incomplete_state_is_said() {
        let alert = Alert { state: StateQuality::Late, ..alert() };
        assert!(format(Encoding::Text).render(&alert).ends_with(" evt_degraded=late"));
        let json = format(Encoding::json()).render(&alert);
        assert!(json.contains(r#""output_fields":{"evt.degraded":"late","evt.time""#), "{json}");
        let falco = format(Encoding::json()).degraded(false).render(&alert);
        assert!(!falco.contains("degraded"), "{falco}");
    }

    #[test]
    fn alerts_about_the_engine_have_no_prefix_and_no_tags_in_json() {
        let alert = Alert {
            rule: RuleIdentity::internal("Falco internal: syscall event drop", Priority::Debug),
            message: "Falco internal: syscall event drop. 3 system calls dropped".to_owned(),
            fields: vec![
                (Arc::from("n_evts"), FieldValue::Text("10".to_owned())),
                (Arc::from("n_drops"), FieldValue::Uint(3)),
            ],
            ..alert()
        };
        assert_eq!(
            format(Encoding::Text).iso_8601(true).render(&alert),
            "12:00:24.578754060: Debug Falco internal: syscall event drop. \
             3 system calls dropped (n_drops=3 n_evts=\"10\")"
        );
        assert_eq!(
            format(Encoding::json()).render(&alert),
            concat!(
                r#"{"hostname":"golden","#,
                r#""output":"Falco internal: syscall event drop. 3 system calls dropped","#,
                r#""output_fields":{"n_drops":3,"n_evts":"10"},"priority":"Debug","#,
                r#""rule":"Falco internal: syscall event drop","source":"internal","#,
                r#""time":"2026-11-01T12:00:24.578754060Z"}"#
            )
        );
    }
}
