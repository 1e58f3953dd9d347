//! One request to a token endpoint. The only file that uses wasi:http and wasi:io.

use entra_risk_engine::time::Instant;

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::http::outgoing_handler::handle;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
    http_error_code,
};
use crate::bindings::wasi::io::poll::{Pollable, poll};
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};
use crate::outcome::Failure;
use crate::token_call::{Issuer, TokenCall};

/// Maximum length of a response in bytes: twice that of a token.
const MAX_RESPONSE_BYTES: usize = 131_072;

/// A complete response.
pub(crate) struct Response {
    pub(crate) status: u16,
    /// `date`: its first value.
    pub(crate) date: Option<String>,
    /// `retry-after`: its first value.
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no complete response.
pub(crate) enum HttpError {
    Timeout,
    TooLarge,
    Failed(ErrorCode),
    /// The host rejects the request, or violates its own interface.
    RejectedByHost,
}

impl HttpError {
    /// The error for the plugin, with what to do about it.
    pub(crate) fn explain(self, issuer: &Issuer) -> Failure {
        let authority = &issuer.address.authority;
        let transient = |error| Failure { error, is_transient: true, retry_at: None };
        match self {
            HttpError::Failed(ErrorCode::HttpRequestDenied) => TokenError::Denied(format!(
                "the host's policy for outbound requests denies requests to {authority}, the token endpoint: allow it"
            ))
            .into(),
            HttpError::Failed(ErrorCode::TlsCertificateError) => {
                TokenError::Denied(format!("the host does not trust the certificate of {authority}")).into()
            }
            HttpError::Failed(code) => transient(TokenError::Unavailable(format!(
                "no response from {authority} ({}): try again later",
                description(&code)
            ))),
            HttpError::Timeout => {
                transient(TokenError::Unavailable(format!("no response from {authority} in time: try again later")))
            }
            HttpError::TooLarge => TokenError::Unavailable(format!(
                "the response from {authority} is too large: check {} and proxies",
                issuer.variable
            ))
            .into(),
            HttpError::RejectedByHost => {
                TokenError::Denied(format!("the host rejects a request to {authority}")).into()
            }
        }
    }
}

/// The causes that an operator can fix. Hosts report most others as the same few protocol errors.
fn description(code: &ErrorCode) -> &'static str {
    match code {
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => "unknown host",
        ErrorCode::ConnectionRefused => "connection refused",
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => "unreachable host",
        ErrorCode::DestinationIpProhibited => "prohibited address",
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => "TLS failed: check its certificate",
        ErrorCode::ConnectionTimeout | ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => "timeout",
        _ => "connection failed",
    }
}

/// What the host's monotonic clock shows.
pub(crate) fn now() -> Instant {
    Instant::from_nanos(monotonic_clock::now())
}

/// Whether any response arrives until `end`.
pub(crate) fn answers(call: &TokenCall, end: Instant) -> bool {
    response_to(call, &Deadline(monotonic_clock::subscribe_instant(end.as_nanos()))).is_ok()
}

/// Sends a request and reads the whole response, until `end`.
pub(crate) fn send(call: &TokenCall, end: Instant) -> Result<Response, HttpError> {
    let deadline = Deadline(monotonic_clock::subscribe_instant(end.as_nanos()));
    let response = response_to(call, &deadline)?;
    let headers = response.headers();
    let header = |name: &str| {
        let value = headers.get(name).into_iter().next()?;
        String::from_utf8(value).ok()
    };
    let (date, retry_after) = (header("date"), header("retry-after"));
    Ok(Response { status: response.status(), date, retry_after, body: read(&response, &deadline)? })
}

fn response_to(call: &TokenCall, deadline: &Deadline) -> Result<IncomingResponse, HttpError> {
    let rejected = |()| HttpError::RejectedByHost;
    let TokenCall { issuer, path, headers, form } = call;
    let mut fields = vec![field("accept", "application/json"), field("user-agent", USER_AGENT)];
    fields.extend(headers.iter().map(|(name, value)| field(name, value)));
    if let Some(form) = form {
        fields.push(field("content-type", "application/x-www-form-urlencoded"));
        fields.push(field("content-length", &form.len().to_string()));
    }
    let request = OutgoingRequest::new(Fields::from_list(&fields).map_err(|_| HttpError::RejectedByHost)?);
    let scheme = if issuer.address.https { Scheme::Https } else { Scheme::Http };
    let method = if form.is_some() { Method::Post } else { Method::Get };
    request.set_method(&method).map_err(rejected)?;
    request.set_scheme(Some(&scheme)).map_err(rejected)?;
    request.set_authority(Some(&issuer.address.authority)).map_err(rejected)?;
    request.set_path_with_query(Some(path)).map_err(rejected)?;
    let Some(form) = form else {
        return wait_for(&handle(request, None).map_err(HttpError::Failed)?, deadline);
    };
    let body = request.body().map_err(rejected)?;
    let stream = body.write().map_err(rejected)?;
    let response = handle(request, None).map_err(HttpError::Failed)?;
    if write(&stream, form.as_bytes(), &response, deadline)? {
        drop(stream);
        // A failure here surfaces in the response.
        let _ = OutgoingBody::finish(body, None);
    }
    wait_for(&response, deadline)
}

const USER_AGENT: &str = concat!("entra-risk/", env!("CARGO_PKG_VERSION"));

fn field(name: &str, value: &str) -> (String, Vec<u8>) {
    (name.to_owned(), value.as_bytes().to_vec())
}

/// Writes the body and waits until the host has taken all of it: a stream that is dropped before may lose its last bytes
/// (source: wasi:io/streams). Returns false if the body was not sent completely: then the response contains the reason.
fn write(
    stream: &OutputStream,
    mut bytes: &[u8],
    response: &FutureIncomingResponse,
    deadline: &Deadline,
) -> Result<bool, HttpError> {
    let responded = response.subscribe();
    let mut flushing = false;
    loop {
        match stream.check_write() {
            // The server has already responded: stop sending the body.
            Ok(0) if responded.ready() => return Ok(bytes.is_empty()),
            Ok(0) => deadline.wait(&[&stream.subscribe(), &responded])?,
            Ok(_) if bytes.is_empty() && flushing => return Ok(true),
            Ok(_) if bytes.is_empty() => {
                if stream.flush().is_err() {
                    return Ok(false);
                }
                flushing = true;
            }
            Ok(room) => {
                let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
                let (chunk, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
                if stream.write(chunk).is_err() {
                    return Ok(false);
                }
                bytes = rest;
            }
            Err(_) => return Ok(false),
        }
    }
}

fn wait_for(response: &FutureIncomingResponse, deadline: &Deadline) -> Result<IncomingResponse, HttpError> {
    loop {
        if let Some(response) = response.get() {
            return response.map_err(|()| HttpError::RejectedByHost)?.map_err(HttpError::Failed);
        }
        deadline.wait(&[&response.subscribe()])?;
    }
}

fn read(response: &IncomingResponse, deadline: &Deadline) -> Result<Vec<u8>, HttpError> {
    let body = response.consume().map_err(|()| HttpError::RejectedByHost)?;
    let stream = body.stream().map_err(|()| HttpError::RejectedByHost)?;
    let mut bytes = Vec::new();
    loop {
        match stream.read(MAX_RESPONSE_BYTES as u64) {
            Ok(chunk) if chunk.is_empty() => deadline.wait(&[&stream.subscribe()])?,
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(HttpError::Failed(http_error_code(&error).unwrap_or(ErrorCode::HttpResponseIncomplete)));
            }
        }
        if bytes.len() > MAX_RESPONSE_BYTES {
            return Err(HttpError::TooLarge);
        }
    }
}

/// The end of the time for a request and its response.
struct Deadline(Pollable);

impl Deadline {
    /// Waits for one of the events. After the deadline it fails even if an event happens: a response that trickles in
    /// ends too.
    fn wait(&self, events: &[&Pollable]) -> Result<(), HttpError> {
        let mut all = events.to_vec();
        all.push(&self.0);
        poll(&all);
        if self.0.ready() { Err(HttpError::Timeout) } else { Ok(()) }
    }
}
