//! No wait is longer than what it waits for.

use std::time::Duration;

use super::circuit::open_since;
use super::history::{History, Sent, longest_throttled_wait};
use super::{Class, MILLISECOND, Violations};
use crate::TokenAnswer;

/// The longest waits of the contract, with their jitter of a quarter.
const MAX_BACKOFF: Duration = Duration::from_secs(75);
const MAX_PROBE_WAIT: Duration = Duration::from_millis(12_500);

pub(super) fn check(history: &History<'_>, earlier: &[History<'_>], violations: &mut Violations) {
    let call = history.call;
    let same: Vec<&History<'_>> = earlier.iter().filter(|other| other.shares_limit(call)).collect();
    let earlier: Vec<&Sent<'_>> = same.iter().flat_map(|other| &other.attempts).collect();
    let waits = Waits::new(history, &same, &earlier);
    let latency = call.tokens.iter().map(|token| token.answered - token.asked).max().unwrap_or_default();
    let tolerance = latency * 2 + MILLISECOND * 2 + call.queue;
    let all: Vec<&Sent<'_>> = earlier.iter().copied().chain(&history.attempts).collect();
    // The latest end of the waits so far, and of the attempts.
    let mut due = earlier.iter().map(|sent| waits.end(sent)).max().unwrap_or_default().max(call.started);
    let mut ended = Duration::ZERO;
    for (index, sent) in history.attempts.iter().enumerate() {
        let at = sent.attempt.sent();
        // While requests are in flight, their number may be what is waited for.
        if ended < at {
            // The margin is at most three tenths of the window.
            let requests = call.call.rate_limit().requests as usize;
            let leaving = (earlier.len() + index).checked_sub(requests).and_then(|leaving| all.get(leaving));
            let due = due
                .max(leaving.map(|sent| sent.attempt.sent() + waits.window * 13 / 10).unwrap_or_default())
                .max(waits.token_end(at));
            if at > due + tolerance {
                violations.add("no wait is longer than what it waits for", || {
                    format!("{}, was due at {due:?}", sent.attempt.arrival)
                });
                return;
            }
        }
        ended = ended.max(sent.attempt.ended);
        due = due.max(waits.end(sent));
    }
}

/// How long the contract lets the requests of a call wait.
struct Waits<'a> {
    history: &'a History<'a>,
    window: Duration,
    /// A wait is that of the window of the call that was asked to wait.
    longest_window: Duration,
    /// When the first acceptance was noticed.
    accepted: Option<Duration>,
}

impl<'a> Waits<'a> {
    fn new(history: &'a History<'a>, same: &[&History<'_>], earlier: &[&Sent<'_>]) -> Self {
        let window = history.call.call.window();
        let windows = same.iter().map(|other| other.call.call.window());
        let accepted = earlier.iter().copied().chain(&history.attempts);
        let accepted = accepted.filter(|sent| sent.attempt.class == Class::Accepted);
        Waits {
            history,
            window,
            longest_window: windows.chain([window]).max().unwrap_or(window),
            accepted: accepted.map(|sent| sent.attempt.noticed).min(),
        }
    }

    /// The latest end of the wait after an attempt.
    fn end(&self, sent: &Sent<'_>) -> Duration {
        let asked = sent.attempt.retry_after().map(|asked| asked * 5 / 4 + self.longest_window);
        let wait = match sent.attempt.class {
            Class::Throttled => asked.unwrap_or_else(|| {
                let has_accepted = self.accepted.is_some_and(|accepted| accepted < sent.attempt.ended);
                longest_throttled_wait(self.longest_window, has_accepted)
            }),
            // Ids that failed before the circuit opened keep their wait.
            Class::Transient | Class::Unexpected => match open_since(self.history, sent.attempt.ended) {
                Some(_) => MAX_PROBE_WAIT.max(asked.unwrap_or_default()),
                None => MAX_PROBE_WAIT.max(asked.unwrap_or(MAX_BACKOFF)),
            },
            Class::Unclear => {
                let asked = sent.attempt.arrival.retry_after.unwrap_or_default() * 5 / 4 + self.longest_window;
                MAX_BACKOFF.max(longest_throttled_wait(self.longest_window, false)).max(asked)
            }
            _ => Duration::ZERO,
        };
        sent.attempt.ended + wait
    }

    /// The latest end of the wait after the token provider was unavailable before `at`.
    fn token_end(&self, at: Duration) -> Duration {
        let unavailable = self
            .history
            .call
            .tokens
            .iter()
            .filter(|token| token.answer == TokenAnswer::Unavailable && token.answered <= at);
        unavailable.map(|token| token.answered + MAX_PROBE_WAIT).max().unwrap_or_default()
    }
}
