//! One request under way, over wasi:http, and the clock to wait by: the only file that touches WASI. Nothing in here
//! blocks but [`wait`].

use std::time::Duration;

use waki::bindings::wasi::clocks::monotonic_clock;
use waki::bindings::wasi::http::outgoing_handler;
use waki::bindings::wasi::http::types::{
    DnsErrorPayload, ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, Scheme, TlsAlertReceivedPayload,
};
use waki::bindings::wasi::io::poll::{self, Pollable};
use waki::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};
use waki::bindings::wasi::random::random;

use crate::error::{Error, Transport};
use crate::input::Endpoint;
use crate::request::Request;
use crate::response::{Answer, NO_CONTENT};

/// A request under way. Dropping it gives it up.
// Fields drop in this order: whatever came out of another resource goes before it.
pub struct Exchange {
    upload: Option<Upload>,
    download: Option<Download>,
    answered: Pollable,
    response: FutureIncomingResponse,
}

/// The body of the request, as long as it is not all sent.
struct Upload {
    /// Where the host did not take all of it at once.
    writable: Option<Pollable>,
    stream: OutputStream,
    body: OutgoingBody,
    bytes: Vec<u8>,
    written: usize,
    /// All is written. A stream that is dropped before the host has taken it may lose what was written last.
    flushing: bool,
}

/// An answer, as long as its body is not all read.
struct Download {
    readable: Pollable,
    stream: InputStream,
    _body: IncomingBody,
    answer: Answer,
}

/// The time since a start of the clock's own.
pub fn now() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Waits until one of the exchanges can go on, or until `wake`.
pub fn wait<'a>(exchanges: impl Iterator<Item = &'a Exchange>, wake: Duration) {
    let timer = monotonic_clock::subscribe_instant(u64::try_from(wake.as_nanos()).unwrap_or(u64::MAX));
    let mut pollables = vec![&timer];
    for exchange in exchanges {
        exchange.pollables(&mut pollables);
    }
    poll::poll(&pollables);
}

/// A number that nobody can guess.
pub fn chance() -> u64 {
    random::get_random_u64()
}

impl Exchange {
    /// Hands a request to the host.
    pub fn start(endpoint: &Endpoint, request: Request) -> Result<Exchange, Error> {
        let headers = Fields::from_list(&request.headers).map_err(|error| match error {
            HeaderError::Forbidden => Error::DeniedByHost("the host forbids a header of the request".to_owned()),
            HeaderError::InvalidSyntax | HeaderError::Immutable => unfit(),
        })?;
        let outgoing = OutgoingRequest::new(headers);
        let scheme = if endpoint.tls { Scheme::Https } else { Scheme::Http };
        outgoing.set_method(&Method::Post).map_err(|()| unfit())?;
        outgoing.set_scheme(Some(&scheme)).map_err(|()| unfit())?;
        outgoing.set_authority(Some(&endpoint.authority)).map_err(|()| unfit())?;
        outgoing.set_path_with_query(Some(&request.path)).map_err(|()| unfit())?;
        let body = outgoing.body().map_err(|()| unfit())?;
        let stream = body.write().map_err(|()| unfit())?;
        let response = outgoing_handler::handle(outgoing, None).map_err(|code| transport_error(&code))?;
        let upload = Upload { writable: None, stream, body, bytes: request.body, written: 0, flushing: false };
        Ok(Exchange { upload: upload.advance(), download: None, answered: response.subscribe(), response })
    }

    /// Goes on as far as it can, and gives the answer, or what prevents one, once it is there.
    pub fn advance(&mut self) -> Option<Result<Answer, Error>> {
        if let Some(upload) = self.upload.take() {
            self.upload = upload.advance();
        }
        if self.download.is_none() {
            match self.response.get()? {
                Ok(Ok(response)) => match Download::start(&response) {
                    Ok(download) => self.download = Some(download),
                    Err(answer) => return Some(Ok(answer)),
                },
                Ok(Err(code)) => return Some(Err(transport_error(&code))),
                Err(()) => return Some(Err(Error::Other("the response was taken already".to_owned()))),
            }
            // Who has answered does not wait for the rest of the request.
            self.upload = None;
        }
        self.download.as_mut()?.advance().map(Ok)
    }

    /// Gives up waiting. Where a status came, that is an answer, with as much of its body as came.
    pub fn into_answer(self) -> Option<Answer> {
        self.download.map(|download| download.answer)
    }

    fn pollables<'a>(&'a self, pollables: &mut Vec<&'a Pollable>) {
        pollables.extend(self.upload.as_ref().and_then(|upload| upload.writable.as_ref()));
        pollables.push(match &self.download {
            Some(download) => &download.readable,
            None => &self.answered,
        });
    }
}

impl Upload {
    /// Writes as much as the host takes. Gives itself back as long as there is more to do; an error ends it, as the
    /// response then tells what happened.
    fn advance(mut self) -> Option<Upload> {
        loop {
            let room = match self.stream.check_write() {
                Ok(0) => {
                    self.writable.get_or_insert_with(|| self.stream.subscribe());
                    return Some(self);
                }
                Ok(room) => usize::try_from(room).unwrap_or(usize::MAX),
                Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => return None,
            };
            let rest = self.bytes.get(self.written..).unwrap_or_default();
            if !rest.is_empty() {
                let chunk = rest.get(..room).unwrap_or(rest);
                self.stream.write(chunk).ok()?;
                self.written = self.written.saturating_add(chunk.len());
            } else if !self.flushing {
                self.stream.flush().ok()?;
                self.flushing = true;
            } else {
                let Upload { writable, stream, body, .. } = self;
                drop(writable);
                drop(stream);
                // Were it to fail, the response would tell.
                let _ = OutgoingBody::finish(body, None);
                return None;
            }
        }
    }
}

impl Download {
    /// Takes the status and headers of a response. `Err` where that is all of the answer.
    fn start(response: &IncomingResponse) -> Result<Download, Answer> {
        let headers = response.headers();
        let first = |name: &str| values(&headers, name).into_iter().next();
        let mut answer = Answer {
            status: response.status(),
            request_id: first("request-id"),
            date: first("date"),
            ..Answer::default()
        };
        if answer.status == NO_CONTENT {
            return Err(answer);
        }
        answer.retry_after = first("retry-after");
        answer.www_authenticate = values(&headers, "www-authenticate");
        let Ok(body) = response.consume() else { return Err(answer) };
        match body.stream() {
            Ok(stream) => Ok(Download { readable: stream.subscribe(), stream, _body: body, answer }),
            Err(()) => Err(answer),
        }
    }

    /// Reads what is there. Gives the answer at the end of its body, at the limit of what is read, or when the rest
    /// does not come: the status has said what matters.
    fn advance(&mut self) -> Option<Answer> {
        loop {
            let room = MAX_BODY_BYTES.saturating_sub(self.answer.body.len());
            if room > 0 {
                match self.stream.read(room as u64) {
                    Ok(bytes) if bytes.is_empty() => return None,
                    Ok(bytes) => {
                        self.answer.body.extend(bytes);
                        continue;
                    }
                    Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => {}
                }
            }
            return Some(std::mem::take(&mut self.answer));
        }
    }
}

/// The values of a header that are text.
fn values(headers: &Fields, name: &str) -> Vec<String> {
    headers.get(&name.to_owned()).into_iter().filter_map(|value| String::from_utf8(value).ok()).collect()
}

/// The host did not take the request: nothing was sent.
fn unfit() -> Error {
    Error::Unreachable(Transport { cause: "the host did not take the request".to_owned(), may_pass: false })
}

/// What an error of wasi:http means. Only those that rule out that anything reached Microsoft Graph say so: a
/// connection timeout does not, as hosts report an idle connection by it too.
fn transport_error(code: &ErrorCode) -> Error {
    use Meaning::{Denied, NoAnswer, Other, Unreachable};
    let (meaning, cause) = match code {
        ErrorCode::DnsTimeout => (Unreachable { may_pass: true }, "DNS-timeout"),
        ErrorCode::DnsError(_) => (Unreachable { may_pass: true }, "DNS-error"),
        ErrorCode::DestinationNotFound => (Unreachable { may_pass: true }, "destination-not-found"),
        ErrorCode::DestinationUnavailable => (Unreachable { may_pass: true }, "destination-unavailable"),
        ErrorCode::DestinationIpUnroutable => (Unreachable { may_pass: true }, "destination-IP-unroutable"),
        ErrorCode::ConnectionRefused => (Unreachable { may_pass: true }, "connection-refused"),

        // Hosts report a bad certificate by any of these, and that does not pass.
        ErrorCode::TlsProtocolError => (Unreachable { may_pass: false }, "TLS-protocol-error"),
        ErrorCode::TlsCertificateError => (Unreachable { may_pass: false }, "TLS-certificate-error"),
        ErrorCode::TlsAlertReceived(_) => (Unreachable { may_pass: false }, "TLS-alert-received"),

        ErrorCode::HttpRequestDenied => (Denied, "HTTP-request-denied"),
        ErrorCode::DestinationIpProhibited => (Denied, "destination-IP-prohibited"),

        ErrorCode::ConnectionTerminated => (NoAnswer { may_pass: true }, "connection-terminated"),
        ErrorCode::ConnectionTimeout => (NoAnswer { may_pass: true }, "connection-timeout"),
        ErrorCode::ConnectionReadTimeout => (NoAnswer { may_pass: true }, "connection-read-timeout"),
        ErrorCode::ConnectionWriteTimeout => (NoAnswer { may_pass: true }, "connection-write-timeout"),
        ErrorCode::ConnectionLimitReached => (NoAnswer { may_pass: true }, "connection-limit-reached"),
        ErrorCode::HttpResponseIncomplete => (NoAnswer { may_pass: true }, "HTTP-response-incomplete"),
        ErrorCode::HttpResponseTimeout => (NoAnswer { may_pass: true }, "HTTP-response-timeout"),
        ErrorCode::HttpProtocolError => (NoAnswer { may_pass: true }, "HTTP-protocol-error"),
        ErrorCode::InternalError(_) => (NoAnswer { may_pass: true }, "internal-error"),

        ErrorCode::HttpResponseHeaderSectionSize(_) => {
            (NoAnswer { may_pass: false }, "HTTP-response-header-section-size")
        }
        ErrorCode::HttpResponseHeaderSize(_) => (NoAnswer { may_pass: false }, "HTTP-response-header-size"),
        ErrorCode::HttpResponseBodySize(_) => (NoAnswer { may_pass: false }, "HTTP-response-body-size"),
        ErrorCode::HttpResponseTrailerSectionSize(_) => {
            (NoAnswer { may_pass: false }, "HTTP-response-trailer-section-size")
        }
        ErrorCode::HttpResponseTrailerSize(_) => (NoAnswer { may_pass: false }, "HTTP-response-trailer-size"),
        ErrorCode::HttpResponseTransferCoding(_) => (NoAnswer { may_pass: false }, "HTTP-response-transfer-coding"),
        ErrorCode::HttpResponseContentCoding(_) => (NoAnswer { may_pass: false }, "HTTP-response-content-coding"),
        ErrorCode::HttpUpgradeFailed => (NoAnswer { may_pass: false }, "HTTP-upgrade-failed"),

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
    match meaning {
        Unreachable { may_pass } => Error::Unreachable(Transport { cause, may_pass }),
        Denied => Error::DeniedByHost(cause),
        NoAnswer { may_pass } => Error::NoAnswer(Transport { cause, may_pass }),
        Other => Error::Other(cause),
    }
}

/// The kinds of [`Error`] that a host reports.
enum Meaning {
    Unreachable { may_pass: bool },
    Denied,
    NoAnswer { may_pass: bool },
    Other,
}

/// A Graph error is well below a kilobyte; whoever sends more than this is not Graph.
const MAX_BODY_BYTES: usize = 65_536;
