//! No wait is longer than what it waits for.

use std::time::Duration;

use super::circuit::open_since;
use super::history::{History, Sent};
use super::{Class, MILLISECOND, Violations};
use crate::TokenAnswer;

/// The longest waits of the contract, with their jitter of a quarter.
const MAX_BACKOFF: Duration = Duration::from_secs(75);
const MAX_PROBE_WAIT: Duration = Duration::from_millis(12_500);

/// The longest wait after a 429 without `Retry-After` once a request was accepted, unless a window is longer.
const MAX_THROTTLED_WAIT: Duration = Duration::from_secs(3);

pub(super) fn check(history: &History<'_>, earlier: &[History<'_>], violations: &mut Violations) {
    let same: Vec<&History<'_>> = earlier.iter().filter(|other| other.shares_limit(history.call)).collect();
    let latency = history.call.tokens.iter().map(|token| token.answered - token.asked).max().unwrap_or_default();
    for (index, sent) in history.attempts.iter().enumerate() {
        let before = &history.attempts[..index];
        let at = sent.attempt.sent();
        if before.iter().any(|other| other.attempt.class == Class::Unclear) {
            return;
        }
        // While requests are in flight, their number may be what is waited for.
        if before.iter().any(|other| other.attempt.ended >= at) {
            continue;
        }
        let due = due(history, &same, before, at) + latency * 2 + MILLISECOND * 2;
        if at > due {
            violations.add("no wait is longer than what it waits for", || {
                format!("{}, was due at {due:?}", sent.attempt.arrival)
            });
            return;
        }
    }
}

/// The latest time at which a request must be sent if nothing is in flight.
fn due(history: &History<'_>, same: &[&History<'_>], before: &[Sent<'_>], at: Duration) -> Duration {
    let call = history.call;
    let window = call.call.window();
    let all: Vec<&Sent<'_>> = same.iter().flat_map(|other| &other.attempts).chain(before).collect();
    // A wait is that of the window of the call that was asked to wait.
    let windows = same.iter().map(|other| other.call.call.window());
    let longest_window = windows.chain([window]).max().unwrap_or(window);
    let throttled = |at: Duration| {
        let has_accepted = |sent: &&Sent<'_>| sent.attempt.class == Class::Accepted && sent.attempt.noticed < at;
        match all.iter().any(|sent| has_accepted(sent)) {
            true => MAX_THROTTLED_WAIT.max(longest_window * 6 / 5),
            false => longest_window * 32,
        }
    };
    let mut due = vec![call.started];
    // The margin is at most three tenths of the window.
    let leaving = all.len().checked_sub(call.call.rate_limit().requests as usize).and_then(|index| all.get(index));
    due.extend(leaving.map(|sent| sent.attempt.sent() + window * 13 / 10));
    for sent in &all {
        let asked = sent.attempt.retry_after().map(|asked| asked * 5 / 4 + longest_window);
        let wait = match sent.attempt.class {
            Class::Throttled => asked.unwrap_or_else(|| throttled(sent.attempt.ended)),
            // Ids that failed before the circuit opened keep their wait.
            Class::Transient | Class::Unexpected => match open_since(history, sent.attempt.ended) {
                Some(_) => asked.unwrap_or(MAX_PROBE_WAIT),
                None => asked.unwrap_or(MAX_BACKOFF),
            },
            _ => Duration::ZERO,
        };
        due.push(sent.attempt.ended + wait);
    }
    let unavailable = call.tokens.iter().filter(|token| token.answer == TokenAnswer::Unavailable);
    due.extend(unavailable.filter(|token| token.answered <= at).map(|token| token.answered + MAX_PROBE_WAIT));
    due.into_iter().max().unwrap_or_default()
}
