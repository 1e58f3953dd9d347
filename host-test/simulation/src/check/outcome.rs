//! The outcome of every id follows from the requests that carried it.

use host_test::bindings::actions::{Batch, Error, Outcome};

use super::history::{History, Sent};
use super::{Class, Violations};
use crate::attempt::Verdict;
use crate::record::{error, name};
use crate::trace::first;

pub(super) fn check(history: &History<'_>, violations: &mut Violations) {
    let mut id = 0;
    for batch in history.call.batches() {
        let mut last = None;
        for position in id..id + batch.ids.len() {
            let numbers = &history.by_id[position];
            if numbers.len() != batch.attempts as usize {
                violations.add("attempts are counted for each id", || {
                    format!("{} reported, {} seen: {}", batch.attempts, numbers.len(), first(&batch.ids))
                });
                return;
            }
            if *last.get_or_insert(numbers.last()) != numbers.last() {
                violations.add("a batch ended in one request", || first(&batch.ids).into());
            }
            check_id(history, batch, numbers, violations);
        }
        check_error(history, id, batch, violations);
        id += batch.ids.len();
    }
}

fn check_id(history: &History<'_>, batch: &Batch, numbers: &[usize], violations: &mut Violations) {
    let attempts: Vec<&Sent<'_>> = numbers.iter().map(|number| &history.attempts[*number]).collect();
    let outcome = name(&batch.outcome);
    let applied = attempts.iter().any(|sent| sent.attempt.arrival.applied);
    match &batch.outcome {
        Outcome::Accepted(_) if !applied => violations.add("accepted ids were applied", || first(&batch.ids).into()),
        Outcome::Refused(_) | Outcome::NotApplied(_) if applied => {
            violations
                .add("refused and not applied ids were not applied", || format!("{outcome}: {}", first(&batch.ids)));
        }
        _ => {}
    }
    if let Outcome::Refused(_) = batch.outcome
        && history.isolates()
        && attempts.last().is_none_or(|sent| sent.ids.len() != 1)
    {
        violations.add("an id is refused alone", || first(&batch.ids).into());
    }
    // If one attempt cannot be judged from outside, neither can the outcome.
    let Some(verdicts) = attempts.iter().map(|sent| sent.attempt.verdict()).collect::<Option<Vec<_>>>() else { return };
    let is_alone = !history.isolates() || attempts.last().is_some_and(|sent| sent.ids.len() == 1);
    let expected = match verdicts.last() {
        Some(Verdict::Accepted) => "accepted",
        _ if verdicts.contains(&Verdict::MaybeApplied) => "unknown",
        Some(Verdict::Refused) if is_alone => "refused",
        _ => "not-applied",
    };
    if outcome != expected {
        violations.add("an outcome follows from the attempts", || format!("{outcome} after {verdicts:?}"));
    }
}

/// The error of a batch is that of its last request.
fn check_error(history: &History<'_>, id: usize, batch: &Batch, violations: &mut Violations) {
    let last = history.last(id).map(|sent| &sent.attempt);
    let expected_id = last.map(|last| last.arrival.client_request_id.as_str());
    let is_right = match (&batch.outcome, last) {
        (Outcome::Accepted(receipt), Some(last)) => {
            Some(receipt.client_request_id.as_str()) == expected_id
                && (receipt.request_id.is_some(), receipt.date.is_some()) == (true, true)
                && matches!(last.class, Class::Accepted | Class::Unclear)
        }
        (outcome, None) => matches!(error(outcome), Some(Error::NotAttempted)),
        (outcome, Some(last)) => {
            let error = error(outcome);
            let own = error.and_then(Error::graph_error).map(|error| error.client_request_id.as_str());
            let case = error.map(Error::case);
            (own.is_none() || own == expected_id)
                && (last.error_case().is_none() || last.error_case() == case)
                && own.is_some() == (last.status().is_some() || (last.seen.is_none() && own.is_some()))
        }
    };
    if !is_right {
        violations.add("a batch reports its last request", || {
            format!("{:?}, last {}", batch.outcome, last.map_or("none".into(), |last| last.arrival.to_string()))
        });
    }
}
