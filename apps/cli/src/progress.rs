//! The progress line: how many ids have their outcome, for how long the call runs, and what it
//! waits for.

use std::iter::Cycle;
use std::slice::Iter;
use std::time::Duration;

use entra_risk_engine::action::DEFAULT_MAX_IN_FLIGHT;
use entra_risk_report::actions::{Error, Outcome};
use entra_risk_report::calls::{self, Event};

use crate::arguments::Job;
use crate::dry_run::least_seconds;
use crate::stdio::{eprint, error_is_terminal, now};

/// Replaces the line before. What does not fit in a narrow terminal is cut off there instead of
/// wrapped.
const START: &str = "\r\x1b[K\x1b[?7l";

/// Lets the terminal wrap lines again.
const END: &str = "\x1b[?7h";

/// Maximum length of the line, for terminals that wrap nevertheless.
const MAX_CHARS: usize = 79;

/// Least time between two lines, unless the call waits.
const INTERVAL: Duration = Duration::from_millis(500);

/// Shown in turn, so that each line differs from the one before.
static SPINNER: [char; 4] = ['|', '/', '-', '\\'];

/// A line on a terminal that is written again and again.
pub(crate) struct Progress<'a> {
    job: &'a Job,
    is_visible: bool,
    counts: Counts,
    start: Duration,
    /// When the line was written.
    written: Duration,
    spinner: Cycle<Iter<'static, char>>,
}

/// The number of ids with each outcome.
#[derive(Clone, Copy, Default)]
struct Counts {
    total: usize,
    accepted: usize,
    refused: usize,
    not_applied: usize,
    unknown: usize,
}

impl<'a> Progress<'a> {
    /// The line of a call with so many ids, which is written unless there is no terminal, or nobody
    /// wants to see it.
    pub(crate) fn new(job: &'a Job, total: usize) -> Self {
        let counts = Counts { total, ..Counts::default() };
        let is_visible = total > 0 && !job.quiet && error_is_terminal();
        let now = now();
        let mut progress =
            Progress { job, is_visible, counts, start: now, written: now, spinner: SPINNER.iter().cycle() };
        progress.show(now, None, 0);
        progress
    }

    /// Shows what an event of the call reports.
    pub(crate) fn update(&mut self, event: &Event) {
        let now = now();
        match event {
            Event::Ended(batches) => {
                for batch in batches {
                    self.counts.add(batch.outcome, batch.ids.len());
                }
                if now.saturating_sub(self.written) >= INTERVAL {
                    let max_in_flight = self.job.options.max_in_flight.unwrap_or(DEFAULT_MAX_IN_FLIGHT);
                    self.show(now, None, max_in_flight);
                }
            }
            Event::Waiting(progress) => self.show(now, Some(progress), progress.in_flight),
            Event::Over(_) => {}
        }
    }

    /// Removes the line.
    pub(crate) fn clear(&self) {
        if self.is_visible {
            eprint("\r\x1b[K");
        }
    }

    /// Writes the line. So many requests are in flight at most.
    fn show(&mut self, now: Duration, waiting: Option<&calls::Progress>, in_flight: u32) {
        if !self.is_visible {
            return;
        }
        let spinner = self.spinner.next().copied().unwrap_or_default();
        let elapsed = now.saturating_sub(self.start).as_secs();
        let sent = self.job.options.effective_ids_per_request().saturating_mul(in_flight as usize);
        let unsent = self.counts.left().saturating_sub(sent);
        let text = line(spinner, self.counts, elapsed, waiting, least_seconds(self.job, unsent));
        let text: String = text.chars().take(MAX_CHARS).collect();
        eprint(&format!("{START}{text}{END}"));
        self.written = now;
    }
}

impl Counts {
    fn add(&mut self, outcome: Outcome, ids: usize) {
        let count = match outcome {
            Outcome::Accepted => &mut self.accepted,
            Outcome::Refused => &mut self.refused,
            Outcome::NotApplied => &mut self.not_applied,
            Outcome::Unknown => &mut self.unknown,
        };
        *count = count.saturating_add(ids);
    }

    fn done(self) -> usize {
        [self.accepted, self.refused, self.not_applied, self.unknown].into_iter().fold(0, usize::saturating_add)
    }

    fn left(self) -> usize {
        self.total.saturating_sub(self.done())
    }
}

/// The line. `elapsed` and `least`, the time that the other ids take at least, are in seconds.
fn line(spinner: char, counts: Counts, elapsed: u64, waiting: Option<&calls::Progress>, least: u64) -> String {
    let mut text = format!("{spinner} {}/{}", counts.done(), counts.total);
    let others = [(Outcome::Refused, counts.refused), (Outcome::NotApplied, counts.not_applied)];
    for (outcome, count) in others.into_iter().chain([(Outcome::Unknown, counts.unknown)]) {
        if count > 0 {
            text.push_str(&format!(", {count} {}", outcome.name()));
        }
    }
    text.push_str(&format!(", {}", time(elapsed)));
    if let Some((waiting, error)) = waiting.and_then(|waiting| Some((waiting, waiting.error.as_ref()?))) {
        match waiting.next_send_ms {
            Some(wait @ 1..) => text.push_str(&format!(", waiting {} s: {}", wait.div_ceil(1_000), reason(error))),
            _ => text.push_str(&format!(", trying again: {}", reason(error))),
        }
    } else if least > 0 {
        text.push_str(&format!(", at least {} more", time(least)));
    }
    text
}

/// What an error is, in a few characters.
fn reason(error: &Error) -> String {
    let kind = error.kind.name();
    error.status().map_or(kind.to_owned(), |status| format!("{kind} ({status})"))
}

/// A time in seconds as people read it: `0:07` or `1:00:07`.
fn time(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use entra_risk_report::actions::{ErrorKind, Response};

    use super::*;

    fn waiting(next_send_ms: Option<u32>, error: Option<(ErrorKind, Option<u16>)>) -> calls::Progress {
        let error = error.map(|(kind, status)| {
            let response = status.map(|status| Response {
                status,
                code: String::new(),
                message: "\x1b[2J".to_owned(),
                request_id: None,
                client_request_id: String::new(),
                date: None,
                retry_after_ms: None,
            });
            Error { kind, message: "\x1b[2J".to_owned(), response }
        });
        calls::Progress { left: 0, requests: 0, in_flight: 0, next_send_ms, error }
    }

    #[test]
    fn the_line_says_what_the_call_waits_for() {
        let counts = Counts { total: 10_000, accepted: 1_198, refused: 2, ..Counts::default() };
        let cases = [
            (None, "at least 2:27 more"),
            (Some(waiting(Some(300), None)), "at least 2:27 more"),
            (Some(waiting(Some(11_001), Some((ErrorKind::Throttled, Some(429))))), "waiting 12 s: throttled (429)"),
            (Some(waiting(Some(0), Some((ErrorKind::ServerError, Some(503))))), "trying again: server-error (503)"),
            (Some(waiting(None, Some((ErrorKind::Unreachable, None)))), "trying again: unreachable"),
        ];
        for (waiting, expected) in cases {
            let line = line('|', counts, 21, waiting.as_ref(), 147);
            assert_eq!(line, format!("| 1200/10000, 2 refused, 0:21, {expected}"));
        }
    }

    #[test]
    fn counts_of_zero_are_left_out() {
        let counts = Counts { total: 900, ..Counts::default() };
        assert_eq!(line('/', counts, 3_607, None, 0), "/ 0/900, 1:00:07");
        let counts = Counts { total: 900, accepted: 895, refused: 0, not_applied: 3, unknown: 2 };
        assert_eq!(line('/', counts, 0, None, 0), "/ 900/900, 3 not-applied, 2 unknown, 0:00");
    }
}
