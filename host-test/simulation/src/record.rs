//! The record of one call: what was requested, what reached the service, and what the plugin reported.

use std::time::Duration;

use graph_model::Arrival;
use host_test::bindings::actions::{Batch, Error, Failure, GraphError, Outcome, Receipt};

use crate::{Call, TokenRecord};

/// One call and everything known about it. Times are since the start of the host.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// The arguments.
    pub call: Call,
    /// When it began.
    pub started: Duration,
    /// When it returned.
    pub ended: Duration,
    /// The longest time for which it may wait for turns.
    pub queue: Duration,
    /// The requests that it sent, in their order.
    pub arrivals: Vec<Arrival>,
    /// Its token requests, in their order.
    pub tokens: Vec<TokenRecord>,
    /// What the plugin returned, or why it did not return.
    pub result: Result<Result<Vec<Batch>, Failure>, String>,
}

impl CallRecord {
    /// The batches that the plugin reported.
    pub fn batches(&self) -> &[Batch] {
        match &self.result {
            Ok(Ok(batches) | Err(Failure { batches, .. })) => batches,
            Err(_) => &[],
        }
    }

    /// When the call must have returned.
    pub fn deadline(&self) -> Option<Duration> {
        self.call.options.deadline_ms.map(|ms| self.started + Duration::from_millis(ms.into()))
    }

    /// The cause of a failure.
    pub fn cause(&self) -> Option<&Error> {
        self.result.as_ref().ok()?.as_ref().err().map(|failure| &failure.cause)
    }

    /// Whether another call counts against the same limit.
    pub(crate) fn shares_limit(&self, other: &CallRecord) -> bool {
        let key = |call: &CallRecord| {
            let users = call.call.action == host_test::plugin::Action::DismissRiskyUsers;
            (call.call.options.tenant.clone(), call.call.audience().to_owned(), users)
        };
        key(self) == key(other)
    }

    /// The longest time for which the plugin works on an attempt.
    pub(crate) fn attempt_timeout(&self) -> Duration {
        Duration::from_millis(self.call.options.attempt_timeout_ms.unwrap_or(100_000).into())
    }

    /// When each distinct id was reported.
    pub(crate) fn ids_ended(&self) -> Vec<Duration> {
        vec![self.ended; self.call.distinct().len()]
    }

    /// The time that counts for limits of the call: not that in which the token provider is asked.
    pub(crate) fn worked(&self, from: Duration, until: Duration) -> Duration {
        let asked = self.tokens.iter().map(|token| overlap((token.asked, token.answered), (from, until)));
        until.saturating_sub(from).saturating_sub(asked.sum())
    }

    /// Whether the token provider is asked.
    pub(crate) fn is_asking(&self, at: Duration) -> bool {
        self.tokens.iter().any(|token| token.asked <= at && at <= token.answered)
    }

    /// When the plugin notices something that happens at `at`, at the latest.
    pub(crate) fn notices(&self, at: Duration) -> Duration {
        let asking = self.tokens.iter().filter(|token| token.asked <= at && at <= token.answered);
        asking.map(|token| token.answered).max().unwrap_or(at)
    }
}

fn overlap(one: (Duration, Duration), other: (Duration, Duration)) -> Duration {
    one.1.min(other.1).saturating_sub(one.0.max(other.0))
}

/// The name of an outcome.
pub fn name(batch: &Batch) -> &'static str {
    match &batch.outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Refused(_) => "refused",
        Outcome::NotApplied(_) => "not-applied",
        Outcome::Unknown(_) => "unknown",
    }
}

/// The receipt of an accepted batch.
pub fn receipt(batch: &Batch) -> Option<&Receipt> {
    match &batch.outcome {
        Outcome::Accepted(receipt) => Some(receipt),
        _ => None,
    }
}

/// The error of a batch.
pub fn error(batch: &Batch) -> Option<&Error> {
    match &batch.outcome {
        Outcome::Accepted(_) => None,
        Outcome::Refused(error) | Outcome::NotApplied(error) | Outcome::Unknown(error) => Some(error),
    }
}

/// The kind of an error.
pub fn kind(error: &Error) -> &'static str {
    error.case()
}

/// The response that an error is about.
pub fn response(error: &Error) -> Option<&GraphError> {
    error.graph_error()
}
