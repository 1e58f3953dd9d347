//! An attempt as the plugin must have seen it, derived only from the records of the service, the
//! token provider and the host. What cannot be told from outside stays open: nothing follows from
//! it.

use std::time::Duration;

use graph_model::{Arrival, FaultKind};
use http::StatusCode;

use crate::caller::GRACE;
use crate::record::CallRecord;

/// What an attempt means for its ids and for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// 204: the ids were accepted.
    Accepted,
    /// The ids are refused.
    Refused,
    /// 413: smaller requests may succeed.
    TooLarge,
    /// 429: too many requests.
    Throttled,
    /// 401, or 403 with claims: another token is needed.
    TokenRejected,
    /// Another attempt may succeed.
    Transient,
    /// A status that Microsoft Graph does not give.
    Unexpected,
    /// Another attempt for these ids is pointless.
    Permanent,
    /// The call ends.
    Fatal,
    /// Not determined from outside: two things happened in the same millisecond.
    Unclear,
}

/// What an attempt means for whether its ids were applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Refused,
    NotApplied,
    MaybeApplied,
}

/// An attempt and its end.
pub(crate) struct Attempt<'a> {
    pub(crate) arrival: &'a Arrival,
    /// The positions of its ids among the distinct ids of the call.
    pub(crate) ids: Vec<usize>,
    /// When it was over at the latest: its ids were sent again, or had their outcome.
    pub(crate) over: Duration,
    /// Whether the plugin saw the response or the error. `None` if that cannot be determined.
    pub(crate) seen: Option<bool>,
    pub(crate) disposition: Disposition,
}

impl Attempt<'_> {
    pub(crate) fn sent(&self) -> Duration {
        self.arrival.sent
    }

    /// Whether it was certainly in flight at a time.
    pub(crate) fn is_in_flight(&self, call: &CallRecord, at: Duration) -> bool {
        let is_given_up = self.over <= at || call.worked(self.sent(), at) + MARGIN >= call.attempt_timeout();
        self.sent() < at && !is_given_up && self.arrival.settled.is_none_or(|settled| settled > at)
    }

    /// When the plugin has read the response that it saw, at the latest.
    pub(crate) fn read(&self, call: &CallRecord) -> Option<Duration> {
        let settled = self.arrival.settled.filter(|_| self.seen == Some(true))?;
        // Of a response without end, the status counts when the plugin no longer waits.
        if self.arrival.stalls { Some(self.over) } else { call.notices(settled) }
    }

    /// Determines whether the plugin saw the response or the error.
    pub(crate) fn is_seen(&self, call: &CallRecord) -> Option<bool> {
        let Some(settled) = self.arrival.settled else { return Some(false) };
        if settled > self.over {
            return Some(false);
        }
        // What has arrived between two `next` is read before any limit is judged.
        let at = call.unpaused(settled);
        let near = |limit: Duration| at + MARGIN >= limit;
        if call.deadline().is_some_and(near) {
            return None;
        }
        // The plugin may have stopped waiting in that millisecond, or before it asked.
        let graces = call.stops.iter().map(|(stopped, grace)| call.spent(*stopped, at) + MARGIN >= *grace);
        let is_ending = call.cause().is_some() || call.is_abandoned;
        let may_be_over = near(self.sent() + GRACE) || graces.into_iter().any(|is_over| is_over);
        if is_ending && may_be_over && (settled == self.over || call.is_asking(settled)) {
            return None;
        }
        match call.worked(self.sent(), at) {
            worked if worked + MARGIN < call.attempt_timeout() => Some(true),
            // While the token provider is asked, and between two `next`, the plugin does not stop
            // waiting.
            worked if worked > call.attempt_timeout() + MARGIN && !call.is_asking(at) && !call.begins(at) => {
                Some(false)
            }
            _ => None,
        }
    }

    pub(crate) fn kind(&self) -> Option<FaultKind> {
        self.arrival.fault.as_ref().map(|fault| fault.kind)
    }

    /// The status, if the plugin saw it.
    pub(crate) fn status(&self) -> Option<u16> {
        self.arrival.status.filter(|_| self.seen == Some(true)).map(|status| status.as_u16())
    }

    /// The `Retry-After` that the plugin saw, as the wait that it demands.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.arrival.retry_after.filter(|_| self.seen == Some(true)).map(|wait| wait.max(Duration::from_secs(1)))
    }

    /// Determines what it means. `first_accepted`: the first acceptance by the instance, at the
    /// earliest.
    pub(crate) fn judge(&self, first_accepted: Option<Duration>) -> Disposition {
        match self.seen {
            None => return Disposition::Unclear,
            Some(false) => return Disposition::Transient,
            Some(true) => {}
        }
        match (self.arrival.status.map(|status| status.as_u16()), self.kind()) {
            (Some(204), Some(FaultKind::Early)) | (Some(_), Some(FaultKind::BlockPage)) => Disposition::Unexpected,
            (Some(_), Some(FaultKind::Segment | FaultKind::Unsupported)) => Disposition::Fatal,
            // The version lacks the action.
            (Some(400), None) if self.arrival.action.is_none() => Disposition::Fatal,
            (Some(204), _) => Disposition::Accepted,
            (Some(401), _) | (Some(403), Some(FaultKind::Challenged)) => Disposition::TokenRejected,
            // A token that an earlier challenge revoked.
            (Some(403), None) => Disposition::TokenRejected,
            (Some(403 | 407), _) => Disposition::Fatal,
            (Some(429), _) => Disposition::Throttled,
            (Some(413), _) => Disposition::TooLarge,
            (Some(408 | 421 | 500 | 502 | 503 | 504 | 509), _) => Disposition::Transient,
            (Some(499..=599), _) => Disposition::Permanent,
            (Some(400..=498), _) => Disposition::Refused,
            (Some(_), _) => Disposition::Unexpected,
            (None, Some(FaultKind::Tls | FaultKind::Denied)) => Disposition::Fatal,
            // It ends a call of an instance that has never seen an acceptance.
            (None, Some(FaultKind::Handshake)) => match first_accepted {
                Some(accepted) if accepted <= self.over => Disposition::Unclear,
                _ => Disposition::Fatal,
            },
            (None, _) => Disposition::Transient,
        }
    }

    /// What it implies for the ids; `None` if that cannot be determined from outside.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        if !self.seen? {
            return Some(Verdict::MaybeApplied);
        }
        Some(match (self.disposition, self.arrival.status.map(|status| status.as_u16()), self.kind()) {
            (Disposition::Accepted, ..) => Verdict::Accepted,
            (Disposition::Refused, ..) => Verdict::Refused,
            (_, Some(499), _) => Verdict::MaybeApplied,
            (_, Some(300..=498), _) => Verdict::NotApplied,
            (_, None, Some(FaultKind::NoConnection | FaultKind::NoName | FaultKind::Tls | FaultKind::Handshake)) => {
                Verdict::NotApplied
            }
            (_, None, Some(FaultKind::Denied)) => Verdict::NotApplied,
            _ => Verdict::MaybeApplied,
        })
    }

    /// The kind of error that reports it; `None` if it was accepted or cannot be determined.
    pub(crate) fn error_kind(&self) -> Option<&'static str> {
        if self.seen != Some(true) {
            return None;
        }
        Some(match (self.arrival.status, self.kind()) {
            (Some(StatusCode::NO_CONTENT), Some(FaultKind::Early)) | (Some(_), Some(FaultKind::BlockPage)) => {
                "unexpected-status"
            }
            (Some(StatusCode::NO_CONTENT), _) => return None,
            (Some(StatusCode::UNAUTHORIZED), _) => "unauthenticated",
            (Some(StatusCode::FORBIDDEN), _) => "forbidden",
            (Some(StatusCode::TOO_MANY_REQUESTS), _) => "throttled",
            (Some(status), _) if status.is_client_error() => "client-error",
            (Some(status), _) if status.is_server_error() => "server-error",
            (Some(_), _) => "unexpected-status",
            (None, Some(FaultKind::Denied)) => "denied-by-host",
            (None, Some(FaultKind::NoConnection | FaultKind::NoName | FaultKind::Tls | FaultKind::Handshake)) => {
                "unreachable"
            }
            (None, _) => "no-response",
        })
    }

    /// Whether another attempt carried some of its ids.
    pub(crate) fn shares_ids(&self, other: &Attempt<'_>) -> bool {
        other.ids.iter().any(|id| self.ids.contains(id))
    }
}

/// Timers fire on whole milliseconds, and what happens in the same one has no order.
pub(crate) const MARGIN: Duration = Duration::from_millis(2);
