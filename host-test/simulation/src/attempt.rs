//! One attempt as the plugin must have seen it, derived only from the service's record.

use std::time::Duration;

use graph_model::{Arrival, FaultKind};
use http::StatusCode;

use crate::CallRecord;

/// What the plugin can know about its ids after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Refused,
    /// It may have been applied.
    MaybeApplied,
    /// Nothing was sent.
    Unsent,
}

/// An attempt and its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) arrival: &'a Arrival,
    /// Its number within its batch, from 1.
    pub(super) number: u32,
    /// When it ended for the plugin.
    pub(super) ended: Duration,
    /// Whether the response, or the error, arrived before the timeout. `None` if both fall on one millisecond, because
    /// either may come first.
    pub(super) seen: Option<bool>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(call: &CallRecord, arrival: &'a Arrival, number: u32) -> Self {
        let timeout = Duration::from_millis(call.call.options.attempt_timeout_ms.unwrap_or(100_000).into());
        let timed_out = call.deadline().map_or(arrival.at + timeout, |deadline| deadline.min(arrival.at + timeout));
        let seen = (arrival.settled != Some(timed_out)).then_some(arrival.settled.is_some_and(|at| at < timed_out));
        // The plugin waits for the rest of a response even though the status decides.
        let ended = arrival.settled.filter(|_| !arrival.stalls).map_or(timed_out, |settled| settled.min(timed_out));
        Attempt { arrival, number, ended, seen }
    }

    fn kind(&self) -> Option<FaultKind> {
        self.arrival.fault.as_ref().map(|fault| fault.kind)
    }

    /// The status, if the plugin saw it.
    pub(super) fn status(&self) -> Option<StatusCode> {
        self.arrival.status.filter(|_| self.seen == Some(true))
    }

    /// What it implies for the ids; `None` if that cannot be determined from outside.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        if !self.seen? {
            return Some(Verdict::MaybeApplied);
        }
        Some(match (self.arrival.status, self.kind()) {
            (Some(StatusCode::NO_CONTENT), _) => Verdict::Accepted,
            (Some(status), _) if status.is_client_error() || status.is_redirection() => Verdict::Refused,
            (None, Some(FaultKind::NoConnection | FaultKind::NoName | FaultKind::Tls | FaultKind::Denied)) => {
                Verdict::Unsent
            }
            _ => Verdict::MaybeApplied,
        })
    }

    /// Whether another attempt of the same batch may follow.
    pub(super) fn is_transient(&self) -> bool {
        self.seen != Some(true)
            || match (self.arrival.status, self.kind()) {
                (Some(status), _) => [401, 429, 500, 502, 503, 504].contains(&status.as_u16()),
                (None, kind) => !matches!(kind, Some(FaultKind::Tls | FaultKind::Denied)),
            }
    }

    /// The shortest wait before another attempt of the same batch.
    pub(super) fn wait(&self) -> Duration {
        let backoff = Duration::from_secs(3 << (self.number - 1).min(6)).min(Duration::from_secs(180));
        match (self.seen, self.arrival.status, self.arrival.retry_after) {
            (Some(true), Some(StatusCode::UNAUTHORIZED), _) => Duration::ZERO,
            (Some(true), _, Some(wait)) => wait.max(Duration::from_secs(1)),
            (None, _, Some(wait)) => wait.clamp(Duration::from_secs(1), backoff),
            _ => backoff,
        }
    }

    /// Whether it ends the call, so that nothing may be sent after it.
    pub(super) fn ends_call(&self, call: &CallRecord) -> bool {
        let too_long = |wait: Duration| {
            let past_deadline = call.deadline().is_some_and(|deadline| self.ended + wait >= deadline);
            past_deadline || wait > Duration::from_secs(300)
        };
        match (self.status().map(|status| status.as_u16()), self.kind()) {
            (Some(403), _) => true,
            (Some(429), _) => self.arrival.retry_after.is_some_and(too_long),
            (None, Some(FaultKind::Denied)) => self.seen == Some(true),
            _ => false,
        }
    }
}
