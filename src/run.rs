//! The loop, in the order things happen: launch what may be sent, wait, read what came, decide what next.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;
use std::thread::LocalKey;
use std::time::Duration;

use crate::action::{Action, ServiceLimit};
use crate::bindings::exports::entra::risk::actions::{Batch as BatchResult, Failure, Outcome, Receipt};
use crate::error::{Error, Fate, Transport};
use crate::guid;
use crate::http::{self, Exchange};
use crate::input::{Input, Settings};
use crate::pace::Pacer;
use crate::request::Request;
use crate::response::{Accepted, Answer};
use crate::retry::{self, Attempt, Decision};
use crate::token::{Authorization, Refusal};

// What was sent against each limit of the service, for as long as the instance lives. An instance runs one call at a
// time, which takes the account and puts it back.
thread_local! {
    static SIGN_INS: Cell<Pacer> = const { Cell::new(Pacer::new()) };
    static RISKY_USERS: Cell<Pacer> = const { Cell::new(Pacer::new()) };
}

/// Performs an action: `Ok` if every id was accepted.
pub fn run(action: &'static Action, input: Input) -> Result<Vec<Receipt>, Failure> {
    let account: &LocalKey<Cell<Pacer>> = match action.service_limit {
        ServiceLimit::SignIns => &SIGN_INS,
        ServiceLimit::RiskyUsers => &RISKY_USERS,
    };
    let mut run = Run::new(action, input, account.take());
    run.drive();
    account.set(mem::take(&mut run.pacer));
    run.result()
}

struct Run {
    action: &'static Action,
    settings: Settings,
    /// The deadline of the call, by the clock.
    deadline: Option<Duration>,
    pacer: Pacer,
    batches: Vec<Batch>,
    /// The batches from here on were not tried yet.
    untried: usize,
    /// The batches to be tried again, and not before when.
    retries: BinaryHeap<Reverse<(Duration, usize)>>,
    in_flight: Vec<Flight>,
    /// Nothing is sent before: the service said to slow down.
    held_until: Duration,
    /// The error that ended the call: nothing is sent any more.
    ended_by: Option<Error>,
    /// The first error that a batch ended with.
    first_error: Option<Error>,
}

/// Ids that are sent together.
struct Batch {
    ids: Vec<String>,
    attempts: u32,
    /// An attempt may have been applied, for all that is known.
    ambiguous: bool,
    /// The token of the last attempt was refused.
    refusal: Option<Refusal>,
    had_fresh_token: bool,
    /// What became of the last attempt that ended.
    last: Option<Result<Accepted, Error>>,
}

/// An attempt under way.
struct Flight {
    /// The position of its batch.
    batch: usize,
    exchange: Exchange,
    client_request_id: String,
    /// Kept to redact what the answer echoes.
    authorization: Authorization,
    /// When to wait no longer.
    ends_at: Duration,
}

impl Run {
    fn new(action: &'static Action, input: Input, pacer: Pacer) -> Run {
        let Input { ids, settings } = input;
        let mut ids = ids.into_iter().peekable();
        let mut batches = Vec::new();
        while ids.peek().is_some() {
            batches.push(Batch::new(ids.by_ref().take(settings.ids_per_request).collect()));
        }
        Run {
            action,
            deadline: settings.deadline.map(|time| http::now().saturating_add(time)),
            settings,
            pacer,
            batches,
            untried: 0,
            retries: BinaryHeap::new(),
            in_flight: Vec::new(),
            held_until: Duration::ZERO,
            ended_by: None,
            first_error: None,
        }
    }

    fn drive(&mut self) {
        loop {
            let next_launch = self.launch();
            let next_end = self.in_flight.iter().map(|flight| flight.ends_at).min();
            let Some(wake) = next_launch.into_iter().chain(next_end).min() else { break };
            http::wait(self.in_flight.iter().map(|flight| &flight.exchange), wake);
            self.read();
        }
    }

    /// Sends all that may be sent now. Gives the time when more may be, unless that depends on an answer or nothing
    /// is left.
    fn launch(&mut self) -> Option<Duration> {
        while self.ended_by.is_none() && self.in_flight.len() < self.settings.max_in_flight {
            let now = http::now();
            let retry = self.retries.peek().map(|&Reverse(retry)| retry);
            let untried = (self.untried < self.batches.len()).then_some((Duration::ZERO, self.untried));
            // A batch that was begun goes first, once its time has come.
            let (due, batch) = retry.filter(|&(due, _)| due <= now).or(untried).or(retry)?;
            let at = due.max(self.held_until).max(self.pacer.earliest(&self.settings.pace));
            if self.deadline.is_some_and(|deadline| now >= deadline || (self.in_flight.is_empty() && at >= deadline)) {
                self.ended_by = Some(Error::DeadlinePassed);
            } else if at > now {
                return Some(at);
            } else {
                if Some(batch) == untried.map(|(_, untried)| untried) {
                    self.untried = self.untried.saturating_add(1);
                } else {
                    self.retries.pop();
                }
                self.send(batch);
            }
        }
        None
    }

    /// Makes one attempt to send a batch.
    fn send(&mut self, index: usize) {
        let Some(batch) = self.batches.get_mut(index) else { return };
        let authorization = match Authorization::get(self.settings.audience, batch.refusal.take()) {
            Ok(authorization) => authorization,
            Err(error) => return self.fail(index, error),
        };
        // The host may have taken its time for the token.
        let now = http::now();
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.ended_by = Some(Error::DeadlinePassed);
            return;
        }
        batch.attempts = batch.attempts.saturating_add(1);
        self.pacer.sent(&self.settings.pace, now);
        let client_request_id = guid::random(u128::from(http::chance()) << 64 | u128::from(http::chance()));
        let request =
            Request::new(self.action, self.settings.api_version, &batch.ids, &authorization, &client_request_id);
        match Exchange::start(&self.settings.endpoint, request) {
            Ok(exchange) => {
                let timeout = now.saturating_add(self.settings.attempt_timeout);
                let ends_at = self.deadline.map_or(timeout, |deadline| timeout.min(deadline));
                self.in_flight.push(Flight { batch: index, exchange, client_request_id, authorization, ends_at });
            }
            Err(error) => self.fail(index, error.redacted(&authorization)),
        }
    }

    /// Takes in the answers that came, and gives up what has waited long enough.
    fn read(&mut self) {
        // Before the answers are looked at: one that is there wins over the clock.
        let now = http::now();
        for mut flight in mem::take(&mut self.in_flight) {
            match flight.exchange.advance() {
                Some(Ok(answer)) => {
                    self.answered(flight.batch, answer, flight.client_request_id, &flight.authorization);
                }
                Some(Err(error)) => self.fail(flight.batch, error.redacted(&flight.authorization)),
                None if now < flight.ends_at => self.in_flight.push(flight),
                None => self.timed_out(flight, now),
            }
        }
    }

    fn answered(&mut self, index: usize, answer: Answer, client_request_id: String, authorization: &Authorization) {
        match answer.judge(client_request_id, authorization) {
            Ok(accepted) => {
                if let Some(batch) = self.batches.get_mut(index) {
                    batch.last = Some(Ok(accepted));
                }
            }
            Err(error) => self.fail(index, Error::Answered(error)),
        }
    }

    fn timed_out(&mut self, flight: Flight, now: Duration) {
        let Flight { batch: index, exchange, client_request_id, authorization, .. } = flight;
        if let Some(answer) = exchange.into_answer() {
            return self.answered(index, answer, client_request_id, &authorization);
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.ended_by = self.ended_by.take().or(Some(Error::DeadlinePassed));
            if let Some(batch) = self.batches.get_mut(index) {
                batch.ambiguous = true;
            }
            self.fail(index, Error::DeadlinePassed);
        } else {
            let cause = format!("no answer within {} ms", self.settings.attempt_timeout.as_millis());
            self.fail(index, Error::NoAnswer(Transport { cause, may_pass: true }));
        }
    }

    /// Takes in an attempt that was not accepted, and decides what next.
    fn fail(&mut self, index: usize, error: Error) {
        let Some(batch) = self.batches.get_mut(index) else { return };
        let now = http::now();
        let attempt = Attempt {
            number: batch.attempts,
            max: self.settings.max_attempts,
            had_fresh_token: batch.had_fresh_token,
            time_left: self.deadline.map(|deadline| deadline.saturating_sub(now)),
        };
        let wait = retry::wait(&error, batch.attempts, http::chance());
        let retry_at = now.saturating_add(wait);
        if error.status() == Some(429) {
            self.held_until = self.held_until.max(retry_at);
        }
        batch.ambiguous |= error.fate() == Fate::Unknown;
        let decision = attempt.decide(&error, wait);
        match decision {
            _ if self.ended_by.is_some() => {}
            Decision::Retry(_) => self.retries.push(Reverse((retry_at, index))),
            Decision::RetryWithFreshToken => {
                batch.had_fresh_token = true;
                self.retries.push(Reverse((now, index)));
            }
            Decision::GiveUp => self.first_error = self.first_error.take().or_else(|| Some(error.clone())),
            Decision::EndCall => self.ended_by = Some(error.clone()),
        }
        if let Error::Answered(answer) = &error {
            batch.refusal = (answer.status == 401).then(|| Refusal { claims: answer.claims.clone() });
        }
        // Without a token nothing was sent, and what an earlier attempt met says more of the ids.
        if !(matches!(error, Error::NoToken(_)) && batch.last.is_some()) {
            batch.last = Some(Err(error));
        }
    }

    fn result(self) -> Result<Vec<Receipt>, Failure> {
        if self.batches.iter().all(|batch| matches!(batch.last, Some(Ok(_)))) {
            return Ok(self.batches.into_iter().filter_map(Batch::into_receipt).collect());
        }
        let untold = match &self.ended_by {
            Some(Error::DeadlinePassed) => Error::DeadlinePassed,
            _ => Error::Stopped,
        };
        let batches = self.batches.into_iter().map(|batch| batch.into_result(&untold)).collect();
        let cause = self.ended_by.or(self.first_error).unwrap_or(Error::Stopped);
        Err(Failure { cause: cause.into(), batches })
    }
}

impl Batch {
    fn new(ids: Vec<String>) -> Batch {
        Batch { ids, attempts: 0, ambiguous: false, refusal: None, had_fresh_token: false, last: None }
    }

    fn into_receipt(self) -> Option<Receipt> {
        Some(receipt(self.ids, self.attempts, self.last?.ok()?))
    }

    /// What became of the batch; `untold` is the error of one that was never tried.
    fn into_result(self, untold: &Error) -> BatchResult {
        let Batch { ids, attempts, ambiguous, last, .. } = self;
        let outcome = match last {
            Some(Ok(accepted)) => Outcome::Accepted(receipt(ids.clone(), attempts, accepted)),
            Some(Err(error)) => error.into_outcome(ambiguous),
            None => untold.clone().into_outcome(ambiguous),
        };
        BatchResult { ids, attempts, outcome }
    }
}

fn receipt(ids: Vec<String>, attempts: u32, accepted: Accepted) -> Receipt {
    let Accepted { request_id, client_request_id, date } = accepted;
    Receipt { ids, attempts, request_id, client_request_id, date }
}
