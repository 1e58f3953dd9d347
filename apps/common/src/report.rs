//! The report of a call: every id exactly once.

use crate::actions::{Batch, Error, Outcome};

/// The outcome of every id, in the order given.
#[derive(Debug, Default)]
pub struct Report {
    /// Neighboring ids that ended in the same request with the same outcome.
    pub batches: Vec<Batch>,
    /// What ended the call, or else the first error; none if every id was accepted.
    pub cause: Option<Error>,
}

/// What identifies a request at Microsoft Graph.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestIds<'a> {
    /// The service's id.
    pub(crate) request_id: Option<&'a str>,
    /// The `client-request-id` that was sent.
    pub(crate) client_request_id: &'a str,
    /// When the service responded.
    pub(crate) date: Option<&'a str>,
}

impl Report {
    /// The ids with this outcome, in the order given.
    pub fn ids(&self, outcome: Outcome) -> impl Iterator<Item = &str> {
        let batches = self.batches.iter().filter(move |batch| batch.outcome == outcome);
        batches.flat_map(|batch| batch.ids.iter().map(String::as_str))
    }

    /// The number of ids with this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.ids(outcome).count()
    }
}

impl Outcome {
    /// All four, in the order of the contract.
    pub const ALL: [Outcome; 4] = [Outcome::Accepted, Outcome::Refused, Outcome::NotApplied, Outcome::Unknown];

    /// The name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Refused => "refused",
            Outcome::NotApplied => "not-applied",
            Outcome::Unknown => "unknown",
        }
    }
}

impl Batch {
    /// What identifies the last request of the batch at Microsoft Graph, whatever its outcome; none
    /// without a response.
    pub(crate) fn request_ids(&self) -> Option<RequestIds<'_>> {
        let response = self.error.as_ref().and_then(|error| error.response.as_ref());
        let (request_id, client_request_id, date) = match &self.receipt {
            Some(receipt) => (&receipt.request_id, &receipt.client_request_id, &receipt.date),
            None => response.map(|response| (&response.request_id, &response.client_request_id, &response.date))?,
        };
        Some(RequestIds { request_id: request_id.as_deref(), client_request_id, date: date.as_deref() })
    }
}
