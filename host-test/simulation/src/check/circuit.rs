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

/// If the circuit was certainly open at `at`: when the latest failure that certainly counts was noticed.
pub(super) fn open_since(history: &History<'_>, at: Duration) -> Option<Duration> {
    let mut in_a_row = (0, 0);
    // Failures since the circuit was certainly closed, and when it was certainly open.
    let mut possible = 0;
    let mut opened_at = None;
    let mut failed_at = None;
    // What happens in the same millisecond as the send may be noticed before or after.
    for Event { at: noticed, what } in history.events.iter().filter(|event| event.at <= at) {
        let is_certain = *noticed < at;
        let (class, sent) = match what {
            What::Attempt { class, sent, .. } => (*class, *sent),
            What::NoToken | What::TokenEnd => {
                in_a_row = (0, 0);
                possible += 1;
                continue;
            }
        };
        match class {
            Class::Transient | Class::Unexpected => {
                if !is_certain {
                    continue;
                }
                in_a_row = match class {
                    Class::Transient => (in_a_row.0 + 1, 0),
                    _ => (0, in_a_row.1 + 1),
                };
                possible += 1;
                let opens = opened_at.is_none() && (in_a_row.0 >= 2 || in_a_row.1 >= 2);
                // A request that was in flight when the circuit opened is no probe.
                if (opens && possible == 2) || opened_at.is_some_and(|opened_at| opened_at < sent) {
                    failed_at = Some(*noticed);
                }
                if opens {
                    opened_at = Some(*noticed);
                    failed_at = failed_at.or(Some(Duration::ZERO));
                }
            }
            Class::Throttled => {}
            Class::Accepted | Class::Refused | Class::Unclear => {
                in_a_row = (0, 0);
                possible = if class == Class::Unclear { possible } else { 0 };
                opened_at = None;
                failed_at = None;
            }
            Class::TokenRejected | Class::Permanent | Class::Fatal => in_a_row = (0, 0),
        }
    }
    failed_at
}

/// Whether the circuit may have been open just after what was noticed at `at`.
pub(super) fn may_be_open(history: &History<'_>, at: Duration) -> bool {
    let mut failures = 0;
    let mut before_now = 0;
    for Event { at: noticed, what } in history.events.iter().take_while(|event| event.at <= at) {
        match what {
            // Of what happens in the same millisecond, the failures may come first.
            What::Attempt { class: Class::Accepted | Class::Refused, .. } if *noticed < at => failures = 0,
            What::Attempt { class: Class::Accepted | Class::Refused | Class::Throttled, .. } => {}
            _ => failures += 1,
        }
        before_now = failures;
    }
    before_now >= 2
}
