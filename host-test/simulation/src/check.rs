//! The invariants: what the contract guarantees about every run, as far as it can be judged from
//! outside. What the engine decides in between, such as how it finds the bad ids, when it probes
//! and how long it waits, is checked in `engine/tests`, and nowhere else.

mod attempts;
mod end;
mod events;
#[cfg(test)]
mod fixture;
mod ids;
mod instances;
mod lists;
#[cfg(test)]
mod lists_tests;
mod next;
mod outcome;
mod rate;
mod refused;
#[cfg(test)]
mod tests;
mod text;
mod token;

use crate::attempts::Attempts;
use crate::instances_plan::InstancesPlan;
use crate::list_plan::ListPlan;
use crate::list_run::ListRecord;
use crate::plan::Plan;
use crate::record::CallRecord;
use crate::violation::{Violation, Violations};

/// Checks a whole run.
pub(crate) fn check(plan: &Plan, calls: &[CallRecord]) -> Vec<Violation> {
    let mut violations = Violations::default();
    let mut all: Vec<Attempts<'_>> = Vec::new();
    for call in calls {
        if let Err(why) = &call.result {
            violations.add("every call returns", || why.clone());
            break;
        }
        text::check(call, &mut violations);
        events::check(call, &mut violations);
        if !ids::check(call, &mut violations) {
            break;
        }
        let attempts = Attempts::new(call, calls);
        let is_shared = calls.iter().filter(|other| other.shares_limit(call)).count() > 1;
        next::check(&attempts, is_shared, &mut violations);
        outcome::check(&attempts, &mut violations);
        attempts::check(&attempts, &mut violations);
        end::check(&attempts, &mut violations);
        token::check(&attempts, &mut violations);
        refused::check(plan, call, &mut violations);
        all.push(attempts);
    }
    rate::check(&all, &mut violations);
    rate::check_documented_limit(plan, calls, &mut violations);
    violations.0
}

/// Checks that the four functions do what calls do that are driven without a pause.
pub(crate) fn check_same(functions: &[CallRecord], calls: &[CallRecord]) -> Vec<Violation> {
    let mut violations = Violations::default();
    for (function, call) in functions.iter().zip(calls) {
        let did = |record: &CallRecord| (record.started, record.ended, record.arrivals.len(), record.result.clone());
        if did(function) != did(call) {
            violations.add("a function does what a call does", || format!("{function}\nas a call:\n{call}"));
        }
    }
    violations.0
}

/// Checks a whole run of the reader.
pub(crate) fn check_lists(plan: &ListPlan, lists: &[ListRecord]) -> Vec<Violation> {
    let mut violations = Violations::default();
    lists::check(plan, lists, &mut violations);
    violations.0
}

/// Checks a whole run of many instances: each by itself, and all together.
pub(crate) fn check_instances(plan: &InstancesPlan, calls: &[Vec<CallRecord>], keys: &[String]) -> Vec<Violation> {
    let each = plan.instances.iter().zip(calls);
    let mut violations = Violations(each.flat_map(|(instance, calls)| check(&instance.plan, calls)).collect());
    instances::check(plan, calls, keys, &mut violations);
    violations.0
}
