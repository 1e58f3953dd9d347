//! How long a call goes on without an acceptance.

use std::time::Duration;

use super::history::{Event, History, What};
use super::{Class, GRACE, MILLISECOND, Violations};

pub(super) fn check(history: &History<'_>, violations: &mut Violations) {
    let patience = history.call.call.patience();
    for sent in &history.attempts {
        let at = sent.attempt.sent();
        if let Some(since) = failing_since(history, at)
            && at > since + patience + MILLISECOND
        {
            violations.add("nothing is sent after the patience is over", || {
                format!("{}, failing since {since:?}", sent.attempt.arrival)
            });
        }
    }
    let ended = history.call.ended;
    // While the token provider is asked, the call cannot end.
    let latency = history.call.tokens.iter().map(|token| token.answered - token.asked).max().unwrap_or_default();
    if let Some(since) = failing_since(history, ended)
        && ended > since + patience + GRACE + latency * 2 + MILLISECOND
    {
        violations.add("the call ends when the patience is over", || format!("{ended:?}, failing since {since:?}"));
    }
}

/// The first failure since the last acceptance, as far as noticed before `at`; the latest time if that is uncertain.
pub(super) fn failing_since(history: &History<'_>, at: Duration) -> Option<Duration> {
    let mut since = history.is_held.then_some(history.call.started);
    let mut has_accepted = false;
    // What is noticed in the same millisecond may be noticed before.
    let is_before = |event: &&Event| event.at < at || (event.at == at && is_progress(event.what, true));
    let mut events: Vec<&Event> = history.events.iter().filter(is_before).collect();
    // Of what happens in the same millisecond, failures may come first.
    events.sort_by_key(|event| (event.at, is_progress(event.what, true)));
    for event in events {
        if is_progress(event.what, has_accepted) {
            since = None;
        } else if !matches!(event.what, What::Attempt { class: Class::Refused, .. } if has_accepted) {
            since.get_or_insert(event.at);
        }
        has_accepted |= matches!(event.what, What::Attempt { class: Class::Accepted | Class::Unclear, .. });
    }
    since
}

fn is_progress(what: What, has_accepted: bool) -> bool {
    match what {
        What::Attempt { class: Class::Accepted | Class::Unclear, .. } => true,
        What::Attempt { class: Class::Refused, ids: 1, .. } => has_accepted,
        _ => false,
    }
}
