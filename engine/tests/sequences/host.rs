//! Drives one call: draws every event, as a host might let it happen, and checks each step.

use entra_risk_engine::call::{AttemptId, Call, Step};
use entra_risk_engine::contract::token::{Credential, TokenError};
use entra_risk_engine::http::transport_error::TransportErrorKind;

use crate::sequences::check::{Check, require};
use crate::sequences::event::Event;
use entra_risk_engine::time::Duration;

use crate::sequences::nanos::{MILLISECOND, Nanos, SECOND, at};
use crate::sequences::random::Random;
use crate::sequences::verdict::Verdict;

/// The characters of every token. Nothing else contains them.
pub const TOKEN_CHARACTERS: &str = "~^|!";

/// No text contains as many characters of a token in a row.
pub const MAX_RUN: usize = 24;

const HOUR_MS: u64 = 3_600_000;

/// More steps than a call can take.
const MAX_STEPS: u32 = 100_000;

pub struct Host {
    pub call: Call,
    pub check: Check,
    pub random: Random,
    pub now: Nanos,
    pub trace: bool,
    /// How many of 100 requests are accepted.
    pub percent_accepted: u64,
    /// The latest fault, which is likely to last.
    pub mood: u64,
    /// The token returned last, or empty.
    pub token: String,
    /// The tokens returned so far.
    pub tokens: Vec<String>,
    /// How many of 100 steps the caller takes for an occasion to stop the call.
    pub percent_stopped: u64,
    /// In how many of 100 waits nobody drives the call any further.
    pub percent_paused: u64,
    /// When the call goes on, if nothing happens before.
    pub wakes: Nanos,
    pub steps: u32,
}

/// What a caller knows of its call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    Open,
    Over,
}

impl Host {
    /// Drives the call from `now` on, for some steps.
    pub fn visit(&mut self, now: Nanos) -> State {
        self.now = now;
        let paused = self.check.paused;
        self.call.resume(at(now));
        self.check.resume(now);
        self.print(|| "resume".to_owned());
        self.maybe_stop(paused);
        // What has arrived meanwhile is read first.
        while self.random.chance(30)
            && let Some(id) = self.pick_in_flight()
        {
            self.end(id);
        }
        let mut state = State::Open;
        while self.step(&mut state) {}
        self.call.pause(at(self.now));
        self.check.pause(self.now);
        state
    }

    /// One step. Returns whether to go on.
    fn step(&mut self, state: &mut State) -> bool {
        self.steps += 1;
        require("the call terminates", self.steps < MAX_STEPS, String::new);
        self.ask();
        let uploading = if self.random.chance(20) { self.check.in_flight().last() } else { None };
        let step = self.call.next(at(self.now), uploading);
        self.print(|| describe(&step));
        self.check.step(&step, uploading, self.now);
        self.wakes = self.now;
        match step {
            Step::GetToken(request) => {
                let asked = self.now;
                let result = self.answer(request.refresh);
                let elapsed = if self.random.chance(90) { 0 } else { span(&mut self.random) / 60 };
                self.now += elapsed;
                self.check.token(&result, elapsed, self.now);
                self.call.on_token(result, at(self.now));
                self.maybe_stop(asked);
            }
            Step::Send(id, _) => {
                // Some hosts fail immediately.
                if self.random.chance(3) {
                    self.end(id);
                }
            }
            Step::Abandon(id) => self.abandon(id),
            Step::Turn(turn) => match turn {},
            Step::Wait(until) if self.random.chance(self.percent_paused) => {
                self.wakes = until.as_nanos();
                return false;
            }
            Step::Wait(until) => {
                self.wait(until.as_nanos());
                self.maybe_stop(self.now);
            }
            Step::Ended(_) => return self.random.chance(50),
            Step::Over(_) => {
                *state = State::Over;
                return false;
            }
        }
        self.random.chance(98)
    }

    /// Asks the call about its progress and its report.
    fn ask(&mut self) {
        if self.random.chance(20) {
            self.check.progress(&self.call.progress(at(self.now)), self.now);
        }
        if self.random.chance(10) {
            self.check.report(&self.call.report());
        }
    }

    /// Sometimes stops the call, as its caller asked at some time from `since` on.
    fn maybe_stop(&mut self, since: Nanos) {
        if !self.random.chance(self.percent_stopped) {
            return;
        }
        let asked = since + self.random.below(self.now - since + 1);
        let grace = (self.random.log_uniform(30_000) - 1) * MILLISECOND;
        self.print(|| format!("stop, asked {} before, grace {grace}", self.now - asked));
        self.check.stop(asked, grace, self.now);
        self.call.stop(at(asked), Duration::from_nanos(grace), at(self.now));
    }

    fn pick_in_flight(&mut self) -> Option<AttemptId> {
        let in_flight: Vec<AttemptId> = self.check.in_flight().collect();
        (!in_flight.is_empty()).then(|| *self.random.pick(&in_flight))
    }

    /// Lets time pass: until the end of the wait or of an attempt, or much longer.
    fn wait(&mut self, until: Nanos) {
        let rest = until - self.now;
        match self.pick_in_flight() {
            Some(id) if self.random.chance(80) => {
                let most = if self.random.chance(99) { rest } else { rest.saturating_add(100 * SECOND) };
                self.now += self.random.log_uniform(most.min(100 * SECOND)).saturating_sub(1);
                self.end(id);
            }
            _ => {
                self.now = match self.random.below(100) {
                    0 => until + span(&mut self.random),
                    1..=20 => self.now + self.random.log_uniform(rest),
                    _ => until,
                }
            }
        }
    }

    /// Ends an attempt with a response or an error.
    fn end(&mut self, id: AttemptId) {
        let (event, verdict) = self.event();
        // Of two holds that a call meets together, the longer one is its failure. With their jitter,
        // it is not known here which one that is.
        if verdict.holds() && !self.check.unseen_holds(self.now).labels.is_empty() {
            return;
        }
        self.print(|| format!("{id:?} {verdict:?}"));
        self.check.ended(id, verdict, self.now);
        match event {
            Event::Response(response) => self.call.on_response(id, response, at(self.now)),
            Event::Failure(error) => self.call.on_error(id, error, at(self.now)),
        }
    }

    fn abandon(&mut self, id: AttemptId) {
        let has_unseen = !self.check.unseen_holds(self.now).labels.is_empty();
        let partial = match self.event() {
            (_, verdict) if verdict.holds() && has_unseen => None,
            (Event::Response(response), verdict) if self.random.chance(30) => Some((response, verdict)),
            _ => None,
        };
        let silence = match self.check.is_past_deadline(self.now) {
            true => Verdict::at_deadline(),
            false => Verdict::of_transport_error(TransportErrorKind::NoResponse, true),
        };
        let (response, verdict) = partial.map_or((None, silence), |(response, verdict)| (Some(response), verdict));
        self.print(|| format!("{id:?} {verdict:?}"));
        self.check.ended(id, verdict, self.now);
        self.call.on_abandoned(id, response, at(self.now));
    }

    fn answer(&mut self, refresh: bool) -> Result<Credential, TokenError> {
        let text = self.text();
        match self.random.below(if self.mood == 1 { 20 } else { 1_000 }) {
            0 => return Err(TokenError::Denied(text)),
            1 => {
                let token = self.random.pick(&["", "a b", "ü"]).to_string();
                return Ok(Credential { bearer: Some(token) });
            }
            2 => return Ok(Credential { bearer: Some("~".repeat(65_537)) }),
            3..=15 => return Err(TokenError::Unavailable(text)),
            16..=40 => {
                self.token.clear();
                return Ok(Credential { bearer: None });
            }
            _ => {}
        }
        if self.token.is_empty() || refresh || self.random.chance(5) {
            let length = if self.random.chance(1) { 5_000 } else { 24 + self.random.below(100) };
            let characters = (0..length).map(|_| self.random.pick(TOKEN_CHARACTERS.as_bytes()));
            self.token = characters.copied().map(char::from).collect();
            self.tokens.push(self.token.clone());
        }
        Ok(Credential { bearer: Some(self.token.clone()) })
    }

    pub fn print(&self, event: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>14.6} call {}: {}", self.now as f64 / SECOND as f64, self.check.number, event());
        }
    }
}

fn describe<T>(step: &Step<T>) -> String {
    match step {
        Step::GetToken(request) => format!("{request:?}"),
        Step::Turn(_) => "turn".to_owned(),
        Step::Send(id, request) => format!("send {id:?}, {} bytes", request.body.as_ref().map_or(0, Vec::len)),
        Step::Abandon(id) => format!("abandon {id:?}"),
        Step::Wait(until) => format!("wait until {:.6}", until.as_nanos() as f64 / SECOND as f64),
        Step::Ended(batches) => {
            let batches: Vec<_> = batches.iter().map(|batch| (batch.ids.len(), &batch.outcome)).collect();
            format!("ended {batches:?}")
        }
        Step::Over(cause) => format!("over {cause:?}"),
    }
}

/// A time span from 0 to hours.
pub fn span(random: &mut Random) -> Nanos {
    (random.log_uniform(5 * HOUR_MS) - 1) * MILLISECOND
}
