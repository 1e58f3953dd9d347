//! An invariant that a run violated.

use std::fmt;

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

/// The violations found so far.
#[derive(Default)]
pub(crate) struct Violations(pub(crate) Vec<Violation>);

impl Violations {
    pub(crate) fn add(&mut self, invariant: &'static str, detail: impl FnOnce() -> String) {
        self.0.push(Violation { invariant, detail: detail() });
    }
}
