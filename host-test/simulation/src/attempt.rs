//! The attempts of a call as the plugin must have seen them, derived only from the records of the
//! service, the token provider and the host. What cannot be told from outside stays open: nothing
//! follows from it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use graph_model::{Arrival, FaultKind};
use http::StatusCode;

use crate::check::GRACE;
use crate::{CallRecord, TokenAnswer};

/// What an attempt means for its ids and for the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// 204.
    Accepted,
    /// The ids are refused.
    Refused,
    /// 413: smaller requests may succeed.
    TooLarge,
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

/// A call and its attempts.
pub(super) struct Attempts<'a> {
    pub(super) call: &'a CallRecord,
    /// In the order they were sent.
    pub(super) all: Vec<Attempt<'a>>,
    /// The attempts that carried an id, by its position among the distinct ids.
    pub(super) by_id: Vec<Vec<usize>>,
}

/// An attempt and its end.
pub(super) struct Attempt<'a> {
    pub(super) arrival: &'a Arrival,
    /// The positions of its ids among the distinct ids of the call.
    pub(super) ids: Vec<usize>,
    /// When it was over at the latest: its ids were sent again, or had their outcome.
    pub(super) over: Duration,
    /// Whether the plugin saw the response or the error. `None` if that cannot be determined.
    pub(super) seen: Option<bool>,
    pub(super) class: Class,
}

impl<'a> Attempts<'a> {
    /// `calls`: all calls of the instance.
    pub(super) fn new(call: &'a CallRecord, calls: &[CallRecord]) -> Attempts<'a> {
        let ids = call.call.distinct();
        let positions: HashMap<&String, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let reported = call.reported_at();
        let mut by_id: Vec<Vec<usize>> = vec![Vec::new(); ids.len()];
        let mut all: Vec<Attempt<'_>> = Vec::new();
        for (number, arrival) in call.arrivals.iter().enumerate() {
            let ids: Vec<usize> = arrival.ids.iter().filter_map(|id| positions.get(id).copied()).collect();
            for id in &ids {
                if let Some(before) = by_id[*id].last().filter(|before| **before < number) {
                    all[*before].over = all[*before].over.min(arrival.sent);
                }
                by_id[*id].push(number);
            }
            let over = ids.iter().map(|id| reported[*id]).min().unwrap_or(call.ended);
            all.push(Attempt { arrival, ids, over, seen: None, class: Class::Unclear });
        }
        let accepted = calls.iter().flat_map(|call| &call.arrivals);
        let accepted = accepted.filter(|arrival| arrival.status == Some(StatusCode::NO_CONTENT));
        let first_accepted = accepted.filter_map(|arrival| arrival.settled).min();
        for attempt in &mut all {
            attempt.seen = attempt.is_seen(call);
            attempt.class = attempt.classify(first_accepted);
            if attempt.class == Class::TooLarge {
                attempt.class = match call.call.options.isolate_refused.unwrap_or(true) {
                    false => Class::Permanent,
                    // Nothing smaller can be sent.
                    true if attempt.ids.len() == 1 => Class::Fatal,
                    true => Class::TooLarge,
                };
            }
        }
        Attempts { call, all, by_id }
    }

    pub(super) fn has(&self, class: Class) -> bool {
        self.all.iter().any(|attempt| attempt.class == class)
    }

    /// The last attempt that carried an id.
    pub(super) fn last(&self, id: usize) -> Option<&Attempt<'a>> {
        self.by_id.get(id)?.last().and_then(|number| self.all.get(*number))
    }

    pub(super) fn isolates(&self) -> bool {
        self.call.call.options.isolate_refused.unwrap_or(true)
    }

    /// The number of an attempt among those for the same ids that count, at least.
    pub(super) fn number(&self, attempt: &Attempt<'_>) -> u32 {
        let same = self.all.iter().filter(|other| other.ids == attempt.ids && other.sent() < attempt.sent());
        1 + same.filter(|other| matches!(other.class, Class::Transient)).count() as u32
    }

    /// Whether an id certainly needed another attempt when the call ended, so that something must
    /// have ended it.
    pub(super) fn is_unfinished(&self) -> bool {
        let max = self.call.call.options.max_attempts.unwrap_or(4);
        (0..self.by_id.len()).any(|id| match self.last(id) {
            None => true,
            Some(last) => match last.class {
                Class::Throttled | Class::TooLarge => true,
                // It is split.
                Class::Transient if self.isolates() && max > 1 && last.ids.len() > 1 => true,
                Class::Refused => self.isolates() && last.ids.len() > 1,
                // Attempts that are not clear may count.
                Class::Transient => {
                    let attempts = self.by_id[id].iter().map(|number| &self.all[*number]);
                    (attempts.filter(|attempt| attempt.class != Class::Throttled).count() as u32) < max
                }
                _ => false,
            },
        })
    }

    /// The first time at which the call ended for a reason that no circumstance changes.
    pub(super) fn fatal_at(&self) -> Option<Duration> {
        let attempts = self.all.iter().filter(|attempt| attempt.class == Class::Fatal);
        let tokens = self.call.tokens.iter().filter(|token| token.answer == TokenAnswer::EndsCall);
        attempts.filter_map(|attempt| attempt.read(self.call)).chain(tokens.map(|token| token.answered)).min()
    }
}

impl Attempt<'_> {
    pub(super) fn sent(&self) -> Duration {
        self.arrival.sent
    }

    /// Whether it was certainly in flight at a time.
    pub(super) fn is_in_flight(&self, call: &CallRecord, at: Duration) -> bool {
        let is_given_up = self.over <= at || call.worked(self.sent(), at) + MARGIN >= call.attempt_timeout();
        self.sent() < at && !is_given_up && self.arrival.settled.is_none_or(|settled| settled > at)
    }

    /// When the plugin has read the response that it saw, at the latest.
    pub(super) fn read(&self, call: &CallRecord) -> Option<Duration> {
        let settled = self.arrival.settled.filter(|_| self.seen == Some(true))?;
        // Of a response without end, the status counts when the plugin no longer waits.
        if self.arrival.stalls { Some(self.over) } else { call.notices(settled) }
    }

    fn is_seen(&self, call: &CallRecord) -> Option<bool> {
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

    /// `first_accepted`: the first acceptance by the instance, at the earliest.
    fn classify(&self, first_accepted: Option<Duration>) -> Class {
        match self.seen {
            None => return Class::Unclear,
            Some(false) => return Class::Transient,
            Some(true) => {}
        }
        match (self.arrival.status.map(|status| status.as_u16()), self.kind()) {
            (Some(204), Some(FaultKind::Early)) | (Some(_), Some(FaultKind::BlockPage)) => Class::Unexpected,
            (Some(_), Some(FaultKind::Segment | FaultKind::Unsupported)) => Class::Fatal,
            // The version lacks the action.
            (Some(400), None) if self.arrival.action.is_none() => Class::Fatal,
            (Some(204), _) => Class::Accepted,
            (Some(401), _) | (Some(403), Some(FaultKind::Challenged)) => Class::TokenRejected,
            // A token that an earlier challenge revoked.
            (Some(403), None) => Class::TokenRejected,
            (Some(403 | 407), _) => Class::Fatal,
            (Some(429), _) => Class::Throttled,
            (Some(413), _) => Class::TooLarge,
            (Some(408 | 421 | 500 | 502 | 503 | 504 | 509), _) => Class::Transient,
            (Some(499..=599), _) => Class::Permanent,
            (Some(400..=498), _) => Class::Refused,
            (Some(_), _) => Class::Unexpected,
            (None, Some(FaultKind::Tls | FaultKind::Denied)) => Class::Fatal,
            // It ends a call of an instance that has never seen an acceptance.
            (None, Some(FaultKind::Handshake)) => match first_accepted {
                Some(accepted) if accepted <= self.over => Class::Unclear,
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
    pub(super) fn error_kind(&self) -> Option<&'static str> {
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

    /// The ids of an attempt as a set, to compare it with others.
    pub(super) fn shares_ids(&self, other: &Attempt<'_>) -> bool {
        let ids: BTreeSet<usize> = self.ids.iter().copied().collect();
        other.ids.iter().any(|id| ids.contains(id))
    }
}

/// Timers fire on whole milliseconds, and what happens in the same one has no order.
pub(super) const MARGIN: Duration = Duration::from_millis(2);
