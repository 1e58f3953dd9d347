//! The form of a time in a log: RFC 3339, in UTC, with milliseconds.

use time::UtcDateTime;

/// A point in time such as `2026-11-21T09:00:00.000Z`, from the seconds since the start of 1970 and
/// the nanoseconds after them. A time after the year 9999, which RFC 3339 cannot express, becomes
/// the last second of that year.
pub fn timestamp(seconds: u64, nanoseconds: u32) -> String {
    let time = seconds.try_into().ok().and_then(|seconds| UtcDateTime::from_unix_timestamp(seconds).ok());
    let time = time.unwrap_or(UtcDateTime::MAX);
    let ((year, month, day), (hour, minute, second)) = (time.to_calendar_date(), time.as_hms());
    let (month, milliseconds) = (u8::from(month), nanoseconds.min(999_999_999) / 1_000_000);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc_with_milliseconds() {
        assert_eq!(timestamp(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(951_782_400, 7_999_999), "2000-02-29T00:00:00.007Z");
        assert_eq!(timestamp(253_402_300_799, 999_999_999), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn no_time_panics() {
        assert_eq!(timestamp(253_402_300_800, 0), "9999-12-31T23:59:59.000Z");
        assert_eq!(timestamp(u64::MAX, u32::MAX), "9999-12-31T23:59:59.999Z");
    }
}
