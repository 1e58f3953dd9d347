//! The outcome of every id follows from the requests that carried it.

use host_test::bindings::actions::Batch;

use super::{Attempt, Attempts, Class, Violations};
use crate::attempt::Verdict;
use crate::record::{error, kind, name, receipt, response};
use crate::trace::first;

pub(super) fn check(attempts: &Attempts<'_>, violations: &mut Violations) {
    let mut id = 0;
    for batch in attempts.call.batches() {
        let mut last = None;
        for position in id..id + batch.ids.len() {
            let numbers = &attempts.by_id[position];
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
        check_error(attempts, id, batch, violations);
        id += batch.ids.len();
    }
}

fn check_id(all: &Attempts<'_>, batch: &Batch, numbers: &[usize], violations: &mut Violations) {
    let attempts: Vec<&Attempt<'_>> = numbers.iter().map(|number| &all.all[*number]).collect();
    let outcome = name(batch);
    let applied = attempts.iter().any(|attempt| attempt.arrival.applied);
    match outcome {
        "accepted" if !applied => violations.add("accepted ids were applied", || first(&batch.ids).into()),
        "refused" | "not-applied" if applied => {
            violations
                .add("refused and not applied ids were not applied", || format!("{outcome}: {}", first(&batch.ids)));
        }
        _ => {}
    }
    let is_alone = !all.isolates() || attempts.last().is_some_and(|last| last.ids.len() == 1);
    if outcome == "refused" && !is_alone {
        violations.add("an id is refused alone", || first(&batch.ids).into());
    }
    // If one attempt cannot be judged from outside, neither can the outcome.
    let Some(verdicts) = attempts.iter().map(|attempt| attempt.verdict()).collect::<Option<Vec<_>>>() else { return };
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

/// The receipt or the error of a batch is that of its last request.
fn check_error(attempts: &Attempts<'_>, id: usize, batch: &Batch, violations: &mut Violations) {
    let error = error(batch);
    let own = error.and_then(response).map(|response| response.client_request_id.as_str());
    let is_right = match (receipt(batch), attempts.last(id)) {
        (Some(receipt), Some(last)) => {
            receipt.client_request_id == last.arrival.client_request_id
                && (receipt.request_id.is_some(), receipt.date.is_some()) == (true, true)
                && matches!(last.class, Class::Accepted | Class::Unclear)
        }
        (_, None) => error.map(kind) == Some("not-attempted"),
        (None, Some(last)) => {
            (own.is_none() || own == Some(&last.arrival.client_request_id))
                && (last.error_kind().is_none() || last.error_kind() == error.map(kind))
                && (last.seen.is_none() || own.is_some() == last.status().is_some())
        }
    };
    if !is_right {
        violations.add("a batch reports its last request", || {
            let last = attempts.last(id).map_or("none".into(), |last| last.arrival.to_string());
            format!("{batch:?}, last {last}")
        });
    }
}
