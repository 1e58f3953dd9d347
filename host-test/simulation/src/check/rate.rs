//! The rate limit and the waits that hold every request, over all calls that count against the same limit.

use std::time::Duration;

use graph_model::Limit;
use http::StatusCode;

use super::Violations;
use super::history::History;
use crate::{CallRecord, Plan};

/// The margin that is always added to the window, as a share of it.
const MIN_MARGIN: f64 = 0.003;

pub(super) fn check(history: &History<'_>, earlier: &[History<'_>], violations: &mut Violations) {
    let same: Vec<&History<'_>> = earlier.iter().filter(|other| other.shares_limit(history.call)).collect();
    check_window(history, &same, violations);
    let holds: Vec<_> = same.iter().flat_map(|other| other.holds()).chain(history.holds()).collect();
    for sent in &history.attempts {
        let at = sent.attempt.sent();
        // A request may be sent in the same instant in which the response arrives.
        if let Some((_, until)) = holds.iter().find(|(from, until)| *from < at && at < *until) {
            violations.add("a 429, and a 503 with Retry-After, hold every request", || {
                format!("{}, held until {until:?}", sent.attempt.arrival)
            });
        }
    }
}

/// The window is that of the call, and requests of earlier calls count.
fn check_window(history: &History<'_>, same: &[&History<'_>], violations: &mut Violations) {
    let limit = history.call.call.rate_limit();
    let window = history.call.call.window();
    let mut sends: Vec<Duration> =
        same.iter().flat_map(|other| &other.attempts).map(|sent| sent.attempt.sent()).collect();
    for sent in &history.attempts {
        let at = sent.attempt.sent();
        sends.push(at);
        let Some(index) = sends.len().checked_sub(limit.requests as usize + 1) else { continue };
        let since = at - sends[index];
        if since < window {
            violations.add("the rate limit is kept", || {
                format!("{} in {since:?}: {}", limit.requests + 1, sent.attempt.arrival)
            });
            return;
        }
        if since < window.mul_f64(1.0 + MIN_MARGIN) {
            violations.add("a margin is added to the window", || format!("{since:?}: {}", sent.attempt.arrival));
            return;
        }
    }
}

/// A client that keeps the documented limit is not throttled by it, if requests arrive as they were sent.
pub(super) fn check_documented_limit(plan: &Plan, calls: &[CallRecord], violations: &mut Violations) {
    let Limit { requests, window, .. } = plan.graph.users;
    let documented = (requests, window) == (Limit::USERS.requests, Limit::USERS.window);
    let first = calls.first().map(|call| (&call.call.options.tenant, call.call.audience()));
    let default = calls.iter().all(|call| {
        call.call.options.rate_limit.is_none() && Some((&call.call.options.tenant, call.call.audience())) == first
    });
    let refused = |arrival: &&graph_model::Arrival| {
        arrival.fault.is_none() && arrival.status == Some(StatusCode::TOO_MANY_REQUESTS)
    };
    // With other instances, one of them may be refused because of another.
    if documented
        && default
        && calls.iter().all(|call| call.queue.is_zero())
        && plan.graph.network.is_exact()
        && plan.graph.others == graph_model::OtherClients::default()
        && let Some(refused) = calls.iter().flat_map(|call| &call.arrivals).find(refused)
    {
        violations.add("the documented rate limit causes no 429", || refused.to_string());
    }
}
