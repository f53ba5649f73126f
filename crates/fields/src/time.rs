//! Times as text.

use std::io::Write;
use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

const NS_PER_S: u64 = 1_000_000_000;

/// Which of a time's parts are shown, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeForm {
    /// `21:03:59.123456789`, local.
    TimeOfDay,
    /// `21:03:59`, local.
    TimeOfDaySeconds,
    /// `2026-07-31 21:03:59.123456789`, local.
    DateTime,
    /// `2026-07-31 21:03:59`, local.
    DateTimeSeconds,
    /// `2026-07-31T19:03:59.123456789+0000`, UTC.
    Iso8601,
    /// `2026-07-31T19:03:59.123456789Z`, UTC.
    Rfc3339,
}

/// The local time zone: the one TZ names, else that of the machine.
fn local() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(TimeZone::system)
}

/// Appends a time, given in nanoseconds since the epoch.
pub fn write(ns: u64, form: TimeForm, out: &mut Vec<u8>) {
    let (seconds, fraction) = ((ns / NS_PER_S) as i64, ns % NS_PER_S);
    // Every `u64` of nanoseconds lies within the years jiff knows.
    let Ok(stamp) = Timestamp::from_second(seconds) else { return };
    let utc = matches!(form, TimeForm::Iso8601 | TimeForm::Rfc3339);
    let offset = if utc { jiff::tz::Offset::UTC } else { local().to_offset(stamp) };
    let t = offset.to_datetime(stamp);
    // Writing to a `Vec` does not fail.
    let _ = match form {
        TimeForm::TimeOfDay | TimeForm::TimeOfDaySeconds => Ok(()),
        TimeForm::Iso8601 | TimeForm::Rfc3339 => {
            write!(out, "{:04}-{:02}-{:02}T", t.year(), t.month(), t.day())
        }
        _ => write!(out, "{:04}-{:02}-{:02} ", t.year(), t.month(), t.day()),
    };
    let _ = write!(out, "{:02}:{:02}:{:02}", t.hour(), t.minute(), t.second());
    if !matches!(form, TimeForm::TimeOfDaySeconds | TimeForm::DateTimeSeconds) {
        let _ = write!(out, ".{fraction:09}");
    }
    let _ = match form {
        TimeForm::Rfc3339 => write!(out, "Z"),
        TimeForm::Iso8601 => write!(out, "+0000"),
        _ => Ok(()),
    };
}

/// A time as text; see [`write`].
pub fn text(ns: u64, form: TimeForm) -> String {
    let mut out = Vec::with_capacity(36);
    write(ns, form, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_forms() {
        let ns = 1_566_230_400_000_000_042;
        assert_eq!(text(ns, TimeForm::Iso8601), "2019-08-19T16:00:00.000000042+0000");
        assert_eq!(text(ns, TimeForm::Rfc3339), "2019-08-19T16:00:00.000000042Z");
        assert_eq!(text(u64::MAX, TimeForm::Rfc3339).len(), 30);
    }

    #[test]
    fn local_forms_have_their_lengths() {
        let ns = 1_566_230_400_000_000_042;
        assert_eq!(text(ns, TimeForm::TimeOfDay).len(), 18);
        assert_eq!(text(ns, TimeForm::DateTimeSeconds).len(), 19);
        assert_eq!(text(ns, TimeForm::DateTime).len(), 29);
    }
}
