//! The ids at fault are found, and nothing else is refused, within a bound on the requests.

use std::collections::BTreeSet;

use host_test::bindings::actions::Outcome;

use super::history::{History, What};
use super::{Class, Violations};
use crate::Plan;

pub(super) fn check(plan: &Plan, history: &History<'_>, violations: &mut Violations) {
    if !plan.is_calm() || !history.isolates() {
        return;
    }
    // Nothing but the ids can fail a request, unless there was no time.
    let is_disturbed = |what: What| matches!(what, What::Attempt { class: Class::Transient | Class::Unclear, .. });
    if history.events.iter().any(|event| is_disturbed(event.what)) {
        return;
    }
    let outcomes = history.call.batches().iter().flat_map(|batch| batch.ids.iter().map(|_| &batch.outcome));
    let refused: BTreeSet<usize> =
        outcomes.enumerate().filter(|(_, outcome)| matches!(outcome, Outcome::Refused(_))).map(|(id, _)| id).collect();
    let is_finished = !history.is_unfinished();
    if !refused.is_subset(&history.bad) || (is_finished && refused != history.bad) {
        violations.add("exactly the bad ids are refused", || format!("{refused:?} of {:?}", history.bad));
    }
    if !is_finished {
        return;
    }
    let requests = history.attempts.iter().filter(|sent| sent.attempt.class != Class::Throttled).count() as f64;
    let bound = bound(history.by_id.len(), history.bad.len(), largest_group(history));
    if requests > bound {
        violations.add("isolation needs few requests", || {
            format!("{requests} for {} bad of {}, bound {bound:.0}", history.bad.len(), history.by_id.len())
        });
    }
}

fn largest_group(history: &History<'_>) -> f64 {
    f64::from(history.call.call.options.ids_per_request.unwrap_or(60))
}

/// The bound on requests for `bad` of `ids` ids in groups of at most `group`: a quarter above the lower bound, and some.
fn bound(ids: usize, bad: usize, group: f64) -> f64 {
    let (n, k) = (ids as f64, bad as f64);
    let share = (k / n).min(0.5);
    let entropy = if bad == 0 { 0.0 } else { -share * share.log2() - (1.0 - share) * (1.0 - share).log2() };
    // A bad id in a small group needs the group, half of it, and often the other half: it must be refused alone.
    let small_groups = n / group + 1.75 * k.min(n / group);
    1.25 * (n * entropy).max(k).max(small_groups) + SLACK
}

/// Requests above the bound that unlucky positions may need.
const SLACK: f64 = 15.0;
