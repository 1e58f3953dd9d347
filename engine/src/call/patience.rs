//! The patience of a call: how long it goes on without an acceptance.

use std::rc::Rc;

use crate::contract::error::Error;
use crate::invariant;
use crate::time::{Duration, Instant};

/// What a call knows of its failures since the last acceptance.
#[derive(Debug)]
pub(crate) struct Patience {
    /// The longest time from the first failure to the next acceptance.
    limit: Duration,
    /// When the first failure since the last acceptance came.
    failing_since: Option<Instant>,
    /// The latest failure, a refusal too.
    last_error: Option<Rc<Error>>,
    /// The latest failure since the last acceptance that is not a refusal.
    waits_out: Option<Rc<Error>>,
    /// Until when the call waits for a turn.
    queued_until: Instant,
    /// Whether a wait for a turn has been added since the first failure.
    has_queued: bool,
    has_accepted: bool,
}

impl Patience {
    /// The patience of a call in which nothing has failed.
    pub(crate) fn new(limit: Duration) -> Patience {
        Patience {
            limit,
            failing_since: None,
            last_error: None,
            waits_out: None,
            queued_until: Instant::ORIGIN,
            has_queued: false,
            has_accepted: false,
        }
    }

    /// When the call ends unless an id is accepted before; none if nothing has failed.
    pub(crate) fn ends(&self) -> Option<Instant> {
        self.failing_since.map(|since| since.saturating_add(self.limit))
    }

    /// The option that a `Retry-After` exceeds, because it lasts beyond the deadline or the
    /// remaining patience.
    pub(crate) fn too_long(
        &self,
        retry_after: Option<Duration>,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Option<&'static str> {
        let until = now.saturating_add(retry_after?);
        if deadline.is_some_and(|deadline| deadline <= until) {
            return Some("deadline-ms");
        }
        self.ends().filter(|end| *end <= until).map(|_| "patience-ms")
    }

    /// Why nothing more is sent if the next acceptance comes at `next` at the earliest, and not
    /// before `now`.
    pub(crate) fn reason_to_end(&self, deadline: Option<Instant>, next: Instant, now: Instant) -> Option<Rc<Error>> {
        let ends = self.ends();
        let is_over = |time: Instant| ends.is_some_and(|end| end <= time);
        if deadline.is_some_and(|deadline| deadline <= next) && !is_over(now) {
            return Some(Rc::new(Error::deadline_exceeded()));
        }
        let last_error = || self.last_error().unwrap_or_else(|| invariant::broken("patience ends after a failure"));
        is_over(next).then(last_error)
    }

    /// The latest failure, a refusal too.
    fn last_error(&self) -> Option<Rc<Error>> {
        self.last_error.clone()
    }

    /// The failure that the call waits out: the latest one since the last acceptance, never a
    /// refusal.
    pub(crate) fn waits_out(&self) -> Option<Rc<Error>> {
        self.waits_out.clone()
    }

    /// Adds time that does not count.
    pub(crate) fn extend(&mut self, time: Duration) {
        self.failing_since = self.failing_since.map(|since| since.saturating_add(time));
    }

    /// Records an acceptance.
    pub(crate) fn accepted(&mut self) {
        self.waits_out = None;
        self.has_accepted = true;
        self.has_queued = false;
        self.failing_since = None;
    }

    /// Records a failure other than a refusal.
    pub(crate) fn failed(&mut self, error: &Rc<Error>, now: Instant) {
        self.waits_out = Some(error.clone());
        self.not_accepted(error, now);
    }

    /// Records a refusal. It is a failure until the call has accepted something. After that, an id
    /// refused alone is progress.
    pub(crate) fn refused(&mut self, is_alone: bool, error: &Rc<Error>, now: Instant) {
        if !self.has_accepted {
            self.not_accepted(error, now);
        } else if is_alone {
            self.failing_since = None;
        }
    }

    fn not_accepted(&mut self, error: &Rc<Error>, now: Instant) {
        self.failing_since.get_or_insert(now.max(self.queued_until));
        self.last_error = Some(error.clone());
    }

    /// Records a wait for a turn. The first one after a failure does not count, because other
    /// instances are served meanwhile. Later ones count, so that the call ends.
    pub(crate) fn queued(&mut self, now: Instant, until: Instant) {
        let from = now.max(self.queued_until);
        if let Some(since) = &mut self.failing_since
            && !self.has_queued
        {
            *since = since.saturating_add(until.since(from));
        }
        self.queued_until = self.queued_until.max(until);
    }

    /// Records the end of a wait for a turn.
    pub(crate) fn turn_began(&mut self) {
        self.has_queued = self.failing_since.is_some();
    }
}
