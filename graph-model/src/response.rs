//! Responses as Microsoft Graph and the proxies before it spell them.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::Response;

/// What a response repeats of the exchange it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct ResponseContext {
    /// Microsoft Graph's own id of the request.
    pub(crate) request_id: Uuid,
    /// The client's id of the request, or `request_id` if the client sent none.
    pub(crate) client_request_id: String,
    /// The date of the response.
    pub(crate) date: SystemTime,
}

impl ResponseContext {
    /// A response with the headers that every response of Microsoft Graph has.
    pub(crate) fn response(&self, status: StatusCode, body: impl Into<Bytes>) -> Response {
        let mut response = Response::new(body.into());
        *response.status_mut() = status;
        set(&mut response, HeaderName::from_static("request-id"), &self.request_id.to_string());
        set(&mut response, HeaderName::from_static("client-request-id"), &self.client_request_id);
        set(&mut response, DATE, &httpdate::fmt_http_date(self.date));
        response
    }

    /// An error, in JSON.
    pub(crate) fn error(&self, status: StatusCode, code: &str, message: &str) -> Response {
        let request_id = self.request_id.to_string();
        let date = iso8601(self.date);
        let inner = json!({ "date": date, "request-id": request_id, "client-request-id": self.client_request_id });
        let body = json!({ "error": { "code": code, "message": message, "innerError": inner } }).to_string();
        self.json(status, body)
    }

    /// A response in JSON.
    pub(crate) fn json(&self, status: StatusCode, body: String) -> Response {
        let mut response = self.response(status, body);
        set(&mut response, CONTENT_TYPE, "application/json");
        response
    }

    /// `403` for a token without the permission.
    pub(crate) fn forbidden(&self, status: StatusCode) -> Response {
        let message = "Insufficient privileges to complete the operation.";
        self.error(status, "Authorization_RequestDenied", message)
    }

    /// `429` with or without a `Retry-After` in whole seconds.
    pub(crate) fn throttled(&self, wait: Option<Duration>) -> Response {
        let response = self.error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "Too many requests.");
        match wait {
            Some(wait) => with_retry_after(response, &wait.as_secs_f64().ceil().to_string()),
            None => response,
        }
    }

    /// `401` for a token that is missing, unknown or no longer valid.
    pub(crate) fn unauthenticated(&self, message: &str) -> Response {
        let mut response = self.error(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message);
        let authority = "https://login.microsoftonline.com/common/oauth2/authorize";
        let challenge = format!(
            r#"Bearer realm="", authorization_uri="{authority}", client_id="00000003-0000-0000-c000-000000000000""#
        );
        set(&mut response, WWW_AUTHENTICATE, &challenge);
        response
    }

    /// `401` or `403` of continuous access evaluation: the token was revoked, a new one must
    /// satisfy [`CLAIMS`].
    pub(crate) fn challenge(&self, status: StatusCode) -> Response {
        let message = "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: \
                       TokenIssuedBeforeRevocationTimestamp";
        let mut response = self.unauthenticated(message);
        *response.status_mut() = status;
        let old = response.headers()[WWW_AUTHENTICATE].to_str().unwrap_or_default();
        let value = format!(r#"{old}, error="insufficient_claims", claims="{CLAIMS_BASE64}""#);
        set(&mut response, WWW_AUTHENTICATE, &value);
        response
    }

    /// A page of a proxy or gateway: to sign in, or to report an error.
    pub(crate) fn page(&self, status: StatusCode) -> Response {
        let mut response = Response::new(Bytes::from_static(b"<!DOCTYPE html><title>Guest network</title>"));
        *response.status_mut() = status;
        set(&mut response, CONTENT_TYPE, "text/html; charset=utf-8");
        set(&mut response, DATE, &httpdate::fmt_http_date(self.date));
        response
    }
}

/// The claims of the challenge, as they are to be sent to the token endpoint.
pub const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;
const CLAIMS_BASE64: &str = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNjA0MTA2NjUxIn19fQ==";

/// The same response with a `Retry-After`.
pub(crate) fn with_retry_after(mut response: Response, value: &str) -> Response {
    set(&mut response, RETRY_AFTER, value);
    response
}

/// A proxy's redirect to its sign-in page.
pub(crate) fn redirect() -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    set(&mut response, LOCATION, "https://proxy.example/sign-in");
    response
}

/// The response of a server to a connection that was made for another one.
pub(crate) fn misdirected() -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    // From bytes, because the ids that clients send and the values of faults need not be ASCII.
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        response.headers_mut().insert(name, value);
    }
}

/// ISO 8601 without a zone, from the parts of an HTTP date.
pub(crate) fn iso8601(date: SystemTime) -> String {
    let fixdate = httpdate::fmt_http_date(date);
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|month| fixdate[8..11] == **month).unwrap_or_default() + 1;
    format!("{}-{month:02}-{}T{}", &fixdate[12..16], &fixdate[5..7], &fixdate[17..25])
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_inner_date_is_iso_8601_without_a_zone() {
        assert_eq!(
            super::iso8601(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_657_779_765)),
            "2022-07-14T06:22:45"
        );
    }
}
