//! The response: a status, headers, and JSON. `openapi.yaml` describes every response.

use entra_risk_report::actions::Error;
use entra_risk_report::{Action, OutcomeKind, Report};
use serde::Serialize;

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// The error's code, if the request was rejected.
    pub(crate) code: Option<&'static str>,
    /// Headers besides those of every response.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body, JSON.
    pub(crate) body: String,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorDescription<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDescription<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_ids: Option<u64>,
}

#[derive(Serialize)]
struct StatusBody {
    status: &'static str,
}

impl Response {
    /// The response to a request that is rejected, in the form of Microsoft Graph's errors.
    pub(crate) fn error(status: u16, code: &'static str, message: &str) -> Response {
        Response { code: Some(code), ..Response::json(status, &error_body(code, message, None)) }
    }

    /// The response to a request with too many ids.
    pub(crate) fn too_many_ids(message: &str, max_ids: u64) -> Response {
        let code = "tooManyIds";
        Response { code: Some(code), ..Response::json(413, &error_body(code, message, Some(max_ids))) }
    }

    /// The response while the audit log cannot be written.
    pub(crate) fn log_not_writable() -> Response {
        let message = "The audit log cannot be written: the gateway's operator must repair its standard error.";
        Response::error(503, "logNotWritable", message)
    }

    /// The response if settings are not valid.
    pub(crate) fn misconfigured(problems: &[String]) -> Response {
        let message = format!("The gateway's operator must correct its settings. {}.", problems.join("; "));
        Response::error(500, "misconfigured", &message)
    }

    /// The response to a probe.
    pub(crate) fn status(status: &'static str) -> Response {
        Response::json(200, &StatusBody { status })
    }

    /// The response that reports the outcome of every id.
    pub(crate) fn report(action: &Action, report: &Report) -> Response {
        // Ids and settings have been checked by the rules of the plugin. The text of the error contains the value.
        if let Some(Error::InvalidArgument(_)) = report.cause {
            return Response::misconfigured(&["The plugin rejects one of them".to_owned()]);
        }
        let response = Response { status: status(report), code: None, headers: Vec::new(), body: report.json(action) };
        match &report.cause {
            Some(Error::Throttled(graph)) if response.status == 503 => match graph.retry_after_ms {
                Some(wait) => response.with_header("retry-after", wait.div_ceil(1_000).to_string()),
                None => response,
            },
            _ => response,
        }
    }

    /// The same response with this header.
    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn json(status: u16, body: &impl Serialize) -> Response {
        // It cannot fail: serde_json fails only for maps with keys other than strings, and there is no map.
        Response { status, code: None, headers: Vec::new(), body: serde_json::to_string(body).unwrap_or_default() }
    }
}

fn error_body<'a>(code: &'a str, message: &'a str, max_ids: Option<u64>) -> ErrorBody<'a> {
    ErrorBody { error: ErrorDescription { code, message, max_ids } }
}

/// 200 if every id was accepted, 422 if every id was refused, 207 if only some were accepted or refused. Otherwise the
/// cause determines the status.
fn status(report: &Report) -> u16 {
    let Some(cause) = &report.cause else { return 200 };
    let [accepted, refused, not_applied, unknown] = OutcomeKind::ALL.map(|kind| report.ids(kind).next().is_some());
    match cause {
        _ if refused && !accepted && !not_applied && !unknown => 422,
        _ if accepted || refused => 207,
        Error::NoToken(_) | Error::Throttled(_) | Error::Cancelled => 503,
        Error::NoResponse(_) | Error::DeadlineExceeded => 504,
        _ => 502,
    }
}

#[cfg(test)]
mod tests {
    use entra_risk_report::ACTIONS;
    use entra_risk_report::actions::{Batch, Failure, GraphError, Outcome, Receipt};

    use super::*;

    fn graph(retry_after_ms: Option<u32>) -> GraphError {
        GraphError {
            status: 400,
            code: String::new(),
            message: String::new(),
            request_id: None,
            client_request_id: String::new(),
            date: None,
            retry_after_ms,
        }
    }

    fn batch(outcome: Outcome) -> Batch {
        Batch { ids: vec!["a".to_owned()], attempts: 1, outcome }
    }

    fn accepted() -> Outcome {
        Outcome::Accepted(Receipt { request_id: None, client_request_id: String::new(), date: None })
    }

    #[track_caller]
    fn response(cause: Error, outcomes: Vec<Outcome>) -> Response {
        let batches = outcomes.into_iter().map(batch).collect();
        Response::report(&ACTIONS[0], &Report::from(Err(Failure { cause, batches })))
    }

    #[test]
    fn the_status_summarizes_the_outcomes() {
        assert_eq!(Response::report(&ACTIONS[0], &Report::from(Ok(vec![batch(accepted())]))).status, 200);
        let client_error = || Error::ClientError(graph(None));
        let refused = || Outcome::Refused(client_error());
        let no_response = || Error::NoResponse(String::new());
        let forbidden = || Error::Forbidden(graph(None));
        let unattempted = || Outcome::NotApplied(Error::NotAttempted);
        let cases = [
            (client_error(), vec![refused(), accepted()], 207),
            (Error::DeadlineExceeded, vec![accepted(), unattempted()], 207),
            (client_error(), vec![refused(), Outcome::Unknown(no_response())], 207),
            (no_response(), vec![Outcome::Unknown(no_response()), refused()], 207),
            (Error::Throttled(graph(Some(1))), vec![refused(), unattempted()], 207),
            (client_error(), vec![refused(), refused()], 422),
            (no_response(), vec![Outcome::Unknown(no_response()), unattempted()], 504),
            (Error::DeadlineExceeded, vec![unattempted()], 504),
            (Error::NoToken(String::new()), vec![unattempted()], 503),
            (Error::Cancelled, vec![unattempted()], 503),
            (Error::Throttled(graph(None)), vec![Outcome::NotApplied(Error::Throttled(graph(None)))], 503),
            (Error::Unauthenticated(graph(None)), vec![Outcome::NotApplied(Error::Unauthenticated(graph(None)))], 502),
            (forbidden(), vec![Outcome::NotApplied(forbidden()), unattempted()], 502),
            (client_error(), vec![Outcome::NotApplied(client_error())], 502),
            (Error::ServerError(graph(None)), vec![Outcome::Unknown(Error::ServerError(graph(None)))], 502),
            (Error::Unreachable(String::new()), vec![unattempted()], 502),
        ];
        for (cause, outcomes, expected) in cases {
            let case = format!("{cause:?} {outcomes:?}");
            assert_eq!(response(cause, outcomes).status, expected, "{case}");
        }
    }

    #[test]
    fn throttling_is_reported_with_its_retry_after() {
        let throttled = |wait| Error::Throttled(graph(wait));
        let unavailable = response(throttled(Some(301_001)), vec![Outcome::NotApplied(throttled(None))]);
        assert_eq!((unavailable.status, unavailable.headers), (503, vec![("retry-after", "302".to_owned())]));
        assert!(response(throttled(None), vec![]).headers.is_empty());
    }

    #[test]
    fn an_invalid_option_is_reported_without_its_value() {
        let response = response(Error::InvalidArgument("tenant canary".to_owned()), vec![]);
        assert_eq!((response.status, response.code), (500, Some("misconfigured")));
        assert!(!response.body.contains("canary"), "{}", response.body);
    }
}
