//! What the end of an attempt means: for its ids, for the call and for the other calls of the
//! instance.

use entra_risk_engine::call::AttemptId;

use crate::sequences::check::Check;
use crate::sequences::nanos::Nanos;
use crate::sequences::verdict::{Kind, Verdict};

/// What happened to an id.
#[derive(Debug, Default)]
pub struct Id {
    pub attempts: u32,
    pub counted: u32,
    pub maybe_applied: bool,
    pub had_fresh_token: bool,
    /// The service failed on it together with others, and their group was split: it is sent with at
    /// most so many.
    pub part_of: Option<usize>,
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

impl Check {
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
            Kind::Refused | Kind::TooLarge if self.has_accepted && ids.len() == 1 => self.failing_since = None,
            Kind::Refused | Kind::TooLarge if self.has_accepted => {}
            Kind::Refused | Kind::TooLarge => {
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
            self.count(position, &verdict, ids.len());
            if self.end.is_some() || !self.may_be_sent_again(position) {
                self.id_ended(position);
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
            Kind::TooLarge => self.settings.isolates && ids.len() == 1,
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
    fn count(&mut self, position: usize, verdict: &Verdict, size: usize) {
        let splits = self.settings.isolates && size > 1;
        let is_split_after_failures = splits && self.settings.max_attempts > 1;
        let is_failing = self.circuit.is_failing();
        let id = &mut self.ids[position];
        id.maybe_applied |= verdict.maybe_applied;
        match verdict.kind {
            Kind::Throttled => id.counted -= 1,
            Kind::TokenRejected if !id.had_fresh_token => {
                id.had_fresh_token = true;
                id.counted -= 1;
            }
            // The parts of a split batch start afresh.
            Kind::Refused | Kind::TooLarge if splits => {
                id.had_fresh_token = false;
                id.counted = 0;
                id.part_of = None;
            }
            Kind::Transient if is_split_after_failures => {
                let is_part = id.part_of.is_some() || is_failing;
                let most = if is_part { self.settings.max_attempts.min(2) } else { self.settings.max_attempts };
                if id.counted >= most {
                    id.had_fresh_token = false;
                    id.counted = 0;
                    id.part_of = Some(size.div_ceil(2));
                }
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
            Kind::TooLarge => self.settings.isolates && self.attempts[id.last.unwrap_or_default()].ids.len() > 1,
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

    /// When an attempt is abandoned.
    pub fn abandon_at(&self, attempt: &Attempt) -> Nanos {
        let grace = self.end.as_ref().map(|end| end.grace);
        grace.into_iter().chain(self.settings.deadline).fold(attempt.timeout, Nanos::min)
    }

    pub fn next_timeout(&self) -> Option<Nanos> {
        let in_flight = self.attempts.iter().filter(|attempt| attempt.end.is_none());
        in_flight.map(|attempt| self.abandon_at(attempt)).min()
    }
}
