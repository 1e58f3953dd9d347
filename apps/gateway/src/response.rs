//! The response: a status, headers, and a body, which is JSON except for `openapi.yaml`, where
//! every response is described.

use entra_risk_common::actions::{Error, ErrorKind, Outcome};
use entra_risk_common::json::{Counts, to_json};
use entra_risk_common::{Action, Report};
use serde::Serialize;

use crate::preference;

/// A response of the gateway.
#[derive(Debug)]
pub(crate) struct Response {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// The status in the log: that of a plain response with these outcomes.
    pub(crate) logged_status: u16,
    /// The code of the error, if the request was rejected.
    pub(crate) code: Option<&'static str>,
    /// The headers in addition to those of every response.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The media type of the body.
    pub(crate) content_type: &'static str,
    /// The body.
    pub(crate) body: String,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorDescription<'a>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDescription<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_ids: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    protected_ids: &'a [String],
}

#[derive(Serialize)]
struct StatusBody {
    status: &'static str,
}

impl Response {
    /// The response to a request that is rejected, in the form of Microsoft Graph's errors.
    pub(crate) fn error(status: u16, code: &'static str, message: &str) -> Response {
        Response::described(status, ErrorDescription { code, message, ..ErrorDescription::default() })
    }

    /// The response to a request with too many ids.
    pub(crate) fn too_many_ids(message: &str, max_ids: u64) -> Response {
        let max_ids = Some(max_ids);
        Response::described(413, ErrorDescription { code: "tooManyIds", message, max_ids, protected_ids: &[] })
    }

    /// The response to a request with ids that are protected from its action.
    pub(crate) fn protected(protected_ids: &[String]) -> Response {
        let message = "Nothing was sent, because the gateway's operator protects some of the ids from this action.";
        let error = ErrorDescription { code: "protected", message, max_ids: None, protected_ids };
        Response::described(403, error)
    }

    /// The response while the audit log cannot be written.
    pub(crate) fn log_not_writable() -> Response {
        let message = "The audit log cannot be written: the gateway's operator must repair its standard error.";
        Response::error(503, "logNotWritable", message)
    }

    /// The response while settings are not valid.
    pub(crate) fn misconfigured(problems: &[String]) -> Response {
        let message = format!("The gateway's operator must correct its settings. {}.", problems.join("; "));
        Response::error(500, "misconfigured", &message)
    }

    /// The response if the plugin rejects the ids or an option. They have been checked by its own
    /// rules, so this should not happen. The plugin's message contains the value, which may be a
    /// secret.
    pub(crate) fn rejected_by_the_plugin() -> Response {
        Response::misconfigured(&["The plugin rejects one of them".to_owned()])
    }

    /// The response to a probe.
    pub(crate) fn status(status: &'static str) -> Response {
        Response::json(200, to_json(&StatusBody { status }))
    }

    /// The response that contains the OpenAPI document.
    pub(crate) fn document() -> Response {
        let body = include_str!("../openapi.yaml").to_owned();
        Response { content_type: "application/yaml", ..Response::json(200, body) }
    }

    /// The response that reports the outcome of every id. If it is strict, a success means that
    /// every id was accepted.
    pub(crate) fn report(action: &Action, report: &Report, is_strict: bool) -> Response {
        if report.cause.as_ref().is_some_and(|cause| cause.kind == ErrorKind::InvalidArgument) {
            return Response::rejected_by_the_plugin();
        }
        let status = status(Counts::from(report), report.cause.as_ref(), is_strict);
        let mut response = Response::json(status, report.json(action));
        if is_strict {
            response = response.with_header("preference-applied", preference::STRICT);
        }
        let throttled = report.cause.as_ref().filter(|cause| cause.kind == ErrorKind::Throttled);
        let retry_after_ms = throttled.and_then(|cause| cause.response.as_ref()?.retry_after_ms);
        match retry_after_ms.filter(|_| response.status == 503) {
            Some(wait) => response.with_header("retry-after", wait.div_ceil(1_000).to_string()),
            None => response,
        }
    }

    /// Adds a header to the response.
    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn described(status: u16, error: ErrorDescription<'_>) -> Response {
        Response { code: Some(error.code), ..Response::json(status, to_json(&ErrorBody { error })) }
    }

    /// A response with this body, which is JSON.
    pub(crate) fn json(status: u16, body: String) -> Response {
        let (headers, content_type) = (Vec::new(), "application/json");
        Response { status, logged_status: status, code: None, headers, content_type, body }
    }
}

/// 200 if every id was accepted, 422 if every id was refused, 207 if only some were accepted or
/// refused. Otherwise the cause determines the status. If the response is strict, the status is 422
/// if any id was refused, and otherwise as if none had been accepted.
pub(crate) fn status(counts: Counts, cause: Option<&Error>, is_strict: bool) -> u16 {
    let Some(cause) = cause else { return 200 };
    let [accepted, refused, not_applied, unknown] = Outcome::ALL.map(|outcome| counts.get(outcome) > 0);
    match cause.kind {
        _ if refused && (is_strict || !accepted && !not_applied && !unknown) => 422,
        _ if (accepted || refused) && !is_strict => 207,
        ErrorKind::NoToken | ErrorKind::Throttled | ErrorKind::Cancelled => 503,
        ErrorKind::NoResponse | ErrorKind::DeadlineExceeded => 504,
        _ => 502,
    }
}

#[cfg(test)]
mod tests {
    use entra_risk_common::ACTIONS;
    use entra_risk_common::actions::{self, Batch};

    use super::*;

    fn error(kind: ErrorKind, retry_after_ms: Option<u32>) -> Error {
        let response = retry_after_ms.map(|wait| actions::Response {
            status: 400,
            code: String::new(),
            message: String::new(),
            request_id: None,
            client_request_id: String::new(),
            date: None,
            retry_after_ms: Some(wait),
        });
        Error { kind, message: "canary".to_owned(), response }
    }

    #[track_caller]
    fn response(cause: Option<Error>, outcomes: &[Outcome], is_strict: bool) -> Response {
        let batch = |outcome: &Outcome| Batch {
            ids: vec!["a".to_owned()],
            attempts: 1,
            outcome: *outcome,
            receipt: None,
            error: None,
        };
        Response::report(&ACTIONS[0], &Report { cause, batches: outcomes.iter().map(batch).collect() }, is_strict)
    }

    #[test]
    fn the_status_summarizes_the_outcomes() {
        use ErrorKind as Kind;
        use Outcome::{Accepted, NotApplied, Refused, Unknown};
        // The last column is the status of a strict response.
        let cases: [(Option<Kind>, &[Outcome], u16, u16); 21] = [
            (None, &[], 200, 200),
            (None, &[Accepted], 200, 200),
            (Some(Kind::ClientError), &[Refused, Accepted], 207, 422),
            (Some(Kind::DeadlineExceeded), &[Accepted, NotApplied], 207, 504),
            (Some(Kind::ClientError), &[Refused, Unknown], 207, 422),
            (Some(Kind::NoResponse), &[Unknown, Refused], 207, 422),
            (Some(Kind::NoResponse), &[Unknown, Accepted], 207, 504),
            (Some(Kind::Throttled), &[Refused, NotApplied], 207, 422),
            (Some(Kind::Cancelled), &[Accepted, NotApplied], 207, 503),
            (Some(Kind::ServerError), &[Accepted, Unknown], 207, 502),
            (Some(Kind::ClientError), &[Refused, Refused], 422, 422),
            (Some(Kind::NoResponse), &[Unknown, NotApplied], 504, 504),
            (Some(Kind::DeadlineExceeded), &[NotApplied], 504, 504),
            (Some(Kind::NoToken), &[NotApplied], 503, 503),
            (Some(Kind::Cancelled), &[NotApplied], 503, 503),
            (Some(Kind::Throttled), &[NotApplied], 503, 503),
            (Some(Kind::Unauthenticated), &[NotApplied], 502, 502),
            (Some(Kind::Forbidden), &[NotApplied, NotApplied], 502, 502),
            (Some(Kind::ClientError), &[NotApplied], 502, 502),
            (Some(Kind::ServerError), &[Unknown], 502, 502),
            (Some(Kind::Unreachable), &[NotApplied], 502, 502),
        ];
        for (kind, outcomes, lenient, strict) in cases {
            let response = |is_strict| response(kind.map(|kind| error(kind, None)), outcomes, is_strict);
            let strict = (strict, vec![("preference-applied", "handling=strict".to_owned())]);
            assert_eq!((response(false).status, response(false).headers), (lenient, vec![]), "{kind:?} {outcomes:?}");
            assert_eq!((response(true).status, response(true).headers), strict, "{kind:?} {outcomes:?}");
        }
    }

    #[test]
    fn throttling_is_reported_with_its_retry_after() {
        let throttled = |wait| Some(error(ErrorKind::Throttled, wait));
        let retry_after = ("retry-after", "302".to_owned());
        let unavailable = response(throttled(Some(301_001)), &[Outcome::NotApplied], false);
        assert_eq!((unavailable.status, unavailable.headers), (503, vec![retry_after.clone()]));
        let some = [Outcome::NotApplied, Outcome::Accepted];
        let strict = response(throttled(Some(301_001)), &some, true);
        assert!(strict.status == 503 && strict.headers.contains(&retry_after), "{strict:?}");
        assert!(response(throttled(None), &[Outcome::NotApplied], false).headers.is_empty());
        assert!(response(throttled(Some(1)), &some, false).headers.is_empty());
    }

    #[test]
    fn bodies_escape_what_a_terminal_could_execute() {
        let cause = Error { message: "\x1b[2J\u{9b}\u{202e}\n".to_owned(), ..error(ErrorKind::NoToken, None) };
        for response in [response(Some(cause.clone()), &[], false), Response::error(400, "badRequest", &cause.message)]
        {
            assert!(response.body.contains(r#""message":"\u001b[2J\u009b\u202e\n""#), "{}", response.body);
        }
    }

    #[test]
    fn an_invalid_option_is_reported_without_its_value() {
        let response = response(Some(error(ErrorKind::InvalidArgument, None)), &[], false);
        assert_eq!((response.status, response.code), (500, Some("misconfigured")));
        assert!(!response.body.contains("canary"), "{}", response.body);
    }
}
