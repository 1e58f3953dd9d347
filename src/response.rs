//! Status, headers and body of an answer become a verdict: accepted, or what Microsoft Graph said instead.

use std::time::Duration;

use serde_json::Value;

use crate::challenge;
use crate::token::Authorization;

/// An answer as it came. Of the headers it has those that mean something here, each with its first value.
#[derive(Default)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `request-id`
    pub request_id: Option<String>,
    /// `date`
    pub date: Option<String>,
    /// `retry-after`
    pub retry_after: Option<String>,
    /// `www-authenticate`: all its values.
    pub www_authenticate: Vec<String>,
    /// The body, or its first 64 KiB.
    pub body: Vec<u8>,
}

/// An answer that says yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// The id that this component gave the request.
    pub client_request_id: String,
    /// When the service answered, an HTTP date.
    pub date: Option<String>,
}

/// An answer that says anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphError {
    /// The status code.
    pub status: u16,
    /// `error.code`, or empty.
    pub code: String,
    /// `error.message`, or empty.
    pub message: String,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// The id that this component gave the request.
    pub client_request_id: String,
    /// When the service answered.
    pub date: Option<String>,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
    /// For a 401: the claims that a fresh token must have, JSON.
    pub claims: Option<String>,
}

/// Success, and nothing else: a proxy's 200 with a login page must not count as done.
pub const NO_CONTENT: u16 = 204;

impl Answer {
    /// Judges the answer to the request that had `client_request_id`. The token does not survive in it, wherever it
    /// stood.
    pub fn judge(self, client_request_id: String, authorization: &Authorization) -> Result<Accepted, GraphError> {
        let redact = |text: Option<String>| text.map(|text| authorization.redact(text));
        if self.status == NO_CONTENT {
            return Ok(Accepted { request_id: redact(self.request_id), client_request_id, date: redact(self.date) });
        }
        let retry_after = self.retry_after.and_then(|value| retry_after(&value, self.date.as_deref()));
        let error = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        let error = error.get("error");
        let inner = error.and_then(|error| error.get("innerError").or_else(|| error.get("innererror")));
        Err(GraphError {
            status: self.status,
            code: redact(text(error, "code")).unwrap_or_default(),
            message: redact(text(error, "message")).unwrap_or_default(),
            request_id: redact(self.request_id.or_else(|| text(inner, "request-id"))),
            client_request_id,
            date: redact(self.date.or_else(|| text(inner, "date"))),
            retry_after,
            claims: challenge::claims(&self.www_authenticate),
        })
    }
}

fn text(object: Option<&Value>, member: &str) -> Option<String> {
    object?.get(member)?.as_str().map(str::to_owned)
}

/// The time that a `Retry-After` asks to wait: seconds, or a date measured against the answer's own `Date`
/// (RFC 9110, section 10.2.3). A date that has passed means none.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim_ascii();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // All digits, so that the only error is a number too large.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = httpdate::parse_http_date(date?.trim_ascii()).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}
