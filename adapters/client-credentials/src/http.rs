//! One request to the token endpoint. The only file that uses wasi:http and wasi:io.

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::http::outgoing_handler::handle;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
    http_error_code,
};
use crate::bindings::wasi::io::poll::{Pollable, poll};
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};
use crate::config::TokenEndpoint;

/// Time from sending a request to the end of its response, in nanoseconds: hosts limit only parts of it.
const TIMEOUT_NS: u64 = 30_000_000_000;

/// Maximum length of a response in bytes: twice that of a token.
const MAX_RESPONSE_BYTES: usize = 131_072;

/// A complete response.
pub(crate) struct Response {
    pub(crate) status: u16,
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
    pub(crate) fn explain(self, endpoint: &TokenEndpoint) -> TokenError {
        let authority = &endpoint.address.authority;
        match self {
            HttpError::Failed(ErrorCode::HttpRequestDenied) => TokenError::Denied(format!(
                "the host's policy for outbound requests denies requests to {authority}, the token endpoint: allow it"
            )),
            HttpError::Failed(ErrorCode::TlsCertificateError) => {
                TokenError::Denied(format!("the host does not trust the certificate of {authority}"))
            }
            HttpError::Failed(code) => TokenError::Unavailable(format!(
                "no response from {authority} ({}): try again later",
                description(&code)
            )),
            HttpError::Timeout => {
                TokenError::Unavailable(format!("no response from {authority} in 30 s: try again later"))
            }
            HttpError::TooLarge => TokenError::Unavailable(format!(
                "the response from {authority} is too large: check AZURE_AUTHORITY_HOST and proxies"
            )),
            HttpError::RejectedByHost => TokenError::Denied(format!("the host rejects a request to {authority}")),
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

/// Sends a form and reads the whole response.
pub(crate) fn post(endpoint: &TokenEndpoint, form: &str) -> Result<Response, HttpError> {
    let deadline = Deadline(monotonic_clock::subscribe_duration(TIMEOUT_NS));
    let response = send(endpoint, form, &deadline)?;
    let body = read(&response, &deadline)?;
    Ok(Response { status: response.status(), body })
}

fn send(endpoint: &TokenEndpoint, form: &str, deadline: &Deadline) -> Result<IncomingResponse, HttpError> {
    let rejected = |()| HttpError::RejectedByHost;
    let fields = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", &form.len().to_string()),
        ("accept", "application/json"),
        ("user-agent", concat!("entra-risk/", env!("CARGO_PKG_VERSION"))),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let request = OutgoingRequest::new(Fields::from_list(&fields).map_err(|_| HttpError::RejectedByHost)?);
    let scheme = if endpoint.address.https { Scheme::Https } else { Scheme::Http };
    request.set_method(&Method::Post).map_err(rejected)?;
    request.set_scheme(Some(&scheme)).map_err(rejected)?;
    request.set_authority(Some(&endpoint.address.authority)).map_err(rejected)?;
    request.set_path_with_query(Some(&endpoint.path)).map_err(rejected)?;
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
