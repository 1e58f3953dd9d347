//! Checks what a call reports: each id once, with its final outcome, as soon as it has ended; and
//! the end of the call.

use std::collections::HashSet;
use std::mem;
use std::rc::Rc;

use entra_risk_engine::contract::error::Error;
use entra_risk_engine::contract::report::{Batch, Outcome};

use crate::sequences::check::{Check, require};
use crate::sequences::texts;
use crate::sequences::verdict::{Kind, label};

/// An outcome that was reported.
#[derive(Clone)]
pub struct Reported {
    key: Key,
    outcome: Outcome,
}

/// What the ids of a batch have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// The attempt that carried them last.
    last: Option<usize>,
    attempts: u32,
    outcome: &'static str,
}

impl Check {
    /// Checks an event: everything that has ended and was not reported.
    pub fn report_ended(&mut self, batches: &[Batch]) {
        let mut reported = Vec::new();
        let mut firsts = Vec::new();
        let mut keys = HashSet::new();
        for batch in batches {
            let positions: Vec<usize> = batch.ids.iter().map(|id| self.positions[id.as_str()]).collect();
            require("no batch is empty", !positions.is_empty(), || format!("{batch:?}"));
            require("the ids of a batch are in the order given", positions.is_sorted_by(|a, b| a < b), || {
                format!("{positions:?}")
            });
            let key = self.check_batch(&positions, batch);
            require("ids that ended alike are in one batch", keys.insert(key.clone()), || format!("{batch:?}"));
            for &position in &positions {
                let outcome = batch.outcome.clone();
                let earlier = self.reported[position].replace(Reported { key: key.clone(), outcome });
                require("each id is in one event", earlier.is_none(), || format!("{position}"));
            }
            if let Some(error) = batch.outcome.error() {
                self.first_error.get_or_insert_with(|| error.clone());
            }
            firsts.push(positions[0]);
            reported.extend(positions);
        }
        require("batches that end together are in the order of their first ids", firsts.is_sorted(), || {
            format!("{firsts:?}")
        });
        let mut expected = mem::take(&mut self.pending);
        expected.sort_unstable();
        reported.sort_unstable();
        require("an event holds everything that has ended, and nothing else", reported == expected, || {
            format!("{reported:?}, expected {expected:?}")
        });
    }

    /// Checks the outcome of a batch against what happened to each of its ids.
    fn check_batch(&self, positions: &[usize], batch: &Batch) -> Key {
        let key = self.key(positions[0]);
        let detail = || format!("{positions:?}: {batch:?}");
        for &position in positions {
            let id = &self.ids[position];
            require("a batch holds ids that ended alike", self.key(position) == key, detail);
            require("attempts are counted", batch.attempts == id.attempts, detail);
        }
        let attempt = key.last.map(|last| &self.attempts[last]);
        let (outcome, error) = match &batch.outcome {
            Outcome::Accepted(receipt) => {
                let is_same = attempt.is_some_and(|attempt| attempt.client_request_id == receipt.client_request_id);
                require("a receipt belongs to the last attempt", is_same, detail);
                ("accepted", None)
            }
            Outcome::Refused(error) => ("refused", Some(error)),
            Outcome::NotApplied(error) => ("not-applied", Some(error)),
            Outcome::Unknown(error) => ("unknown", Some(error)),
        };
        require("the outcome is that of the last attempt, or unknown", outcome == key.outcome, detail);
        if let Some(error) = error {
            let last = attempt.and_then(|attempt| attempt.end.as_ref());
            let expected = last.map_or("not-attempted", |(_, verdict)| &verdict.label);
            require("a batch carries its last error", label(error) == expected, detail);
        }
        texts::check_outcome(&batch.outcome);
        key
    }

    fn key(&self, position: usize) -> Key {
        let id = &self.ids[position];
        let last = id.last.and_then(|last| self.attempts[last].end.as_ref());
        let outcome = match last.map(|(_, verdict)| verdict.kind) {
            Some(Kind::Accepted) => "accepted",
            _ if id.maybe_applied => "unknown",
            _ if self.is_at_fault(position) => "refused",
            _ => "not-applied",
        };
        Key { last: id.last, attempts: id.attempts, outcome }
    }

    /// Checks the outcomes so far: what the events said, by position, with neighbors that ended
    /// alike together.
    pub fn report(&self, batches: &[Batch]) {
        let mut batches = batches.iter();
        let mut start = 0;
        for run in self.reported.chunk_by(|a, b| a.as_ref().map(|a| &a.key) == b.as_ref().map(|b| &b.key)) {
            let ids = &self.settings.ids[start..start + run.len()];
            start += run.len();
            let Some(reported) = &run[0] else { continue };
            let batch = batches.next();
            let is_same = batch.is_some_and(|batch| {
                let is_alike = batch.outcome == reported.outcome && batch.attempts == reported.key.attempts;
                is_alike && batch.ids.iter().map(|id| id.as_str()).eq(ids)
            });
            require("the report says what the events said", is_same, || format!("{batch:?}, expected {ids:?}"));
        }
        require("the report says nothing else", batches.next().is_none(), String::new);
    }

    /// Checks the end of a call.
    pub fn over(&mut self, cause: &Option<Rc<Error>>) {
        let detail = || format!("{cause:?}, expected {:?} or {:?}", self.end, self.first_error);
        require("no request is in flight at the end", self.in_flight().count() == 0, detail);
        require("every id is reported before the end", self.reported.iter().all(Option::is_some), detail);
        match (cause, &self.first_error, &self.end) {
            (None, first_error, _) => require("none means that every id was accepted", first_error.is_none(), detail),
            (Some(_), None, _) => require("a call in which every id was accepted has no cause", false, detail),
            (Some(cause), Some(_), Some(end)) => {
                require("the cause is what ended the call", end.labels.contains(&label(cause)), detail);
            }
            (Some(cause), Some(first_error), None) => {
                require("the cause is the first error reported", cause == first_error, detail);
            }
        }
        if let Some(cause) = cause {
            texts::check_error(cause);
        }
        if let Some(earlier) = &self.over {
            require("over is said again and again", earlier == cause, || format!("{cause:?}, earlier {earlier:?}"));
        }
        self.over = Some(cause.clone());
    }
}
