//! How often ids are sent, what is in flight together, and for how long.

use host_test::bindings::actions::ErrorKind;

use super::{Attempt, Attempts, Class, GRACE, MARGIN, Violations};

pub(super) fn check(attempts: &Attempts<'_>, violations: &mut Violations) {
    let options = &attempts.call.call.options;
    let max_attempts = options.max_attempts.unwrap_or(4);
    let max_in_flight = options.max_in_flight.unwrap_or(4) as usize;
    for (index, attempt) in attempts.all.iter().enumerate() {
        let number = attempts.number(attempt);
        if number > max_attempts {
            violations.add("a group has at most max-attempts counted attempts", || {
                format!("attempt {number}, at most {max_attempts} allowed: {}", attempt.arrival)
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
    if !attempts.call.is_abandoned {
        check_time(attempts, violations);
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
    match before.class {
        Class::Accepted | Class::Permanent | Class::Unexpected | Class::Fatal => {
            violations.add("an id that has ended is not sent again", detail);
        }
        Class::Refused if is_alone => violations.add("an id that has ended is not sent again", detail),
        Class::Transient | Class::Throttled | Class::TooLarge => {
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
