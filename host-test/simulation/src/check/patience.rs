//! How long a call goes on without an acceptance.

use std::time::Duration;

use super::history::{Event, History, What};
use super::{Class, GRACE, MILLISECOND, Violations};

pub(super) fn check(history: &History<'_>, violations: &mut Violations) {
    let patience = history.call.call.patience() + history.call.queue;
    for sent in &history.attempts {
        let at = sent.attempt.sent();
        if let Some(since) = failing_since(history, at, Bound::Latest)
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
    if let Some(since) = failing_since(history, ended, Bound::Latest)
        && ended > since + patience + GRACE + latency * 2 + MILLISECOND
    {
        violations.add("the call ends when the patience is over", || format!("{ended:?}, failing since {since:?}"));
    }
}

/// Which time, where the time at which something was noticed is uncertain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Earliest,
    Latest,
}

/// The first failure since the last acceptance, as far as noticed before `at`.
pub(super) fn failing_since(history: &History<'_>, at: Duration, bound: Bound) -> Option<Duration> {
    let is_held = match bound {
        Bound::Earliest => history.may_be_held,
        Bound::Latest => history.is_held,
    };
    let mut since = is_held.then_some(history.call.started);
    let mut has_accepted = false;
    // Progress forgets the failures before it: for the latest time it comes as late as possible.
    let order = |event: &Event| {
        let may_be_progress = is_progress(event.what, true);
        let time = if may_be_progress == (bound == Bound::Latest) { event.latest } else { event.earliest };
        (time, may_be_progress == (bound == Bound::Latest))
    };
    let may_be_before = |event: &&Event| {
        let may_be_progress = is_progress(event.what, true);
        if may_be_progress == (bound == Bound::Latest) { event.earliest <= at } else { event.latest < at }
    };
    let mut events: Vec<&Event> = history.events.iter().filter(may_be_before).collect();
    events.sort_by_key(|event| order(event));
    for event in events {
        if is_progress(event.what, has_accepted) {
            since = None;
        } else if !matches!(event.what, What::Attempt { class: Class::Refused, .. } if has_accepted) {
            since.get_or_insert(match bound {
                Bound::Earliest => event.earliest,
                Bound::Latest => event.latest,
            });
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
