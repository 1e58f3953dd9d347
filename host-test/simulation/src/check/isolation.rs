//! The ids at fault are found, and nothing else is refused, within a bound on the requests.

use std::collections::BTreeSet;

use graph_model::Naming;
use host_test::bindings::actions::Outcome;
use uuid::Uuid;

use super::{Attempts, Class, Violations};
use crate::Plan;

pub(super) fn check(plan: &Plan, attempts: &Attempts<'_>, violations: &mut Violations) {
    if !plan.is_calm() || !attempts.isolates() || attempts.call.is_abandoned {
        return;
    }
    // Nothing but the ids can fail a request, unless there was no time.
    if attempts.has(Class::Transient) || attempts.has(Class::Unclear) {
        return;
    }
    let call = attempts.call;
    let outcomes = call.batches().iter().flat_map(|batch| batch.ids.iter().map(|_| batch.outcome));
    let refused: BTreeSet<usize> =
        outcomes.enumerate().filter(|(_, outcome)| *outcome == Outcome::Refused).map(|(id, _)| id).collect();
    let absent = |id: &String| id.parse::<Uuid>().is_ok_and(|id| plan.graph.absent.contains(&id));
    let ids = call.call.distinct();
    let bad: BTreeSet<usize> = ids.iter().enumerate().filter(|(_, id)| absent(id)).map(|(at, _)| at).collect();
    let is_finished = !attempts.is_unfinished();
    if !refused.is_subset(&bad) || (is_finished && refused != bad) {
        violations.add("exactly the bad ids are refused", || format!("{refused:?} of {bad:?}"));
    }
    if !is_finished {
        return;
    }
    let requests = attempts.all.iter().filter(|attempt| attempt.class != Class::Throttled).count() as f64;
    let group = f64::from(call.call.options.ids_per_request.unwrap_or(60));
    let mut bound = bound(ids.len(), bad.len(), group);
    if plan.graph.naming != Naming::None {
        // A name leads to one bad id at a time, each with a request for the others. One that is wrong costs a few requests.
        bound = bound.max(1.25 * (ids.len() as f64 / group + 2.0 * bad.len() as f64) + SLACK);
    }
    if requests > bound {
        violations.add("isolation needs few requests", || {
            format!("{requests} for {} bad of {}, bound {bound:.0}", bad.len(), ids.len())
        });
    }
}

/// The bound on requests for `bad` of `ids` ids in groups of at most `group`: a quarter above the
/// lower bound, and some.
fn bound(ids: usize, bad: usize, group: f64) -> f64 {
    let (n, k) = (ids as f64, bad as f64);
    let share = (k / n).min(0.5);
    let entropy = if bad == 0 { 0.0 } else { -share * share.log2() - (1.0 - share) * (1.0 - share).log2() };
    // A bad id in a small group needs the group, half of it, and often the other half: it must be
    // refused alone.
    let small_groups = n / group + 1.75 * k.min(n / group);
    1.25 * (n * entropy).max(k).max(small_groups) + SLACK
}

/// Requests above the bound that unlucky positions may need.
const SLACK: f64 = 15.0;
