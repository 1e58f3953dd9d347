//! The invariants: what the contract guarantees about every run, as far as it can be judged from
//! outside. What the engine decides in between, such as when it probes and how long it waits, is
//! checked exactly in `engine/tests/sequences`.

mod attempts;
mod crowd;
mod end;
mod events;
mod ids;
mod isolation;
mod next;
mod outcome;
mod rate;
mod text;
mod token;

use std::fmt;
use std::time::Duration;

use crate::attempt::{Attempt, Attempts, Class, MARGIN};
use crate::{CallRecord, CrowdRun, Plan};

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
        end::check(&attempts, is_shared, &mut violations);
        token::check(&attempts, &mut violations);
        isolation::check(plan, &attempts, &mut violations);
        all.push(attempts);
    }
    rate::check(&all, &mut violations);
    rate::check_documented_limit(plan, calls, &mut violations);
    violations.0
}

/// Checks that the four functions do what calls do that are driven without a pause.
pub(crate) fn check_same(functions: &[CallRecord], calls: &[CallRecord]) -> Vec<Violation> {
    let mut violations = Violations(Vec::new());
    for (function, call) in functions.iter().zip(calls) {
        let did = |record: &CallRecord| (record.started, record.ended, record.arrivals.len(), record.result.clone());
        if did(function) != did(call) {
            violations.add("a function does what a call does", || format!("{function}\nas a call:\n{call}"));
        }
    }
    violations.0
}

/// Checks a whole run of many instances: each by itself, and all together.
pub(crate) fn check_crowd(run: &CrowdRun) -> Vec<Violation> {
    let each = run.plan.instances.iter().zip(&run.calls);
    let mut violations = Violations(each.flat_map(|(instance, calls)| check(&instance.plan, calls)).collect());
    crowd::check(run, &mut violations);
    violations.0
}

/// The violations found so far.
struct Violations(Vec<Violation>);

impl Violations {
    fn add(&mut self, invariant: &'static str, detail: impl FnOnce() -> String) {
        self.0.push(Violation { invariant, detail: detail() });
    }
}

/// When a call ends other than by its deadline, requests in flight have this long.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
