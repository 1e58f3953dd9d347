//! One request in flight over wasi:http, the clock to wait by, and random numbers: the only file that touches WASI.
//! Nothing here blocks except [`wait`].

use std::mem;

use entra_risk_engine::contract::endpoint::Endpoint;
use entra_risk_engine::http::request::Request;
use entra_risk_engine::http::response::{NO_CONTENT, Response};
use entra_risk_engine::http::transport_error::{TransportError, TransportErrorKind};
use entra_risk_engine::time::Instant;
use waki::bindings::wasi::clocks::monotonic_clock;
use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{
    DnsErrorPayload, ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, Scheme, TlsAlertReceivedPayload,
};
use waki::bindings::wasi::io::poll::{self, Pollable};
use waki::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};
use waki::bindings::wasi::random::random as wasi_random;

/// A request in flight. Dropping it abandons it.
// Fields drop in this order: a resource goes before the one that it came from.
pub(crate) struct Exchange {
    /// The body of the request, until it is written or the host takes no more of it.
    upload: Option<Upload>,
    request_is_complete: bool,
    download: Option<Download>,
    responded: Pollable,
    future: FutureIncomingResponse,
}

/// What came of an exchange so far.
pub(crate) enum State {
    Pending,
    Response(Response),
    Failed(TransportError),
}

/// A request whose body is being written.
struct Upload {
    /// Present if the host did not take all of the body immediately.
    writable: Option<Pollable>,
    stream: OutputStream,
    body: OutgoingBody,
    bytes: Vec<u8>,
    written: usize,
    /// Everything is written. Dropping the stream before the flush ends can lose the last write.
    is_flushing: bool,
}

/// A response whose status and headers have arrived.
struct Download {
    /// Its body, until it has been read.
    body: Option<Body>,
    /// The body of a 204, which is empty. Kept, because dropping it would end the upload in some hosts.
    _empty: Option<Body>,
    response: Response,
    /// Dropping it would end the upload in some hosts.
    _incoming: IncomingResponse,
}

struct Body {
    readable: Pollable,
    stream: InputStream,
    _body: IncomingBody,
}

/// What the host's monotonic clock shows.
pub(crate) fn now() -> Instant {
    Instant::from_nanos(monotonic_clock::now())
}

/// A random number that cannot be predicted.
pub(crate) fn random() -> u64 {
    wasi_random::get_random_u64()
}

/// Waits until one of the exchanges can make progress, or until this time. Returns whether one can.
pub(crate) fn wait<'a>(exchanges: impl Iterator<Item = &'a Exchange>, until: Instant) -> bool {
    let timer = monotonic_clock::subscribe_instant(until.as_nanos());
    let mut pollables = vec![&timer];
    for exchange in exchanges {
        exchange.pollables(&mut pollables);
    }
    poll::poll(&pollables).iter().any(|ready| *ready > 0)
}

impl Exchange {
    /// Hands a request to the host.
    pub(crate) fn start(endpoint: &Endpoint, request: Request) -> Result<Exchange, TransportError> {
        let headers = Fields::from_list(&request.headers).map_err(|error| match error {
            HeaderError::Forbidden => TransportError {
                kind: TransportErrorKind::Denied,
                cause: "the host forbids a header of the request".to_owned(),
            },
            HeaderError::InvalidSyntax | HeaderError::Immutable => rejected_by_host(()),
        })?;
        let outgoing = OutgoingRequest::new(headers);
        let scheme = if endpoint.https { Scheme::Https } else { Scheme::Http };
        outgoing.set_method(&Method::Post).map_err(rejected_by_host)?;
        outgoing.set_scheme(Some(&scheme)).map_err(rejected_by_host)?;
        outgoing.set_authority(Some(&endpoint.authority)).map_err(rejected_by_host)?;
        outgoing.set_path_with_query(Some(&request.path)).map_err(rejected_by_host)?;
        let body = outgoing.body().map_err(rejected_by_host)?;
        let stream = body.write().map_err(rejected_by_host)?;
        let future = outgoing_handler::handle(outgoing, None).map_err(|code| transport_error(&code))?;
        let upload = Upload { writable: None, stream, body, bytes: request.body, written: 0, is_flushing: false };
        let responded = future.subscribe();
        let mut exchange =
            Exchange { upload: Some(upload), request_is_complete: false, download: None, responded, future };
        exchange.write();
        Ok(exchange)
    }

    /// Whether part of the request has yet to be written.
    pub(crate) fn is_uploading(&self) -> bool {
        self.upload.is_some()
    }

    /// Writes and reads as much as the host allows.
    pub(crate) fn advance(&mut self) -> State {
        self.write();
        if self.download.is_none() {
            match self.future.get() {
                None => return State::Pending,
                Some(Ok(Ok(response))) => {
                    let download = Download::start(response);
                    // Only success needs the whole request.
                    if download.response.status != NO_CONTENT {
                        self.upload = None;
                    }
                    self.download = Some(download);
                }
                Some(Ok(Err(code))) => return State::Failed(transport_error(&code)),
                Some(Err(())) => {
                    let cause = "the response was taken already".to_owned();
                    return State::Failed(TransportError { kind: TransportErrorKind::Other, cause });
                }
            }
        }
        let Some(download) = &mut self.download else { return State::Pending };
        if !download.is_complete() || self.upload.is_some() {
            return State::Pending;
        }
        let mut response = mem::take(&mut download.response);
        response.request_is_complete = self.request_is_complete;
        State::Response(response)
    }

    /// Stops waiting. A status that has arrived is a response, with as much of its body as has arrived.
    pub(crate) fn into_response(self) -> Option<Response> {
        let mut response = self.download?.response;
        response.request_is_complete = self.request_is_complete;
        Some(response)
    }

    fn write(&mut self) {
        match self.upload.take().map(Upload::advance) {
            Some(Written::Part(upload)) => self.upload = Some(upload),
            Some(Written::All) => self.request_is_complete = true,
            // The response contains the reason.
            Some(Written::Broken) | None => {}
        }
    }

    fn pollables<'a>(&'a self, pollables: &mut Vec<&'a Pollable>) {
        pollables.extend(self.upload.as_ref().and_then(|upload| upload.writable.as_ref()));
        match &self.download {
            Some(download) => pollables.extend(download.body.as_ref().map(|body| &body.readable)),
            None => pollables.push(&self.responded),
        }
    }
}

/// How far the body of a request is written.
enum Written {
    Part(Upload),
    All,
    Broken,
}

impl Upload {
    /// Writes as much as the host takes.
    fn advance(mut self) -> Written {
        loop {
            let room = match self.stream.check_write() {
                Ok(0) => {
                    self.writable.get_or_insert_with(|| self.stream.subscribe());
                    return Written::Part(self);
                }
                Ok(room) => usize::try_from(room).unwrap_or(usize::MAX),
                // A host that knows the length closes the stream after the last byte, perhaps before the flush ends or begins.
                Err(StreamError::Closed) if self.written == self.bytes.len() => break,
                Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => return Written::Broken,
            };
            let rest = self.bytes.get(self.written..).unwrap_or_default();
            if !rest.is_empty() {
                let chunk = rest.get(..room).unwrap_or(rest);
                if self.stream.write(chunk).is_err() {
                    return Written::Broken;
                }
                self.written = self.written.saturating_add(chunk.len());
            } else if self.is_flushing {
                break;
            } else {
                match self.stream.flush() {
                    Ok(()) => self.is_flushing = true,
                    Err(StreamError::Closed) => break,
                    Err(StreamError::LastOperationFailed(_)) => return Written::Broken,
                }
            }
        }
        let Upload { writable, stream, body, .. } = self;
        drop(writable);
        drop(stream);
        // A failure here surfaces in the response.
        let _ = OutgoingBody::finish(body, None);
        Written::All
    }
}

impl Download {
    /// Takes the status and the headers of a response.
    fn start(incoming: IncomingResponse) -> Download {
        let headers = incoming.headers();
        let first = |name: &str| values(&headers, name).into_iter().next();
        let status = incoming.status();
        let (request_id, date) = (first("request-id"), first("date"));
        let mut response = Response { status, request_id, date, ..Response::default() };
        let mut body = Body::of(&incoming);
        let mut empty = None;
        if status == NO_CONTENT {
            // jco's host neither closes a connection nor uses it again until somebody has tried to read the body.
            let _ = body.as_ref().map(|body| body.stream.read(1));
            empty = body.take();
        } else {
            response.retry_after = values(&headers, "retry-after");
            response.www_authenticate = values(&headers, "www-authenticate");
        }
        drop(headers);
        Download { body, _empty: empty, response, _incoming: incoming }
    }

    /// Reads what has arrived. The end of the body, its limit, or a break in it completes the response: the status
    /// has arrived.
    fn is_complete(&mut self) -> bool {
        let received = &mut self.response.body;
        while let Some(body) = &self.body {
            let room = MAX_BODY_BYTES.saturating_sub(received.len());
            match if room == 0 { Err(StreamError::Closed) } else { body.stream.read(room as u64) } {
                Ok(bytes) if bytes.is_empty() => return false,
                Ok(bytes) => received.extend(bytes),
                Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => self.body = None,
            }
        }
        true
    }
}

impl Body {
    fn of(response: &IncomingResponse) -> Option<Body> {
        let body = response.consume().ok()?;
        let stream = body.stream().ok()?;
        Some(Body { readable: stream.subscribe(), stream, _body: body })
    }
}

/// The values of a header that are text.
fn values(headers: &Fields, name: &str) -> Vec<String> {
    headers.get(&name.to_owned()).into_iter().filter_map(|value| String::from_utf8(value).ok()).collect()
}

/// The host does not accept the request: nothing was sent.
fn rejected_by_host<T>(_: T) -> TransportError {
    TransportError {
        kind: TransportErrorKind::RejectedByHost,
        cause: "the host does not accept the request".to_owned(),
    }
}

/// What an error of wasi:http proves. A connection timeout does not prove that nothing was sent: some hosts report an
/// idle connection with it.
fn transport_error(code: &ErrorCode) -> TransportError {
    use TransportErrorKind::{Certificate, Denied, NoResponse, Other, Tls, Unreachable, Unreadable};
    let (kind, cause) = match code {
        ErrorCode::DnsTimeout => (Unreachable, "DNS-timeout"),
        ErrorCode::DnsError(_) => (Unreachable, "DNS-error"),
        ErrorCode::DestinationNotFound => (Unreachable, "destination-not-found"),
        ErrorCode::DestinationUnavailable => (Unreachable, "destination-unavailable"),
        ErrorCode::DestinationIpUnroutable => (Unreachable, "destination-IP-unroutable"),
        ErrorCode::ConnectionRefused => (Unreachable, "connection-refused"),

        ErrorCode::TlsProtocolError => (Tls, "TLS-protocol-error"),
        ErrorCode::TlsCertificateError => (Certificate, "TLS-certificate-error"),
        ErrorCode::TlsAlertReceived(_) => (Tls, "TLS-alert-received"),

        ErrorCode::HttpRequestDenied => (Denied, "HTTP-request-denied"),
        ErrorCode::DestinationIpProhibited => (Denied, "destination-IP-prohibited"),

        ErrorCode::ConnectionTerminated => (NoResponse, "connection-terminated"),
        ErrorCode::ConnectionTimeout => (NoResponse, "connection-timeout"),
        ErrorCode::ConnectionReadTimeout => (NoResponse, "connection-read-timeout"),
        ErrorCode::ConnectionWriteTimeout => (NoResponse, "connection-write-timeout"),
        ErrorCode::ConnectionLimitReached => (NoResponse, "connection-limit-reached"),
        ErrorCode::HttpResponseIncomplete => (NoResponse, "HTTP-response-incomplete"),
        ErrorCode::HttpResponseTimeout => (NoResponse, "HTTP-response-timeout"),
        ErrorCode::HttpProtocolError => (NoResponse, "HTTP-protocol-error"),
        ErrorCode::InternalError(_) => (NoResponse, "internal-error"),

        ErrorCode::HttpResponseHeaderSectionSize(_) => (Unreadable, "HTTP-response-header-section-size"),
        ErrorCode::HttpResponseHeaderSize(_) => (Unreadable, "HTTP-response-header-size"),
        ErrorCode::HttpResponseBodySize(_) => (Unreadable, "HTTP-response-body-size"),
        ErrorCode::HttpResponseTrailerSectionSize(_) => (Unreadable, "HTTP-response-trailer-section-size"),
        ErrorCode::HttpResponseTrailerSize(_) => (Unreadable, "HTTP-response-trailer-size"),
        ErrorCode::HttpResponseTransferCoding(_) => (Unreadable, "HTTP-response-transfer-coding"),
        ErrorCode::HttpResponseContentCoding(_) => (Unreadable, "HTTP-response-content-coding"),
        ErrorCode::HttpUpgradeFailed => (Unreadable, "HTTP-upgrade-failed"),

        ErrorCode::HttpRequestLengthRequired => (Other, "HTTP-request-length-required"),
        ErrorCode::HttpRequestBodySize(_) => (Other, "HTTP-request-body-size"),
        ErrorCode::HttpRequestMethodInvalid => (Other, "HTTP-request-method-invalid"),
        ErrorCode::HttpRequestUriInvalid => (Other, "HTTP-request-URI-invalid"),
        ErrorCode::HttpRequestUriTooLong => (Other, "HTTP-request-URI-too-long"),
        ErrorCode::HttpRequestHeaderSectionSize(_) => (Other, "HTTP-request-header-section-size"),
        ErrorCode::HttpRequestHeaderSize(_) => (Other, "HTTP-request-header-size"),
        ErrorCode::HttpRequestTrailerSectionSize(_) => (Other, "HTTP-request-trailer-section-size"),
        ErrorCode::HttpRequestTrailerSize(_) => (Other, "HTTP-request-trailer-size"),
        ErrorCode::LoopDetected => (Other, "loop-detected"),
        ErrorCode::ConfigurationError => (Other, "configuration-error"),
    };
    let detail = match code {
        ErrorCode::DnsError(DnsErrorPayload { rcode: detail, .. })
        | ErrorCode::TlsAlertReceived(TlsAlertReceivedPayload { alert_message: detail, .. })
        | ErrorCode::InternalError(detail) => detail.as_deref(),
        _ => None,
    };
    let mut cause = cause.to_owned();
    if let Some(detail) = detail {
        cause.push_str(": ");
        cause.push_str(detail);
    }
    TransportError { kind, cause }
}

/// An error of Microsoft Graph is well below a kilobyte: a larger body is not from Microsoft Graph.
const MAX_BODY_BYTES: usize = 65_536;
