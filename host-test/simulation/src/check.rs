//! The invariants: what the contract guarantees about every run, checked from outside.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use graph_model::{Arrival, Limit};
use host_test::bindings::actions::{Batch, Error, Outcome};
use host_test::plugin::{Action, CANARY};
use http::StatusCode;

use crate::attempt::{Attempt, Verdict};
use crate::record::name;
use crate::trace::first;
use crate::{CallRecord, Plan};

/// An invariant that was violated.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The invariant.
    pub invariant: &'static str,
    /// How it was violated.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// Checks a whole run.
pub fn check(plan: &Plan, calls: &[CallRecord]) -> Vec<Violation> {
    let mut violations = Violations(Vec::new());
    for (index, call) in calls.iter().enumerate() {
        let result = match &call.result {
            Ok(result) => result,
            Err(why) => {
                violations.add("every call returns", || why.clone());
                continue;
            }
        };
        if format!("{result:?}").contains(CANARY) {
            violations.add("no output contains the token", || format!("call {index}"));
        }
        let batches = call.batches();
        let attempts = attempts(call);
        check_ids(call, &batches, &mut violations);
        check_deadline(call, &mut violations);
        check_in_flight(call, &attempts, &mut violations);
        check_throttling(call, &attempts, &mut violations);
        for batch in &batches {
            let attempts =
                attempts.iter().filter(|attempt| attempt.arrival.ids == batch.ids).copied().collect::<Vec<_>>();
            check_retries(call, batch, &attempts, &mut violations);
            check_outcome(call, batch, &attempts, &mut violations);
        }
        check_rate_limit(call, &calls[..index], &mut violations);
    }
    check_documented_limit(plan, calls, &mut violations);
    violations.0
}

struct Violations(Vec<Violation>);

impl Violations {
    fn add(&mut self, invariant: &'static str, detail: impl FnOnce() -> String) {
        self.0.push(Violation { invariant, detail: detail() });
    }
}

/// The attempts of a call, in the order they were sent.
fn attempts<'a>(call: &'a CallRecord) -> Vec<Attempt<'a>> {
    let mut numbers = BTreeMap::new();
    let attempt = |arrival: &'a Arrival| {
        let number = numbers.entry(&arrival.ids).and_modify(|number| *number += 1).or_insert(1);
        Attempt::new(call, arrival, *number)
    };
    call.arrivals.iter().map(attempt).collect()
}

/// Every id is reported exactly once, in the order given, in batches of the right size, and nothing else is sent.
fn check_ids(call: &CallRecord, batches: &[Batch], violations: &mut Violations) {
    let reported: Vec<&String> = batches.iter().flat_map(|batch| &batch.ids).collect();
    let given = call.call.distinct();
    if reported != given {
        violations.add("every id is reported exactly once, in the order given", || {
            format!("{} given, {} reported", given.len(), reported.len())
        });
    }
    let max = call.call.options.ids_per_request.unwrap_or(60) as usize;
    if let Some(batch) = batches.iter().find(|batch| batch.ids.is_empty() || batch.ids.len() > max) {
        violations.add("a batch contains at most ids-per-request ids", || {
            format!("{} ids, at most {max} allowed", batch.ids.len())
        });
    }
    if let Some(other) = call.arrivals.iter().find(|arrival| batches.iter().all(|batch| batch.ids != arrival.ids)) {
        violations
            .add("a request contains the ids of one batch", || format!("at {:?}: {}", other.at, first(&other.ids)));
    }
    let all_accepted = batches.iter().all(|batch| matches!(batch.outcome, Outcome::Accepted(_)));
    if all_accepted != call.cause().is_none() {
        violations.add("ok means every id was accepted", || format!("cause {:?}", call.cause()));
    }
}

fn check_deadline(call: &CallRecord, violations: &mut Violations) {
    let Some(deadline) = call.deadline() else { return };
    if call.ended > deadline + Duration::from_millis(1) {
        violations
            .add("the call returns by its deadline", || format!("ended at {:?}, deadline at {deadline:?}", call.ended));
    }
    if let Some(late) = call.arrivals.iter().find(|arrival| arrival.at >= deadline) {
        violations
            .add("nothing is sent after the deadline", || format!("sent at {:?}, deadline at {deadline:?}", late.at));
    }
}

fn check_in_flight(call: &CallRecord, attempts: &[Attempt<'_>], violations: &mut Violations) {
    let max = call.call.options.max_in_flight.unwrap_or(4) as usize;
    for (index, attempt) in attempts.iter().enumerate() {
        let open = attempts[..index].iter().filter(|earlier| earlier.ended > attempt.arrival.at).count() + 1;
        if open > max {
            violations.add("at most max-in-flight requests are open", || {
                format!("{open} open at {:?}, at most {max} allowed", attempt.arrival.at)
            });
            return;
        }
    }
}

/// After a 429 every batch waits, and nothing is sent after the end of the call.
fn check_throttling(call: &CallRecord, attempts: &[Attempt<'_>], violations: &mut Violations) {
    for throttled in attempts.iter().filter(|attempt| attempt.status() == Some(StatusCode::TOO_MANY_REQUESTS)) {
        let until = throttled.ended + throttled.wait();
        // A request may be sent in the same instant in which the response arrives.
        let sent = |arrival: &&Arrival| arrival.at > throttled.ended && arrival.at < until;
        if let Some(early) = call.arrivals.iter().find(sent) {
            violations.add("a 429 delays every batch", || format!("sent at {:?}, delayed until {until:?}", early.at));
        }
    }
    if let Some(end) = attempts.iter().filter(|attempt| attempt.ends_call(call)).map(|attempt| attempt.ended).min()
        && let Some(late) = call.arrivals.iter().find(|arrival| arrival.at > end)
    {
        violations.add("nothing is sent after an error that ends the call", || {
            format!("sent at {:?}, ended at {end:?}", late.at)
        });
    }
}

fn check_retries(call: &CallRecord, batch: &Batch, attempts: &[Attempt<'_>], violations: &mut Violations) {
    let max = call.call.options.max_attempts.unwrap_or(4);
    if attempts.len() > max as usize {
        violations.add("a batch has at most max-attempts attempts", || {
            format!("{} attempts, at most {max} allowed", attempts.len())
        });
    }
    if batch.attempts as usize != attempts.len() {
        violations
            .add("attempts are counted correctly", || format!("{} reported, {} seen", batch.attempts, attempts.len()));
    }
    for pair in attempts.windows(2) {
        let [first, second] = pair else { continue };
        let earliest = first.ended + first.wait();
        if second.arrival.at < earliest {
            violations.add("a retry waits long enough", || {
                format!("sent at {:?}, not before {earliest:?}", second.arrival.at)
            });
        }
        if !first.is_transient() {
            violations.add("only transient errors are retried", || first.arrival.to_string());
        }
    }
    let refused = attempts.iter().filter(|attempt| attempt.status() == Some(StatusCode::UNAUTHORIZED)).count();
    if refused > 2 {
        violations.add("a batch gets at most one fresh token", || format!("{refused} times 401"));
    }
    // Nothing ended the call early, and still the batch has fewer attempts than allowed.
    let gave_up = attempts.last().is_some_and(|last| {
        let long = last.arrival.retry_after.is_some_and(|wait| wait > Duration::from_secs(300));
        last.seen == Some(true)
            && last.is_transient()
            && last.status() != Some(StatusCode::UNAUTHORIZED)
            && !long
            && last.number < max
    });
    if gave_up && call.deadline().is_none() && !ended_early(call) {
        violations.add("transient errors are retried", || format!("after {} of {max} attempts", attempts.len()));
    }
}

/// Whether an error ended the call before every batch was finished.
fn ended_early(call: &CallRecord) -> bool {
    matches!(
        call.cause(),
        Some(
            Error::NoToken(_)
                | Error::DeniedByHost(_)
                | Error::Unauthenticated(_)
                | Error::Forbidden(_)
                | Error::Throttled(_)
                | Error::DeadlinePassed
        )
    )
}

fn check_outcome(call: &CallRecord, batch: &Batch, attempts: &[Attempt<'_>], violations: &mut Violations) {
    let applied = attempts.iter().any(|attempt| attempt.arrival.applied);
    let outcome = name(&batch.outcome);
    match &batch.outcome {
        Outcome::Accepted(_) if !applied => violations.add("accepted ids were applied", || first(&batch.ids).into()),
        Outcome::Refused(_) | Outcome::Unsent(_) if applied => {
            violations.add("refused and unsent ids were not applied", || format!("{outcome}: {}", first(&batch.ids)));
        }
        _ => {}
    }
    if let Outcome::Accepted(receipt) = &batch.outcome {
        let last = attempts.last().map(|last| (&last.arrival.client_request_id, last.arrival.status));
        if receipt.ids != batch.ids || last != Some((&receipt.client_request_id, Some(StatusCode::NO_CONTENT))) {
            violations.add("a receipt is from the accepted request", || {
                format!("{} on the receipt, last {last:?}", receipt.client_request_id)
            });
        }
    }
    if attempts.is_empty() && !ended_early(call) {
        violations.add("every batch is attempted", || format!("{outcome}: {:?}", batch.outcome));
    }
    // If one attempt cannot be judged from outside, neither can the outcome.
    let Some(verdicts) = attempts.iter().map(Attempt::verdict).collect::<Option<Vec<_>>>() else { return };
    let correct = match &batch.outcome {
        Outcome::Accepted(_) => verdicts.contains(&Verdict::Accepted),
        Outcome::Unknown(_) => verdicts.contains(&Verdict::MaybeApplied) && !verdicts.contains(&Verdict::Accepted),
        Outcome::Refused(_) => verdicts.last() == Some(&Verdict::Refused) && !verdicts.contains(&Verdict::MaybeApplied),
        Outcome::Unsent(_) => {
            [None, Some(&Verdict::Unsent)].contains(&verdicts.last()) && !verdicts.contains(&Verdict::MaybeApplied)
        }
    };
    if !correct {
        violations.add("an outcome follows from the attempts", || format!("{outcome} after {verdicts:?}"));
    }
}

/// The window is that of the call, and requests of earlier calls count.
fn check_rate_limit(call: &CallRecord, earlier: &[CallRecord], violations: &mut Violations) {
    let limit = call.call.rate_limit();
    let users = |call: &&CallRecord| call.call.action == Action::DismissRiskyUsers;
    let same = earlier.iter().filter(|other| users(other) == users(&call));
    let mut sent: Vec<Duration> = same.flat_map(|other| &other.arrivals).map(|arrival| arrival.at).collect();
    for arrival in &call.arrivals {
        sent.push(arrival.at);
        let window = Duration::from_millis(limit.window_ms.into());
        let within = sent.iter().rev().take_while(|at| **at + window > arrival.at).count();
        if within > limit.requests as usize {
            violations
                .add("the rate limit is kept", || format!("{within} in the window that ends at {:?}", arrival.at));
            return;
        }
    }
}

/// A client that keeps the documented limit is not throttled by it.
fn check_documented_limit(plan: &Plan, calls: &[CallRecord], violations: &mut Violations) {
    let documented = plan.graph.users == Limit::USERS && plan.graph.sign_ins == Limit::SIGN_INS;
    let default = calls.iter().all(|call| call.call.options.pace.is_none());
    let refused = |arrival: &&Arrival| arrival.fault.is_none() && arrival.status == Some(StatusCode::TOO_MANY_REQUESTS);
    if documented
        && default
        && let Some(refused) = calls.iter().flat_map(|call| &call.arrivals).find(refused)
    {
        violations.add("the documented rate limit causes no 429", || format!("429 at {:?}", refused.at));
    }
}
