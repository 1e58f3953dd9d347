//! The report of a call, which contains every id exactly once.

use serde::Serialize;

use crate::actions::{Batch, Error, Outcome, Receipt, Response};

/// The outcome of every id, in the order given.
#[derive(Debug, Default)]
pub struct Report {
    /// The batches: neighboring ids that ended in the same request with the same outcome.
    pub batches: Vec<Batch>,
    /// What ended the call, or else the first error. None if every id was accepted.
    pub cause: Option<Error>,
}

/// What identifies a request at Microsoft Graph.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestIds<'a> {
    /// The id that Microsoft Graph gave to the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    /// The `client-request-id` that the request carried.
    client_request_id: &'a str,
    /// When Microsoft Graph responded.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
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
    /// All four outcomes, in the order of the contract.
    pub const ALL: [Outcome; 4] = [Outcome::Accepted, Outcome::Refused, Outcome::NotApplied, Outcome::Unknown];

    /// The name of this outcome in the contract, such as `not-applied`.
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
    /// What identifies the last request of the batch, whatever its outcome; none without a
    /// response.
    pub(crate) fn request_ids(&self) -> Option<RequestIds<'_>> {
        let response = || Some(RequestIds::from(self.error.as_ref()?.response.as_ref()?));
        self.receipt.as_ref().map(RequestIds::from).or_else(response)
    }
}

impl<'a> From<&'a Receipt> for RequestIds<'a> {
    fn from(Receipt { request_id, client_request_id, date }: &'a Receipt) -> Self {
        RequestIds { request_id: request_id.as_deref(), client_request_id, date: date.as_deref() }
    }
}

impl<'a> From<&'a Response> for RequestIds<'a> {
    fn from(Response { request_id, client_request_id, date, .. }: &'a Response) -> Self {
        RequestIds { request_id: request_id.as_deref(), client_request_id, date: date.as_deref() }
    }
}
