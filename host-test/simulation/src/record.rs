//! What a run showed, as plain data: what was asked, what reached the service, what the plugin said of it.

use std::time::Duration;

use crate::bindings::actions::{Batch, Error, Failure, Outcome, Receipt};
use crate::graph::Arrival;
use crate::simulation::Call;

/// One call, and all that is known of it. Times are since the start of the host.
#[derive(Debug, Clone)]
pub struct Account {
    /// What was asked.
    pub call: Call,
    /// When it began.
    pub started: Duration,
    /// When it returned.
    pub ended: Duration,
    /// What reached the service.
    pub arrivals: Vec<Arrival>,
    /// What the plugin said, or why it did not return.
    pub said: Result<Result<Vec<Receipt>, Failure>, String>,
}

impl Account {
    /// The batches that the plugin told of; those of a success are made from its receipts.
    pub fn batches(&self) -> Vec<Batch> {
        let whole = |receipt: &Receipt| Batch {
            ids: receipt.ids.clone(),
            attempts: receipt.attempts,
            outcome: Outcome::Accepted(receipt.clone()),
        };
        match &self.said {
            Ok(Ok(receipts)) => receipts.iter().map(whole).collect(),
            Ok(Err(failure)) => failure.batches.clone(),
            Err(_) => Vec::new(),
        }
    }

    /// When the call has to be over.
    pub fn deadline(&self) -> Option<Duration> {
        self.call.options.deadline_ms.map(|ms| self.started + Duration::from_millis(ms.into()))
    }

    /// What ended the call or failed first.
    pub fn cause(&self) -> Option<&Error> {
        self.said.as_ref().ok()?.as_ref().err().map(|failure| &failure.cause)
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
