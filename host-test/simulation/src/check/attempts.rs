//! How often ids are sent, what is in flight simultaneously, and for how long.

use std::time::Duration;

use host_test::bindings::actions::ErrorKind;

use crate::attempt::{Attempt, Disposition, MARGIN};
use crate::attempts::Attempts;
use crate::caller::GRACE;
use crate::violation::Violations;

pub(crate) fn check(attempts: &Attempts<'_>, violations: &mut Violations) {
    let max_attempts = attempts.max_attempts();
    let max_in_flight = attempts.call.call.options.max_in_flight.unwrap_or(4) as usize;
    for (index, attempt) in attempts.all.iter().enumerate() {
        if attempts.count(&attempt.ids, &[Disposition::Transient], attempt.sent()) >= max_attempts {
            violations.add("a group has at most max-attempts counted attempts", || {
                format!("at most {max_attempts} allowed: {}", attempt.arrival)
            });
        }
        let at = attempt.sent();
        let is_in_flight = |earlier: &&Attempt<'_>| earlier.is_in_flight(attempts.call, at);
        let open = attempts.all[..index].iter().filter(is_in_flight).count() + 1;
        if open > max_in_flight {
            violations.add("at most max-in-flight requests are in flight", || {
                format!("{open} at {at:?}, {max_in_flight} allowed")
            });
        }
        for before in attempts.all[..index].iter().filter(|before| before.over == at && before.shares_ids(attempt)) {
            check_pair(attempts, before, attempt, violations);
        }
    }
    check_given_up(attempts, violations);
    if !attempts.call.is_abandoned {
        check_time(attempts, violations);
    }
}

/// An id that ends while the call goes on has had all of its attempts: throttled ones do not count,
/// and what failed together with others is split.
fn check_given_up(attempts: &Attempts<'_>, violations: &mut Violations) {
    let call = attempts.call;
    let Some(last_sent) = attempts.all.last().map(Attempt::sent) else { return };
    for (id, reported) in call.reported_at().into_iter().enumerate().filter(|(_, reported)| *reported < last_sent) {
        let Some(last) = attempts.last(id) else { continue };
        let is_given_up = match last.disposition {
            Disposition::Throttled => true,
            Disposition::Transient => {
                let may_be_split = attempts.isolates() && attempts.max_attempts() > 1 && last.ids.len() > 1;
                let counted = [Disposition::Transient, Disposition::Unclear];
                may_be_split || attempts.count(&last.ids, &counted, Duration::MAX) < attempts.max_attempts()
            }
            _ => false,
        };
        if is_given_up {
            violations.add("an id that may succeed is sent again", || {
                format!("reported at {reported:?}, last {}", last.arrival)
            });
        }
    }
}

/// Two attempts for some of the same ids, with none in between.
fn check_pair(attempts: &Attempts<'_>, before: &Attempt<'_>, next: &Attempt<'_>, violations: &mut Violations) {
    let detail = || format!("{} after {}", next.arrival, before.arrival);
    let worked = attempts.call.worked(before.sent(), next.sent());
    let is_settled = before.arrival.settled.is_some_and(|settled| settled <= next.sent());
    if !is_settled && worked + MARGIN < attempts.call.attempt_timeout() {
        violations.add("no id is in two requests in flight", detail);
    }
    let is_alone = before.ids.len() == 1 || !attempts.isolates();
    match before.disposition {
        Disposition::Accepted | Disposition::Permanent | Disposition::Unexpected | Disposition::Fatal => {
            violations.add("an id that has ended is not sent again", detail);
        }
        Disposition::Refused if is_alone => violations.add("an id that has ended is not sent again", detail),
        Disposition::Transient | Disposition::Throttled | Disposition::TooLarge => {
            if let Some((settled, asked)) = before.arrival.settled.zip(before.retry_after())
                && next.sent() < settled + asked
            {
                violations.add("a Retry-After is waited out", detail);
            }
        }
        _ => {}
    }
}

/// A request in flight is given up at its timeout, at the deadline, or some time after the end of
/// the call.
fn check_time(attempts: &Attempts<'_>, violations: &mut Violations) {
    let call = attempts.call;
    // The call had certainly not ended when it last sent a request.
    let lived = attempts.all.last().map(Attempt::sent).unwrap_or_default();
    for attempt in attempts.all.iter().filter(|attempt| attempt.seen == Some(false)) {
        let has_time = call.worked(attempt.sent(), attempt.over) + MARGIN < call.attempt_timeout();
        // A stop ends the call with a grace of its own, and shortens that of a call that has ended
        // by itself.
        let is_cancelled = call.cause().is_some_and(|cause| cause.kind == ErrorKind::Cancelled);
        let own = (!is_cancelled).then_some((lived, GRACE));
        let mut graces = call.stops.iter().copied().chain(own);
        let has_grace = graces.all(|(from, grace)| call.spent(from, attempt.over) + MARGIN < grace);
        let is_late = call.deadline().is_some_and(|deadline| deadline <= attempt.over);
        if has_time && has_grace && !is_late {
            violations.add("a request in flight is given its time", || {
                format!("{}, given up at {:?}", attempt.arrival, attempt.over)
            });
        }
    }
}
