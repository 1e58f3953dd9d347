//! When a call may send its next request: what the contract leaves open is a span of time.

use entra_risk_engine::contract::report::Progress;

use crate::sequences::check::{BACKOFF, Check, require};
use crate::sequences::nanos::{Nanos, SECOND};
use crate::sequences::verdict::{Kind, label};

/// The longest backoff, with jitter.
const MAX_BACKOFF: Nanos = 75 * SECOND;

/// The longest wait before a probe, with jitter.
const MAX_PROBE_WAIT: Nanos = 12 * SECOND + SECOND / 2;

pub struct NextSend {
    /// Not before.
    pub earliest: Nanos,
    /// By then at the latest.
    pub latest: Nanos,
    /// Something can be sent. Otherwise all that is left may depend on what is in flight.
    pub is_certain: bool,
}

impl Check {
    /// When the next request may be sent, apart from how many are in flight. None: nothing can be.
    pub fn next_send(&self, now: Nanos) -> Option<NextSend> {
        let mut due: Option<Nanos> = None;
        let mut due_for_certain: Option<Nanos> = None;
        for id in self.ids.iter().filter(|id| !id.has_ended) {
            let (least, most) = match id.last.map(|last| &self.attempts[last].end) {
                None => (0, Some(0)),
                Some(None) => continue,
                Some(Some((ended, verdict))) => match (verdict.kind, verdict.retry_after) {
                    // It may wait for a part of the group with which it was refused.
                    (Kind::Refused | Kind::TooLarge, _) => (0, None),
                    (Kind::Transient, None) => (ended + BACKOFF, Some(ended + MAX_BACKOFF)),
                    (Kind::Transient, Some(asked)) => {
                        let most = asked.max(SECOND).saturating_add(asked.max(SECOND) / 4);
                        (ended.saturating_add(asked), Some(ended.saturating_add(most)))
                    }
                    _ => (0, Some(0)),
                },
            };
            due = Some(due.map_or(least, |other| other.min(least)));
            due_for_certain =
                most.map(|most| due_for_certain.map_or(most, |other| other.min(most))).or(due_for_certain);
        }
        let instance = self.instance.borrow();
        let limit = instance.limits.get(&self.settings.key);
        let (free, free_at_most) = limit.map(|limit| limit.free(self.settings.rate_limit)).unwrap_or_default();
        let (held, held_at_most) = limit.map(|limit| limit.held(self.number)).unwrap_or_default();
        let (probe, probe_at_most) = match &self.circuit {
            circuit if circuit.is_open => (circuit.failed_at + BACKOFF, circuit.failed_at + MAX_PROBE_WAIT),
            circuit if circuit.may_be_open() => (0, circuit.failed_at + MAX_PROBE_WAIT),
            _ => (0, 0),
        };
        let (token, token_at_most) = match (&self.tokens.ready, self.tokens.unavailable_at) {
            (None, Some(at)) => (at + BACKOFF, at + MAX_BACKOFF),
            _ => (0, 0),
        };
        let earliest = [due?, free, held, probe, token].into_iter().max().unwrap_or_default();
        let due_at_most = due_for_certain.unwrap_or_default();
        let latest = [due_at_most, free_at_most, held_at_most, probe_at_most, token_at_most, now];
        Some(NextSend {
            earliest,
            latest: latest.into_iter().max().unwrap_or_default(),
            is_certain: due_for_certain.is_some() || self.in_flight().count() == 0,
        })
    }

    /// As many requests are in flight as may be.
    fn is_full(&self) -> bool {
        let in_flight = self.in_flight().count();
        in_flight >= self.settings.max_in_flight || (self.circuit.is_open && in_flight > 0)
    }

    /// Perhaps as many requests are in flight as may be.
    pub fn may_be_full(&self) -> bool {
        self.is_full() || (self.circuit.may_be_open() && self.in_flight().count() > 0)
    }

    /// Checks what the engine says about its progress.
    pub fn progress(&self, progress: &Progress, now: Nanos) {
        let left = self.ids.iter().filter(|id| !id.has_ended).count();
        require("left counts the ids without an outcome", progress.remaining == left, || {
            format!("{progress:?}, {left}")
        });
        let sent = self.attempts.len();
        require("requests are counted", progress.requests as usize == sent, || format!("{progress:?}, {sent}"));
        let in_flight = self.in_flight().count();
        require("in-flight counts the requests without an outcome", progress.in_flight == in_flight, || {
            format!("{progress:?}, {in_flight}")
        });
        let expected = &self.waits_out;
        let is_latest = match &progress.error {
            None => expected.is_empty(),
            Some(error) => expected.contains(&label(error)),
        };
        require("the error is the latest failure since the last acceptance", is_latest, || {
            format!("{progress:?}, expected {expected:?}")
        });
        let next_send = self.next_send(now);
        let Some(after) = progress.next_send else {
            let may_be_unknown =
                self.end.is_some() || self.may_be_full() || next_send.is_none_or(|next| !next.is_certain);
            return require("next-send is known while something can be sent", may_be_unknown, || {
                format!("{progress:?}")
            });
        };
        require("next-send is none while full, and after the end", !self.is_full() && self.end.is_none(), || {
            format!("{progress:?}, {:?}", self.end)
        });
        let Some(next) = next_send else { panic!("next-send is none if nothing is to be sent: {progress:?}") };
        let at = now.saturating_add(after.as_nanos());
        require("next-send is not earlier than a request may be sent", at >= next.earliest, || {
            format!("{at}, not before {}", next.earliest)
        });
        require("next-send is not later than a request can be sent", at <= next.latest, || {
            format!("{at}, by {}", next.latest)
        });
    }
}
