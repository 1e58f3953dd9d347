//! Every id is reported exactly once, and requests contain ids of the call within its limits.

use std::collections::BTreeSet;

use host_test::bindings::actions::Outcome;

use crate::record::CallRecord;
use crate::violation::Violations;

/// Returns whether the report is complete enough for the other checks.
pub(crate) fn check(call: &CallRecord, violations: &mut Violations) -> bool {
    let batches = call.batches();
    let reported: Vec<&String> = batches.iter().flat_map(|batch| &batch.ids).collect();
    let given = call.call.distinct();
    let is_complete = match call.is_abandoned {
        false => reported == given,
        true => given.iter().filter(|id| reported.contains(id)).eq(&reported),
    };
    if !is_complete {
        violations.add("every id is reported exactly once, in the order given", || {
            format!("{} given, {} reported", given.len(), reported.len())
        });
    }
    let all_accepted = batches.iter().all(|batch| batch.outcome == Outcome::Accepted);
    if all_accepted != call.cause().is_none() && !call.is_abandoned {
        violations.add("no cause means every id was accepted", || format!("cause {:?}", call.cause()));
    }
    let known: BTreeSet<&String> = given.into_iter().collect();
    let max = call.call.options.ids_per_request.unwrap_or(60) as usize;
    for arrival in &call.arrivals {
        let count = arrival.ids.len();
        if count == 0 || count > max {
            violations
                .add("a request carries at most ids-per-request ids", || format!("{count}, at most {max} allowed"));
        }
        let distinct: BTreeSet<&String> = arrival.ids.iter().collect();
        if distinct.len() < count || !distinct.is_subset(&known) {
            violations.add("a request carries ids of the call, each once", || arrival.to_string());
        }
    }
    is_complete
}
