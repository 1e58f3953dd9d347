//! Checks each step of a call against the contract. A violation panics with the name of the rule.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use entra_risk_engine::call::{AttemptId, Step};
use entra_risk_engine::error::Error;
use entra_risk_engine::time::{Nanos, SECOND};
use entra_risk_engine::token::{Authorization, Credential, TokenError};
use entra_risk_engine::turns::NoTurns;

use crate::arguments::Settings;
use crate::circuit::Circuit;
use crate::instance::{Instance, Unseen};
use crate::outcome::Reported;
use crate::verdict::{Kind, Verdict};

/// The wait before the first retry, without jitter.
pub const BACKOFF: Nanos = 3 * SECOND;

/// The time that requests in flight get after the end of a call.
const GRACE: Nanos = 10 * SECOND;

/// Of a pause, so much counts for timeouts, patience and grace.
const MAX_COUNTED_PAUSE: Nanos = SECOND;

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
    has_accepted: bool,
    failing_since: Option<Nanos>,
    /// The latest failure in the sense of the patience, and the one that the call waits out: as it may be labeled.
    last_failure: Vec<String>,
    pub waits_out: Vec<String>,
    /// The holds of the limit that the call has seen.
    seen_holds: usize,
    pub end: Option<End>,
    /// Ids that have ended and are not reported.
    pub pending: Vec<usize>,
    pub reported: Vec<Option<Reported>>,
    pub first_error: Option<Rc<Error>>,
    pub over: Option<Option<Rc<Error>>>,
    pub paused: Nanos,
}

/// What ended the call.
#[derive(Debug)]
pub struct End {
    /// The causes that the contract allows.
    pub labels: Vec<String>,
    /// Until when requests in flight have time.
    grace: Nanos,
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
    /// Its outcome is final.
    pub has_ended: bool,
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

    /// The last attempt of an id was refused, and carried no other id that may be at fault instead.
    pub fn is_at_fault(&self, position: usize) -> bool {
        let last = self.ids[position].last.map(|last| &self.attempts[last]);
        last.is_some_and(|last| {
            let is_refused = last.end.as_ref().is_some_and(|(_, verdict)| verdict.kind == Kind::Refused);
            is_refused && (last.ids.len() == 1 || !self.settings.isolates)
        })
    }

    /// Holds of other calls that this one takes for failures when it goes on at `now`.
    pub fn unseen_holds(&self, now: Nanos) -> Unseen {
        let instance = self.instance.borrow();
        let limit = instance.limits.get(&self.settings.key).filter(|_| self.end.is_none());
        limit.map(|limit| limit.unseen(self.number, self.seen_holds, now)).unwrap_or_default()
    }

    /// Of the time since the call was paused, at most a second counts.
    pub fn resume(&mut self, now: Nanos) {
        let excess = (now - self.paused).saturating_sub(MAX_COUNTED_PAUSE);
        for attempt in &mut self.attempts {
            attempt.timeout += excess;
        }
        self.failing_since = self.failing_since.map(|since| since + excess);
        if let Some(end) = &mut self.end {
            end.grace += excess;
        }
    }

    pub fn pause(&mut self, now: Nanos) {
        self.paused = now;
    }

    /// The caller asked for the end at `asked`, and the call learns of it at `now`.
    pub fn stop(&mut self, asked: Nanos, grace: Nanos, now: Nanos) {
        if !self.has_left() {
            return;
        }
        let until = asked.max(now.saturating_sub(MAX_COUNTED_PAUSE)) + grace;
        if self.end.is_none() {
            self.end(vec!["cancelled".to_owned()], now);
            self.end.as_mut().unwrap().grace = until;
        }
        let end = self.end.as_mut().unwrap();
        end.grace = end.grace.min(until);
    }

    /// Checks what the engine asks for at `now`.
    pub fn step(&mut self, step: &Step<NoTurns>, uploading: Option<AttemptId>, now: Nanos) {
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
            Step::Wait(until) => self.wait(*until, uploading, now),
            Step::Ended(batches) => self.report_ended(batches),
            Step::Over(cause) => self.over(cause),
            Step::Abandon(_) => {}
            Step::Turn(turn) => match *turn {},
        }
    }

    /// Whether the call ends at `now`. If what is left would have to wait beyond the deadline or the patience, it ends at once;
    /// the jitter of a wait may decide.
    fn judge(&mut self, step: &Step<NoTurns>, now: Nanos) {
        self.notice_holds(now);
        let is_idle = self.in_flight().count() == 0;
        let patience_ends = self.failing_since.map(|since| since + self.settings.patience);
        let next_send = self.next_send(now).filter(|_| is_idle);
        let (earliest, latest) = next_send.map_or((now, now), |next| (next.earliest.max(now), next.latest));
        let is_after = |time: Nanos, end: Option<Nanos>| end.is_some_and(|end| end <= time);
        let deadline = self.settings.deadline.filter(|_| is_idle);
        let must_end = is_after(earliest, deadline) || is_after(earliest, patience_ends);
        if self.end.is_some() || !(must_end || matches!(step, Step::Ended(_))) {
            return;
        }
        let mut labels = Vec::new();
        if is_after(latest, patience_ends) {
            labels.extend(self.last_failure.clone());
        }
        if is_after(latest, deadline) {
            labels.push("deadline-exceeded".to_owned());
        }
        require("a call ends for a reason", !labels.is_empty(), String::new);
        self.end(labels, now);
    }

    /// A hold that another call has received is a failure of this one.
    fn notice_holds(&mut self, now: Nanos) {
        let unseen = self.unseen_holds(now);
        self.seen_holds = self.instance.borrow().limits.get(&self.settings.key).map_or(0, |limit| limit.holds.len());
        if unseen.is_certain {
            self.failure(unseen.labels.clone(), now);
            if self.is_past_deadline(unseen.least) {
                self.end(unseen.labels, now);
            }
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
            None => [self.failing_since.map(|since| since + self.settings.patience), self.settings.deadline],
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

    /// When an attempt is abandoned.
    fn abandon_at(&self, attempt: &Attempt) -> Nanos {
        let grace = self.end.as_ref().map(|end| end.grace);
        grace.into_iter().chain(self.settings.deadline).fold(attempt.timeout, Nanos::min)
    }

    fn next_timeout(&self) -> Option<Nanos> {
        let in_flight = self.attempts.iter().filter(|attempt| attempt.end.is_none());
        in_flight.map(|attempt| self.abandon_at(attempt)).min()
    }

    /// Takes in the end of an attempt.
    pub fn ended(&mut self, id: AttemptId, verdict: Verdict, now: Nanos) {
        let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == id) else { return };
        let (ids, generation, sent) = (attempt.ids.clone(), attempt.generation, attempt.sent);
        attempt.end = Some((now, verdict.clone()));
        self.share(&verdict, now);
        match verdict.kind {
            Kind::Accepted => {
                self.has_accepted = true;
                self.failing_since = None;
                self.waits_out.clear();
            }
            Kind::Refused if self.has_accepted && ids.len() == 1 => self.failing_since = None,
            Kind::Refused if self.has_accepted => {}
            Kind::Refused => {
                self.failing_since.get_or_insert(now);
                self.last_failure = vec![verdict.label.clone()];
            }
            _ => self.failure(vec![verdict.label.clone()], now),
        }
        let has_status = verdict.label.starts_with("status");
        let too_many_unexpected = self.circuit.ended(verdict.kind, has_status, sent, now);
        if verdict.kind == Kind::TokenRejected && generation == self.tokens.generation {
            self.tokens.ready = None;
            let claims = self.tokens.rejected.get_or_insert_default();
            *claims = claims.take().or(verdict.claims.clone());
        }
        let had_fresh_token = self.ids[ids[0]].had_fresh_token;
        for &position in &ids {
            self.count(position, &verdict, ids.len() > 1);
            if self.end.is_some() || !self.may_be_sent_again(position) {
                self.id_ended(position);
            }
        }
        let is_too_long = verdict.retry_after.is_some_and(|asked| {
            let until = now.saturating_add(asked);
            let patience_ends = self.failing_since.map(|since| since + self.settings.patience);
            self.is_past_deadline(until) || patience_ends.is_some_and(|end| end <= until)
        });
        let ends = match verdict.kind {
            Kind::Fatal => true,
            Kind::TokenRejected => had_fresh_token,
            Kind::Throttled | Kind::Transient => is_too_long,
            Kind::Unexpected => too_many_unexpected,
            _ => verdict.label == "deadline-exceeded",
        };
        if ends {
            self.end(vec![verdict.label], now);
        }
    }

    /// What the other calls of the instance learn from the end of an attempt.
    fn share(&mut self, verdict: &Verdict, now: Nanos) {
        let instance = &mut *self.instance.borrow_mut();
        let limit = instance.limits.entry(self.settings.key.clone()).or_default();
        if verdict.kind == Kind::Accepted {
            instance.has_accepted = true;
            limit.has_accepted = true;
        }
        limit.hold(self.number, &self.settings, verdict, now);
        if verdict.holds() {
            self.seen_holds = limit.holds.len();
        }
    }

    /// What the end of an attempt means for the further attempts of an id.
    fn count(&mut self, position: usize, verdict: &Verdict, is_one_of_several: bool) {
        let id = &mut self.ids[position];
        id.maybe_applied |= verdict.maybe_applied;
        match verdict.kind {
            Kind::Throttled => id.counted -= 1,
            Kind::TokenRejected if !id.had_fresh_token => {
                id.had_fresh_token = true;
                id.counted -= 1;
            }
            // The parts of a split batch start afresh.
            Kind::Refused if is_one_of_several && self.settings.isolates => {
                id.had_fresh_token = false;
                id.counted = 0;
            }
            _ => {}
        }
    }

    /// The last error of an id may pass, and it has attempts left.
    fn may_be_sent_again(&self, position: usize) -> bool {
        let id = &self.ids[position];
        let Some((_, verdict)) = id.last.and_then(|last| self.attempts[last].end.as_ref()) else { return true };
        match verdict.kind {
            Kind::Throttled | Kind::TokenRejected => true,
            Kind::Transient => id.counted < self.settings.max_attempts,
            Kind::Refused => !self.is_at_fault(position),
            _ => false,
        }
    }

    fn failure(&mut self, labels: Vec<String>, now: Nanos) {
        self.failing_since.get_or_insert(now);
        self.waits_out.clone_from(&labels);
        self.last_failure = labels;
    }

    fn id_ended(&mut self, position: usize) {
        self.ids[position].has_ended = true;
        self.pending.push(position);
    }

    /// Ends the call: what is not in flight ends.
    fn end(&mut self, labels: Vec<String>, now: Nanos) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(End { labels, grace: now + GRACE });
        for position in 0..self.ids.len() {
            let id = &self.ids[position];
            let is_in_flight = id.last.is_some_and(|last| self.attempts[last].end.is_none());
            if !id.has_ended && !is_in_flight {
                self.id_ended(position);
            }
        }
    }
}
