//! The progress line.

use crate::stdio::eprint;

/// Maximum length of the line: with one more character, a terminal of 30 columns wraps it.
const MAX_CHARS: usize = 29;

/// A line on a terminal that is written again and again.
pub(crate) struct Progress {
    pub(crate) total: usize,
    pub(crate) is_visible: bool,
}

impl Progress {
    /// Shows how many ids are done, how many of these were not accepted, and the estimated seconds for the others.
    pub(crate) fn show(&self, done: usize, failed: usize, remaining: f64) {
        if self.is_visible {
            eprint(&format!("\r\x1b[K{}", line(done, self.total, failed, remaining)));
        }
    }

    /// Removes the line.
    pub(crate) fn clear(&self) {
        if self.is_visible {
            eprint("\r\x1b[K");
        }
    }
}

/// Estimates the seconds for the other ids. `at_limit` is the least time that they take.
pub(crate) fn estimate(done: usize, rest: usize, elapsed: f64, at_limit: f64) -> f64 {
    let each = if done == 0 { 0.0 } else { elapsed / done as f64 };
    (each * rest as f64).max(at_limit)
}

/// The line: as much as fits, the most important part first.
fn line(done: usize, total: usize, failed: usize, remaining: f64) -> String {
    let counts = format!("{done}/{total}");
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let time = time(remaining);
    let endings = match done < total {
        true => [format!("{failed}, {time} left"), format!("{failed}, {time}"), failed],
        false => [failed, String::new(), String::new()],
    };
    let fitting = endings.into_iter().find(|ending| counts.len().saturating_add(ending.len()) <= MAX_CHARS);
    counts + &fitting.unwrap_or_default()
}

fn time(seconds: f64) -> String {
    match seconds.ceil() as u64 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3_600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_what_fits() {
        let cases = [
            ((0, 900, 0, 15), "0/900, 15 s left"),
            ((300, 900, 60, 10), "300/900, 60 failed, 10 s left"),
            ((3_000, 10_000, 60, 119), "3000/10000, 60 failed, 119 s"),
            ((30_000, 100_000, 12, 1_201), "30000/100000, 12 failed"),
            ((30_000, 100_000, 0, 1_201), "30000/100000, 21 min left"),
            ((30_000, 1_000_000, 0, 16_201), "30000/1000000, 5 h left"),
            ((900, 900, 1, 0), "900/900, 1 failed"),
        ];
        for ((done, total, failed, seconds), expected) in cases {
            assert_eq!(line(done, total, failed, f64::from(seconds)), expected);
        }
    }

    #[test]
    fn the_line_never_wraps_on_30_columns() {
        for total in [1, 99, 10_000, 1_000_000] {
            for done in [0, 1, total / 2, total] {
                for failed in [0, 1, done / 2, done] {
                    for seconds in [0, 1, 119, 7_199, 100_000, 10_000_000] {
                        let line = line(done, total, failed, f64::from(seconds));
                        assert!(line.len() < 30, "{line}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_estimate_is_not_below_the_rate_limit() {
        assert_eq!(estimate(0, 100, 0.0, 1.0), 1.0);
        assert_eq!(estimate(50, 100, 1.0, 1.0), 2.0);
        assert_eq!(estimate(50, 100, 1.0, 5.0), 5.0);
    }
}
