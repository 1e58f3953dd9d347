//! The announcement of a hold to the other instances. It is made twice, because another instance
//! may have changed the queue at the same moment.

use crate::time::{Duration, Instant};

/// A hold that the other instances are to learn of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announcement {
    /// When the hold ends.
    until: Instant,
    /// When to announce the hold.
    at: Instant,
    /// Whether the hold was announced before.
    is_second: bool,
}

impl Announcement {
    /// The announcement of a hold, to be made immediately.
    pub(crate) fn new(until: Instant) -> Announcement {
        Announcement { until, at: Instant::ORIGIN, is_second: false }
    }

    /// When to announce the hold, if the store is not asked before `store_at`; none if the hold is
    /// over by then.
    pub(crate) fn due(self, store_at: Instant) -> Option<Instant> {
        Some(self.at.max(store_at)).filter(|at| *at < self.until)
    }

    /// How long the other instances are to wait, unless the hold is over.
    pub(crate) fn wait(self, now: Instant) -> Option<Duration> {
        Some(self.until.since(now)).filter(|wait| *wait > Duration::ZERO)
    }

    /// The second announcement, after this one is made at `now`; none if this one is the second, or
    /// if the hold is over by then.
    pub(crate) fn second(self, now: Instant) -> Option<Announcement> {
        let at = now.saturating_add(REPEAT_AFTER);
        (!self.is_second && at < self.until).then_some(Announcement { at, is_second: true, ..self })
    }

    /// The same announcement, made later if the store took long for the first one, which ended at
    /// `now`.
    pub(crate) fn postponed(self, elapsed: Duration, now: Instant) -> Announcement {
        Announcement { at: now.saturating_add(elapsed.saturating_mul(3).max(REPEAT_AFTER)), ..self }
    }
}

/// The time after which a hold is announced again: longer than an operation of the store takes.
const REPEAT_AFTER: Duration = Duration::from_millis(250);
