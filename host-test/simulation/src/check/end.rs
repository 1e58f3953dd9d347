//! What ends a call, and what it must not end without.

use std::time::Duration;

use host_test::bindings::actions::ErrorKind;

use crate::attempt::{Attempt, Disposition, MARGIN};
use crate::attempts::Attempts;
use crate::caller::GRACE;
use crate::record::CallRecord;
use crate::token_log::{TokenAnswer, TokenRecord};
use crate::violation::Violations;

pub(crate) fn check(attempts: &Attempts<'_>, violations: &mut Violations) {
    let call = attempts.call;
    check_deadline(attempts, violations);
    let end = attempts.fatal_at();
    if let Some(end) = end {
        check_after(attempts, end, violations);
    }
    check_stops(attempts, violations);
    if call.is_abandoned || !attempts.is_unfinished() || end.is_some() || has_reason(attempts) {
        return;
    }
    if call.stops.is_empty() {
        violations.add("a call does not end without a reason", || format!("{:?}", call.cause()));
    } else if call.cause().is_none_or(|cause| cause.kind != ErrorKind::Cancelled) {
        violations.add("a call that was stopped is cancelled", || format!("{:?}", call.cause()));
    }
}

fn check_deadline(attempts: &Attempts<'_>, violations: &mut Violations) {
    let call = attempts.call;
    let Some(deadline) = call.deadline() else { return };
    // A token request cannot be interrupted, and after it another one may begin before the deadline
    // is noticed.
    let answers = call.tokens.iter().filter(|token| token.asked < deadline).map(|token| token.answered);
    let latest = answers.max().map_or(deadline, |answered| answered.max(deadline));
    if let Some(late) = last_report(call, |at| at > latest + MARGIN) {
        violations.add("the call returns by its deadline", || format!("{late:?}, deadline at {deadline:?}"));
    }
    if let Some(late) = attempts.all.iter().find(|attempt| attempt.sent() >= deadline) {
        violations.add("nothing is sent after the deadline", || format!("{}: {deadline:?}", late.arrival));
    }
}

/// Nothing is sent after the end, and requests in flight get 10 s more.
fn check_after(attempts: &Attempts<'_>, end: Duration, violations: &mut Violations) {
    let call = attempts.call;
    if let Some(late) = attempts.all.iter().find(|attempt| attempt.sent() > end) {
        violations
            .add("nothing is sent after an error that ends the call", || format!("{}, ended at {end:?}", late.arrival));
    }
    // A hold is announced to the others even then.
    let uses = call.tokens.iter().filter(|busy| busy.answer == TokenAnswer::Store);
    let announced = uses.map(|busy| (busy.answered - busy.asked) * 2 + ANNOUNCE_AGAIN_AFTER).max().unwrap_or_default();
    let is_late = |at| call.worked(end, at) > GRACE + announced + MARGIN;
    if let Some(late) = last_report(call, is_late) {
        violations.add("the call returns within 10 s of its end", || format!("{late:?}, ended at {end:?}"));
    }
}

/// A call that is stopped sends nothing more, and ends within its grace. No other call is
/// cancelled.
fn check_stops(attempts: &Attempts<'_>, violations: &mut Violations) {
    let call = attempts.call;
    for (stopped, grace) in &call.stops {
        if let Some(late) = attempts.all.iter().find(|attempt| attempt.sent() > *stopped) {
            violations.add("nothing is sent after a stop", || format!("{}, stopped at {stopped:?}", late.arrival));
        }
        let is_asked = |busy: &&TokenRecord| busy.answer != TokenAnswer::Store && busy.asked > *stopped;
        if let Some(late) = call.tokens.iter().find(is_asked) {
            violations
                .add("nothing is sent after a stop", || format!("token {:?}, stopped at {stopped:?}", late.asked));
        }
        if let Some(late) = last_report(call, |at| call.worked(*stopped, at) > *grace + MARGIN) {
            violations.add("a stopped call ends within its grace", || {
                format!("{late:?}, stopped at {stopped:?} with {grace:?}")
            });
        }
    }
    let is_cancelled = call.cause().is_some_and(|cause| cause.kind == ErrorKind::Cancelled);
    if is_cancelled && call.stops.is_empty() {
        violations.add("only a stop cancels a call", || format!("{:?}", call.cause()));
    }
}

/// When the last id was reported, if it was late. A `next` that begins late returns what has ended
/// immediately.
fn last_report(call: &CallRecord, is_late: impl Fn(Duration) -> bool) -> Option<Duration> {
    let number = call.reported_in().into_iter().flatten().max()?;
    let periods = call.periods();
    let (began, ended) = *periods.get(number)?;
    // What ended at the same time may come in two events.
    let late_before = periods[..number].iter().filter(|(_, ended)| is_late(*ended)).count();
    let is_immediate = is_late(began) && ended <= began + MARGIN + call.asking(began, ended);
    (is_late(ended) && (!is_immediate || late_before > 1)).then_some(ended)
}

/// Whether the call may have ended before every id was settled: by its deadline or its patience, or
/// by something that cannot be determined.
fn has_reason(attempts: &Attempts<'_>) -> bool {
    let call = attempts.call;
    let count = |disposition| attempts.all.iter().filter(|attempt| attempt.disposition == disposition).count();
    let is_clear = count(Disposition::Unclear) == 0;
    if !is_clear || count(Disposition::TokenRejected) >= 2 || count(Disposition::Unexpected) >= 3 {
        return true;
    }
    // A call ends as soon as it would have to wait for longer than it may.
    let asked = attempts.all.iter().filter_map(Attempt::retry_after).max().unwrap_or_default();
    let latency = call.tokens.iter().map(|token| token.answered - token.asked).max().unwrap_or_default();
    let longest = LONGEST_BACKOFF.max(call.call.window() * MAX_HELD_WINDOWS).max(asked * 2) + latency * 2 + call.queue;
    // Requests in flight may have been accepted after the end.
    let accepted = attempts.all.iter().filter(|attempt| attempt.disposition == Disposition::Accepted);
    let accepted = accepted.filter_map(|attempt| attempt.read(call));
    let mut times: Vec<Duration> = [call.started, call.ended].into_iter().chain(accepted).collect();
    times.sort();
    let quiet = times.windows(2).map(|pair| call.spent(pair[0], pair[1])).max().unwrap_or_default();
    let response = call.cause().and_then(|cause| cause.response.as_ref());
    quiet + longest + GRACE >= call.call.patience()
        || call.deadline().is_some_and(|deadline| deadline <= call.ended + longest)
        || response.is_some_and(|response| response.retry_after_ms.is_some())
}

/// A hold is announced to the others twice.
const ANNOUNCE_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// The longest wait after a failure, as documented: a minute, and up to a quarter more.
const LONGEST_BACKOFF: Duration = Duration::from_secs(75);

/// The longest wait after a 429, in windows, as documented: 32 and up to a quarter more, after
/// those that were already spent.
const MAX_HELD_WINDOWS: u32 = 42;
