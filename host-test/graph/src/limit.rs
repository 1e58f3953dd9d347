//! The service limits: sliding windows over arrivals. Refused requests count too.

use std::collections::VecDeque;
use std::time::Duration;

/// At most `requests` in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests in a window.
    pub requests: usize,
    /// The length of the window.
    pub window: Duration,
    /// Whether a 429 has a `Retry-After`.
    pub sends_retry_after: bool,
}

impl Limit {
    /// Risky users: <https://learn.microsoft.com/graph/throttling-limits#identity-protection-and-conditional-access-service-limits>.
    pub const USERS: Limit = Limit { requests: 1, window: Duration::from_secs(1), sends_retry_after: false };
    /// Sign-ins: <https://learn.microsoft.com/graph/throttling-limits#identity-and-access-reports-service-limits>.
    pub const SIGN_INS: Limit = Limit { requests: 5, window: Duration::from_secs(10), sends_retry_after: true };
}

/// The arrivals that still count against a limit.
#[derive(Debug)]
pub(crate) struct Window {
    limit: Limit,
    arrivals: VecDeque<Duration>,
}

impl Window {
    /// A window in which nothing has arrived.
    pub(crate) fn new(limit: Limit) -> Self {
        Window { limit, arrivals: VecDeque::new() }
    }

    /// Counts an arrival. Returns `Some` if it exceeds the limit: the time until a request would be accepted if none
    /// arrived before.
    pub(crate) fn arrive(&mut self, now: Duration) -> Option<Duration> {
        let Limit { requests, window, .. } = self.limit;
        while self.arrivals.front().is_some_and(|first| *first + window <= now) {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now);
        let over = self.arrivals.len().checked_sub(requests).filter(|over| *over > 0)?;
        // A request is accepted once all but `requests - 1` of the arrivals have left the window.
        self.arrivals.get(over).map(|leaves| *leaves + window - now)
    }
}
