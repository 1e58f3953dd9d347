//! Send now, or when: at most so many requests in any window of time. Pure: time is an argument.

use std::time::Duration;

use crate::bindings::exports::entra::risk::actions::Pace;

/// The account of what was sent against one limit of the service. Times are since a start of the clock's own.
#[derive(Default)]
pub struct Pacer {
    /// The latest sends, oldest first.
    sent: Vec<Duration>,
}

impl Pacer {
    /// Nothing was sent yet.
    pub const fn new() -> Pacer {
        Pacer { sent: Vec::new() }
    }

    /// When the next request may be sent: a time that may have passed.
    pub fn earliest(&self, pace: &Pace) -> Duration {
        // The send that must have left the window is the one `requests` sends ago.
        let leaving = self.sent.len().checked_sub(pace.requests as usize).and_then(|index| self.sent.get(index));
        match leaving {
            Some(sent) => sent.saturating_add(Duration::from_millis(pace.window_ms.into())),
            None => Duration::ZERO,
        }
    }

    /// Enters a request sent at `now`.
    pub fn sent(&mut self, pace: &Pace, now: Duration) {
        self.sent.push(now);
        while self.sent.len() > KEPT.max(pace.requests as usize) {
            self.sent.remove(0);
        }
    }
}

/// Sends to remember for a later call with another pace.
const KEPT: usize = 1_024;
