//! The form of a time in a log: RFC 3339, in UTC, with milliseconds.

use std::time::{Duration, SystemTime};

/// The time so many seconds and nanoseconds after the start of 1970, such as
/// `2026-11-21T09:00:00.000Z`. A time after the year 9999 is written as the end of that year.
pub fn timestamp(seconds: u64, nanoseconds: u32) -> String {
    let since_1970 =
        Duration::from_secs(seconds.min(END_OF_9999)).saturating_add(Duration::from_nanos(nanoseconds.into()));
    let time = SystemTime::UNIX_EPOCH.checked_add(since_1970.min(Duration::from_secs(END_OF_9999)));
    humantime::format_rfc3339_millis(time.unwrap_or(SystemTime::UNIX_EPOCH)).to_string()
}

/// The last second of the year 9999, after which RFC 3339 has no form.
const END_OF_9999: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc_with_milliseconds() {
        assert_eq!(timestamp(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(951_782_400, 7_999_999), "2000-02-29T00:00:00.007Z");
    }

    #[test]
    fn no_time_panics() {
        assert_eq!(timestamp(u64::MAX, u32::MAX), "9999-12-31T23:59:59.000Z");
    }
}
