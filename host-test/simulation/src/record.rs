//! The record of one call: what was requested, what reached the service, and what the plugin reported.

use std::time::Duration;

use graph_model::Arrival;
use host_test::bindings::actions::{Batch, Error, Failure, Outcome};

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
}

/// The name of an outcome.
pub fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Refused(_) => "refused",
        Outcome::NotApplied(_) => "not-applied",
        Outcome::Unknown(_) => "unknown",
    }
}

/// The error of an outcome.
pub fn error(outcome: &Outcome) -> Option<&Error> {
    match outcome {
        Outcome::Accepted(_) => None,
        Outcome::Refused(error) | Outcome::NotApplied(error) | Outcome::Unknown(error) => Some(error),
    }
}
