//! Exactly the ids at fault are refused, where nothing else can fail a request.

use std::collections::BTreeSet;

use host_test::bindings::actions::Outcome;
use uuid::Uuid;

use crate::plan::Plan;
use crate::record::CallRecord;
use crate::violation::Violations;

pub(crate) fn check(plan: &Plan, call: &CallRecord, violations: &mut Violations) {
    // Without it, good ids are refused together with the bad ones of their batch.
    let isolates = call.call.options.isolate_refused.unwrap_or(true);
    if !plan.is_calm() || !isolates {
        return;
    }
    let with = |wanted: Outcome| -> BTreeSet<Uuid> {
        let batches = call.batches().iter().filter(|batch| batch.outcome == wanted);
        batches.flat_map(|batch| &batch.ids).filter_map(|id| id.parse().ok()).collect()
    };
    let absent = &plan.graph.absent;
    let (refused, accepted) = (with(Outcome::Refused), with(Outcome::Accepted));
    if let Some(wrong) = refused.difference(absent).chain(accepted.intersection(absent)).next() {
        violations.add("exactly the bad ids are refused", || wrong.to_string());
    }
}
