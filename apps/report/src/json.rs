//! The report and its parts as JSON, the same from every app. The gateway's `openapi.yaml` describes them.

use serde::Serialize;

use crate::actions::{self, GraphError, Outcome};
use crate::{Action, OutcomeKind, Report};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonReport<'a> {
    action: &'a str,
    ids: Counts,
    cause: Option<JsonError<'a>>,
    accepted: Vec<JsonBatch<'a>>,
    refused: Vec<JsonBatch<'a>>,
    not_applied: Vec<JsonBatch<'a>>,
    unknown: Vec<JsonBatch<'a>>,
}

/// The number of ids with each outcome.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    accepted: usize,
    refused: usize,
    not_applied: usize,
    unknown: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonBatch<'a> {
    ids: &'a [String],
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JsonError<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
}

/// An error: its name for programs, its text for people, and the response that it contains.
#[derive(Debug, Clone, Serialize)]
pub struct JsonError<'a> {
    kind: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    graph: Option<JsonGraphError<'a>>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonGraphError<'a> {
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

impl Report {
    /// The report of this action as JSON: the number of ids with each outcome, the cause, and the batches.
    pub fn json(&self, action: &Action) -> String {
        let batches = |kind| self.batches.iter().filter(|batch| batch.kind() == kind).map(JsonBatch::from).collect();
        let report = JsonReport {
            action: action.definition.name,
            ids: Counts::from(self),
            cause: self.cause.as_ref().map(JsonError::from),
            accepted: batches(OutcomeKind::Accepted),
            refused: batches(OutcomeKind::Refused),
            not_applied: batches(OutcomeKind::NotApplied),
            unknown: batches(OutcomeKind::Unknown),
        };
        // It cannot fail: serde_json fails only for maps with keys other than strings, and there is no map.
        serde_json::to_string(&report).unwrap_or_default()
    }
}

impl From<&Report> for Counts {
    fn from(report: &Report) -> Self {
        Counts {
            accepted: report.ids(OutcomeKind::Accepted).count(),
            refused: report.ids(OutcomeKind::Refused).count(),
            not_applied: report.ids(OutcomeKind::NotApplied).count(),
            unknown: report.ids(OutcomeKind::Unknown).count(),
        }
    }
}

impl<'a> From<&'a actions::Batch> for JsonBatch<'a> {
    fn from(batch: &'a actions::Batch) -> Self {
        let receipt = match &batch.outcome {
            Outcome::Accepted(receipt) => Some(receipt),
            _ => None,
        };
        JsonBatch {
            ids: &batch.ids,
            attempts: batch.attempts,
            error: batch.error().map(JsonError::from),
            request_id: receipt.and_then(|receipt| receipt.request_id.as_deref()),
            client_request_id: receipt.map(|receipt| receipt.client_request_id.as_str()),
            date: receipt.and_then(|receipt| receipt.date.as_deref()),
        }
    }
}

impl<'a> From<&'a actions::Error> for JsonError<'a> {
    fn from(error: &'a actions::Error) -> Self {
        JsonError { kind: error.kind(), message: error.text(), graph: error.graph().map(JsonGraphError::from) }
    }
}

impl<'a> From<&'a GraphError> for JsonGraphError<'a> {
    fn from(graph: &'a GraphError) -> Self {
        JsonGraphError {
            status: graph.status,
            code: &graph.code,
            client_request_id: &graph.client_request_id,
            request_id: graph.request_id.as_deref(),
            date: graph.date.as_deref(),
            retry_after_ms: graph.retry_after_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ACTIONS;
    use crate::actions::{Batch, Error, Failure, Receipt};

    #[test]
    fn every_outcome_has_a_count_and_a_list() {
        let receipt = Receipt { request_id: Some("r".to_owned()), client_request_id: "c".to_owned(), date: None };
        let batch = |id: &str, outcome| Batch { ids: vec![id.to_owned()], attempts: 1, outcome };
        let report = Report::from(Err(Failure {
            cause: Error::NoResponse("timeout".to_owned()),
            batches: vec![
                batch("a", Outcome::Accepted(receipt)),
                batch("b", Outcome::Unknown(Error::NoResponse("timeout".to_owned()))),
                batch("c", Outcome::NotApplied(Error::NotAttempted)),
            ],
        }));
        let expected = concat!(
            r#"{"action":"dismiss-sign-ins","ids":{"accepted":1,"refused":0,"notApplied":1,"unknown":1},"#,
            r#""cause":{"kind":"no-response","message":"timeout"},"#,
            r#""accepted":[{"ids":["a"],"attempts":1,"requestId":"r","clientRequestId":"c"}],"refused":[],"#,
            r#""notApplied":[{"ids":["c"],"attempts":1,"error":{"kind":"not-attempted","#,
            r#""message":"never sent, because an earlier error ended the call"}}],"#,
            r#""unknown":[{"ids":["b"],"attempts":1,"error":{"kind":"no-response","message":"timeout"}}]}"#,
        );
        assert_eq!(report.json(&ACTIONS[0]), expected);
    }
}
