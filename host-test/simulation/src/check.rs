//! The invariants: what the contract guarantees about every run, checked from outside.

mod circuit;
mod crowd;
mod end;
mod history;
mod ids;
mod isolation;
mod outcome;
mod patience;
mod rate;
mod retry;
mod text;
mod token;
mod wait;

use std::fmt;
use std::time::Duration;

use crate::attempt::{Attempt, Class, FirstAcceptance};
use crate::{CallRecord, CrowdRun, Plan};

use history::History;

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
    let mut histories: Vec<History<'_>> = Vec::new();
    let mut acceptance = FirstAcceptance::default();
    for call in calls {
        if let Err(why) = &call.result {
            violations.add("every call returns", || why.clone());
            break;
        }
        text::check(call, &mut violations);
        if !ids::check(call, &mut violations) {
            break;
        }
        let history = History::new(plan, call, acceptance, &histories);
        acceptance = history.acceptance;
        outcome::check(&history, &mut violations);
        retry::check(&history, &mut violations);
        circuit::check(&history, &mut violations);
        patience::check(&history, &mut violations);
        end::check(&history, &mut violations);
        token::check(&history, &mut violations);
        rate::check(&history, &histories, &mut violations);
        wait::check(&history, &histories, &mut violations);
        isolation::check(plan, &history, &mut violations);
        histories.push(history);
    }
    rate::check_documented_limit(plan, calls, &mut violations);
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

/// The response to a `Retry-After` is noticed within this time, and so are timers.
const MILLISECOND: Duration = Duration::from_millis(1);
