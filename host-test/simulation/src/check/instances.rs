//! What instances that take turns guarantee together.

use std::time::Duration;

use graph_model::{Arrival, Limit, Settings};
use host_test::bindings::actions::Outcome;
use http::StatusCode;

use crate::instances_plan::{Instance, InstancesPlan, STORE_LATENCY};
use crate::record::{CallRecord, arrivals};
use crate::violation::Violations;

pub(crate) fn check(plan: &InstancesPlan, calls: &[Vec<CallRecord>], keys: &[String], violations: &mut Violations) {
    check_keys(keys, violations);
    check_outage(plan, calls, violations);
    let store = &plan.store;
    // An instance whose store failed or was late three times in a row keeps the limit for itself.
    let fails = !store.outages.is_empty() || store.lost_responses > 0.0 || store.latency.end() > STORE_LATENCY.end();
    // So it does where increments compare and swap, because others come first; and a deleted
    // counter gives tickets again.
    if fails || store.compares_and_swaps || !store.deletions.is_empty() {
        return;
    }
    check_limit(calls, violations);
    check_holds(calls, violations);
}

/// One or two instances get through without the store, if nothing else fails.
fn check_outage(plan: &InstancesPlan, calls: &[Vec<CallRecord>], violations: &mut Violations) {
    let instances = &plan.instances;
    // If the service permits less than the documented limit, two may keep each other out for long, and
    // one itself where refused requests count.
    let is_documented = |graph: &Settings| {
        graph.users.window == Limit::USERS.window && graph.sign_ins.requests == Limit::SIGN_INS.requests
    };
    let is_easy = |instance: &Instance| instance.plan.is_calm() && is_documented(&instance.plan.graph);
    if instances.len() > 2 || !instances.iter().all(is_easy) {
        return;
    }
    for call in calls.iter().flatten() {
        let options = &call.call.options;
        let is_limited = options.deadline_ms.is_some() || options.patience_ms.is_some() || !call.stops.is_empty();
        let lost = call.batches().iter().find(|batch| matches!(batch.outcome, Outcome::NotApplied | Outcome::Unknown));
        if let Some(lost) = lost.filter(|_| !is_limited) {
            violations.add("a store that fails loses no id", || format!("{lost:?}"));
        }
    }
}

/// The clocks differ by less than the margin of a window.
fn check_limit(calls: &[Vec<CallRecord>], violations: &mut Violations) {
    let Some(call) = calls.iter().flatten().next() else { return };
    let (requests, window) = (call.call.rate_limit().requests as usize, call.call.window());
    let arrivals = arrivals(calls);
    // Clocks are up to 50 ms apart, and of a short window the margin is less.
    let least = window.min((window + window / 16).saturating_sub(MAX_SKEW));
    for (leaving, arrival) in arrivals.iter().zip(arrivals.iter().skip(requests)) {
        let since = arrival.sent - leaving.sent;
        if since < least {
            violations
                .add("together, the instances keep the limit", || format!("{} in {since:?}: {arrival}", requests + 1));
            return;
        }
    }
}

/// A `Retry-After` holds every instance, as soon as it is written.
fn check_holds(calls: &[Vec<CallRecord>], violations: &mut Violations) {
    let all = arrivals(calls);
    for call in calls.iter().flatten() {
        for (arrival, asked) in call.arrivals.iter().filter_map(|arrival| Some((arrival, hold(arrival)?))) {
            let Some(settled) = arrival.settled.filter(|settled| !arrival.stalls && *settled < call.ended) else {
                continue;
            };
            // Not while the plugin is asked for something else.
            let heard_after =
                call.tokens.iter().map(|busy| busy.answered - busy.asked).max().unwrap_or_default() * 2 + SLACK;
            let late = all.iter().find(|other| settled + heard_after < other.sent && other.sent < settled + asked);
            if let Some(late) = late {
                violations.add("a hold reaches every instance", || format!("{late}, held by {arrival}"));
                return;
            }
        }
    }
}

/// What a response asks every instance to wait.
fn hold(arrival: &Arrival) -> Option<Duration> {
    let holds = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    let asked = arrival.retry_after.filter(|_| arrival.status.is_some_and(|status| holds.contains(&status)))?;
    Some(asked.min(MAX_HOLD))
}

/// Two entries for each queue, and no other.
fn check_keys(keys: &[String], violations: &mut Violations) {
    let is_known = |key: &&String| key.ends_with(".ticket") || key.ends_with(".base");
    if keys.len() > 2 || !keys.iter().all(|key| is_known(&key)) {
        violations.add("the store has two entries for each queue", || keys.join(", "));
    }
}

const MAX_SKEW: Duration = Duration::from_millis(50);

const MAX_HOLD: Duration = Duration::from_secs(3_600);

/// A turn may be granted 0.75 s before it begins, and the hold takes operations of the store.
const SLACK: Duration = Duration::from_millis(1_000);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, ms};
    use crate::instances_plan::Instance;

    /// The invariants that two instances violate: one that makes the call of a fixture, and one
    /// that makes these calls.
    fn violated(change: fn(&mut CallRecord), others: impl Fn(&CallRecord) -> Vec<CallRecord>) -> Vec<&'static str> {
        let Fixture { plan, mut call } = Fixture::new();
        let instances = vec![Instance { plan, skew: Duration::ZERO }; 2];
        let plan = InstancesPlan { instances, ..InstancesPlan::simultaneous(0, graph_model::Network::default(), 0) };
        let others = others(&call);
        change(&mut call);
        let keys = ["queue.ticket", "queue.base"].map(str::to_owned);
        let mut violations = Violations::default();
        check(&plan, &[vec![call], others], &keys, &mut violations);
        violations.0.into_iter().map(|violation| violation.invariant).collect()
    }

    /// The same call, later.
    fn later(call: &CallRecord, by: u64) -> Vec<CallRecord> {
        let mut call = call.clone();
        call.arrivals.iter_mut().for_each(|arrival| arrival.sent += ms(by));
        vec![call]
    }

    #[test]
    fn instances_that_take_turns_violate_nothing() {
        assert!(violated(|_| {}, |_| Vec::new()).is_empty());
    }

    #[test]
    fn each_violation_is_found() {
        let unknown = |call: &mut CallRecord| {
            call.result.as_mut().unwrap().batches[0].outcome = Outcome::Unknown;
        };
        assert!(violated(unknown, |_| Vec::new()).contains(&"a store that fails loses no id"));
        assert!(violated(|_| {}, |call| later(call, 500)).contains(&"together, the instances keep the limit"));
        let throttled = |call: &mut CallRecord| {
            call.arrivals[0].status = Some(StatusCode::TOO_MANY_REQUESTS);
            call.arrivals[0].retry_after = Some(ms(60_000));
        };
        assert!(violated(throttled, |call| later(call, 10_000)).contains(&"a hold reaches every instance"));
    }

    #[test]
    fn an_entry_that_belongs_to_no_queue_is_found() {
        let mut violations = Violations::default();
        check_keys(&["queue.ticket".to_owned(), "queue.base".to_owned()], &mut violations);
        assert!(violations.0.is_empty());
        check_keys(&["queue.other".to_owned()], &mut violations);
        assert_eq!(violations.0[0].invariant, "the store has two entries for each queue");
    }
}
