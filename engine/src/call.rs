//! One call of an action as a state machine. It performs nothing: [`Call::next`] returns what to do, and the caller
//! reports what came of it.
//!
//! ```text
//!   next ─ GetToken ──▶ the token provider ──▶ token ─┐
//!     ▲  ─ Reserve ───▶ the other instances ──▶ turn ─┤
//!     │  ─ Hold ──────▶ the other instances ──▶ held ─┤
//!     │  ─ Send ──────▶ the network ──▶ response │ failed
//!     │  ─ Abandon ───▶ the network ──▶ abandoned ────┤
//!     │  ─ Wait ──────▶ until then, or until an attempt makes progress
//!     │  ─ Done                                       │
//!     └───────────────────────────────────────────────┘
//! ```

use std::mem;
use std::rc::Rc;

use crate::action::Action;
use crate::arguments::{Options, Settings, distinct_ids};
use crate::circuit::Circuit;
use crate::endpoint::Endpoint;
use crate::error::{Class, Error, TransportError, TransportErrorKind};
use crate::guid;
use crate::patience::Patience;
use crate::random::Random;
use crate::rate_limit::{InstanceState, RateLimitState};
use crate::report::{Batch, Failure};
use crate::request::Request;
use crate::response::{MAX_TEXT_BYTES, Rejection, Response};
use crate::time::{MILLISECOND, Nanos, SECOND};
use crate::token::{Authorization, Credential, TokenError, TokenRequest};
use crate::tokens::{TokenVerdict, Tokens};
use crate::turns::{Queue, TurnRequest, Turns};
use crate::work::{Group, Work};

mod attempt_end;
mod turn;

/// What to do next.
pub enum Step {
    /// Ask the token provider, then report its answer to [`Call::token`].
    GetToken(TokenRequest),
    /// Ask for a turn, then report the answer to [`Call::turn`]. Only if the instance takes turns with others.
    Reserve(TurnRequest),
    /// Have the other instances of this queue wait so long, then report the result to [`Call::held`].
    Hold(Queue, Nanos),
    /// Send a request. Report its response to [`Call::response`], or the lack of one to [`Call::failed`].
    Send(AttemptId, Request),
    /// Stop waiting for an attempt, then call [`Call::abandoned`].
    Abandon(AttemptId),
    /// Wait until this time, or until an attempt makes progress.
    Wait(Nanos),
    /// The call is over.
    Done(Result<Vec<Batch>, Failure>),
}

/// Identifies an attempt of a call. Later attempts are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptId(u32);

/// A call of an action. Times are since any fixed start, the same for all calls of an instance.
///
/// `TAKES_TURNS`: the instance takes turns with others. It is a parameter, so that a plugin without them has none of their
/// code.
pub struct Call<'a, const TAKES_TURNS: bool = false> {
    action: &'static Action,
    settings: Settings,
    /// The instance's state, and the part of it that this call changes.
    instance: &'a mut InstanceState,
    limit: RateLimitState,
    random: Random,
    work: Work,
    in_flight: Vec<Attempt>,
    attempts: u32,
    tokens: Tokens,
    /// Used only if the instance takes turns with others.
    turns: Turns,
    circuit: Circuit,
    patience: Patience,
    /// The first error that a group ended with.
    first_error: Option<Rc<Error>>,
    /// What ended the call, and when requests in flight are abandoned: nothing is sent any more.
    end: Option<(Rc<Error>, Nanos)>,
    deadline: Option<Nanos>,
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

impl<'a, const TAKES_TURNS: bool> Call<'a, TAKES_TURNS> {
    /// A call that begins at `now`. The error names an invalid argument. `seed` is a random number.
    pub fn new(
        action: &'static Action,
        ids: Vec<String>,
        options: Options,
        instance: &'a mut InstanceState,
        now: Nanos,
        seed: u64,
    ) -> Result<Self, String> {
        let settings = Settings::parse(action, options)?;
        let ids = distinct_ids(action, ids)?;
        let mut limit = instance.take(settings.tenant.as_deref(), &settings.audience, action.limit);
        // A hold from an earlier call is a failure of this one: a call does not wait longer than its patience.
        let mut patience = Patience::new(settings.patience);
        let deadline = settings.deadline.map(|time| now.saturating_add(time));
        let mut end = None;
        if let Some((until, error)) = limit.held(now) {
            patience.failed(&error, now);
            end = deadline.is_some_and(|deadline| deadline <= until).then_some((error, now));
        }
        Ok(Call {
            limit,
            turns: Turns::default(),
            instance,
            deadline,
            action,
            work: Work::new(ids, settings.ids_per_request, settings.isolate_refused),
            settings,
            random: Random::new(seed),
            in_flight: Vec::new(),
            attempts: 0,
            tokens: Tokens::default(),
            circuit: Circuit::default(),
            patience,
            first_error: None,
            end,
        })
    }

    /// The scheme and authority that requests are sent to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    /// What to do at `now`. `uploading`: the latest attempt whose request has not been written completely.
    pub fn next(&mut self, now: Nanos, uploading: Option<AttemptId>) -> Step {
        if let Some(late) = self.in_flight.iter().find(|attempt| self.abandon_at(attempt) <= now) {
            return Step::Abandon(late.id);
        }
        if !self.is_past_deadline(now)
            && let Some(wait) = self.turns().and_then(|turns| turns.take_announcement(now))
        {
            return Step::Hold(self.queue(), wait);
        }
        if self.end.is_none()
            && let Some(step) = self.proceed(now, uploading)
        {
            return step;
        }
        // A call that has ended does not wait for a store that fails.
        let announce_at =
            self.announce_at().filter(|at| self.turns.is_usable(now) && !self.is_past_deadline(now.max(*at)));
        match self.next_timeout().into_iter().chain(announce_at).min() {
            Some(until) => Step::Wait(until),
            None => Step::Done(self.finish()),
        }
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
        let client_request_id = attempt.client_request_id.clone();
        match response.judge(client_request_id, self.tokens.secrets()) {
            Ok(receipt) => self.accepted(attempt.group, receipt, now),
            Err(rejection) => self.rejected(attempt, rejection, now),
        }
    }

    /// Reports that an attempt has no response.
    pub fn failed(&mut self, id: AttemptId, error: TransportError, now: Nanos) {
        let Some(attempt) = self.remove_attempt(id) else { return };
        let class = error.kind.class(self.instance.has_accepted);
        let error = error.kind.error(self.tokens.secrets().sanitize(&error.cause, MAX_TEXT_BYTES));
        self.rejected(attempt, Rejection { error: Rc::new(error), class, retry_after: None, claims: None }, now);
    }

    /// Reports that an attempt was abandoned, with its response as far as it arrived.
    pub fn abandoned(&mut self, id: AttemptId, response: Option<Response>, now: Nanos) {
        if let Some(response) = response {
            return self.response(id, response, now);
        }
        if self.is_past_deadline(now) {
            self.end(Rc::new(Error::DeadlineExceeded), now);
            let Some(attempt) = self.remove_attempt(id) else { return };
            let error = Rc::new(Error::DeadlineExceeded);
            let rejection = Rejection { error, class: Class::Permanent, retry_after: None, claims: None };
            return self.rejected(attempt, rejection, now);
        }
        let timeout = self.settings.attempt_timeout / MILLISECOND;
        let cause = match self.end {
            None => format!("no response within {timeout} ms"),
            Some(_) => "no response before the call ended".to_owned(),
        };
        self.failed(id, TransportError { kind: TransportErrorKind::NoResponse, cause }, now);
    }

    /// Sends what may be sent, or returns until when to wait. `None`: nothing is left to send, or the call has ended.
    fn proceed(&mut self, now: Nanos, uploading: Option<AttemptId>) -> Option<Step> {
        let patience_ends = self.patience.ends();
        if patience_ends.is_some_and(|end| end <= now) {
            self.end_with_last_error(now);
            return None;
        }
        let others =
            [self.next_timeout(), patience_ends, self.deadline, self.announce_at()].into_iter().flatten().min();
        let wait = |until: Nanos| Some(Step::Wait(others.map_or(until, |other| other.min(until))));
        let Some(due) = self.work.next_due(now, self.circuit.is_open()) else {
            return if self.in_flight.is_empty() { None } else { wait(Nanos::MAX) };
        };
        let at = due.max(self.limit_earliest(now)).max(self.circuit.earliest());
        let at = if self.tokens.is_ready() { at } else { at.max(self.tokens.retry_at()) };
        if self.is_past_deadline(now) || (self.in_flight.is_empty() && self.is_past_deadline(at)) {
            self.end(Rc::new(Error::DeadlineExceeded), now);
            return None;
        }
        if self.in_flight.is_empty() && patience_ends.is_some_and(|end| end <= at) {
            self.end_with_last_error(now);
            return None;
        }
        let max_in_flight = if self.circuit.is_open() { 1 } else { self.settings.max_in_flight };
        let is_full = self.in_flight.len() >= max_in_flight;
        // The place in the queue comes before the token, which would age in the queue.
        if self.needs_turn(now) && !self.turns.is_queued() {
            return if is_full {
                wait(Nanos::MAX)
            } else if at > now {
                wait(at)
            } else {
                Some(self.reserve(now))
            };
        }
        if !self.tokens.is_ready() {
            // A spacing early, so that waiting for the token does not lower the rate.
            let early = at.saturating_sub(self.limit.spacing(self.settings.rate_limit));
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
            (false, true) => Some(self.reserve(now)),
            (false, false) => self.send(now),
        }
    }

    fn get_token(&mut self, now: Nanos) -> Step {
        Step::GetToken(self.tokens.request(&self.settings, now))
    }

    fn send(&mut self, now: Nanos) -> Option<Step> {
        let (authorization, refreshes) = self.tokens.take()?;
        let mut group = self.work.take(now, self.circuit.is_open())?;
        self.limit.sent(self.settings.rate_limit, now);
        if let Some(turns) = self.turns() {
            turns.sent();
        }
        let client_request_id = guid::random(self.random.next(), self.random.next());
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
        let end = self.end.as_ref().map(|(_, grace)| *grace);
        [Some(attempt.timeout), self.deadline, end].into_iter().flatten().min().unwrap_or(attempt.timeout)
    }

    /// When the next attempt is abandoned.
    fn next_timeout(&self) -> Option<Nanos> {
        self.in_flight.iter().map(|attempt| self.abandon_at(attempt)).min()
    }

    fn end_with_last_error(&mut self, now: Nanos) {
        let error = self.patience.last_error().unwrap_or_else(not_attempted);
        self.end(error, now);
    }

    /// Ends the call, unless it has ended already: nothing more is sent.
    fn end(&mut self, error: Rc<Error>, now: Nanos) {
        self.end.get_or_insert((error, now.saturating_add(GRACE)));
    }

    fn finish(&mut self) -> Result<Vec<Batch>, Failure> {
        let (batches, is_complete) = mem::take(&mut self.work).finish();
        if is_complete {
            return Ok(batches);
        }
        let ended_by = self.end.take().map(|(error, _)| error);
        let cause = ended_by.or_else(|| self.first_error.take()).unwrap_or_else(not_attempted);
        Err(Failure { cause, batches })
    }
}

/// The state of the limit outlives the call, whichever way the call ends.
impl<const TAKES_TURNS: bool> Drop for Call<'_, TAKES_TURNS> {
    fn drop(&mut self) {
        let limit = mem::replace(&mut self.limit, RateLimitState::new());
        self.instance.put(self.settings.tenant.as_deref(), &self.settings.audience, self.action.limit, limit);
    }
}

fn not_attempted() -> Rc<Error> {
    Rc::new(Error::NotAttempted)
}

/// A request that is not written after this time does not keep others waiting any longer.
const MAX_UPLOAD_WAIT: Nanos = 10 * SECOND;

/// When a call ends other than by its deadline, requests in flight have this long.
const GRACE: Nanos = 10 * SECOND;
