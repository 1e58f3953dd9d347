//! After failures in a row one request at a time probes the service.

use std::time::Duration;

use super::history::{Event, History, What};
use super::{Class, Violations};

/// The shortest wait between probes.
const PROBE_WAIT: Duration = Duration::from_secs(3);

pub(super) fn check(history: &History<'_>, violations: &mut Violations) {
    for (index, sent) in history.attempts.iter().enumerate() {
        let at = sent.attempt.sent();
        let Some(failed_at) = open_since(history, at) else { continue };
        let earlier = &history.attempts[..index];
        if let Some(other) = earlier.iter().find(|other| other.attempt.ended > at) {
            violations.add("one request at a time while the circuit is open", || {
                format!("{} while {}", sent.attempt.arrival, other.attempt.arrival)
            });
        }
        if at < failed_at + PROBE_WAIT {
            violations.add("probes wait at least 3 s", || format!("{}, failed at {failed_at:?}", sent.attempt.arrival));
        }
        // Ids that were never sent have all of their attempts left.
        let is_waiting = |numbers: &Vec<usize>| numbers.first().is_none_or(|number| *number > index);
        if sent.number > 1 && sent.is_exact && history.by_id.iter().any(is_waiting) {
            violations.add("probes rotate over the groups", || sent.attempt.arrival.to_string());
        }
    }
}

/// If the circuit was certainly open at `at`: when the latest failure that certainly counts was noticed, at the
/// earliest.
pub(super) fn open_since(history: &History<'_>, at: Duration) -> Option<Duration> {
    // What is noticed in the same millisecond as the send may be noticed before or after.
    let closed = history.events.iter().filter(|event| may_close(event.what) && event.earliest <= at);
    let closed = closed.map(|event| event.latest).max();
    let may_count = may_count(history, at);
    let mut in_a_row = (0, 0);
    // Failures that may have opened the circuit, perhaps earlier than it was certainly open.
    let mut possible = 0;
    let mut opened_at = None;
    let mut failed_at = None;
    for event in history.events.iter().filter(|event| event.latest < at && may_count(event)) {
        possible += 1;
        if closed.is_some_and(|closed| event.earliest <= closed) {
            continue;
        }
        let What::Attempt { class, sent, .. } = event.what else {
            in_a_row = (0, 0);
            continue;
        };
        in_a_row = match class {
            Class::Transient => (in_a_row.0 + 1, 0),
            Class::Unexpected => (0, in_a_row.1 + 1),
            _ => {
                in_a_row = (0, 0);
                continue;
            }
        };
        let opens = opened_at.is_none() && (in_a_row.0 >= 2 || in_a_row.1 >= 2);
        // A request that was in flight when the circuit opened is no probe.
        if (opens && possible == 2) || opened_at.is_some_and(|opened_at| opened_at < sent) {
            failed_at = Some(event.earliest);
        }
        if opens {
            opened_at = Some(event.latest);
            failed_at = failed_at.or(Some(Duration::ZERO));
        }
    }
    failed_at
}

/// Whether the circuit may have been open just after what was noticed at `at`.
pub(super) fn may_be_open(history: &History<'_>, at: Duration) -> bool {
    let may_count = may_count(history, at);
    history.events.iter().filter(|event| event.earliest <= at && may_count(event)).count() >= 2
}

/// The failures that may have been noticed since the circuit was last closed before `at`.
fn may_count(history: &History<'_>, at: Duration) -> impl Fn(&Event) -> bool {
    let closed = history.events.iter().filter(|event| closes(event.what) && event.latest < at);
    let closed = closed.map(|event| event.earliest).max();
    move |event| {
        let is_failure = !closes(event.what) && !matches!(event.what, What::Attempt { class: Class::Throttled, .. });
        is_failure && closed.is_none_or(|closed| closed <= event.latest)
    }
}

fn closes(what: What) -> bool {
    matches!(what, What::Attempt { class: Class::Accepted | Class::Refused, .. })
}

fn may_close(what: What) -> bool {
    closes(what) || matches!(what, What::Attempt { class: Class::Unclear, .. })
}
