//! What ends a call, and what it must not end without.

use std::time::Duration;

use host_test::bindings::actions::Error;

use super::history::{Event, History, What};
use super::patience::{Bound, failing_since};
use super::{Class, GRACE, MILLISECOND, Violations};
use crate::TokenAnswer;

pub(super) fn check(history: &History<'_>, violations: &mut Violations) {
    check_deadline(history, violations);
    let end = [history.fatal_at(), third_unexpected(history)].into_iter().flatten().min();
    if let Some(end) = end {
        check_after(history, end, violations);
    }
    if history.is_unfinished() && end.is_none() && !has_reason(history) {
        violations.add("a call does not end without a reason", || format!("{:?}", history.call.cause()));
    }
}

/// A hold is announced to the others twice.
const ANNOUNCE_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// The call ended when it asked for a turn.
fn is_held_by_others(history: &History<'_>) -> bool {
    matches!(history.call.cause(), Some(Error::Throttled(error)) if error.message == "another instance was asked to wait")
}

fn check_deadline(history: &History<'_>, violations: &mut Violations) {
    let Some(deadline) = history.call.deadline() else { return };
    // A token request cannot be interrupted, and after it another one may begin before the deadline is noticed.
    let answers = history.call.tokens.iter().filter(|token| token.asked < deadline).map(|token| token.answered);
    let latest = answers.max().map_or(deadline, |answered| answered.max(deadline));
    let ended = history.call.ended;
    if ended > latest + MILLISECOND {
        violations.add("the call returns by its deadline", || format!("ended at {ended:?}, deadline at {deadline:?}"));
    }
    if let Some(late) = history.attempts.iter().find(|sent| sent.attempt.sent() >= deadline) {
        violations.add("nothing is sent after the deadline", || format!("{}: {deadline:?}", late.attempt.arrival));
    }
}

/// Nothing is sent after the end, and requests in flight get 10 s more.
fn check_after(history: &History<'_>, end: Duration, violations: &mut Violations) {
    let ended = history.call.ended;
    if let Some(late) = history.attempts.iter().find(|sent| sent.attempt.sent() > end) {
        violations.add("nothing is sent after an error that ends the call", || {
            format!("{}, ended at {end:?}", late.attempt.arrival)
        });
    }
    // A hold is announced to the others even then.
    let uses = history.call.tokens.iter().filter(|busy| busy.answer == TokenAnswer::Store);
    let announced = uses.map(|busy| (busy.answered - busy.asked) * 2 + ANNOUNCE_AGAIN_AFTER).max().unwrap_or_default();
    if ended > end + GRACE + announced + MILLISECOND {
        violations.add("the call returns within 10 s of its end", || format!("{ended:?}, ended at {end:?}"));
    }
    // The call may have ended before.
    let since = failing_since(history, end, Bound::Earliest);
    let may_have_ended = since.is_some_and(|since| since + history.call.call.patience() <= end)
        || history.attempts.iter().any(|sent| sent.attempt.retry_after().is_some() && sent.attempt.ended <= end)
        || is_held_by_others(history);
    if may_have_ended {
        return;
    }
    let waits_until = |sent: &super::history::Sent<'_>| {
        let settled = sent.attempt.arrival.settled.unwrap_or(Duration::MAX);
        let timeout = Duration::from_millis(history.call.call.options.attempt_timeout_ms.unwrap_or(100_000).into());
        let deadline = history.call.deadline().unwrap_or(Duration::MAX);
        settled.min(sent.attempt.sent() + timeout).min(deadline).min(end + GRACE)
    };
    if let Some(left) = history.attempts.iter().find(|sent| waits_until(sent) > ended) {
        violations.add("requests in flight get 10 s more", || format!("{}, ended at {ended:?}", left.attempt.arrival));
    }
}

/// When the third unexpected status in a row was noticed, with nothing else in between.
fn third_unexpected(history: &History<'_>) -> Option<Duration> {
    let is_unexpected = |event: &Event| matches!(event.what, What::Attempt { class: Class::Unexpected, .. });
    let third = history.events.windows(3).find(|three| three.iter().all(is_unexpected))?;
    // What happens in the same millisecond may have come in between.
    let is_alone =
        |at: Duration| history.events.iter().filter(|event| event.at == at && !is_unexpected(event)).count() == 0;
    third.iter().all(|event| is_alone(event.at)).then(|| third[2].at)
}

/// Whether the call may have ended before every id was settled: by its deadline or its patience, or by something that
/// cannot be determined.
fn has_reason(history: &History<'_>) -> bool {
    let call = history.call;
    let is_unclear = |sent: &super::history::Sent<'_>| sent.attempt.class == Class::Unclear || !sent.is_exact;
    let unexpected = history.attempts.iter().filter(|sent| sent.attempt.class == Class::Unexpected).count();
    if history.attempts.iter().any(is_unclear) || unexpected >= 3 {
        return true;
    }
    // A call ends as soon as the next request would be sent too late.
    let window = call.call.window();
    let has_accepted = history.has(Class::Accepted);
    let throttled = match (history.has(Class::Throttled) || history.may_be_held, has_accepted) {
        (false, _) => window * 2,
        (true, true) => (window * 2).max(Duration::from_secs(4)),
        (true, false) => window * 42,
    };
    let asked = history.attempts.iter().filter_map(|sent| sent.attempt.retry_after()).max().unwrap_or_default();
    let backoff = Duration::from_secs(75).max(asked * 5 / 4 + window).max(throttled);
    let latency = call.tokens.iter().map(|token| token.answered - token.asked).max().unwrap_or_default();
    let backoff = backoff + call.queue;
    let latest = call.ended + backoff + latency + MILLISECOND;
    // Requests in flight may have been accepted after the end, so any time may have been the end.
    let is_over = |at: Duration| {
        let since = failing_since(history, at, Bound::Earliest).unwrap_or(at);
        since + call.call.patience() <= at + GRACE + backoff + latency
    };
    let times = history.events.iter().map(|event| event.earliest);
    times.chain([call.ended]).any(is_over) || call.deadline().is_some_and(|end| end <= latest) || history.may_be_held
}
