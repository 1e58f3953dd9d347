//! Which ids are sent again, when, and how often.

use std::time::Duration;

use super::history::{History, Sent};
use super::{Class, Violations};

pub(super) fn check(history: &History<'_>, violations: &mut Violations) {
    let max = history.max_attempts();
    for sent in &history.attempts {
        if sent.number > max {
            violations.add("a group has at most max-attempts counted attempts", || {
                format!("attempt {}, at most {max} allowed: {}", sent.number, sent.attempt.arrival)
            });
        }
        for before in sent.before.iter().map(|before| &history.attempts[*before]) {
            check_pair(history, before, sent, violations);
        }
    }
    check_in_flight(history, violations);
}

fn check_pair(history: &History<'_>, before: &Sent<'_>, sent: &Sent<'_>, violations: &mut Violations) {
    let at = sent.attempt.sent();
    let detail = || format!("{} after {}", sent.attempt.arrival, before.attempt.arrival);
    if at < before.attempt.ended {
        violations.add("no id is in two requests in flight", detail);
    } else if history.is_final(before) && before.is_exact {
        violations.add("an id that has ended is not sent again", detail);
    }
    match before.attempt.class {
        Class::Refused if sent.ids == before.ids && history.isolates() => {
            violations.add("a refused group is not sent again as it was", detail);
        }
        Class::Transient => {
            if sent.ids != before.ids {
                violations.add("a group is sent again as it was", detail);
            }
            let earliest = before.attempt.ended + wait(history, before);
            if at < earliest {
                violations.add("a retry waits long enough", || format!("{}: not before {earliest:?}", detail()));
            }
        }
        Class::Throttled | Class::TokenRejected if sent.ids != before.ids => {
            violations.add("a group is sent again as it was", detail);
        }
        _ => {}
    }
}

/// The shortest wait before another attempt for the same ids.
fn wait(history: &History<'_>, before: &Sent<'_>) -> Duration {
    let first = Duration::from_secs(3);
    if let Some(asked) = before.attempt.retry_after() {
        return asked;
    }
    // While the circuit is open, its own backoff applies.
    if super::circuit::may_be_open(history, before.attempt.ended) {
        return first;
    }
    (first * 2_u32.pow((before.number - 1).min(6))).min(Duration::from_secs(60))
}

fn check_in_flight(history: &History<'_>, violations: &mut Violations) {
    let max = history.call.call.options.max_in_flight.unwrap_or(4) as usize;
    for (index, sent) in history.attempts.iter().enumerate() {
        let at = sent.attempt.sent();
        let open = history.attempts[..index].iter().filter(|earlier| earlier.attempt.ended > at).count() + 1;
        if open > max {
            violations
                .add("at most max-in-flight requests are in flight", || format!("{open} at {at:?}, {max} allowed"));
            return;
        }
    }
}
