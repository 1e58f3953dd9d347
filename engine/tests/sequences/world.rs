//! What happens to calls: draws every event and drives the engine through it.

use std::mem;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use entra_risk_engine::call::{AttemptId, Call, Step};
use entra_risk_engine::error::{TransportError, TransportErrorKind};
use entra_risk_engine::rate_limit::InstanceState;
use entra_risk_engine::response::Response;
use entra_risk_engine::time::{MILLISECOND, Nanos, SECOND};
use entra_risk_engine::token::{Credential, TokenError};

use crate::arguments::Arguments;
use crate::check::{Check, Instance, require};
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
        let call = Call::new(action, ids, options, &mut instance, now, random.next()).unwrap();
        let check = Check::new(&mut history, settings, now);
        let percent_accepted = *random.pick(&[0, 30, 70, 95, 100]);
        let mut world = World { random, now, trace, percent_accepted, mood: 0, token: String::new(), sent: Vec::new() };
        world.drive(call, check);
        now = world.now;
        if random.chance(50) {
            now += span(random);
        }
    }
}

struct World<'a> {
    random: &'a mut Random,
    now: Nanos,
    trace: bool,
    /// How many of 100 requests are accepted.
    percent_accepted: u64,
    /// The latest fault, which is likely to last.
    mood: u64,
    /// The token returned last, or empty.
    token: String,
    /// The requests in flight and their tokens.
    sent: Vec<(AttemptId, String)>,
}

enum Event {
    Response(Response),
    Failure(TransportError),
}

impl World<'_> {
    fn drive(&mut self, mut call: Call, mut check: Check) {
        for _ in 0..MAX_STEPS {
            let is_uploading = self.random.chance(20);
            let step = call.next(self.now, is_uploading);
            self.print(|| describe(&step));
            check.step(&step, self.now);
            match step {
                Step::GetToken(request) => {
                    let result = self.answer(request.refresh);
                    let elapsed = if self.random.chance(90) { 0 } else { span(self.random) / 60 };
                    self.now += elapsed;
                    check.token(&result, elapsed, self.now);
                    call.token(result, self.now);
                }
                Step::Send(id, _) => {
                    self.sent.push((id, self.token.clone()));
                    // Some hosts fail at once.
                    if self.random.chance(3) {
                        self.end(&mut call, &mut check, id);
                    }
                }
                Step::Abandon(id) => self.abandon(&mut call, &mut check, id),
                Step::Wait(until) => self.wait(&mut call, &mut check, until),
                Step::Done(result) => return report::check(&check, &result),
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
        }
        Ok(Credential::Bearer(self.token.clone()))
    }

    /// What becomes of a request, and what the contract says about it.
    fn event(&mut self, check: &Check, id: AttemptId) -> (Event, Verdict) {
        let position = self.sent.iter().position(|(sent, _)| *sent == id).unwrap();
        // Texts contain parts of the token of the request.
        let latest = mem::replace(&mut self.token, self.sent.swap_remove(position).1);
        let event = self.draw_event(check);
        self.token = latest;
        event
    }

    fn draw_event(&mut self, check: &Check) -> (Event, Verdict) {
        if self.random.chance(self.percent_accepted) {
            self.mood = 0;
            return self.response(204, true);
        }
        if self.mood == 0 || self.random.chance(30) {
            self.mood = self.random.below(12);
        }
        match self.mood {
            0 | 1 => self.response(429, true),
            2 => {
                let status = *self.random.pick(&[408, 500, 502, 503, 503, 504, 509]);
                self.response(status, true)
            }
            3 => self.response(503, true),
            4 => {
                let status = *self.random.pick(&[400, 404, 413, 422]);
                self.response(status, true)
            }
            5 => self.response(401, true),
            6 => self.response(204, false),
            7 => {
                let status = *self.random.pick(&[100, 200, 202, 302, 307, 0, 99, 600, 999]);
                self.response(status, true)
            }
            8 => {
                let status = self.random.below(1_000) as u16;
                let is_complete = self.random.chance(50);
                self.response(status, is_complete)
            }
            mood => {
                use TransportErrorKind::*;
                let kinds = [Unreachable, Tls, NoResponse, Unreadable, Other, Certificate, RejectedByHost, Denied];
                let kind = match mood {
                    9 => Unreachable,
                    10 => NoResponse,
                    _ => *self.random.pick(&kinds),
                };
                let verdict = Verdict::of_transport_error(kind, check.instance_has_accepted());
                (Event::Failure(TransportError { kind, cause: self.text() }), verdict)
            }
        }
    }

    fn response(&mut self, status: u16, request_is_complete: bool) -> (Event, Verdict) {
        let (retry_after, date, asked) = self.retry_after();
        let (www_authenticate, claims) = self.challenge();
        let body = self.body();
        let request_id = self.random.chance(50).then(|| self.text());
        let date = date.or_else(|| self.random.chance(10).then(|| self.text()));
        let response =
            Response { status, request_is_complete, request_id, date, retry_after, www_authenticate, body };
        (Event::Response(response), Verdict::of_response(status, request_is_complete, asked, claims))
    }

    /// Values of `Retry-After`, a `Date`, and what they ask for.
    fn retry_after(&mut self) -> (Vec<String>, Option<String>, Option<Nanos>) {
        let most = if self.random.chance(90) { 100 } else { 1_000_000 };
        let seconds = self.random.log_uniform(most) - 1;
        let now = 1_700_000_000 + self.now / SECOND;
        let date = |seconds| httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        let text = self.text();
        let (values, asked) = match self.random.below(12) {
            0 => (vec![seconds.to_string()], Some(seconds)),
            1 => (vec!["soon".to_owned(), format!(" {seconds} "), "7".to_owned()], Some(seconds)),
            2 => (vec![date(now + seconds)], Some(seconds)),
            3 => (vec![date(now - seconds)], Some(0)),
            4 => (vec!["-1".to_owned(), text], None),
            5 => return (vec![date(now + seconds)], None, None),
            6 => (vec!["99999999999999999999999".to_owned()], Some(u64::MAX)),
            _ => (Vec::new(), None),
        };
        (values, Some(date(now)), asked.map(|seconds| seconds.saturating_mul(SECOND)))
    }

    /// Values of `www-authenticate`, and the claims that they ask for.
    fn challenge(&mut self) -> (Vec<String>, Option<String>) {
        let claims = format!(r#"{{"access_token":{{"nbf":{}}}}}"#, self.random.below(3));
        let encoded = match self.random.chance(50) {
            true => BASE64_STANDARD.encode(&claims),
            false => BASE64_URL_SAFE_NO_PAD.encode(&claims),
        };
        match self.random.below(6) {
            0 => (vec![format!(r#"Bearer error="insufficient_claims", claims="{encoded}""#)], Some(claims)),
            1 => (vec!["Negotiate".to_owned(), format!("bearer Claims={encoded}, error=insufficient_claims")], Some(claims)),
            2 => (vec![format!(r#"Bearer error="invalid_token", claims="{encoded}""#), self.text()], None),
            _ => (Vec::new(), None),
        }
    }

    fn body(&mut self) -> Vec<u8> {
        let text = self.text();
        match self.random.below(8) {
            0 => text.into_bytes(),
            1 => (0..self.random.below(200)).map(|_| self.random.next() as u8 & 0x5f).collect(),
            2 | 3 => format!(r#"{{"error":{{"code":"{text}","message":"{}"}}}}"#, self.text()).into_bytes(),
            4 => format!(r#"{{"error":{{"message":"{text}\ud800","innererror":{{"date":"{text}"}}}}}}"#).into_bytes(),
            _ => Vec::new(),
        }
    }

    /// A text that may be long, and may contain parts of the token.
    fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..self.random.below(4) {
            let unit = *self.random.pick(&["é", "x", " ", "é x"]);
            text.push_str(&unit.repeat(self.random.log_uniform(200) as usize - 1));
            if !self.token.is_empty() {
                let start = self.random.below(self.token.len() as u64) as usize;
                let length = self.random.log_uniform((self.token.len() - start) as u64) as usize;
                text.push('.');
                text.push_str(&self.token[start..start + length]);
                text.push('.');
            }
        }
        text
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
        Step::Wait(until) => format!("wait until {:.3}", *until as f64 / SECOND as f64),
        Step::Done(result) => format!("done {:?}", result.as_ref().map(Vec::len).map_err(|failure| &failure.cause)),
    }
}

/// A time span from 0 to hours.
fn span(random: &mut Random) -> Nanos {
    (random.log_uniform(5 * HOUR_MS) - 1) * MILLISECOND
}
