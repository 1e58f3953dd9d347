//! Checks each step of a call against the contract. A violation panics with the name of the rule.

use std::collections::{HashMap, HashSet};

use entra_risk_engine::call::{AttemptId, Step};
use entra_risk_engine::time::{Nanos, SECOND, from_ms};
use entra_risk_engine::token::{Authorization, Credential, TokenError};

use crate::arguments::{Key, Settings};
use crate::circuit::Circuit;
use crate::verdict::{Kind, Verdict};

/// The wait before the first retry, without jitter.
pub const BACKOFF: Nanos = 3 * SECOND;

/// The time that requests in flight get after the end of a call.
const GRACE: Nanos = 10 * SECOND;

/// What the calls of an instance share.
/// A hold ends for later calls after this time.
const MAX_HOLD: Nanos = 3_600 * SECOND;

#[derive(Default)]
pub struct Instance {
    pub has_accepted: bool,
    pub limits: HashMap<Key, Limit>,
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
pub struct Limit {
    pub sent: Vec<Nanos>,
    pub held_until: Nanos,
    /// With all jitter.
    held_at_most_until: Nanos,
    /// Since when.
    held_since: Nanos,
    /// The error that holds the requests.
    held_by: String,
}

pub struct Check<'a> {
    pub instance: &'a mut Instance,
    pub settings: Settings,
    pub ids: Vec<Id>,
    pub attempts: Vec<Attempt>,
    pub positions: HashMap<String, usize>,
    pub client_request_ids: HashSet<String>,
    pub tokens: TokenState,
    pub has_accepted: bool,
    pub circuit: Circuit,
    failing_since: Option<Nanos>,
    last_failure: Option<String>,
    /// What ended the call, and when.
    pub end: Option<(String, Nanos)>,
}

/// What happened to an id.
#[derive(Debug, Default)]
pub struct Id {
    pub attempts: u32,
    pub counted: u32,
    pub maybe_applied: bool,
    pub had_fresh_token: bool,
    /// The attempt that carried it last.
    pub last: Option<usize>,
}

pub struct Attempt {
    pub id: AttemptId,
    /// Their positions.
    pub ids: Vec<usize>,
    pub sent: Nanos,
    pub client_request_id: String,
    pub generation: u32,
    pub timeout: Nanos,
    pub end: Option<(Nanos, Verdict)>,
}

#[derive(Default)]
pub struct TokenState {
    pub ready: Option<Option<String>>,
    /// Fresh tokens requested so far.
    pub generation: u32,
    /// The current token was rejected, with these claims.
    pub rejected: Option<Option<String>>,
}

pub fn require(rule: &str, holds: bool, detail: impl FnOnce() -> String) {
    assert!(holds, "{rule}: {}", detail());
}

impl<'a> Check<'a> {
    pub fn new(instance: &'a mut Instance, settings: Settings, now: Nanos) -> Check<'a> {
        if let Some(limit) = instance.limits.get_mut(&settings.key) {
            let latest = limit.held_since.saturating_add(MAX_HOLD);
            limit.held_until = limit.held_until.min(latest);
            limit.held_at_most_until = limit.held_at_most_until.min(latest);
        }
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

    /// An id was never sent, or its last error may pass and it has attempts left.
    pub fn may_be_sent_again(&self, position: usize) -> bool {
        let id = &self.ids[position];
        let Some((_, verdict)) = id.last.and_then(|last| self.attempts[last].end.as_ref()) else { return true };
        match verdict.kind {
            Kind::Throttled | Kind::TokenRejected => true,
            Kind::Transient => id.counted < self.settings.max_attempts,
            Kind::Refused => !self.is_at_fault(position),
            _ => false,
        }
    }

    /// The last attempt of an id was refused, and carried no other id that may be at fault instead.
    pub fn is_at_fault(&self, position: usize) -> bool {
        let last = self.ids[position].last.map(|last| &self.attempts[last]);
        last.is_some_and(|last| {
            let is_refused = last.end.as_ref().is_some_and(|(_, verdict)| verdict.kind == Kind::Refused);
            is_refused && (last.ids.len() == 1 || !self.settings.isolates)
        })
    }

    /// The deadline or the end of the patience may come before the next request could be sent.
    pub fn next_send_is_too_late(&self, now: Nanos) -> bool {
        let ends = self.attempts.iter().filter_map(|attempt| attempt.end.as_ref());
        let asked = ends.filter_map(|(ended, verdict)| Some(ended.saturating_add(verdict.retry_after?))).max();
        let held = self.instance.limits.get(&self.settings.key).map(|limit| limit.held_at_most_until);
        let latest = asked.max(held).unwrap_or_default().max(now);
        // The longest backoff, and twice the window with its margin; both with jitter.
        let window = from_ms(self.settings.rate_limit.window_ms);
        let latest = latest.saturating_add(latest.saturating_sub(now) / 4 + 75 * SECOND + 3 * window);
        self.is_past_deadline(latest) || self.patience_ends().is_some_and(|end| end <= latest)
    }

    /// Checks what the engine asks for at `now`.
    pub fn step(&mut self, step: &Step, uploading: Option<AttemptId>, now: Nanos) {
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
            Step::GetToken(request) => self.get_token(request, uploading, now),
            Step::Send(id, request) => self.send(*id, request, now),
            Step::Abandon(id) => self.abandon(*id, now),
            Step::Wait(until) => self.wait(*until, now),
            Step::Reserve(_) | Step::Hold(..) => require("no turns are taken", false, String::new),
            Step::Done(_) => require("no request is in flight at the end", self.in_flight().count() == 0, String::new),
        }
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
                self.circuit.ended(Kind::Transient, false, now, now);
            }
            Err(TokenError::Denied(_)) => self.end("no-token".to_owned(), now),
            Err(TokenError::Cancelled) => self.end("cancelled".to_owned(), now),
        }
    }

    fn abandon(&self, id: AttemptId, now: Nanos) {
        let attempt = self.attempts.iter().find(|attempt| attempt.id == id);
        let Some(attempt) = attempt.filter(|attempt| attempt.end.is_none()) else { panic!("abandoned twice: {id:?}") };
        let grace_is_over = self.end.as_ref().is_some_and(|(_, end)| end + GRACE <= now);
        let is_late = now >= attempt.timeout || self.is_past_deadline(now) || grace_is_over;
        require("attempts get their time", is_late, || format!("{now}, until {}, end {:?}", attempt.timeout, self.end));
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
        let (ids, generation, sent) = (attempt.ids.clone(), attempt.generation, attempt.sent);
        attempt.end = Some((now, verdict.clone()));
        let limit = self.instance.limits.entry(self.settings.key.clone()).or_default();
        let window = from_ms(self.settings.rate_limit.window_ms);
        let hold = verdict.retry_after.unwrap_or(if verdict.kind == Kind::Throttled { window } else { 0 });
        if verdict.holds_all && now.saturating_add(hold) >= limit.held_until {
            limit.held_until = now.saturating_add(hold);
            limit.held_since = now;
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
        let too_many_unexpected = self.circuit.ended(verdict.kind, has_status, sent, now);
        if verdict.kind == Kind::TokenRejected && generation == self.tokens.generation {
            self.tokens.ready = None;
            let claims = self.tokens.rejected.get_or_insert_default();
            *claims = claims.take().or(verdict.claims);
        }
        let mut had_fresh_token = false;
        let is_split = verdict.kind == Kind::Refused && self.settings.isolates && ids.len() > 1;
        for position in ids {
            let id = &mut self.ids[position];
            had_fresh_token = id.had_fresh_token;
            id.maybe_applied |= verdict.maybe_applied;
            match verdict.kind {
                Kind::Throttled => id.counted -= 1,
                Kind::TokenRejected if !had_fresh_token => {
                    id.had_fresh_token = true;
                    id.counted -= 1;
                }
                // The parts of a split batch start afresh.
                Kind::Refused if is_split => {
                    id.had_fresh_token = false;
                    id.counted = 0;
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
