//! The report and its parts as JSON, the same from every app. The gateway's `openapi.yaml`
//! describes them.

use std::fmt::Write;

use entra_risk_engine::contract::printable::is_printable;
use serde::Serialize;

use crate::actions::{self, Outcome};
use crate::report::RequestIds;
use crate::{Action, Report};

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
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    accepted: usize,
    refused: usize,
    not_applied: usize,
    unknown: usize,
}

#[derive(Serialize)]
struct JsonBatch<'a> {
    ids: &'a [String],
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JsonError<'a>>,
    #[serde(flatten)]
    request: Option<RequestIds<'a>>,
}

/// What a log says about ids of a batch, whatever their outcome. The request ids are those of the
/// last request of the batch.
#[derive(Debug, Serialize)]
pub struct LoggedBatch<'a> {
    outcome: &'a str,
    ids: &'a [String],
    attempts: u32,
    #[serde(flatten)]
    request: Option<RequestIds<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JsonError<'a>>,
}

/// An error: its kind for programs, its message for people, and the response that it is about.
#[derive(Debug, Clone, Serialize)]
pub struct JsonError<'a> {
    kind: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<JsonResponse<'a>>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonResponse<'a> {
    status: u16,
    code: &'a str,
    message: &'a str,
    client_request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u32>,
}

impl Report {
    /// The report of a call of this action as JSON: the number of ids with each outcome, the cause,
    /// and the batches.
    pub fn json(&self, action: &Action) -> String {
        let batches =
            |outcome| self.batches.iter().filter(|batch| batch.outcome == outcome).map(JsonBatch::from).collect();
        let report = JsonReport {
            action: action.definition.name,
            ids: Counts::from(self),
            cause: self.cause.as_ref().map(JsonError::from),
            accepted: batches(Outcome::Accepted),
            refused: batches(Outcome::Refused),
            not_applied: batches(Outcome::NotApplied),
            unknown: batches(Outcome::Unknown),
        };
        to_json(&report)
    }
}

/// The value as JSON on one line. What a terminal could execute, or take for a line end, is
/// escaped, which JSON itself requires only of some control characters.
pub fn to_json(value: &impl Serialize) -> String {
    // This cannot fail: serde_json fails only for maps with keys other than strings, and there is
    // no map.
    let json = serde_json::to_string(value).unwrap_or_default();
    let mut escaped = String::with_capacity(json.len());
    // Outside strings, JSON on one line is printable.
    for c in json.chars() {
        if is_printable(c) {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    escaped
}

impl<'a> LoggedBatch<'a> {
    /// What a log says about a batch, in parts with at most `max_ids` of its ids each.
    pub fn lines(batch: &'a actions::Batch, max_ids: usize) -> impl Iterator<Item = Self> {
        batch.ids.chunks(max_ids).map(move |ids| LoggedBatch {
            outcome: batch.outcome.name(),
            ids,
            attempts: batch.attempts,
            request: batch.request_ids(),
            error: batch.error.as_ref().map(JsonError::from),
        })
    }
}

impl Counts {
    /// Adds the ids of these batches.
    pub fn add(&mut self, batches: &[actions::Batch]) {
        for batch in batches {
            let count = match batch.outcome {
                Outcome::Accepted => &mut self.accepted,
                Outcome::Refused => &mut self.refused,
                Outcome::NotApplied => &mut self.not_applied,
                Outcome::Unknown => &mut self.unknown,
            };
            *count = count.saturating_add(batch.ids.len());
        }
    }

    /// The number of ids with this outcome.
    pub fn get(self, outcome: Outcome) -> usize {
        match outcome {
            Outcome::Accepted => self.accepted,
            Outcome::Refused => self.refused,
            Outcome::NotApplied => self.not_applied,
            Outcome::Unknown => self.unknown,
        }
    }
}

impl From<&Report> for Counts {
    fn from(report: &Report) -> Self {
        let mut counts = Counts::default();
        counts.add(&report.batches);
        counts
    }
}

impl<'a> From<&'a actions::Batch> for JsonBatch<'a> {
    fn from(batch: &'a actions::Batch) -> Self {
        JsonBatch {
            ids: &batch.ids,
            attempts: batch.attempts,
            error: batch.error.as_ref().map(JsonError::from),
            // Those of an error are in its response.
            request: batch.receipt.as_ref().map(RequestIds::from),
        }
    }
}

impl<'a> From<&'a actions::Error> for JsonError<'a> {
    fn from(error: &'a actions::Error) -> Self {
        JsonError {
            kind: error.kind.name(),
            message: &error.message,
            response: error.response.as_ref().map(JsonResponse::from),
        }
    }
}

impl<'a> From<&'a actions::Response> for JsonResponse<'a> {
    fn from(response: &'a actions::Response) -> Self {
        JsonResponse {
            status: response.status,
            code: &response.code,
            message: &response.message,
            client_request_id: &response.client_request_id,
            request_id: response.request_id.as_deref(),
            date: response.date.as_deref(),
            retry_after_ms: response.retry_after_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ACTIONS;
    use crate::actions::{Batch, Error, ErrorKind, Receipt, Response};

    #[test]
    fn json_escapes_what_is_not_printable() {
        let text = "\x1b[31m\u{9b}\u{7f}\r\n\"é日\u{202e}\u{2028}\u{e0001}";
        let json = to_json(&text);
        assert_eq!(json, r#""\u001b[31m\u009b\u007f\r\n\"é日\u202e\u2028\udb40\udc01""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn every_outcome_has_a_count_and_a_list() {
        let receipt = Receipt { request_id: Some("r".to_owned()), client_request_id: "c".to_owned(), date: None };
        let error = |kind, message: &str, response| Error { kind, message: message.to_owned(), response };
        let timeout = || error(ErrorKind::NoResponse, "timeout", None);
        let response = Response {
            status: 404,
            code: "NotFound".to_owned(),
            message: "No such user".to_owned(),
            request_id: None,
            client_request_id: "c2".to_owned(),
            date: None,
            retry_after_ms: None,
        };
        let refusal = error(ErrorKind::ClientError, "refused", Some(response));
        let batch = |id: &str, outcome, error: Option<Error>| {
            let receipt = error.is_none().then(|| receipt.clone());
            Batch { ids: vec![id.to_owned()], attempts: 1, outcome, receipt, error }
        };
        let report = Report {
            cause: Some(timeout()),
            batches: vec![
                batch("a", Outcome::Accepted, None),
                batch("b", Outcome::Unknown, Some(timeout())),
                batch("c", Outcome::NotApplied, Some(error(ErrorKind::NotAttempted, "never sent", None))),
                batch("d", Outcome::Refused, Some(refusal)),
            ],
        };
        let expected = concat!(
            r#"{"action":"dismiss-sign-ins","ids":{"accepted":1,"refused":1,"notApplied":1,"unknown":1},"#,
            r#""cause":{"kind":"no-response","message":"timeout"},"#,
            r#""accepted":[{"ids":["a"],"attempts":1,"requestId":"r","clientRequestId":"c"}],"#,
            r#""refused":[{"ids":["d"],"attempts":1,"error":{"kind":"client-error","message":"refused","#,
            r#""response":{"status":404,"code":"NotFound","message":"No such user","clientRequestId":"c2"}}}],"#,
            r#""notApplied":[{"ids":["c"],"attempts":1,"error":{"kind":"not-attempted","message":"never sent"}}],"#,
            r#""unknown":[{"ids":["b"],"attempts":1,"error":{"kind":"no-response","message":"timeout"}}]}"#,
        );
        assert_eq!(report.json(&ACTIONS[0]), expected);
    }
}
