//! What each `next` does: no longer than it was given, and nothing happens outside.

use std::time::Duration;

use host_test::bindings::calls::Event;

use crate::attempt::{Attempt, Disposition, MARGIN};
use crate::attempts::Attempts;
use crate::caller::Form;
use crate::record::Next;
use crate::token_log::TokenAnswer;
use crate::violation::Violations;

/// `is_shared`: another call counts against the same limit.
pub(crate) fn check(attempts: &Attempts<'_>, is_shared: bool, violations: &mut Violations) {
    let call = attempts.call;
    // What other calls were asked to wait is a failure of this one too.
    if !is_shared {
        check_failure(attempts, violations);
    }
    for next in &call.nexts {
        check_wait(attempts, next, violations);
    }
    if let Form::Call(_) = call.call.form {
        let is_within = |at: Duration| call.nexts.iter().any(|next| next.began <= at && at <= next.ended);
        if let Some(outside) = attempts.all.iter().find(|attempt| !is_within(attempt.sent())) {
            violations.add("nothing is sent outside next", || outside.arrival.to_string());
        }
        let reported_in = call.reported_in();
        for attempt in attempts.all.iter().filter(|attempt| attempt.disposition == Disposition::Accepted) {
            check_acceptance(attempts, attempt, &reported_in, violations);
        }
    }
}

/// It returns in time, apart from that in which the token provider is asked.
fn check_wait(attempts: &Attempts<'_>, next: &Next, violations: &mut Violations) {
    let took = (next.ended - next.began).saturating_sub(attempts.call.asking(next.began, next.ended));
    let wait = next.wait_ms.map(|ms| Duration::from_millis(ms.into()));
    let is_late = match wait {
        None => false,
        // The clock stands still.
        Some(wait) if wait.is_zero() => !took.is_zero(),
        Some(wait) => took > wait + MARGIN,
    };
    if is_late {
        violations.add("next returns in time", || format!("{took:?} of {wait:?}, began at {:?}", next.began));
    }
    if let Event::Waiting(_) = next.event {
        match wait {
            Some(wait) if next.ended < next.began + wait => {
                violations.add("next waits as long as it may", || format!("{wait:?}, began at {:?}", next.began));
            }
            None => violations.add("next without a limit never waits", || format!("began at {:?}", next.began)),
            Some(_) => {}
        }
    }
}

/// Waiting names no failure from before the latest acceptance.
fn check_failure(attempts: &Attempts<'_>, violations: &mut Violations) {
    let call = attempts.call;
    let accepted = attempts.all.iter().filter(|attempt| attempt.disposition == Disposition::Accepted);
    let Some(accepted) = accepted.filter_map(|attempt| attempt.read(call)).max() else { return };
    let is_failure =
        |attempt: &&Attempt<'_>| !matches!(attempt.disposition, Disposition::Accepted | Disposition::Refused);
    let has_failed = attempts.all.iter().filter(is_failure).any(|attempt| attempt.over >= accepted)
        || call.tokens.iter().any(|token| token.answer == TokenAnswer::Unavailable && token.answered >= accepted);
    let names = |next: &&Next| matches!(&next.event, Event::Waiting(progress) if progress.error.is_some());
    let later = call.nexts.iter().filter(|next| next.began > accepted).find(names);
    if let Some(next) = later.filter(|_| !has_failed) {
        violations.add("waiting names no failure from before an acceptance", || {
            format!("{:?}, accepted at {accepted:?}", next.event)
        });
    }
}

/// The first `next` in which the response can be read reports it, and returns immediately.
fn check_acceptance(
    attempts: &Attempts<'_>,
    attempt: &Attempt<'_>,
    reported_in: &[Option<usize>],
    violations: &mut Violations,
) {
    let call = attempts.call;
    let Some(settled) = attempt.arrival.settled else { return };
    // In the same millisecond, the response may come before or after.
    let Some(first) = call.nexts.iter().position(|next| next.ended > settled) else { return };
    let reported = attempt.ids.iter().map(|id| reported_in[*id].unwrap_or(usize::MAX)).max().unwrap_or_default();
    if reported < first {
        return;
    }
    let next = &call.nexts[first];
    let at = settled.max(next.began);
    let is_immediate = next.ended - at <= MARGIN + call.asking(at, next.ended);
    if reported > first || !is_immediate {
        violations.add("an acceptance is reported by the next that read it", || {
            format!("{}, settled at {settled:?}, next until {:?}", attempt.arrival, next.ended)
        });
    }
}
