//! The record of one call: what was requested, what reached the service, and what the plugin reported.

use std::time::Duration;

use graph_model::Arrival;
use host_test::bindings::actions::{Batch, Error, Failure, Outcome, Receipt};

use crate::Call;

/// One call and everything known about it. Times are since the start of the host.
#[derive(Debug, Clone)]
pub struct CallRecord {
    /// The arguments.
    pub call: Call,
    /// When it began.
    pub started: Duration,
    /// When it returned.
    pub ended: Duration,
    /// The requests that reached the service.
    pub arrivals: Vec<Arrival>,
    /// What the plugin returned, or why it did not return.
    pub result: Result<Result<Vec<Receipt>, Failure>, String>,
}

impl CallRecord {
    /// The batches that the plugin reported; for a success, one batch for each receipt.
    pub fn batches(&self) -> Vec<Batch> {
        let accepted = |receipt: &Receipt| Batch {
            ids: receipt.ids.clone(),
            attempts: receipt.attempts,
            outcome: Outcome::Accepted(receipt.clone()),
        };
        match &self.result {
            Ok(Ok(receipts)) => receipts.iter().map(accepted).collect(),
            Ok(Err(failure)) => failure.batches.clone(),
            Err(_) => Vec::new(),
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
        Outcome::Unknown(_) => "unknown",
        Outcome::Unsent(_) => "unsent",
    }
}
