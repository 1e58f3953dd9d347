//! Status, headers and body of an answer become a verdict: accepted, or what Microsoft Graph said instead.

use std::time::Duration;

use crate::json::Json;
use crate::token::Authorization;
use crate::{challenge, date, decimal};

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
        let body = Json::parse(&self.body);
        let error = body.get("error");
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

fn text(object: Option<&Json>, member: &str) -> Option<String> {
    object?.get(member)?.text().map(str::to_owned)
}

/// The time that a `Retry-After` asks to wait: seconds, or a date measured against the answer's own `Date`
/// (RFC 9110, section 10.2.3). A date that has passed means none.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim_ascii();
    if let Some(seconds) = decimal::parse(value) {
        return Some(Duration::from_secs(seconds));
    }
    let seconds = date::parse(value)?.saturating_sub(date::parse(date?.trim_ascii())?);
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: Option<&str> = Some("Sun, 06 Nov 1994 08:49:37 GMT");

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let cases = [
            ("0", None, Some(0)),
            ("120", None, Some(120)),
            (" 7 ", DATE, Some(7)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", DATE, Some(120)),
            ("Sunday, 06-Nov-94 08:51:37 GMT", DATE, Some(120)),
            ("Sun Nov  6 08:51:37 1994", DATE, Some(120)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", DATE, Some(0)),
            ("Tue, 01 Jan 2030 00:00:00 GMT", Some("Mon, 31 Dec 2029 23:59:59 GMT"), Some(1)),
            ("99999999999999999999999", None, Some(u64::MAX)),
        ];
        for (value, date, seconds) in cases {
            assert_eq!(retry_after(value, date), seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn a_retry_after_that_says_nothing_is_ignored() {
        let cases = [
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1s", None),
            ("soon", DATE),
            ("Sun, 06 Nov 1994 08:51:37 GMT", None),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some("yesterday")),
            ("Sun, 06 Nov 1994 08:51:37 CET", DATE),
            ("Sun, 06 Nov 1994 25:51:37 GMT", DATE),
        ];
        for (value, date) in cases {
            assert_eq!(retry_after(value, date), None, "{value}");
        }
    }
}
