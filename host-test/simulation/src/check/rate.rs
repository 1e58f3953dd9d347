//! The rate limit and the waits that hold every request, over all calls that count against the same
//! limit.

use std::time::Duration;

use graph_model::{Arrival, Limit, OtherClients};
use http::StatusCode;

use crate::attempt::Attempt;
use crate::attempts::Attempts;
use crate::call_plan::is_on_sign_ins;
use crate::plan::Plan;
use crate::record::CallRecord;
use crate::violation::Violations;

pub(crate) fn check(calls: &[Attempts<'_>], violations: &mut Violations) {
    for call in calls {
        let same: Vec<&Attempts<'_>> = calls.iter().filter(|other| call.call.shares_limit(other.call)).collect();
        check_window(call, &same, violations);
        check_holds(call, &same, violations);
    }
}

/// The window is that of the call, and requests of other calls count, unless they are older than
/// the window of a call that sent a request after them: those are forgotten.
fn check_window(call: &Attempts<'_>, same: &[&Attempts<'_>], violations: &mut Violations) {
    let own: Vec<Duration> = call.all.iter().map(Attempt::sent).collect();
    let send = |other: &&Attempts<'_>| {
        let memory = memory(other);
        other.all.iter().map(move |attempt| Send { at: attempt.sent(), memory }).collect::<Vec<_>>()
    };
    let all = same.iter().flat_map(send).collect();
    kept(call.call.call.rate_limit().requests, call.call.call.window(), &own, all, violations);
}

/// A request that counts against a limit, and how long it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Send {
    pub(crate) at: Duration,
    pub(crate) memory: Duration,
}

/// Checks that the requests of one call or list keep its limit, among all that count against it.
pub(crate) fn kept(requests: u32, window: Duration, own: &[Duration], mut all: Vec<Send>, violations: &mut Violations) {
    all.sort();
    for (index, at) in own.iter().copied().enumerate() {
        // Of the requests sent in this millisecond, only the order of the call's own is known.
        let earlier = own[..index].iter().filter(|earlier| **earlier == at).count();
        let before = all.partition_point(|send| send.at < at) + earlier;
        let Some(leaving) = before.checked_sub(requests as usize) else { continue };
        let first = all[leaving].at;
        let since = at - first;
        let is_forgotten = all[leaving..before].iter().any(|send| first + send.memory < send.at);
        if since < window && !is_forgotten {
            violations.add("the rate limit is kept", || format!("{} in {since:?}, at {at:?}", requests + 1));
            return;
        }
        if since == window && !is_forgotten {
            violations.add("a margin is added to the window", || format!("{since:?}, at {at:?}"));
            return;
        }
    }
}

/// How long a call remembers what was sent: its window, or the documented one.
fn memory(call: &Attempts<'_>) -> Duration {
    let documented = if is_on_sign_ins(call.call.call.action) { Limit::SIGN_INS } else { Limit::USERS };
    call.call.call.window().max(documented.window)
}

/// A wait that a response asks for holds the requests of every call from when the response was
/// read.
fn check_holds(call: &Attempts<'_>, same: &[&Attempts<'_>], violations: &mut Violations) {
    // Another call waits for an hour at most.
    let longest = |other: &Attempts<'_>| if other.call.number == call.call.number { Duration::MAX } else { MAX_HOLD };
    let holds: Vec<(Duration, Duration)> = same.iter().flat_map(|other| holds(other, longest(other))).collect();
    for attempt in &call.all {
        let at = attempt.sent();
        // A request may be sent in the same instant in which the response arrives.
        if let Some((_, until)) = holds.iter().find(|(from, until)| *from < at && at < *until) {
            violations.add("a 429, and a 503 with Retry-After, hold every request", || {
                format!("{}, held until {until:?}", attempt.arrival)
            });
        }
    }
}

/// From when until when the responses to a call hold every request, each for no longer than this.
fn holds(call: &Attempts<'_>, longest: Duration) -> Vec<(Duration, Duration)> {
    let hold = |attempt: &Attempt<'_>| {
        let wait = match (attempt.status()?, attempt.retry_after()) {
            (429, asked) => asked.unwrap_or(call.call.call.window()),
            (503, asked) => asked?,
            _ => return None,
        };
        Some((attempt.read(call.call)?, attempt.arrival.settled? + wait.min(longest)))
    };
    call.all.iter().filter_map(hold).collect()
}

/// A client that keeps the documented limit is not throttled by it, if requests arrive as they were
/// sent.
pub(crate) fn check_documented_limit(plan: &Plan, calls: &[CallRecord], violations: &mut Violations) {
    let Limit { requests, window, .. } = plan.graph.users;
    let documented = (requests, window) == (Limit::USERS.requests, Limit::USERS.window);
    let first = calls.first().map(|call| (&call.call.options.tenant, call.call.audience()));
    let default = calls.iter().all(|call| {
        call.call.options.rate_limit.is_none() && Some((&call.call.options.tenant, call.call.audience())) == first
    });
    let refused = |arrival: &&Arrival| arrival.fault.is_none() && arrival.status == Some(StatusCode::TOO_MANY_REQUESTS);
    // With other instances, one of them may be refused because of another.
    if documented
        && default
        && calls.iter().all(|call| call.queue.is_zero())
        && plan.graph.network.is_exact()
        && plan.graph.others == OtherClients::default()
        && let Some(refused) = calls.iter().flat_map(|call| &call.arrivals).find(refused)
    {
        violations.add("the documented rate limit causes no 429", || refused.to_string());
    }
}

/// The longest time for which a response holds other calls.
const MAX_HOLD: Duration = Duration::from_secs(3_600);
