//! One call of an action as a state machine. It performs nothing: [`Call::next`] returns what to
//! do, and the code that drives the call reports what came of it.
//!
//! ```text
//!   next ─ GetToken ──▶ the token provider ──▶ on_token ─────────────────┐
//!     ▲  ─ Turn ──────▶ the other instances ─▶ on_turn, on_hold_result ──┤
//!     │  ─ Send ──────▶ the network ─────────▶ on_response, on_error ────┤
//!     │  ─ Abandon ───▶ the network ─────────▶ on_abandoned ─────────────┤
//!     │  ─ Wait ──────▶ until then, or until an attempt makes progress ──┤
//!     │  ─ Ended ─────▶ the caller of the action ────────────────────────┤
//!     │  ─ Over ──────▶ the caller of the action                         │
//!     └──────────────────────────────────────────────────────────────────┘
//! ```

mod attempt;
mod attempt_end;
mod bisection;
mod circuit_breaker;
mod consequence;
mod group;
mod id_queue;
mod id_ranges;
mod next_request;
mod outcomes;
pub(crate) mod patience;
mod step;
pub(crate) mod token_requests;
mod turn;

use std::cell::Cell;
use std::rc::Rc;

pub use crate::call::attempt::AttemptId;
pub use crate::call::step::Step;

use crate::call::attempt::Attempt;
use crate::call::circuit_breaker::CircuitBreaker;
use crate::call::id_queue::IdQueue;
use crate::call::patience::Patience;
use crate::call::token_requests::{TokenRequests, TokenVerdict};
use crate::contract::action::Action;
use crate::contract::arguments::{Options, ResolvedOptions, distinct_ids};
use crate::contract::endpoint::Endpoint;
use crate::contract::error::Error;
use crate::contract::report::{Batch, Progress};
use crate::contract::token::{Credential, TokenError};
use crate::http::judgment::Disposition;
use crate::http::response::{Rejection, Response};
use crate::http::transport_error::{TransportError, TransportErrorKind};
use crate::invariant;
use crate::limit::instance::{InstanceState, SharedLimit};
use crate::limit::known_holds::KnownHolds;
use crate::limit::with_turns::{Turns, WithoutTurns};
use crate::random::Random;
use crate::time::{Duration, Instant};

/// A call of an action. `T` says whether it takes turns with other instances.
///
/// The calls of an instance share its state. Each is driven from [`Call::resume`] to
/// [`Call::pause`], whenever its caller has time for it.
pub struct Call<T: Turns = WithoutTurns> {
    action: &'static Action,
    options: ResolvedOptions,
    /// Whether the instance has seen an acceptance.
    instance_has_accepted: Rc<Cell<bool>>,
    limit: SharedLimit,
    holds: KnownHolds,
    random: Random,
    ids: IdQueue,
    in_flight: Vec<Attempt>,
    /// How many requests were sent.
    attempts: u32,
    tokens: TokenRequests,
    turns: Option<T>,
    breaker: CircuitBreaker,
    patience: Patience,
    /// Set once nothing more is sent.
    end: Option<End>,
    deadline: Option<Instant>,
    /// When the call was last paused.
    paused: Instant,
}

/// The end of a call.
struct End {
    cause: Rc<Error>,
    /// When the requests in flight are abandoned.
    grace_ends: Instant,
}

impl<T: Turns> Call<T> {
    /// A call that begins at `now`. The error names an invalid argument; `parameter` is the name of
    /// the one that contains the ids. `seed` is a random number.
    pub fn new(
        action: &'static Action,
        parameter: &str,
        ids: &[String],
        options: Options,
        instance: &mut InstanceState,
        now: Instant,
        seed: u64,
    ) -> Result<Self, String> {
        let options = ResolvedOptions::parse(action, options)?;
        let ids = distinct_ids(parameter, ids)?;
        let mut call = Call {
            instance_has_accepted: instance.has_accepted(),
            limit: instance.limit(options.tenant.as_deref(), &options.audience, action.limit),
            holds: KnownHolds::default(),
            random: Random::new(seed),
            ids: IdQueue::new(ids, options.ids_per_request, options.isolate_refused),
            in_flight: Vec::new(),
            attempts: 0,
            tokens: TokenRequests::default(),
            turns: T::begin(),
            breaker: CircuitBreaker::default(),
            patience: Patience::new(options.patience),
            end: None,
            deadline: options.deadline.map(|time| now.saturating_add(time)),
            paused: now,
            options,
            action,
        };
        if let Some(error) = call.notice_hold(now) {
            call.end(error, now);
        }
        Ok(call)
    }

    /// The scheme and authority that requests are sent to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.options.endpoint
    }

    /// Goes on at `now`. Of the time since [`Call::pause`], at most a second counts for timeouts,
    /// patience and grace.
    pub fn resume(&mut self, now: Instant) {
        let excess = now.since(self.paused).saturating_sub(MAX_COUNTED_PAUSE);
        self.extend_timeouts(excess);
        self.patience.extend(excess);
        if let Some(end) = &mut self.end {
            end.grace_ends = end.grace_ends.saturating_add(excess);
        }
    }

    /// Records that nobody drives the call from `now` on.
    pub fn pause(&mut self, now: Instant) {
        self.paused = now;
    }

    /// Ends the call. The `grace` for requests in flight begins when its caller asked for the end,
    /// at `asked`, but at most a second before `now`.
    pub fn stop(&mut self, asked: Instant, grace: Duration, now: Instant) {
        if self.ids.outcomes.remaining() == 0 {
            return;
        }
        let from = asked.max(now.saturating_sub(MAX_COUNTED_PAUSE));
        let grace_ends = from.saturating_add(grace);
        self.end_within(Rc::new(Error::cancelled()), grace_ends);
        if let Some(end) = &mut self.end {
            end.grace_ends = end.grace_ends.min(grace_ends);
        }
    }

    /// What to do at `now`. `uploading`: the latest attempt whose request has not been written
    /// completely.
    pub fn next(&mut self, now: Instant, uploading: Option<AttemptId>) -> Step<T::Step> {
        self.abandon(now)
            .or_else(|| self.ended())
            .or_else(|| self.announce(now))
            .or_else(|| self.proceed(now, uploading))
            .unwrap_or_else(|| self.finish(now))
    }

    /// What the call is doing at `now`.
    pub fn progress(&self, now: Instant) -> Progress {
        let next_send = self.next_send(now).filter(|_| self.end.is_none() && !self.is_full());
        Progress {
            remaining: self.ids.outcomes.remaining(),
            requests: self.attempts,
            in_flight: self.in_flight.len(),
            next_send: next_send.map(|at| at.since(now)),
            error: self.patience.waits_out(),
        }
    }

    /// The outcomes so far: each id once, in the order given.
    pub fn report(&self) -> Vec<Batch> {
        self.ids.outcomes.report()
    }

    /// Reports the result of the token provider.
    pub fn on_token(&mut self, result: Result<Credential, TokenError>, now: Instant) {
        self.extend_timeouts(self.tokens.elapsed(now));
        match self.tokens.on_token(result, now, &mut self.random) {
            TokenVerdict::Ready => {}
            TokenVerdict::Later(error) => {
                self.breaker.failed(now, now, &mut self.random);
                self.patience.failed(&Rc::new(error), now);
            }
            TokenVerdict::Never(error) => self.end(Rc::new(error), now),
        }
    }

    /// Reports the response to an attempt.
    pub fn on_response(&mut self, id: AttemptId, response: Response, now: Instant) {
        let Some(attempt) = self.remove_attempt(id) else { return };
        self.limit.borrow_mut().responded(attempt.sent, now);
        let client_request_id = attempt.client_request_id.clone();
        match response.judge(client_request_id, self.tokens.secrets()) {
            Ok(receipt) => self.accepted(attempt.group, receipt, now),
            Err(rejection) => self.rejected(attempt, rejection, now),
        }
    }

    /// Reports that an attempt has no response.
    pub fn on_error(&mut self, id: AttemptId, error: TransportError, now: Instant) {
        let Some(attempt) = self.remove_attempt(id) else { return };
        let has_accepted = self.instance_has_accepted.get();
        let rejection = Rejection::of_transport_error(&error, has_accepted, self.tokens.secrets());
        self.rejected(attempt, rejection, now);
    }

    /// Reports that an attempt was abandoned, with its response as far as it arrived.
    pub fn on_abandoned(&mut self, id: AttemptId, response: Option<Response>, now: Instant) {
        if let Some(response) = response {
            return self.on_response(id, response, now);
        }
        if self.is_past_deadline(now) {
            let error = Rc::new(Error::deadline_exceeded());
            self.end(error.clone(), now);
            let Some(attempt) = self.remove_attempt(id) else { return };
            return self.rejected(attempt, Rejection::without_response(error, Disposition::Permanent), now);
        }
        let cause = match self.end {
            None => format!("no response within {} ms", self.options.attempt_timeout.as_millis()),
            Some(_) => "no response before the call ended".to_owned(),
        };
        self.on_error(id, TransportError { kind: TransportErrorKind::NoResponse, cause }, now);
    }

    /// The step that abandons an attempt whose time is over.
    fn abandon(&self, now: Instant) -> Option<Step<T::Step>> {
        let late = self.in_flight.iter().find(|attempt| self.abandon_at(attempt) <= now)?;
        Some(Step::Abandon(late.id))
    }

    /// The step that reports what has ended and has not been reported yet.
    fn ended(&mut self) -> Option<Step<T::Step>> {
        let ended = self.ids.outcomes.take_ended();
        (!ended.is_empty()).then_some(Step::Ended(ended))
    }

    /// The step of a call that sends nothing more: it waits for what is in flight, and then it is
    /// over.
    fn finish(&self, now: Instant) -> Step<T::Step> {
        // Such a call does not wait for a store that fails.
        let is_usable = |at: &Instant| self.uses_turns(now) && !self.is_past_deadline(now.max(*at));
        let announce_at = self.announce_at().filter(is_usable);
        match self.next_timeout().into_iter().chain(announce_at).min() {
            Some(until) => Step::Wait(until),
            None => Step::Over(self.cause()),
        }
    }

    /// What a call that is over carries: none if every id was accepted.
    fn cause(&self) -> Option<Rc<Error>> {
        if self.ids.outcomes.remaining() > 0 {
            invariant::broken("a call that is over has ended every id");
        }
        let first_error = self.ids.outcomes.first_error()?;
        Some(self.end.as_ref().map_or(first_error, |end| &end.cause).clone())
    }

    /// Extends the timeout of every request in flight by `elapsed`, a time in which no response
    /// could be read.
    fn extend_timeouts(&mut self, elapsed: Duration) {
        for attempt in &mut self.in_flight {
            attempt.timeout = attempt.timeout.saturating_add(elapsed);
        }
    }

    /// Takes an attempt out of those in flight.
    fn remove_attempt(&mut self, id: AttemptId) -> Option<Attempt> {
        let position = self.in_flight.iter().position(|attempt| attempt.id == id)?;
        Some(self.in_flight.remove(position))
    }

    fn is_past_deadline(&self, time: Instant) -> bool {
        self.deadline.is_some_and(|deadline| time >= deadline)
    }

    /// When an attempt is abandoned.
    fn abandon_at(&self, attempt: &Attempt) -> Instant {
        let grace_ends = self.end.as_ref().map(|end| end.grace_ends);
        [self.deadline, grace_ends].into_iter().flatten().fold(attempt.timeout, Instant::min)
    }

    /// When the next attempt is abandoned.
    fn next_timeout(&self) -> Option<Instant> {
        self.in_flight.iter().map(|attempt| self.abandon_at(attempt)).min()
    }

    /// Ends the call, unless it has ended already.
    fn end(&mut self, cause: Rc<Error>, now: Instant) {
        self.end_within(cause, now.saturating_add(GRACE));
    }

    /// Ends the call, unless it has ended already: nothing more is sent, and requests in flight
    /// have this time to end.
    fn end_within(&mut self, cause: Rc<Error>, grace_ends: Instant) {
        if self.end.is_none() {
            self.end = Some(End { cause, grace_ends });
            self.ids.close(self.in_flight.iter_mut().map(|attempt| &mut attempt.group));
        }
    }
}

/// How long requests in flight may still take when a call ends other than by its deadline.
pub const GRACE: Duration = Duration::from_secs(10);

/// Of the time in which nobody drives a call, this much counts for timeouts, patience and grace:
/// neither a host that polls nor one that pauses distorts them.
pub(crate) const MAX_COUNTED_PAUSE: Duration = Duration::from_secs(1);
