//! The progress line. A call of the plugin blocks the command, so the lines for the time of a slice are written before it, and
//! the component `entra-risk-progress` shows them one after the other.

use crate::bindings::entra::risk_progress::progress_line;
use crate::slices::Slices;

/// Replaces the line before.
const START: &str = "\r\x1b[K";

/// Maximum length of the line: with one more character, a terminal of 30 columns wraps it.
const MAX_CHARS: usize = 29;

/// Maximum lines for a slice. A slice takes about 60 s.
const MAX_LINES: usize = 60;

/// A line on a terminal that is written again and again.
pub(crate) struct Progress {
    pub(crate) total: usize,
    pub(crate) is_visible: bool,
}

impl Progress {
    /// Shows how many ids were done after `elapsed` seconds, how many of these were not accepted, and the estimated seconds for
    /// the others; and estimates of these while the next slice is processed.
    pub(crate) fn show(&self, done: usize, failed: usize, elapsed: f64, slices: &Slices) {
        if self.is_visible {
            let (lines, step) = self.lines(done, failed, elapsed, slices);
            progress_line::show(&lines, step);
        }
    }

    /// Removes the line.
    pub(crate) fn clear(&self) {
        if self.is_visible {
            progress_line::show(&[START.to_owned()], 1);
        }
    }

    /// The lines before and during the next slice, and the number of requests from one to the next.
    fn lines(&self, done: usize, failed: usize, elapsed: f64, slices: &Slices) -> (Vec<String>, u32) {
        let rest = self.total.saturating_sub(done);
        let requests = slices.requests(slices.next(rest).min(rest));
        let step = slices.requests_per_second().max(requests.div_ceil(MAX_LINES));
        let lines = (0..requests.max(1)).step_by(step).map(|started| {
            // The latest one has just been sent.
            let estimated = slices.ids(started.saturating_sub(1));
            let rest = rest.saturating_sub(estimated);
            let mark = if estimated > 0 { "~" } else { "" };
            let remaining = estimate(done, rest, elapsed, slices.seconds_at_limit(rest));
            [START, &line(mark, done.saturating_add(estimated), self.total, failed, remaining)].concat()
        });
        (lines.collect(), step as u32)
    }
}

/// Estimates the seconds for the other ids. `at_limit` is the least time that they take.
fn estimate(done: usize, rest: usize, elapsed: f64, at_limit: f64) -> f64 {
    let each = if done == 0 { 0.0 } else { elapsed / done as f64 };
    (each * rest as f64).max(at_limit)
}

/// The line: as much as fits, the most important part first. The mark is for the number of ids that are done.
fn line(mark: &str, done: usize, total: usize, failed: usize, remaining: f64) -> String {
    let counts = format!("{mark}{done}/{total}");
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
    use entra_risk_report::ACTIONS;
    use entra_risk_report::actions::{Options, RateLimit};

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
            assert_eq!(line("", done, total, failed, f64::from(seconds)), expected);
        }
    }

    #[test]
    fn the_line_never_wraps_on_30_columns() {
        for total in [1, 99, 10_000, 1_000_000] {
            for done in [0, 1, total / 2, total] {
                for failed in [0, 1, done / 2, done] {
                    for seconds in [0, 1, 119, 7_199, 100_000, 10_000_000] {
                        let line = line("", done, total, failed, f64::from(seconds));
                        assert!(line.len() < 30, "{line}");
                    }
                }
            }
        }
    }

    #[test]
    fn lines_of_a_slice_count_full_requests_before_its_end() {
        let progress = Progress { total: 900, is_visible: true };
        // Slices of 4 requests of 60 ids, 1.25 s each.
        let lines = |done, failed, elapsed| {
            let (lines, step) = progress.lines(done, failed, elapsed, &Slices::steady(4, 60));
            (lines.join("").replace(START, "|"), step)
        };
        let expected = "|0/900, 19 s left|0/900, 19 s left|~60/900, 18 s left|~120/900, 17 s left";
        assert_eq!(lines(0, 0, 0.0), (expected.to_owned(), 1));
        let expected = "|720/900, 2 failed, 6 s left|720/900, 2 failed, 6 s left|~780/900, 2 failed, 4 s left";
        assert_eq!(lines(720, 2, 24.0), (expected.to_owned(), 1));
        assert_eq!(lines(900, 0, 30.0), ("|900/900".to_owned(), 1));
    }

    #[test]
    fn a_slice_has_at_most_60_lines_and_about_one_a_second() {
        for (requests, ids_per_request, expected) in [(5, 1, 1), (57, 60, 12), (5_000, 1, 1_000)] {
            let progress = Progress { total: 1_000_000, is_visible: true };
            let (lines, step) = progress.lines(0, 0, 0.0, &Slices::steady(requests, ids_per_request));
            assert_eq!(step, expected);
            assert_eq!(lines.len(), requests.div_ceil(step) as usize);
            assert!(
                lines.len() <= MAX_LINES && lines.iter().all(|line| line.len() <= START.len() + MAX_CHARS),
                "{lines:?}"
            );
        }
        // 76 requests that the rate limit allows at once, and then no more for an hour.
        let rate_limit = Some(RateLimit { requests: 1_000, window_ms: 3_600_000 });
        let slices = Slices::new(&ACTIONS[3], &Options { rate_limit, ..Options::default() }, 1 << 20);
        let (lines, step) = Progress { total: 1 << 20, is_visible: true }.lines(0, 0, 0.0, &slices);
        assert_eq!((lines.len(), step), (38, 2));
    }

    #[test]
    fn the_estimate_is_not_below_the_rate_limit() {
        assert_eq!(estimate(0, 100, 0.0, 1.0), 1.0);
        assert_eq!(estimate(50, 100, 1.0, 1.0), 2.0);
        assert_eq!(estimate(50, 100, 1.0, 5.0), 5.0);
    }
}
