//! What must hold after every run, whatever happened in it: the contract, looked at from outside.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::account::{Account, name};
use super::attempt::{Attempt, Verdict};
use super::trace::first;
use crate::bindings::actions::{Batch, Error, Outcome};
use crate::graph::{Arrival, Limit};
use crate::plugin::{Action, CANARY};
use crate::simulation::Plan;

/// A promise that was not kept.
#[derive(Debug, Clone)]
pub struct Violation {
    /// The promise, in a few words.
    pub rule: &'static str,
    /// How it was broken.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

/// Checks a whole run.
pub fn check(plan: &Plan, accounts: &[Account]) -> Vec<Violation> {
    let mut found = Found(Vec::new());
    for (nth, account) in accounts.iter().enumerate() {
        let said = match &account.said {
            Ok(said) => said,
            Err(why) => {
                found.add("every call returns", || why.clone());
                continue;
            }
        };
        if format!("{said:?}").contains(CANARY) {
            found.add("no token shows", || format!("call {nth}"));
        }
        let batches = account.batches();
        let attempts = attempts(account);
        check_ids(account, &batches, &mut found);
        check_deadline(account, &mut found);
        check_flights(account, &attempts, &mut found);
        check_hold(account, &attempts, &mut found);
        for batch in &batches {
            let attempts =
                attempts.iter().filter(|attempt| attempt.arrival.ids == batch.ids).copied().collect::<Vec<_>>();
            check_retries(account, batch, &attempts, &mut found);
            check_outcome(account, batch, &attempts, &mut found);
        }
        check_pace(account, &accounts[..nth], &mut found);
    }
    check_limit(plan, accounts, &mut found);
    found.0
}

struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, rule: &'static str, detail: impl FnOnce() -> String) {
        self.0.push(Violation { rule, detail: detail() });
    }
}

/// The attempts of a call, in the order they were sent.
fn attempts<'a>(account: &'a Account) -> Vec<Attempt<'a>> {
    let mut numbers = BTreeMap::new();
    let attempt = |arrival: &'a Arrival| {
        let number = numbers.entry(&arrival.ids).and_modify(|number| *number += 1).or_insert(1);
        Attempt::new(account, arrival, *number)
    };
    account.arrivals.iter().map(attempt).collect()
}

/// Every id exactly once, in the order given, in batches of the right size; and nothing else was sent.
fn check_ids(account: &Account, batches: &[Batch], found: &mut Found) {
    let told: Vec<&String> = batches.iter().flat_map(|batch| &batch.ids).collect();
    let given = account.call.distinct();
    if told != given {
        found.add("every id exactly once, in the order given", || {
            format!("{} given, {} told of", given.len(), told.len())
        });
    }
    let most = account.call.options.ids_per_request.unwrap_or(60) as usize;
    if let Some(batch) = batches.iter().find(|batch| batch.ids.is_empty() || batch.ids.len() > most) {
        found.add("batches have the size asked for", || format!("{} ids, {most} asked for", batch.ids.len()));
    }
    if let Some(stranger) = account.arrivals.iter().find(|arrival| batches.iter().all(|batch| batch.ids != arrival.ids))
    {
        found.add("a request holds the ids of a batch", || format!("at {:?}: {}", stranger.at, first(&stranger.ids)));
    }
    let whole = batches.iter().all(|batch| matches!(batch.outcome, Outcome::Accepted(_)));
    if whole != account.cause().is_none() {
        found.add("ok means every id was accepted", || format!("cause {:?}", account.cause()));
    }
}

fn check_deadline(account: &Account, found: &mut Found) {
    let Some(deadline) = account.deadline() else { return };
    if account.ended > deadline + Duration::from_millis(1) {
        found.add("the deadline holds", || format!("ended at {:?}, deadline at {deadline:?}", account.ended));
    }
    if let Some(late) = account.arrivals.iter().find(|arrival| arrival.at >= deadline) {
        found.add("nothing is sent after the deadline", || format!("sent at {:?}, deadline at {deadline:?}", late.at));
    }
}

fn check_flights(account: &Account, attempts: &[Attempt<'_>], found: &mut Found) {
    let most = account.call.options.max_in_flight.unwrap_or(4) as usize;
    for (nth, attempt) in attempts.iter().enumerate() {
        let open = attempts[..nth].iter().filter(|earlier| earlier.over > attempt.arrival.at).count() + 1;
        if open > most {
            found.add("at most max-in-flight open", || {
                format!("{open} open at {:?}, {most} allowed", attempt.arrival.at)
            });
            return;
        }
    }
}

/// After a 429 all wait, and after the end of the call nothing comes.
fn check_hold(account: &Account, attempts: &[Attempt<'_>], found: &mut Found) {
    for held in attempts.iter().filter(|attempt| attempt.status() == Some(StatusCode::TOO_MANY_REQUESTS)) {
        let until = held.over + held.wait();
        // At the very moment of the answer the next request may be out already.
        let sent = |arrival: &&Arrival| arrival.at > held.over && arrival.at < until;
        if let Some(early) = account.arrivals.iter().find(sent) {
            found.add("a 429 holds back every batch", || format!("sent at {:?}, held until {until:?}", early.at));
        }
    }
    if let Some(end) = attempts.iter().filter(|attempt| attempt.ends_call(account)).map(|attempt| attempt.over).min()
        && let Some(late) = account.arrivals.iter().find(|arrival| arrival.at > end)
    {
        found.add("nothing is sent after what ends the call", || format!("sent at {:?}, ended at {end:?}", late.at));
    }
}

fn check_retries(account: &Account, batch: &Batch, attempts: &[Attempt<'_>], found: &mut Found) {
    let most = account.call.options.max_attempts.unwrap_or(4);
    if attempts.len() > most as usize {
        found.add("no more than max-attempts a batch", || format!("{} attempts, {most} allowed", attempts.len()));
    }
    if batch.attempts as usize != attempts.len() {
        found.add("attempts are counted right", || format!("{} told of, {} seen", batch.attempts, attempts.len()));
    }
    for pair in attempts.windows(2) {
        let [first, second] = pair else { continue };
        let earliest = first.over + first.wait();
        if second.arrival.at < earliest {
            found.add("a retry waits", || format!("sent at {:?}, not before {earliest:?}", second.arrival.at));
        }
        if !first.may_be_retried() {
            found.add("only what may pass is retried", || first.arrival.to_string());
        }
    }
    let refused = attempts.iter().filter(|attempt| attempt.status() == Some(StatusCode::UNAUTHORIZED)).count();
    if refused > 2 {
        found.add("one fresh token a batch", || format!("{refused} times 401"));
    }
    // Nothing cut the call short, and still the batch was not tried as often as it might.
    let hasty = attempts.last().is_some_and(|last| {
        let long = last.arrival.retry_after.is_some_and(|wait| wait > Duration::from_secs(300));
        last.seen == Some(true)
            && last.may_be_retried()
            && last.status() != Some(StatusCode::UNAUTHORIZED)
            && !long
            && last.number < most
    });
    if hasty && account.deadline().is_none() && !ended(account) {
        found.add("what may pass is retried", || format!("after {} of {most} attempts", attempts.len()));
    }
}

/// Whether something ended the call before every batch was through.
fn ended(account: &Account) -> bool {
    matches!(
        account.cause(),
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

fn check_outcome(account: &Account, batch: &Batch, attempts: &[Attempt<'_>], found: &mut Found) {
    let applied = attempts.iter().any(|attempt| attempt.arrival.applied);
    let told = name(&batch.outcome);
    match &batch.outcome {
        Outcome::Accepted(_) if !applied => found.add("accepted ids were applied", || first(&batch.ids).into()),
        Outcome::Refused(_) | Outcome::Unsent(_) if applied => {
            found.add("refused and unsent ids were not applied", || format!("{told}: {}", first(&batch.ids)));
        }
        _ => {}
    }
    if let Outcome::Accepted(receipt) = &batch.outcome {
        let last = attempts.last().map(|last| (&last.arrival.client_request_id, last.arrival.status));
        if receipt.ids != batch.ids || last != Some((&receipt.client_request_id, Some(StatusCode::NO_CONTENT))) {
            found.add("a receipt is that of the accepted request", || {
                format!("{} on the receipt, last {last:?}", receipt.client_request_id)
            });
        }
    }
    if attempts.is_empty() && !ended(account) {
        found.add("every batch is tried", || format!("{told}: {:?}", batch.outcome));
    }
    // What an attempt says that cannot be told from outside leaves all open.
    let Some(verdicts) = attempts.iter().map(Attempt::verdict).collect::<Option<Vec<_>>>() else { return };
    let right = match &batch.outcome {
        Outcome::Accepted(_) => verdicts.contains(&Verdict::Accepted),
        Outcome::Unknown(_) => verdicts.contains(&Verdict::Open) && !verdicts.contains(&Verdict::Accepted),
        Outcome::Refused(_) => verdicts.last() == Some(&Verdict::Refused) && !verdicts.contains(&Verdict::Open),
        Outcome::Unsent(_) => {
            [None, Some(&Verdict::Unsent)].contains(&verdicts.last()) && !verdicts.contains(&Verdict::Open)
        }
    };
    if !right {
        found.add("an outcome is what the attempts say", || format!("{told} after {verdicts:?}"));
    }
}

/// The window is that of the call, and what earlier calls sent counts.
fn check_pace(account: &Account, earlier: &[Account], found: &mut Found) {
    let pace = account.call.pace();
    let users = |account: &&Account| account.call.action == Action::DismissRiskyUsers;
    let same = earlier.iter().filter(|other| users(other) == users(&account));
    let mut sent: Vec<Duration> = same.flat_map(|other| &other.arrivals).map(|arrival| arrival.at).collect();
    for arrival in &account.arrivals {
        sent.push(arrival.at);
        let window = Duration::from_millis(pace.window_ms.into());
        let within = sent.iter().rev().take_while(|at| **at + window > arrival.at).count();
        if within > pace.requests as usize {
            found.add("the pace is kept", || format!("{within} in the window that ends at {:?}", arrival.at));
            return;
        }
    }
}

/// Who keeps the documented limit is not refused by it.
fn check_limit(plan: &Plan, accounts: &[Account], found: &mut Found) {
    let documented = plan.graph.users == Limit::USERS && plan.graph.sign_ins == Limit::SIGN_INS;
    let default = accounts.iter().all(|account| account.call.options.pace.is_none());
    let refused = |arrival: &&Arrival| arrival.fault.is_none() && arrival.status == Some(StatusCode::TOO_MANY_REQUESTS);
    if documented
        && default
        && let Some(refused) = accounts.iter().flat_map(|account| &account.arrivals).find(refused)
    {
        found.add("the documented limit is never met", || format!("429 at {:?}", refused.at));
    }
}
