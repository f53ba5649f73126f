//! Messages about the engine: to standard error and to the local syslog.
//!
//! Alerts do not come here; they have outputs of their own.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use peregrine_config::Settings;
use peregrine_event::Priority;
use peregrine_output::{Line, Sink, SyslogSink};

/// How a message looks on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `peregrine: message`.
    Plain,
    /// `Sat Nov 28 17:30:37 2026: message`, as Falco's; the time in ISO 8601 if alerts have it so.
    Falco {
        /// Whether it is.
        iso_8601: bool,
    },
}

/// Takes messages. Cheap to share.
pub struct Log {
    is_shown: bool,
    level: Priority,
    style: Style,
    syslog: Option<Mutex<SyslogSink>>,
}

impl Log {
    /// A log as the configuration says. `name` is what the engine calls itself in syslog.
    pub fn new(settings: &Settings, name: &str, style: Style) -> Self {
        Self {
            is_shown: settings.log_stderr,
            level: settings.log_level,
            style,
            syslog: settings.log_syslog.then(|| Mutex::new(SyslogSink::new(name))),
        }
    }

    /// Takes a message. One that cannot be written is lost: there is nowhere to say so.
    pub fn say(&self, priority: Priority, message: impl AsRef<str>) {
        if !priority.is_at_least(self.level) {
            return;
        }
        let message = message.as_ref().trim_end();
        let now = Timestamp::now();
        if let Some(syslog) = &self.syslog {
            let line = Line {
                text: message.to_owned(),
                priority,
                time_ns: now.as_nanosecond() as u64,
                alert: None,
            };
            let mut syslog = syslog.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = syslog.write(&[Arc::new(line)]);
        }
        if self.is_shown {
            eprintln!("{}: {message}", self.prefix(now));
        }
    }

    fn prefix(&self, now: Timestamp) -> String {
        let format = match self.style {
            Style::Plain => return "peregrine".to_owned(),
            Style::Falco { iso_8601: true } => {
                return strtime::format("%Y-%m-%dT%H:%M:%S+0000", &now.to_zoned(TimeZone::UTC))
                    .unwrap_or_default();
            }
            Style::Falco { iso_8601: false } => "%a %b %d %H:%M:%S %Y",
        };
        strtime::format(format, &now.to_zoned(TimeZone::system())).unwrap_or_default()
    }

    /// An informational message.
    pub fn info(&self, message: impl AsRef<str>) {
        self.say(Priority::Informational, message);
    }

    /// A message for those who look for a fault.
    pub fn debug(&self, message: impl AsRef<str>) {
        self.say(Priority::Debug, message);
    }

    /// A warning.
    pub fn warning(&self, message: impl AsRef<str>) {
        self.say(Priority::Warning, message);
    }

    /// An error.
    pub fn error(&self, message: impl AsRef<str>) {
        self.say(Priority::Error, message);
    }
}
