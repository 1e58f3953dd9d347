//! The turns of a call: when it may send so that all instances together keep the limit, and which holds it announces.

use std::rc::Rc;

use super::{Call, Step};
use crate::contract::arguments::Settings;
use crate::contract::error::{Error, Judgement, Origin, Response};
use crate::limit::turns::{self, Queue, Turn, TurnRequest, TurnStep, Turning, Turns};
use crate::time::{MILLISECOND, Nanos};

impl<T: Turning> Call<T> {
    /// Reports the answer to [`TurnStep::Reserve`].
    pub fn turn(&mut self, result: Result<Turn, String>, now: Nanos) {
        self.extend_timeouts(self.turns.elapsed(now));
        if let Ok(Turn::Reserved { held_for, .. }) = result
            && (held_for >= self.settings.patience || self.is_past_deadline(now.saturating_add(held_for)))
        {
            self.end(Rc::new(held_by_others(held_for)), now);
        }
        let result_is_granted = matches!(result, Ok(Turn::Granted(_)));
        let spacing = self.turn_spacing();
        self.turns.answered(result, spacing, now, &mut self.random);
        if self.turns.is_queued() {
            self.patience.queued(now, self.turns.earliest());
        } else if result_is_granted {
            self.patience.turn_began();
        }
    }

    /// Reports the result of [`TurnStep::Hold`].
    pub fn held(&mut self, result: Result<(), String>, now: Nanos) {
        self.extend_timeouts(self.turns.elapsed(now));
        match result {
            Ok(()) => self.turns.announced(now),
            Err(_) => self.turns.failed(now, &mut self.random),
        }
    }

    /// When to announce a hold to the others.
    pub(super) fn announce_at(&self) -> Option<Nanos> {
        if T::TAKES_TURNS { self.turns.announce_at() } else { None }
    }

    /// When the limit permits the next request: a time that may have passed.
    pub(super) fn limit_earliest(&self, now: Nanos) -> Nanos {
        let own = self.limit.borrow().earliest(self.settings.rate_limit).max(self.held_until);
        if T::TAKES_TURNS && self.turns.is_usable(now) { own.max(self.turns.earliest()) } else { own }
    }

    /// The turn for the next request is not granted yet.
    pub(super) fn needs_turn(&mut self, now: Nanos) -> bool {
        self.turns().is_some_and(|turns| turns.is_usable(now) && !turns.is_granted(now))
    }

    pub(super) fn turns(&mut self) -> Option<&mut Turns> {
        T::TAKES_TURNS.then_some(&mut self.turns)
    }

    pub(super) fn reserve(&mut self, now: Nanos) -> Option<Step<T>> {
        let (ticket, spacing) = (self.turns.ask(now), self.turn_spacing());
        T::new(TurnStep::Reserve(TurnRequest { queue: self.queue(), ticket, spacing })).map(Step::Turn)
    }

    /// Asks the others to wait, if that is to be announced now.
    pub(super) fn announce(&mut self, now: Nanos) -> Option<Step<T>> {
        if self.is_past_deadline(now) {
            return None;
        }
        let wait = self.turns()?.take_announcement(now)?;
        T::new(TurnStep::Hold(self.queue(), wait)).map(Step::Turn)
    }

    fn turn_spacing(&self) -> Nanos {
        turns::spacing(self.limit.borrow().spacing(self.settings.rate_limit), self.settings.rate_limit)
    }

    fn queue(&self) -> Queue {
        let Settings { tenant, audience, .. } = &self.settings;
        Queue { tenant: tenant.clone(), audience: audience.clone(), limit: self.action.limit }
    }
}

/// Another instance was asked to wait, for longer than this call does.
fn held_by_others(held_for: Nanos) -> Error {
    let message = "another instance was asked to wait".to_owned();
    let retry_after_ms = Some(u32::try_from(held_for / MILLISECOND).unwrap_or(u32::MAX));
    let response = Response { status: TOO_MANY_REQUESTS, message, retry_after_ms, ..Response::default() };
    let judgement = Judgement::of(TOO_MANY_REQUESTS, "", Origin::OnTheWay, false);
    Error::from_response(response, &judgement)
}

/// 429: too many requests.
const TOO_MANY_REQUESTS: u16 = 429;
