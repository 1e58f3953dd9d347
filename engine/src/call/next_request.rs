//! The way of a call to its next request: three questions, and what follows from their answers.

use std::rc::Rc;

use crate::call::Call;
use crate::call::attempt::{Attempt, AttemptId};
use crate::call::step::Step;
use crate::contract::error::Error;
use crate::contract::id;
use crate::http::request::Request;
use crate::limit::with_turns::Turns;
use crate::time::{Duration, Instant};

/// What a call does about its next request: the answer to three questions, in the order in which
/// they are asked.
enum Decision {
    /// The call ends, for this reason.
    End(Rc<Error>),
    /// Something is missing and must be obtained first.
    Obtain(Missing),
    /// Nothing is missing: the request is sent.
    Send,
}

/// What is missing for the next request. A call obtains it in this order.
enum Missing {
    /// A place in the queue of the instances. It comes before the token, which would age in the
    /// queue.
    Place,
    /// A token.
    Token,
    /// A slot, because as many requests are in flight as may be.
    Slot,
    /// Time, because of the limit, a backoff or the circuit breaker.
    Time,
    /// The turn among the instances.
    Turn,
}

impl<T: Turns> Call<T> {
    /// Brings the call closer to its next request. None: nothing more is sent.
    pub(super) fn proceed(&mut self, now: Instant, uploading: Option<AttemptId>) -> Option<Step<T::Step>> {
        if self.end.is_some() || self.ids.outcomes.remaining() == 0 {
            return None;
        }
        let at = match self.next_send(now) {
            None if self.in_flight.is_empty() => return None,
            // No id waits, but those in flight may have to be sent again.
            at => at.unwrap_or(Instant::MAX),
        };
        match self.decide(at, now) {
            Decision::End(error) => {
                self.end(error, now);
                self.ended()
            }
            Decision::Obtain(missing) => self.obtain(missing, at, now, uploading),
            Decision::Send => self.send(now),
        }
    }

    /// Asks the three questions. `at`: when the next request may be sent, as far as only time
    /// matters.
    fn decide(&mut self, at: Instant, now: Instant) -> Decision {
        if let Some(error) = self.reason_to_end(at, now) {
            return Decision::End(error);
        }
        let needs_turn = self.needs_turn(now);
        let missing = if needs_turn && !self.is_queued() {
            Missing::Place
        } else if !self.tokens.is_ready() {
            Missing::Token
        } else if self.is_full() {
            Missing::Slot
        } else if at > now {
            Missing::Time
        } else if needs_turn {
            Missing::Turn
        } else {
            return Decision::Send;
        };
        Decision::Obtain(missing)
    }

    /// Why the call ends now, if it does.
    fn reason_to_end(&mut self, at: Instant, now: Instant) -> Option<Rc<Error>> {
        if let Some(error) = self.notice_hold(now) {
            return Some(error);
        }
        // While nothing is in flight, nothing can be accepted before the next request is sent.
        let next = if self.in_flight.is_empty() { at.max(now) } else { now };
        self.patience.reason_to_end(self.deadline, next, now)
    }

    /// A hold that another call asked for is a failure of this one too. Returns the reason to end
    /// the call if the hold lasts beyond the deadline.
    pub(super) fn notice_hold(&mut self, now: Instant) -> Option<Rc<Error>> {
        let hold = self.holds.notice(&self.limit.borrow(), now)?;
        self.patience.failed(&hold.by, now);
        self.is_past_deadline(hold.until).then(|| Rc::new(Rc::unwrap_or_clone(hold.by).too_long("deadline-ms")))
    }

    /// Obtains what is missing, or waits until it can be obtained.
    fn obtain(
        &mut self,
        missing: Missing,
        at: Instant,
        now: Instant,
        uploading: Option<AttemptId>,
    ) -> Option<Step<T::Step>> {
        let until = match missing {
            Missing::Token => self.ask_for_token_at(at, uploading),
            // A place too is reserved only when there is a slot and the time has come.
            _ if self.is_full() => Instant::MAX,
            _ => at,
        };
        if until > now {
            return Some(self.wait(until));
        }
        match missing {
            Missing::Token => Some(Step::GetToken(self.tokens.request(&self.options, now))),
            _ => self.reserve(now),
        }
    }

    /// When to ask for the token of a request that may be sent at this time: a spacing early, so
    /// that waiting for the token does not lower the rate.
    fn ask_for_token_at(&self, at: Instant, uploading: Option<AttemptId>) -> Instant {
        let early = at.saturating_sub(self.limit.borrow().spacing(self.options.rate_limit));
        // While the token provider is asked, no request is written. One that is being written comes
        // first.
        let uploading = self.in_flight.iter().find(|attempt| Some(attempt.id) == uploading);
        let written = uploading.map_or(Instant::ORIGIN, |attempt| attempt.sent.saturating_add(MAX_UPLOAD_WAIT));
        early.max(written).max(self.tokens.retry_at())
    }

    /// Waits until this time, but not beyond the next one at which something else is to be done.
    fn wait(&self, until: Instant) -> Step<T::Step> {
        let times = [self.next_timeout(), self.patience.ends(), self.deadline, self.announce_at()];
        Step::Wait(times.into_iter().flatten().fold(until, Instant::min))
    }

    /// The earliest time at which the next request may be sent, however many are in flight. `None`:
    /// no id waits.
    pub(super) fn next_send(&self, now: Instant) -> Option<Instant> {
        let due = self.ids.next_due(now, self.breaker.is_open())?;
        let at = due.max(self.limit_earliest(now)).max(self.breaker.earliest());
        Some(if self.tokens.is_ready() { at } else { at.max(self.tokens.retry_at()) })
    }

    /// Whether as many requests are in flight as may be.
    pub(super) fn is_full(&self) -> bool {
        self.in_flight.len() >= if self.breaker.is_open() { 1 } else { self.options.max_in_flight }
    }

    /// Sends the next request.
    fn send(&mut self, now: Instant) -> Option<Step<T::Step>> {
        let token = self.tokens.take()?;
        let mut group = self.ids.take(now, self.breaker.is_open(), self.needs_smaller_groups())?;
        self.limit.borrow_mut().sent(self.options.rate_limit, self.action.limit.rate_limit(), now);
        if let Some(turns) = &mut self.turns {
            turns.as_mut().sent();
        }
        let client_request_id = id::random_guid(self.random.next(), self.random.next());
        let ids = self.ids.send(&mut group);
        let version = self.options.api_version;
        let request = Request::new(self.action, version, &ids, &token.authorization, &client_request_id);
        self.attempts = self.attempts.wrapping_add(1);
        let id = AttemptId::new(self.attempts);
        let timeout = now.saturating_add(self.options.attempt_timeout);
        self.in_flight.push(Attempt { id, group, client_request_id, token, sent: now, timeout });
        Some(Step::Send(id, request))
    }
}

/// The longest time for which a request that is being written delays the question for a token.
const MAX_UPLOAD_WAIT: Duration = Duration::from_secs(10);
