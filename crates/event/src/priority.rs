//! How urgent an alert is.
//!
//! Rules name a priority, outputs print it, and the syslog levels are the same numbers, so the one
//! declaration lives here, below all of them.

use std::fmt;
use std::str::FromStr;

/// How urgent an alert is. The discriminant is the syslog level: a smaller number is more urgent,
/// so [`Ord`] puts `Emergency` first. Use [`Priority::is_at_least`] to compare by urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Priority {
    Emergency = 0,
    Alert = 1,
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Informational = 6,
    Debug = 7,
}

impl Priority {
    /// All priorities, the most urgent first.
    pub const ALL: [Priority; 8] = [
        Priority::Emergency,
        Priority::Alert,
        Priority::Critical,
        Priority::Error,
        Priority::Warning,
        Priority::Notice,
        Priority::Informational,
        Priority::Debug,
    ];

    /// The spelling in alerts.
    pub const fn name(self) -> &'static str {
        match self {
            Priority::Emergency => "Emergency",
            Priority::Alert => "Alert",
            Priority::Critical => "Critical",
            Priority::Error => "Error",
            Priority::Warning => "Warning",
            Priority::Notice => "Notice",
            Priority::Informational => "Informational",
            Priority::Debug => "Debug",
        }
    }

    /// The number syslog gives this level, 0 to 7.
    pub const fn syslog_level(self) -> u8 {
        self as u8
    }

    /// Whether this is as urgent as `other` or more: what a minimum priority asks.
    pub const fn is_at_least(self, other: Priority) -> bool {
        self as u8 <= other as u8
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownPriority(pub String);

impl fmt::Display for UnknownPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is not a priority; choose one of EMERGENCY, ALERT, CRITICAL, ERROR, WARNING, \
             NOTICE, INFORMATIONAL (or INFO), DEBUG",
            self.0
        )
    }
}

impl std::error::Error for UnknownPriority {}

impl FromStr for Priority {
    type Err = UnknownPriority;

    /// Reads a name in any case; `info` is short for `informational`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("info") {
            return Ok(Priority::Informational);
        }
        Priority::ALL
            .into_iter()
            .find(|priority| priority.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownPriority(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case_are_read_back() {
        for priority in Priority::ALL {
            assert_eq!(priority.name().parse(), Ok(priority));
            assert_eq!(priority.name().to_uppercase().parse(), Ok(priority));
        }
        assert_eq!("Info".parse(), Ok(Priority::Informational));
        assert_eq!("warn".parse::<Priority>(), Err(UnknownPriority("warn".into())));
        assert_eq!("".parse::<Priority>(), Err(UnknownPriority(String::new())));
    }

    #[test]
    fn urgency_follows_the_syslog_levels() {
        for (level, priority) in Priority::ALL.into_iter().enumerate() {
            assert_eq!(priority.syslog_level() as usize, level);
        }
        assert!(Priority::Critical.is_at_least(Priority::Warning));
        assert!(Priority::Warning.is_at_least(Priority::Warning));
        assert!(!Priority::Notice.is_at_least(Priority::Warning));
        assert!(Priority::Emergency < Priority::Debug);
    }
}
