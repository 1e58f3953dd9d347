//! One request to a token endpoint, and what to report when it has no response.

use entra_risk_engine::http::request::{Request, USER_AGENT};
use entra_risk_engine::http::response::{BodyEnd, Response};
use entra_risk_engine::http::transport_error::{TransportError, TransportErrorKind};
use entra_risk_engine::time::Instant;
use entra_risk_transport::exchange;

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::outcome::Failure;
use crate::token_call::{Issuer, TokenCall};

/// Maximum length of a response in bytes: twice that of a token.
const MAX_RESPONSE_BYTES: usize = 131_072;

/// Whether any response arrives until `end`.
pub(crate) fn answers(call: &TokenCall, end: Instant) -> bool {
    matches!(exchange(&call.issuer.address, request(call), MAX_RESPONSE_BYTES, end), Some(Ok(_)))
}

/// Sends a request and reads the whole response, until `end`.
pub(crate) fn send(call: &TokenCall, end: Instant) -> Result<Response, Failure> {
    let authority = &call.issuer.address.authority;
    let unavailable = |cause: &str| Failure {
        error: TokenError::Unavailable(format!("no response from {authority} {cause}: try again later")),
        is_transient: true,
        retry_at: None,
    };
    match exchange(&call.issuer.address, request(call), MAX_RESPONSE_BYTES, end) {
        None => Err(unavailable("in time")),
        Some(Ok(Response { body_end: BodyEnd::Broken, .. })) => Err(unavailable("that is complete")),
        Some(Ok(Response { body_end: BodyEnd::TooLong, .. })) => Err(too_large(&call.issuer)),
        Some(Ok(response)) => Ok(response),
        Some(Err(error)) => {
            Err(denial(&error, authority).unwrap_or_else(|| unavailable(&format!("({})", code(&error)))))
        }
    }
}

fn request(TokenCall { path, headers, form, .. }: &TokenCall) -> Request {
    let mut fields = vec![field("accept", "application/json"), field("user-agent", USER_AGENT)];
    fields.extend(headers.iter().map(|(name, value)| field(name, value)));
    if let Some(form) = form {
        fields.push(field("content-type", "application/x-www-form-urlencoded"));
        fields.push(field("content-length", &form.len().to_string()));
    }
    Request { path: path.clone(), headers: fields, body: form.as_ref().map(|form| form.as_bytes().to_vec()) }
}

fn field(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

fn too_large(issuer: &Issuer) -> Failure {
    let Issuer { address, variable, .. } = issuer;
    let authority = &address.authority;
    TokenError::Unavailable(format!("the response from {authority} is too large: check {variable} and proxies")).into()
}

/// The error for the plugin if another request would fail too.
fn denial(error: &TransportError, authority: &str) -> Option<Failure> {
    let message = match error.kind {
        TransportErrorKind::Denied => format!(
            "the host's policy for outbound requests denies requests to {authority}, the token endpoint: allow it"
        ),
        TransportErrorKind::Certificate => format!("the host does not trust the certificate of {authority}"),
        TransportErrorKind::RejectedByHost => format!("the host rejects a request to {authority}"),
        _ => return None,
    };
    Some(TokenError::Denied(message).into())
}

/// The name of the cause, without the details, which the host may have from anywhere.
fn code(error: &TransportError) -> &str {
    error.cause.split_once(':').map_or(&error.cause, |(code, _)| code)
}
