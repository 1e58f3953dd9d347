//! How long a call goes on without an acceptance.

use std::rc::Rc;

use crate::contract::error::Error;
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
    /// The latest failure since the last acceptance that is no refusal.
    waits_out: Option<Rc<Error>>,
    /// Until when the wait for a turn lasts, if it does.
    queued_until: Nanos,
    /// The wait for a turn since the first failure was added.
    has_queued: bool,
    has_accepted: bool,
}

impl Patience {
    pub(crate) fn new(limit: Nanos) -> Patience {
        Patience {
            limit,
            failing_since: None,
            last_error: None,
            waits_out: None,
            queued_until: 0,
            has_queued: false,
            has_accepted: false,
        }
    }

    /// When the call ends unless an id is accepted before.
    pub(crate) fn ends(&self) -> Option<Nanos> {
        self.failing_since.map(|since| since.saturating_add(self.limit))
    }

    pub(crate) fn last_error(&self) -> Option<Rc<Error>> {
        self.last_error.clone()
    }

    /// The failure that the call waits out: the latest one since the last acceptance, never a refusal.
    pub(crate) fn waits_out(&self) -> Option<Rc<Error>> {
        self.waits_out.clone()
    }

    /// Adds time that does not count.
    pub(crate) fn extend(&mut self, time: Nanos) {
        self.failing_since = self.failing_since.map(|since| since.saturating_add(time));
    }

    pub(crate) fn accepted(&mut self) {
        self.waits_out = None;
        self.has_accepted = true;
        self.has_queued = false;
        self.failing_since = None;
    }

    /// Records a failure other than a refusal.
    pub(crate) fn failed(&mut self, error: &Rc<Error>, now: Nanos) {
        self.waits_out = Some(error.clone());
        self.not_accepted(error, now);
    }

    fn not_accepted(&mut self, error: &Rc<Error>, now: Nanos) {
        self.failing_since.get_or_insert(now.max(self.queued_until));
        self.last_error = Some(error.clone());
    }

    /// Records a wait for a turn. The first one after a failure does not count: others are served meanwhile. Later ones do,
    /// so that the call ends.
    pub(crate) fn queued(&mut self, now: Nanos, until: Nanos) {
        let from = now.max(self.queued_until);
        if let Some(since) = &mut self.failing_since
            && !self.has_queued
        {
            *since = since.saturating_add(until.saturating_sub(from));
        }
        self.queued_until = self.queued_until.max(until);
    }

    /// Records the end of a wait for a turn.
    pub(crate) fn turn_began(&mut self) {
        self.has_queued = self.failing_since.is_some();
    }

    /// Refusals are failures until the call has accepted something. After that, an id refused alone is progress.
    pub(crate) fn refused(&mut self, is_alone: bool, error: &Rc<Error>, now: Nanos) {
        if !self.has_accepted {
            self.not_accepted(error, now);
        } else if is_alone {
            self.failing_since = None;
        }
    }
}
