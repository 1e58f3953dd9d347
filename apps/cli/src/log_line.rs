//! A batch as a line of a log.

use entra_risk_report::actions::Batch;
use entra_risk_report::json::{JsonError, to_json};
use entra_risk_report::{Action, timestamp};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogLine<'a> {
    // First, because an incomplete line is recognized by it.
    time: &'a str,
    action: &'a str,
    outcome: &'a str,
    ids: &'a [String],
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JsonError<'a>>,
}

/// The outcome of these ids of a batch as JSON on one line. `time` is in seconds since 1970 and
/// nanoseconds. The request ids are those of the batch's last request, whatever the outcome.
pub(crate) fn log_line(action: &Action, batch: &Batch, ids: &[String], time: (u64, u32)) -> String {
    let request = batch.request_ids();
    let line = LogLine {
        time: &timestamp(time.0, time.1),
        action: action.definition.name,
        outcome: batch.outcome.name(),
        ids,
        attempts: batch.attempts,
        request_id: request.and_then(|request| request.request_id),
        client_request_id: request.map(|request| request.client_request_id),
        date: request.and_then(|request| request.date),
        error: batch.error.as_ref().map(JsonError::from),
    };
    to_json(&line)
}

#[cfg(test)]
mod tests {
    use entra_risk_report::ACTIONS;
    use entra_risk_report::actions::{Error, ErrorKind, Outcome, Receipt, Response};

    use super::*;

    #[test]
    fn a_line_names_the_request_whatever_the_outcome() {
        let ids = ["a".to_owned(), "b".to_owned()];
        let line = |outcome, receipt, error| {
            let batch = Batch { ids: ids.to_vec(), attempts: 2, outcome, receipt, error };
            log_line(&ACTIONS[3], &batch, &ids, (1_795_251_600, 0))
        };
        let begin = r#"{"time":"2026-11-21T09:00:00.000Z","action":"dismiss-risky-users","outcome":"#;
        let receipt = Receipt { request_id: None, client_request_id: "c".to_owned(), date: Some("d".to_owned()) };
        let expected = r#""accepted","ids":["a","b"],"attempts":2,"clientRequestId":"c","date":"d"}"#;
        assert_eq!(line(Outcome::Accepted, Some(receipt), None), format!("{begin}{expected}"));
        let response = Response {
            status: 404,
            code: "x".to_owned(),
            message: "line\nend".to_owned(),
            request_id: Some("r".to_owned()),
            client_request_id: "c".to_owned(),
            date: None,
            retry_after_ms: None,
        };
        let error = Error { kind: ErrorKind::ClientError, message: "refused".to_owned(), response: Some(response) };
        let expected = concat!(
            r#""refused","ids":["a","b"],"attempts":2,"requestId":"r","clientRequestId":"c","error":{"kind":"client-error","#,
            r#""message":"refused","response":{"status":404,"code":"x","message":"line\nend","clientRequestId":"c","#,
            r#""requestId":"r"}}}"#,
        );
        assert_eq!(line(Outcome::Refused, None, Some(error)), format!("{begin}{expected}"));
        let error = Error { kind: ErrorKind::NotAttempted, message: "never sent".to_owned(), response: None };
        let expected =
            r#""not-applied","ids":["a","b"],"attempts":2,"error":{"kind":"not-attempted","message":"never sent"}}"#;
        assert_eq!(line(Outcome::NotApplied, None, Some(error)), format!("{begin}{expected}"));
    }
}
