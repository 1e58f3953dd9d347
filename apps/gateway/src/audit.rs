//! The audit record of a request, in lines of JSON: one for each 60 ids before anything is sent,
//! one for each batch as soon as it has ended, then one for the request. It contains no key and no
//! token: nothing of the request's headers except its id and its reason, nothing of its path except
//! the action.

use entra_risk_common::Action;
use entra_risk_common::actions::{Batch, Error};
use entra_risk_common::calls::Progress;
use entra_risk_common::json::{Counts, JsonError, LoggedBatch, to_json};
use serde::Serialize;

/// The maximum number of ids in a line. A call, or a batch that was never sent, can have more, and
/// then takes several lines, because hosts may write a long line in parts, between the lines of
/// other requests.
const MAX_IDS_PER_LINE: usize = 60;

/// What the gateway knows about a request so far.
pub(crate) struct Audit<'a> {
    /// The id of the request in the log and in the response.
    pub(crate) x_request_id: &'a str,
    /// The name of the caller's key, if it is valid.
    pub(crate) key: Option<&'a str>,
    /// The action that the path names.
    pub(crate) action: Option<&'static Action>,
    /// The method of the Model Context Protocol, if the request is one of its messages.
    pub(crate) mcp: Option<&'static str>,
    /// The reason of a caller with a valid key, if it is valid.
    pub(crate) reason: Option<String>,
    /// The ids for which the request is rejected, because they are protected.
    pub(crate) protected_ids: Vec<String>,
    /// The number of ids with each outcome, and what ended the call, once it is over.
    pub(crate) result: Option<(Counts, Option<Error>)>,
}

/// A line of the log: its time, the event, and what belongs to the event.
#[derive(Serialize)]
struct Line<'a, T> {
    time: &'a str,
    event: &'a str,
    #[serde(flatten)]
    rest: T,
}

/// What a line of the log says about the request that it belongs to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfRequest<'a, T> {
    x_request_id: &'a str,
    key: Option<&'a str>,
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mcp: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(flatten)]
    rest: T,
}

#[derive(Serialize)]
struct Started<'a> {
    ids: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ended<'a> {
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protected_ids: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ids: Option<Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<JsonError<'a>>,
    duration_ms: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Waiting<'a> {
    left: u32,
    requests: u32,
    in_flight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_send_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JsonError<'a>>,
}

#[derive(Serialize)]
struct Try {}

#[derive(Serialize)]
struct LeftOut {
    requests: u64,
}

#[derive(Serialize)]
struct Settings<'a> {
    problems: &'a [String],
}

impl<'a> Audit<'a> {
    /// A request about which only its id is known.
    pub(crate) fn new(x_request_id: &'a str) -> Self {
        Audit {
            x_request_id,
            key: None,
            action: None,
            mcp: None,
            reason: None,
            protected_ids: Vec::new(),
            result: None,
        }
    }

    /// The lines that are written before a call with these ids.
    pub(crate) fn started(&self, time: &str, ids: &[String]) -> impl Iterator<Item = String> {
        ids.chunks(MAX_IDS_PER_LINE).map(move |ids| self.line(time, "started", Started { ids }))
    }

    /// The lines for batches that ended at `time`.
    pub(crate) fn batches(&self, time: &str, batches: &[Batch]) -> impl Iterator<Item = String> {
        let parts = batches.iter().flat_map(|batch| LoggedBatch::lines(batch, MAX_IDS_PER_LINE));
        parts.map(move |batch| self.line(time, "batch", batch))
    }

    /// The line of a streamed response that says what the call does at `time`. It is not logged.
    pub(crate) fn waiting(&self, time: &str, progress: &Progress) -> String {
        let Progress { left, requests, in_flight, next_send_ms, ref error } = *progress;
        let error = error.as_ref().map(JsonError::from);
        self.line(time, "waiting", Waiting { left, requests, in_flight, next_send_ms, error })
    }

    /// The line for a request that ended at `time`, after `duration_ms` milliseconds, with this
    /// status. `code` is that of the error, if it was rejected. The event is `request`, or `end` in
    /// a streamed response.
    pub(crate) fn request(&self, time: &str, event: &str, status: u16, code: Option<&str>, duration_ms: u64) -> String {
        let ended = Ended {
            status,
            code,
            protected_ids: self.protected_ids.chunks(MAX_IDS_PER_LINE).next(),
            ids: self.result.as_ref().map(|(counts, _)| *counts),
            cause: self.result.as_ref().and_then(|(_, cause)| cause.as_ref()).map(JsonError::from),
            duration_ms,
        };
        self.line(time, event, ended)
    }

    fn line(&self, time: &str, event: &str, rest: impl Serialize) -> String {
        let action = self.action.map(|action| action.definition.name);
        let reason = self.reason.as_deref();
        line(
            time,
            event,
            OfRequest { x_request_id: self.x_request_id, key: self.key, action, mcp: self.mcp, reason, rest },
        )
    }
}

/// The line for settings that are not valid.
pub(crate) fn settings_line(time: &str, problems: &[String]) -> String {
    line(time, "settings", Settings { problems })
}

/// The line that tests whether lines can be written.
pub(crate) fn try_line(time: &str) -> String {
    line(time, "try", Try {})
}

/// The line that counts the requests without a valid key that have no line of their own.
pub(crate) fn left_out_line(time: &str, requests: u64) -> String {
    line(time, "left-out", LeftOut { requests })
}

fn line(time: &str, event: &str, rest: impl Serialize) -> String {
    let mut line = to_json(&Line { time, event, rest });
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use entra_risk_common::actions::{self, Error, ErrorKind, Outcome, Receipt};
    use entra_risk_common::{ACTIONS, Report};
    use serde_json::{Value, json};

    use super::*;

    const TIME: &str = "2026-11-21T09:00:00.000Z";

    #[track_caller]
    fn parse(lines: impl IntoIterator<Item = String>) -> Vec<Value> {
        let parse = |line: String| {
            assert!(line.ends_with('\n') && line.matches('\n').count() == 1, "{line}");
            serde_json::from_str(&line).unwrap()
        };
        lines.into_iter().map(parse).collect()
    }

    #[track_caller]
    fn request(audit: &Audit<'_>, status: u16, code: Option<&str>) -> Value {
        parse([audit.request(TIME, "request", status, code, 1_234)]).remove(0)
    }

    fn error(kind: ErrorKind, response: Option<actions::Response>) -> Error {
        Error { kind, message: "line one\nline two".to_owned(), response }
    }

    #[test]
    fn each_batch_and_the_request_have_a_line() {
        let receipt = Receipt { request_id: Some("g".to_owned()), client_request_id: "c".to_owned(), date: None };
        let not_found = actions::Response {
            status: 404,
            code: "Request_ResourceNotFound".to_owned(),
            message: "no\nsuch user".to_owned(),
            request_id: Some("g2".to_owned()),
            client_request_id: "c2".to_owned(),
            date: None,
            retry_after_ms: None,
        };
        let refusal = error(ErrorKind::ClientError, Some(not_found));
        let batch = |id: &str, attempts, outcome, receipt, error| Batch {
            ids: vec![id.to_owned()],
            attempts,
            outcome,
            receipt,
            error,
        };
        let report = Report {
            cause: Some(refusal.clone()),
            batches: vec![
                batch("a", 1, Outcome::Accepted, Some(receipt), None),
                batch("b", 2, Outcome::Refused, None, Some(refusal)),
            ],
        };
        let mut audit = Audit { key: Some("soc"), action: Some(&ACTIONS[3]), ..Audit::new("caller-1") };
        let mut lines = parse(audit.batches(TIME, &report.batches));
        audit.result = Some((Counts::from(&report), report.cause));
        lines.push(request(&audit, 207, None));
        let common = |event: &str| {
            json!({
                "time": TIME, "event": event, "xRequestId": "caller-1", "key": "soc", "action": "dismiss-risky-users",
            })
        };
        let error = json!({
            "kind": "client-error", "message": "line one\nline two",
            "response": {
                "status": 404, "code": "Request_ResourceNotFound", "message": "no\nsuch user",
                "clientRequestId": "c2", "requestId": "g2",
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
                    "status": 207, "ids": { "accepted": 1, "refused": 1, "notApplied": 0, "unknown": 0 },
                    "cause": error, "durationMs": 1234,
                }),
            ),
        ];
        let expected = expected.map(|(mut line, own)| {
            line.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
            line
        });
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_rejected_request_has_one_line_with_the_code() {
        let expected = json!({
            "time": TIME, "event": "request", "xRequestId": "caller-1", "key": null,
            "action": null, "status": 401, "code": "unauthorized", "durationMs": 1234,
        });
        assert_eq!(request(&Audit::new("caller-1"), 401, Some("unauthorized")), expected);
    }

    #[test]
    fn a_call_has_a_line_for_each_60_ids_before_it() {
        let ids: Vec<String> = (0..130).map(|number| number.to_string()).collect();
        let reason = Some("case 4711".to_owned());
        let audit = Audit { key: Some("soc"), action: Some(&ACTIONS[3]), reason, ..Audit::new("caller-1") };
        let lines = parse(audit.started(TIME, &ids));
        let expected = ids.chunks(60).map(|ids| {
            json!({
                "time": TIME, "event": "started", "xRequestId": "caller-1", "key": "soc",
                "action": "dismiss-risky-users", "reason": "case 4711", "ids": ids,
            })
        });
        assert_eq!(lines, expected.collect::<Vec<_>>());
        assert_eq!(audit.started(TIME, &[]).count(), 0);
    }

    #[test]
    fn a_batch_with_many_ids_takes_several_lines() {
        let ids: Vec<String> = (0..130).map(|number| number.to_string()).collect();
        let error = Some(error(ErrorKind::NotAttempted, None));
        let batch = Batch { ids: ids.clone(), attempts: 0, outcome: Outcome::NotApplied, receipt: None, error };
        let lines = parse(Audit::new("caller-1").batches(TIME, &[batch]));
        assert_eq!(lines.len(), 3);
        let logged = lines.iter().filter_map(|line| line["ids"].as_array()).flatten();
        assert_eq!(logged.map(|id| id.as_str().unwrap()).collect::<Vec<_>>(), ids);
    }
}
