//! What happens to calls: draws every event and drives the engine through it.

use entra_risk_engine::call::{AttemptId, Call, Step};
use entra_risk_engine::error::TransportErrorKind;
use entra_risk_engine::rate_limit::InstanceState;
use entra_risk_engine::time::{MILLISECOND, Nanos, SECOND};
use entra_risk_engine::token::{Credential, TokenError};

use crate::arguments::Arguments;
use crate::check::{Check, Instance, require};
use crate::event::Event;
use crate::random::Random;
use crate::report;
use crate::verdict::Verdict;

/// The characters of every token. Nothing else contains them.
pub const TOKEN_CHARACTERS: &str = "~^|!";

/// No text contains as many characters of a token in a row.
pub const MAX_RUN: usize = 24;

const HOUR_MS: u64 = 3_600_000;

/// More steps than a call can take.
const MAX_STEPS: u32 = 100_000;

/// Runs several calls on one instance.
pub fn run(seed: u64, trace: bool) {
    let random = &mut Random::new(seed);
    let mut instance = InstanceState::new();
    let mut history = Instance::default();
    let mut now = span(random);
    for _ in 0..=random.below(3) {
        let arguments = Arguments::draw(random);
        now = history.settle(&arguments.key(), now);
        let settings = arguments.settings(now);
        if trace {
            println!("{} of {} ids, {:?}", arguments.action.name, arguments.ids.len(), arguments.options);
        }
        let Arguments { action, ids, options } = arguments;
        let call: Call = Call::new(action, ids, options, &mut instance, now, random.next()).unwrap();
        let check = Check::new(&mut history, settings, now);
        let percent_accepted = *random.pick(&[0, 30, 70, 95, 100]);
        let (token, tokens, sent) = (String::new(), Vec::new(), Vec::new());
        let mut world = World { random, now, trace, percent_accepted, mood: 0, token, tokens, sent };
        world.drive(call, check);
        now = world.now;
        if random.chance(50) {
            now += span(random);
        }
    }
}

pub struct World<'a> {
    pub random: &'a mut Random,
    pub now: Nanos,
    trace: bool,
    /// How many of 100 requests are accepted.
    pub percent_accepted: u64,
    /// The latest fault, which is likely to last.
    pub mood: u64,
    /// The token returned last, or empty.
    pub token: String,
    /// The tokens returned so far.
    pub tokens: Vec<String>,
    /// The requests in flight.
    pub sent: Vec<AttemptId>,
}

impl World<'_> {
    fn drive(&mut self, mut call: Call, mut check: Check) {
        for _ in 0..MAX_STEPS {
            let uploading = if self.random.chance(20) { check.in_flight().last() } else { None };
            let step = call.next(self.now, uploading);
            self.print(|| describe(&step));
            check.step(&step, uploading, self.now);
            match step {
                Step::GetToken(request) => {
                    let result = self.answer(request.refresh);
                    let elapsed = if self.random.chance(90) { 0 } else { span(self.random) / 60 };
                    self.now += elapsed;
                    check.token(&result, elapsed, self.now);
                    call.token(result, self.now);
                }
                Step::Send(id, _) => {
                    self.sent.push(id);
                    // Some hosts fail at once.
                    if self.random.chance(3) {
                        self.end(&mut call, &mut check, id);
                    }
                }
                Step::Abandon(id) => self.abandon(&mut call, &mut check, id),
                Step::Reserve(_) | Step::Hold(..) => require("no turns are taken", false, String::new),
                Step::Wait(until) => self.wait(&mut call, &mut check, until),
                Step::Done(result) => return report::check(&check, &result, self.now),
            }
        }
        require("the call terminates", false, String::new);
    }

    /// Lets time pass: until the end of the wait or of an attempt, or much longer.
    fn wait(&mut self, call: &mut Call, check: &mut Check, until: Nanos) {
        let in_flight: Vec<AttemptId> = check.in_flight().collect();
        let rest = until - self.now;
        if in_flight.is_empty() || self.random.chance(20) {
            self.now = match self.random.below(100) {
                0 => until + span(self.random),
                1..=20 => self.now + self.random.log_uniform(rest),
                _ => until,
            };
        } else {
            let most = if self.random.chance(99) { rest } else { rest.saturating_add(100 * SECOND) };
            self.now += self.random.log_uniform(most.min(100 * SECOND)).saturating_sub(1);
            let id = *self.random.pick(&in_flight);
            self.end(call, check, id);
        }
    }

    /// Ends an attempt with a response or an error.
    fn end(&mut self, call: &mut Call, check: &mut Check, id: AttemptId) {
        let (event, verdict) = self.event(check, id);
        self.print(|| format!("{id:?} {verdict:?}"));
        check.ended(id, verdict, self.now);
        match event {
            Event::Response(response) => call.response(id, response, self.now),
            Event::Failure(error) => call.failed(id, error, self.now),
        }
    }

    fn abandon(&mut self, call: &mut Call, check: &mut Check, id: AttemptId) {
        let partial = match self.event(check, id) {
            (Event::Response(response), verdict) if self.random.chance(30) => Some((response, verdict)),
            _ => None,
        };
        let silence = match check.is_past_deadline(self.now) {
            true => Verdict::at_deadline(),
            false => Verdict::of_transport_error(TransportErrorKind::NoResponse, true),
        };
        let (response, verdict) = partial.map_or((None, silence), |(response, verdict)| (Some(response), verdict));
        self.print(|| format!("{id:?} {verdict:?}"));
        check.ended(id, verdict, self.now);
        call.abandoned(id, response, self.now);
    }

    fn answer(&mut self, refresh: bool) -> Result<Credential, TokenError> {
        let text = self.text();
        match self.random.below(if self.mood == 1 { 20 } else { 1_000 }) {
            0 => return Err(TokenError::Denied(text)),
            1 => return Err(TokenError::Cancelled),
            2 => return Ok(Credential::Bearer(self.random.pick(&["", "a b", "ü"]).to_string())),
            3 => return Ok(Credential::Bearer("~".repeat(65_537))),
            4..=15 => return Err(TokenError::Unavailable(text)),
            16..=40 => {
                self.token.clear();
                return Ok(Credential::AttachedByHost);
            }
            _ => {}
        }
        if self.token.is_empty() || refresh || self.random.chance(5) {
            let length = if self.random.chance(1) { 5_000 } else { 24 + self.random.below(100) };
            let characters = (0..length).map(|_| self.random.pick(TOKEN_CHARACTERS.as_bytes()));
            self.token = characters.copied().map(char::from).collect();
            self.tokens.push(self.token.clone());
        }
        Ok(Credential::Bearer(self.token.clone()))
    }

    fn print(&self, event: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>12.3} {}", self.now as f64 / SECOND as f64, event());
        }
    }
}

fn describe(step: &Step) -> String {
    match step {
        Step::GetToken(request) => format!("{request:?}"),
        Step::Send(id, request) => format!("send {id:?}, {} bytes", request.body.len()),
        Step::Abandon(id) => format!("abandon {id:?}"),
        Step::Reserve(request) => format!("{request:?}"),
        Step::Hold(queue, wait) => format!("hold {queue:?} for {wait}"),
        Step::Wait(until) => format!("wait until {:.3}", *until as f64 / SECOND as f64),
        Step::Done(result) => format!("done {:?}", result.as_ref().map(Vec::len).map_err(|failure| &failure.cause)),
    }
}

/// A time span from 0 to hours.
fn span(random: &mut Random) -> Nanos {
    (random.log_uniform(5 * HOUR_MS) - 1) * MILLISECOND
}
