//! One attempt as the plugin must have seen it, derived only from the records of the service and the token provider.

use std::time::Duration;

use graph_model::{Arrival, FaultKind};
use http::StatusCode;

use crate::check::GRACE;
use crate::{CallRecord, TokenRecord};

/// What an attempt means for its ids and for the next attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// 204.
    Accepted,
    /// The ids are refused.
    Refused,
    /// 429.
    Throttled,
    /// 401, or 403 with claims.
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
pub(super) enum Verdict {
    Accepted,
    Refused,
    NotApplied,
    MaybeApplied,
}

/// When the instance saw its first acceptance: at the earliest, and at the latest.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct FirstAcceptance {
    earliest: Option<Duration>,
    latest: Option<Duration>,
}

impl FirstAcceptance {
    /// The same, after a call.
    pub(super) fn after(self, call: &CallRecord) -> FirstAcceptance {
        let all = call.arrivals.iter().map(|arrival| Attempt::new(call, arrival, FirstAcceptance::default()));
        let accepted = all.filter(|attempt| {
            attempt.arrival.status == Some(StatusCode::NO_CONTENT) && attempt.kind() != Some(FaultKind::Early)
        });
        let accepted: Vec<Attempt<'_>> = accepted.filter(|attempt| attempt.seen != Some(false)).collect();
        let certain = accepted.iter().filter(|attempt| attempt.seen == Some(true));
        FirstAcceptance {
            earliest: self.earliest.or(accepted.iter().map(|attempt| attempt.ended).min()),
            latest: self.latest.or(certain.map(|attempt| attempt.noticed).min()),
        }
    }
}

/// An attempt and its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) arrival: &'a Arrival,
    /// When it ended for the plugin, at the earliest.
    pub(super) ended: Duration,
    /// When the plugin noticed that, at the latest.
    pub(super) noticed: Duration,
    /// Whether the plugin saw the response or the error. `None` if that cannot be determined.
    pub(super) seen: Option<bool>,
    pub(super) class: Class,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(call: &CallRecord, arrival: &'a Arrival, acceptance: FirstAcceptance) -> Self {
        let timeout = timeout(call, arrival.sent);
        let given_up = call.deadline().map_or(timeout, |deadline| deadline.min(timeout));
        // While the token provider is asked, nothing else is noticed.
        let noticed = arrival.settled.map(|settled| busy_until(&call.tokens, settled, false));
        let seen = match (arrival.settled, noticed) {
            (Some(settled), _) if settled > call.ended => Some(false),
            // While the token provider is asked, the plugin does not stop waiting either.
            (Some(settled), _) if settled > given_up => match busy_until(&call.tokens, given_up, true) {
                busy_until if settled <= busy_until => None,
                _ => Some(false),
            },
            (Some(settled), _) if busy_until(&call.tokens, settled, true) >= given_up => None,
            // The plugin stopped waiting in that millisecond, or this was the last response it waited for.
            (Some(settled), _) if settled == call.ended && has_unanswered(call) => None,
            (Some(settled), _)
                if settled == call.ended && call.cause().is_some() && settled >= arrival.sent + GRACE =>
            {
                None
            }
            (settled, _) => Some(settled.is_some()),
        };
        let abandoned = given_up.min(call.ended);
        let ended = noticed.filter(|_| !arrival.stalls).map_or(abandoned, |noticed| noticed.min(abandoned));
        let latest = busy_until(&call.tokens, ended, true).min(abandoned.max(ended));
        let mut attempt = Attempt { arrival, ended, noticed: latest, seen, class: Class::Unclear };
        attempt.class = attempt.classify(acceptance);
        attempt
    }

    pub(super) fn sent(&self) -> Duration {
        self.arrival.sent
    }

    pub(super) fn kind(&self) -> Option<FaultKind> {
        self.arrival.fault.as_ref().map(|fault| fault.kind)
    }

    /// The status, if the plugin saw it.
    pub(super) fn status(&self) -> Option<u16> {
        self.arrival.status.filter(|_| self.seen == Some(true)).map(|status| status.as_u16())
    }

    /// The `Retry-After` that the plugin saw, as the wait that it demands.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.arrival.retry_after.filter(|_| self.seen == Some(true)).map(|wait| wait.max(Duration::from_secs(1)))
    }

    fn classify(&self, acceptance: FirstAcceptance) -> Class {
        match self.seen {
            None => return Class::Unclear,
            Some(false) => return Class::Transient,
            Some(true) => {}
        }
        match (self.arrival.status.map(|status| status.as_u16()), self.kind()) {
            (Some(204), Some(FaultKind::Early)) => Class::Unexpected,
            (Some(204), _) => Class::Accepted,
            (Some(401), _) | (Some(403), Some(FaultKind::Challenged)) => Class::TokenRejected,
            // A token that an earlier challenge revoked.
            (Some(403), None) => Class::TokenRejected,
            (Some(403 | 407), _) => Class::Fatal,
            (Some(429), _) => Class::Throttled,
            (Some(408 | 500 | 502 | 503 | 504 | 509), _) => Class::Transient,
            (Some(499..=599), _) => Class::Permanent,
            (Some(400..=498), _) => Class::Refused,
            (Some(_), _) => Class::Unexpected,
            (None, Some(FaultKind::Tls | FaultKind::Denied)) => Class::Fatal,
            (None, Some(FaultKind::Handshake)) => match acceptance {
                FirstAcceptance { latest: Some(latest), .. } if latest < self.ended => Class::Transient,
                FirstAcceptance { earliest: Some(earliest), .. } if earliest <= self.noticed => Class::Unclear,
                _ => Class::Fatal,
            },
            (None, _) => Class::Transient,
        }
    }

    /// What it implies for the ids; `None` if that cannot be determined from outside.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        if !self.seen? {
            return Some(Verdict::MaybeApplied);
        }
        Some(match (self.class, self.arrival.status.map(|status| status.as_u16()), self.kind()) {
            (Class::Accepted, ..) => Verdict::Accepted,
            (Class::Refused, ..) => Verdict::Refused,
            (_, Some(300..=399 | 401 | 403 | 407 | 408 | 429), _) => Verdict::NotApplied,
            (_, None, Some(FaultKind::NoConnection | FaultKind::NoName | FaultKind::Tls | FaultKind::Handshake)) => {
                Verdict::NotApplied
            }
            (_, None, Some(FaultKind::Denied)) => Verdict::NotApplied,
            _ => Verdict::MaybeApplied,
        })
    }

    /// The case of `error` that reports it; `None` if it was accepted or cannot be determined.
    pub(super) fn error_case(&self) -> Option<&'static str> {
        if self.seen != Some(true) {
            return None;
        }
        Some(match (self.arrival.status, self.kind()) {
            (Some(StatusCode::NO_CONTENT), Some(FaultKind::Early)) => "unexpected-status",
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
}

/// When an attempt sent at `sent` is abandoned: the time that the token provider takes does not count.
fn timeout(call: &CallRecord, sent: Duration) -> Duration {
    let mut timeout = sent + Duration::from_millis(call.call.options.attempt_timeout_ms.unwrap_or(100_000).into());
    for token in call.tokens.iter().filter(|token| token.asked >= sent) {
        if token.asked < timeout {
            timeout += token.answered - token.asked;
        }
    }
    timeout
}

/// When the plugin can notice something that happens at `at`: not while the token provider is asked. `latest`: token
/// requests that begin in the same millisecond may come before.
fn busy_until(tokens: &[TokenRecord], at: Duration, latest: bool) -> Duration {
    let is_busy = |token: &&TokenRecord| (token.asked < at || (latest && token.asked == at)) && at <= token.answered;
    tokens.iter().filter(is_busy).map(|token| token.answered).max().unwrap_or(at)
}

/// Whether a request had no complete response when the call returned.
fn has_unanswered(call: &CallRecord) -> bool {
    let timeout = Duration::from_millis(call.call.options.attempt_timeout_ms.unwrap_or(100_000).into());
    let in_flight = call.arrivals.iter().filter(|arrival| arrival.sent + timeout >= call.ended);
    in_flight.into_iter().any(|arrival| arrival.stalls || arrival.settled.is_none_or(|settled| settled > call.ended))
}
