//! One call of an action as a state machine. It performs nothing: [`Call::next`] returns what to do, and the caller
//! reports what came of it.
//!
//! ```text
//!   next ─ GetToken ──▶ the token provider ──▶ token ─────┐
//!     ▲  ─ Turn ──────▶ the other instances ──▶ turn, held┤
//!     │  ─ Send ──────▶ the network ──▶ response │ failed │
//!     │  ─ Abandon ───▶ the network ──▶ abandoned ────────┤
//!     │  ─ Wait ──────▶ until then, or until an attempt makes progress
//!     │  ─ Ended ─────▶ the caller of the action          │
//!     │  ─ Over ──────▶ the caller of the action          │
//!     └───────────────────────────────────────────────────┘
//! ```

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::call::circuit_breaker::Circuit;
use crate::call::id_queue::{Group, Work};
use crate::call::patience::Patience;
use crate::call::token_requests::{TokenVerdict, Tokens};
use crate::contract::action::Action;
use crate::contract::arguments::{Options, Settings, distinct_ids};
use crate::contract::endpoint::Endpoint;
use crate::contract::error::{Class, Error, TransportError, TransportErrorKind};
use crate::contract::id;
use crate::contract::report::{Batch, Progress};
use crate::contract::token::{Authorization, Credential, TokenError, TokenRequest};
use crate::http::request::Request;
use crate::http::response::{MAX_TEXT_BYTES, Rejection, Response};
use crate::invariant;
use crate::limit::rate_limit::{HoldNumber, InstanceState, SharedLimit};
use crate::limit::turns::{NoTurns, Turning, Turns};
use crate::random::Random;
use crate::time::{MILLISECOND, Nanos, SECOND};

mod attempt_end;
mod bisection;
mod circuit_breaker;
mod id_queue;
mod patience;
mod token_requests;
mod turn;

/// What to do next. `T` is what a call asks of other instances.
pub enum Step<T> {
    /// Ask the token provider, then report its answer to [`Call::token`].
    GetToken(TokenRequest),
    /// Ask the other instances.
    Turn(T),
    /// Send a request. Report its response to [`Call::response`], or the lack of one to [`Call::failed`].
    Send(AttemptId, Request),
    /// Stop waiting for an attempt, then call [`Call::abandoned`].
    Abandon(AttemptId),
    /// Wait until this time, or until an attempt makes progress.
    Wait(Nanos),
    /// These ids have their outcome: it is final. Never empty.
    Ended(Vec<Batch>),
    /// Every id has been reported. None: every id was accepted. Otherwise what ended the call, or else the first error.
    Over(Option<Rc<Error>>),
}

/// Identifies an attempt of a call. Later attempts are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptId(u32);

/// A call of an action. Times are since any fixed start, the same for all calls of an instance.
///
/// The calls of an instance share its state. Each is driven from [`Call::resume`] to [`Call::pause`], whenever its caller has
/// time for it.
pub struct Call<T: Turning = NoTurns> {
    action: &'static Action,
    settings: Settings,
    /// The instance has seen an acceptance.
    instance_has_accepted: Rc<Cell<bool>>,
    limit: SharedLimit,
    /// Until when the responses to this call hold it: a time that may have passed.
    held_until: Nanos,
    /// The latest hold of the limit that this call has seen.
    seen_hold: HoldNumber,
    random: Random,
    work: Work,
    in_flight: Vec<Attempt>,
    attempts: u32,
    tokens: Tokens,
    /// Used only if the instance takes turns with others.
    turns: Turns,
    circuit: Circuit,
    patience: Patience,
    /// What ended the call: nothing is sent any more.
    end: Option<End>,
    deadline: Option<Nanos>,
    /// When the call was last paused.
    paused: Nanos,
    turning: PhantomData<T>,
}

/// The end of a call.
struct End {
    cause: Rc<Error>,
    /// When the requests in flight are abandoned.
    grace: Nanos,
}

/// A request in flight.
struct Attempt {
    id: AttemptId,
    group: Group,
    client_request_id: String,
    /// The token, kept so that it stays known: the response may repeat it.
    _authorization: Authorization,
    /// The number of refreshes before it.
    refreshes: u32,
    sent: Nanos,
    timeout: Nanos,
}

impl<T: Turning> Call<T> {
    /// A call that begins at `now`. The error names an invalid argument; `parameter` is the name of the one that contains the
    /// ids. `seed` is a random number.
    pub fn new(
        action: &'static Action,
        parameter: &str,
        ids: &[String],
        options: Options,
        instance: &mut InstanceState,
        now: Nanos,
        seed: u64,
    ) -> Result<Self, String> {
        let settings = Settings::parse(action, options)?;
        let ids = distinct_ids(parameter, ids)?;
        let mut call = Call {
            instance_has_accepted: instance.has_accepted(),
            limit: instance.limit(settings.tenant.as_deref(), &settings.audience, action.limit),
            held_until: 0,
            seen_hold: HoldNumber::default(),
            random: Random::new(seed),
            work: Work::new(ids, settings.ids_per_request, settings.isolate_refused),
            in_flight: Vec::new(),
            attempts: 0,
            tokens: Tokens::default(),
            turns: Turns::default(),
            circuit: Circuit::default(),
            patience: Patience::new(settings.patience),
            end: None,
            deadline: settings.deadline.map(|time| now.saturating_add(time)),
            paused: now,
            turning: PhantomData,
            settings,
            action,
        };
        call.notice_hold(now);
        Ok(call)
    }

    /// The scheme and authority that requests are sent to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    /// Goes on at `now`. Of the time since [`Call::pause`], at most a second counts for timeouts, patience and grace.
    pub fn resume(&mut self, now: Nanos) {
        let excess = now.saturating_sub(self.paused).saturating_sub(MAX_COUNTED_PAUSE);
        self.extend_timeouts(excess);
        self.patience.extend(excess);
        if let Some(end) = &mut self.end {
            end.grace = end.grace.saturating_add(excess);
        }
    }

    /// Records that nobody drives the call from `now` on.
    pub fn pause(&mut self, now: Nanos) {
        self.paused = now;
    }

    /// Ends the call, as its caller asked at `asked`: of the time since then, at most a second counts. Requests in flight have
    /// `grace` to end.
    pub fn stop(&mut self, asked: Nanos, grace: Nanos, now: Nanos) {
        if self.work.left() == 0 {
            return;
        }
        let from = asked.max(now.saturating_sub(MAX_COUNTED_PAUSE));
        self.end_within(Rc::new(Error::cancelled()), from, grace);
        if let Some(end) = &mut self.end {
            end.grace = end.grace.min(from.saturating_add(grace));
        }
    }

    /// What to do at `now`. `uploading`: the latest attempt whose request has not been written completely.
    pub fn next(&mut self, now: Nanos, uploading: Option<AttemptId>) -> Step<T> {
        if let Some(late) = self.in_flight.iter().find(|attempt| self.abandon_at(attempt) <= now) {
            return Step::Abandon(late.id);
        }
        if let Some(step) = self.ended().or_else(|| self.announce(now)) {
            return step;
        }
        // What a call carries when it is over does not change any more.
        if self.end.is_none()
            && self.work.left() > 0
            && let Some(step) = self.proceed(now, uploading)
        {
            return step;
        }
        if let Some(step) = self.ended() {
            return step;
        }
        // A call that has ended does not wait for a store that fails.
        let announce_at =
            self.announce_at().filter(|at| self.turns.is_usable(now) && !self.is_past_deadline(now.max(*at)));
        match self.next_timeout().into_iter().chain(announce_at).min() {
            Some(until) => Step::Wait(until),
            None => Step::Over(self.cause()),
        }
    }

    /// What the call is doing at `now`.
    pub fn progress(&self, now: Nanos) -> Progress {
        let next_send = self.next_send(now).filter(|_| self.end.is_none() && !self.is_full());
        Progress {
            left: self.work.left(),
            requests: self.attempts,
            in_flight: self.in_flight.len(),
            next_send: next_send.map(|at| at.saturating_sub(now)),
            error: self.patience.waits_out(),
        }
    }

    /// The outcomes so far: each id once, in the order given.
    pub fn report(&self) -> Vec<Batch> {
        self.work.report()
    }

    /// Reports the answer of the token provider.
    pub fn token(&mut self, result: Result<Credential, TokenError>, now: Nanos) {
        let (verdict, elapsed) = self.tokens.answered(result, now, &mut self.random);
        self.extend_timeouts(elapsed);
        match verdict {
            TokenVerdict::Ready => {}
            TokenVerdict::Later(error) => {
                self.circuit.failed(now, now, &mut self.random);
                self.patience.failed(&Rc::new(error), now);
            }
            TokenVerdict::End(error) => self.end(Rc::new(error), now),
        }
    }

    /// Reports the response to an attempt.
    pub fn response(&mut self, id: AttemptId, response: Response, now: Nanos) {
        let Some(attempt) = self.remove_attempt(id) else { return };
        self.limit.borrow_mut().responded(attempt.sent, now);
        let client_request_id = attempt.client_request_id.clone();
        match response.judge(client_request_id, self.tokens.secrets()) {
            Ok(receipt) => self.accepted(attempt.group, receipt, now),
            Err(rejection) => self.rejected(attempt, rejection, now),
        }
    }

    /// Reports that an attempt has no response.
    pub fn failed(&mut self, id: AttemptId, error: TransportError, now: Nanos) {
        let Some(attempt) = self.remove_attempt(id) else { return };
        let class = error.kind.class(self.instance_has_accepted.get());
        let error = error.kind.error(&self.tokens.secrets().sanitize(&error.cause, MAX_TEXT_BYTES));
        self.rejected(
            attempt,
            Rejection { error: Rc::new(error), class, retry_after: None, claims: None, named: Vec::new() },
            now,
        );
    }

    /// Reports that an attempt was abandoned, with its response as far as it arrived.
    pub fn abandoned(&mut self, id: AttemptId, response: Option<Response>, now: Nanos) {
        if let Some(response) = response {
            return self.response(id, response, now);
        }
        if self.is_past_deadline(now) {
            let error = Rc::new(Error::deadline_exceeded());
            self.end(error.clone(), now);
            let Some(attempt) = self.remove_attempt(id) else { return };
            let rejection =
                Rejection { error, class: Class::Permanent, retry_after: None, claims: None, named: Vec::new() };
            return self.rejected(attempt, rejection, now);
        }
        let timeout = self.settings.attempt_timeout / MILLISECOND;
        let cause = match self.end {
            None => format!("no response within {timeout} ms"),
            Some(_) => "no response before the call ended".to_owned(),
        };
        self.failed(id, TransportError { kind: TransportErrorKind::NoResponse, cause }, now);
    }

    /// What has ended and has not been reported yet.
    fn ended(&mut self) -> Option<Step<T>> {
        let ended = self.work.take_ended();
        (!ended.is_empty()).then_some(Step::Ended(ended))
    }

    /// Sends what may be sent, or returns until when to wait. `None`: nothing is left to send, or the call has ended.
    fn proceed(&mut self, now: Nanos, uploading: Option<AttemptId>) -> Option<Step<T>> {
        self.notice_hold(now);
        let patience_ends = self.patience.ends();
        if patience_ends.is_some_and(|end| end <= now) {
            self.end_with_last_error(now);
        }
        if self.end.is_some() {
            return None;
        }
        let others =
            [self.next_timeout(), patience_ends, self.deadline, self.announce_at()].into_iter().flatten().min();
        let wait = |until: Nanos| Some(Step::Wait(others.map_or(until, |other| other.min(until))));
        let Some(at) = self.next_send(now) else {
            return if self.in_flight.is_empty() { None } else { wait(Nanos::MAX) };
        };
        if self.is_past_deadline(now) || (self.in_flight.is_empty() && self.is_past_deadline(at)) {
            self.end(Rc::new(Error::deadline_exceeded()), now);
            return None;
        }
        if self.in_flight.is_empty() && patience_ends.is_some_and(|end| end <= at) {
            self.end_with_last_error(now);
            return None;
        }
        let is_full = self.is_full();
        // The place in the queue comes before the token, which would age in the queue.
        if self.needs_turn(now) && !self.turns.is_queued() {
            return if is_full {
                wait(Nanos::MAX)
            } else if at > now {
                wait(at)
            } else {
                self.reserve(now)
            };
        }
        if !self.tokens.is_ready() {
            // A spacing early, so that waiting for the token does not lower the rate.
            let early = at.saturating_sub(self.limit.borrow().spacing(self.settings.rate_limit));
            // While the token provider is asked, no request is written: those in flight are written first.
            let uploading = self.in_flight.iter().find(|attempt| Some(attempt.id) == uploading);
            let written = uploading.map_or(0, |attempt| attempt.sent.saturating_add(MAX_UPLOAD_WAIT));
            let ask = early.max(written).max(self.tokens.retry_at());
            return if ask <= now { Some(self.get_token(now)) } else { wait(ask) };
        }
        if is_full {
            return wait(Nanos::MAX);
        }
        match (at > now, self.needs_turn(now)) {
            (true, _) => wait(at),
            (false, true) => self.reserve(now),
            (false, false) => self.send(now),
        }
    }

    /// When the next request may be sent, apart from how many are in flight: a time that may have passed. `None`: no id waits.
    fn next_send(&self, now: Nanos) -> Option<Nanos> {
        let due = self.work.next_due(now, self.circuit.is_open())?;
        let at = due.max(self.limit_earliest(now)).max(self.circuit.earliest());
        Some(if self.tokens.is_ready() { at } else { at.max(self.tokens.retry_at()) })
    }

    /// As many requests are in flight as may be.
    fn is_full(&self) -> bool {
        self.in_flight.len() >= if self.circuit.is_open() { 1 } else { self.settings.max_in_flight }
    }

    /// A hold that another call asked for is a failure of this one: it does not wait longer than its patience.
    fn notice_hold(&mut self, now: Nanos) {
        let (hold, number) = {
            let limit = self.limit.borrow();
            (limit.held_by_others(self.seen_hold, now), limit.hold_number())
        };
        self.seen_hold = number;
        if let Some((until, error)) = hold {
            self.patience.failed(&error, now);
            if self.is_past_deadline(until) {
                self.end(Rc::new(Rc::unwrap_or_clone(error).too_long("deadline-ms")), now);
            }
        }
    }

    fn get_token(&mut self, now: Nanos) -> Step<T> {
        Step::GetToken(self.tokens.request(&self.settings, now))
    }

    fn send(&mut self, now: Nanos) -> Option<Step<T>> {
        let (authorization, refreshes) = self.tokens.take()?;
        let mut group = self.work.take(now, self.circuit.is_open(), self.needs_smaller_groups())?;
        self.limit.borrow_mut().sent(self.settings.rate_limit, self.action.limit.rate_limit(), now);
        if let Some(turns) = self.turns() {
            turns.sent();
        }
        let client_request_id = id::random_guid(self.random.next(), self.random.next());
        let ids = self.work.send(&mut group);
        let request = Request::new(self.action, self.settings.api_version, &ids, &authorization, &client_request_id);
        self.attempts = self.attempts.wrapping_add(1);
        let id = AttemptId(self.attempts);
        let timeout = now.saturating_add(self.settings.attempt_timeout);
        self.in_flight.push(Attempt {
            id,
            group,
            client_request_id,
            _authorization: authorization,
            refreshes,
            sent: now,
            timeout,
        });
        Some(Step::Send(id, request))
    }

    /// Adds the time in which the responses to requests in flight could not be read.
    fn extend_timeouts(&mut self, elapsed: Nanos) {
        for attempt in &mut self.in_flight {
            attempt.timeout = attempt.timeout.saturating_add(elapsed);
        }
    }

    /// Takes an attempt out of those in flight.
    fn remove_attempt(&mut self, id: AttemptId) -> Option<Attempt> {
        let position = self.in_flight.iter().position(|attempt| attempt.id == id)?;
        Some(self.in_flight.remove(position))
    }

    fn is_past_deadline(&self, time: Nanos) -> bool {
        self.deadline.is_some_and(|deadline| time >= deadline)
    }

    /// When an attempt is abandoned.
    fn abandon_at(&self, attempt: &Attempt) -> Nanos {
        let end = self.end.as_ref().map(|end| end.grace);
        [Some(attempt.timeout), self.deadline, end].into_iter().flatten().min().unwrap_or(attempt.timeout)
    }

    /// When the next attempt is abandoned.
    fn next_timeout(&self) -> Option<Nanos> {
        self.in_flight.iter().map(|attempt| self.abandon_at(attempt)).min()
    }

    fn end_with_last_error(&mut self, now: Nanos) {
        let error = self.patience.last_error().unwrap_or_else(|| invariant::broken("patience ends after a failure"));
        self.end(error, now);
    }

    /// Ends the call, unless it has ended already.
    fn end(&mut self, cause: Rc<Error>, now: Nanos) {
        self.end_within(cause, now, GRACE);
    }

    /// Ends the call, unless it has ended already: nothing more is sent, and requests in flight have `grace` to end.
    fn end_within(&mut self, cause: Rc<Error>, now: Nanos, grace: Nanos) {
        if self.end.is_none() {
            self.end = Some(End { cause, grace: now.saturating_add(grace) });
            self.work.close(self.in_flight.iter_mut().map(|attempt| &mut attempt.group));
        }
    }

    /// What a call that is over carries: none if every id was accepted.
    fn cause(&self) -> Option<Rc<Error>> {
        if self.work.left() > 0 {
            invariant::broken("every id has its outcome when a call is over");
        }
        let first_error = self.work.first_error()?;
        Some(self.end.as_ref().map_or(first_error, |end| &end.cause).clone())
    }
}

/// A request that is not written after this time does not keep others waiting any longer.
const MAX_UPLOAD_WAIT: Nanos = 10 * SECOND;

/// When a call ends other than by its deadline, requests in flight have this long.
pub const GRACE: Nanos = 10 * SECOND;

/// Of the time in which nobody drives a call, this much counts for timeouts, patience and grace: neither a host that polls nor
/// one that pauses distorts them.
const MAX_COUNTED_PAUSE: Nanos = SECOND;
