//! The turns of a call: when it may send so that all instances together keep the limit, and which
//! holds it announces.

use std::rc::Rc;

use crate::call::Call;
use crate::call::step::Step;
use crate::contract::error::{Error, Response};
use crate::http::judgment::{Judgment, Purpose, Responder};
use crate::limit::turn_state::{TurnState, turn_spacing};
use crate::limit::turn_step::{Queue, Turn, TurnStep};
use crate::limit::with_turns::Turns;
use crate::time::{Duration, Instant};

impl<T: Turns> Call<T> {
    /// Reports the result of [`TurnStep::Reserve`].
    pub fn on_turn(&mut self, result: Result<Turn, String>, now: Instant) {
        if let Ok(Turn::Reserved { held_for, .. }) = result
            && (held_for >= self.options.patience || self.is_past_deadline(now.saturating_add(held_for)))
        {
            self.end(Rc::new(held_by_others(held_for)), now);
        }
        let is_granted = matches!(result, Ok(Turn::Granted(_)));
        let spacing = self.turn_spacing();
        let Some(turns) = self.turns.as_mut().map(T::as_mut) else { return };
        let elapsed = turns.elapsed(now);
        turns.on_turn(result, spacing, now, &mut self.random);
        if turns.is_queued() {
            self.patience.queued(now, turns.earliest());
        } else if is_granted {
            self.patience.turn_began();
        }
        self.extend_timeouts(elapsed);
    }

    /// Reports the result of [`TurnStep::Hold`].
    pub fn on_hold_result(&mut self, result: Result<(), String>, now: Instant) {
        let Some(turns) = self.turns.as_mut().map(T::as_mut) else { return };
        let elapsed = turns.elapsed(now);
        turns.on_hold_result(result, now, &mut self.random);
        self.extend_timeouts(elapsed);
    }

    fn turn_state(&self) -> Option<&TurnState> {
        self.turns.as_ref().map(T::as_ref)
    }

    /// The earliest time at which the limit permits the next request.
    pub(super) fn limit_earliest(&self, now: Instant) -> Instant {
        let own = self.limit.borrow().earliest(self.options.rate_limit).max(self.holds.until());
        let turns = self.turn_state().filter(|turns| turns.is_usable(now));
        turns.map_or(own, |turns| own.max(turns.earliest()))
    }

    /// Whether the other instances can be asked.
    pub(super) fn uses_turns(&self, now: Instant) -> bool {
        self.turn_state().is_some_and(|turns| turns.is_usable(now))
    }

    /// Whether the call waits in the queue of the instances.
    pub(super) fn is_queued(&self) -> bool {
        self.turn_state().is_some_and(TurnState::is_queued)
    }

    /// Whether the turn for the next request is not granted yet.
    pub(super) fn needs_turn(&mut self, now: Instant) -> bool {
        let turns = self.turns.as_mut().map(T::as_mut);
        turns.is_some_and(|turns| turns.is_usable(now) && !turns.is_granted(now))
    }

    /// Asks for a turn.
    pub(super) fn reserve(&mut self, now: Instant) -> Option<Step<T::Step>> {
        let ticket = self.turns.as_mut()?.as_mut().ask(now);
        self.turn_step(TurnStep::Reserve { queue: self.queue(), ticket, spacing: self.turn_spacing() })
    }

    /// When to announce a hold to the other instances.
    pub(super) fn announce_at(&self) -> Option<Instant> {
        self.turn_state()?.announce_at()
    }

    /// Asks the other instances to wait, if that is to be announced now.
    pub(super) fn announce(&mut self, now: Instant) -> Option<Step<T::Step>> {
        if self.is_past_deadline(now) {
            return None;
        }
        let wait = self.turns.as_mut()?.as_mut().announce(now)?;
        self.turn_step(TurnStep::Hold { queue: self.queue(), wait })
    }

    fn turn_step(&self, step: TurnStep) -> Option<Step<T::Step>> {
        Some(Step::Turn(self.turns.as_ref()?.step(step)))
    }

    fn turn_spacing(&self) -> Duration {
        turn_spacing(self.limit.borrow().spacing(self.options.rate_limit), self.options.rate_limit)
    }

    fn queue(&self) -> Queue {
        let (tenant, audience) = (self.options.tenant.clone(), self.options.audience.clone());
        Queue { tenant, audience, limit: self.action.limit }
    }
}

/// Another instance was asked to wait for longer than this call does.
fn held_by_others(held_for: Duration) -> Error {
    let message = "another instance was asked to wait".to_owned();
    let retry_after_ms = Some(held_for.as_millis());
    let response = Response { status: TOO_MANY_REQUESTS, message, retry_after_ms, ..Response::default() };
    Judgment::of(TOO_MANY_REQUESTS, "", Responder::OnTheWay, false).error(response, Purpose::Act)
}

/// The status of a request that exceeds the limit of the service.
const TOO_MANY_REQUESTS: u16 = 429;
