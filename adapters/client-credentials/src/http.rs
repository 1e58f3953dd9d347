//! One request to the token endpoint. The only file that touches wasi:http and wasi:io.

use crate::bindings::exports::entra::risk::credentials::TokenError;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::http::outgoing_handler::handle;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
    http_error_code,
};
use crate::bindings::wasi::io::poll::{Pollable, poll};
use crate::bindings::wasi::io::streams::StreamError;
use crate::config::Endpoint;

/// From the sending of a request to the end of its answer, in nanoseconds: hosts have no limit on the whole.
const TIMEOUT: u64 = 30_000_000_000;

/// The longest answer: the longest token, and room for what comes with it. In bytes.
const MAX_ANSWER: usize = 131_072;

/// A complete answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Why there is none.
pub(crate) enum Fault {
    TooSlow,
    TooLong,
    Failed(ErrorCode),
    /// The host does not take the request, or breaks its own interface.
    Host,
}

impl Fault {
    /// What to do about it.
    pub(crate) fn explain(self, endpoint: &Endpoint) -> TokenError {
        let host = &endpoint.authority;
        match self {
            Fault::Failed(ErrorCode::HttpRequestDenied) => TokenError::Denied(format!(
                "the host's policy for outbound requests refuses {host}, which issues the tokens: allow it"
            )),
            Fault::Failed(ErrorCode::TlsCertificateError) => {
                TokenError::Denied(format!("{host} has no certificate that the host trusts"))
            }
            Fault::Failed(code) => {
                TokenError::Unavailable(format!("no answer from {host} ({}): try again later", name(&code)))
            }
            Fault::TooSlow => TokenError::Unavailable(format!("no answer from {host} in 30 s: try again later")),
            Fault::TooLong => TokenError::Unavailable(format!(
                "{host} answered more than any token: check AZURE_AUTHORITY_HOST and the proxy on the way"
            )),
            Fault::Host => TokenError::Denied(format!("the host does not take a request to {host}")),
        }
    }
}

/// The causes that an operator can do something about. Hosts report most others as the same few protocol errors.
fn name(code: &ErrorCode) -> &'static str {
    match code {
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => "its name is not found",
        ErrorCode::ConnectionRefused => "connection refused",
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => "it cannot be reached",
        ErrorCode::DestinationIpProhibited => "its address is prohibited",
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => "TLS failed: is its certificate trusted?",
        ErrorCode::ConnectionTimeout | ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => "timeout",
        _ => "the connection broke",
    }
}

/// Sends a form and reads the whole answer.
pub(crate) fn post(endpoint: &Endpoint, form: &str) -> Result<Answer, Fault> {
    let deadline = Deadline(monotonic_clock::subscribe_duration(TIMEOUT));
    let response = send(endpoint, form, &deadline)?;
    let body = read(&response, &deadline)?;
    Ok(Answer { status: response.status(), body })
}

fn send(endpoint: &Endpoint, form: &str, deadline: &Deadline) -> Result<IncomingResponse, Fault> {
    let fields = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", &form.len().to_string()),
        ("accept", "application/json"),
        ("user-agent", concat!("entra-risk/", env!("CARGO_PKG_VERSION"))),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let request = OutgoingRequest::new(Fields::from_list(&fields).map_err(|_| Fault::Host)?);
    let scheme = if endpoint.tls { Scheme::Https } else { Scheme::Http };
    request.set_method(&Method::Post).map_err(|()| Fault::Host)?;
    request.set_scheme(Some(&scheme)).map_err(|()| Fault::Host)?;
    request.set_authority(Some(&endpoint.authority)).map_err(|()| Fault::Host)?;
    request.set_path_with_query(Some(&endpoint.path)).map_err(|()| Fault::Host)?;
    let body = request.body().map_err(|()| Fault::Host)?;
    let answer = handle(request, None).map_err(Fault::Failed)?;
    write(body, form.as_bytes(), deadline)?;
    wait_for(&answer, deadline)
}

/// Writes the body. A connection that breaks here says why in place of the answer.
fn write(body: OutgoingBody, mut bytes: &[u8], deadline: &Deadline) -> Result<(), Fault> {
    let stream = body.write().map_err(|()| Fault::Host)?;
    while !bytes.is_empty() {
        let Ok(room) = stream.check_write() else { break };
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        if now.is_empty() {
            deadline.wait(stream.subscribe())?;
        } else if stream.write(now).is_err() {
            break;
        }
        bytes = later;
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
    Ok(())
}

fn wait_for(answer: &FutureIncomingResponse, deadline: &Deadline) -> Result<IncomingResponse, Fault> {
    loop {
        if let Some(answer) = answer.get() {
            return answer.map_err(|()| Fault::Host)?.map_err(Fault::Failed);
        }
        deadline.wait(answer.subscribe())?;
    }
}

fn read(response: &IncomingResponse, deadline: &Deadline) -> Result<Vec<u8>, Fault> {
    let body = response.consume().map_err(|()| Fault::Host)?;
    let stream = body.stream().map_err(|()| Fault::Host)?;
    let mut bytes = Vec::new();
    loop {
        match stream.read(MAX_ANSWER as u64) {
            Ok(chunk) if chunk.is_empty() => deadline.wait(stream.subscribe())?,
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(Fault::Failed(http_error_code(&error).unwrap_or(ErrorCode::HttpResponseIncomplete)));
            }
        }
        if bytes.len() > MAX_ANSWER {
            return Err(Fault::TooLong);
        }
    }
}

/// The moment at which an exchange is given up.
struct Deadline(Pollable);

impl Deadline {
    /// Waits until `event` happens. Past the deadline it fails even so: an answer that trickles in has an end too.
    fn wait(&self, event: Pollable) -> Result<(), Fault> {
        if poll(&[&event, &self.0]).contains(&1) { Err(Fault::TooSlow) } else { Ok(()) }
    }
}
