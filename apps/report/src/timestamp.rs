//! The form of a time in a log: RFC 3339, in UTC, with milliseconds.

/// The time so many seconds and nanoseconds after the start of 1970, such as
/// `2026-11-21T09:00:00.000Z`.
pub fn timestamp(seconds: u64, nanoseconds: u32) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let milliseconds = nanoseconds / 1_000_000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// The year, month and day so many days after 1 January 1970, in the Gregorian calendar. Source:
/// Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`. Years begin in
/// March, so that a leap day is the last day of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(DAYS_BEFORE_1970);
    let (era, day_of_era) = (days / DAYS_IN_ERA, days % DAYS_IN_ERA);
    let leap_days = (day_of_era / 1_460).saturating_add(day_of_era / 146_096);
    let year_of_era = day_of_era.saturating_add(day_of_era / 36_524).saturating_sub(leap_days) / 365;
    let days_of_years =
        year_of_era.saturating_mul(365).saturating_add(year_of_era / 4).saturating_sub(year_of_era / 100);
    let day_of_year = day_of_era.saturating_sub(days_of_years);
    // From March on the months have 31, 30, 31, 30 and 31 days, again and again: 153 in five.
    let month = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let day = day_of_year.saturating_sub(month.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    let year = era.saturating_mul(400).saturating_add(year_of_era);
    // The months 10 and 11 are January and February of the next calendar year.
    if month < 10 {
        (year, month.saturating_add(3), day)
    } else {
        (year.saturating_add(1), month.saturating_sub(9), day)
    }
}

/// The days of 400 years, after which the calendar repeats.
const DAYS_IN_ERA: u64 = 146_097;

/// The days from 1 March of the year 0 to 1 January 1970.
const DAYS_BEFORE_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc_with_milliseconds() {
        let cases = [
            (0, 0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, 999_999_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000Z"),
            (951_868_800, 0, "2000-03-01T00:00:00.000Z"),
            (1_795_251_600, 7_000_000, "2026-11-21T09:00:00.007Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000Z"),
        ];
        for (seconds, nanoseconds, expected) in cases {
            assert_eq!(timestamp(seconds, nanoseconds), expected);
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut before = date(0);
        for days in 1..=DAYS_IN_ERA {
            let (year, month, day) = date(days);
            let next = match before {
                (before_year, 12, 31) => (before_year + 1, 1, 1),
                (before_year, before_month, _) if day == 1 => (before_year, before_month + 1, 1),
                (before_year, before_month, before_day) => (before_year, before_month, before_day + 1),
            };
            assert_eq!((year, month, day), next);
            before = next;
        }
    }

    #[test]
    fn no_time_panics() {
        assert!(timestamp(u64::MAX, u32::MAX).ends_with('Z'));
    }
}
