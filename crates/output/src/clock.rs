//! Times as alerts print them.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

const NS_PER_S: u64 = 1_000_000_000;
const S_PER_DAY: i64 = 86_400;

/// `HH:MM:SS.nnnnnnnnn` in a time zone, with the offset that was in force at that time.
pub fn time_of_day(out: &mut String, time_ns: u64, zone: &TimeZone) {
    let seconds = (time_ns / NS_PER_S) as i64;
    let offset = Timestamp::from_second(seconds).map_or(Offset::UTC, |time| zone.to_offset(time));
    let second_of_day = (seconds + i64::from(offset.seconds())).rem_euclid(S_PER_DAY);
    let (hour, minute, second) =
        (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    let _ = write!(out, "{hour:02}:{minute:02}:{second:02}.{:09}", time_ns % NS_PER_S);
}

/// `YYYY-MM-DDTHH:MM:SS.nnnnnnnnn` in UTC, without a zone.
pub fn date_and_time(out: &mut String, time_ns: u64) {
    // The latest time that fits in 64 bits of nanoseconds lies in the year 2554: no failure.
    let time = Timestamp::from_second((time_ns / NS_PER_S) as i64).unwrap_or_default();
    let time = Offset::UTC.to_datetime(time);
    let _ = write!(
        out,
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time_ns % NS_PER_S
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(time_ns: u64, zone: &TimeZone) -> String {
        let mut out = String::new();
        time_of_day(&mut out, time_ns, zone);
        out
    }

    fn date(time_ns: u64) -> String {
        let mut out = String::new();
        date_and_time(&mut out, time_ns);
        out
    }

    #[test]
    fn times_are_printed_to_the_nanosecond() {
        assert_eq!(day(1_793_534_424_578_754_060, &TimeZone::UTC), "12:00:24.578754060");
        assert_eq!(date(1_793_534_424_578_754_060), "2026-11-01T12:00:24.578754060");
        assert_eq!(date(0), "1970-01-01T00:00:00.000000000");
        assert_eq!(date(u64::MAX), "2554-07-21T23:34:33.709551615");
    }

    #[test]
    fn local_time_wraps_around_midnight() {
        let east = TimeZone::fixed(Offset::from_seconds(5 * 3600 + 1800).unwrap());
        let west = TimeZone::fixed(Offset::from_seconds(-3600).unwrap());
        assert_eq!(day(20 * 3600 * NS_PER_S + 1, &east), "01:30:00.000000001");
        assert_eq!(day(0, &west), "23:00:00.000000000");
    }
}
