//! One call of an action as a state machine. It performs nothing: [`Call::next`] returns what to do, and the caller
//! reports what came of it.
//!
//! ```text
//!   next ─ GetToken ──▶ the token provider ──▶ token ─┐
//!     ▲  ─ Send ──────▶ the network ──▶ response │ failed
//!     │  ─ Abandon ───▶ the network ──▶ abandoned ────┤
//!     │  ─ Wait ──────▶ until then, or until an attempt makes progress
//!     │  ─ Done                                       │
//!     └───────────────────────────────────────────────┘
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;
use std::ops::Range;
use std::rc::Rc;

use crate::action::{Action, RateLimit};
use crate::arguments::{Options, Settings, distinct_ids};
use crate::circuit::{Circuit, FIRST_BACKOFF, MAX_BACKOFF, backoff};
use crate::error::{Class, Error, OutcomeKind, TransportError, TransportErrorKind};
use crate::guid;
use crate::random::Random;
use crate::rate_limit::{InstanceState, MIN_RETRY_AFTER, RateLimitState};
use crate::report::{Batch, Failure, Outcome};
use crate::request::Request;
use crate::response::{MAX_TEXT_BYTES, Receipt, Rejection, Response};
use crate::time::{MILLISECOND, Nanos, SECOND};
use crate::token::{Authorization, Credential, TokenError, TokenRequest};
use crate::tokens::{TokenVerdict, Tokens};

/// What to do next.
pub enum Step {
    /// Ask the token provider, then report its answer to [`Call::token`].
    GetToken(TokenRequest),
    /// Send a request. Report its response to [`Call::response`], or the lack of one to [`Call::failed`].
    Send(AttemptId, Request),
    /// Stop waiting for an attempt, then call [`Call::abandoned`].
    Abandon(AttemptId),
    /// Wait until this time, or until an attempt makes progress.
    Wait(Nanos),
    /// The call is over.
    Done(Result<Vec<Batch>, Failure>),
}

/// Identifies an attempt of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptId(u32);

/// A call of an action. Times are since any fixed start, the same for all calls of an instance.
pub struct Call<'a> {
    action: &'static Action,
    settings: Settings,
    /// The instance's state, and the part of it that this call changes.
    instance: &'a mut InstanceState,
    limit: RateLimitState,
    random: Random,
    ids: Vec<String>,
    groups: Vec<Group>,
    /// The groups from here on were never sent.
    unattempted: usize,
    /// The groups to send again, and the time before which not.
    retries: BinaryHeap<Reverse<(Nanos, usize)>>,
    in_flight: Vec<Attempt>,
    attempts: u32,
    tokens: Tokens,
    circuit: Circuit,
    /// The call has seen an acceptance.
    has_accepted: bool,
    /// The first failure since the last acceptance.
    failing_since: Option<Nanos>,
    /// The latest failure.
    last_error: Option<Rc<Error>>,
    /// The first error that a group ended with.
    first_error: Option<Rc<Error>>,
    /// What ended the call, and when requests in flight are abandoned: nothing is sent any more.
    end: Option<(Rc<Error>, Nanos)>,
    deadline: Option<Nanos>,
}

/// Ids that are sent in one request.
struct Group {
    /// Their positions.
    ids: Range<usize>,
    /// Requests that carried them.
    attempts: u32,
    /// Those that count towards `max-attempts`.
    counted_attempts: u32,
    /// An attempt may have been applied.
    maybe_applied: bool,
    /// An attempt was repeated with a fresh token.
    had_fresh_token: bool,
    /// How the last attempt ended.
    result: Option<Result<Receipt, Rc<Error>>>,
}

/// A request in flight.
struct Attempt {
    id: AttemptId,
    group: usize,
    client_request_id: String,
    /// To keep it out of texts.
    authorization: Authorization,
    /// The number of the token.
    token: u32,
    sent: Nanos,
    timeout: Nanos,
}

impl<'a> Call<'a> {
    /// A call that begins at `now`. The error names an invalid argument. `seed` is a random number.
    pub fn new(
        action: &'static Action,
        ids: Vec<String>,
        options: Options,
        instance: &'a mut InstanceState,
        now: Nanos,
        seed: u64,
    ) -> Result<Call<'a>, String> {
        let settings = Settings::parse(action, options)?;
        let ids = distinct_ids(action, ids)?;
        let size = settings.ids_per_request;
        let groups = (0..ids.len()).step_by(size);
        let groups = groups.map(|start| Group::new(start..start.saturating_add(size).min(ids.len()))).collect();
        let limit = instance.take(settings.tenant.as_deref(), &settings.audience, action.limit);
        // A hold from an earlier call is a failure of this one: a call does not wait longer than its patience.
        let held_by = limit.held_by(now);
        Ok(Call {
            limit,
            instance,
            deadline: settings.deadline.map(|time| now.saturating_add(time)),
            action,
            settings,
            random: Random::new(seed),
            ids,
            groups,
            unattempted: 0,
            retries: BinaryHeap::new(),
            in_flight: Vec::new(),
            attempts: 0,
            tokens: Tokens::default(),
            circuit: Circuit::default(),
            has_accepted: false,
            failing_since: held_by.is_some().then_some(now),
            last_error: held_by,
            first_error: None,
            end: None,
        })
    }

    /// The rate limit that is kept.
    pub fn rate_limit(&self) -> RateLimit {
        self.settings.rate_limit
    }

    /// The scheme and authority that requests are sent to.
    pub fn endpoint(&self) -> &crate::endpoint::Endpoint {
        &self.settings.endpoint
    }

    /// What to do at `now`. `is_uploading`: a request in flight has not been written completely.
    pub fn next(&mut self, now: Nanos, is_uploading: bool) -> Step {
        if let Some(late) = self.in_flight.iter().find(|attempt| self.gives_up_at(attempt) <= now) {
            return Step::Abandon(late.id);
        }
        if self.end.is_none()
            && let Some(step) = self.proceed(now, is_uploading)
        {
            return step;
        }
        match self.next_timeout() {
            Some(timeout) => Step::Wait(timeout),
            None => Step::Done(self.finish()),
        }
    }

    /// Reports the answer of the token provider.
    pub fn token(&mut self, result: Result<Credential, TokenError>, now: Nanos) {
        let (verdict, elapsed) = self.tokens.answered(result, now, &mut self.random);
        for attempt in &mut self.in_flight {
            attempt.timeout = attempt.timeout.saturating_add(elapsed);
        }
        match verdict {
            TokenVerdict::Ready => {}
            TokenVerdict::Later(error) => {
                self.circuit.failed(now, &mut self.random);
                self.failure(Rc::new(error), now);
            }
            TokenVerdict::End(error) => self.end(Rc::new(error), now),
        }
    }

    /// Reports the response to an attempt.
    pub fn response(&mut self, id: AttemptId, response: Response, now: Nanos) {
        let Some(attempt) = self.land(id) else { return };
        let client_request_id = attempt.client_request_id.clone();
        match response.judge(client_request_id, &attempt.authorization) {
            Ok(receipt) => self.accepted(attempt.group, receipt, now),
            Err(rejection) => self.rejected(attempt, rejection, now),
        }
    }

    /// Reports that an attempt has no response.
    pub fn failed(&mut self, id: AttemptId, error: TransportError, now: Nanos) {
        let Some(attempt) = self.land(id) else { return };
        let class = error.kind.class(self.instance.has_accepted);
        let error = error.kind.error(attempt.authorization.sanitize(&error.cause, MAX_TEXT_BYTES));
        self.rejected(attempt, Rejection { error, class, retry_after: None, claims: None }, now);
    }

    /// Reports that an attempt was abandoned, with its response as far as it arrived.
    pub fn abandoned(&mut self, id: AttemptId, response: Option<Response>, now: Nanos) {
        if let Some(response) = response {
            return self.response(id, response, now);
        }
        if self.is_past_deadline(now) {
            self.end(Rc::new(Error::DeadlineExceeded), now);
            let Some(attempt) = self.land(id) else { return };
            let error = Error::DeadlineExceeded;
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
    fn proceed(&mut self, now: Nanos, is_uploading: bool) -> Option<Step> {
        let patience_ends = self.patience_ends();
        if patience_ends.is_some_and(|end| end <= now) {
            self.end_with_last_error(now);
            return None;
        }
        let others = [self.next_timeout(), patience_ends, self.deadline].into_iter().flatten().min();
        let wait = |until: Nanos| Some(Step::Wait(others.map_or(until, |other| other.min(until))));
        let Some((due, group)) = self.candidate(now) else {
            return if self.in_flight.is_empty() { None } else { wait(Nanos::MAX) };
        };
        let at = due.max(self.limit.earliest(self.settings.rate_limit)).max(self.circuit.earliest());
        let at = if self.tokens.is_ready() { at } else { at.max(self.tokens.retry_at()) };
        if self.is_past_deadline(now) || (self.in_flight.is_empty() && self.is_past_deadline(at)) {
            self.end(Rc::new(Error::DeadlineExceeded), now);
            return None;
        }
        if self.in_flight.is_empty() && patience_ends.is_some_and(|end| end <= at) {
            self.end_with_last_error(now);
            return None;
        }
        if !self.tokens.is_ready() {
            // While the token provider is asked, no request is written: those in flight are written first.
            if is_uploading && !self.in_flight.is_empty() {
                return wait(Nanos::MAX);
            }
            // A spacing early, so that waiting for the token does not lower the rate.
            let early = at.saturating_sub(self.limit.spacing(self.settings.rate_limit));
            let ask = early.max(self.tokens.retry_at());
            return if ask <= now { Some(self.get_token(now)) } else { wait(ask) };
        }
        let max_in_flight = if self.circuit.is_open() { 1 } else { self.settings.max_in_flight };
        if self.in_flight.len() >= max_in_flight {
            return wait(Nanos::MAX);
        }
        if at > now { wait(at) } else { self.send(group, now) }
    }

    /// The group to send next, and the time before which not.
    fn candidate(&self, now: Nanos) -> Option<(Nanos, usize)> {
        let unattempted = (self.unattempted < self.groups.len()).then_some((0, self.unattempted));
        if self.circuit.is_open() {
            // Probes rotate over the groups: an outage uses up the attempts of none while others have more left.
            let retries =
                self.retries.iter().map(|&Reverse((due, group))| (due.max(now), self.attempts_of(group), group));
            return unattempted.or_else(|| retries.min().map(|(due, _, group)| (due, group)));
        }
        // A group that was sent before goes first, once its time has come.
        let retry = self.retries.peek().map(|&Reverse(retry)| retry);
        retry.filter(|&(due, _)| due <= now).or(unattempted).or(retry)
    }

    fn attempts_of(&self, group: usize) -> u32 {
        self.groups.get(group).map_or(0, |group| group.counted_attempts)
    }

    fn get_token(&mut self, now: Nanos) -> Step {
        Step::GetToken(self.tokens.request(&self.settings, now))
    }

    fn send(&mut self, index: usize, now: Nanos) -> Option<Step> {
        if index == self.unattempted {
            self.unattempted = self.unattempted.saturating_add(1);
        } else {
            self.retries.retain(|&Reverse((_, group))| group != index);
        }
        let group = self.groups.get_mut(index)?;
        let (authorization, token) = self.tokens.take()?;
        group.attempts = group.attempts.saturating_add(1);
        group.counted_attempts = group.counted_attempts.saturating_add(1);
        self.limit.sent(self.settings.rate_limit, now);
        let bits = u128::from(self.random.next()) << 64 | u128::from(self.random.next());
        let client_request_id = guid::random(bits);
        let ids = self.ids.get(group.ids.clone()).unwrap_or_default();
        let request = Request::new(self.action, self.settings.api_version, ids, &authorization, &client_request_id);
        self.attempts = self.attempts.wrapping_add(1);
        let id = AttemptId(self.attempts);
        let timeout = now.saturating_add(self.settings.attempt_timeout);
        self.in_flight.push(Attempt { id, group: index, client_request_id, authorization, token, sent: now, timeout });
        Some(Step::Send(id, request))
    }

    /// Takes an attempt out of those in flight.
    fn land(&mut self, id: AttemptId) -> Option<Attempt> {
        let position = self.in_flight.iter().position(|attempt| attempt.id == id)?;
        Some(self.in_flight.remove(position))
    }

    fn accepted(&mut self, group: usize, receipt: Receipt, now: Nanos) {
        self.instance.has_accepted = true;
        self.limit.accepted(self.settings.rate_limit, now);
        self.circuit.close();
        self.has_accepted = true;
        self.failing_since = None;
        if let Some(group) = self.groups.get_mut(group) {
            group.result = Some(Ok(receipt));
        }
    }

    /// Takes in an attempt that was not accepted: what it means for its ids, for the rate, and for the call.
    fn rejected(&mut self, attempt: Attempt, rejection: Rejection, now: Nanos) {
        let Rejection { error, class, retry_after, claims } = rejection;
        let error = Rc::new(error);
        if error.response().is_some() && class != Class::Unexpected {
            self.circuit.expected();
        }
        self.note_failure(&error, class, attempt.group, now);
        match class {
            Class::Throttling => {
                let Call { limit, settings, random, .. } = self;
                limit.throttled(settings.rate_limit, attempt.sent, now, retry_after, &error, random);
            }
            Class::TokenRejection => self.tokens.rejected(attempt.token, claims),
            Class::Transient => {
                self.circuit.failed(now, &mut self.random);
                // Whether or not these ids are sent again: it holds the others and later calls too.
                if let (Some(503), Some(asked)) = (error.response().map(|error| error.status), retry_after) {
                    let asked = asked.max(MIN_RETRY_AFTER);
                    let until = now.saturating_add(asked).saturating_add(self.random.up_to(asked / 4));
                    self.limit.hold(until, &error);
                }
            }
            Class::Refusal => self.circuit.close(),
            Class::Unexpected | Class::Permanent | Class::Fatal => {}
        }
        let too_many_unexpected = class == Class::Unexpected && self.circuit.unexpected(now, &mut self.random);
        let Some(group) = self.groups.get_mut(attempt.group) else { return };
        group.maybe_applied |= error.outcome_kind() == OutcomeKind::Unknown;
        let had_fresh_token = group.had_fresh_token;
        match class {
            Class::Throttling => group.counted_attempts = group.counted_attempts.saturating_sub(1),
            Class::TokenRejection if !had_fresh_token => {
                group.had_fresh_token = true;
                group.counted_attempts = group.counted_attempts.saturating_sub(1);
            }
            _ => {}
        }
        let may_retry = group.counted_attempts < self.settings.max_attempts;
        group.result = Some(Err(error.clone()));
        if too_many_unexpected || class == Class::Fatal || (class == Class::TokenRejection && had_fresh_token) {
            return self.end(error, now);
        }
        if self.end.is_some() {
            return;
        }
        match class {
            Class::Throttling | Class::Transient if self.is_too_long(retry_after, now) => self.end(error, now),
            Class::Throttling | Class::TokenRejection => self.retry(attempt.group, now),
            Class::Transient if may_retry => {
                let due = self.retry_due(attempt.group, retry_after, now);
                self.retry(attempt.group, due);
            }
            _ => self.first_error = self.first_error.take().or(Some(error)),
        }
    }

    /// Takes in what an error means for the patience: refusals are failures until the call has accepted something, and
    /// after that an id refused alone is progress.
    fn note_failure(&mut self, error: &Rc<Error>, class: Class, group: usize, now: Nanos) {
        if class != Class::Refusal || !self.has_accepted {
            self.failure(error.clone(), now);
        } else if self.groups.get(group).is_some_and(|group| group.ids.len() == 1) {
            self.failing_since = None;
        }
    }

    /// When a group may be sent again after an error that may pass.
    fn retry_due(&mut self, group: usize, retry_after: Option<Nanos>, now: Nanos) -> Nanos {
        match retry_after.map(|asked| asked.max(MIN_RETRY_AFTER)) {
            Some(asked) => now.saturating_add(asked).saturating_add(self.random.up_to(asked / 4)),
            // The circuit decides when the next request is sent, whichever group it carries; it may close before that.
            None if self.circuit.is_open() => now.saturating_add(FIRST_BACKOFF),
            None => now.saturating_add(backoff(self.attempts_of(group), MAX_BACKOFF, &mut self.random)),
        }
    }

    fn retry(&mut self, group: usize, due: Nanos) {
        self.retries.push(Reverse((due, group)));
    }

    /// Whether a `Retry-After` lasts beyond the deadline or the remaining patience.
    fn is_too_long(&self, retry_after: Option<Nanos>, now: Nanos) -> bool {
        let Some(until) = retry_after.map(|asked| now.saturating_add(asked)) else { return false };
        self.is_past_deadline(until) || self.patience_ends().is_some_and(|end| end <= until)
    }

    /// Records a failure.
    fn failure(&mut self, error: Rc<Error>, now: Nanos) {
        self.failing_since.get_or_insert(now);
        self.last_error = Some(error);
    }

    /// When the call ends unless an id is accepted before.
    fn patience_ends(&self) -> Option<Nanos> {
        self.failing_since.map(|since| since.saturating_add(self.settings.patience))
    }

    fn is_past_deadline(&self, time: Nanos) -> bool {
        self.deadline.is_some_and(|deadline| time >= deadline)
    }

    /// When an attempt is abandoned.
    fn gives_up_at(&self, attempt: &Attempt) -> Nanos {
        let end = self.end.as_ref().map(|(_, grace)| *grace);
        [Some(attempt.timeout), self.deadline, end].into_iter().flatten().min().unwrap_or(attempt.timeout)
    }

    /// When the next attempt is abandoned.
    fn next_timeout(&self) -> Option<Nanos> {
        self.in_flight.iter().map(|attempt| self.gives_up_at(attempt)).min()
    }

    fn end_with_last_error(&mut self, now: Nanos) {
        let error = self.last_error.take().unwrap_or_else(not_attempted);
        self.end(error, now);
    }

    /// Ends the call, unless it has ended already: nothing more is sent.
    fn end(&mut self, error: Rc<Error>, now: Nanos) {
        self.end.get_or_insert((error, now.saturating_add(GRACE)));
    }

    fn finish(&mut self) -> Result<Vec<Batch>, Failure> {
        let mut ids = mem::take(&mut self.ids).into_iter();
        let mut is_complete = true;
        let mut batches = Vec::with_capacity(self.groups.len());
        for group in mem::take(&mut self.groups) {
            let outcome = match group.result {
                Some(Ok(receipt)) => Outcome::Accepted(receipt),
                Some(Err(error)) => Outcome::of(error, group.maybe_applied),
                None => Outcome::NotApplied(not_attempted()),
            };
            is_complete &= matches!(outcome, Outcome::Accepted(_));
            batches.push(Batch {
                ids: ids.by_ref().take(group.ids.len()).collect(),
                attempts: group.attempts,
                outcome,
            });
        }
        if is_complete {
            return Ok(batches);
        }
        let ended_by = self.end.take().map(|(error, _)| error);
        let cause = ended_by.or_else(|| self.first_error.take()).unwrap_or_else(not_attempted);
        Err(Failure { cause, batches })
    }
}

/// The state of the limit outlives the call, whichever way the call ends.
impl Drop for Call<'_> {
    fn drop(&mut self) {
        let limit = mem::replace(&mut self.limit, RateLimitState::new());
        self.instance.put(self.settings.tenant.as_deref(), &self.settings.audience, self.action.limit, limit);
    }
}

impl Group {
    fn new(ids: Range<usize>) -> Group {
        Group { ids, attempts: 0, counted_attempts: 0, maybe_applied: false, had_fresh_token: false, result: None }
    }
}

fn not_attempted() -> Rc<Error> {
    Rc::new(Error::NotAttempted)
}

/// When a call ends other than by its deadline, requests in flight have this long.
const GRACE: Nanos = 10 * SECOND;
