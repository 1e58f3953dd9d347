//! One attempt as the plugin must have seen it, worked out from the service's account alone.

use std::time::Duration;

use http::StatusCode;

use crate::graph::{Arrival, Kind};
use crate::simulation::Account;

/// What the plugin can know of its ids after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Refused,
    /// It may have been applied.
    Open,
    /// Nothing was sent.
    Unsent,
}

/// An attempt, and when it was over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) arrival: &'a Arrival,
    /// Which one of its batch, from 1.
    pub(super) number: u32,
    pub(super) over: Duration,
    /// The answer, or the error, came before the plugin gave up. `None` where both fall on one millisecond: either
    /// may come first.
    pub(super) seen: Option<bool>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(account: &Account, arrival: &'a Arrival, number: u32) -> Self {
        let patience = Duration::from_millis(account.call.options.attempt_timeout_ms.unwrap_or(100_000).into());
        let gives_up = account.deadline().map_or(arrival.at + patience, |deadline| deadline.min(arrival.at + patience));
        let seen = (arrival.settled != Some(gives_up)).then_some(arrival.settled.is_some_and(|at| at < gives_up));
        // The rest of an answer is waited for, though its status decides.
        let over = arrival.settled.filter(|_| !arrival.stalls).map_or(gives_up, |settled| settled.min(gives_up));
        Attempt { arrival, number, over, seen }
    }

    fn kind(&self) -> Option<Kind> {
        self.arrival.fault.as_ref().map(|fault| fault.kind)
    }

    /// The status, if it was seen.
    pub(super) fn status(&self) -> Option<StatusCode> {
        self.arrival.status.filter(|_| self.seen == Some(true))
    }

    /// What it says of the ids; `None` where that cannot be told from outside.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        if !self.seen? {
            return Some(Verdict::Open);
        }
        Some(match (self.arrival.status, self.kind()) {
            (Some(StatusCode::NO_CONTENT), _) => Verdict::Accepted,
            (Some(status), _) if status.is_client_error() || status.is_redirection() => Verdict::Refused,
            (None, Some(Kind::NoConnection | Kind::NoName | Kind::Tls | Kind::Denied)) => Verdict::Unsent,
            _ => Verdict::Open,
        })
    }

    /// Whether it may be followed by another of the same batch.
    pub(super) fn may_be_retried(&self) -> bool {
        self.seen != Some(true)
            || match (self.arrival.status, self.kind()) {
                (Some(status), _) => [401, 429, 500, 502, 503, 504].contains(&status.as_u16()),
                (None, kind) => !matches!(kind, Some(Kind::Tls | Kind::Denied)),
            }
    }

    /// The least wait before another of the same batch.
    pub(super) fn wait(&self) -> Duration {
        let backoff = Duration::from_secs(3 << (self.number - 1).min(6)).min(Duration::from_secs(180));
        match (self.seen, self.arrival.status, self.arrival.retry_after) {
            (Some(true), Some(StatusCode::UNAUTHORIZED), _) => Duration::ZERO,
            (Some(true), _, Some(wait)) => wait.max(Duration::from_secs(1)),
            (None, _, Some(wait)) => wait.clamp(Duration::from_secs(1), backoff),
            _ => backoff,
        }
    }

    /// Whether it ends the call: nothing is sent after it.
    pub(super) fn ends_call(&self, account: &Account) -> bool {
        let too_long = |wait: Duration| {
            let past = account.deadline().is_some_and(|deadline| self.over + wait >= deadline);
            past || wait > Duration::from_secs(300)
        };
        match (self.status().map(|status| status.as_u16()), self.kind()) {
            (Some(403), _) => true,
            (Some(429), _) => self.arrival.retry_after.is_some_and(too_long),
            (None, Some(Kind::Denied)) => self.seen == Some(true),
            _ => false,
        }
    }
}
