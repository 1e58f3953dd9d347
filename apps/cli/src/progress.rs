//! The progress line: how many ids have their outcome, for how long the call runs, and what it
//! waits for.

use std::iter::Cycle;
use std::slice::Iter;
use std::time::Duration;

use entra_risk_common::actions::{Error, Outcome};
use entra_risk_common::calls::{self, Event};
use entra_risk_engine::contract::action::DEFAULT_MAX_IN_FLIGHT;

use crate::dry_run::least_seconds;
use crate::job::Job;
use crate::status::StatusLine;
use crate::stdio::now;

/// Least time between two lines, unless the call waits.
const INTERVAL: Duration = Duration::from_millis(500);

/// Shown in turn, so that each line differs from the one before.
static SPINNER: [char; 4] = ['|', '/', '-', '\\'];

/// The progress of a call.
pub(crate) struct Progress<'a> {
    job: &'a Job,
    line: StatusLine,
    total: usize,
    /// The number of ids with each outcome, in the order of the contract.
    counts: [usize; 4],
    start: Duration,
    /// When the line was last written.
    written: Duration,
    spinner: Cycle<Iter<'static, char>>,
}

impl<'a> Progress<'a> {
    /// Begins the line of a call with this number of ids.
    pub(crate) fn new(job: &'a Job, total: usize) -> Self {
        let now = now();
        let mut progress = Progress {
            job,
            line: StatusLine::new(job.quiet || total == 0),
            total,
            counts: [0; 4],
            start: now,
            written: now,
            spinner: SPINNER.iter().cycle(),
        };
        progress.show(now, None, 0);
        progress
    }

    /// Shows what an event of the call reports.
    pub(crate) fn update(&mut self, event: &Event) {
        let now = now();
        match event {
            Event::Ended(batches) => {
                for batch in batches {
                    for (count, outcome) in self.counts.iter_mut().zip(Outcome::ALL) {
                        let ids = if outcome == batch.outcome { batch.ids.len() } else { 0 };
                        *count = count.saturating_add(ids);
                    }
                }
                if now.saturating_sub(self.written) >= INTERVAL {
                    let max_in_flight = self.job.connection.options.max_in_flight.unwrap_or(DEFAULT_MAX_IN_FLIGHT);
                    self.show(now, None, max_in_flight);
                }
            }
            Event::Waiting(progress) => self.show(now, Some(progress), progress.in_flight),
            Event::Over(_) => {}
        }
    }

    /// Removes the line.
    pub(crate) fn clear(&self) {
        self.line.clear();
    }

    /// Writes the line. `in_flight` is the maximum number of requests in flight.
    fn show(&mut self, now: Duration, waiting: Option<&calls::Progress>, in_flight: u32) {
        let spinner = self.spinner.next().copied().unwrap_or_default();
        self.line.show(|| {
            let elapsed = now.saturating_sub(self.start).as_secs();
            let sent = self.job.connection.options.effective_ids_per_request().saturating_mul(in_flight as usize);
            let unsent = self.total.saturating_sub(self.counts.iter().sum()).saturating_sub(sent);
            let ending = ending(waiting, least_seconds(self.job, unsent));
            format!("{spinner} {}, {}{ending}", counts(self.total, self.counts), time(elapsed))
        });
        self.written = now;
    }
}

/// How many ids have an outcome, and how many of these were not accepted.
fn counts(total: usize, counts: [usize; 4]) -> String {
    let mut text = format!("{}/{total}", counts.iter().sum::<usize>());
    let others = Outcome::ALL.into_iter().zip(counts).skip(1).filter(|(_, count)| *count > 0);
    text.extend(others.map(|(outcome, count)| format!(", {count} {}", outcome.name())));
    text
}

/// What the call waits for, or else the time in seconds that the other ids take at least.
fn ending(waiting: Option<&calls::Progress>, least: u64) -> String {
    match waiting.and_then(|waiting| Some((waiting.next_send_ms, waiting.error.as_ref()?))) {
        Some((Some(wait @ 1..), error)) => format!(", waiting {} s: {}", wait.div_ceil(1_000), reason(error)),
        Some((_, error)) => format!(", trying again: {}", reason(error)),
        None if least > 0 => format!(", at least {} more", time(least)),
        None => String::new(),
    }
}

/// What an error is, in a few characters.
fn reason(error: &Error) -> String {
    let kind = error.kind.name();
    error.status().map_or(kind.to_owned(), |status| format!("{kind} ({status})"))
}

/// A time in seconds as people read it: `0:07` or `1:00:07`.
pub(crate) fn time(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use entra_risk_common::actions::{ErrorKind, Response};

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
        let cases = [
            (None, ", at least 2:27 more"),
            (Some(waiting(Some(300), None)), ", at least 2:27 more"),
            (Some(waiting(Some(11_001), Some((ErrorKind::Throttled, Some(429))))), ", waiting 12 s: throttled (429)"),
            (Some(waiting(Some(0), Some((ErrorKind::ServerError, Some(503))))), ", trying again: server-error (503)"),
            (Some(waiting(None, Some((ErrorKind::Unreachable, None)))), ", trying again: unreachable"),
        ];
        for (waiting, expected) in cases {
            assert_eq!(ending(waiting.as_ref(), 147), expected);
        }
        assert_eq!(ending(None, 0), "");
        assert_eq!([time(7), time(3_607)], ["0:07", "1:00:07"]);
    }

    #[test]
    fn counts_of_zero_are_left_out() {
        assert_eq!(counts(900, [0; 4]), "0/900");
        assert_eq!(counts(900, [895, 0, 3, 2]), "900/900, 3 not-applied, 2 unknown");
    }
}
