//! How long a call goes on without an acceptance.

use std::rc::Rc;

use crate::error::Error;
use crate::time::Nanos;

/// The time since things last went well.
#[derive(Debug)]
pub(crate) struct Patience {
    /// Longest time from the first failure to the next acceptance.
    limit: Nanos,
    /// The first failure since the last acceptance.
    failing_since: Option<Nanos>,
    /// The latest failure.
    last_error: Option<Rc<Error>>,
    has_accepted: bool,
}

impl Patience {
    pub(crate) fn new(limit: Nanos) -> Patience {
        Patience { limit, failing_since: None, last_error: None, has_accepted: false }
    }

    /// When the call ends unless an id is accepted before.
    pub(crate) fn ends(&self) -> Option<Nanos> {
        self.failing_since.map(|since| since.saturating_add(self.limit))
    }

    pub(crate) fn last_error(&self) -> Option<Rc<Error>> {
        self.last_error.clone()
    }

    pub(crate) fn accepted(&mut self) {
        self.has_accepted = true;
        self.failing_since = None;
    }

    pub(crate) fn failed(&mut self, error: &Rc<Error>, now: Nanos) {
        self.failing_since.get_or_insert(now);
        self.last_error = Some(error.clone());
    }

    /// Refusals are failures until the call has accepted something. After that, an id refused alone is progress.
    pub(crate) fn refused(&mut self, is_alone: bool, error: &Rc<Error>, now: Nanos) {
        if !self.has_accepted {
            self.failed(error, now);
        } else if is_alone {
            self.failing_since = None;
        }
    }
}
