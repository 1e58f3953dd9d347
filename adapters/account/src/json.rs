//! The account as JSON, the same from the command and from the gateway: `openapi.yaml` of the gateway describes it.

use serde::Serialize;

use crate::actions::{self, GraphError, Outcome};
use crate::{Account, Action, Fate};

#[derive(Serialize)]
struct Report<'a> {
    action: &'a str,
    ids: Count,
    cause: Option<Error<'a>>,
    accepted: Vec<Batch<'a>>,
    refused: Vec<Batch<'a>>,
    unknown: Vec<Batch<'a>>,
    unsent: Vec<Batch<'a>>,
}

#[derive(Serialize)]
struct Count {
    accepted: usize,
    refused: usize,
    unknown: usize,
    unsent: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Batch<'a> {
    ids: &'a [String],
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Error<'a> {
    kind: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<Answer<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status: u16,
    code: &'a str,
    client_request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u32>,
}

impl Account {
    /// The account of this action as JSON: ids counted by what became of them, the cause, and the batches.
    pub fn json(&self, action: &Action) -> String {
        let batches = |fate| self.batches.iter().filter(|batch| batch.fate() == fate).map(Batch::from).collect();
        let report = Report {
            action: action.name,
            ids: Count {
                accepted: self.ids(Fate::Accepted).count(),
                refused: self.ids(Fate::Refused).count(),
                unknown: self.ids(Fate::Unknown).count(),
                unsent: self.ids(Fate::Unsent).count(),
            },
            cause: self.cause.as_ref().map(Error::from),
            accepted: batches(Fate::Accepted),
            refused: batches(Fate::Refused),
            unknown: batches(Fate::Unknown),
            unsent: batches(Fate::Unsent),
        };
        // It fails for maps with other keys than strings, and for what fails by itself: there is neither.
        serde_json::to_string(&report).unwrap_or_default()
    }
}

impl<'a> From<&'a actions::Batch> for Batch<'a> {
    fn from(batch: &'a actions::Batch) -> Self {
        let receipt = match &batch.outcome {
            Outcome::Accepted(receipt) => Some(receipt),
            _ => None,
        };
        Batch {
            ids: &batch.ids,
            attempts: batch.attempts,
            error: batch.error().map(Error::from),
            request_id: receipt.and_then(|receipt| receipt.request_id.as_deref()),
            client_request_id: receipt.map(|receipt| receipt.client_request_id.as_str()),
            date: receipt.and_then(|receipt| receipt.date.as_deref()),
        }
    }
}

impl<'a> From<&'a actions::Error> for Error<'a> {
    fn from(error: &'a actions::Error) -> Self {
        Error { kind: error.kind(), message: error.text(), graph: error.graph().map(Answer::from) }
    }
}

impl<'a> From<&'a GraphError> for Answer<'a> {
    fn from(graph: &'a GraphError) -> Self {
        Answer {
            status: graph.status,
            code: &graph.code,
            client_request_id: &graph.client_request_id,
            request_id: graph.request_id.as_deref(),
            date: graph.date.as_deref(),
            retry_after_ms: graph.retry_after_ms,
        }
    }
}
