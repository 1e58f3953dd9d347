//! What a call or a query knows of the holds of its limit.

use std::rc::Rc;

use crate::contract::error::Error;
use crate::limit::hold::{Hold, HoldNumber};
use crate::limit::rate_limit::RateLimitState;
use crate::time::{Duration, Instant};

/// The holds that a call or a query has asked for or seen.
#[derive(Debug, Default)]
pub(crate) struct KnownHolds {
    /// Its requests are held until this time, because of responses to them.
    until: Instant,
    /// The latest hold of the limit that it has seen.
    seen: HoldNumber,
}

impl KnownHolds {
    /// When its own hold ends.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// A hold that others asked for since the last time, if it lasts beyond `now`.
    pub(crate) fn notice(&mut self, limit: &RateLimitState, now: Instant) -> Option<Hold> {
        let hold = limit.held_by_others(self.seen, now);
        self.seen = limit.hold_number();
        hold
    }

    /// Holds every request against the limit for `wait`, because `error` asks for it. Returns
    /// whether that is longer than before.
    pub(crate) fn hold(&mut self, limit: &mut RateLimitState, wait: Duration, error: &Rc<Error>, now: Instant) -> bool {
        self.until = self.until.max(now.saturating_add(wait));
        let is_longer = limit.hold(wait, now, error);
        if is_longer {
            self.seen = limit.hold_number();
        }
        is_longer
    }
}
