//! When a call ends: by itself, because its caller stops it, or because nobody drives it for long.

use entra_risk_engine::call::Step;
use entra_risk_engine::limit::with_turns::WithoutTurns;

use crate::sequences::check::{Check, require};
use crate::sequences::instance::Unseen;
use crate::sequences::nanos::{Nanos, SECOND};

/// The time that requests in flight get after the end of a call.
const GRACE: Nanos = 10 * SECOND;

/// Of a pause, so much counts for timeouts, patience and grace.
const MAX_COUNTED_PAUSE: Nanos = SECOND;

/// What ended the call.
#[derive(Debug)]
pub struct End {
    /// The causes that the contract allows.
    pub labels: Vec<String>,
    /// Until when requests in flight have time.
    pub grace: Nanos,
}

impl Check {
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

    /// Whether the call ends at `now`. If what is left would have to wait beyond the deadline or
    /// the patience, it ends immediately; the jitter of a wait may decide.
    pub fn judge(&mut self, step: &Step<WithoutTurns>, now: Nanos) {
        self.notice_holds(now);
        let is_idle = self.in_flight().count() == 0;
        let patience_ends = self.patience_ends();
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
    pub fn notice_holds(&mut self, now: Nanos) {
        let unseen = self.unseen_holds(now);
        self.seen_holds = self.instance.borrow().limits.get(&self.settings.key).map_or(0, |limit| limit.holds.len());
        if unseen.is_certain {
            self.failure(unseen.labels.clone(), now);
            if self.is_past_deadline(unseen.least) {
                self.end(unseen.labels, now);
            }
        }
    }

    /// Holds of other calls that this one takes for failures when it goes on at `now`.
    pub fn unseen_holds(&self, now: Nanos) -> Unseen {
        let instance = self.instance.borrow();
        let limit = instance.limits.get(&self.settings.key).filter(|_| self.end.is_none());
        limit.map(|limit| limit.unseen(self.number, self.seen_holds, now)).unwrap_or_default()
    }

    /// When the call ends unless something is accepted before.
    pub fn patience_ends(&self) -> Option<Nanos> {
        self.failing_since.map(|since| since + self.settings.patience)
    }

    pub fn failure(&mut self, labels: Vec<String>, now: Nanos) {
        self.failing_since.get_or_insert(now);
        self.waits_out.clone_from(&labels);
        self.last_failure = labels;
    }

    pub fn id_ended(&mut self, position: usize) {
        self.ids[position].has_ended = true;
        self.pending.push(position);
    }

    /// Ends the call: what is not in flight ends.
    pub fn end(&mut self, labels: Vec<String>, now: Nanos) {
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
