//! The response to a request, judged: accepted, or the error and what it means.

use std::rc::Rc;

use crate::contract::error::{self, Class, Error, Judgement, Origin};
use crate::contract::id;
use crate::contract::report::Receipt;
use crate::contract::token::Secrets;
use crate::http::json::Json;
use crate::http::{challenge, date, decimal};
use crate::time::{MILLISECOND, Nanos, SECOND};

/// A response as it arrived. It contains the headers that mean something here.
#[derive(Debug, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The whole body of the request was sent.
    pub request_is_complete: bool,
    /// `request-id`: its first value.
    pub request_id: Option<String>,
    /// `date`: its first value.
    pub date: Option<String>,
    /// `retry-after`: all its values.
    pub retry_after: Vec<String>,
    /// `www-authenticate`: all its values.
    pub www_authenticate: Vec<String>,
    /// The body, or its first 64 KiB.
    pub body: Vec<u8>,
}

/// A response other than success.
#[derive(Debug)]
pub struct Rejection {
    /// The error of the contract.
    pub error: Rc<Error>,
    /// What it means for the next attempts.
    pub class: Class,
    /// How long it asks to wait.
    pub retry_after: Option<Nanos>,
    /// The claims that a fresh token must have, a JSON object.
    pub claims: Option<String>,
    /// The GUIDs that `error.message` contains, as numbers: perhaps the ids at fault.
    pub named: Vec<u128>,
}

/// Success, and nothing else: a proxy may answer 200 with a sign-in page.
pub const NO_CONTENT: u16 = 204;

/// Maximum bytes of `message`.
const MAX_MESSAGE_BYTES: usize = 512;

/// Maximum bytes of every other string that comes from outside.
pub const MAX_TEXT_BYTES: usize = 128;

impl Response {
    /// Judges the response to the attempt with this `client_request_id`. Nothing in the result contains a secret.
    pub fn judge(self, client_request_id: String, secrets: &Secrets) -> Result<Receipt, Rejection> {
        let text = |text: String| secrets.sanitize(&text, MAX_TEXT_BYTES);
        let date = self.date.clone().map(text);
        let request_id = self.request_id.map(text);
        if self.status == NO_CONTENT && self.request_is_complete {
            return Ok(Receipt { request_id, client_request_id, date });
        }
        let retry_after = self.retry_after.iter().find_map(|value| retry_after(value, self.date.as_deref()));
        let body = Json::parse(&self.body);
        let error = body.get("error");
        let is_of_microsoft_graph = request_id.is_some() || matches!(error, Some(Json::Object(_)));
        let origin = if is_of_microsoft_graph { Origin::MicrosoftGraph } else { Origin::OnTheWay };
        let inner = error.and_then(|error| error.get("innerError").or_else(|| error.get("innererror")));
        let message = member(error, "message").unwrap_or_default();
        let response = error::Response {
            status: self.status,
            code: member(error, "code").map(text).unwrap_or_default(),
            message: secrets.sanitize(&message, MAX_MESSAGE_BYTES),
            request_id: request_id.or_else(|| member(inner, "request-id").map(text)),
            client_request_id,
            date: date.or_else(|| member(inner, "date").map(text)),
            retry_after_ms: retry_after.map(|time| (time / MILLISECOND).try_into().unwrap_or(u32::MAX)),
        };
        let claims = challenge::claims(&self.www_authenticate);
        // The message is judged as it arrived: what matters may be cut off.
        let has_challenge = challenge::asks_for_claims(&self.www_authenticate);
        let judgement = Judgement::of(self.status, &message, origin, has_challenge);
        let named = id::numbers_in(&message);
        let error = Rc::new(Error::from_response(response, &judgement));
        Err(Rejection { error, class: judgement.class, retry_after, claims, named })
    }
}

fn member(object: Option<&Json>, name: &str) -> Option<String> {
    object?.get(name)?.text().map(str::to_owned)
}

/// The time that a `Retry-After` asks to wait: seconds, or a date measured against the response's own `Date`
/// (RFC 9110, section 10.2.3). A date that has passed means none.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Nanos> {
    let value = value.trim_ascii();
    let seconds = match decimal::parse(value) {
        Some(seconds) => seconds,
        None => date::parse(value)?.saturating_sub(date::parse(date?.trim_ascii())?),
    };
    Some(seconds.saturating_mul(SECOND))
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
            assert_eq!(retry_after(value, date), seconds.map(|s: u64| s.saturating_mul(SECOND)), "{value}");
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
        assert_eq!(rejection.retry_after, Some(7 * SECOND));
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
