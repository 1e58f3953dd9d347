//! The response to a request, and its judgment: an acceptance, or an error and what it means.

use std::rc::Rc;

use crate::contract::error::{self, Error};
use crate::contract::id;
use crate::contract::report::Receipt;
use crate::contract::token::Secrets;
use crate::decimal;
use crate::http::json::Json;
use crate::http::judgment::{Disposition, Judgment, Purpose, Responder};
use crate::http::transport_error::TransportError;
use crate::http::{challenge, date};
use crate::time::Duration;

/// A response as it arrived, with the headers that mean something here.
#[derive(Debug, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Whether the whole body of the request was sent.
    pub request_is_complete: bool,
    /// The first value of `request-id`.
    pub request_id: Option<String>,
    /// The first value of `date`.
    pub date: Option<String>,
    /// All values of `retry-after`.
    pub retry_after: Vec<String>,
    /// All values of `www-authenticate`.
    pub www_authenticate: Vec<String>,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// How the body ended.
    pub body_end: BodyEnd,
}

/// How the body of a response ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyEnd {
    /// All of it was read.
    #[default]
    Complete,
    /// It broke off, or nobody waited for the rest.
    Broken,
    /// It is longer than what is read.
    TooLong,
}

/// The end of an attempt that was not accepted, by a response or without one.
#[derive(Debug)]
pub struct Rejection {
    /// The error of the contract.
    pub error: Rc<Error>,
    /// What the attempt means for the next ones.
    pub(crate) disposition: Disposition,
    /// How long the response asks to wait.
    pub retry_after: Option<Duration>,
    /// The claims that a fresh token must have, as a JSON object.
    pub claims: Option<String>,
    /// The GUIDs that `error.message` contains, as numbers. They may be the ids at fault.
    pub named: Vec<u128>,
}

/// The status of success. No other one counts, because a proxy may respond with a sign-in page and
/// 200.
pub const NO_CONTENT: u16 = 204;

/// The most bytes that are read of the response to an action, and of any error. An error of
/// Microsoft Graph has less than a kilobyte, and a larger body is not from Microsoft Graph.
pub const MAX_ERROR_BYTES: usize = 65_536;

/// The most bytes of `message`.
const MAX_MESSAGE_BYTES: usize = 512;

/// The most bytes of every other string that comes from outside.
pub(crate) const MAX_TEXT_BYTES: usize = 128;

impl Response {
    /// Judges the response to the attempt with this `client_request_id`. Nothing in the result
    /// contains a secret.
    pub fn judge(self, client_request_id: String, secrets: &Secrets) -> Result<Receipt, Rejection> {
        if self.status == NO_CONTENT && self.request_is_complete {
            let text = |text: String| secrets.sanitize(&text, MAX_TEXT_BYTES);
            return Ok(Receipt { request_id: self.request_id.map(text), client_request_id, date: self.date.map(text) });
        }
        Err(self.reject(client_request_id, secrets, Purpose::Act))
    }

    /// Judges a response that is not a success.
    pub(crate) fn reject(self, client_request_id: String, secrets: &Secrets, purpose: Purpose) -> Rejection {
        let text = |text: String| secrets.sanitize(&text, MAX_TEXT_BYTES);
        let retry_after = self.retry_after.iter().find_map(|value| retry_after(value, self.date.as_deref()));
        let (request_id, date) = (self.request_id.map(text), self.date.map(text));
        let body = Json::parse(self.body.get(..MAX_ERROR_BYTES).unwrap_or(&self.body));
        let error = body.get("error");
        let is_of_microsoft_graph = request_id.is_some() || matches!(error, Some(Json::Object(_)));
        let responder = if is_of_microsoft_graph { Responder::MicrosoftGraph } else { Responder::OnTheWay };
        let inner = error.and_then(|error| error.get("innerError").or_else(|| error.get("innererror")));
        let message = member(error, "message").unwrap_or_default();
        let response = error::Response {
            status: self.status,
            code: member(error, "code").map(text).unwrap_or_default(),
            message: secrets.sanitize(&message, MAX_MESSAGE_BYTES),
            request_id: request_id.or_else(|| member(inner, "request-id").map(text)),
            client_request_id,
            date: date.or_else(|| member(inner, "date").map(text)),
            retry_after_ms: retry_after.map(Duration::as_millis),
        };
        let claims = challenge::claims(&self.www_authenticate);
        // The message is judged as it arrived: what matters may be cut off.
        let has_challenge = challenge::asks_for_claims(&self.www_authenticate);
        let judgment = Judgment::of(self.status, &message, responder, has_challenge);
        let named = id::numbers_in(&message);
        let (error, disposition) = (Rc::new(judgment.error(response, purpose)), judgment.disposition);
        Rejection { error, disposition, retry_after, claims, named }
    }
}

impl Rejection {
    /// The end of an attempt by an error of the host. `has_accepted`: the instance has seen an
    /// acceptance.
    pub(crate) fn of_transport_error(error: &TransportError, has_accepted: bool, secrets: &Secrets) -> Rejection {
        let (Judgment { kind, outcome, disposition }, what) = error.kind.judge(has_accepted);
        let cause = secrets.sanitize(&error.cause, MAX_TEXT_BYTES);
        let error = Error::new(kind, outcome, [what, &cause].concat());
        Rejection::without_response(Rc::new(error), disposition)
    }

    /// The end of an attempt without a response.
    pub(crate) fn without_response(error: Rc<Error>, disposition: Disposition) -> Rejection {
        Rejection { error, disposition, retry_after: None, claims: None, named: Vec::new() }
    }
}

fn member(object: Option<&Json>, name: &str) -> Option<String> {
    object?.get(name)?.text().map(str::to_owned)
}

/// The wait that a `Retry-After` asks for, as seconds or as a date, which is measured against the
/// response's own `Date` (RFC 9110, section 10.2.3). A date that has passed asks for no wait.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim_ascii();
    let seconds = match decimal::parse(value) {
        Some(seconds) => seconds,
        None => date::parse(value)?.saturating_sub(date::parse(date?.trim_ascii())?),
    };
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::error::ErrorKind;

    const DATE: Option<&str> = Some("Sun, 06 Nov 1994 08:49:37 GMT");

    fn judge(response: Response) -> Result<Receipt, Rejection> {
        response.judge("id".to_owned(), &Secrets::default())
    }

    #[test]
    fn reads_both_forms_of_retry_after() {
        let cases = [
            ("0", None, Some(0)),
            ("120", None, Some(120)),
            (" 7 ", DATE, Some(7)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", DATE, Some(120)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", DATE, Some(0)),
            ("Tue, 01 Jan 2030 00:00:00 GMT", Some("Mon, 31 Dec 2029 23:59:59 GMT"), Some(1)),
            ("99999999999999999999999", None, Some(u64::MAX)),
        ];
        for (value, date, seconds) in cases {
            assert_eq!(retry_after(value, date), seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn ignores_an_invalid_retry_after() {
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
            ("Sunday, 06-Nov-94 08:51:37 GMT", DATE),
            ("Sun Nov  6 08:51:37 1994", DATE),
        ];
        for (value, date) in cases {
            assert_eq!(retry_after(value, date), None, "{value}");
        }
    }

    #[test]
    fn the_first_valid_retry_after_counts() {
        let retry_after = ["soon", "7", "9"].map(str::to_owned).to_vec();
        let rejection = judge(Response { status: 429, retry_after, ..Response::default() }).unwrap_err();
        assert_eq!(rejection.retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn success_needs_the_whole_request() {
        let early = judge(Response { status: 204, ..Response::default() }).unwrap_err();
        assert!(early.error.kind == ErrorKind::UnexpectedStatus, "{early:?}");
        assert!(judge(Response { status: 204, request_is_complete: true, ..Response::default() }).is_ok());
        assert!(judge(Response { status: 200, request_is_complete: true, ..Response::default() }).is_err());
    }

    #[test]
    fn reads_code_and_message_of_damaged_json() {
        let bodies: [&[u8]; 2] = [
            b"\xef\xbb\xbf{\"error\":{\"code\":\"C\",\"message\":\"m\"}}",
            b"{\"error\":{\"code\":\"C\",\"message\":\"m\",\"x\":\"\xff\"}}",
        ];
        for body in bodies {
            let rejection = judge(Response { status: 400, body: body.to_vec(), ..Response::default() }).unwrap_err();
            let error = rejection.error.response.as_ref().unwrap();
            assert_eq!((&*error.code, &*error.message), ("C", "m"), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn cuts_what_comes_from_outside() {
        let long = "x".repeat(2_000);
        let body = format!(r#"{{"error":{{"code":"{long}","message":"{long}"}}}}"#).into_bytes();
        let response =
            Response { status: 400, body, request_id: Some(long.clone()), date: Some(long), ..Response::default() };
        let rejection = judge(response).unwrap_err();
        let error = rejection.error.response.as_ref().unwrap();
        let lengths = [&error.code, error.request_id.as_ref().unwrap(), error.date.as_ref().unwrap()].map(String::len);
        assert_eq!((lengths, error.message.len()), ([128; 3], 512));
    }
}
