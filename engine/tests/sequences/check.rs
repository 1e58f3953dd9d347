//! Checks each step of a call against the contract. A violation panics with the name of the rule.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use entra_risk_engine::call::{AttemptId, Step};
use entra_risk_engine::request::Request;
use entra_risk_engine::time::{Nanos, SECOND, from_ms};
use entra_risk_engine::token::{Authorization, Credential, TokenError, TokenRequest};

use crate::arguments::{Key, Settings};
use crate::verdict::{Kind, Verdict};

/// The wait before the first retry, without jitter.
const BACKOFF: Nanos = 3 * SECOND;

/// The time that requests in flight get after the end of a call.
const GRACE: Nanos = 10 * SECOND;

/// What the calls of an instance share.
#[derive(Default)]
pub struct Instance {
    pub has_accepted: bool,
    limits: HashMap<Key, Limit>,
}

impl Instance {
    /// A time from `now` on at which it is certain whether a limit is held.
    pub fn settle(&self, key: &Key, now: Nanos) -> Nanos {
        match self.limits.get(key) {
            Some(limit) if limit.held_until <= now => now.max(limit.held_at_most_until),
            _ => now,
        }
    }
}

#[derive(Default)]
struct Limit {
    sent: Vec<Nanos>,
    held_until: Nanos,
    /// With all jitter.
    held_at_most_until: Nanos,
    /// The error that holds the requests.
    held_by: String,
}

pub struct Check<'a> {
    instance: &'a mut Instance,
    pub settings: Settings,
    pub ids: Vec<Id>,
    pub attempts: Vec<Attempt>,
    positions: HashMap<String, usize>,
    client_request_ids: HashSet<String>,
    tokens: TokenState,
    pub has_accepted: bool,
    circuit: Circuit,
    failing_since: Option<Nanos>,
    last_failure: Option<String>,
    /// What ended the call, and when.
    pub end: Option<(String, Nanos)>,
}

/// What happened to an id.
#[derive(Default)]
pub struct Id {
    pub attempts: u32,
    counted: u32,
    pub maybe_applied: bool,
    had_fresh_token: bool,
    /// The attempt that carried it last.
    pub last: Option<usize>,
}

pub struct Attempt {
    id: AttemptId,
    ids: Range<usize>,
    pub client_request_id: String,
    generation: u32,
    timeout: Nanos,
    pub end: Option<(Nanos, Verdict)>,
}

#[derive(Default)]
struct TokenState {
    ready: Option<Option<String>>,
    /// Fresh tokens requested so far.
    generation: u32,
    /// The current token was rejected, with these claims.
    rejected: Option<Option<String>>,
}

#[derive(Default)]
struct Circuit {
    transient: u32,
    unexpected: u32,
    is_open: bool,
    failed_at: Nanos,
}

pub fn require(rule: &str, holds: bool, detail: impl FnOnce() -> String) {
    assert!(holds, "{rule}: {}", detail());
}

impl<'a> Check<'a> {
    pub fn new(instance: &'a mut Instance, settings: Settings, now: Nanos) -> Check<'a> {
        // A hold from an earlier call is a failure of this one.
        let held_by = instance.limits.get(&settings.key).filter(|limit| limit.held_until > now);
        let held_by = held_by.map(|limit| limit.held_by.clone());
        Check {
            positions: settings.ids.iter().cloned().zip(0..).collect(),
            ids: settings.ids.iter().map(|_| Id::default()).collect(),
            instance,
            settings,
            attempts: Vec::new(),
            client_request_ids: HashSet::new(),
            tokens: TokenState::default(),
            has_accepted: false,
            circuit: Circuit::default(),
            failing_since: held_by.is_some().then_some(now),
            last_failure: held_by,
            end: None,
        }
    }

    pub fn in_flight(&self) -> impl Iterator<Item = AttemptId> {
        self.attempts.iter().filter(|attempt| attempt.end.is_none()).map(|attempt| attempt.id)
    }

    pub fn instance_has_accepted(&self) -> bool {
        self.instance.has_accepted
    }

    pub fn is_past_deadline(&self, now: Nanos) -> bool {
        self.settings.deadline.is_some_and(|deadline| now >= deadline)
    }

    pub fn patience_ends(&self) -> Option<Nanos> {
        self.failing_since.map(|since| since + self.settings.patience)
    }

    /// Checks what the engine asks for at `now`.
    pub fn step(&mut self, step: &Step, now: Nanos) {
        let patience_is_over = self.patience_ends().is_some_and(|end| end <= now);
        if patience_is_over && !matches!(step, Step::Abandon(_)) {
            self.end(self.last_failure.clone().unwrap_or_default(), now);
        }
        let grace_is_over = self.end.as_ref().is_some_and(|(_, end)| end + GRACE <= now);
        if grace_is_over || self.is_past_deadline(now) {
            let ends = matches!(step, Step::Abandon(_) | Step::Done(_));
            require("the call ends by the deadline, and 10 s after another cause", ends, || format!("{:?}", self.end));
        }
        match step {
            Step::GetToken(request) => self.get_token(request),
            Step::Send(id, request) => self.send(*id, request, now),
            Step::Abandon(id) => self.abandon(*id, now),
            Step::Wait(until) => self.wait(*until, now),
            Step::Done(_) => require("no request is in flight at the end", self.in_flight().count() == 0, String::new),
        }
    }

    fn get_token(&mut self, request: &TokenRequest) {
        require("no token is requested after the end", self.end.is_none(), || format!("{:?}", self.end));
        require("one token is requested for each attempt", self.tokens.ready.is_none(), String::new);
        let settings = &self.settings;
        let expected = TokenRequest {
            tenant: settings.tenant.clone(),
            audience: settings.audience.clone(),
            endpoint: settings.endpoint.clone(),
            refresh: self.tokens.rejected.is_some(),
            claims: self.tokens.rejected.clone().flatten(),
        };
        require("a rejected token is refreshed once, with its claims", *request == expected, || {
            format!("{request:?}, expected {expected:?}")
        });
    }

    /// Takes in the answer of the token provider, which took `elapsed`.
    pub fn token(&mut self, result: &Result<Credential, TokenError>, elapsed: Nanos, now: Nanos) {
        for attempt in &mut self.attempts {
            attempt.timeout += elapsed;
        }
        let credential = match result {
            Ok(Credential::Bearer(token)) => Ok(Some(token.clone())),
            Ok(Credential::AttachedByHost) => Ok(None),
            Err(error) => Err(error),
        };
        match credential {
            Ok(Some(token)) if Authorization::parse(Credential::Bearer(token.clone())).is_err() => {
                self.end("no-token".to_owned(), now);
            }
            Ok(token) => {
                self.tokens.ready = Some(token);
                self.tokens.generation += u32::from(self.tokens.rejected.take().is_some());
            }
            Err(TokenError::Unavailable(_)) => {
                self.failure("no-token".to_owned(), now);
                self.circuit.ended(Kind::Transient, false, now);
            }
            Err(TokenError::Denied(_)) => self.end("no-token".to_owned(), now),
            Err(TokenError::Cancelled) => self.end("cancelled".to_owned(), now),
        }
    }

    fn send(&mut self, id: AttemptId, request: &Request, now: Nanos) {
        require("nothing is sent after the end", self.end.is_none(), || format!("{:?}", self.end));
        let in_flight = self.in_flight().count();
        require("max-in-flight", in_flight < self.settings.max_in_flight, || format!("{in_flight}"));
        if self.circuit.is_open {
            require("one request in flight during an outage", in_flight == 0, || format!("{in_flight}"));
            require("probes wait 3 s", now >= self.circuit.failed_at + BACKOFF, || format!("{now}"));
        }
        self.check_rate(now);
        self.check_token(request);
        let ids = self.carried_ids(request);
        for position in ids.clone() {
            self.check_retry(position, now);
            let index = self.attempts.len();
            let id = &mut self.ids[position];
            id.attempts += 1;
            id.counted += 1;
            id.last = Some(index);
        }
        let client_request_id = header(request, "client-request-id");
        let is_fresh = self.client_request_ids.insert(client_request_id.clone());
        require("each attempt has a fresh client-request-id", is_fresh, || client_request_id.clone());
        let (generation, timeout) = (self.tokens.generation, now + self.settings.attempt_timeout);
        self.attempts.push(Attempt { id, ids, client_request_id, generation, timeout, end: None });
    }

    fn check_rate(&mut self, now: Nanos) {
        let rate_limit = self.settings.rate_limit;
        let limit = self.instance.limits.entry(self.settings.key.clone()).or_default();
        let leaving = limit.sent.len().checked_sub(rate_limit.requests as usize).map(|index| limit.sent[index]);
        let fits = leaving.is_none_or(|sent| now >= sent + from_ms(rate_limit.window_ms));
        require("the rate limit", fits, || format!("{rate_limit:?}: at {now}, {leaving:?}"));
        let held_until = limit.held_until;
        require("a 429, or a 503 with Retry-After, holds every request", now >= held_until, || {
            format!("sent at {now}, held until {held_until}")
        });
        limit.sent.push(now);
    }

    fn check_token(&mut self, request: &Request) {
        let Some(token) = self.tokens.ready.take() else { panic!("a token is requested before each attempt") };
        let expected = token.map(|token| format!("Bearer {token}")).unwrap_or_default();
        require("the token returned last is sent", header(request, "authorization") == expected, || expected.clone());
        require("a rejected token is not sent", self.tokens.rejected.is_none(), String::new);
    }

    /// The positions of the ids in the body of a request.
    fn carried_ids(&self, request: &Request) -> Range<usize> {
        let body = str::from_utf8(&request.body).unwrap();
        let first = body.split('"').nth(3).and_then(|id| self.positions.get(id)).copied().unwrap_or_default();
        let count = body.matches(',').count() + 1;
        let ids = &self.settings.ids[first..first + count];
        let expected = format!("{{\"{}\":[\"{}\"]}}", self.settings.action.id_field, ids.join("\",\""));
        require("the body contains neighbouring ids", body == expected, || body.to_owned());
        require("ids-per-request", count <= self.settings.ids_per_request, || format!("{count}"));
        first..first + count
    }

    fn check_retry(&self, position: usize, now: Nanos) {
        let id = &self.ids[position];
        let Some(last) = id.last else { return };
        let Some((ended, verdict)) = &self.attempts[last].end else { panic!("an id is in flight twice") };
        let may_pass = match verdict.kind {
            Kind::Throttled | Kind::Transient => true,
            Kind::TokenRejected => id.had_fresh_token,
            _ => false,
        };
        require("only what may pass is sent again", may_pass, || format!("{verdict:?}"));
        require("max-attempts", id.counted < self.settings.max_attempts, || format!("{}", id.counted));
        if verdict.kind == Kind::Transient {
            let wait = verdict.retry_after.unwrap_or(BACKOFF);
            require("a retry waits for Retry-After, or 3 s", now >= ended.saturating_add(wait), || {
                format!("{verdict:?} at {ended}, sent at {now}")
            });
        }
    }

    fn abandon(&self, id: AttemptId, now: Nanos) {
        let attempt = self.attempts.iter().find(|attempt| attempt.id == id);
        let Some(attempt) = attempt.filter(|attempt| attempt.end.is_none()) else { panic!("abandoned twice: {id:?}") };
        let grace_is_over = self.end.as_ref().is_some_and(|(_, end)| end + GRACE <= now);
        let is_late = now >= attempt.timeout || self.is_past_deadline(now) || grace_is_over;
        require("attempts get their time", is_late, || {
            format!("{now}, until {}, end {:?}", attempt.timeout, self.end)
        });
    }

    fn wait(&self, until: Nanos, now: Nanos) {
        require("waits end in the future", until > now, || format!("{until}"));
        let timeouts = self.attempts.iter().filter(|attempt| attempt.end.is_none()).map(|attempt| attempt.timeout);
        let end = match &self.end {
            Some((_, end)) => Some(end + GRACE),
            None => self.patience_ends(),
        };
        let latest = timeouts.chain(end).chain(self.settings.deadline).min().unwrap_or(Nanos::MAX - 1);
        require("waits end by the next timeout", until <= latest, || format!("{until}, expected {latest}"));
    }

    /// Takes in the end of an attempt.
    pub fn ended(&mut self, id: AttemptId, verdict: Verdict, now: Nanos) {
        let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == id) else { return };
        let (ids, generation) = (attempt.ids.clone(), attempt.generation);
        attempt.end = Some((now, verdict.clone()));
        let limit = self.instance.limits.entry(self.settings.key.clone()).or_default();
        let window = from_ms(self.settings.rate_limit.window_ms);
        let hold = verdict.retry_after.unwrap_or(if verdict.kind == Kind::Throttled { window } else { 0 });
        if verdict.holds_all && now.saturating_add(hold) >= limit.held_until {
            limit.held_until = now.saturating_add(hold);
            limit.held_by = verdict.label.clone();
            let jitter = (40 * window).max(hold / 4) + BACKOFF;
            limit.held_at_most_until = limit.held_until.saturating_add(jitter).max(limit.held_at_most_until);
        }
        match verdict.kind {
            Kind::Accepted => {
                self.instance.has_accepted = true;
                self.has_accepted = true;
                self.failing_since = None;
            }
            Kind::Refused if self.has_accepted && ids.len() == 1 => self.failing_since = None,
            Kind::Refused if self.has_accepted => {}
            _ => self.failure(verdict.label.clone(), now),
        }
        let has_status = verdict.label.starts_with("status");
        let too_many_unexpected = self.circuit.ended(verdict.kind, has_status, now);
        if verdict.kind == Kind::TokenRejected && generation == self.tokens.generation {
            self.tokens.ready = None;
            let claims = self.tokens.rejected.get_or_insert_default();
            *claims = claims.take().or(verdict.claims);
        }
        let mut had_fresh_token = false;
        for id in &mut self.ids[ids] {
            had_fresh_token = id.had_fresh_token;
            id.maybe_applied |= verdict.maybe_applied;
            match verdict.kind {
                Kind::Throttled => id.counted -= 1,
                Kind::TokenRejected if !had_fresh_token => {
                    id.had_fresh_token = true;
                    id.counted -= 1;
                }
                _ => {}
            }
        }
        let is_too_long = verdict.retry_after.is_some_and(|asked| {
            let until = now.saturating_add(asked);
            self.is_past_deadline(until) || self.patience_ends().is_some_and(|end| end <= until)
        });
        let ends = match verdict.kind {
            Kind::Fatal => true,
            Kind::TokenRejected => had_fresh_token,
            Kind::Throttled | Kind::Transient => is_too_long,
            Kind::Unexpected => too_many_unexpected,
            _ => verdict.label == "deadline-exceeded",
        };
        if ends {
            self.end(verdict.label, now);
        }
    }

    fn failure(&mut self, label: String, now: Nanos) {
        self.failing_since.get_or_insert(now);
        self.last_failure = Some(label);
    }

    fn end(&mut self, label: String, now: Nanos) {
        self.end.get_or_insert((label, now));
    }
}

impl Circuit {
    /// Takes in the end of an attempt. Returns whether three statuses in a row were unexpected.
    fn ended(&mut self, kind: Kind, has_status: bool, now: Nanos) -> bool {
        match kind {
            Kind::Accepted | Kind::Refused => *self = Circuit::default(),
            Kind::Throttled => {}
            Kind::Transient | Kind::Unexpected => self.failed_at = now,
            _ => self.transient = 0,
        }
        if kind == Kind::Transient {
            self.transient += 1;
        }
        if kind == Kind::Unexpected {
            self.transient = 0;
            self.unexpected += 1;
        } else if has_status {
            self.unexpected = 0;
        }
        self.is_open |= self.transient >= 2 || self.unexpected >= 2;
        self.unexpected >= 3
    }
}

fn header(request: &Request, name: &str) -> String {
    let value = request.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.clone());
    String::from_utf8(value.unwrap_or_default()).unwrap()
}
