//! The outcome of every id follows from the requests that carried it.

use std::collections::HashMap;

use host_test::bindings::actions::{Batch, Outcome};

use crate::attempt::{Attempt, Disposition, Verdict};
use crate::attempts::Attempts;
use crate::record::first;
use crate::violation::Violations;

pub(crate) fn check(attempts: &Attempts<'_>, violations: &mut Violations) {
    let ids = attempts.call.call.distinct();
    let positions: HashMap<&String, usize> = ids.into_iter().enumerate().map(|(at, id)| (id, at)).collect();
    for batch in attempts.call.batches() {
        let mut last = None;
        for position in batch.ids.iter().filter_map(|id| positions.get(id)) {
            let numbers = &attempts.by_id[*position];
            if numbers.len() != batch.attempts as usize {
                violations.add("attempts are counted for each id", || {
                    format!("{} reported, {} seen: {}", batch.attempts, numbers.len(), first(&batch.ids))
                });
                return;
            }
            if *last.get_or_insert(numbers.last()) != numbers.last() {
                violations.add("a batch ended in one request", || first(&batch.ids).into());
            }
            check_id(attempts, batch, numbers, violations);
        }
        if let Some(first) = batch.ids.first().and_then(|id| positions.get(id)) {
            check_error(attempts, *first, batch, violations);
        }
    }
}

fn check_id(all: &Attempts<'_>, batch: &Batch, numbers: &[usize], violations: &mut Violations) {
    let attempts: Vec<&Attempt<'_>> = numbers.iter().map(|number| &all.all[*number]).collect();
    let outcome = batch.outcome;
    let detail = || format!("{}: {}", outcome.name(), first(&batch.ids));
    let applied = attempts.iter().any(|attempt| attempt.arrival.applied);
    match outcome {
        Outcome::Accepted if !applied => violations.add("accepted ids were applied", detail),
        Outcome::Refused | Outcome::NotApplied if applied => {
            violations.add("refused and not applied ids were not applied", detail);
        }
        _ => {}
    }
    let is_alone = !all.isolates() || attempts.last().is_some_and(|last| last.ids.len() == 1);
    let is_refusal =
        attempts.last().is_some_and(|last| matches!(last.disposition, Disposition::Refused | Disposition::Unclear));
    if outcome == Outcome::Refused && !(is_alone && is_refusal) {
        violations.add("an id is refused alone", detail);
    }
    // If one attempt cannot be judged from outside, neither can the outcome.
    let Some(verdicts) = attempts.iter().map(|attempt| attempt.verdict()).collect::<Option<Vec<_>>>() else { return };
    let expected = match verdicts.last() {
        Some(Verdict::Accepted) => Outcome::Accepted,
        _ if verdicts.contains(&Verdict::MaybeApplied) => Outcome::Unknown,
        Some(Verdict::Refused) if is_alone => Outcome::Refused,
        _ => Outcome::NotApplied,
    };
    if outcome != expected {
        violations.add("an outcome follows from the attempts", || format!("{} after {verdicts:?}", detail()));
    }
}

/// The receipt or the error of a batch is that of its last request.
fn check_error(attempts: &Attempts<'_>, id: usize, batch: &Batch, violations: &mut Violations) {
    let (error, last) = (batch.error.as_ref(), attempts.last(id));
    let own = error.and_then(|error| error.response.as_ref()).map(|response| &response.client_request_id);
    let is_right = match (&batch.receipt, last) {
        _ if batch.receipt.is_some() != (batch.outcome == Outcome::Accepted) => false,
        _ if batch.receipt.is_some() == error.is_some() => false,
        (Some(receipt), Some(last)) => {
            receipt.client_request_id == last.arrival.client_request_id
                && (receipt.request_id.is_some(), receipt.date.is_some()) == (true, true)
                && matches!(last.disposition, Disposition::Accepted | Disposition::Unclear)
        }
        (_, None) => error.is_some_and(|error| error.case() == "not-attempted"),
        (None, Some(last)) => {
            (own.is_none() || own == Some(&last.arrival.client_request_id))
                && (last.error_kind().is_none() || last.error_kind() == error.map(|error| error.case()))
                && (last.seen.is_none() || own.is_some() == last.status().is_some())
        }
    };
    if !is_right {
        violations.add("a batch reports its last request", || {
            format!("{batch:?}, last {}", last.map_or("none".into(), |last| last.arrival.to_string()))
        });
    }
}
