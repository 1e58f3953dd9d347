//! HTTP dates (RFC 9110, section 5.6.7) in IMF-fixdate, the form that servers must send. The crate
//! httpdate would take 8 kB of the component, and this takes 1 kB. A property test compares the
//! two.

/// The form of a date: `w` stands for any letter, `d`, `y`, `h`, `m` and `s` for the digits of a
/// number, `b` for a letter of a month, and everything else for itself.
const IMF_FIXDATE: &[u8] = b"www, dd bbb yyyy hh:mm:ss GMT";

const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// The seconds from 1970 to an HTTP date. None: the text is not a date, or it is an earlier one.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.as_bytes();
    if text.len() != IMF_FIXDATE.len() {
        return None;
    }
    let (mut day, mut year, mut hour, mut minute, mut second) = (0, 0, 0, 0, 0);
    let mut month = Vec::with_capacity(3);
    for (&byte, &kind) in text.iter().zip(IMF_FIXDATE) {
        let number = match kind {
            b'd' => &mut day,
            b'y' => &mut year,
            b'h' => &mut hour,
            b'm' => &mut minute,
            b's' => &mut second,
            b'b' => {
                month.push(byte);
                continue;
            }
            _ if byte == kind || (kind == b'w' && byte.is_ascii_alphabetic()) => continue,
            _ => return None,
        };
        if !byte.is_ascii_digit() {
            return None;
        }
        // At most four digits.
        *number = u64::saturating_add(u64::saturating_mul(*number, 10), byte.saturating_sub(b'0').into());
    }
    let month = MONTHS.chunks(3).position(|name| name == month)? as u64;
    let is_a_date = year >= 1970 && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    is_a_date.then(|| {
        let hours = days(year, month, day).saturating_mul(24).saturating_add(hour);
        hours.saturating_mul(60).saturating_add(minute).saturating_mul(60).saturating_add(second)
    })
}

/// The days from 1 January 1970 to a date of the Gregorian calendar, whose month is counted from 0.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // Years from March on, so that a leap day is the last day of its year.
    let (year, month) = match month {
        0 | 1 => (year.saturating_sub(1), month.saturating_add(10)),
        _ => (year, month.saturating_sub(2)),
    };
    let leap_days = (year / 4).saturating_sub(year / 100).saturating_add(year / 400);
    // From March on, the lengths of months repeat after five: 31, 30, 31, 30 and 31 days, which are
    // 153.
    let days_of_months = month.saturating_mul(153).saturating_add(2) / 5;
    year.saturating_mul(365)
        .saturating_add(leap_days)
        .saturating_add(days_of_months)
        .saturating_add(day)
        .saturating_sub(DAYS_TO_1970)
}

/// The days from 1 March of the year 0 to 1 January 1970, and one more because days of a month are
/// counted from 1.
const DAYS_TO_1970: u64 = 719_469;
