//! The audit record of a request: a line of JSON for each batch, then one for the request. It contains no key and no
//! token: nothing of the request's headers except its id, nothing of its path except the action.

use entra_risk_report::actions::Batch;
use entra_risk_report::json::{Counts, JsonError};
use entra_risk_report::{Action, Report};
use serde::Serialize;

use crate::response::Response;

/// Maximum ids in a line. A batch that was never sent can have more, and takes several lines: hosts may write a long
/// line in parts, between the lines of other requests.
const MAX_IDS_PER_LINE: usize = 60;

/// What is known of a request so far.
#[derive(Default)]
pub(crate) struct Audit<'a> {
    /// The name of the caller's key, if it is valid.
    pub(crate) key: Option<&'a str>,
    /// The action that the path names.
    pub(crate) action: Option<&'static Action>,
    /// The report of the plugin, if it was called.
    pub(crate) report: Option<Report>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchLine<'a> {
    time: &'a str,
    event: &'a str,
    x_request_id: &'a str,
    key: Option<&'a str>,
    action: Option<&'a str>,
    outcome: &'a str,
    ids: &'a [String],
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JsonError<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestLine<'a> {
    time: &'a str,
    event: &'a str,
    x_request_id: &'a str,
    key: Option<&'a str>,
    action: Option<&'a str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<JsonError<'a>>,
    duration_ms: u64,
}

#[derive(Serialize)]
struct RestoredLine<'a> {
    time: &'a str,
    event: &'a str,
}

#[derive(Serialize)]
struct SettingsLine<'a> {
    time: &'a str,
    event: &'a str,
    problems: &'a [String],
}

impl Audit<'_> {
    /// The lines of a request that ended at `time`, after `duration_ms` milliseconds, with this response.
    pub(crate) fn lines(&self, time: &str, x_request_id: &str, response: &Response, duration_ms: u64) -> Vec<String> {
        let batches = self.report.as_ref().map(|report| report.batches.as_slice()).unwrap_or_default();
        let parts = batches.iter().flat_map(|batch| batch.ids.chunks(MAX_IDS_PER_LINE).map(move |ids| (batch, ids)));
        let mut lines: Vec<_> = parts.map(|(batch, ids)| line(&self.batch(time, x_request_id, batch, ids))).collect();
        lines.push(line(&RequestLine {
            time,
            event: "request",
            x_request_id,
            key: self.key,
            action: self.action_name(),
            status: response.status,
            code: response.code,
            ids: self.report.as_ref().map(Counts::from),
            cause: self.report.as_ref().and_then(|report| report.cause.as_ref()).map(JsonError::from),
            duration_ms,
        }));
        lines
    }

    fn batch<'a>(&'a self, time: &'a str, x_request_id: &'a str, batch: &'a Batch, ids: &'a [String]) -> BatchLine<'a> {
        let request = batch.request_ids();
        BatchLine {
            time,
            event: "batch",
            x_request_id,
            key: self.key,
            action: self.action_name(),
            outcome: batch.kind().name(),
            ids,
            attempts: batch.attempts,
            request_id: request.and_then(|request| request.request_id),
            client_request_id: request.map(|request| request.client_request_id),
            error: batch.error().map(JsonError::from),
        }
    }

    fn action_name(&self) -> Option<&'static str> {
        self.action.map(|action| action.definition.name)
    }
}

/// The line for settings that are not valid.
pub(crate) fn settings_line(time: &str, problems: &[String]) -> String {
    line(&SettingsLine { time, event: "settings", problems })
}

/// The line after lines that could not be written.
pub(crate) fn restored_line(time: &str) -> String {
    line(&RestoredLine { time, event: "log-restored" })
}

fn line(value: &impl Serialize) -> String {
    // It cannot fail: serde_json fails only for maps with keys other than strings, and there is no map.
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use entra_risk_report::ACTIONS;
    use entra_risk_report::actions::{Error, Failure, GraphError, Outcome, Receipt};
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn lines(audit: &Audit<'_>, response: &Response) -> Vec<Value> {
        let lines = audit.lines("2026-11-21T09:00:00.000Z", "caller-1", response, 1_234);
        assert!(lines.iter().all(|line| line.ends_with('\n') && line.matches('\n').count() == 1), "{lines:?}");
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn each_batch_and_the_request_have_a_line() {
        let receipt = Receipt { request_id: Some("g".to_owned()), client_request_id: "c".to_owned(), date: None };
        let graph = GraphError {
            status: 404,
            code: "Request_ResourceNotFound".to_owned(),
            message: "line one\nline two".to_owned(),
            request_id: Some("g2".to_owned()),
            client_request_id: "c2".to_owned(),
            date: None,
            retry_after_ms: None,
        };
        let report = Report::from(Err(Failure {
            cause: Error::ClientError(graph.clone()),
            batches: vec![
                Batch { ids: vec!["a".to_owned()], attempts: 1, outcome: Outcome::Accepted(receipt) },
                Batch { ids: vec!["b".to_owned()], attempts: 2, outcome: Outcome::Refused(Error::ClientError(graph)) },
            ],
        }));
        let response = Response::report(&ACTIONS[3], &report);
        let audit = Audit { key: Some("soc"), action: Some(&ACTIONS[3]), report: Some(report) };
        let common = |event: &str| {
            json!({
                "time": "2026-11-21T09:00:00.000Z", "event": event, "xRequestId": "caller-1", "key": "soc",
                "action": "dismiss-risky-users",
            })
        };
        let error = json!({
            "kind": "client-error", "message": "line one\nline two",
            "graph": {
                "status": 404, "code": "Request_ResourceNotFound", "clientRequestId": "c2", "requestId": "g2",
            },
        });
        let expected = [
            (
                common("batch"),
                json!({
                    "outcome": "accepted", "ids": ["a"], "attempts": 1, "requestId": "g", "clientRequestId": "c",
                }),
            ),
            (
                common("batch"),
                json!({
                    "outcome": "refused", "ids": ["b"], "attempts": 2, "requestId": "g2", "clientRequestId": "c2",
                    "error": error,
                }),
            ),
            (
                common("request"),
                json!({
                    "status": 207, "ids": { "accepted": 1, "refused": 1, "notApplied": 0, "unknown": 0 }, "cause": error,
                    "durationMs": 1234,
                }),
            ),
        ];
        let expected = expected.map(|(mut line, own)| {
            line.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
            line
        });
        assert_eq!(lines(&audit, &response), expected);
    }

    #[test]
    fn a_rejected_request_has_one_line_with_the_code() {
        let response = Response::error(401, "unauthorized", "The gateway's key is missing or wrong.");
        let expected = json!({
            "time": "2026-11-21T09:00:00.000Z", "event": "request", "xRequestId": "caller-1", "key": null,
            "action": null, "status": 401, "code": "unauthorized", "durationMs": 1234,
        });
        assert_eq!(lines(&Audit::default(), &response), [expected]);
    }

    #[test]
    fn a_batch_with_many_ids_takes_several_lines() {
        let ids: Vec<String> = (0..130).map(|number| number.to_string()).collect();
        let outcome = Outcome::NotApplied(Error::NotAttempted);
        let report = Report::from(Err(Failure {
            cause: Error::DeadlineExceeded,
            batches: vec![Batch { ids: ids.clone(), attempts: 0, outcome }],
        }));
        let response = Response::report(&ACTIONS[3], &report);
        let lines = lines(&Audit { report: Some(report), ..Audit::default() }, &response);
        assert_eq!(lines.len(), 4);
        let logged = lines.iter().filter_map(|line| line["ids"].as_array()).flatten();
        assert_eq!(logged.map(|id| id.as_str().unwrap()).collect::<Vec<_>>(), ids);
    }
}
