//! One request to a token endpoint, and what to report when it has no response.

use entra_risk_engine::http::request::{Request, USER_AGENT};
use entra_risk_engine::http::response::{BodyEnd, Response};
use entra_risk_engine::http::transport_error::TransportErrorKind;
use entra_risk_engine::time::Instant;
use entra_risk_transport::exchange;

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::outcome::Failure;
use crate::token_call::TokenCall;

/// Maximum length of a response in bytes: twice that of a token. A longer one is cut, and contains
/// no token then.
const MAX_RESPONSE_BYTES: usize = 131_072;

/// Whether any response arrives until `end`.
pub(crate) fn answers(call: &TokenCall, end: Instant) -> bool {
    matches!(exchange(&call.issuer.address, request(call), MAX_RESPONSE_BYTES, end), Some(Ok(_)))
}

/// Sends a request and reads the whole response, until `end`.
pub(crate) fn send(call: &TokenCall, end: Instant) -> Result<Response, Failure> {
    let authority = &*call.issuer.address.authority;
    let cause = match exchange(&call.issuer.address, request(call), MAX_RESPONSE_BYTES, end) {
        Some(Ok(response)) if response.body_end == BodyEnd::Broken => "broken off",
        Some(Ok(response)) => return Ok(response),
        // The details, which the host may have from anywhere, are left out.
        Some(Err(error)) => match denial(error.kind) {
            None => &error.cause.split(':').next().unwrap_or_default().to_owned(),
            Some(why) => return Err(TokenError::Denied([why, authority].concat()).into()),
        },
        None => "timeout",
    };
    let message = ["no response from ", authority, " (", cause, "): try again later"].concat();
    Err(Failure { error: TokenError::Unavailable(message), is_transient: true, retry_at: None })
}

fn request(TokenCall { path, headers, form, .. }: &TokenCall) -> Request {
    let mut fields = vec![field("accept", "application/json"), field("user-agent", USER_AGENT)];
    for (name, value) in headers {
        fields.push(field(name, value));
    }
    let mut body = None;
    if let Some(form) = form {
        fields.push(field("content-type", "application/x-www-form-urlencoded"));
        fields.push(field("content-length", &form.len().to_string()));
        body = Some(form.as_bytes().to_vec());
    }
    Request { path: path.clone(), headers: fields, body }
}

fn field(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

/// Why another request would fail too, if so. The address of the token endpoint follows.
fn denial(kind: TransportErrorKind) -> Option<&'static str> {
    match kind {
        TransportErrorKind::Denied => Some("the host's policy for outbound requests denies the token endpoint: allow "),
        TransportErrorKind::Certificate => Some("the host does not trust the certificate of "),
        TransportErrorKind::RejectedByHost => Some("the host rejects a request to "),
        _ => None,
    }
}
