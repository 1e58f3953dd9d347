//! Checks each step of a call against the contract. A violation panics with the name of the rule.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use entra_risk_engine::call::{AttemptId, Step};
use entra_risk_engine::contract::error::Error;
use entra_risk_engine::contract::token::{Authorization, Credential, TokenError};
use entra_risk_engine::limit::with_turns::WithoutTurns;

use crate::sequences::arguments::Settings;
use crate::sequences::attempt::{Attempt, Id};
use crate::sequences::circuit::Circuit;
use crate::sequences::end::End;
use crate::sequences::instance::Instance;
use crate::sequences::nanos::{Nanos, SECOND};
use crate::sequences::outcome::Reported;
use crate::sequences::verdict::Kind;

/// The wait before the first retry, without jitter.
pub const BACKOFF: Nanos = 3 * SECOND;

pub struct Check {
    pub instance: Rc<RefCell<Instance>>,
    pub settings: Settings,
    /// Which call of the instance it is.
    pub number: usize,
    pub ids: Vec<Id>,
    pub attempts: Vec<Attempt>,
    pub positions: HashMap<String, usize>,
    pub client_request_ids: HashSet<String>,
    pub tokens: TokenState,
    pub circuit: Circuit,
    pub has_accepted: bool,
    pub failing_since: Option<Nanos>,
    /// The latest failure in the sense of the patience, as it may be labeled.
    pub last_failure: Vec<String>,
    /// The failure that the call waits out, likewise.
    pub waits_out: Vec<String>,
    /// The holds of the limit that the call has seen.
    pub seen_holds: usize,
    pub end: Option<End>,
    /// Ids that have ended and are not reported.
    pub pending: Vec<usize>,
    pub reported: Vec<Option<Reported>>,
    pub first_error: Option<Rc<Error>>,
    pub over: Option<Option<Rc<Error>>>,
    pub paused: Nanos,
}

#[derive(Default)]
pub struct TokenState {
    pub ready: Option<Option<String>>,
    /// Fresh tokens requested so far.
    pub generation: u32,
    /// The current token was rejected, with these claims.
    pub rejected: Option<Option<String>>,
    /// When there was no token, if there has been none since.
    pub unavailable_at: Option<Nanos>,
}

pub fn require(rule: &str, holds: bool, detail: impl FnOnce() -> String) {
    assert!(holds, "{rule}: {}", detail());
}

impl Check {
    pub fn new(instance: Rc<RefCell<Instance>>, number: usize, settings: Settings, now: Nanos) -> Check {
        let mut check = Check {
            positions: settings.ids.iter().cloned().zip(0..).collect(),
            ids: settings.ids.iter().map(|_| Id::default()).collect(),
            reported: settings.ids.iter().map(|_| None).collect(),
            instance,
            settings,
            number,
            attempts: Vec::new(),
            client_request_ids: HashSet::new(),
            tokens: TokenState::default(),
            circuit: Circuit::default(),
            has_accepted: false,
            failing_since: None,
            last_failure: Vec::new(),
            waits_out: Vec::new(),
            seen_holds: 0,
            end: None,
            pending: Vec::new(),
            first_error: None,
            over: None,
            paused: now,
        };
        check.notice_holds(now);
        check
    }

    pub fn in_flight(&self) -> impl Iterator<Item = AttemptId> {
        self.attempts.iter().filter(|attempt| attempt.end.is_none()).map(|attempt| attempt.id)
    }

    pub fn instance_has_accepted(&self) -> bool {
        self.instance.borrow().has_accepted
    }

    pub fn is_past_deadline(&self, now: Nanos) -> bool {
        self.settings.deadline.is_some_and(|deadline| now >= deadline)
    }

    pub fn has_left(&self) -> bool {
        self.ids.iter().any(|id| !id.has_ended)
    }

    /// Checks what the engine asks for at `now`.
    pub fn step(&mut self, step: &Step<WithoutTurns>, uploading: Option<AttemptId>, now: Nanos) {
        if let Step::Abandon(id) = step {
            let attempt = self.attempts.iter().find(|attempt| attempt.id == *id && attempt.end.is_none());
            let Some(attempt) = attempt else { panic!("abandoned twice: {id:?}") };
            let until = self.abandon_at(attempt);
            return require("attempts get their time", until <= now, || format!("{now}, until {until}"));
        }
        let timeout = self.next_timeout();
        require("attempts get no more than their time", timeout.is_none_or(|timeout| timeout > now), || {
            format!("{now}, until {timeout:?}, end {:?}", self.end)
        });
        if self.pending.is_empty() && self.end.is_none() && self.has_left() {
            self.judge(step, now);
        }
        let is_report = matches!(step, Step::Ended(_));
        require("what has ended is reported first", is_report || self.pending.is_empty(), || {
            format!("{:?}, end {:?}", self.pending, self.end)
        });
        match step {
            Step::GetToken(request) => self.get_token(request, uploading, now),
            Step::Send(id, request) => self.send(*id, request, now),
            Step::Wait(until) => self.wait(until.as_nanos(), uploading, now),
            Step::Ended(batches) => self.report_ended(batches),
            Step::Over(cause) => self.over(cause),
            Step::Abandon(_) => {}
            Step::Turn(turn) => match *turn {},
        }
    }

    /// Takes in the answer of the token provider, which took `elapsed`.
    pub fn token(&mut self, result: &Result<Credential, TokenError>, elapsed: Nanos, now: Nanos) {
        for attempt in &mut self.attempts {
            attempt.timeout += elapsed;
        }
        let no_token = vec!["no-token".to_owned()];
        match result {
            Ok(Credential { bearer }) if Authorization::parse(Credential { bearer: bearer.clone() }).is_err() => {
                self.end(no_token, now);
            }
            Ok(Credential { bearer }) => {
                self.tokens.ready = Some(bearer.clone());
                self.tokens.generation += u32::from(self.tokens.rejected.take().is_some());
                self.tokens.unavailable_at = None;
            }
            Err(TokenError::Unavailable(_)) => {
                self.failure(no_token, now);
                self.circuit.ended(Kind::Transient, false, now, now);
                self.tokens.unavailable_at = Some(now);
            }
            Err(TokenError::Denied(_)) => self.end(no_token, now),
        }
    }

    fn wait(&self, until: Nanos, uploading: Option<AttemptId>, now: Nanos) {
        require("waits end in the future", until > now, || format!("{until}"));
        require("a call waits only while ids are left", self.has_left(), String::new);
        let others = match self.end {
            Some(_) => [None, None],
            None => [self.patience_ends(), self.settings.deadline],
        };
        let latest = others.into_iter().chain([self.next_timeout()]).flatten().min().unwrap_or(Nanos::MAX - 1);
        require("waits end by the next timeout", until <= latest, || format!("{until}, expected {latest}"));
        let next_send = self.next_send(now).filter(|next| next.is_certain);
        if let Some(next) = next_send
            && self.end.is_none()
            && uploading.is_none()
            && !self.may_be_full()
        {
            require("waits end when a request can be sent", until <= next.latest, || {
                format!("{until}, expected {}", next.latest)
            });
        }
    }
}
